//! Certificates of custom domains: uploaded with their private key, kept sealed, and only their metadata given back.
//!
//! Invariant: the certificate that is kept for a published application is for the host of its external URL. One that is
//! not any more, because the URL changed or the publishing ended, is removed in the same transaction. A deleted
//! application keeps its certificate until it is purged.
//!
//! The private key is in nothing that is printed, logged, audited or answered; in the database it is sealed.

mod pfx;

use std::collections::HashMap;

use adit_core::audit::Activity;
use adit_core::certificate::{CertificateMetadata, covers};
use adit_core::{Application, ApplicationId, ExternalUrl, OperationContext};
use adit_store::{NewCertificate, WriteTransaction};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::application::load_published;
use crate::audit;
use crate::authority::ServerCertificate;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::sealing::SealingError;
use crate::target::Target;
use pfx::{Candidate, LARGEST_PFX};

/// Why an uploaded certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefused {
    /// Larger than [`LARGEST_PFX`].
    #[error("the certificate file has {0} bytes, more than the {LARGEST_PFX} that are accepted")]
    TooLarge(usize),
    /// Not a PFX, or one whose content makes no sense.
    #[error("this is not a PFX (PKCS#12) file in DER form, or it is damaged")]
    Unreadable,
    /// The password does not fit.
    #[error("the certificate file does not open with this password")]
    WrongPassword,
    /// A kind of encryption that is not known.
    #[error("the certificate file is encrypted in a way that is not supported; export it again with AES-256")]
    UnknownProtection,
    /// So many rounds of password hashing that nobody waits for it.
    #[error("the certificate file takes too long to open; export it again with fewer iterations, or try again later")]
    TooSlow,
    /// More keys or certificates than any chain has.
    #[error("the certificate file holds too many keys or certificates")]
    TooManyParts,
    /// Nothing to serve with.
    #[error("the certificate file holds no private key")]
    NoKey,
    /// Nothing to show.
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    /// A kind of key that is not accepted.
    #[error(
        "the private key is of a kind or size that is not accepted; use RSA of 2048 bits or more, ECDSA or Ed25519"
    )]
    KeyNotAccepted,
    /// The two do not belong together.
    #[error("no certificate in the file belongs to its private key")]
    KeyMismatch,
    /// It is over.
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    /// It has not begun.
    #[error("the certificate is valid only from {0} on")]
    NotYetValid(Timestamp),
    /// It is for something else, such as signing code.
    #[error("the certificate is not for servers")]
    NotForServers,
    /// It is for other hosts.
    #[error("the certificate is not for the host '{host}' of the application's external URL")]
    NotForHost {
        /// The host.
        host: String,
    },
}

/// A certificate to keep.
#[derive(Clone)]
pub struct CertificateUpload {
    /// A PKCS#12 file with the certificate, its chain and its private key.
    pub pfx: Zeroizing<Vec<u8>>,
    /// The password of the file; may be empty.
    pub password: Zeroizing<String>,
}

impl std::fmt::Debug for CertificateUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertificateUpload")
    }
}

/// What was taken out of an uploaded file, before it is known for which application it is.
pub(crate) struct OpenedUpload {
    candidates: Vec<Candidate>,
    /// What the application had before, private key and chain, if it can be opened.
    kept: Option<Zeroizing<Vec<u8>>>,
}

impl ControlPlane {
    /// Keeps the certificate of a published application's external host, and its private key, sealed. The same
    /// certificate again, with the same chain, changes nothing.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::CertificateRefused`],
    /// [`Error::Sealing`], [`Error::Store`].
    pub async fn set_certificate(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
        upload: CertificateUpload,
    ) -> Result<CertificateMetadata, Error> {
        let target = target.into();
        self.connector_group_of(target.id).await?;
        let opened = self.open_upload(Some(target.id), upload).await?;
        let mut change = self.store().begin().await?;
        let mut application = load_published(&mut change, target).await?;
        let (metadata, is_new) = self.keep_certificate(&mut change, context, &application, opened).await?;
        if !is_new {
            self.unchanged(change).await?;
            return Ok(metadata);
        }
        change.update_application(&mut application).await?;
        self.commit(change).await?;
        Ok(metadata)
    }

