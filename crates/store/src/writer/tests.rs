//! What the writer does when the engine fails it: the tests that reach into its batches.

use adit_core::audit::{Activity, ActorKind, AuditActor, AuditRecord};
use adit_core::id::AuditId;
use adit_core::query::Query;

use super::*;
use crate::testing::{Directory, each_engine, on_postgres, on_sqlite};
use crate::{Entity, Operation, Store};

/// Two commands in one batch, of which the first does `statements`; what each of them was told.
async fn batch_in_which_one_does(
    store: &Store,
    statements: &[&'static str],
) -> (Result<Revision, Error>, Result<Revision, Error>) {
    let mut first = store.begin().await.unwrap();
    let first = async {
        // The second is polled after this one, and stands in the queue while it waits.
        tokio::task::yield_now().await;
        for statement in statements {
            engine::query(*statement).execute(first.connection()).await?;
        }
        first.commit().await
    };
    let second = async { store.begin().await?.commit().await };
    tokio::join!(first, second)
}

/// What is noticed at the end of a transaction only.
fn wrong_at_the_end(directory: &Directory) -> &'static [&'static str] {
    if directory.is_on_postgres() {
        &[
            "CREATE TABLE place (number BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO place VALUES (1)",
            "INSERT INTO place VALUES (1)",
        ]
    } else {
        // A connector that does not exist.
        &["PRAGMA defer_foreign_keys = ON", "INSERT INTO tunnel (id, connector_id, since) VALUES ('a', 'b', 'c')"]
    }
}

#[tokio::test]
async fn a_commit_that_fails_fails_for_all_and_the_next_batch_works() {
    for directory in each_engine().await {
        let store = &directory.store;
        let (first, second) = batch_in_which_one_does(store, wrong_at_the_end(&directory)).await;
        assert!(matches!((&first, &second), (Err(Error::Batch(_)), Err(Error::Batch(_)))), "{first:?} {second:?}");
        assert_eq!(store.version().await.unwrap().1, Revision(0), "nothing was kept");
        assert_eq!(store.commits(), 0);
        let (first, second) = batch_in_which_one_does(store, &[]).await;
        assert_eq!((first.unwrap(), second.unwrap(), store.commits()), (Revision(1), Revision(2), 1));
    }
}

