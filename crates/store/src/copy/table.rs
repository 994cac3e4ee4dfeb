//! The tables of the directory as a copy needs them, in an order in which no row refers to one that comes later.
//!
//! All columns are text or whole numbers, on both engines. Rows are read in the order of the primary key, which is that of
//! bytes on both engines, so that one table has one sum wherever it is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::AssertSqlSafe;

use crate::engine::{self, Connection, Row, Statement};

/// How many rows are read, and written, by one statement: at 17 values each, far from what either engine binds at most.
pub(super) const ROWS_AT_ONCE: usize = 200;

/// A table, and what of it makes a row.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many of the columns, from the first on, are its primary key.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column],
}

/// A column and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Text(&'static str),
    Integer(&'static str),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
}

/// How many rows there are, and what they come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hasher: DefaultHasher,
}

/// What no copy has: which connectors have tunnels is found anew by the server that starts.
#[cfg(test)]
pub(crate) const LEFT_OUT: [&str; 1] = ["tunnel"];

use Column::{Integer as I, Text as T};

/// Everything else.
pub(crate) const TABLES: [Table; 23] = [
    table("position", 1, &[I("only_row"), I("epoch"), I("revision")]),
    table("tenant", 1, &[I("only_row"), T("id")]),
    table("profile", 1, &[I("only_row"), T("is_enabled"), T("is_default_access_enabled"), T("updater"), I("revision")]),
    table("connector_group", 1, &[T("id"), T("name"), T("name_folded"), T("region"), T("kind"), I("revision")]),
    table(
        "connector",
        1,
        &[
            T("id"),
            T("machine_name"),
            T("machine_name_folded"),
            T("external_ip"),
            T("version"),
            T("connector_group_id"),
            I("key_generation"),
            I("seen_generation"),
            T("created"),
            I("revision"),
            T("needs_upgrade"),
            T("key_copied_at"),
            T("drained_instance"),
            I("unseen_hours"),
        ],
    ),
    table(
        "registration_token",
        1,
        &[
            T("id"),
            T("secret_hash"),
            T("connector_group_id"),
            T("expires_at"),
            T("redeemed_at"),
            T("redeemed_key"),
            T("connector_id"),
            I("key_generation"),
            T("machine_name"),
            T("machine_name_folded"),
            T("created"),
        ],
    ),
    table(
        "application",
        1,
        &[
            T("id"),
            T("app_id"),
            T("display_name"),
            T("display_name_folded"),
            T("created"),
            T("attributes"),
            T("publishing"),
            T("external_url"),
            T("external_place"),
            T("internal_url"),
            T("connector_group_id"),
            I("revision"),
            T("unique_name_folded"),
            T("alternate_place"),
        ],
    ),
    table(
        "deleted_application",
        1,
        &[
            T("id"),
            T("app_id"),
            T("display_name"),
            T("display_name_folded"),
            T("created"),
            T("attributes"),
            T("publishing"),
            T("external_url"),
            T("internal_url"),
            T("connector_group_id"),
            I("revision"),
            T("deleted"),
            T("access"),
        ],
    ),
    table(
        "certificate",
        1,
        &[
            T("application_id"),
            T("thumbprint"),
            T("subject_name"),
            T("issuer_name"),
            T("issued"),
            T("expires"),
            T("names"),
            T("sealing_key_id"),
            T("sealed"),
        ],
    ),
    table(
        "service_principal",
        1,
        &[
            T("id"),
            T("app_id"),
            T("display_name"),
            T("display_name_folded"),
            T("created"),
            T("attributes"),
            I("revision"),
        ],
    ),
    table(
        "app_role_assignment",
        1,
        &[
            T("id"),
            T("app_role"),
            T("principal_id"),
            T("principal_kind"),
            T("principal_name"),
            T("principal_name_folded"),
            T("resource_id"),
            T("resource_name"),
            T("resource_name_folded"),
            T("created"),
            I("revision"),
        ],
    ),
    table("owner", 2, &[T("application_id"), T("id"), T("kind"), T("name")]),
    table("client_secret", 1, &[T("id"), T("app_id"), T("secret_hash")]),
    table(
        "local_user",
        1,
        &[
            T("id"),
            T("principal_name"),
            T("principal_name_folded"),
            T("display_name"),
            T("display_name_folded"),
            T("is_enabled"),
            T("created"),
            T("password_changed"),
            T("attributes"),
            I("revision"),
        ],
    ),
    table("local_user_password", 1, &[T("user_id"), T("hash"), T("must_change")]),
    table(
        "user_group",
        1,
        &[T("id"), T("display_name"), T("display_name_folded"), T("created"), T("attributes"), I("revision")],
    ),
    table("user_group_member", 2, &[T("group_id"), T("member_id"), T("member_kind")]),
    table("signing_key", 1, &[T("id"), T("begins"), T("sealed"), T("sealing_key_id")]),
    table(
        "refresh_grant",
        1,
        &[
            T("id"),
            T("user_id"),
            T("app_id"),
            T("secret_id"),
            T("scope"),
            T("granted"),
            T("signed_in"),
            T("used"),
            T("token_hash"),
        ],
    ),
    table("ended_session", 1, &[T("id"), T("kept_until")]),
    table("revocation", 2, &[T("kind"), T("id"), I("epoch"), I("revision"), T("at")]),
    table("change_log", 2, &[I("revision"), I("place"), T("entity"), T("id"), T("operation")]),
    table(
        "audit",
        1,
        &[
            T("id"),
            I("revision"),
            T("at"),
            T("activity"),
            T("actor_kind"),
            T("actor_id"),
            T("actor_name"),
            T("actor_ip"),
            T("request_id"),
            T("target"),
            T("detail"),
        ],
    ),
];

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { name, key, columns }
}

