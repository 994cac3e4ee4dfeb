//! Under which registration a connector runs: the one in its data folder, or a new one by the token that it was given.
//!
//! A token that was not used here yet is used at once. Where the gateway says "later", a connector that has a good
//! registration serves under that one meanwhile, and goes over to the new one when it has it.

use adit_core::RegistrationToken;

use crate::clock::Ended;
use crate::connector::{ConnectorError, Settings};
use crate::identity::{ConnectorKey, Identity, IdentityFolder};
use crate::network::Network;
use crate::register::{self, RegistrationError, now};

/// What a connector starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) identity: Identity,
    /// It was given a token that the gateway does not take yet.
    pub(crate) is_put_off: bool,
}

/// The identity in the folder; a new one where there is none, where it has ended, or where another token is given than
/// the one it came from. (A service that is started with `--token` each time goes on with what it has.)
pub(crate) async fn at_start(
    network: &dyn Network,
    settings: &Settings,
    folder: &IdentityFolder,
    key: &ConnectorKey,
) -> Result<Start, ConnectorError> {
    let as_it_is = |identity| Ok(Start { identity, is_put_off: false });
    let (good, old) = match folder.identity()? {
        Some(identity) if identity.not_after > now() => (Some(identity), None),
        old => (None, old),
    };
    let Some(token) = &settings.token else {
        return match (good, old) {
            (Some(good), _) => as_it_is(good),
            (None, Some(expired)) => Err(ConnectorError::Expired(Ended::new(expired.not_after, now()))),
            (None, None) => Err(ConnectorError::NotRegistered(settings.data.clone())),
        };
    };
    let Some(good) = good else {
        let identity = by_token(network, settings, token, key).await?.after(old.as_ref());
        folder.keep(&identity)?;
        return as_it_is(identity);
    };
    if good.is_from(&token.secret) {
        return as_it_is(good);
    }
    let machine_name = settings.machine_name.as_str();
    match register::register_once(network, token, key, machine_name, &settings.version, &settings.proxy).await {
        Ok(identity) => {
            let identity = identity.after(Some(&good)).with_token(&token.secret);
            folder.keep(&identity)?;
            as_it_is(identity)
        }
        Err(error) if error.may_pass() => {
            tracing::warn!(%error, "not registered anew yet; serving under the registration there is meanwhile");
            Ok(Start { identity: good, is_put_off: true })
        }
        // What is still good is not given up for a token that is not.
        Err(error) => {
            tracing::error!(%error, "not registered anew; going on with the registration there is");
            as_it_is(good)
        }
    }
}

/// Registers with the token; again, for some minutes, where the gateway says "later".
pub(crate) async fn by_token(
    network: &dyn Network,
    settings: &Settings,
    token: &RegistrationToken,
    key: &ConnectorKey,
) -> Result<Identity, RegistrationError> {
    let machine_name = settings.machine_name.as_str();
    let registering = register::register(network, token, key, machine_name, &settings.version, &settings.proxy);
    Ok(registering.await?.with_token(&token.secret))
}
