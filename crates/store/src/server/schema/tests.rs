//! Both engines have one schema: what one of them gets and the other does not is found here.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{self, Connection, Row};
use crate::testing::{Directory, each_engine};

/// What one engine has alone. Columns of any length are unique by their hash on PostgreSQL, where an index cannot hold the
/// longest; and no index there serves lists by URL.
const OF_SQLITE: [&str; 6] = [
    "application (lower(external_url), id)",
    "application (lower(internal_url), id)",
    "unique application (alternate_place)",
    "unique application (external_place)",
    "unique application (internal_url)",
    "unique application (unique_name_folded) where unique_name_folded is not null",
];
const OF_POSTGRES: [&str; 4] = [
    "unique application (md5(alternate_place))",
    "unique application (md5(external_place))",
    "unique application (md5(internal_url))",
    "unique application (md5(unique_name_folded)) where unique_name_folded is not null",
];

/// SQLite's catalog and PostgreSQL's.
async fn both() -> [(Directory, Connection); 2] {
    let mut opened = Vec::new();
    for directory in each_engine().await {
        let connection = directory.store.read().await.unwrap();
        opened.push((directory, connection));
    }
    opened.try_into().ok().unwrap()
}

/// The rows of a question to a catalog, each as its columns of text.
async fn ask<const COLUMNS: usize>(connection: &mut Connection, sql: &'static str) -> Vec<[String; COLUMNS]> {
    let text = |row: &Row, column: usize| row.try_get::<Option<String>, _>(column).unwrap().unwrap_or_default();
    let rows = engine::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| std::array::from_fn(|column| text(row, column))).collect()
}

/// An expression without what the two write in different ways.
fn plain(sql: &str) -> String {
    let sql = sql.to_lowercase().replace("::text", "");
    let words: Vec<_> = sql.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}

#[tokio::test]
async fn tables_and_columns_are_the_same() {
    let [(_on_sqlite, mut sqlite), (_on_postgres, mut postgres)] = both().await;
    // What is part of a primary key has a value on PostgreSQL, said or not.
    let of_sqlite = "SELECT t.name, c.name, c.type, CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 'NO' ELSE 'YES' END, \
                     c.dflt_value FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                     WHERE t.type = 'table' AND t.name <> '_sqlx_migrations'";
    let of_postgres = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), \
                       CAST(is_nullable AS TEXT), CAST(column_default AS TEXT) FROM information_schema.columns \
                       WHERE table_schema = current_schema() AND table_name NOT IN ('_sqlx_migrations', 'server')";
    let sorted = |columns: Vec<[String; 5]>| -> BTreeSet<_> {
        columns.into_iter().map(|column| column.map(|part| plain(&part)).join(" | ")).collect()
    };
    let (of_sqlite, of_postgres) =
        (sorted(ask(&mut sqlite, of_sqlite).await), sorted(ask(&mut postgres, of_postgres).await));
    assert!(of_sqlite.len() > 150, "{of_sqlite:#?}");
    let differences: Vec<_> = of_sqlite.symmetric_difference(&of_postgres).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn indexes_are_the_same_but_those_that_cannot_be() {
    let [(_on_sqlite, mut sqlite), (_on_postgres, mut postgres)] = both().await;
    let said = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    let mut names = BTreeMap::new();
    let mut of_sqlite = BTreeSet::new();
    for [name, table, sql] in ask(&mut sqlite, said).await {
        let index = definition(&table, sql.contains("UNIQUE"), sql.split_once(&format!("ON {table} ")).unwrap().1);
        names.insert(name, index.clone());
        of_sqlite.insert(index);
    }
    let of_constraints = "SELECT t.name, i.name, c.name FROM sqlite_master t JOIN pragma_index_list(t.name) i \
                          JOIN pragma_index_info(i.name) c WHERE i.origin <> 'c' AND t.name <> '_sqlx_migrations' \
                          ORDER BY i.name, c.seqno";
    let mut columns = BTreeMap::<_, Vec<_>>::new();
    for [table, index, column] in ask(&mut sqlite, of_constraints).await {
        columns.entry((table, index)).or_default().push(column);
    }
    of_sqlite.extend(
        columns.into_iter().map(|((table, _), columns)| definition(&table, true, &format!("({})", columns.join(", ")))),
    );
    let said = "SELECT CAST(indexname AS TEXT), CAST(tablename AS TEXT), CAST(indexdef AS TEXT) FROM pg_indexes \
                WHERE schemaname = current_schema() AND tablename NOT IN ('_sqlx_migrations', 'server')";
    let mut of_postgres = BTreeSet::new();
    for [name, table, sql] in ask(&mut postgres, said).await {
        let index = definition(&table, sql.contains("UNIQUE"), sql.split_once(" USING btree ").unwrap().1);
        let is_own = OF_POSTGRES.contains(&index.as_str());
        assert!(is_own || names.get(&name).is_none_or(|same| *same == index), "{name}: {index}");
        of_postgres.insert(index);
    }
    assert!(of_sqlite.len() > 50, "{of_sqlite:#?}");
    assert_eq!(of_sqlite.difference(&of_postgres).collect::<Vec<_>>(), OF_SQLITE.iter().collect::<Vec<_>>());
    assert_eq!(of_postgres.difference(&of_sqlite).collect::<Vec<_>>(), OF_POSTGRES.iter().collect::<Vec<_>>());
}

