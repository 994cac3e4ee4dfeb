//! Registration tokens: by one, one new connector joins one group. The directory keeps only the secret's hash.

use std::time::Duration;

use adit_core::audit::Activity;
use adit_core::id::RegistrationTokenId;
use adit_core::{ConnectorGroupId, MachineName, OperationContext, RegistrationToken};
use adit_store::{NewRegistrationToken, OpenRegistrationToken};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::audit;
use crate::authority::sha256;
use crate::connector_group;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// The shortest lifetime of a token.
pub const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);

/// The longest lifetime of a token: a week, so that one forgotten in a script does not stay valid.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many open tokens are listed: more than anybody hands out at once.
pub const MOST_LISTED: u32 = 10_000;

/// A token that was made. The only time that its secret is seen.
#[derive(Debug, Clone)]
pub struct IssuedRegistrationToken {
    /// By which it is revoked.
    pub id: RegistrationTokenId,
    /// The token.
    pub token: RegistrationToken,
    /// From when on it is refused.
    pub expires: Timestamp,
}

impl ControlPlane {
    /// Makes a token by which one connector may join `group`; only the machine of that name, if one is given.
    ///
    /// # Errors
    /// [`Error::BadLifetime`], [`Error::ConnectorGroupNotFound`], [`Error::NoRandomness`], [`Error::Store`].
    pub async fn create_registration_token(
        &self,
        context: &OperationContext,
        group: ConnectorGroupId,
        machine_name: Option<MachineName>,
        lifetime: Duration,
    ) -> Result<IssuedRegistrationToken, Error> {
        let expires = self.expiry(lifetime)?;
        let secret = random_secret()?;
        let mut change = self.store().begin().await?;
        let group = connector_group::load(&mut change, group).await?;
        let id = RegistrationTokenId::new(Uuid::now_v7());
        let (secret_hash, created) = (sha256(&secret), self.now());
        let connector_group = group.id;
        let new = NewRegistrationToken { id, secret_hash, connector_group, machine_name, created, expires };
        change.insert_registration_token(&new).await?;
        let detail = json!({
            "connector_group": group.id, "expires": expires,
            "machine_name": new.machine_name.as_ref().map(MachineName::as_str),
        });
        let detail = audit::change(None, Some(detail));
        change.append_audit(self.record(context, Activity::AddRegistrationToken, id, detail));
        self.commit(change).await?;
        let ca_fingerprint = self.authority().fingerprint();
        Ok(IssuedRegistrationToken {
            id,
            token: RegistrationToken { gateway: self.gateway_address(), ca_fingerprint, secret },
            expires,
        })
    }

    /// The tokens that can still be used, the newest first; at most [`MOST_LISTED`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_registration_tokens(&self) -> Result<Vec<OpenRegistrationToken>, Error> {
        Ok(self.store().open_registration_tokens(self.now(), MOST_LISTED).await?)
    }

    /// Revokes a token: nobody registers with it any more. A connector that it made stays.
    ///
    /// # Errors
    /// [`Error::RegistrationTokenNotFound`] for one that was used, revoked or never made, [`Error::Store`].
    pub async fn revoke_registration_token(
        &self,
        context: &OperationContext,
        id: RegistrationTokenId,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        if !change.delete_open_registration_token(id).await? {
            return Err(Error::RegistrationTokenNotFound(id));
        }
        change.append_audit(self.record(context, Activity::RevokeRegistrationToken, id, json!({})));
        self.commit(change).await
    }

    fn expiry(&self, lifetime: Duration) -> Result<Timestamp, Error> {
        if !(SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&lifetime) {
            return Err(Error::BadLifetime);
        }
        let lifetime = SignedDuration::try_from(lifetime).map_err(|_| Error::BadLifetime)?;
        self.now().checked_add(lifetime).map_err(|_| Error::BadLifetime)
    }
}

fn random_secret() -> Result<[u8; 32], Error> {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| Error::NoRandomness)?;
    Ok(secret)
}