#[tokio::test]
async fn a_batch_whose_transaction_ended_by_itself_is_kept_for_nobody() {
    for directory in each_engine().await {
        let store = &directory.store;
        // As the engine does when the disk is full.
        let (first, second) = batch_in_which_one_does(store, &["ROLLBACK"]).await;
        assert!(matches!((&first, &second), (Err(Error::Batch(_)), Err(Error::Batch(_)))), "{first:?} {second:?}");
        assert_eq!(store.version().await.unwrap().1, Revision(0));
        assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
    }
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_end_of_a_batch_is_out_of_reach_and_keeps_nothing() {
    let directory = on_sqlite().await;
    let store = &directory.store;
    let mut change = store.begin().await.unwrap();
    // As large as it is now, which is no room for what is left behind.
    engine::query("PRAGMA max_page_count = 1").execute(change.connection()).await.unwrap();
    for number in 0..10_000 {
        change.log(Entity::Profile, number.to_string(), Operation::Update);
    }
    let full = change.commit().await.unwrap_err();
    assert!(matches!(full, Error::Unavailable(_)) && full.is_of_the_disk(), "{full:?}");
    assert_eq!(store.changes_after(Revision(0), 10).await.unwrap(), []);
    assert_eq!(store.version().await.unwrap().1, Revision(0));
    let mut change = store.begin().await.unwrap();
    engine::query("PRAGMA max_page_count = 1000000").execute(change.connection()).await.unwrap();
    assert_eq!(change.commit().await.unwrap(), Revision(1), "there is room again");
}

#[tokio::test]
async fn a_command_that_lost_its_transaction_and_gives_up_takes_its_batch_along() {
    for directory in each_engine().await {
        let store = &directory.store;
        let first = async { store.begin().await?.commit().await };
        let second = async {
            let mut second = store.begin().await.unwrap();
            engine::query("ROLLBACK").execute(second.connection()).await.unwrap();
            drop(second);
        };
        let (first, ()) = tokio::join!(first, second);
        assert!(first.is_err(), "{first:?}");
        assert_eq!(store.version().await.unwrap().1, Revision(0));
        assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
    }
}

#[tokio::test]
async fn a_batch_ends_at_its_largest_size_while_others_wait() {
    for directory in each_engine().await {
        let store = &directory.store;
        let all = LARGEST_BATCH as u64 + 5;
        let mut commands = tokio::task::JoinSet::new();
        for _ in 0..all {
            let store = store.clone();
            commands.spawn(async move { store.begin().await.unwrap().commit().await.unwrap() });
        }
        commands.join_all().await;
        assert_eq!(store.commits(), 2);
        assert_eq!(store.version().await.unwrap().1, Revision(all));
    }
}

#[tokio::test]
async fn a_command_that_lost_its_transaction_is_kept_in_no_part() {
    for directory in each_engine().await {
        let store = &directory.store;
        let mut lone = store.begin().await.unwrap();
        lone.log(Entity::Profile, "p".to_owned(), Operation::Update);
        lone.append_audit(record());
        engine::query("ROLLBACK").execute(lone.connection()).await.unwrap();
        let kept = lone.commit().await;
        assert!(matches!(kept, Err(Error::Batch(_))), "{kept:?}");
        assert_eq!(store.version().await.unwrap().1, Revision(0));
        assert_eq!(store.changes_after(Revision(0), 10).await.unwrap(), []);
        assert_eq!(store.list_audit(&Query::default()).await.unwrap().items, []);
    }
}

#[tokio::test]
async fn more_is_left_behind_than_one_statement_takes() {
    for directory in each_engine().await {
        let store = &directory.store;
        let mut change = store.begin().await.unwrap();
        for number in 0..1001 {
            change.log(Entity::Profile, number.to_string(), Operation::Update);
        }
        change.append_audit(record());
        let revision = change.commit().await.unwrap();
        let logged: Vec<String> =
            store.changes_after(Revision(0), 2000).await.unwrap().into_iter().map(|change| change.id).collect();
        assert_eq!(logged, (0..1001).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(store.audit_of(revision).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_record_of_an_undone_command_goes_with_it_and_its_neighbours_stay() {
    for directory in each_engine().await {
        let store = &directory.store;
        let (first, undone, last) = (record(), record(), record());
        let expected = [first.id, last.id];
        let keep = async |record: AuditRecord| {
            let mut change = store.begin().await.unwrap();
            change.append_audit(record);
            change.commit().await.unwrap()
        };
        let undo = async {
            let mut change = store.begin().await.unwrap();
            change.append_audit(undone);
            change.roll_back().await.unwrap();
        };
        let (one, (), two) = tokio::join!(keep(first), undo, keep(last));
        assert_eq!((one, two), (Revision(1), Revision(2)));
        let mut kept: Vec<_> =
            store.list_audit(&Query::default()).await.unwrap().items.iter().map(|kept| kept.id).collect();
        kept.sort_unstable();
        assert_eq!(kept, expected);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_fails_who_was_using_it_and_who_waits_gets_another_one() {
    let directory = on_postgres().await;
    let store = &directory.store;
    let cut = "SELECT pg_terminate_backend(pg_backend_pid())";
    let (first, second) = batch_in_which_one_does(store, &[cut]).await;
    assert!(matches!(first, Err(Error::Unavailable(_))), "{first:?}");
    assert_eq!(second.unwrap(), Revision(1), "its turn had not begun");
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(2));
    assert_eq!(store.version().await.unwrap().1, Revision(2), "of the first nothing was kept");
}

#[tokio::test]
async fn a_database_that_has_gone_back_is_not_written_to() {
    let directory = on_postgres().await;
    let store = &directory.store;
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(2));
    // As after a failover to a replica that had not got everything.
    directory.change_beneath("UPDATE position SET revision = 1").await;
    for _ in 0..2 {
        let refused = store.begin().await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
        assert!(refused.to_string().contains("gone back"), "{refused}");
    }
    assert_eq!(store.version().await.unwrap().1, Revision(1), "it stays as it is");
}

#[tokio::test]
async fn a_batch_waits_for_the_disk_of_a_server_that_is_told_not_to() {
    let directory = on_postgres().await;
    let name = directory.url.as_deref().and_then(|url| url.rsplit('/').next()).unwrap();
    directory.change_beneath(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    directory.change_beneath(end_all).await;
    let mut change = directory.store.begin().await.unwrap();
    let found = engine::query("SHOW synchronous_commit").fetch_one(change.connection()).await.unwrap();
    assert_eq!(found.try_get::<String, _>(0).unwrap(), "on");
}

#[tokio::test]
async fn a_record_with_a_nul_character_fails_no_batch() {
    for directory in each_engine().await {
        let mut change = directory.store.begin().await.unwrap();
        change.append_audit(AuditRecord { target: "a\0b".to_owned(), ..record() });
        let kept = change.commit().await.unwrap();
        let target = &directory.store.audit_of(kept).await.unwrap()[0].target;
        assert_eq!(target, if directory.is_on_postgres() { "a\u{fffd}b" } else { "a\0b" });
    }
}

fn record() -> AuditRecord {
    AuditRecord {
        id: AuditId::new(uuid::Uuid::now_v7()),
        at: jiff::Timestamp::UNIX_EPOCH,
        activity: Activity::UpdateConnectorGroup,
        actor: AuditActor { kind: ActorKind::System, id: None, name: None, ip: None },
        request_id: uuid::Uuid::from_u128(1),
        target: "target".to_owned(),
        detail: serde_json::json!({}),
    }
}
