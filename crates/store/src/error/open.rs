//! Why a directory could not be opened.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::database::Place;

/// Why the directory could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file cannot be written.
    #[error(
        "cannot open the directory at {}: {source}; the folder must exist and be writable for this user", path.display()
    )]
    NotWritable {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error(
        "the directory at {at} is in use by another server{}; stop that one first, or use another {}",
        described(by.as_ref()), whole(at)
    )]
    InUse {
        /// Where it is.
        at: Place,
        /// Who that is, where it is known.
        by: Option<Holder>,
    },
    /// The file or the database holds something else.
    #[error("{at} is not a directory database{}; {}", found_in(table.as_deref()), instead(at))]
    NotADatabase {
        /// Where that is.
        at: Place,
        /// A table of another program, if one was found.
        table: Option<String>,
    },
    /// Its pages, or what refers to each other in them, do not hold together.
    #[error("the directory at {at} is damaged: {reason}; take an earlier copy")]
    Damaged {
        /// Where it is.
        at: Place,
        /// What was found first.
        reason: String,
    },
    /// A newer version has written it.
    #[error(
        "the directory at {at} was written by a newer version (its schema is {found}, this version knows up to {known}); \
         start that version again"
    )]
    FromTheFuture {
        /// Where it is.
        at: Place,
        /// The schema's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It belongs to the data folder of another directory.
    #[error(
        "the directory at {at} belongs to another data folder: to the one whose certificate authority is {own}, and this \
         one's is {given}; use that data folder, or another database"
    )]
    OtherAuthority {
        /// Where it is.
        at: Place,
        /// The fingerprint of the authority that it belongs to.
        own: String,
        /// The fingerprint of the one that was given.
        given: String,
    },
    /// No connection to the database's server.
    #[error(
        "no connection to the database {at}: {reason}; see to host, port, user, password and TLS in its URL, and whether the \
         server runs"
    )]
    Unreachable {
        /// The database.
        at: Place,
        /// What went wrong.
        reason: String,
    },
    /// The database can be read only.
    #[error("the database {at} is read-only, as a replica is; name the primary")]
    ReadOnly {
        /// The database.
        at: Place,
    },
    /// The database or its server lack what is needed.
    #[error("the database {at} cannot keep a directory: {reason}")]
    Unsuitable {
        /// The database.
        at: Place,
        /// What is missing.
        reason: String,
    },
    /// What is done by programs of the database's own.
    #[error(
        "the directory at {at} is copied by pg_dump, also while it is served; a copy of the data folder belongs to it"
    )]
    CopiedByPgDump {
        /// The database.
        at: Place,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of the directory at {at} could not be brought up to date: {source}")]
    Migration {
        /// Where it is.
        at: Place,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
    },
    /// Anything else the database says.
    #[error("cannot open the directory at {at}: {source}")]
    Database {
        /// Where it is.
        at: Place,
        /// What went wrong.
        source: sqlx::Error,
    },
}

/// The server that serves a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process and machine.
    pub name: String,
    /// Until when it is waited for, if it is not heard of again.
    pub until: Timestamp,
}

impl Display for Holder {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, which is waited for until {:.0}", self.name, self.until)
    }
}

fn described(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
}

fn found_in(name: Option<&str>) -> String {
    name.map(|name| format!(" (the table '{name}' is in it)")).unwrap_or_default()
}

const fn instead(place: &Place) -> &'static str {
    match place {
        Place::File(_) => "move it away, or use another data folder",
        Place::Server(_) => "name an empty database, or one with a directory",
    }
}

/// What somebody has another one of.
const fn whole(place: &Place) -> &'static str {
    match place {
        Place::File(_) => "data folder",
        Place::Server(_) => "database",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_said_with_who_uses_it_and_what_to_do() {
        let file = OpenError::InUse { at: Place::File("data/directory.db".into()), by: None };
        assert_eq!(
            file.to_string(),
            "the directory at data/directory.db is in use by another server; stop that one first, or use another data folder"
        );
        let by = Holder { name: "process 7 on here".to_owned(), until: "2026-01-01T00:00:15Z".parse().unwrap() };
        let server = OpenError::InUse { at: Place::Server("postgres://db/adit".to_owned()), by: Some(by) };
        assert_eq!(
            server.to_string(),
            "the directory at postgres://db/adit is in use by another server (process 7 on here, which is waited for until \
             2026-01-01T00:00:15Z); stop that one first, or use another database"
        );
    }
}
