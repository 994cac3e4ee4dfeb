//! One configured issuer of tokens: its settings, the discovery of its keys, and the set of them that is kept.
//!
//! Keys come from the issuer's discovery document alone, never from a token. A set that cannot be renewed stays in use:
//! an issuer that is down for an hour does not lock administrators out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::fetch::{self, FetchError, Fetcher};
use crate::key_set::{KeySet, PublicKey};
use crate::token::TokenRefused;

/// How often keys are fetched at most, so that tokens with made-up key ids cause no load elsewhere.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// After this time a set is renewed even if its keys still fit: a key that the issuer withdrew goes away.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// An issuer whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Its URL: what tokens have as `iss`, and below which its discovery document is found.
    pub url: String,
    /// What tokens must have as `aud`.
    pub audience: String,
    /// The only certificate authority to trust for it; without one, what the platform trusts.
    pub ca: Option<CertificateDer<'static>>,
}

/// An issuer that cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum UnusableIssuer {
    /// Not a URL.
    #[error("issuer '{url}' is not a URL: {reason}")]
    NotAUrl {
        /// What was configured.
        url: String,
        /// What is wrong with it.
        reason: url::ParseError,
    },
    /// Neither https nor http to loopback.
    #[error("issuer '{0}' must start with https:// (http:// is allowed to loopback addresses only)")]
    NotHttps(String),
    /// No audience.
    #[error(
        "issuer '{0}' needs an audience: without one, tokens for any other service of that issuer would be accepted"
    )]
    NoAudience(String),
    /// The certificate authority or the platform's trust store cannot be used.
    #[error("issuer '{url}' cannot be reached over TLS: {reason}")]
    Tls {
        /// The issuer.
        url: String,
        /// What is wrong.
        reason: rustls::Error,
    },
}

/// An issuer at work.
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) audience: String,
    discovery: Option<Discovery>,
    keys: ArcSwapOption<Fetched>,
}

/// Where keys are fetched from, and when it was last tried.
struct Discovery {
    url: Url,
    fetcher: Fetcher,
    last_try: Mutex<Option<Instant>>,
}

struct Fetched {
    keys: KeySet,
    at: Instant,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Url,
}

impl Document {
    /// Where the keys are, if the document is that of the issuer `name` and was not found on a safer way than they.
    fn key_set(self, name: &str, found_at: &Url) -> Result<Url, RefreshError> {
        if self.issuer != name {
            return Err(RefreshError::OtherIssuer(self.issuer));
        }
        if found_at.scheme() == "https" && self.jwks_uri.scheme() != "https" {
            return Err(RefreshError::Downgrade(self.jwks_uri));
        }
        Ok(self.jwks_uri)
    }
}

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the document is not what was expected: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the discovery document is of another issuer, '{0}'")]
    OtherIssuer(String),
    /// What is behind this server's loopback is none of the issuer's business.
    #[error("the issuer is reached over https, but its keys would be fetched from '{0}'")]
    Downgrade(Url),
    #[error("the key set has no key that can be used")]
    NoKeys,
}

impl Issuer {
    /// The issuer with a key that is known without asking.
    pub(crate) fn local(name: &str, audience: &str, keys: KeySet) -> Self {
        let keys = ArcSwapOption::from_pointee(Fetched { keys, at: Instant::now() });
        Self { name: name.to_owned(), audience: audience.to_owned(), discovery: None, keys }
    }

    /// An issuer whose keys are found by discovery.
    pub(crate) fn configured(settings: IssuerSettings) -> Result<Self, UnusableIssuer> {
        let IssuerSettings { url: name, audience, ca } = settings;
        let url = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|reason| UnusableIssuer::NotAUrl { url: name.clone(), reason })?;
        fetch::check(&url).map_err(|_| UnusableIssuer::NotHttps(name.clone()))?;
        if audience.trim().is_empty() {
            return Err(UnusableIssuer::NoAudience(name));
        }
        let fetcher = Fetcher::new(ca.as_ref()).map_err(|reason| UnusableIssuer::Tls { url: name.clone(), reason })?;
        let discovery = Some(Discovery { url, fetcher, last_try: Mutex::new(None) });
        Ok(Self { name, audience, discovery, keys: ArcSwapOption::empty() })
    }

    /// The keys that may have signed a token with that header; fetched if there are none or they are old.
    pub(crate) async fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<PublicKey>, TokenRefused> {
        let known = self.known(id, algorithm);
        if !known.is_empty() && !self.is_stale() {
            return Ok(known);
        }
        self.refresh().await;
        let known = self.known(id, algorithm);
        match (known.is_empty(), self.keys.load().is_some()) {
            (false, _) => Ok(known),
            (true, true) => Err(TokenRefused::UnknownKey),
            (true, false) => Err(TokenRefused::IssuerUnavailable),
        }
    }

    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<PublicKey> {
        match self.keys.load().as_deref() {
            Some(fetched) => fetched.keys.candidates(id, algorithm).cloned().collect(),
            None => Vec::new(),
        }
    }

    fn is_stale(&self) -> bool {
        self.discovery.is_some() && self.keys.load().as_ref().is_none_or(|fetched| fetched.at.elapsed() > FRESH)
    }

    /// Fetches the keys, at most once per [`REFRESH_EVERY`]; whoever comes while it runs waits for it.
    async fn refresh(&self) {
        let Some(discovery) = &self.discovery else { return };
        let mut last_try = discovery.last_try.lock().await;
        if last_try.is_some_and(|at| at.elapsed() < REFRESH_EVERY) {
            return;
        }
        *last_try = Some(Instant::now());
        match self.fetch(discovery).await {
            Ok(keys) => self.keys.store(Some(Arc::new(Fetched { keys, at: Instant::now() }))),
            Err(error) => {
                tracing::warn!(issuer = %self.name, error = %error, "the keys of an issuer could not be fetched");
            }
        }
    }

    async fn fetch(&self, discovery: &Discovery) -> Result<KeySet, RefreshError> {
        let document: Document = serde_json::from_slice(&discovery.fetcher.get(&discovery.url).await?)?;
        let keys = KeySet::parse(&discovery.fetcher.get(&document.key_set(&self.name, &discovery.url)?).await?)?;
        if keys.is_empty() { Err(RefreshError::NoKeys) } else { Ok(keys) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_over_https_cannot_send_us_to_plain_http_not_even_on_loopback() {
        let key_set = |found_at: &str, jwks_uri: &str| {
            let document = Document { issuer: "name".to_owned(), jwks_uri: jwks_uri.parse().unwrap() };
            document.key_set("name", &found_at.parse().unwrap())
        };
        assert!(key_set("https://login.example/x", "https://keys.example/y").is_ok());
        assert!(key_set("http://127.0.0.1:1/x", "http://127.0.0.1:1/y").is_ok());
        for target in ["http://127.0.0.1:9090/metrics", "http://localhost/", "file:///etc/passwd"] {
            assert!(matches!(key_set("https://login.example/x", target), Err(RefreshError::Downgrade(_))), "{target}");
        }
    }
}
