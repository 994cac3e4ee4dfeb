//! Commands that come at the same time share a transaction, and nothing else: not their failures, not their fate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../src/testing.rs"]
mod testing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::connector_group::{ConnectorGroup, GroupKind};
use adit_core::{ConnectorGroupId, DisplayName, Revision};
use adit_store::{Store, WriteTransaction};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::testing::each_engine;

async fn insert(change: &mut WriteTransaction, name: &str) {
    let mut group = ConnectorGroup {
        id: ConnectorGroupId::new(Uuid::now_v7()),
        name: DisplayName::parse(name).unwrap(),
        region: None,
        kind: GroupKind::Ordinary,
        revision: Revision::default(),
    };
    change.insert_connector_group(&mut group).await.unwrap();
}

async fn revisions(store: &Store) -> Vec<u64> {
    store.changes_after(Revision(0), 100_000).await.unwrap().into_iter().map(|change| change.revision.0).collect()
}

fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_come_together_share_commits_and_have_revisions_of_their_own() {
    for directory in each_engine().await {
        let store = &directory.store;
        let barrier = Arc::new(Barrier::new(64));
        let mut writers = JoinSet::new();
        for writer in 0..64 {
            let (store, barrier) = (store.clone(), Arc::clone(&barrier));
            writers.spawn(async move {
                barrier.wait().await;
                for number in 0..4 {
                    let mut change = store.begin().await.unwrap();
                    insert(&mut change, &format!("{writer} {number}")).await;
                    let revision = change.commit().await.unwrap();
                    assert!(store.version().await.unwrap().1 >= revision, "acknowledged before it was committed");
                }
            });
        }
        writers.join_all().await;
        assert_eq!(revisions(store).await, up_to(256), "gap-free and in order");
        assert!(store.commits() <= 64, "{} commits for 256 commands", store.commits());
    }
}

#[tokio::test]
async fn a_command_that_comes_alone_is_not_kept_waiting_for_others() {
    for directory in each_engine().await {
        for number in 0..5 {
            let started = Instant::now();
            let mut change = directory.store.begin().await.unwrap();
            insert(&mut change, &number.to_string()).await;
            change.commit().await.unwrap();
            assert_eq!(directory.store.commits(), number + 1);
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        }
    }
}

#[tokio::test]
async fn a_command_that_fails_in_the_middle_of_a_batch_harms_nobody() {
    for directory in each_engine().await {
        let store = &directory.store;
        let mut first = store.begin().await.unwrap();
        insert(&mut first, "first").await;
        // Everybody below asks while the first has its turn, so all are in one batch.
        let refused = async {
            let mut change = store.begin().await.unwrap();
            assert_eq!(change.revision(), Revision(2));
            insert(&mut change, "never seen").await;
            change.delete_connector_group(ConnectorGroupId::new(Uuid::nil())).await.unwrap();
            drop(change);
        };
        let nothing_to_do = async {
            let mut change = store.begin().await.unwrap();
            assert_eq!(change.revision(), Revision(2), "the revision of a dropped command is given back");
            let name = DisplayName::parse("FIRST").unwrap();
            assert!(change.find_connector_group_named(&name).await.unwrap().is_some(), "what came before is seen");
            change.roll_back().await.unwrap();
            assert_eq!(store.version().await.unwrap().1, Revision(2), "and it is durable before anybody is told");
        };
        let last = async {
            let mut change = store.begin().await.unwrap();
            assert_eq!(change.revision(), Revision(2));
            insert(&mut change, "last").await;
            change.commit().await.unwrap();
        };
        let first = async {
            // The others are polled after this one, and queue up while it waits.
            tokio::task::yield_now().await;
            assert_eq!(first.commit().await.unwrap(), Revision(1));
        };
        tokio::join!(first, refused, nothing_to_do, last);
        assert_eq!(store.commits(), 1, "all in one batch");
        assert_eq!(revisions(store).await, [1, 2]);
        let groups = store.list_connector_groups(&Default::default()).await.unwrap().items;
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["first", "last"]);
    }
}

