//! A directory with something in every table goes from engine to engine, and what cannot go leaves nothing behind.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::table::{Column, LEFT_OUT, ROWS_AT_ONCE};
use super::*;
use crate::database::DatabaseUrl;
use crate::testing;

/// A row or more for each table, with what is easily lost: nothing, quotes, marks, capitals, and letters beyond ASCII.
const ROWS: [&str; 21] = [
    "INSERT INTO connector_group (id, name, name_folded, region, kind, revision) \
     VALUES ('g', 'Größe ''1''?', 'größe ''1''?', NULL, 'default', 1), ('G', '\"', '\"', 'eu', 'ordinary', 2)",
    "INSERT INTO connector (id, machine_name, machine_name_folded, external_ip, version, connector_group_id, \
     key_generation, seen_generation, created, revision) VALUES ('c', 'M', 'm', '::1', '1', 'g', 1, 1, '2026', 3)",
    "INSERT INTO tunnel (id, connector_id, since) VALUES ('t', 'c', '2026')",
    "INSERT INTO registration_token (id, secret_hash, connector_group_id, expires_at) VALUES ('r', 'ab', 'g', '2027')",
    "INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, publishing, \
     external_url, external_place, connector_group_id, revision, unique_name_folded) VALUES ('a', 'A', 'Wiki', 'wiki', \
     '2026', '{\"tags\":[\"\\u0000\"]}', '{}', 'https://Wiki/', 'wiki/', 'g', 4, 'wiki')",
    "INSERT INTO deleted_application (id, app_id, display_name, display_name_folded, created, attributes, revision, \
     deleted) VALUES ('d', 'D', '', '', '2026', '{}', 5, '2026')",
    "INSERT INTO certificate (application_id, thumbprint, subject_name, issuer_name, issued, expires, names, \
     sealing_key_id, sealed) VALUES ('a', 'AB', 'CN=a', 'CN=b', '2026', '2027', '[]', 'k', '00ff')",
    "INSERT INTO service_principal (id, app_id, display_name, display_name_folded, created, attributes, revision) \
     VALUES ('s', 'A', 'Wiki', 'wiki', '2026', '{}', 6)",
    "INSERT INTO app_role_assignment (id, app_role, principal_id, principal_kind, resource_id, resource_name, \
     resource_name_folded, created, revision) VALUES ('x', '0', 'u', 'user', 's', 'Wiki', 'wiki', '2026', 7)",
    "INSERT INTO owner (application_id, id, kind) VALUES ('a', 'u', 'user'), ('a', 'U', 'user'), ('a', 'ü', 'user')",
    "INSERT INTO client_secret (id, app_id, secret_hash) VALUES ('q', 'A', 'cd')",
    "INSERT INTO local_user (id, principal_name, principal_name_folded, display_name, display_name_folded, is_enabled, \
     created, password_changed, attributes, revision) VALUES ('u', 'Zoë@x', 'zoë@x', 'Zoë 🙂', 'zoë 🙂', 'true', '2026', \
     '2026', '{}', 8)",
    "INSERT INTO local_user_password (user_id, hash, must_change) VALUES ('u', '$argon2id$', 'false')",
    "INSERT INTO user_group (id, display_name, display_name_folded, created, attributes, revision) \
     VALUES ('h', 'Team', 'team', '2026', '{}', 9)",
    "INSERT INTO user_group_member (group_id, member_id, member_kind) VALUES ('h', 'u', 'user')",
    "INSERT INTO signing_key (id, begins, sealed, sealing_key_id) VALUES ('k', '2026', '00', 'k')",
    "INSERT INTO refresh_grant (id, user_id, app_id, scope, granted, signed_in, used, token_hash) \
     VALUES ('f', 'u', 'A', 'a b', 'a', '2026', '2026', 'ef')",
    "INSERT INTO ended_session (id, kept_until) VALUES ('e', '2027')",
    "INSERT INTO revocation (kind, id, epoch, revision, at) VALUES ('principal', 'u', 1, 10, '2026')",
    "INSERT INTO audit (id, revision, at, activity, actor_kind, request_id, target, detail) \
     VALUES ('1', NULL, '2026', 'renew', 'system', 'r', 't', 'line one\nline two')",
    "UPDATE profile SET revision = 9007199254740993",
];

