//! What the refusals of both engines come to. SQLite says it by numbers, PostgreSQL by SQLSTATE: five characters, of which
//! the first two are the class.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::sqlite::SqliteError;

/// What SQLite answers when another program holds the lock for longer than it waits.
const SQLITE_BUSY: u32 = 5;

/// What SQLite answers when a statement was stopped before its end.
const SQLITE_INTERRUPT: u32 = 9;

/// What SQLite answers when the disk is full. What a `COMMIT` would have kept is not kept then.
const SQLITE_FULL: u32 = 13;

/// What SQLite answers when its file cannot be used for a reason outside of this program: it became read-only, the disk
/// fails, the file is damaged, the disk is full, the file cannot be opened, another program holds its locks against the
/// rules, or it is a database no more.
const SQLITE_OUT_OF_REACH: [u32; 7] = [8, 10, 11, SQLITE_FULL, 14, 15, 26];

/// `lock_not_available`: somebody else holds a lock for longer than we wait.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// `serialization_failure` and `deadlock_detected`: nothing of the transaction was kept.
const OVERTAKEN: [&str; 2] = ["40001", "40P01"];

/// `query_canceled`: a statement took longer than it may.
const QUERY_CANCELED: &str = "57014";

/// `statement_completion_unknown`: the one refusal that leaves open what became of the transaction.
const COMPLETION_UNKNOWN: &str = "40003";

/// Classes of which an operator has to see to: the connection, the credentials, a database that is gone, resources that
/// are used up, a server that is going down, its system, and damaged data.
const OUT_OF_REACH_CLASSES: [&str; 7] = ["08", "28", "3D", "53", "57", "58", "XX"];

/// The same of other classes: a database that became read-only, transactions that the server ended because they stood
/// still or took too long, and rights that were taken away.
const OUT_OF_REACH: [&str; 4] = ["25006", "25P03", "25P04", "42501"];

/// Why an engine did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody else holds the lock.
    Locked,
    /// Another transaction came in between.
    Overtaken,
    /// It took longer than it may.
    Stopped,
    /// The database cannot be used, for a reason outside of this program.
    OutOfReach,
    Other,
}

pub(super) fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Kind::OutOfReach,
        sqlx::Error::Database(refusal) => of_refusal(refusal.as_ref()),
        _ => Kind::Other,
    }
}

/// Whether it is certain that nothing was kept of the transaction in which this was the answer, even to a `COMMIT`. Fatal
/// answers end the connection, perhaps after the commit.
pub(super) fn is_undone(error: &sqlx::Error) -> bool {
    let Some(refusal) = error.as_database_error() else { return false };
    match refusal.try_downcast_ref::<PgDatabaseError>() {
        Some(refusal) => refusal.severity() == PgSeverity::Error && refusal.code() != COMPLETION_UNKNOWN,
        None => number(refusal) == Some(SQLITE_FULL),
    }
}

/// Whether it is not an engine's refusal at all, or one that leaves open what became of the transaction.
pub(super) fn is_left_open(error: &sqlx::Error) -> bool {
    error.as_database_error().is_none_or(|refusal| refusal.code().is_some_and(|code| code == COMPLETION_UNKNOWN))
}

fn of_refusal(refusal: &dyn DatabaseError) -> Kind {
    if let Some(refusal) = refusal.try_downcast_ref::<PgDatabaseError>() {
        return of_state(refusal.code());
    }
    match number(refusal) {
        Some(SQLITE_BUSY) => Kind::Locked,
        Some(SQLITE_INTERRUPT) => Kind::Stopped,
        Some(number) if SQLITE_OUT_OF_REACH.contains(&number) => Kind::OutOfReach,
        _ => Kind::Other,
    }
}

/// The low byte of SQLite's code.
fn number(refusal: &dyn DatabaseError) -> Option<u32> {
    refusal.try_downcast_ref::<SqliteError>()?;
    Some(refusal.code()?.parse::<u32>().ok()? & 0xff)
}

fn of_state(state: &str) -> Kind {
    match state {
        LOCK_NOT_AVAILABLE => Kind::Locked,
        QUERY_CANCELED => Kind::Stopped,
        state if OVERTAKEN.contains(&state) => Kind::Overtaken,
        state if OUT_OF_REACH.contains(&state) => Kind::OutOfReach,
        state if OUT_OF_REACH_CLASSES.iter().any(|class| state.starts_with(class)) => Kind::OutOfReach,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_of_the_kind_that_says_what_to_do() {
        for (state, kind) in [
            ("55P03", Kind::Locked),
            ("40001", Kind::Overtaken),
            ("40P01", Kind::Overtaken),
            ("57014", Kind::Stopped),
            ("08006", Kind::OutOfReach),
            ("57P01", Kind::OutOfReach),
            ("57P03", Kind::OutOfReach),
            ("53300", Kind::OutOfReach),
            ("53100", Kind::OutOfReach),
            ("25006", Kind::OutOfReach),
            ("28P01", Kind::OutOfReach),
            ("3D000", Kind::OutOfReach),
            ("58030", Kind::OutOfReach),
            ("XX001", Kind::OutOfReach),
            // Faults of this program.
            ("23505", Kind::Other),
            ("42P01", Kind::Other),
            ("25P02", Kind::Other),
            ("40003", Kind::Other),
        ] {
            assert_eq!(of_state(state), kind, "{state}");
        }
    }
}