    /// Opens an uploaded file, and what the application has now: before the write lock, which nobody shall hold while
    /// passwords are hashed.
    pub(crate) async fn open_upload(
        &self,
        application: Option<ApplicationId>,
        upload: CertificateUpload,
    ) -> Result<OpenedUpload, Error> {
        let candidates = pfx::open(self.certificate_turn(), upload.pfx, upload.password).await?;
        let kept = match application {
            Some(application) => self.kept(application).await?,
            None => None,
        };
        Ok(OpenedUpload { candidates, kept })
    }

    /// The private key and chain that are kept. What cannot be opened counts as nothing: a new upload mends it.
    async fn kept(&self, application: ApplicationId) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match self.opened(application).await {
            Ok(found) => Ok(found.map(|(opened, _)| opened)),
            Err(Error::Sealing(_) | Error::Store(adit_store::Error::Unreadable { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn opened(
        &self,
        application: ApplicationId,
    ) -> Result<Option<(Zeroizing<Vec<u8>>, CertificateMetadata)>, Error> {
        let Some(found) = self.store().find_sealed_certificate(application).await? else { return Ok(None) };
        let opened = self.sealing_key().open(&place(application), &found.sealed)?;
        Ok(Some((opened, found.metadata)))
    }

    /// Keeps a certificate as part of a larger change, and says whether it or its chain is another than before.
    pub(crate) async fn keep_certificate(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        application: &Application,
        OpenedUpload { candidates, kept }: OpenedUpload,
    ) -> Result<(CertificateMetadata, bool), Error> {
        let fitting = self.fitting(candidates, external_host(application)?)?;
        let old = change.find_certificate(application.id).await?;
        let is_kept = kept.is_some_and(|kept| packed(&fitting).is_ok_and(|packed| *packed == *kept));
        if is_kept && old.as_ref().is_some_and(|old| old.metadata == fitting.metadata) {
            return Ok((fitting.metadata, false));
        }
        change.put_certificate(&self.sealed(application.id, &fitting)?).await?;
        let detail = audit::change(old.map(|old| shown(&old.metadata)), Some(shown(&fitting.metadata)));
        let detail = named(detail, application);
        let activity = Activity::AddApplicationSslCertificate;
        change.append_audit(self.record(context, activity, application.id, detail));
        Ok((fitting.metadata, true))
    }

    /// Removes the certificate of a published application. Where there is none, nothing changes.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn remove_certificate(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let mut application = load_published(&mut change, target.into()).await?;
        if !self.drop_certificate(&mut change, context, &application).await? {
            return self.unchanged(change).await;
        }
        change.update_application(&mut application).await?;
        self.commit(change).await
    }

    /// What is known of the certificate of an application, live or deleted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn certificate_of(&self, application: ApplicationId) -> Result<Option<CertificateMetadata>, Error> {
        Ok(self.certificates_of(&[application]).await?.remove(&application))
    }

    /// What is known of the certificates of several applications; those without one are left out.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn certificates_of(
        &self,
        applications: &[ApplicationId],
    ) -> Result<HashMap<ApplicationId, CertificateMetadata>, Error> {
        Ok(self.store().find_certificates(applications).await?)
    }

    /// The certificate of an application with its private key, for the gateway.
    ///
    /// # Errors
    /// [`Error::Sealing`] when it was sealed under another key, [`Error::Store`].
    pub async fn open_certificate(&self, application: ApplicationId) -> Result<Option<ServerCertificate>, Error> {
        let Some((opened, metadata)) = self.opened(application).await? else { return Ok(None) };
        let mut parts = unpacked(&opened)?.into_iter();
        let key = parts.next().ok_or(SealingError::NotOpened)?.to_vec();
        Ok(Some(ServerCertificate {
            chain: parts.map(|der| CertificateDer::from(der.to_vec())).collect(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
            not_after: metadata.expires,
        }))
    }

    /// The certificates of those of `applications` that have one, with their private keys, for the gateway. One that
    /// cannot be opened is left out and logged: the others are none the worse for it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_certificates(
        &self,
        applications: &[ApplicationId],
    ) -> Result<Vec<(ApplicationId, ServerCertificate)>, Error> {
        let mut all = Vec::new();
        for application in self.certificates_of(applications).await?.into_keys() {
            match self.open_certificate(application).await {
                Ok(opened) => all.extend(opened.map(|certificate| (application, certificate))),
                Err(error @ (Error::Sealing(_) | Error::Store(adit_store::Error::Unreadable { .. }))) => {
                    tracing::error!(%application, %error, "an uploaded certificate cannot be opened; upload it again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Removes the certificate of an application that was changed, if it does not fit any more.
    pub(crate) async fn drop_unfitting_certificate(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        application: &Application,
    ) -> Result<(), Error> {
        let Some(found) = change.find_certificate(application.id).await? else { return Ok(()) };
        let fits = external_host(application).is_ok_and(|host| covers(&found.names, host));
        if !fits {
            self.drop_certificate(change, context, application).await?;
        }
        Ok(())
    }

    /// Removes the certificate as part of a larger change, and says whether there was one.
    async fn drop_certificate(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        application: &Application,
    ) -> Result<bool, Error> {
        let Some(old) = change.find_certificate(application.id).await? else { return Ok(false) };
        change.delete_certificate(application.id).await?;
        let detail = named(audit::change(Some(shown(&old.metadata)), None), application);
        change.append_audit(self.record(context, Activity::DeleteSslBinding, application.id, detail));
        Ok(true)
    }

    /// The first candidate against which nothing speaks, or what speaks against the first.
    fn fitting(&self, candidates: Vec<Candidate>, host: &str) -> Result<Candidate, CertificateRefused> {
        let now = self.now();
        let mut first_refusal = None;
        for candidate in candidates {
            match check(&candidate, host, now) {
                Ok(()) => return Ok(candidate),
                Err(refusal) => _ = first_refusal.get_or_insert(refusal),
            }
        }
        Err(first_refusal.unwrap_or(CertificateRefused::NoCertificate))
    }

    fn sealed(&self, application: ApplicationId, candidate: &Candidate) -> Result<NewCertificate, Error> {
        let key = self.sealing_key();
        Ok(NewCertificate {
            application,
            metadata: candidate.metadata.clone(),
            names: candidate.names.clone(),
            sealing_key: key.id().to_owned(),
            sealed: key.seal(&place(application), &packed(candidate)?)?,
        })
    }
}

fn check(candidate: &Candidate, host: &str, now: Timestamp) -> Result<(), CertificateRefused> {
    let CertificateMetadata { issued, expires, .. } = candidate.metadata;
    if expires <= now {
        return Err(CertificateRefused::Expired(expires));
    }
    if issued > now {
        return Err(CertificateRefused::NotYetValid(issued));
    }
    if !candidate.is_for_servers {
        return Err(CertificateRefused::NotForServers);
    }
    if !covers(&candidate.names, host) {
        return Err(CertificateRefused::NotForHost { host: host.to_owned() });
    }
    Ok(())
}

fn external_host(application: &Application) -> Result<&str, Error> {
    let url = application.publishing().map(|publishing| &publishing.external_url);
    url.map(ExternalUrl::host).ok_or(Error::ApplicationNotPublished(application.id))
}

/// What a sealed certificate is bound to.
fn place(application: ApplicationId) -> String {
    format!("certificate of application {application}")
}

fn shown(metadata: &CertificateMetadata) -> Value {
    json!({
        "thumbprint": metadata.thumbprint,
        "subject_name": metadata.subject_name,
        "issuer_name": metadata.issuer_name,
        "issue_date": metadata.issued,
        "expiry_date": metadata.expires,
    })
}

/// The record is about the application, whose name is not in the certificate.
fn named(detail: Value, application: &Application) -> Value {
    audit::with(detail, "target_name", application.display_name.as_str())
}

/// The private key and then the certificates, each after its length.
fn packed(candidate: &Candidate) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    let parts = || std::iter::once(candidate.key.as_slice()).chain(candidate.chain.iter().map(Vec::as_slice));
    let length = parts().map(|part| part.len() + 4).sum();
    // Of its full size from the start: growing would leave copies of the key behind.
    let mut packed = Zeroizing::new(Vec::with_capacity(length));
    for part in parts() {
        let length = u32::try_from(part.len()).map_err(|_| SealingError::NotSealed)?;
        packed.extend_from_slice(&length.to_be_bytes());
        packed.extend_from_slice(part);
    }
    Ok(packed)
}

fn unpacked(mut packed: &[u8]) -> Result<Vec<&[u8]>, SealingError> {
    let mut parts = Vec::new();
    while !packed.is_empty() {
        let (length, rest) = packed.split_first_chunk::<4>().ok_or(SealingError::NotOpened)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| SealingError::NotOpened)?;
        let (part, rest) = rest.split_at_checked(length).ok_or(SealingError::NotOpened)?;
        parts.push(part);
        packed = rest;
    }
    Ok(parts)
}