/// More than are read at once, and a last page that is full.
const CHANGES: usize = 3 * ROWS_AT_ONCE;

struct Scratch {
    folder: TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> Database {
        Database::File(self.path(name))
    }

    /// What is there, but locks, which hold nothing.
    fn names(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }

    /// A directory in a file, with these statements done to it.
    async fn directory(&self, name: &str, statements: &[&'static str]) -> Database {
        let database = self.file(name);
        let store = open(&database).await;
        let mut change = store.begin().await.unwrap();
        for statement in statements {
            engine::query(*statement).execute(change.connection()).await.unwrap();
        }
        change.commit().await.unwrap();
        store.close().await;
        database
    }

    async fn full(&self, name: &str) -> Database {
        let database = self.directory(name, &ROWS).await;
        let store = open(&database).await;
        let mut change = store.begin().await.unwrap();
        for place in 0..CHANGES {
            let sql = format!("INSERT INTO change_log VALUES ({}, {place}, 'user', 'u{place}', 'update')", place / 7);
            engine::query(AssertSqlSafe(sql)).execute(change.connection()).await.unwrap();
        }
        change.commit().await.unwrap();
        store.close().await;
        database
    }
}

async fn open(database: &Database) -> Store {
    Store::open_database(database, None, Duration::ZERO).await.unwrap()
}

/// The URL twice: for us, and for PostgreSQL's own programs.
fn server() -> (Database, String) {
    let url = adit_test_postgresql::url();
    (Database::Server(url.parse::<DatabaseUrl>().unwrap()), url)
}

async fn copied(from: &Database, to: &Database) -> Result<Copied, CopyError> {
    copy(from, to, None, |_, _| {}).await
}

/// What each table comes to, without the position, which differs in the epoch.
async fn sums(database: &Database) -> Vec<(&'static str, Sum)> {
    let store = open(database).await;
    let mut view = store.history().await.unwrap();
    let mut sums = Vec::new();
    for table in TABLES.iter().filter(|table| table.name != "position") {
        sums.push((table.name, table.sum(&mut view).await.unwrap()));
    }
    drop(view);
    store.close().await;
    sums
}

fn same(one: &[(&str, Sum)], other: &[(&str, Sum)]) {
    for ((table, one), (_, other)) in one.iter().zip(other) {
        assert!(one == other, "{table}: {} rows and {}", one.rows, other.rows);
    }
}

#[tokio::test]
async fn a_directory_is_the_same_on_the_other_engine_and_after_it_came_back() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    let before = sums(&here).await;
    for (table, sum) in &before {
        assert!(sum.rows > 0, "{table} has nothing to copy");
    }
    let (there, _) = server();
    let mut seen = Vec::new();
    let first = copy(&here, &there, None, |table, rows| seen.push((table.to_owned(), rows))).await.unwrap();
    same(&before, &sums(&there).await);
    assert_eq!(first.rows, before.iter().map(|(_, sum)| sum.rows).sum::<u64>() + 1, "and the position");
    assert!(seen.contains(&("change_log".to_owned(), CHANGES as u64)), "{seen:?}");

    let back = scratch.file("back.db");
    let second = copied(&there, &back).await.unwrap();
    same(&before, &sums(&back).await);
    assert_eq!(second.revision, first.revision);
    assert!(second.epoch > first.epoch && first.epoch > Epoch(1), "{first:?} {second:?}");
    assert_eq!(find(&back).await.unwrap().unwrap().version, (second.epoch, second.revision));
    assert_eq!(find(&here).await.unwrap().unwrap().version.0, Epoch(1), "the source is as it was");
    assert_eq!(scratch.names(), BTreeSet::from(["here.db", "back.db"].map(str::to_owned)));
}

#[tokio::test]
async fn between_two_of_a_kind_it_goes_as_well_and_the_copy_is_written_to() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    let before = sums(&here).await;
    let (one, other) = (server().0, server().0);
    for (from, to) in [(&here, &scratch.file("there.db")), (&here, &one), (&one, &other)] {
        let copied = copied(from, to).await.unwrap();
        same(&before, &sums(to).await);
        let store = open(to).await;
        let revision = store.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(revision, Revision(copied.revision.0 + 1));
        store.close().await;
    }
}

