//! What the control plane signs for connectors, so that a gateway which was captured is no way into their networks: for
//! each application what may be dialled by the connectors of its group ([`Permit`]), and for each connector the group that
//! it is in ([`Membership`]). A gateway shows both with every stream; it can keep them back, but make neither.
//!
//! A statement is JSON; what crosses the tunnel is `base64url(JSON).base64url(signature)`. The signature is over the
//! statement's label and the JSON as it was sent, so neither kind passes for the other, nor for a certificate. Signing
//! and checking need keys and clocks, and are done elsewhere.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::application::UpstreamCertificate;
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use crate::internal_url::{InternalUrl, Scheme};
use crate::revision::{Epoch, Revision};
use crate::wildcard;

/// The longest text that is read as a signed statement, in bytes; a real one has about 400.
const LONGEST: usize = 4096;

/// What the certificate of a connector says of the control plane that issued it (as an organisational unit of the
/// subject): it signs targets. A connector that once had such a certificate dials nothing else.
pub const SIGNS_TARGETS: &str = "signed-targets";

/// Whether the connector opens TLS towards the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamTls {
    /// Plain TCP.
    Off,
    /// TLS; the certificate must be valid for the host.
    Verified,
    /// TLS; any certificate.
    NotVerified,
}

impl UpstreamTls {
    /// What an application asks for.
    #[must_use]
    pub const fn of(scheme: Scheme, certificate: UpstreamCertificate) -> Self {
        match (scheme, certificate) {
            (Scheme::Http, _) => Self::Off,
            (Scheme::Https, UpstreamCertificate::Verified) => Self::Verified,
            (Scheme::Https, UpstreamCertificate::NotVerified) => Self::NotVerified,
        }
    }
}

/// Something that the control plane signs.
pub trait Statement: Serialize + DeserializeOwned {
    /// Tells the kinds apart beneath the signature. No certificate begins with it.
    const LABEL: &str;
}

/// What the connectors of one group may dial for one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// The application.
    pub application: ApplicationId,
    /// The only group whose connectors may.
    pub connector_group: ConnectorGroupId,
    /// Name or address, an IPv6 one without brackets; `*.` before a domain stands for every name below it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS or not.
    pub tls: UpstreamTls,
    /// When it ends, in seconds since 1970.
    pub until: i64,
}

impl Statement for Permit {
    const LABEL: &str = "adit permit 1\n";
}

impl Permit {
    /// For an application whose connectors are those of `group`, until `until` (seconds since 1970).
    #[must_use]
    pub fn new(
        application: ApplicationId,
        connector_group: ConnectorGroupId,
        url: &InternalUrl,
        certificate: UpstreamCertificate,
        until: i64,
    ) -> Self {
        let host = bare_host(url.host()).to_owned();
        let tls = UpstreamTls::of(url.scheme(), certificate);
        Self { application, connector_group, host, port: url.port(), tls, until }
    }

    /// Whether it is for this host, port and kind of TLS.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16, tls: UpstreamTls) -> bool {
        let right_host = match wildcard::domain(&self.host) {
            Some(domain) => wildcard::star(host, domain).is_some(),
            None => self.host.eq_ignore_ascii_case(host),
        };
        right_host && self.port == port && self.tls == tls
    }
}

/// A host as it is dialled: without the brackets of an IPv6 address.
#[must_use]
pub fn bare_host(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Which group a connector is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The connector.
    pub connector: ConnectorId,
    /// The one group it is in.
    pub connector_group: ConnectorGroupId,
    /// With the revision: of two memberships the later one counts.
    pub epoch: Epoch,
    /// The revision of the directory at which it was signed.
    pub revision: Revision,
    /// When it ends, in seconds since 1970.
    pub until: i64,
}

impl Statement for Membership {
    const LABEL: &str = "adit membership 1\n";
}

/// Why a text is not a signed statement of the kind that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a signed statement")]
pub struct NotAStatement;

