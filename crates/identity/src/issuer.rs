//! One configured issuer of tokens: its settings, the discovery of its keys, and the set of them that is kept.
//!
//! Keys come from the issuer's discovery document alone, never from a token. A set that cannot be renewed stays in use
//! for a day: an issuer that is down for an hour does not lock anybody out, and keys that it withdrew go in the end.

mod document;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use url::Url;

pub(crate) use document::Endpoints;
use document::{BadDocument, Document};

use crate::fetch::{self, FetchError, Fetcher, Transport};
use crate::key_set::{KeySet, PublicKey};
use crate::token::TokenRefused;

/// How often keys are fetched at most, so that tokens with made-up key ids cause no load elsewhere.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// After this time a set is renewed even if its keys still fit: a key that the issuer withdrew goes away.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// After this time a set that could not be renewed is not used any more.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often an issuer is tried of which nothing is known yet.
const FIRST_TRIES_EVERY: Duration = Duration::from_secs(5);

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
    keys: Arc<ArcSwapOption<Fetched>>,
}

/// Where keys are fetched from, and when.
struct Discovery {
    url: Url,
    fetcher: Fetcher,
    turn: Mutex<Turn>,
}

/// Keys are fetched by one task at a time, which belongs to nobody's request: whoever wanted them may go away.
#[derive(Default)]
struct Turn {
    last_try: Option<Instant>,
    /// Closed when the task that fetches is done, whatever came of it.
    under_way: Option<watch::Receiver<()>>,
}

struct Fetched {
    keys: KeySet,
    endpoints: Option<Arc<Endpoints>>,
    at: Instant,
}

/// Whether somebody who needs what is fetched waits for whoever fetches it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Nothing can be done without it.
    Yes,
    /// What is known serves as well.
    No,
}

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the document is not what was expected: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Bad(#[from] BadDocument),
    #[error("the key set has no key that can be used")]
    NoKeys,
}

impl Issuer {
    /// The issuer with a key that is known without asking.
    pub(crate) fn local(name: &str, audience: &str, keys: KeySet) -> Self {
        let keys = ArcSwapOption::from_pointee(Fetched { keys, endpoints: None, at: Instant::now() });
        Self { name: name.to_owned(), audience: audience.to_owned(), discovery: None, keys: Arc::new(keys) }
    }

    /// Believes other keys from now on; only of an issuer whose keys are known without asking.
    pub(crate) fn replace_keys(&self, keys: KeySet) {
        self.keys.store(Some(Arc::new(Fetched { keys, endpoints: None, at: Instant::now() })));
    }

    /// An issuer whose keys are found by discovery.
    pub(crate) fn configured(settings: IssuerSettings) -> Result<Self, UnusableIssuer> {
        let IssuerSettings { url, audience, ca } = settings;
        Self::reached(url, audience, ca.into())
    }

