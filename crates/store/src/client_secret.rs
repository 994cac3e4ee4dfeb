//! Client secrets of programs in the database: only their hashes, by the client id of the program.
//!
//! Invariant: nothing but [`Store::secret_hashes_of`] reads a hash; no list, no snapshot and no change log can hold one.

use adit_core::{AppId, ClientSecretId};

use crate::engine;
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

impl Store {
    /// The hash (SHA-256) of each secret that was given to a program, valid or not.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn secret_hashes_of(&self, app_id: AppId) -> Result<Vec<(ClientSecretId, [u8; 32])>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query("SELECT id, secret_hash FROM client_secret WHERE app_id = ?")
            .bind(app_id.to_string())
            .fetch_all(&mut read)
            .await?;
        rows.iter()
            .map(|found| Ok((row::parsed(found, "id", str::parse)?, row::parsed(found, "secret_hash", row::hash)?)))
            .collect()
    }
}

impl WriteTransaction {
    /// Keeps the hash (SHA-256) of a secret.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_secret_hash(&mut self, id: ClientSecretId, app_id: AppId, hash: [u8; 32]) -> Result<(), Error> {
        engine::query("INSERT INTO client_secret (id, app_id, secret_hash) VALUES (?, ?, ?)")
            .bind(id.to_string())
            .bind(app_id.to_string())
            .bind(row::hexadecimal(hash))
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Forgets the hash of a secret, and ends what its program was granted when it last proved itself by it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_secret_hash(&mut self, id: ClientSecretId) -> Result<(), Error> {
        for sql in ["DELETE FROM client_secret WHERE id = ?", "DELETE FROM refresh_grant WHERE secret_id = ?"] {
            engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        Ok(())
    }
}
