//! The versions of the schema: a file each in `migrations`, in this order. One that was released is never changed.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Number, what it brings, and its statements. By hand, because the macro that reads the folder has SQLite compiled a second
/// time.
const VERSIONS: [(i64, &str, &str); 17] = [
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

/// All of them.
pub(crate) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(VERSIONS.map(migration).into())
});

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn every_file_of_the_folder_is_a_version() {
        let folder = Migrator::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))).await.unwrap();
        let shown = |migrations: &Migrator| -> Vec<_> {
            let all = migrations.iter();
            all.map(|one| (one.version, one.description.to_string(), one.checksum.to_vec())).collect()
        };
        assert_eq!(shown(&MIGRATIONS), shown(&folder));
    }
}
