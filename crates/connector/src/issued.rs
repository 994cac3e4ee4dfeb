//! A certificate that a gateway hands over as this connector's own: it counts only if the directory's CA has signed it for
//! this connector's key, to be shown by clients, and it is of now: valid by this machine's clock and by the gateway's, and
//! not older than the one that is held. A gateway is not the control plane, and may be a false one.

use adit_core::connector::ConnectorIdentity;
use adit_core::permit::SIGNS_TARGETS;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::{Clocks, NotNow, TOLERABLE, Validity};
use crate::identity::ConnectorKey;
use crate::target_policy::{self, UnusableRoot};

/// Why a certificate is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it is for another key")]
    OtherKey,
    #[error("it cannot be checked: {0}")]
    Root(#[from] UnusableRoot),
    #[error("the directory's CA has not signed it")]
    OtherIssuer,
    #[error("it is not for clients to show")]
    NotForClients,
    #[error("it names no connector, or another one")]
    OtherConnector,
    #[error("it is older than the one that this connector has")]
    Older,
    #[error("{0}")]
    NotNow(#[from] NotNow),
}

/// What a connector's certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Who this is.
    pub(crate) identity: ConnectorIdentity,
    /// Whether the control plane that issued it signs targets.
    pub(crate) signs_targets: bool,
    /// When it ends, in seconds since 1970.
    pub(crate) not_after: i64,
}

/// Checks a certificate (DER) for `key` by the directory's CA and by the clocks. `held` is the one that it is to replace.
pub(crate) fn check(
    certificate: &[u8],
    key: &ConnectorKey,
    ca: &CertificateDer<'_>,
    clocks: Clocks,
    held: Option<&CertificateDer<'_>>,
) -> Result<Issued, NotOurs> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| NotOurs::Unreadable)?;
    if !key.is_of(certificate.public_key().raw) {
        return Err(NotOurs::OtherKey);
    }
    is_signed_by(&certificate, ca)?;
    let usage = certificate.extended_key_usage().ok().flatten();
    if !usage.is_some_and(|usage| usage.value.client_auth) || certificate.is_ca() {
        return Err(NotOurs::NotForClients);
    }
    let identity = named(&certificate).ok_or(NotOurs::OtherConnector)?;
    if let Some(held) = held {
        replaces(&certificate, identity, held)?;
    }
    clocks.judge(validity(&certificate))?;
    let units = certificate.subject().iter_organizational_unit();
    let signs_targets = units.filter_map(|unit| unit.as_str().ok()).any(|unit| unit == SIGNS_TARGETS);
    Ok(Issued { identity, signs_targets, not_after: validity(&certificate).not_after })
}

fn is_signed_by(certificate: &X509Certificate<'_>, ca: &CertificateDer<'_>) -> Result<(), NotOurs> {
    let (_, ca) = X509Certificate::from_der(ca).map_err(|_| UnusableRoot::Unreadable)?;
    target_policy::signing_key(&ca)?;
    if certificate.issuer() != ca.subject() {
        return Err(NotOurs::OtherIssuer);
    }
    certificate.verify_signature(Some(ca.public_key())).map_err(|_| NotOurs::OtherIssuer)
}

fn named(certificate: &X509Certificate<'_>) -> Option<ConnectorIdentity> {
    let names = certificate.subject_alternative_name().ok().flatten()?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return None };
    ConnectorIdentity::parse(uri)
}

/// Whether the certificate may take the place of `held`: it is for the same connector, and nothing leads back to an older
/// one. Where the control plane's clock was set back a little, a new one may begin a little before.
fn replaces(
    certificate: &X509Certificate<'_>,
    identity: ConnectorIdentity,
    held: &CertificateDer<'_>,
) -> Result<(), NotOurs> {
    // What was held was checked when it came.
    let Ok((_, held)) = X509Certificate::from_der(held) else { return Ok(()) };
    let Some(own) = named(&held) else { return Ok(()) };
    if identity.connector != own.connector {
        return Err(NotOurs::OtherConnector);
    }
    let begins_before = validity(certificate).not_before.saturating_add(TOLERABLE) < validity(&held).not_before;
    if identity.generation < own.generation || begins_before { Err(NotOurs::Older) } else { Ok(()) }
}

fn validity(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() }
}

#[cfg(test)]
mod tests;
