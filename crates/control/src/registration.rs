//! Registration: how a machine becomes a connector, and how a connector renews its certificate.
//!
//! Invariants (architecture, section 7, point 4): a token yields one certificate for one key. Showing the same token
//! with the same key again within ten minutes returns an equivalent certificate for the same connector, because the
//! first answer may have been lost; any other second use is refused. Unknown, used and expired tokens get one answer.

use std::net::IpAddr;

use adit_core::audit::Activity;
use adit_core::id::RegistrationTokenId;
use adit_core::operation::Actor;
use adit_core::{
    Connector, ConnectorGroupId, ConnectorId, ConnectorIdentity, KeyGeneration, MachineName, OperationContext,
};
use adit_store::{HasItsKey, Redemption, WriteTransaction};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::audit;
use crate::authority::{CheckedCsr, IssuedCertificate, sha256};
use crate::connector::unregistered;
use crate::control_plane::ControlPlane;
use crate::error::{Error, RegistrationRefused};

/// How long a lost answer can be asked for again, and how long a machine that registered has for its first tunnel
/// before another machine of its name may take its entry over.
const REPEATABLE: SignedDuration = SignedDuration::from_mins(10);

/// What a machine shows to become a connector.
#[derive(Clone)]
pub struct RegistrationRequest {
    /// The secret of a registration token.
    pub secret: [u8; 32],
    /// A certificate request for the key that the machine made.
    pub csr_der: Vec<u8>,
    /// What the machine calls itself.
    pub machine_name: MachineName,
    /// The version of its software.
    pub version: String,
}

impl std::fmt::Debug for RegistrationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationRequest").field("machine_name", &self.machine_name).finish_non_exhaustive()
    }
}

/// What a machine gets that became a connector.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Who it is from now on.
    pub identity: ConnectorIdentity,
    /// Its certificate.
    pub certificate_der: Vec<u8>,
    /// The directory's CA certificate.
    pub ca_der: Vec<u8>,
    /// Until when the certificate is valid.
    pub not_after: Timestamp,
}

impl ControlPlane {
    /// Looks whether there is a registration token with this secret that can be used, or was a short while ago: a quick
    /// read, for who wants to know whether it is worth while to [`Self::register`].
    ///
    /// # Errors
    /// [`RegistrationRefused::Refused`] if there is none, and [`RegistrationRefused::Unavailable`].
    pub async fn recognise(&self, secret: [u8; 32]) -> Result<(), RegistrationRefused> {
        let now = self.now();
        let recently = now.checked_sub(REPEATABLE).unwrap_or(Timestamp::MIN);
        let is_known = self.store().knows_registration_token(sha256(&secret), now, recently).await?;
        if is_known { Ok(()) } else { Err(RegistrationRefused::Refused) }
    }

    /// Makes a connector of the machine that shows a valid registration token.
    ///
    /// # Errors
    /// [`RegistrationRefused`]; the token stays unused then.
    pub async fn register(
        &self,
        request: RegistrationRequest,
        from: IpAddr,
    ) -> Result<Registered, RegistrationRefused> {
        let secret_hash = sha256(&request.secret);
        // A stranger with an invented token must get neither as far as a signature that is checked nor to the write lock.
        self.recognise(request.secret).await?;
        let csr = CheckedCsr::parse(&request.csr_der)?;
        let redemption = Redemption { secret_hash, key: csr.key_hash(), at: self.now() };
        let mut change = self.store().begin().await?;
        match change.redeem_registration_token(redemption, &request.machine_name).await? {
            Some((token, group)) => self.admit(change, token, group, &request, &csr, from).await,
            None => self.repeat(change, redemption, &csr).await,
        }
    }

    /// Renews the certificate of a connector that has shown its current one.
    ///
    /// # Errors
    /// [`RegistrationRefused::Revoked`] for a deleted connector and for any but its newest key generation.
    pub async fn renew(
        &self,
        identity: ConnectorIdentity,
        csr_der: Vec<u8>,
    ) -> Result<IssuedCertificate, RegistrationRefused> {
        let csr = CheckedCsr::parse(&csr_der)?;
        // Under the write lock, so that nothing is issued once a deletion was acknowledged.
        let mut presence = self.store().begin_presence().await?;
        let found = presence.find_connector(identity.connector).await?;
        let connector =
            found.filter(|connector| identity_of(connector) == identity).ok_or(RegistrationRefused::Revoked)?;
        let certificate = self.authority().certify(identity, &csr, self.now())?;
        let detail = json!({ "not_after": certificate.not_after });
        let context = context_of(&connector.machine_name);
        presence.append_audit(self.record(&context, Activity::RenewConnector, connector.id, detail));
        presence.commit().await?;
        Ok(certificate)
    }

