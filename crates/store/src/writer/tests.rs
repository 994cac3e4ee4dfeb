//! What the writer does when the engine fails it: the tests that reach into its batches.

use adit_core::audit::{Activity, ActorKind, AuditActor, AuditRecord};
use adit_core::id::AuditId;
use adit_core::query::Query;

use super::*;
use crate::{Entity, Operation, Store};

async fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("directory.db")).await.unwrap(), folder)
}

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
            sqlx::query(*statement).execute(first.connection()).await?;
        }
        first.commit().await
    };
    let second = async { store.begin().await?.commit().await };
    tokio::join!(first, second)
}

#[tokio::test]
async fn a_commit_that_fails_fails_for_all_and_the_next_batch_works() {
    let (store, _folder) = store().await;
    // A connector that does not exist, which is noticed at the end only.
    let dangling =
        ["PRAGMA defer_foreign_keys = ON", "INSERT INTO tunnel (id, connector_id, since) VALUES ('a', 'b', 'c')"];
    let (first, second) = batch_in_which_one_does(&store, &dangling).await;
    assert!(matches!((&first, &second), (Err(Error::Batch(_)), Err(Error::Batch(_)))), "{first:?} {second:?}");
    assert_eq!(store.version().await.unwrap().1, Revision(0), "nothing was kept");
    assert_eq!(store.commits(), 0);
    let (first, second) = batch_in_which_one_does(&store, &[]).await;
    assert_eq!((first.unwrap(), second.unwrap(), store.commits()), (Revision(1), Revision(2), 1));
}

#[tokio::test]
async fn a_batch_whose_transaction_ended_by_itself_is_kept_for_nobody() {
    let (store, _folder) = store().await;
    // As the engine does when the disk is full.
    let (first, second) = batch_in_which_one_does(&store, &["ROLLBACK"]).await;
    assert!(matches!((&first, &second), (Err(Error::Batch(_)), Err(Error::Batch(_)))), "{first:?} {second:?}");
    assert_eq!(store.version().await.unwrap().1, Revision(0));
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_end_of_a_batch_is_out_of_reach_and_keeps_nothing() {
    let (store, _folder) = store().await;
    let mut change = store.begin().await.unwrap();
    // As large as it is now, which is no room for what is left behind.
    sqlx::query("PRAGMA max_page_count = 1").execute(change.connection()).await.unwrap();
    for number in 0..10_000 {
        change.log(Entity::Profile, number.to_string(), Operation::Update);
    }
    let full = change.commit().await.unwrap_err();
    assert!(matches!(full, Error::Unavailable(_)) && full.is_of_the_disk(), "{full:?}");
    assert_eq!(store.changes_after(Revision(0), 10).await.unwrap(), []);
    assert_eq!(store.version().await.unwrap().1, Revision(0));
    let mut change = store.begin().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1000000").execute(change.connection()).await.unwrap();
    assert_eq!(change.commit().await.unwrap(), Revision(1), "there is room again");
}

#[tokio::test]
async fn a_command_that_lost_its_transaction_and_gives_up_takes_its_batch_along() {
    let (store, _folder) = store().await;
    let first = async { store.begin().await?.commit().await };
    let second = async {
        let mut second = store.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(second.connection()).await.unwrap();
        drop(second);
    };
    let (first, ()) = tokio::join!(first, second);
    assert!(first.is_err(), "{first:?}");
    assert_eq!(store.version().await.unwrap().1, Revision(0));
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
}

#[tokio::test]
async fn a_batch_ends_at_its_largest_size_while_others_wait() {
    let (store, _folder) = store().await;
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

#[tokio::test]
async fn a_command_that_lost_its_transaction_is_kept_in_no_part() {
    let (store, _folder) = store().await;
    let mut lone = store.begin().await.unwrap();
    lone.log(Entity::Profile, "p".to_owned(), Operation::Update);
    lone.append_audit(record());
    sqlx::query("ROLLBACK").execute(lone.connection()).await.unwrap();
    let kept = lone.commit().await;
    assert!(matches!(kept, Err(Error::Batch(_))), "{kept:?}");
    assert_eq!(store.version().await.unwrap().1, Revision(0));
    assert_eq!(store.changes_after(Revision(0), 10).await.unwrap(), []);
    assert_eq!(store.list_audit(&Query::default()).await.unwrap().items, []);
}

#[tokio::test]
async fn more_is_left_behind_than_one_statement_takes() {
    let (store, _folder) = store().await;
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

#[tokio::test]
async fn the_record_of_an_undone_command_goes_with_it_and_its_neighbours_stay() {
    let (store, _folder) = store().await;
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