#[tokio::test]
async fn nothing_is_written_over() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    let taken = scratch.directory("taken.db", &[]).await;
    let bytes = std::fs::read(scratch.path("taken.db")).unwrap();
    assert!(matches!(copied(&here, &taken).await, Err(CopyError::NotEmpty { .. })));
    assert_eq!(std::fs::read(scratch.path("taken.db")).unwrap(), bytes);
    std::fs::write(scratch.path("left.db-wal"), "of another database").unwrap();
    assert!(matches!(copied(&here, &scratch.file("left.db")).await, Err(CopyError::NotEmpty { .. })));

    let (there, url) = server();
    open(&there).await.close().await;
    let held = adit_test_postgresql::contents(&url);
    assert!(matches!(copied(&here, &there).await, Err(CopyError::NotEmpty { .. })));
    assert_eq!(adit_test_postgresql::contents(&url), held);

    let (foreign, url) = server();
    adit_test_postgresql::sql(&url, "CREATE TABLE wiki (name TEXT)");
    let held = adit_test_postgresql::contents(&url);
    copied(&here, &foreign).await.unwrap_err();
    assert_eq!(adit_test_postgresql::contents(&url), held);
}

#[tokio::test]
async fn where_there_is_no_directory_none_is_made() {
    let scratch = Scratch::new();
    let (nothing, url) = server();
    let held = adit_test_postgresql::contents(&url);
    for from in [&nothing, &scratch.file("none.db")] {
        let refused = copied(from, &scratch.file("copy.db")).await;
        assert!(matches!(refused, Err(CopyError::NoDirectory { .. })), "{refused:?}");
        assert!(find(from).await.unwrap().is_none());
    }
    assert_eq!(adit_test_postgresql::contents(&url), held);
    std::fs::write(scratch.path("text.db"), "no database, but a text that is long enough to be looked at").unwrap();
    let refused = copied(&scratch.file("text.db"), &scratch.file("copy.db")).await;
    assert!(matches!(refused, Err(CopyError::Open(OpenError::NotADatabase { .. }))), "{refused:?}");
    assert_eq!(scratch.names(), BTreeSet::from(["text.db".to_owned()]));
}

#[tokio::test]
async fn who_is_served_is_not_copied() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    let (there, _) = server();
    copied(&here, &there).await.unwrap();
    for (number, from) in [&here, &there].into_iter().enumerate() {
        let (target, url) = server();
        let held = adit_test_postgresql::contents(&url);
        let serving = open(from).await;
        assert!(matches!(copied(from, &target).await, Err(CopyError::Open(_))), "{number}");
        assert_eq!(adit_test_postgresql::contents(&url), held);
        serving.close().await;
        copied(from, &target).await.unwrap();
    }
}

#[tokio::test]
async fn a_text_that_postgresql_cannot_keep_is_named_and_nothing_is_left_behind() {
    let scratch = Scratch::new();
    let with_nul = "INSERT INTO user_group (id, display_name, display_name_folded, created, attributes, revision) \
                    VALUES ('h' || char(10), 'a' || char(0), 'a', '2026', '{}', 1)";
    let here = scratch.directory("here.db", &[with_nul]).await;
    let (there, url) = server();
    let held = adit_test_postgresql::contents(&url);
    let refused = copied(&here, &there).await.unwrap_err();
    let CopyError::NulCharacter { table, row, column } = &refused else { panic!("{refused}") };
    assert_eq!((*table, row.as_str(), *column), ("user_group", "h\\n", "display_name"));
    assert_eq!(adit_test_postgresql::contents(&url), held, "not even a table");
    copied(&here, &scratch.file("there.db")).await.unwrap();
}

#[tokio::test]
async fn a_row_that_refers_to_nothing_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(scratch.path("here.db")).foreign_keys(false);
    let mut beneath = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("DELETE FROM local_user").execute(&mut beneath).await.unwrap();
    sqlx::Connection::close(beneath).await.unwrap();
    let (there, url) = server();
    let held = adit_test_postgresql::contents(&url);
    for to in [&there, &scratch.file("there.db")] {
        let refused = copied(&here, to).await;
        assert!(matches!(refused, Err(CopyError::Write { table: "local_user_password", .. })), "{refused:?}");
    }
    assert_eq!(adit_test_postgresql::contents(&url), held);
    assert_eq!(scratch.names(), BTreeSet::from(["here.db".to_owned()]));
}

