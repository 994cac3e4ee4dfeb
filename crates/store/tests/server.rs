//! A directory in a database of PostgreSQL: what can be wrong with that is said clearly, and nothing is changed; one server
//! at a time has it; and connections that break harm nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../src/testing.rs"]
mod testing;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use adit_core::connector_group::{ConnectorGroup, GroupKind};
use adit_core::{ConnectorGroupId, DisplayName, Epoch, Revision};
use adit_store::{Database, Error, OpenError, Store};
use adit_test_postgresql::{contents, sql};
use tokio::task::JoinSet;
use uuid::Uuid;

use self::testing::{on_postgres, open};

/// All connections to the database but the one that says this.
const CUT_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// As if its holder had said nothing for long.
const EXPIRE: &str = "UPDATE server SET held_until = '2000-01-01T00:00:00.000000000Z'";

/// The name of a URL's database.
fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

async fn insert(store: &Store, name: &str) -> Result<Revision, Error> {
    let mut group = ConnectorGroup {
        id: ConnectorGroupId::new(Uuid::now_v7()),
        name: DisplayName::parse(name).unwrap(),
        region: None,
        kind: GroupKind::Ordinary,
        revision: Revision::default(),
    };
    let mut change = store.begin().await?;
    change.insert_connector_group(&mut group).await?;
    change.commit().await
}

/// Why the directory at `url` is not opened; nothing may have been written.
async fn refused(url: &str) -> OpenError {
    let before = contents(url);
    let error = open(url).await.unwrap_err();
    assert_eq!(contents(url), before, "{error}");
    error
}

#[tokio::test]
async fn what_was_written_is_there_when_the_directory_is_opened_again() {
    let url = adit_test_postgresql::url();
    let store = open(&url).await.unwrap();
    assert_eq!(store.version().await.unwrap(), (Epoch(1), Revision(0)));
    assert_eq!(insert(&store, "wiki").await.unwrap(), Revision(1));
    store.close().await;
    let store = open(&url).await.unwrap();
    assert_eq!(store.version().await.unwrap(), (Epoch(1), Revision(1)));
    let groups = store.list_connector_groups(&Default::default()).await.unwrap().items;
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["wiki"]);
}

