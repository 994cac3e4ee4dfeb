//! The versions of the schema, in their order. One that was released is never changed.
//!
//! SQLite has a file for each in `migrations`. PostgreSQL has them in `migrations/postgres`, where the first one is all that
//! those of SQLite come to up to its number; later ones have a file for each engine, under one number.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A version: its number, what it brings, and its statements.
type Version = (i64, &'static str, &'static str);

/// Those of SQLite. By hand, because the macro that reads the folder has SQLite compiled a second time.
const VERSIONS: [Version; 17] = [
    (1, "directory", include_str!("../migrations/0001_directory.sql")),
    (2, "first position", include_str!("../migrations/0002_first_position.sql")),
    (3, "access", include_str!("../migrations/0003_access.sql")),
    (4, "history", include_str!("../migrations/0004_history.sql")),
    (5, "indexes", include_str!("../migrations/0005_indexes.sql")),
    (6, "publishing", include_str!("../migrations/0006_publishing.sql")),
    (7, "places", include_str!("../migrations/0007_places.sql")),
    (8, "registration tokens", include_str!("../migrations/0008_registration_tokens.sql")),
    (9, "connector care", include_str!("../migrations/0009_connector_care.sql")),
    (10, "drain", include_str!("../migrations/0010_drain.sql")),
    (11, "users", include_str!("../migrations/0011_users.sql")),
    (12, "client secrets", include_str!("../migrations/0012_client_secrets.sql")),
    (13, "revocations", include_str!("../migrations/0013_revocations.sql")),
    (14, "provider", include_str!("../migrations/0014_provider.sql")),
    (15, "ended sessions", include_str!("../migrations/0015_ended_sessions.sql")),
    (16, "refresh tokens", include_str!("../migrations/0016_refresh_tokens.sql")),
    (17, "activity", include_str!("../migrations/0017_activity.sql")),
];

/// Those of PostgreSQL.
const POSTGRES_VERSIONS: [Version; 1] = [(17, "directory", include_str!("../migrations/postgres/0017_directory.sql"))];

/// All of SQLite.
pub(crate) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| migrator(&VERSIONS));

/// All of PostgreSQL.
pub(crate) static POSTGRES_MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = migrator(&POSTGRES_VERSIONS);
    // Advisory locks are none of CockroachDB's. Whoever migrates holds the row of the server.
    migrator.set_locking(false);
    migrator
});

fn migrator(versions: &[Version]) -> Migrator {
    let migration = |(version, name, sql): &Version| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(versions.iter().map(migration).collect())
}

/// The newest version.
pub(crate) fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

    #[tokio::test]
    async fn every_file_of_the_folders_is_a_version() {
        let shown = |migrations: &Migrator| -> Vec<_> {
            let all = migrations.iter();
            all.map(|one| (one.version, one.description.to_string(), one.checksum.to_vec())).collect()
        };
        assert_eq!(shown(&MIGRATIONS), shown(&Migrator::new(Path::new(FOLDER)).await.unwrap()));
        let of_postgres = Migrator::new(Path::new(FOLDER).join("postgres")).await.unwrap();
        assert_eq!(shown(&POSTGRES_MIGRATIONS), shown(&of_postgres));
    }

    #[test]
    fn the_engines_have_the_same_newest_version() {
        assert_eq!(newest(&MIGRATIONS), newest(&POSTGRES_MIGRATIONS));
    }
}
