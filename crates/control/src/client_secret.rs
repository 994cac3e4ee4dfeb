//! Client secrets: given to applications and service principals, taken back, and checked when a program shows one.
//!
//! Invariant: the server makes each secret, shows it once, and keeps its hash alone; neither audit nor log nor any later
//! answer has it.

use adit_core::admission::Admission;
use adit_core::audit::Activity;
use adit_core::client_secret::{
    ClientSecret, HINT_LENGTH, add_client_secret, client_secrets, take_client_secret, validity,
};
use adit_core::{
    AppId, Application, ApplicationId, ClientSecretId, DisplayName, OperationContext, ServicePrincipal,
    ServicePrincipalId,
};
use adit_store::WriteTransaction;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::application;
use crate::audit;
use crate::authority::sha256;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::service_principal;
use crate::target::Target;

/// What stands in each secret behind its hint, so that it is recognised in a log or a repository scan.
const MARK: &str = "adit~";

/// The characters of secrets: they stand in forms, headers and shells as they are. 64, so that each holds six bits.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Random characters of a secret: 43 of six bits are more than 256 bits.
const RANDOM_CHARACTERS: usize = 43;

/// The longest secret that is looked at, in bytes.
const LONGEST: usize = 256;

/// A secret to make.
#[derive(Debug, Clone, Default)]
pub struct NewClientSecret {
    /// What it is for.
    pub display_name: Option<DisplayName>,
    /// From when on it is valid; from now on if it is not said.
    pub starts: Option<Timestamp>,
    /// Until when; for two years if it is not said.
    pub ends: Option<Timestamp>,
}

/// A secret that was made. The only time that it is seen.
pub struct IssuedClientSecret {
    /// What stays known of it.
    pub secret: ClientSecret,
    /// The secret itself.
    pub text: Zeroizing<String>,
}

impl std::fmt::Debug for IssuedClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedClientSecret").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// A program that has proved who it is. Made only by [`ControlPlane::authenticate_program`].
#[derive(Debug, Clone)]
pub struct AuthenticatedProgram {
    application: Application,
    principal: ServicePrincipal,
    secret: ClientSecretId,
}

impl AuthenticatedProgram {
    /// Its application.
    #[must_use]
    pub const fn application(&self) -> &Application {
        &self.application
    }

    /// Its service principal, to which roles are assigned.
    #[must_use]
    pub const fn principal(&self) -> &ServicePrincipal {
        &self.principal
    }

    /// The secret by which it proved that.
    #[must_use]
    pub const fn secret(&self) -> ClientSecretId {
        self.secret
    }
}

/// Why a program was not believed.
#[derive(Debug, thiserror::Error)]
pub enum ProgramRefused {
    /// There is no such application.
    #[error("there is no application with the client id {0}")]
    Unknown(AppId),
    /// The application has no service principal, so it is nobody to whom anything is assigned.
    #[error("application {0} has no service principal")]
    NoServicePrincipal(AppId),
    /// Its service principal, or the application, is disabled.
    #[error("application {0} is disabled")]
    Disabled(AppId),
    /// The secret is none of its own.
    #[error("the client secret is none of application {0}")]
    WrongSecret(AppId),
    /// The secret is its own, and not valid at this time.
    #[error("client secret {id} of application {app_id} is not valid at this time")]
    NotValidNow {
        /// The application.
        app_id: AppId,
        /// The secret.
        id: ClientSecretId,
    },
    /// The directory could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

impl From<adit_store::Error> for ProgramRefused {
    fn from(error: adit_store::Error) -> Self {
        Self::Unavailable(Error::Store(error))
    }
}

impl ControlPlane {
    /// Gives an application a secret.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::ClientSecretRefused`],
    /// [`Error::NoRandomness`], [`Error::Store`].
    pub async fn add_application_secret(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
        new: NewClientSecret,
    ) -> Result<IssuedClientSecret, Error> {
        let issued = self.issue_secret(new)?;
        let mut change = self.store().begin().await?;
        let mut application = application::load(&mut change, target.into()).await?;
        add_client_secret(&mut application.attributes, &issued.secret)?;
        change.insert_secret_hash(issued.secret.id, application.app_id, sha256(issued.text.as_bytes())).await?;
        change.update_application(&mut application).await?;
        let detail = detail(None, Some(&issued.secret), &application.display_name);
        change.append_audit(self.record(context, Activity::AddApplicationSecret, application.id, detail));
        self.commit(change).await?;
        Ok(issued)
    }

    /// Gives a service principal a secret; it is as good as one of its application.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`], [`Error::StandsForTheApi`], [`Error::ChangedMeanwhile`], [`Error::ClientSecretRefused`],
    /// [`Error::NoRandomness`], [`Error::Store`].
    pub async fn add_service_principal_secret(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ServicePrincipalId>>,
        new: NewClientSecret,
    ) -> Result<IssuedClientSecret, Error> {
        let issued = self.issue_secret(new)?;
        let mut change = self.store().begin().await?;
        let old = service_principal::load_own(&mut change, target).await?;
        let mut principal = old.clone();
        add_client_secret(&mut principal.attributes, &issued.secret)?;
        change.insert_secret_hash(issued.secret.id, principal.app_id, sha256(issued.text.as_bytes())).await?;
        change.update_service_principal(&old, &mut principal).await?;
        let detail = detail(None, Some(&issued.secret), &principal.display_name);
        change.append_audit(self.record(context, Activity::AddServicePrincipalSecret, principal.id, detail));
        self.commit(change).await?;
        Ok(issued)
    }

