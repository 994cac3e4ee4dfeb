//! Users of this directory in the database, and their passwords' hashes beside them.
//!
//! Invariant: only `find_password` reads a hash; no list, no snapshot and no change log can hold one. What names
//! a user that is deleted goes with it: assignments, memberships, ownerships, the password.

use adit_core::name::{DisplayName, fold};
use adit_core::query::{Field, Page, Query, UserField};
use adit_core::{PrincipalId, PrincipalKind, User, UserId, UserPrincipalName};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// What is kept of a user's password.
#[derive(Clone)]
pub struct KeptPassword {
    /// Its hash, in the PHC form.
    pub hash: String,
    /// Whether the user has to choose another one at the next sign-in.
    pub must_change: bool,
}

impl std::fmt::Debug for KeptPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptPassword").field("must_change", &self.must_change).finish_non_exhaustive()
    }
}

/// The table of users.
pub(crate) struct Users;

impl Collection for Users {
    const TABLE: &'static str = "local_user";
    type Item = User;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select()
            .columns([
                "id",
                "principal_name",
                "display_name",
                "is_enabled",
                "created",
                "password_changed",
                "attributes",
                "revision",
            ])
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::User(own) = field else { return Err(foreign_field(source, field)) };
        let folded = |plain, folded| Column::folded(source.column(plain), source.column(folded)).indexed();
        Ok(match own {
            UserField::Id => Column::word(source.column("id")),
            UserField::PrincipalName => folded("principal_name", "principal_name_folded"),
            UserField::DisplayName => folded("display_name", "display_name_folded"),
            UserField::IsEnabled => Column::condition(source.column("is_enabled").eq("true")),
            UserField::Created => Column::instant(source.column("created")),
            UserField::PasswordChanged => Column::instant(source.column("password_changed")),
            UserField::Revision => Column::integer(source.column("revision")),
            UserField::Attribute(part) => Column::json(source, "attributes", part)?,
        })
    }

    fn item(row: &Row) -> Result<User, Error> {
        Ok(User {
            id: row::parsed(row, "id", str::parse)?,
            principal_name: row::parsed(row, "principal_name", UserPrincipalName::parse)?,
            display_name: row::parsed(row, "display_name", DisplayName::parse)?,
            is_enabled: row::parsed(row, "is_enabled", str::parse::<bool>)?,
            created: row::parsed(row, "created", str::parse::<Timestamp>)?,
            password_changed: row::parsed(row, "password_changed", str::parse::<Timestamp>)?,
            attributes: row::parsed(row, "attributes", |text| serde_json::from_str(text))?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds a user.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// Finds a user by the name by which it signs in, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user_by_principal_name(&self, name: &str) -> Result<Option<User>, Error> {
        let mut read = self.read().await?;
        find_by_name(&mut read, name).await
    }

    /// What is kept of a user's password.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_password(&self, id: UserId) -> Result<Option<KeptPassword>, Error> {
        let mut read = self.read().await?;
        find_password(&mut read, id).await
    }

    /// One page of the users.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_users(&self, query: &Query) -> Result<Page<User>, Error> {
        self.list::<Users>(query).await
    }
}

