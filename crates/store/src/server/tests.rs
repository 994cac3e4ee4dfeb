//! One server at a time, whatever happens in between. What is refused at a start is tested beside the crate.

use std::time::{Duration, Instant};

use adit_core::{Epoch, Revision};
use adit_test_postgresql::sql;
use sqlx::Connection as _;

use super::*;
use crate::backup;
use crate::database::Database;
use crate::engine;
use crate::store::Store;
use crate::testing::{self, on_postgres};

const PATIENT: Duration = Duration::from_secs(30);

/// A server that is not heard of any more, for some seconds.
const GONE: &str = "UPDATE server SET holder = 'gone', holder_name = 'process 1 on elsewhere', held_until = \
                    to_char((clock_timestamp() + INTERVAL '3 seconds') AT TIME ZONE 'UTC', \
                    'YYYY-MM-DD\"T\"HH24:MI:SS.US\"000Z\"')";

async fn open_within(url: &str, wait: Duration) -> Result<Store, OpenError> {
    Store::open_database(&Database::Server(url.parse().unwrap()), None, wait).await
}

#[tokio::test]
async fn of_servers_that_begin_on_an_empty_database_at_once_one_has_it() {
    for _ in 0..5 {
        let url = adit_test_postgresql::url();
        let open = || testing::open(&url);
        let (first, second, third, fourth) = tokio::join!(open(), open(), open(), open());
        let mut opened = Vec::new();
        for one in [first, second, third, fourth] {
            match one {
                Ok(store) => opened.push(store),
                Err(refused) => assert!(matches!(refused, OpenError::InUse { .. }), "{refused}"),
            }
        }
        assert_eq!(opened.len(), 1);
        assert_eq!(opened[0].begin().await.unwrap().commit().await.unwrap(), Revision(1));
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_waited_for_until_its_time_is_over() {
    let url = adit_test_postgresql::url();
    testing::open(&url).await.unwrap().close().await;
    sql(&url, GONE);
    let refused = testing::open(&url).await.unwrap_err();
    assert!(refused.to_string().contains("process 1 on elsewhere"), "{refused}");
    let begun = Instant::now();
    let store = open_within(&url, PATIENT).await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    store.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_server_that_lives_is_not_waited_for_longer_than_until_it_is_heard_of() {
    let directory = on_postgres().await;
    let begun = Instant::now();
    let refused = open_within(directory.url.as_deref().unwrap(), PATIENT).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse { by: Some(_), .. }), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let own = format!("process {}", std::process::id());
    assert!(refused.to_string().contains(&own), "{refused}");
}

#[tokio::test]
async fn a_store_that_is_dropped_gives_the_hold_back() {
    let directory = on_postgres().await;
    let url = directory.url.clone().unwrap();
    drop(directory);
    let begun = Instant::now();
    open_within(&url, PATIENT).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_hold_is_renewed() {
    let directory = on_postgres().await;
    let until = || sql(directory.url.as_deref().unwrap(), "SELECT held_until FROM server");
    let first = until();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(until() > first, "{first:?}");
}

/// The statement that waits sees the directory as it was before it waited: the holder must be read after that.
#[tokio::test]
async fn a_batch_that_waits_while_another_server_takes_over_is_refused() {
    let directory = on_postgres().await;
    let url: DatabaseUrl = directory.url.as_deref().unwrap().parse().unwrap();
    let mut other = connect(url.options()).await.unwrap();
    let mut taking = other.begin().await.unwrap();
    // Even where the position is only locked.
    sqlx::query("SELECT 1 FROM position FOR UPDATE").execute(&mut *taking).await.unwrap();
    let store = directory.store.clone();
    let waiting = tokio::spawn(async move { store.begin().await.map(drop) });
    tokio::time::sleep(Duration::from_millis(500)).await;
    sqlx::query("UPDATE server SET holder = 'other'").execute(&mut *taking).await.unwrap();
    taking.commit().await.unwrap();
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("another server"), "{refused}");
    // It is for good.
    sql(directory.url.as_deref().unwrap(), "UPDATE server SET holder = NULL, held_until = NULL");
    assert!(matches!(directory.store.begin().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn an_open_store_does_not_show_its_password() {
    let url = adit_test_postgresql::url().replace("postgres@", "postgres:canary@");
    let store = testing::open(&url).await.unwrap();
    let change = store.begin().await.unwrap();
    let shown = format!("{store:?} {change:?} {:?}", url.parse::<DatabaseUrl>().unwrap());
    assert!(url.contains("canary") && !shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn what_is_acknowledged_is_durable_whatever_the_server_says() {
    let url = adit_test_postgresql::url();
    let name = url.rsplit('/').next().unwrap();
    sql(&url, &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let store = testing::open(&url).await.unwrap();
    let mut presence = store.begin_presence().await.unwrap();
    for (setting, expected) in [
        ("SHOW synchronous_commit", "on"),
        ("SHOW statement_timeout", "10s"),
        ("SHOW lock_timeout", "8s"),
        ("SHOW idle_in_transaction_session_timeout", "15s"),
        ("SHOW transaction_isolation", "read committed"),
    ] {
        let found = engine::query(setting).fetch_one(presence.connection()).await.unwrap();
        assert_eq!(found.try_get::<String, _>(0).unwrap(), expected, "{setting}");
    }
}

#[tokio::test]
async fn databases_that_cannot_keep_a_directory_are_refused_with_the_reason() {
    let url = adit_test_postgresql::url();
    let (place, name) = url.rsplit_once('/').unwrap();
    sql(
        &url,
        &format!(
            "CREATE DATABASE {name}_ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' \
             TEMPLATE template0"
        ),
    );
    let refused = testing::open(&format!("{place}/{name}_ascii")).await.unwrap_err();
    assert!(refused.to_string().contains("SQL_ASCII"), "{refused}");

    sql(&url, &format!("CREATE ROLE {name}_guest LOGIN"));
    let refused = testing::open(&format!("{url}?user={name}_guest")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unsuitable { .. }), "{refused}");
    assert!(refused.to_string().contains("may not make tables"), "{refused}");
    assert_eq!(sql(&url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"), ["0"]);

    let missing = format!("{url}?sslrootcert=/no/such/ca.pem");
    let refused = testing::open(&missing).await.unwrap_err();
    assert!(refused.to_string().contains("/no/such/ca.pem"), "{refused}");
}

#[tokio::test]
async fn tables_of_a_program_that_keeps_its_versions_in_the_same_way_are_another_programs() {
    let url = adit_test_postgresql::url();
    sql(&url, "CREATE TABLE _sqlx_migrations (version BIGINT); CREATE TABLE recipe (name TEXT)");
    let refused = testing::open(&url).await.unwrap_err();
    assert!(matches!(&refused, OpenError::NotADatabase { table: Some(table), .. } if table == "recipe"), "{refused}");
}

#[tokio::test]
async fn what_is_found_says_version_and_authority_and_changes_nothing() {
    let url = adit_test_postgresql::url();
    let database = Database::Server(url.parse().unwrap());
    let found = async || find(&url.parse().unwrap()).await.unwrap();
    assert_eq!(found().await, None);
    let store = Store::open_database(&database, Some("of the first"), Duration::ZERO).await.unwrap();
    store.begin().await.unwrap().commit().await.unwrap();
    let expected = Found { version: (Epoch(1), Revision(1)), authority: Some("of the first".to_owned()) };
    assert_eq!(found().await, Some(expected));
}

#[tokio::test]
async fn a_new_directory_that_is_not_committed_was_never_there() {
    let url = adit_test_postgresql::url();
    let parsed: DatabaseUrl = url.parse().unwrap();
    drop(begin_new(&parsed).await.unwrap().unwrap());
    assert_eq!(find(&parsed).await.unwrap(), None);
    let Some(Connection::PostgresChange(change)) = begin_new(&parsed).await.unwrap() else { panic!("it is empty") };
    change.commit().await.unwrap();
    assert!(begin_new(&parsed).await.unwrap().is_none());
    testing::open(&url).await.unwrap();
}

#[tokio::test]
async fn a_new_epoch_is_later_than_its_own_and_than_others_and_begun_by_nobody_while_it_is_served() {
    let directory = on_postgres().await;
    let database = Database::Server(directory.url.as_deref().unwrap().parse().unwrap());
    let begin = async |epoch| backup::begin_epoch_of(&database, Epoch(epoch)).await;
    assert!(matches!(begin(7).await, Err(OpenError::InUse { .. })));
    directory.store.close().await;
    assert_eq!(begin(7).await.unwrap(), Epoch(7));
    assert_eq!(begin(7).await.unwrap(), Epoch(8));
    let store = testing::open(directory.url.as_deref().unwrap()).await.unwrap();
    assert_eq!(store.version().await.unwrap().0, Epoch(8));
    let empty = Database::Server(testing::postgres_url());
    let refused = backup::begin_epoch_of(&empty, Epoch(7)).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotADatabase { .. }), "{refused}");
}

#[tokio::test]
async fn what_the_server_refuses_is_of_the_kind_that_says_what_to_do() {
    let directory = on_postgres().await;
    let url: DatabaseUrl = directory.url.as_deref().unwrap().parse().unwrap();
    let mut connection = connect(url.options()).await.unwrap();
    let mut error =
        async |sql: &'static str| Error::from(sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_err());
    assert!(matches!(error("SET statement_timeout = 50; SELECT pg_sleep(5)").await, Error::Busy));
    assert!(matches!(error("SELECT nosuch FROM position").await, Error::Database(_)));
    let read_only = "BEGIN READ ONLY; DELETE FROM audit";
    assert!(matches!(error(read_only).await, Error::Unavailable(_)));
    assert!(matches!(error("ROLLBACK; SELECT pg_terminate_backend(pg_backend_pid())").await, Error::Unavailable(_)));
    assert!(matches!(error("SELECT 1").await, Error::Unavailable(_)), "the connection is gone");
}

#[tokio::test]
async fn a_view_that_nobody_closed_is_seen_by_nobody_else() {
    let directory = on_postgres().await;
    let store = &directory.store;
    let mut view = store.history().await.unwrap();
    assert_eq!(transaction::version(&mut view).await.unwrap().1, Revision(0));
    assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
    assert_eq!(transaction::version(&mut view).await.unwrap().1, Revision(0), "it shows one moment");
    drop(view);
    assert_eq!(store.version().await.unwrap().1, Revision(1));
    let mut view = store.history().await.unwrap();
    assert_eq!(transaction::version(&mut view).await.unwrap().1, Revision(1));
    view.close().await.unwrap();
    assert_eq!(store.version().await.unwrap().1, Revision(1));
}

#[tokio::test]
async fn what_became_a_directory_meanwhile_is_no_new_one() {
    let directory = on_postgres().await;
    let url: DatabaseUrl = directory.url.as_deref().unwrap().parse().unwrap();
    // As whoever looked before sees it: the schema is there, and somebody holds it.
    let mut connection = open_connection(&url).await.unwrap();
    let mut change = connection.begin_with(BEGIN_CHANGE).await.unwrap();
    schema::bring_up_to_date(&mut change, &url.place()).await.map_err(|_| ()).unwrap();
    let seen = hold::lock(&mut change).await.unwrap();
    assert!(seen.holder.is_some());
    drop(change);
    assert!(begin_new(&url).await.unwrap().is_none());
}
