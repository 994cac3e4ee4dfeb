//! The revision feed: which objects each command touched. Whoever keeps a copy of the directory asks for what came
//! after the revision it has.

use adit_core::{PrincipalId, PrincipalKind, Revision};

use crate::engine::{self, Connection, Statement};
use crate::error::Error;
use crate::row;
use crate::store::Store;

/// What kind of object was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the nouns of the directory")]
pub enum Entity {
    ConnectorGroup,
    Connector,
    Application,
    DeletedApplication,
    RegistrationToken,
    ServicePrincipal,
    AppRoleAssignment,
    Owner,
    Profile,
    User,
    UserGroup,
    /// Who may use an application, by its client id.
    Admission,
    /// Sessions that were ended.
    Revocation,
}

impl Entity {
    const ALL: [Self; 13] = [
        Self::ConnectorGroup,
        Self::Connector,
        Self::Application,
        Self::DeletedApplication,
        Self::RegistrationToken,
        Self::ServicePrincipal,
        Self::AppRoleAssignment,
        Self::Owner,
        Self::Profile,
        Self::User,
        Self::UserGroup,
        Self::Admission,
        Self::Revocation,
    ];

    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectorGroup => "connector_group",
            Self::Connector => "connector",
            Self::Application => "application",
            Self::DeletedApplication => "deleted_application",
            Self::RegistrationToken => "registration_token",
            Self::ServicePrincipal => "service_principal",
            Self::AppRoleAssignment => "app_role_assignment",
            Self::Owner => "owner",
            Self::Profile => "profile",
            Self::User => "user",
            Self::UserGroup => "user_group",
            Self::Admission => "admission",
            Self::Revocation => "revocation",
        }
    }
}

/// What was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

impl Operation {
    const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One object touched by one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The command.
    pub revision: Revision,
    /// What kind of object.
    pub entity: Entity,
    /// Which one.
    pub id: String,
    /// What was done.
    pub operation: Operation,
}

impl Store {
    /// The changes after `revision`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn changes_after(&self, revision: Revision, limit: u32) -> Result<Vec<Change>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT revision, entity, id, operation FROM change_log WHERE revision > ? ORDER BY revision, place LIMIT ?",
        )
        .bind(row::signed(revision))
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Change {
                    revision: row::revision(row, "revision")?,
                    entity: row::parsed(row, "entity", |word| found(Entity::ALL, Entity::as_str, word))?,
                    id: row.try_get("id")?,
                    operation: row::parsed(row, "operation", |word| found(Operation::ALL, Operation::as_str, word))?,
                })
            })
            .collect()
    }
}

/// The columns of an entry, in the order in which [`bind`] gives their values.
pub(crate) const COLUMNS: &str = "revision, place, entity, id, operation";

/// An entry of a change that is under way.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) revision: Revision,
    /// Where among the entries of the change it is.
    pub(crate) place: i64,
    pub(crate) entity: Entity,
    pub(crate) id: String,
    pub(crate) operation: Operation,
}

/// Gives the values of an entry to a statement that inserts it.
pub(crate) fn bind<'q>(statement: Statement<'q>, entry: &'q Entry) -> Statement<'q> {
    statement
        .bind(row::signed(entry.revision))
        .bind(entry.place)
        .bind(entry.entity.as_str())
        .bind(entry.id.as_str())
        .bind(entry.operation.as_str())
}

/// Appends one entry for each assignment to `principal` (only a service principal has any) and of it, after the first
/// `place` entries of the revision, and says how many these are.
pub(crate) async fn insert_assignments_of(
    connection: &mut Connection,
    revision: Revision,
    place: i64,
    (principal, kind): (PrincipalId, PrincipalKind),
    operation: Operation,
) -> Result<u64, Error> {
    let inserted = engine::query(
        "INSERT INTO change_log (revision, place, entity, id, operation) \
         SELECT ?, ? + ROW_NUMBER() OVER (ORDER BY id), ?, id, ? FROM app_role_assignment \
         WHERE resource_id = ? OR (principal_id = ? AND principal_kind = ?)",
    )
    .bind(row::signed(revision))
    .bind(place)
    .bind(Entity::AppRoleAssignment.as_str())
    .bind(operation.as_str())
    .bind(principal.to_string())
    .bind(principal.to_string())
    .bind(kind.as_str())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

fn found<T: Copy, const N: usize>(
    all: [T; N],
    word_of: impl Fn(T) -> &'static str,
    word: &str,
) -> Result<T, &'static str> {
    all.into_iter().find(|value| word_of(*value) == word).ok_or("the word is not known")
}
