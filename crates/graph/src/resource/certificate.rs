//! Certificates of external hosts: uploaded as a PFX with its password, shown by their metadata (contract section 1.5).
//!
//! The schema has `key` and `secretText`, Microsoft's own scripts send `value` for both. Neither is ever returned.

use adit_control::CertificateUpload;
use adit_core::certificate::CertificateMetadata;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::error::GraphError;

const PADDING_MAY_BE_LEFT_OUT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_MAY_BE_LEFT_OUT);

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_MAY_BE_LEFT_OUT);

/// The certificate in a checked publishing, if there is one.
pub(super) fn uploaded(publishing: &Map<String, Value>) -> Result<Option<CertificateUpload>, GraphError> {
    let text = |property: &str, part: &str| publishing.get(property)?.get(part)?.as_str();
    let pfx = text("verifiedCustomDomainKeyCredential", "key");
    let password = text("verifiedCustomDomainPasswordCredential", "secretText");
    match (pfx, password) {
        (Some(pfx), password) => {
            let pfx = Zeroizing::new(decoded(pfx)?);
            let password = Zeroizing::new(password.unwrap_or_default().to_owned());
            Ok(Some(CertificateUpload { pfx, password }))
        }
        (None, Some(_)) => Err(GraphError::invalid(
            "Property 'verifiedCustomDomainPasswordCredential' is the password of a certificate; send the certificate \
             with it, as 'verifiedCustomDomainKeyCredential'.",
        )),
        (None, None) => Ok(None),
    }
}

/// What is known of a certificate, in Graph's spelling.
pub(super) fn shown(certificate: &CertificateMetadata) -> Value {
    json!({
        "thumbprint": certificate.thumbprint,
        "subjectName": certificate.subject_name,
        "issuerName": certificate.issuer_name,
        "issueDate": format!("{:.0}", certificate.issued),
        "expiryDate": format!("{:.0}", certificate.expires),
    })
}

fn decoded(text: &str) -> Result<Vec<u8>, GraphError> {
    let plain: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(plain.as_bytes()).or_else(|_| URL_SAFE.decode(plain.as_bytes())).map_err(|_| {
        GraphError::invalid(
            "Invalid value specified for property 'verifiedCustomDomainKeyCredential/key': base64 is expected.",
        )
    })
}
