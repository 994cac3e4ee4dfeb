//! Registration tokens in the database: only the hash of the secret is kept, and a token is redeemed by one conditional
//! write, so that of any number who try at once exactly one succeeds.

use adit_core::id::RegistrationTokenId;
use adit_core::{ConnectorGroupId, ConnectorId, KeyGeneration, MachineName};
use jiff::Timestamp;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// A token to keep.
#[derive(Debug, Clone)]
pub struct NewRegistrationToken {
    /// Its id.
    pub id: RegistrationTokenId,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// The group that its connector joins.
    pub connector_group: ConnectorGroupId,
    /// The only machine that may use it; without one, any may.
    pub machine_name: Option<MachineName>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// A token that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRegistrationToken {
    /// Its id.
    pub id: RegistrationTokenId,
    /// The group that its connector joins.
    pub connector_group: ConnectorGroupId,
    /// The only machine that may use it.
    pub machine_name: Option<MachineName>,
    /// When it was made; not known of those of earlier versions.
    pub created: Option<Timestamp>,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// With what a token is redeemed.
#[derive(Debug, Clone, Copy)]
pub struct Redemption {
    /// SHA-256 of the secret that was shown.
    pub secret_hash: [u8; 32],
    /// SHA-256 of the public key to be certified.
    pub key: [u8; 32],
    /// When.
    pub at: Timestamp,
}

/// What a redeemed token was redeemed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedeemedToken {
    /// SHA-256 of the public key that was certified.
    pub key: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// The connector that registered.
    pub connector: ConnectorId,
    /// The generation of its key.
    pub generation: KeyGeneration,
}

impl Store {
    /// Whether there is a token of that hash that can be used at `now`, or was used at `used_since` or later. A cheap first
    /// look that takes no lock.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn knows_registration_token(
        &self,
        secret_hash: [u8; 32],
        now: Timestamp,
        used_since: Timestamp,
    ) -> Result<bool, Error> {
        let mut read = self.read().await?;
        let row = engine::query(
            "SELECT 1 FROM registration_token WHERE secret_hash = ? \
             AND (redeemed_at >= ? OR (redeemed_at IS NULL AND expires_at > ?))",
        )
        .bind(row::hexadecimal(secret_hash))
        .bind(row::instant(used_since))
        .bind(row::instant(now))
        .fetch_optional(&mut read)
        .await?;
        Ok(row.is_some())
    }

    /// The tokens that can be used at `now`, the newest first; at most `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn open_registration_tokens(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OpenRegistrationToken>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT id, connector_group_id, machine_name, created, expires_at FROM registration_token \
             WHERE redeemed_at IS NULL AND expires_at > ? ORDER BY id DESC LIMIT +?",
        )
        .bind(row::instant(now))
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        rows.iter().map(open).collect()
    }

    /// Finds what a token was redeemed for; `None` when it is unknown or still unused.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_redeemed_token(&self, secret_hash: [u8; 32]) -> Result<Option<RedeemedToken>, Error> {
        let mut read = self.read().await?;
        find_redeemed(&mut read, secret_hash).await
    }
}

impl WriteTransaction {
    /// Keeps a new token.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_registration_token(&mut self, token: &NewRegistrationToken) -> Result<(), Error> {
        engine::query(
            "INSERT INTO registration_token (id, secret_hash, connector_group_id, machine_name, machine_name_folded, \
             created, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(token.id.to_string())
        .bind(row::hexadecimal(token.secret_hash))
        .bind(token.connector_group.to_string())
        .bind(token.machine_name.as_ref().map(MachineName::as_str))
        .bind(token.machine_name.as_ref().map(MachineName::folded))
        .bind(row::instant(token.created))
        .bind(row::instant(token.expires))
        .execute(self.connection())
        .await?;
        self.log(Entity::RegistrationToken, token.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Redeems a token if it is known, unused, not expired, and not for a machine of another name; returns it and its
    /// group, or `None` and changes nothing.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn redeem_registration_token(
        &mut self,
        redemption: Redemption,
        machine: &MachineName,
    ) -> Result<Option<(RegistrationTokenId, ConnectorGroupId)>, Error> {
        let at = row::instant(redemption.at);
        let row = engine::query(
            "UPDATE registration_token SET redeemed_at = ?, redeemed_key = ? \
             WHERE secret_hash = ? AND redeemed_at IS NULL AND expires_at > ? \
             AND (machine_name_folded IS NULL OR machine_name_folded = ?) RETURNING id, connector_group_id",
        )
        .bind(at.as_str())
        .bind(row::hexadecimal(redemption.key))
        .bind(row::hexadecimal(redemption.secret_hash))
        .bind(at.as_str())
        .bind(machine.folded())
        .fetch_optional(self.connection())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id: RegistrationTokenId = row::parsed(&row, "id", str::parse)?;
        let group = row::parsed(&row, "connector_group_id", str::parse)?;
        self.log(Entity::RegistrationToken, id.to_string(), Operation::Update);
        Ok(Some((id, group)))
    }

    /// Removes a token that was not used; whether there was one.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_open_registration_token(&mut self, id: RegistrationTokenId) -> Result<bool, Error> {
        let deleted = engine::query("DELETE FROM registration_token WHERE id = ? AND redeemed_at IS NULL")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        self.log(Entity::RegistrationToken, id.to_string(), Operation::Delete);
        Ok(true)
    }

    /// Notes which connector a redeemed token made, and the generation of its key.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn note_registered(
        &mut self,
        token: RegistrationTokenId,
        connector: ConnectorId,
        generation: KeyGeneration,
    ) -> Result<(), Error> {
        engine::query("UPDATE registration_token SET connector_id = ?, key_generation = ? WHERE id = ?")
            .bind(connector.to_string())
            .bind(i64::from(generation.0))
            .bind(token.to_string())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Finds what a token was redeemed for; `None` when it is unknown or still unused.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_redeemed_token(&mut self, secret_hash: [u8; 32]) -> Result<Option<RedeemedToken>, Error> {
        find_redeemed(self.connection(), secret_hash).await
    }
}

fn open(row: &Row) -> Result<OpenRegistrationToken, Error> {
    let machine_name: Option<String> = row.try_get("machine_name")?;
    let created: Option<String> = row.try_get("created")?;
    Ok(OpenRegistrationToken {
        id: row::parsed(row, "id", str::parse)?,
        connector_group: row::parsed(row, "connector_group_id", str::parse)?,
        machine_name: machine_name.map(|_| row::parsed(row, "machine_name", MachineName::parse)).transpose()?,
        created: created.map(|_| row::parsed(row, "created", str::parse::<Timestamp>)).transpose()?,
        expires: row::parsed(row, "expires_at", str::parse::<Timestamp>)?,
    })
}

async fn find_redeemed(connection: &mut Connection, secret_hash: [u8; 32]) -> Result<Option<RedeemedToken>, Error> {
    let row = engine::query(
        "SELECT redeemed_at, redeemed_key, connector_id, key_generation FROM registration_token \
         WHERE secret_hash = ? AND redeemed_at IS NOT NULL AND connector_id IS NOT NULL",
    )
    .bind(row::hexadecimal(secret_hash))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RedeemedToken {
        key: row::parsed(&row, "redeemed_key", row::hash)?,
        at: row::parsed(&row, "redeemed_at", str::parse::<Timestamp>)?,
        connector: row::parsed(&row, "connector_id", str::parse)?,
        generation: KeyGeneration(row::unsigned("key_generation", row.try_get("key_generation")?)?),
    }))
}