#[tokio::test]
async fn a_statement_that_the_database_refuses_undoes_only_its_own_command() {
    for directory in each_engine().await {
        let store = &directory.store;
        let group = |name: &str| ConnectorGroup {
            id: ConnectorGroupId::new(Uuid::now_v7()),
            name: DisplayName::parse(name).unwrap(),
            region: None,
            kind: GroupKind::Ordinary,
            revision: Revision::default(),
        };
        let command = |name: &'static str| async move {
            let mut change = store.begin().await.unwrap();
            match change.insert_connector_group(&mut group(name)).await {
                Ok(()) => Some(change.commit().await.unwrap()),
                Err(_taken) => None,
            }
        };
        let written = tokio::join!(command("a"), command("b"), command("A"), command("c"));
        assert_eq!(written, (Some(Revision(1)), Some(Revision(2)), None, Some(Revision(3))));
        assert_eq!(store.commits(), 1);
        assert_eq!(revisions(store).await, up_to(3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_are_dropped_anywhere_leave_nothing_half_done_and_stop_nobody() {
    for directory in each_engine().await {
        let store = &directory.store;
        let mut writers = JoinSet::new();
        for writer in 0..32_u64 {
            let store = store.clone();
            writers.spawn(async move {
                for number in 0..6 {
                    let command = async {
                        let mut change = store.begin().await.unwrap();
                        insert(&mut change, &format!("{writer} {number} first")).await;
                        tokio::task::yield_now().await;
                        insert(&mut change, &format!("{writer} {number} second")).await;
                        change.commit().await.unwrap();
                    };
                    // From before its turn to the middle of its commit, differently for each.
                    let patience = Duration::from_micros((writer * 7 + number * 131) % 40 * 250);
                    let _gone = tokio::time::timeout(patience, command).await;
                }
            });
        }
        writers.join_all().await;
        let mut change = store.begin().await.unwrap();
        insert(&mut change, "last").await;
        let last = change.commit().await.unwrap();
        let seen = revisions(store).await;
        let commands: Vec<u64> = up_to(last.0);
        let whole: Vec<u64> = commands.iter().flat_map(|revision| [*revision; 2]).take(seen.len()).collect();
        assert_eq!(seen, whole, "every command that is there is whole");
        assert_eq!(seen.len() as u64, last.0 * 2 - 1);
    }
}

#[tokio::test]
async fn a_turn_that_its_command_forgot_to_take_goes_to_the_next() {
    for directory in each_engine().await {
        let store = &directory.store;
        let holder = store.begin().await.unwrap();
        {
            // Polled once, so that it stands in the queue, and dropped.
            let mut impatient = Box::pin(store.begin());
            assert!(futures_ready(impatient.as_mut()).await.is_none());
        }
        let next = tokio::spawn({
            let store = store.clone();
            async move { store.begin().await.unwrap().revision() }
        });
        drop(holder);
        assert_eq!(next.await.unwrap(), Revision(1));
    }
}

/// The output of a future if it is ready at once.
async fn futures_ready<F: Future + Unpin>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn presence_shares_batches_and_takes_no_revision() {
    for directory in each_engine().await {
        let store = &directory.store;
        let presence = async {
            let mut presence = store.begin_presence().await.unwrap();
            presence.delete_all_tunnels().await.unwrap();
            presence.commit().await.unwrap();
        };
        let change = async {
            let mut change = store.begin().await.unwrap();
            insert(&mut change, "a").await;
            assert_eq!(change.commit().await.unwrap(), Revision(1));
        };
        tokio::join!(presence, change);
        assert_eq!(store.commits(), 1);
    }
}

#[tokio::test]
async fn a_closed_store_refuses_commands_and_finishes_those_under_way() {
    for directory in each_engine().await {
        let store = &directory.store;
        let mut change = store.begin().await.unwrap();
        insert(&mut change, "a").await;
        let closing = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        tokio::task::yield_now().await;
        assert_eq!(change.commit().await.unwrap(), Revision(1));
        closing.await.unwrap();
        assert!(matches!(store.begin().await, Err(adit_store::Error::Closed)));
    }
}