#[tokio::test]
async fn whose_directory_it_is_goes_with_it_and_another_ones_is_not_copied() {
    let scratch = Scratch::new();
    let here = scratch.directory("here.db", &[]).await;
    let (one, other) = (server().0, server().0);
    copy(&here, &one, Some("A"), |_, _| {}).await.unwrap();
    assert_eq!(find(&one).await.unwrap().unwrap().authority.as_deref(), Some("A"));
    copied(&one, &other).await.unwrap();
    assert_eq!(find(&other).await.unwrap().unwrap().authority.as_deref(), Some("A"));
    let refused = copy(&other, &scratch.file("there.db"), Some("B"), |_, _| {}).await;
    assert!(matches!(refused, Err(CopyError::Open(OpenError::OtherAuthority { .. }))), "{refused:?}");
    copy(&other, &scratch.file("there.db"), Some("A"), |_, _| {}).await.unwrap();
}

#[tokio::test]
async fn what_a_copy_that_was_killed_left_behind_is_in_nobodys_way() {
    let scratch = Scratch::new();
    let here = scratch.full("here.db").await;
    std::fs::write(scratch.path("there.db.unfinished"), "half of a copy").unwrap();
    copied(&here, &scratch.file("there.db")).await.unwrap();
    assert_eq!(scratch.names(), BTreeSet::from(["here.db", "there.db"].map(str::to_owned)));
}

#[tokio::test]
async fn no_table_and_no_column_is_forgotten() {
    let copied: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table.name, *column)))
        .map(|(table, column)| {
            let kind = if matches!(column, Column::Text(_)) { "text" } else { "bigint" };
            format!("{table}|{}|{kind}", column.name())
        })
        .collect();

    let on_sqlite = testing::on_sqlite().await;
    let sql = "SELECT m.name || '|' || c.name || '|' || LOWER(c.type) AS line FROM sqlite_master m \
               JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
    let mut read = on_sqlite.store.history().await.unwrap();
    let rows = engine::query(sql).fetch_all(&mut read).await.unwrap();
    let of_sqlite: Vec<String> = rows.iter().map(|row| row.try_get("line").unwrap()).collect();

    let on_postgres = testing::on_postgres().await;
    let sql = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'";
    let of_postgres = adit_test_postgresql::sql(on_postgres.url.as_ref().unwrap(), sql);

    let own = |line: &&String| {
        let table = line.split('|').next().unwrap();
        !LEFT_OUT.contains(&table) && !["server", "_sqlx_migrations"].contains(&table) && !table.starts_with("sqlite_")
    };
    for (engine, found) in [("SQLite", of_sqlite), ("PostgreSQL", of_postgres)] {
        let found: BTreeSet<String> = found.iter().filter(own).cloned().collect();
        let differing: Vec<&String> = found.symmetric_difference(&copied).collect();
        assert!(differing.is_empty(), "{engine}: {differing:?}");
    }
}

#[tokio::test]
async fn each_tables_rows_have_the_order_of_its_primary_key() {
    let on_sqlite = testing::on_sqlite().await;
    let mut read = on_sqlite.store.history().await.unwrap();
    for table in &TABLES {
        let sql = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk";
        let rows = engine::query(sql).bind(table.name).fetch_all(&mut read).await.unwrap();
        let key: Vec<String> = rows.iter().map(|row| row.try_get("name").unwrap()).collect();
        let first: Vec<&str> = table.columns.iter().take(table.key).map(|column| column.name()).collect();
        assert_eq!(key, first, "{}", table.name);
    }
}

#[test]
fn a_sum_knows_every_value_and_its_place() {
    let row = |first: &str, second: Option<&str>| {
        vec![Cell::Text(Some(first.to_owned())), Cell::Text(second.map(ToOwned::to_owned)), Cell::Integer(Some(1))]
    };
    let sum = |rows: &[Vec<Cell>]| {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    };
    let whole = sum(&[row("a", Some("b")), row("c", None)]);
    assert!(whole == sum(&[row("a", Some("b")), row("c", None)]));
    for other in [
        vec![row("a", Some("b"))],
        vec![row("c", None), row("a", Some("b"))],
        vec![row("a", Some("b")), row("c", Some(""))],
        vec![row("ab", Some("")), row("c", None)],
    ] {
        assert!(whole != sum(&other), "{other:?}");
    }
}