#[tokio::test]
async fn text_has_the_order_of_its_bytes_in_every_column() {
    let directory = on_postgres().await;
    let columns = "SELECT table_name, column_name, collation_name FROM information_schema.columns \
                   WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' AND data_type <> 'bigint'";
    let columns = sql(directory.url.as_deref().unwrap(), columns);
    assert!(columns.len() > 50, "{columns:?}");
    let others: Vec<_> = columns.iter().filter(|column| !column.ends_with("|C")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let url = adit_test_postgresql::url();
    sql(&url, "CREATE TABLE recipe (name TEXT)");
    let error = refused(&url).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert!(error.to_string().contains(name_of(&url)), "{error}");
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused_with_its_version() {
    let url = adit_test_postgresql::url();
    open(&url).await.unwrap().close().await;
    sql(
        &url,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', true, '', 0)",
    );
    let error = refused(&url).await;
    assert!(matches!(error, OpenError::FromTheFuture { found: 9000, .. }), "{error}");
    assert!(error.to_string().contains("written by a newer version"), "{error}");
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_refused_empty_or_not() {
    for is_empty in [true, false] {
        let url = adit_test_postgresql::url();
        if !is_empty {
            open(&url).await.unwrap().close().await;
        }
        sql(&url, &format!("ALTER DATABASE {} SET default_transaction_read_only = on", name_of(&url)));
        let error = refused(&url).await;
        assert!(error.to_string().contains("read-only"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_at_once_and_without_the_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let missing = adit_test_postgresql::url().replace("postgres@", "postgres:canary@") + "_missing";
    for (url, names) in [
        (format!("postgres://adit:canary@{nobody}/adit"), nobody.to_string()),
        (missing.clone(), name_of(&missing).to_owned()),
    ] {
        let started = Instant::now();
        let error = open(&url).await.unwrap_err();
        assert!(error.to_string().contains(&names), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_second_store_on_one_directory_is_refused_until_the_first_is_closed() {
    let directory = on_postgres().await;
    let url = directory.url.as_deref().unwrap();
    let error = open(url).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    insert(&directory.store, "the first goes on").await.unwrap();
    directory.store.close().await;
    insert(&open(url).await.unwrap(), "the second has it").await.unwrap();
}

#[tokio::test]
async fn a_directory_belongs_to_one_authority() {
    let database = Database::Server(adit_test_postgresql::url().parse().unwrap());
    let open = async |authority| Store::open_database(&database, authority, Duration::ZERO).await;
    // Whoever has none may look, and leaves the directory to the first that has one.
    for authority in [None, Some("first"), None, Some("first")] {
        open(authority).await.unwrap().close().await;
    }
    let error = open(Some("second")).await.unwrap_err();
    assert!(!matches!(error, OpenError::InUse { .. }), "{error}");
    open(Some("first")).await.unwrap().close().await;
}

#[tokio::test]
async fn whoever_lost_the_directory_to_another_writes_no_more_and_reads_on() {
    let first = on_postgres().await;
    let url = first.url.as_deref().unwrap();
    insert(&first.store, "of the first").await.unwrap();
    // The first may say that it is there at any moment.
    let second = loop {
        sql(url, EXPIRE);
        match open(url).await {
            Err(OpenError::InUse { .. }) => {}
            opened => break opened.unwrap(),
        }
    };
    for _ in 0..3 {
        let refused = insert(&first.store, "too late").await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    }
    assert_eq!(insert(&second, "of the second").await.unwrap(), Revision(2), "no revision is left out");
    assert_eq!(first.store.version().await.unwrap().1, Revision(2), "and the first sees it");
    second.close().await;
    assert!(insert(&first.store, "never again").await.is_err());
}

#[tokio::test]
async fn a_hold_that_ran_out_unseen_is_still_its_holders() {
    let directory = on_postgres().await;
    sql(directory.url.as_deref().unwrap(), EXPIRE);
    assert_eq!(insert(&directory.store, "nobody else came").await.unwrap(), Revision(1));
}

#[tokio::test]
async fn connections_that_were_cut_while_nobody_used_them_are_noticed_by_nobody() {
    let directory = on_postgres().await;
    let (store, url) = (&directory.store, directory.url.as_deref().unwrap());
    for round in 1..=3 {
        sql(url, CUT_ALL);
        assert_eq!(insert(store, &format!("round {round}")).await.unwrap(), Revision(round));
        sql(url, CUT_ALL);
        assert_eq!(store.version().await.unwrap().1, Revision(round));
        assert_eq!(store.list_connector_groups(&Default::default()).await.unwrap().items.len() as u64, round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_while_connections_were_cut_is_there_and_nothing_is_there_twice() {
    let directory = on_postgres().await;
    let (store, url) = (&directory.store, directory.url.clone().unwrap());
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let cutter = std::thread::spawn(move || {
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            sql(&url, CUT_ALL);
        }
        stopped.store(true, Ordering::SeqCst);
    });
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let name = format!("{writer} {number}");
                match insert(&store, &name).await {
                    Ok(_) => acknowledged.push(name),
                    Err(Error::Unavailable(_) | Error::Batch(_) | Error::Busy) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            acknowledged
        });
    }
    let acknowledged = writers.join_all().await.concat();
    cutter.join().unwrap();
    assert!(acknowledged.len() > 50, "only {}", acknowledged.len());
    let found = sql(directory.url.as_deref().unwrap(), "SELECT name FROM connector_group");
    let lost: Vec<_> = acknowledged.iter().filter(|name| !found.contains(name)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let changes = store.changes_after(Revision(0), 100_000).await.unwrap();
    let revisions: Vec<u64> = changes.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (1..=found.len() as u64).collect::<Vec<_>>(), "gap-free, and each change once");
}

#[tokio::test]
async fn a_command_waits_for_whoever_has_the_position() {
    let directory = on_postgres().await;
    let url = directory.url.clone().unwrap();
    let locked = "SELECT 1 FROM position WHERE only_row = 1 FOR UPDATE; SELECT pg_sleep(1)";
    let other = std::thread::spawn(move || sql(&url, locked));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(1)%' \
                   AND pid <> pg_backend_pid()";
    for _ in 0..50 {
        if sql(directory.url.as_deref().unwrap(), waiting) == ["1"] {
            break;
        }
    }
    assert_eq!(insert(&directory.store, "late").await.unwrap(), Revision(1));
    other.join().unwrap();
}
