//! What commands leave behind beside the rows they write: entries of the change log, and audit records.
//!
//! They are gathered while the commands of a batch go on and written at its end, in as few exchanges with the database as
//! its limits allow: there is one writer, so each exchange counts for everybody who waits. Nothing reads them before the
//! batch is committed.

use adit_core::Revision;
use adit_core::audit::AuditRecord;
use sqlx::AssertSqlSafe;

use crate::audit;
use crate::change_log::{self, Entity, Entry, Operation};
use crate::engine::{self, Connection, Engine};

/// How many rows of a table are written in one exchange: SQLite limits the values of a statement to 32,766
/// (`SQLITE_MAX_VARIABLE_NUMBER`).
const ROWS_AT_ONCE: usize = 500;

/// Statements for at most so many rows are few enough to be kept compiled.
const ROWS_KEPT_COMPILED: usize = 4;

/// What commands leave behind.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    entries: Vec<Entry>,
    records: Vec<(Option<Revision>, AuditRecord)>,
    /// The place of the command's last entry, of those that were written already too; of no meaning once joined.
    last_place: i64,
}

impl Trail {
    /// Adds an entry to the change log.
    pub(crate) fn log(&mut self, revision: Revision, entity: Entity, id: String, operation: Operation) {
        self.last_place += 1;
        self.entries.push(Entry { revision, place: self.last_place, entity, id, operation });
    }

    /// Adds an audit record, of a command that took a revision or of one that took none.
    pub(crate) fn record(&mut self, revision: Option<Revision>, record: AuditRecord) {
        self.records.push((revision, record));
    }

    /// The place of the last entry.
    pub(crate) const fn last_place(&self) -> i64 {
        self.last_place
    }

    /// So many entries were written past this.
    pub(crate) fn passed(&mut self, entries: u64) {
        self.last_place += i64::try_from(entries).unwrap_or(i64::MAX);
    }

    /// Takes over what another command leaves behind.
    pub(crate) fn join(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.records.extend(other.records);
    }

    /// Writes everything.
    pub(crate) async fn write(&self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        let (mut entries, mut records) = (self.entries.as_slice(), self.records.as_slice());
        while !entries.is_empty() || !records.is_empty() {
            let (some_entries, more_entries) = entries.split_at(entries.len().min(ROWS_AT_ONCE));
            let (some_records, more_records) = records.split_at(records.len().min(ROWS_AT_ONCE));
            write(connection, some_entries, some_records).await?;
            (entries, records) = (more_entries, more_records);
        }
        Ok(())
    }
}

async fn write(
    connection: &mut Connection,
    entries: &[Entry],
    records: &[(Option<Revision>, AuditRecord)],
) -> Result<(), sqlx::Error> {
    let logged = insertion("change_log", change_log::COLUMNS, entries.len());
    let recorded = insertion("audit", audit::COLUMNS, records.len());
    let is_kept = entries.len().max(records.len()) <= ROWS_KEPT_COMPILED;
    let with_entries = |statement| entries.iter().fold(statement, change_log::bind);
    let with_records = |statement| {
        records.iter().fold(statement, |statement, (revision, record)| audit::bind(statement, *revision, record))
    };
    if connection.engine() == Engine::Sqlite {
        let both = engine::query(AssertSqlSafe(logged + &recorded)).persistent(is_kept);
        with_records(with_entries(both)).execute(connection).await?;
        return Ok(());
    }
    // PostgreSQL prepares one statement at a time.
    if !entries.is_empty() {
        with_entries(engine::query(AssertSqlSafe(logged)).persistent(is_kept)).execute(connection).await?;
    }
    if !records.is_empty() {
        with_records(engine::query(AssertSqlSafe(recorded)).persistent(is_kept)).execute(connection).await?;
    }
    Ok(())
}

/// A statement that inserts so many rows, with marks for their values; nothing for none.
fn insertion(table: &str, columns: &str, rows: usize) -> String {
    if rows == 0 {
        return String::new();
    }
    let marks = vec!["?"; columns.split(',').count()].join(", ");
    let rows = vec![format!("({marks})"); rows].join(", ");
    format!("INSERT INTO {table} ({columns}) VALUES {rows};")
}
