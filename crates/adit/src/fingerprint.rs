//! A certificate's SHA-256 as people compare it: pairs of upper-case hexadecimal digits and colons, the form that
//! browsers and `openssl x509 -fingerprint -sha256` show.

use std::fmt;

/// A SHA-256 to be shown.
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_written_as_browsers_write_it() {
        let mut bytes = [0; 32];
        bytes[1] = 0xab;
        bytes[31] = 0xff;
        let shown = Fingerprint(bytes).to_string();
        assert!(shown.starts_with("00:AB:00:") && shown.ends_with(":00:FF"), "{shown}");
        assert_eq!(shown.len(), 32 * 3 - 1);
    }

    #[test]
    fn databases_name_an_authority_in_the_same_way() {
        let (authority, _) = adit_control::CertificateAuthority::generate().unwrap();
        assert_eq!(adit_control::authority_name(&authority), Fingerprint(authority.fingerprint()).to_string());
    }
}