    /// The same, reached in any way.
    pub(crate) fn reached(name: String, audience: String, transport: Transport) -> Result<Self, UnusableIssuer> {
        let url = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|reason| UnusableIssuer::NotAUrl { url: name.clone(), reason })?;
        fetch::check(&url).map_err(|_| UnusableIssuer::NotHttps(name.clone()))?;
        if audience.trim().is_empty() {
            return Err(UnusableIssuer::NoAudience(name));
        }
        let fetcher = Fetcher::new(transport).map_err(|reason| UnusableIssuer::Tls { url: name.clone(), reason })?;
        let discovery = Some(Discovery { url, fetcher, turn: Mutex::default() });
        Ok(Self { name, audience, discovery, keys: Arc::new(ArcSwapOption::empty()) })
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
        self.refresh(if known.is_empty() { Waits::Yes } else { Waits::No }).await;
        let known = self.known(id, algorithm);
        match (known.is_empty(), self.is_known()) {
            (false, _) => Ok(known),
            (true, true) => Err(TokenRefused::UnknownKey),
            (true, false) => Err(TokenRefused::IssuerUnavailable),
        }
    }

    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<PublicKey> {
        match self.keys.load().as_deref() {
            Some(fetched) if self.counts(fetched) => fetched.keys.candidates(id, algorithm).cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Where it signs people in; fetched if that is not known or old.
    pub(crate) async fn endpoints(&self) -> Option<Arc<Endpoints>> {
        if !self.is_known() || self.is_stale() {
            self.refresh(if self.is_known() { Waits::No } else { Waits::Yes }).await;
        }
        let fetched = self.keys.load();
        fetched.as_deref().filter(|fetched| self.counts(fetched)).and_then(|fetched| fetched.endpoints.clone())
    }

    /// Makes it seem that keys were fetched that long ago.
    #[cfg(test)]
    pub(crate) fn was_tried(&self, ago: Duration) {
        let discovery = self.discovery.as_ref().expect("an issuer that is asked");
        discovery.turn().last_try = Instant::now().checked_sub(ago);
    }

    /// What fetches from it; nothing where there is nothing to fetch.
    pub(crate) fn fetcher(&self) -> Option<&Fetcher> {
        self.discovery.as_ref().map(|discovery| &discovery.fetcher)
    }

    /// Whether it is in this very process.
    pub(crate) fn is_in_process(&self) -> bool {
        self.fetcher().is_some_and(Fetcher::is_in_process)
    }

    fn is_known(&self) -> bool {
        self.keys.load().as_deref().is_some_and(|fetched| self.counts(fetched))
    }

    /// Whether what was fetched is used still.
    fn counts(&self, fetched: &Fetched) -> bool {
        self.discovery.is_none() || is_kept(fetched.at.elapsed())
    }

    fn is_stale(&self) -> bool {
        self.discovery.is_some() && self.keys.load().as_ref().is_none_or(|fetched| fetched.at.elapsed() > FRESH)
    }

    /// Has the keys fetched, at most once per [`REFRESH_EVERY`]; whoever needs them, or asks first, waits for that.
    async fn refresh(&self, waits: Waits) {
        let Some(discovery) = &self.discovery else { return };
        let (begun, under_way) = self.fetch(discovery);
        if let Some(mut under_way) = under_way.filter(|_| begun == Begun::Now || waits == Waits::Yes) {
            // It fails when the sender is gone: then it is done.
            while under_way.changed().await.is_ok() {}
        }
    }

    /// The fetch that is under way, which begins if it is time for one.
    fn fetch(&self, discovery: &Discovery) -> (Begun, Option<watch::Receiver<()>>) {
        let mut turn = discovery.turn();
        let under_way = turn.under_way.take().filter(|under_way| under_way.has_changed().is_ok());
        if under_way.is_some() {
            turn.under_way.clone_from(&under_way);
            return (Begun::Before, under_way);
        }
        let pause = if self.is_known() { REFRESH_EVERY } else { FIRST_TRIES_EVERY };
        if turn.last_try.is_some_and(|at| at.elapsed() < pause) {
            return (Begun::Before, None);
        }
        turn.last_try = Some(Instant::now());
        let (done, under_way) = watch::channel(());
        turn.under_way = Some(under_way.clone());
        let (name, url, fetcher) = (self.name.clone(), discovery.url.clone(), discovery.fetcher.clone());
        let keys = Arc::clone(&self.keys);
        tokio::spawn(async move {
            match fetch(&name, &url, &fetcher).await {
                Ok(fetched) => keys.store(Some(Arc::new(fetched))),
                Err(error) => tracing::warn!(issuer = %name, %error, "the keys of an issuer could not be fetched"),
            }
            drop(done);
        });
        (Begun::Now, Some(under_way))
    }
}

impl Discovery {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By whom a fetch was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    Before,
}

async fn fetch(issuer: &str, url: &Url, fetcher: &Fetcher) -> Result<Fetched, RefreshError> {
    let document: Document = serde_json::from_slice(&fetcher.get(url).await?)?;
    let key_set = document.key_set(issuer, url)?;
    let keys = KeySet::parse(&fetcher.get(&key_set).await?)?;
    if keys.is_empty() {
        return Err(RefreshError::NoKeys);
    }
    let endpoints = document.endpoints(url).map(Arc::new);
    Ok(Fetched { keys, endpoints, at: Instant::now() })
}

/// Whether a set of that age is used still.
const fn is_kept(age: Duration) -> bool {
    age.as_secs() < KEPT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_cannot_be_renewed_is_used_for_a_day_and_no_longer() {
        assert!(is_kept(FRESH * 23) && !is_kept(KEPT) && !is_kept(KEPT * 2));
    }
}