impl WriteTransaction {
    /// Finds a user.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        find(self.connection(), id).await
    }

    /// Finds a user by the name by which it signs in, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user_by_principal_name(&mut self, name: &str) -> Result<Option<User>, Error> {
        find_by_name(self.connection(), name).await
    }

    /// Whether there is any user or group of this directory's own.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn has_users_or_groups(&mut self) -> Result<bool, Error> {
        let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM local_user) OR EXISTS (SELECT 1 FROM user_group)";
        Ok(engine::query(sql).fetch_optional(self.connection()).await?.is_some())
    }

    /// Adds a user, who gets this transaction's revision, and what is kept of its password.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_user(&mut self, user: &mut User, password: &KeptPassword) -> Result<(), Error> {
        user.revision = self.revision();
        engine::query(
            "INSERT INTO local_user (id, principal_name, principal_name_folded, display_name, display_name_folded, \
             is_enabled, created, password_changed, attributes, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(user.id.to_string())
        .bind(user.principal_name.as_str())
        .bind(user.principal_name.folded())
        .bind(user.display_name.as_str())
        .bind(user.display_name.folded())
        .bind(user.is_enabled.to_string())
        .bind(row::instant(user.created))
        .bind(row::instant(user.password_changed))
        .bind(row::json("attributes", &user.attributes)?)
        .bind(row::signed(user.revision))
        .execute(self.connection())
        .await?;
        self.write_password(user.id, password).await?;
        self.log(Entity::User, user.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Writes all of a user but its password, and gives it this transaction's revision. Where its name is another than
    /// that of `old`, so is it in the assignments and ownerships that name it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_user(&mut self, old: &User, user: &mut User) -> Result<(), Error> {
        user.revision = self.revision();
        engine::query(
            "UPDATE local_user SET principal_name = ?, principal_name_folded = ?, display_name = ?, \
             display_name_folded = ?, is_enabled = ?, password_changed = ?, attributes = ?, revision = ? WHERE id = ?",
        )
        .bind(user.principal_name.as_str())
        .bind(user.principal_name.folded())
        .bind(user.display_name.as_str())
        .bind(user.display_name.folded())
        .bind(user.is_enabled.to_string())
        .bind(row::instant(user.password_changed))
        .bind(row::json("attributes", &user.attributes)?)
        .bind(row::signed(user.revision))
        .bind(user.id.to_string())
        .execute(self.connection())
        .await?;
        self.log(Entity::User, user.id.to_string(), Operation::Update);
        if user.display_name != old.display_name {
            let principal = PrincipalId::new(user.id.uuid());
            self.rename_in_assignments(principal, PrincipalKind::User, &user.display_name).await?;
            self.rename_in_owners(principal, &user.display_name).await?;
        }
        Ok(())
    }

    /// What is kept of a user's password.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_password(&mut self, id: UserId) -> Result<Option<KeptPassword>, Error> {
        find_password(self.connection(), id).await
    }

    /// Puts what is kept of a user's password in the place of what was.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn write_password(&mut self, id: UserId, password: &KeptPassword) -> Result<(), Error> {
        engine::query(
            "INSERT INTO local_user_password (user_id, hash, must_change) VALUES (?, ?, ?) \
             ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, must_change = excluded.must_change",
        )
        .bind(id.to_string())
        .bind(&password.hash)
        .bind(password.must_change.to_string())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Says whether a user has to choose another password at the next sign-in.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn write_must_change(&mut self, id: UserId, must_change: bool) -> Result<(), Error> {
        engine::query("UPDATE local_user_password SET must_change = ? WHERE user_id = ?")
            .bind(must_change.to_string())
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Deletes a user with its password and with what names it. How many assignments went with it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_user(&mut self, id: UserId) -> Result<usize, Error> {
        let principal = PrincipalId::new(id.uuid());
        let assignments = self.take_assignments_of(principal, PrincipalKind::User).await?;
        self.take_owned_by(principal, PrincipalKind::User).await?;
        self.leave_all_groups(principal).await?;
        for sql in [
            "DELETE FROM refresh_grant WHERE user_id = ?",
            "DELETE FROM local_user_password WHERE user_id = ?",
            "DELETE FROM local_user WHERE id = ?",
        ] {
            engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        self.log(Entity::User, id.to_string(), Operation::Delete);
        Ok(assignments.len())
    }
}

async fn find_password(connection: &mut Connection, id: UserId) -> Result<Option<KeptPassword>, Error> {
    let row = engine::query("SELECT hash, must_change FROM local_user_password WHERE user_id = ?")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let must_change = row::parsed(&row, "must_change", str::parse::<bool>)?;
        Ok(KeptPassword { hash: row.try_get("hash")?, must_change })
    })
    .transpose()
}

pub(crate) async fn find(connection: &mut Connection, id: UserId) -> Result<Option<User>, Error> {
    list::first::<Users>(connection, Expr::col("id").eq(id.to_string())).await
}

async fn find_by_name(connection: &mut Connection, name: &str) -> Result<Option<User>, Error> {
    list::first::<Users>(connection, Expr::col("principal_name_folded").eq(fold(name.trim()))).await
}
