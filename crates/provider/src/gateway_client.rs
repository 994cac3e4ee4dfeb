//! This installation's own gateway as a client: it signs the users of published applications in here, where no other issuer
//! is configured.
//!
//! It is no application of the directory: nobody can make, see or change it, assign anything to it or give it a secret. Its
//! secret is made at each start and lives in this process, its redirect URI is one, and it learns who somebody is and
//! nothing else: it gets no token for the API, none for an application, and none to go on with.

use adit_core::AppId;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use uuid::uuid;
use zeroize::Zeroizing;

use crate::provider::Provider;
use crate::shelf::{hash, random_key};

/// The client id of the gateway. Those of applications are random (version 4), so none ever has it.
pub const GATEWAY_CLIENT_ID: AppId = AppId::new(uuid!("ad17ad17-0000-8000-8000-000000000001"));

/// What its users read that they sign in to.
pub(crate) const NAME: &str = "your applications";

/// By what the gateway is known here.
pub struct GatewayClient {
    /// Its client id.
    pub client_id: String,
    /// Its secret, valid until this process ends.
    pub secret: Zeroizing<String>,
}

impl std::fmt::Debug for GatewayClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayClient").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// What is kept of it.
pub(crate) struct Gateway {
    secret_hash: [u8; 32],
    pub(crate) redirect_uri: String,
}

impl Gateway {
    /// Whether that is its secret.
    pub(crate) fn is_secret(&self, shown: &str) -> bool {
        verify_slices_are_equal(&self.secret_hash, &hash(shown)).is_ok()
    }
}

impl Provider {
    /// Lets this installation's gateway sign users in here: codes go to `redirect_uri`, letter for letter, and nowhere else.
    /// Until this is called nobody is this client. Nobody is sent back to it after signing out: there is no session here
    /// that a browser would have to come for.
    ///
    /// `None` if it was called before, or the system gives no random numbers.
    #[must_use]
    pub fn admit_gateway(&self, redirect_uri: &str) -> Option<GatewayClient> {
        let secret = Zeroizing::new(random_key()?);
        let gateway = Gateway { secret_hash: hash(&secret), redirect_uri: redirect_uri.to_owned() };
        self.0.gateway.set(gateway).ok()?;
        Some(GatewayClient { client_id: GATEWAY_CLIENT_ID.to_string(), secret })
    }
}