    /// Takes a secret of an application back: no token is given for it any more.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::ClientSecretNotFound`], [`Error::Store`].
    pub async fn remove_application_secret(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
        id: ClientSecretId,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let mut application = application::load(&mut change, target.into()).await?;
        let taken = take_client_secret(&mut application.attributes, id).ok_or(Error::ClientSecretNotFound(id))?;
        change.delete_secret_hash(id).await?;
        change.update_application(&mut application).await?;
        let detail = detail(Some(&taken), None, &application.display_name);
        change.append_audit(self.record(context, Activity::RemoveApplicationSecret, application.id, detail));
        self.commit(change).await
    }

    /// Takes a secret of a service principal back.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`], [`Error::StandsForTheApi`], [`Error::ChangedMeanwhile`], [`Error::ClientSecretNotFound`],
    /// [`Error::Store`].
    pub async fn remove_service_principal_secret(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ServicePrincipalId>>,
        id: ClientSecretId,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let old = service_principal::load_own(&mut change, target).await?;
        let mut principal = old.clone();
        let taken = take_client_secret(&mut principal.attributes, id).ok_or(Error::ClientSecretNotFound(id))?;
        change.delete_secret_hash(id).await?;
        change.update_service_principal(&old, &mut principal).await?;
        let detail = detail(Some(&taken), None, &principal.display_name);
        change.append_audit(self.record(context, Activity::RemoveServicePrincipalSecret, principal.id, detail));
        self.commit(change).await
    }

    /// The program of that client id, if `secret` is one of its own and valid.
    ///
    /// # Errors
    /// [`ProgramRefused`].
    pub async fn authenticate_program(
        &self,
        app_id: AppId,
        secret: &str,
    ) -> Result<AuthenticatedProgram, ProgramRefused> {
        let found = self.store().find_application_by_app_id(app_id).await?;
        let application = found.ok_or(ProgramRefused::Unknown(app_id))?;
        let principal = self.store().find_service_principal_of(app_id).await?;
        let principal = principal.ok_or(ProgramRefused::NoServicePrincipal(app_id))?;
        let id = self.secret_that_is(app_id, secret).await?.ok_or(ProgramRefused::WrongSecret(app_id))?;
        let known = client_secrets(&application.attributes).into_iter().chain(client_secrets(&principal.attributes));
        // A hash without what is known of it was taken back, whatever became of the hash.
        let known = known.into_iter().find(|own| own.id == id).ok_or(ProgramRefused::WrongSecret(app_id))?;
        if !known.is_valid_at(self.now()) {
            return Err(ProgramRefused::NotValidNow { app_id, id });
        }
        if !Admission::of(&application, &principal, []).is_enabled() {
            return Err(ProgramRefused::Disabled(app_id));
        }
        Ok(AuthenticatedProgram { application, principal, secret: id })
    }

    /// Which of the secrets of a program this one is. All are compared, in a time that says nothing of them.
    async fn secret_that_is(&self, app_id: AppId, secret: &str) -> Result<Option<ClientSecretId>, Error> {
        if secret.len() > LONGEST {
            return Ok(None);
        }
        let hash = sha256(secret.as_bytes());
        let kept = self.store().secret_hashes_of(app_id).await?;
        let mut same = None;
        for (id, own) in kept {
            if verify_slices_are_equal(&own, &hash).is_ok() {
                same = Some(id);
            }
        }
        Ok(same)
    }

    fn issue_secret(&self, new: NewClientSecret) -> Result<IssuedClientSecret, Error> {
        let (starts, ends) = validity(self.now(), new.starts, new.ends)?;
        let text = random_text()?;
        let hint = text.chars().take(HINT_LENGTH).collect();
        let id = ClientSecretId::new(Uuid::new_v4());
        Ok(IssuedClientSecret { secret: ClientSecret { id, display_name: new.display_name, hint, starts, ends }, text })
    }
}

/// A new secret: its hint, the mark, and the rest.
fn random_text() -> Result<Zeroizing<String>, Error> {
    let mut random = Zeroizing::new([0_u8; RANDOM_CHARACTERS]);
    aws_lc_rs::rand::fill(random.as_mut_slice()).map_err(|_| Error::NoRandomness)?;
    let mut text = Zeroizing::new(String::with_capacity(RANDOM_CHARACTERS + MARK.len()));
    for (at, byte) in random.iter().enumerate() {
        if at == HINT_LENGTH {
            text.push_str(MARK);
        }
        let character = ALPHABET.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
        text.push(char::from(character));
    }
    Ok(text)
}

/// What the audit says of a secret; its hint is left out, which is a part of it.
fn detail(old: Option<&ClientSecret>, new: Option<&ClientSecret>, holder: &DisplayName) -> Value {
    let shown = |secret: &ClientSecret| json!({ "key_id": secret.id, "name": secret.display_name, "starts": secret.starts, "ends": secret.ends });
    audit::with(audit::change(old.map(shown), new.map(shown)), "target_name", holder.as_str())
}

/// Forgets the hashes of a service principal's secrets, as part of its deletion.
pub(crate) async fn forget_secrets_of(
    change: &mut WriteTransaction,
    principal: &ServicePrincipal,
) -> Result<(), Error> {
    for secret in client_secrets(&principal.attributes) {
        change.delete_secret_hash(secret.id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