/// A statement with its signature, as it crosses the tunnel. The signature was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    json: Vec<u8>,
    /// What must be a signature of [`Self::message`].
    pub signature: Vec<u8>,
}

impl Unchecked {
    /// Reads the text.
    ///
    /// # Errors
    /// [`NotAStatement`].
    pub fn parse(text: &str) -> Result<Self, NotAStatement> {
        let (json, signature) = text.split_once('.').filter(|_| text.len() <= LONGEST).ok_or(NotAStatement)?;
        let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| NotAStatement);
        Ok(Self { json: bytes(json)?, signature: bytes(signature)? })
    }

    /// What was signed, if it is a statement of that kind.
    #[must_use]
    pub fn message<S: Statement>(&self) -> Vec<u8> {
        [S::LABEL.as_bytes(), &self.json].concat()
    }

    /// What it says. To be asked once the signature was checked.
    ///
    /// # Errors
    /// [`NotAStatement`].
    pub fn statement<S: Statement>(&self) -> Result<S, NotAStatement> {
        serde_json::from_slice(&self.json).map_err(|_| NotAStatement)
    }
}

/// Signs a statement: `sign` is given the message, and the text for the tunnel is returned.
///
/// # Errors
/// What `sign` returns.
pub fn signed<S: Statement, E>(statement: &S, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<String, E> {
    // Numbers, ids and short texts are always written.
    let json = serde_json::to_vec(statement).unwrap_or_default();
    let signature = sign(&[S::LABEL.as_bytes(), &json].concat())?;
    Ok(format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(json), BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn permit(url: &str) -> Permit {
        let (application, group) = (ApplicationId::new(Uuid::from_u128(1)), ConnectorGroupId::new(Uuid::from_u128(2)));
        Permit::new(application, group, &InternalUrl::parse(url).unwrap(), UpstreamCertificate::Verified, 7)
    }

    #[test]
    fn a_permit_is_for_one_host_one_port_and_one_kind_of_tls() {
        let wiki = permit("https://wiki.corp:8443/app/");
        assert!(wiki.covers("Wiki.corp", 8443, UpstreamTls::Verified));
        assert!(!wiki.covers("wiki.corp", 8444, UpstreamTls::Verified));
        assert!(!wiki.covers("wiki.corp", 8443, UpstreamTls::NotVerified));
        assert!(!wiki.covers("wiki.corp", 8443, UpstreamTls::Off));
        assert!(!wiki.covers("a.wiki.corp", 8443, UpstreamTls::Verified));
        assert!(permit("http://[fd00::1]/").covers("fd00::1", 80, UpstreamTls::Off));
    }

    #[test]
    fn a_permit_under_a_wildcard_is_for_names_below_it_and_for_no_address() {
        let corp = permit("http://*.corp/");
        assert!(corp.covers("a.corp", 80, UpstreamTls::Off) && corp.covers("b.a.corp", 80, UpstreamTls::Off));
        for host in ["corp", "acorp", "10.0.0.1", "*.corp", "a.corp.evil"] {
            assert!(!corp.covers(host, 80, UpstreamTls::Off), "{host}");
        }
    }

    #[test]
    fn a_statement_survives_the_tunnel_and_its_message_tells_its_kind() {
        let permit = permit("http://wiki/");
        let text = signed(&permit, |message| Ok::<_, ()>(message.to_vec())).unwrap();
        let read = Unchecked::parse(&text).unwrap();
        assert_eq!(read.signature, read.message::<Permit>());
        assert_ne!(read.signature, read.message::<Membership>());
        assert_eq!(read.statement(), Ok(permit));
        assert_eq!(read.statement::<Membership>(), Err(NotAStatement));
        for text in ["", ".", "a", "a.b.c", "e30", &"x".repeat(5000)] {
            assert!(Unchecked::parse(text).is_err() || text == ".", "{text}");
        }
    }
}
