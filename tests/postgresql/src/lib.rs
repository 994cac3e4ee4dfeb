//! A PostgreSQL for tests: Debian's, at a free port of loopback, gone with the process that started it.
//!
//! [`url`] gives whoever asks an empty database of its own, of one server for all: the one that `cargo xtask test` started
//! and named in `ADIT_TEST_POSTGRESQL`, else one of this process. Who stops its server has a [`Server`] of its own.
//!
//! The order of these databases is not that of bytes (`a` comes before `B`), so that a column which forgot to say its order
//! is noticed. The standard library is all that is needed here, because `xtask` uses it and is to be built in seconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a harness that cannot set up its test must stop there and say where"
)]

mod process;
mod program;
mod server;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use server::Server;

/// What names the server of a whole run of tests: a URL without a database.
pub const VARIABLE: &str = "ADIT_TEST_POSTGRESQL";

/// The URL of a new, empty database.
///
/// # Panics
/// When there is no server, and none can be started.
#[must_use]
pub fn url() -> String {
    static OWN: OnceLock<Server> = OnceLock::new();
    let address = std::env::var(VARIABLE).unwrap_or_else(|_| OWN.get_or_init(Server::start).address());
    new_database(&address)
}

/// What the database answers to `statements`: a line for each row, with `|` between its values.
///
/// # Panics
/// When it refuses one; what it says is shown.
pub fn sql(url: &str, statements: &str) -> Vec<String> {
    let mut psql = program::client("psql");
    psql.args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    let said = program::said_by(psql.args(["--dbname", url, "--command", statements]));
    said.unwrap_or_else(|why| panic!("{statements}: {why}")).lines().map(str::to_owned).collect()
}

/// Everything that the database holds, as statements that would make it anew.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn contents(url: &str) -> String {
    let mut dump = program::client("pg_dump");
    // Newer ones write a word around it that is another each time.
    let said = program::said_by(dump.args(["--inserts", "--no-owner", "--dbname", url]));
    let said = said.unwrap_or_else(|why| panic!("{why}"));
    said.lines().filter(|line| !line.starts_with('\\')).flat_map(|line| [line, "\n"]).collect()
}

/// Makes a database on the server at `address`.
fn new_database(address: &str) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    // Many processes share a server, and one process id comes again some day.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let name = format!("test_{}_{now}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    sql(&with_database(address, "postgres"), &format!("CREATE DATABASE {name}"));
    with_database(address, &name)
}

/// The URL `address` with this database instead of its own or none.
fn with_database(address: &str, name: &str) -> String {
    let (place, parameters) = address.split_once('?').map_or((address, ""), |(place, parameters)| (place, parameters));
    let (scheme, place) = place.split_once("://").unwrap_or(("postgres", place));
    let host = place.split('/').next().unwrap_or_default();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{host}/{name}{mark}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::{contents, sql, url, with_database};

    #[test]
    fn a_database_takes_the_place_of_another_or_none_and_parameters_stay() {
        for (address, url) in [
            ("postgres://postgres@127.0.0.1:5432", "postgres://postgres@127.0.0.1:5432/new"),
            ("postgres://postgres@127.0.0.1:5432/", "postgres://postgres@127.0.0.1:5432/new"),
            ("postgresql://a:b@[::1]:26257/old?sslmode=disable", "postgresql://a:b@[::1]:26257/new?sslmode=disable"),
            ("postgres://h?sslrootcert=/a/b.pem", "postgres://h/new?sslrootcert=/a/b.pem"),
        ] {
            assert_eq!(with_database(address, "new"), url);
        }
    }

    #[test]
    fn each_database_is_empty_and_knows_nothing_of_the_others() {
        let (one, other) = (url(), url());
        assert_ne!(one, other);
        sql(&one, "CREATE TABLE wiki (name TEXT, size BIGINT); INSERT INTO wiki VALUES ('a', 1), (NULL, 2)");
        assert_eq!(sql(&one, "SELECT * FROM wiki ORDER BY size"), ["a|1", "|2"]);
        assert!(contents(&one).contains("VALUES ('a', 1)"));
        assert_eq!(sql(&other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), ["0"]);
    }
}