    /// The first use of a token: takes over the machine's entry in the token's group, or makes one.
    async fn admit(
        &self,
        mut change: WriteTransaction,
        token: RegistrationTokenId,
        group: ConnectorGroupId,
        request: &RegistrationRequest,
        csr: &CheckedCsr,
        from: IpAddr,
    ) -> Result<Registered, RegistrationRefused> {
        let (old, connector) = self.enter(&mut change, group, &request.machine_name, csr.key_hash()).await?;
        change.note_registered(token, connector.id, connector.key_generation).await?;
        let certificate = self.authority().certify(identity_of(&connector), csr, self.now())?;
        let mut detail = audit::change(old.as_ref().map(audit::connector), Some(audit::connector(&connector)));
        detail = audit::with(detail, "registration_token", token.to_string());
        detail = audit::with(detail, "from", from.to_canonical().to_string());
        detail = audit::with(detail, "version", request.version.as_str());
        let context = context_of(&request.machine_name);
        change.append_audit(self.record(&context, Activity::RegisterConnector, connector.id, detail));
        self.commit(change).await?;
        Ok(self.registered(identity_of(&connector), certificate))
    }

    /// Writes the connector with a new key generation, which revokes the certificates of its older ones; with the same one
    /// where the machine has shown the same key, so that what is under way goes on. Returns the entry as it was, if there
    /// was one, and as it is.
    async fn enter(
        &self,
        change: &mut WriteTransaction,
        group: ConnectorGroupId,
        name: &MachineName,
        key: [u8; 32],
    ) -> Result<(Option<Connector>, Connector), Error> {
        let now = self.now();
        let recently = now.checked_sub(REPEATABLE).unwrap_or(Timestamp::MIN);
        let found = change.find_connector_to_take_over(group, name, key, recently).await?;
        let Some((old, HasItsKey(has_its_key))) = found else {
            let mut connector = unregistered(name.clone(), group, now);
            connector.key_generation = KeyGeneration(1);
            change.insert_connector(&mut connector).await?;
            return Ok((None, connector));
        };
        let mut connector = Connector { machine_name: name.clone(), ..old.clone() };
        if !has_its_key || old.care.key_copied.is_some() {
            connector.key_generation = KeyGeneration(old.key_generation.0.saturating_add(1));
        }
        change.update_connector(&mut connector).await?;
        Ok((Some(old), connector))
    }

    /// A second use of a token: the answer again if it is the same key, soon enough, and nothing has changed since.
    async fn repeat(
        &self,
        mut change: WriteTransaction,
        redemption: Redemption,
        csr: &CheckedCsr,
    ) -> Result<Registered, RegistrationRefused> {
        let redeemed = change.find_redeemed_token(redemption.secret_hash).await?;
        let redeemed = redeemed
            .filter(|redeemed| redeemed.key == redemption.key)
            .filter(|redeemed| redemption.at.duration_since(redeemed.at) <= REPEATABLE)
            .ok_or(RegistrationRefused::Refused)?;
        let identity = ConnectorIdentity { connector: redeemed.connector, generation: redeemed.generation };
        let current = self.is_current(&mut change, redeemed.connector, identity).await?;
        if !current {
            return Err(RegistrationRefused::Refused);
        }
        let certificate = self.authority().certify(identity, csr, redemption.at)?;
        self.unchanged(change).await?;
        Ok(self.registered(identity, certificate))
    }

    async fn is_current(
        &self,
        change: &mut WriteTransaction,
        connector: ConnectorId,
        identity: ConnectorIdentity,
    ) -> Result<bool, Error> {
        let found = change.find_connector(connector).await?;
        Ok(found.is_some_and(|connector| identity_of(&connector) == identity))
    }

    fn registered(&self, identity: ConnectorIdentity, certificate: IssuedCertificate) -> Registered {
        Registered {
            identity,
            certificate_der: certificate.certificate_der,
            ca_der: self.authority().certificate_der().to_vec(),
            not_after: certificate.not_after,
        }
    }
}

fn identity_of(connector: &Connector) -> ConnectorIdentity {
    ConnectorIdentity { connector: connector.id, generation: connector.key_generation }
}

fn context_of(machine: &MachineName) -> OperationContext {
    OperationContext { actor: Actor::Connector { machine: machine.as_str().to_owned() }, request_id: Uuid::now_v7() }
}