fn definition(table: &str, is_unique: bool, rest: &str) -> String {
    let rest = plain(rest);
    let rest = match rest.split_once(" where ") {
        None => rest,
        Some((columns, condition)) => {
            let bare = condition.strip_prefix('(').and_then(|bare| bare.strip_suffix(')')).unwrap_or(condition);
            format!("{columns} where {bare}")
        }
    };
    format!("{}{table} {rest}", if is_unique { "unique " } else { "" })
}

#[tokio::test]
async fn references_and_checks_are_the_same() {
    let [(_on_sqlite, mut sqlite), (_on_postgres, mut postgres)] = both().await;
    let of_sqlite = "SELECT t.name || '.' || r.\"from\" || ' -> ' || r.\"table\" || '.' || r.\"to\" \
                     FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) r ORDER BY 1";
    let of_postgres = "SELECT k.table_name || '.' || k.column_name || ' -> ' || u.table_name || '.' || u.column_name \
                       FROM information_schema.referential_constraints r \
                       JOIN information_schema.key_column_usage k ON k.constraint_name = r.constraint_name \
                       JOIN information_schema.constraint_column_usage u ON u.constraint_name = r.constraint_name \
                       WHERE r.constraint_schema = current_schema() ORDER BY 1";
    let (references, same) = (ask::<1>(&mut sqlite, of_sqlite).await, ask::<1>(&mut postgres, of_postgres).await);
    assert!(references.len() > 8, "{references:?}");
    assert_eq!(references.into_iter().collect::<BTreeSet<_>>(), same.into_iter().collect());

    let of_sqlite = "SELECT name, CAST((LENGTH(sql) - LENGTH(REPLACE(sql, 'CHECK (', ''))) / 7 AS TEXT) \
                     FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CHECK (%' ORDER BY name";
    let of_postgres = "SELECT CAST(t.relname AS TEXT), CAST(COUNT(*) AS TEXT) FROM pg_constraint c \
                       JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
                       WHERE n.nspname = current_schema() AND c.contype = 'c' AND t.relname <> 'server' \
                       GROUP BY t.relname ORDER BY 1";
    let (checks, same) = (ask::<2>(&mut sqlite, of_sqlite).await, ask::<2>(&mut postgres, of_postgres).await);
    assert!(checks.len() > 8, "{checks:?}");
    assert_eq!(checks.into_iter().collect::<BTreeSet<_>>(), same.into_iter().collect());
}

#[tokio::test]
async fn a_new_directory_begins_with_the_same_rows() {
    const QUESTIONS: [&str; 3] = [
        "SELECT CAST(only_row AS TEXT), CAST(epoch AS TEXT), CAST(revision AS TEXT), '', '' FROM position",
        "SELECT CAST(only_row AS TEXT), is_enabled, is_default_access_enabled, updater, CAST(revision AS TEXT) FROM profile",
        "SELECT id, app_id || ' ' || display_name, display_name_folded || ' ' || attributes, created, \
         CAST(revision AS TEXT) FROM application",
    ];
    let [(_on_sqlite, mut sqlite), (_on_postgres, mut postgres)] = both().await;
    for question in QUESTIONS {
        let rows = ask::<5>(&mut sqlite, question).await;
        assert_eq!(rows.len(), 1, "{question}");
        assert_eq!(ask::<5>(&mut postgres, question).await, rows, "{question}");
    }
    for connection in [&mut sqlite, &mut postgres] {
        let [[tenant]] = ask::<1>(connection, "SELECT id FROM tenant").await.try_into().unwrap();
        assert_eq!(tenant.parse::<uuid::Uuid>().unwrap().get_version_num(), 4, "{tenant}");
    }
}

#[tokio::test]
async fn values_of_any_length_are_kept_and_are_unique() {
    let long = |letter: char| letter.to_string().repeat(9_000);
    let insert = "INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, publishing, \
                  connector_group_id, external_place, alternate_place, internal_url, unique_name_folded, revision) \
                  VALUES (?, ?, '', '', '', '', NULL, NULL, ?, ?, ?, ?, 1)";
    for directory in each_engine().await {
        let write = async |id: &str, values: [&str; 4]| {
            let mut change = directory.store.begin().await.unwrap();
            let statement = engine::query(insert).bind(id).bind(id);
            let written = values.iter().fold(statement, |statement, value| statement.bind(*value));
            written.execute(change.connection()).await?;
            change.commit().await.unwrap();
            Ok::<_, sqlx::Error>(())
        };
        let values = ['a', 'b', 'c', 'd'].map(long);
        write("one", std::array::from_fn(|index| values[index].as_str())).await.unwrap();
        for same in 0..4 {
            let others: [String; 4] = std::array::from_fn(|index| format!("{same} {index}"));
            let refused = write(
                "other",
                std::array::from_fn(
                    |index| {
                        if index == same { values[index].as_str() } else { others[index].as_str() }
                    },
                ),
            );
            let refused = refused.await.unwrap_err();
            assert!(refused.as_database_error().unwrap().is_unique_violation(), "{refused}");
        }
    }
}
