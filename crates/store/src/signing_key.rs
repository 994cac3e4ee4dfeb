//! The keys of the built-in provider in the database, sealed, and the tenant that it speaks for.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::{self, Connection};
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// A key of the provider, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSigningKey {
    /// Its id, as tokens name it.
    pub id: String,
    /// From when on it signs.
    pub begins: Timestamp,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
    /// Which key it is sealed under.
    pub sealing_key: String,
}

impl fmt::Debug for SealedSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSigningKey").field("id", &self.id).field("begins", &self.begins).finish_non_exhaustive()
    }
}

impl Store {
    /// The tenant that this directory is.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn tenant(&self) -> Result<Uuid, Error> {
        let mut read = self.read().await?;
        let found = engine::query("SELECT id FROM tenant").fetch_one(&mut read).await?;
        row::parsed(&found, "id", Uuid::try_parse)
    }

    /// The provider's keys, in no order.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn signing_keys(&self) -> Result<Vec<SealedSigningKey>, Error> {
        let mut read = self.read().await?;
        all(&mut read).await
    }
}

impl WriteTransaction {
    /// The provider's keys, in no order.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn signing_keys(&mut self) -> Result<Vec<SealedSigningKey>, Error> {
        all(self.connection()).await
    }

    /// Keeps a key of the provider.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_signing_key(&mut self, key: &SealedSigningKey) -> Result<(), Error> {
        engine::query("INSERT INTO signing_key (id, begins, sealed, sealing_key_id) VALUES (?, ?, ?, ?)")
            .bind(&key.id)
            .bind(row::instant(key.begins))
            .bind(row::digits(&key.sealed))
            .bind(&key.sealing_key)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Forgets a key of the provider.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_signing_key(&mut self, id: &str) -> Result<(), Error> {
        engine::query("DELETE FROM signing_key WHERE id = ?").bind(id).execute(self.connection()).await?;
        Ok(())
    }
}

async fn all(connection: &mut Connection) -> Result<Vec<SealedSigningKey>, Error> {
    let rows =
        engine::query("SELECT id, begins, sealed, sealing_key_id FROM signing_key").fetch_all(connection).await?;
    rows.iter()
        .map(|found| {
            let text: String = found.try_get("sealed")?;
            // Not the text itself into an error, sealed or not.
            let sealed =
                row::bytes(&text).ok_or_else(|| row::unreadable("sealed signing key", "", "it is not hexadecimal"))?;
            Ok(SealedSigningKey {
                id: found.try_get("id")?,
                begins: row::parsed(found, "begins", str::parse::<Timestamp>)?,
                sealed,
                sealing_key: found.try_get("sealing_key_id")?,
            })
        })
        .collect()
}
