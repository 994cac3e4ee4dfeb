//! The schema is one: both engines have the same tables, columns, keys and references.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../src/testing.rs"]
mod testing;

use std::collections::BTreeSet;

use adit_test_postgresql::sql;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

use self::testing::{on_postgres, on_sqlite};

/// Each says one line of text for each thing, in the same words on both engines: columns with
/// their keys, and references. (Indexes: `server/schema/tests.rs`.)
const OF_SQLITE: [&str; 2] = [
    "SELECT t.name || '.' || c.name || ' ' || lower(c.type) || iif(c.\"notnull\" OR c.pk, ' not null', '') || \
     iif(c.pk, ' key ' || c.pk, '') || coalesce(' default ' || trim(c.dflt_value, ''''), '') \
     FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'",
    "SELECT t.name || '.' || r.\"from\" || ' is one of ' || r.\"table\" || '.' || r.\"to\" || ' ' || lower(r.on_delete) \
     FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) r WHERE t.type = 'table'",
];

/// The same of PostgreSQL, which has a table more: who has the database.
const OF_POSTGRESQL: [&str; 2] = [
    "SELECT c.table_name || '.' || c.column_name || ' ' || c.data_type || \
     CASE c.is_nullable WHEN 'NO' THEN ' not null' ELSE '' END || coalesce(' key ' || k.ordinal_position, '') || \
     coalesce(' default ' || trim(split_part(c.column_default, '::', 1), ''''), '') \
     FROM information_schema.columns c LEFT JOIN ( \
         SELECT u.table_name, u.column_name, u.ordinal_position FROM information_schema.key_column_usage u \
         JOIN information_schema.table_constraints t USING (constraint_schema, constraint_name) \
         WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema = 'public' \
     ) k USING (table_name, column_name) \
     WHERE c.table_schema = 'public' AND c.table_name NOT IN ('_sqlx_migrations', 'server')",
    "SELECT t.relname || '.' || f.attname || ' is one of ' || o.relname || '.' || g.attname || ' ' || \
     CASE r.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' ELSE 'no action' END \
     FROM pg_constraint r JOIN pg_class t ON t.oid = r.conrelid JOIN pg_class o ON o.oid = r.confrelid \
     JOIN pg_attribute f ON f.attrelid = t.oid AND f.attnum = ANY (r.conkey) \
     JOIN pg_attribute g ON g.attrelid = o.oid AND g.attnum = ANY (r.confkey) WHERE r.contype = 'f'",
];

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let (file, server) = (on_sqlite().await, on_postgres().await);
    let path = file.folder.as_ref().unwrap().path().join("directory.db");
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    for (of_sqlite, of_postgresql) in OF_SQLITE.into_iter().zip(OF_POSTGRESQL) {
        let rows = sqlx::query(of_sqlite).fetch_all(&mut connection).await.unwrap();
        let sqlite: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let postgresql: BTreeSet<String> = sql(server.url.as_deref().unwrap(), of_postgresql).into_iter().collect();
        assert!(sqlite.len() > 5, "{sqlite:?}");
        let only = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>();
        let (here, there) = (only(&sqlite, &postgresql), only(&postgresql, &sqlite));
        assert!(here.is_empty() && there.is_empty(), "on SQLite alone: {here:#?}\non PostgreSQL alone: {there:#?}");
    }
}
