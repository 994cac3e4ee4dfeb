//! Programs that go on for a user who has signed in to them: what was granted, and the hash of the one refresh token of it
//! that counts.
//!
//! Invariant: a row goes with whatever ends it, in the same transaction: the end of its user's sessions, the user, the
//! secret by which its program proved itself, the program. Nothing lists rows, and no change log has them.

use adit_core::{AppId, Application, ClientSecretId, ServicePrincipal, User, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::store::Store;
use crate::transaction::{PresenceTransaction, WriteTransaction};
use crate::{application, row, service_principal, user};

/// What a program was granted for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshGrant {
    /// Its id: that of the sign-in.
    pub id: Uuid,
    /// The user.
    pub user: UserId,
    /// The program.
    pub app_id: AppId,
    /// The secret by which the program proved itself last; none if it has none.
    pub secret: Option<ClientSecretId>,
    /// What was asked for.
    pub scope: String,
    /// What of it was granted at the resource, by spaces.
    pub granted: String,
    /// When the user signed in.
    pub signed_in: Timestamp,
    /// When a token was last given.
    pub used: Timestamp,
    /// SHA-256 of the token that counts.
    pub token_hash: [u8; 32],
}

impl Store {
    /// Finds what was granted, whether it still counts or not.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_refresh_grant(&self, id: Uuid) -> Result<Option<RefreshGrant>, Error> {
        let mut read = self.read().await?;
        let found = engine::query(
            "SELECT id, user_id, app_id, secret_id, scope, granted, signed_in, used, token_hash FROM refresh_grant \
             WHERE id = ?",
        )
        .bind(id.to_string())
        .fetch_optional(&mut read)
        .await?;
        found.as_ref().map(read_row).transpose()
    }

    /// Whether the sessions of a user were ended at `since` or later.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn were_sessions_ended(&self, user: UserId, since: Timestamp) -> Result<bool, Error> {
        let mut read = self.read().await?;
        were_sessions_ended(&mut read, user, since).await
    }
}

impl PresenceTransaction {
    /// Finds a user.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        user::find(self.connection(), id).await
    }

    /// Finds the application of a client id, and its service principal.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_program(&mut self, app_id: AppId) -> Result<Option<(Application, ServicePrincipal)>, Error> {
        let application = application::find_by_app_id(self.connection(), app_id).await?;
        let principal = service_principal::find_of(self.connection(), app_id).await?;
        Ok(application.zip(principal))
    }

    /// Whether a program has that secret still.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn has_secret(&mut self, id: ClientSecretId) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM client_secret WHERE id = ?";
        Ok(engine::query(sql).bind(id.to_string()).fetch_optional(self.connection()).await?.is_some())
    }

    /// Whether the sessions of a user were ended at `since` or later.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn were_sessions_ended(&mut self, user: UserId, since: Timestamp) -> Result<bool, Error> {
        were_sessions_ended(self.connection(), user, since).await
    }

    /// Adds what was granted. Of its user's, at most `most` stay: those that were used last.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_refresh_grant(&mut self, grant: &RefreshGrant, most: u32) -> Result<(), Error> {
        let user = grant.user.to_string();
        engine::query(
            "INSERT INTO refresh_grant (id, user_id, app_id, secret_id, scope, granted, signed_in, used, token_hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(grant.id.to_string())
        .bind(&user)
        .bind(grant.app_id.to_string())
        .bind(grant.secret.map(|secret| secret.to_string()))
        .bind(&grant.scope)
        .bind(&grant.granted)
        .bind(row::instant(grant.signed_in))
        .bind(row::instant(grant.used))
        .bind(row::hexadecimal(grant.token_hash))
        .execute(self.connection())
        .await?;
        engine::query(
            "DELETE FROM refresh_grant WHERE user_id = ? AND id NOT IN \
             (SELECT id FROM refresh_grant WHERE user_id = ? ORDER BY used DESC, id LIMIT ?)",
        )
        .bind(&user)
        .bind(&user)
        .bind(i64::from(most))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Puts another token in the place of the one with the hash `old`. `false`, and nothing is written, when that one does
    /// not count any more.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn replace_refresh_token(
        &mut self,
        id: Uuid,
        old: [u8; 32],
        new: [u8; 32],
        secret: Option<ClientSecretId>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let written = engine::query(
            "UPDATE refresh_grant SET token_hash = ?, secret_id = ?, used = ? WHERE id = ? AND token_hash = ?",
        )
        .bind(row::hexadecimal(new))
        .bind(secret.map(|secret| secret.to_string()))
        .bind(row::instant(now))
        .bind(id.to_string())
        .bind(row::hexadecimal(old))
        .execute(self.connection())
        .await?;
        Ok(written.rows_affected() > 0)
    }

    /// Ends what was granted; whether there was anything.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_refresh_grant(&mut self, id: Uuid) -> Result<bool, Error> {
        let sql = "DELETE FROM refresh_grant WHERE id = ?";
        Ok(engine::query(sql).bind(id.to_string()).execute(self.connection()).await?.rows_affected() > 0)
    }

    /// Forgets what was last used before `used`, or began before `begun`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn forget_refresh_grants(&mut self, used: Timestamp, begun: Timestamp) -> Result<(), Error> {
        engine::query("DELETE FROM refresh_grant WHERE used < ? OR signed_in < ?")
            .bind(row::instant(used))
            .bind(row::instant(begun))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

impl WriteTransaction {
    /// Ends what a program was granted for whomever.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn end_refresh_grants_of(&mut self, app_id: AppId) -> Result<(), Error> {
        let sql = "DELETE FROM refresh_grant WHERE app_id = ?";
        engine::query(sql).bind(app_id.to_string()).execute(self.connection()).await?;
        Ok(())
    }
}

async fn were_sessions_ended(connection: &mut Connection, user: UserId, since: Timestamp) -> Result<bool, Error> {
    let found = engine::query("SELECT 1 FROM revocation WHERE kind = 'principal' AND id = ? AND at >= ?")
        .bind(user.to_string())
        .bind(row::instant(since))
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

fn read_row(row: &Row) -> Result<RefreshGrant, Error> {
    Ok(RefreshGrant {
        id: row::parsed(row, "id", Uuid::try_parse)?,
        user: row::parsed(row, "user_id", str::parse)?,
        app_id: row::parsed(row, "app_id", str::parse)?,
        secret: row::parsed_if_any(row, "secret_id", str::parse)?,
        scope: row.try_get("scope")?,
        granted: row.try_get("granted")?,
        signed_in: row::parsed(row, "signed_in", str::parse::<Timestamp>)?,
        used: row::parsed(row, "used", str::parse::<Timestamp>)?,
        token_hash: row::parsed(row, "token_hash", row::hash)?,
    })
}
