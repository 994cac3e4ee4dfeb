//! The provider's keys in memory: read from the directory at most once a minute, and published to whoever checks tokens
//! before anything is signed by a new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_control::{ControlPlane, Error, SigningKeys};
use adit_identity::{ProviderIssuer, ProviderKey, key_set_document};
use serde_json::Value;
use tokio::sync::Mutex;

/// For how long keys are taken as they were read.
const FRESH: Duration = Duration::from_secs(60);

/// Keys, and when they were read.
struct Read {
    keys: Arc<SigningKeys>,
    at: Instant,
}

/// The keys at work.
pub(crate) struct Keys {
    control: ControlPlane,
    issuer: ProviderIssuer,
    /// Held while they are read, so that many who need the first key make one.
    read: Mutex<Option<Read>>,
}

impl Keys {
    pub(crate) fn new(control: ControlPlane, issuer: ProviderIssuer) -> Self {
        Self { control, issuer, read: Mutex::new(None) }
    }

    pub(crate) const fn issuer(&self) -> &ProviderIssuer {
        &self.issuer
    }

    /// Takes up what the directory has; makes nothing where there was nothing yet.
    pub(crate) async fn take_up(&self) -> Result<(), Error> {
        let mut read = self.read.lock().await;
        if let Some(keys) = self.control.signing_keys_if_any().await? {
            self.keep(&mut read, keys);
        }
        Ok(())
    }

    /// The key that signs.
    pub(crate) async fn signing(&self) -> Result<ProviderKey, Error> {
        Ok(self.current().await?.signs.clone())
    }

    /// The public halves, as a JWK set.
    pub(crate) async fn document(&self) -> Result<Value, Error> {
        Ok(key_set_document(&self.current().await?.published))
    }

    /// The claims of a token of that kind which was signed here, whatever they say; none if it was not, or so long ago that
    /// its key is forgotten.
    pub(crate) async fn claims_of_own(&self, kind: &str, token: &str) -> Result<Option<Value>, Error> {
        Ok(self.current().await?.published.iter().find_map(|key| key.claims_of_own(kind, token)))
    }

    async fn current(&self) -> Result<Arc<SigningKeys>, Error> {
        let mut read = self.read.lock().await;
        if let Some(known) = read.as_ref().filter(|known| known.at.elapsed() < FRESH) {
            return Ok(Arc::clone(&known.keys));
        }
        let keys = self.control.signing_keys().await?;
        Ok(self.keep(&mut read, keys))
    }

    fn keep(&self, read: &mut Option<Read>, keys: SigningKeys) -> Arc<SigningKeys> {
        self.issuer.publish(&keys.published);
        let keys = Arc::new(keys);
        *read = Some(Read { keys: Arc::clone(&keys), at: Instant::now() });
        keys
    }
}
