//! A certificate that a gateway hands over as this connector's own: it counts only if the directory's CA has signed it for
//! this connector's key. A gateway is not the control plane, and may be a false one.

use adit_core::connector::ConnectorIdentity;
use adit_core::permit::SIGNS_TARGETS;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::ConnectorKey;

/// Why a certificate is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it is for another key")]
    OtherKey,
    #[error("the directory's CA has not signed it")]
    OtherIssuer,
    #[error("it names no connector, or another one")]
    OtherConnector,
}

/// What a connector's certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Who this is.
    pub(crate) identity: ConnectorIdentity,
    /// Whether the control plane that issued it signs targets.
    pub(crate) signs_targets: bool,
}

/// Checks a certificate (DER) for `key` by the directory's CA.
pub(crate) fn check(certificate: &[u8], key: &ConnectorKey, ca: &CertificateDer<'_>) -> Result<Issued, NotOurs> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| NotOurs::Unreadable)?;
    let (_, ca) = X509Certificate::from_der(ca).map_err(|_| NotOurs::Unreadable)?;
    if !key.is_of(certificate.public_key().raw) {
        return Err(NotOurs::OtherKey);
    }
    certificate.verify_signature(Some(ca.public_key())).map_err(|_| NotOurs::OtherIssuer)?;
    let names = certificate.subject_alternative_name().ok().flatten().ok_or(NotOurs::OtherConnector)?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return Err(NotOurs::OtherConnector) };
    let identity = ConnectorIdentity::parse(uri).ok_or(NotOurs::OtherConnector)?;
    let units = certificate.subject().iter_organizational_unit();
    let signs_targets = units.filter_map(|unit| unit.as_str().ok()).any(|unit| unit == SIGNS_TARGETS);
    Ok(Issued { identity, signs_targets })
}
