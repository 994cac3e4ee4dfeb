//! Registration: the token and a request for a certificate go to the gateway, an identity comes back.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::RegistrationToken;
use adit_tunnel::message::{self, Binary, Refused, Register, RegisterAnswer, Retry};
use tokio::time::{Instant, sleep, timeout};

use crate::clock::{self, ClockTrouble, Clocks};
use crate::identity::{ConnectorKey, Identity};
use crate::issued::{self, NotOurs};
use crate::network::Network;
use crate::proxy::ProxyChoice;
use crate::{dial, tls};

/// Why a connector was not registered. Nothing was changed then, unless the answer was lost on its way; the same token
/// can be used again with the same data folder for ten minutes.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The gateway could not be reached.
    #[error("gateway {gateway} could not be reached: {error}")]
    Unreachable {
        /// Its address, from the token.
        gateway: String,
        /// Why.
        error: io::Error,
    },
    /// What answers there is not the gateway that the token was made for.
    #[error(
        "what answers at {gateway} is not the gateway this token was made for (its certificate authority is another): \
         {error}"
    )]
    WrongGateway {
        /// The address, from the token.
        gateway: String,
        /// What TLS says.
        error: io::Error,
    },
    /// The clocks of the two machines are too far apart.
    #[error("gateway {gateway}: {trouble}")]
    Clock {
        /// The address, from the token.
        gateway: String,
        /// What they say.
        trouble: ClockTrouble,
    },
    /// The certificate that came is not valid now, by this machine's clock or by the gateway's.
    #[error("the certificate that came is of no use: {0}; then use the token again with this data folder")]
    NotNow(String),
    /// The control plane said no.
    #[error("the registration was refused: {reason}")]
    Refused {
        /// Why, in the gateway's words.
        reason: String,
        /// Whether it says that trying again may help.
        retry: Retry,
    },
    /// The answer cannot be used.
    #[error("the gateway's answer cannot be used: {0}")]
    Unusable(String),
}

impl RegistrationError {
    /// Whether the gateway says that trying again may help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Refused { retry: Retry::Later, .. })
    }
}

/// How long a gateway that says "later" is asked again: it limits how many register in a minute, or its directory is away
/// for a moment.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The first pause after a "later"; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long a gateway may take to answer: it gives its control plane half of that.
const ANSWER: Duration = Duration::from_secs(30);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Registers with `token`, again for some minutes where the gateway says that this may help.
pub(crate) async fn register(
    network: &dyn Network,
    token: &RegistrationToken,
    key: &ConnectorKey,
    machine_name: &str,
    version: &str,
    proxy: &ProxyChoice,
) -> Result<Identity, RegistrationError> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match register_once(network, token, key, machine_name, version, proxy).await {
            Err(error) if error.may_pass() && started.elapsed() < PATIENCE => {
                tracing::warn!(%error, "not registered yet");
                // Spread, so that machines that were set up together do not come again together.
                sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            ended => return ended,
        }
    }
}

/// Tries once.
pub(crate) async fn register_once(
    network: &dyn Network,
    token: &RegistrationToken,
    key: &ConnectorKey,
    machine_name: &str,
    version: &str,
    proxy: &ProxyChoice,
) -> Result<Identity, RegistrationError> {
    let gateway = token.gateway.clone();
    let unusable = |reason: &dyn std::fmt::Display| RegistrationError::Unusable(reason.to_string());
    let config = tls::for_registration(token.ca_fingerprint).map_err(|error| unusable(&error))?;
    let mut connection = dial::gateway(network, &gateway, config, proxy.for_gateway(&gateway))
        .await
        .map_err(|error| unreachable(&gateway, error))?;
    let request = Register {
        secret: Binary(token.secret.to_vec()),
        request: Binary(key.request().map_err(|error| unusable(&error))?),
        machine_name: machine_name.to_owned(),
        version: version.to_owned(),
    };
    let lost = |error| RegistrationError::Unreachable { gateway: gateway.clone(), error };
    let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the gateway did not answer");
    let exchange = async {
        message::write(&mut connection, &request).await?;
        message::read(&mut connection).await
    };
    let answer = timeout(ANSWER, exchange).await.map_err(silent).and_then(|answer| answer).map_err(lost)?;
    let registered = match answer {
        RegisterAnswer::Registered(registered) => registered,
        RegisterAnswer::Refused(Refused { reason, retry }) => return Err(RegistrationError::Refused { reason, retry }),
    };
    let chain = connection.get_ref().1.peer_certificates().unwrap_or_default();
    let ca = tls::find_ca(chain, &token.ca_fingerprint).ok_or_else(|| unusable(&"no CA certificate"))?;
    let clocks = Clocks { ours: now(), theirs: registered.now };
    let issued =
        issued::check(&registered.certificate.0, key, ca, clocks, None).map_err(|not_ours| match not_ours {
            NotOurs::NotNow(not_now) => RegistrationError::NotNow(not_now.to_string()),
            not_ours => unusable(&format!("its certificate: {not_ours}")),
        })?;
    if let Some(skew) = clocks.skew().filter(|skew| !skew.is_tolerable()) {
        tracing::warn!("{skew}; certificates will be renewed at the wrong time: set the clock that is wrong right");
    }
    // A gateway may want to be asked for the next one sooner than the certificate says, and no later.
    let validity = (clocks.ours, issued.not_after.min(registered.not_after));
    Ok(Identity::new(
        gateway.clone(),
        issued.identity.connector.to_string(),
        machine_name.to_owned(),
        ca,
        registered.certificate,
        validity,
        issued.signs_targets,
    ))
}

fn unreachable(gateway: &str, error: io::Error) -> RegistrationError {
    let gateway = gateway.to_owned();
    if let Some(trouble) = clock::trouble(&error) {
        return RegistrationError::Clock { gateway, trouble };
    }
    if tls::is_certificate_fault(&error) {
        RegistrationError::WrongGateway { gateway, error }
    } else {
        RegistrationError::Unreachable { gateway, error }
    }
}

/// Seconds since 1970, by this machine's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
