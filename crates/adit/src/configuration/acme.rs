//! What is said about ACME: flags and the `[acme]` table, put together and checked.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::ConfigurationError;
use crate::acme::{AcmeSettings, ChallengeKind};

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcmeTable {
    directory: Option<String>,
    #[serde(default)]
    contact: Vec<String>,
    agree_to_terms: Option<bool>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    challenges: Vec<String>,
    pub(super) ca: Option<PathBuf>,
}

/// Flags about it; a list that is given wins over the table's whole list.
#[derive(Debug, Default)]
pub(crate) struct AcmeFlags {
    pub(crate) directory: Option<String>,
    pub(crate) contact: Vec<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) agree_to_terms: bool,
}

/// Why nothing can be ordered as it is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadAcme {
    #[error("acme: no directory is given (--acme-directory URL), but other settings of it are")]
    NoDirectory,
    #[error("acme: directory '{0}' must be an https:// URL without a user name")]
    BadDirectory(String),
    #[error("acme: the authority's terms must be agreed to (--acme-agree-to-terms, or agree_to_terms = true)")]
    NotAgreed,
    #[error("acme: no domain is given (--acme-domain NAME): hosts at and below these get certificates, others none")]
    NoDomain,
    #[error("acme: domain '{0}' is not a name such as example.com")]
    BadDomain(String),
    #[error("acme: contact '{0}' must be a URL such as mailto:operations@example.com")]
    BadContact(String),
    #[error("acme: {0}")]
    BadChallenge(String),
    #[error("acme: the http-01 challenge needs a listener that port 80 leads to (--http-listen)")]
    NoHttpListener,
    #[error("acme: the CA {} cannot be read: {source}", path.display())]
    Ca { path: PathBuf, source: std::io::Error },
}

/// Puts both together; none if neither says anything.
pub(super) fn resolve(
    table: Option<AcmeTable>,
    flags: AcmeFlags,
    has_http_listener: bool,
) -> Result<Option<AcmeSettings>, ConfigurationError> {
    let nothing = table.is_none() && flags.directory.is_none() && flags.contact.is_empty() && flags.domains.is_empty();
    if nothing && !flags.agree_to_terms {
        return Ok(None);
    }
    Ok(Some(checked(table.unwrap_or_default(), flags, has_http_listener)?))
}

fn checked(table: AcmeTable, flags: AcmeFlags, has_http_listener: bool) -> Result<AcmeSettings, BadAcme> {
    let directory = flags.directory.or(table.directory).ok_or(BadAcme::NoDirectory)?;
    if !flags.agree_to_terms && table.agree_to_terms != Some(true) {
        return Err(BadAcme::NotAgreed);
    }
    let contact = if flags.contact.is_empty() { table.contact } else { flags.contact };
    let domains = if flags.domains.is_empty() { table.domains } else { flags.domains };
    if domains.is_empty() {
        return Err(BadAcme::NoDomain);
    }
    Ok(AcmeSettings {
        directory: directory_url(&directory)?,
        contact: contact.into_iter().map(contact_url).collect::<Result<_, _>>()?,
        domains: domains.into_iter().map(domain).collect::<Result<_, _>>()?,
        challenges: challenges(&table.challenges, has_http_listener)?,
        ca: table.ca.map(ca).transpose()?,
        sign_in_host: None,
    })
}

