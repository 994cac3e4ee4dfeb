//! Certificates of custom domains in the database: what is known of them in plain, their private keys sealed.
//!
//! One for each application at most. The key under which they are sealed is not in here, only its name.

use std::collections::HashMap;
use std::fmt;

use adit_core::{ApplicationId, CertificateMetadata};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _};

use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// A certificate to keep.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// Whose it is.
    pub application: ApplicationId,
    /// What is shown of it.
    pub metadata: CertificateMetadata,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Which key it is sealed under.
    pub sealing_key: String,
    /// Chain and private key, sealed.
    pub sealed: Vec<u8>,
}

/// What is known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCertificate {
    /// What is shown of it.
    pub metadata: CertificateMetadata,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
}

/// A certificate with its chain and private key, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCertificate {
    /// What is shown of it.
    pub metadata: CertificateMetadata,
    /// Chain and private key, sealed.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for NewCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCertificate").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

impl fmt::Debug for SealedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCertificate").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

impl Store {
    /// What is known of the certificates of these applications; those without one are left out.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_certificates(
        &self,
        applications: &[ApplicationId],
    ) -> Result<HashMap<ApplicationId, CertificateMetadata>, Error> {
        if applications.is_empty() {
            return Ok(HashMap::new());
        }
        let select = sea_query::Query::select()
            .columns(["application_id", "thumbprint", "subject_name", "issuer_name", "issued", "expires"])
            .from("certificate")
            .and_where(Expr::col("application_id").is_in(applications.iter().map(ToString::to_string)))
            .to_owned();
        let mut read = self.read().await?;
        let rows = engine::built(&select, read.engine())?.fetch_all(&mut read).await?;
        rows.iter().map(|row| Ok((row::parsed(row, "application_id", str::parse)?, metadata_from(row)?))).collect()
    }

    /// The certificate of an application, sealed.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_sealed_certificate(
        &self,
        application: ApplicationId,
    ) -> Result<Option<SealedCertificate>, Error> {
        let mut read = self.read().await?;
        let row = engine::query("SELECT * FROM certificate WHERE application_id = ?")
            .bind(application.to_string())
            .fetch_optional(&mut read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get("sealed")?;
        // Not the text itself into an error, sealed or not.
        let sealed =
            row::bytes(&text).ok_or_else(|| row::unreadable("sealed certificate", "", "it is not hexadecimal"))?;
        Ok(Some(SealedCertificate { metadata: metadata_from(&row)?, sealed }))
    }

    /// The names of the keys under which certificates are sealed.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn sealing_keys(&self) -> Result<Vec<String>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query("SELECT DISTINCT sealing_key_id FROM certificate").fetch_all(&mut read).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

impl WriteTransaction {
    /// What is known of the certificate of an application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_certificate(&mut self, application: ApplicationId) -> Result<Option<KeptCertificate>, Error> {
        find(self.connection(), application).await
    }

    /// Keeps the certificate of an application in the place of the one it had. What changes for others is the
    /// application, so that is what goes to the change log.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn put_certificate(&mut self, new: &NewCertificate) -> Result<(), Error> {
        self.delete_certificate(new.application).await?;
        engine::query(
            "INSERT INTO certificate (application_id, thumbprint, subject_name, issuer_name, issued, expires, names, \
             sealing_key_id, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.application.to_string())
        .bind(new.metadata.thumbprint.as_str())
        .bind(new.metadata.subject_name.as_str())
        .bind(new.metadata.issuer_name.as_str())
        .bind(row::instant(new.metadata.issued))
        .bind(row::instant(new.metadata.expires))
        .bind(row::json("names", &new.names)?)
        .bind(new.sealing_key.as_str())
        .bind(row::digits(&new.sealed))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Forgets the certificate of an application, if it has one.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_certificate(&mut self, application: ApplicationId) -> Result<(), Error> {
        engine::query("DELETE FROM certificate WHERE application_id = ?")
            .bind(application.to_string())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

async fn find(connection: &mut Connection, id: ApplicationId) -> Result<Option<KeptCertificate>, Error> {
    let row = engine::query(
        "SELECT thumbprint, subject_name, issuer_name, issued, expires, names FROM certificate \
         WHERE application_id = ?",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let names = row::parsed(&row, "names", |text| serde_json::from_str(text))?;
    Ok(Some(KeptCertificate { metadata: metadata_from(&row)?, names }))
}

fn metadata_from(row: &Row) -> Result<CertificateMetadata, Error> {
    Ok(CertificateMetadata {
        thumbprint: row.try_get("thumbprint")?,
        subject_name: row.try_get("subject_name")?,
        issuer_name: row.try_get("issuer_name")?,
        issued: row::parsed(row, "issued", str::parse::<Timestamp>)?,
        expires: row::parsed(row, "expires", str::parse::<Timestamp>)?,
    })
}