impl Column {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Integer(name) => name,
        }
    }

    fn read(self, row: &Row) -> Result<Cell, sqlx::Error> {
        match self {
            Self::Text(name) => row.try_get(name).map(Cell::Text),
            Self::Integer(name) => row.try_get(name).map(Cell::Integer),
        }
    }
}

impl Table {
    /// The rows that come next after the one with the key of `last`, from the first on without it.
    pub(super) async fn page(
        &self,
        connection: &mut Connection,
        last: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, sqlx::Error> {
        let (columns, key) = (self.names(self.columns.len()), self.names(self.key));
        let after = last.map(|_| format!("WHERE ({key}) > ({})", marks(self.key))).unwrap_or_default();
        let sql = format!("SELECT {columns} FROM {} {after} ORDER BY {key} LIMIT {ROWS_AT_ONCE}", self.name);
        let statement = engine::query(AssertSqlSafe(sql));
        let statement = last.unwrap_or_default().iter().take(self.key).fold(statement, bind);
        let rows = statement.fetch_all(connection).await?;
        rows.iter().map(|row| self.columns.iter().map(|column| column.read(row)).collect()).collect()
    }

    /// Writes rows that are not there.
    pub(super) async fn insert(&self, connection: &mut Connection, rows: &[Vec<Cell>]) -> Result<(), sqlx::Error> {
        let row = format!("({})", marks(self.columns.len()));
        let (columns, values) = (self.names(self.columns.len()), vec![row; rows.len()].join(", "));
        let sql = format!("INSERT INTO {} ({columns}) VALUES {values}", self.name);
        // Of the last rows there is another number, and the statement is used once.
        let statement = engine::query(AssertSqlSafe(sql)).persistent(rows.len() == ROWS_AT_ONCE);
        rows.iter().flatten().fold(statement, bind).execute(connection).await?;
        Ok(())
    }

    /// Takes away what a new schema has in it.
    pub(super) async fn clear(&self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        engine::query(AssertSqlSafe(format!("DELETE FROM {}", self.name))).execute(connection).await?;
        Ok(())
    }

    /// What the table comes to.
    pub(super) async fn sum(&self, connection: &mut Connection) -> Result<Sum, sqlx::Error> {
        let mut sum = Sum::default();
        let mut last: Option<Vec<Cell>> = None;
        loop {
            let rows = self.page(connection, last.as_deref()).await?;
            rows.iter().for_each(|row| sum.add(row));
            match rows.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => return Ok(sum),
            }
        }
    }

    /// The key of a row, for people.
    pub(super) fn shown(&self, row: &[Cell]) -> String {
        let key = row.iter().take(self.key).map(|cell| match cell {
            Cell::Text(text) => text.as_deref().unwrap_or_default().escape_debug().to_string(),
            Cell::Integer(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        });
        key.collect::<Vec<_>>().join(", ")
    }

    /// A column whose text has a NUL character in it.
    pub(super) fn with_nul(&self, row: &[Cell]) -> Option<Column> {
        let has_nul = |cell: &Cell| matches!(cell, Cell::Text(Some(text)) if text.contains('\0'));
        self.columns.iter().zip(row).find(|(_, cell)| has_nul(cell)).map(|(column, _)| *column)
    }

    fn names(&self, count: usize) -> String {
        let names: Vec<&str> = self.columns.iter().take(count).map(|column| column.name()).collect();
        names.join(", ")
    }
}

impl Sum {
    pub(super) fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        row.hash(&mut self.hasher);
    }
}

impl PartialEq for Sum {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.hasher.finish() == other.hasher.finish()
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn bind<'q>(statement: Statement<'q>, cell: &'q Cell) -> Statement<'q> {
    match cell {
        Cell::Text(text) => statement.bind(text.as_deref()),
        Cell::Integer(number) => statement.bind(*number),
    }
}