fn directory_url(text: &str) -> Result<Url, BadAcme> {
    let refused = || BadAcme::BadDirectory(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain = url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none();
    if plain { Ok(url) } else { Err(refused()) }
}

fn contact_url(text: String) -> Result<String, BadAcme> {
    match Url::parse(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(BadAcme::BadContact(text)),
    }
}

fn domain(text: String) -> Result<String, BadAcme> {
    match url::Host::parse(&text) {
        Ok(url::Host::Domain(name)) if !name.contains('*') && !name.ends_with('.') => Ok(name),
        _ => Err(BadAcme::BadDomain(text)),
    }
}

/// Those that are listed; else all that can be answered.
fn challenges(listed: &[String], has_http_listener: bool) -> Result<Vec<ChallengeKind>, BadAcme> {
    if listed.is_empty() {
        let http = has_http_listener.then_some(ChallengeKind::Http01);
        return Ok(http.into_iter().chain([ChallengeKind::TlsAlpn01]).collect());
    }
    let challenges: Vec<ChallengeKind> =
        listed.iter().map(|text| text.parse().map_err(BadAcme::BadChallenge)).collect::<Result<_, _>>()?;
    if challenges.contains(&ChallengeKind::Http01) && !has_http_listener {
        return Err(BadAcme::NoHttpListener);
    }
    Ok(challenges)
}

fn ca(path: PathBuf) -> Result<String, BadAcme> {
    std::fs::read_to_string(&path).map_err(|source| BadAcme::Ca { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "directory = 'https://acme.example/dir'\nagree_to_terms = true\ndomains = ['Example.com']\n";

    fn resolved(text: &str, flags: AcmeFlags, has_http_listener: bool) -> Result<Option<AcmeSettings>, String> {
        let table = (!text.is_empty()).then(|| toml::from_str(text).unwrap());
        resolve(table, flags, has_http_listener).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_ordered_unless_it_is_asked_for() {
        assert!(resolved("", AcmeFlags::default(), true).unwrap().is_none());
    }

    #[test]
    fn flags_win_over_the_table() {
        let flags = AcmeFlags {
            directory: Some("https://other.example/".to_owned()),
            domains: vec!["example.org".to_owned()],
            ..AcmeFlags::default()
        };
        let text = format!("{WHOLE}contact = ['mailto:a@example.com']");
        let settings = resolved(&text, flags, false).unwrap().unwrap();
        assert_eq!(settings.directory.host_str(), Some("other.example"));
        assert_eq!(
            (settings.domains.concat(), settings.contact.concat()),
            ("example.org".into(), "mailto:a@example.com".into())
        );
    }

    #[test]
    fn the_challenges_that_can_be_answered_are_used_unless_they_are_listed() {
        let challenges = |text: &str, http| {
            let settings = resolved(&format!("{WHOLE}{text}"), AcmeFlags::default(), http);
            settings.map(|settings| settings.unwrap().challenges)
        };
        assert_eq!(challenges("", false), Ok(vec![ChallengeKind::TlsAlpn01]));
        assert_eq!(challenges("", true), Ok(vec![ChallengeKind::Http01, ChallengeKind::TlsAlpn01]));
        assert_eq!(challenges("challenges = ['tls-alpn-01']", true), Ok(vec![ChallengeKind::TlsAlpn01]));
        assert!(challenges("challenges = ['http-01']", false).unwrap_err().contains("--http-listen"));
        assert!(challenges("challenges = ['dns-01']", true).unwrap_err().contains("dns-01"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, names) in [
            ("agree_to_terms = true", "--acme-directory"),
            ("directory = 'https://a.example/'\ndomains = ['a.example']", "--acme-agree-to-terms"),
            ("directory = 'https://a.example/'\nagree_to_terms = true", "--acme-domain"),
            ("directory = 'http://a.example/'\nagree_to_terms = true\ndomains = ['a.example']", "https://"),
            ("directory = 'https://u@a.example/'\nagree_to_terms = true\ndomains = ['a.example']", "user name"),
        ] {
            let refused = resolved(text, AcmeFlags::default(), false).unwrap_err();
            assert!(refused.contains(names), "{refused}");
        }
        for (wrong, names) in
            [("contact = ['operations']", "operations"), ("ca = '/nonexistent/ca.pem'", "/nonexistent/ca.pem")]
        {
            let refused = resolved(&format!("{WHOLE}{wrong}"), AcmeFlags::default(), false).unwrap_err();
            assert!(refused.contains(names), "{refused}");
        }
        for domain in ["*.example.com", "192.0.2.1", "", "example.com."] {
            let text = WHOLE.replace("Example.com", domain);
            assert!(resolved(&text, AcmeFlags::default(), false).unwrap_err().contains("domain"), "{domain}");
        }
        assert_eq!(resolved(WHOLE, AcmeFlags::default(), false).unwrap().unwrap().domains, ["example.com"]);
    }
}
