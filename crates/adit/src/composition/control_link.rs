//! What the gateway needs of the control plane, in the gateway's words: registration and presence of connectors.
//! (Certificates: [`crate::certificate`].)
//!
//! The gateway's cores only wait for the answers: the work is done on the runtime that the link was made on. What a
//! connector is told is the public part of an error; the gateway logs that, and what it does not learn is logged here.

use std::net::IpAddr;
use std::time::Duration;

use adit_control::{ControlPlane, Error, RegistrationRefused, RegistrationRequest};
use adit_core::MachineName;
use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ConnectorId, TunnelId};
use adit_gateway::{ConnectorDirectory, Noticed, Renewed, TunnelUp};
use adit_tunnel::message::{Binary, Refused, Register, Registered, Retry};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;

/// How often presence is recorded before it is given up.
const NOTE_ATTEMPTS: u32 = 10;

/// Between two attempts; waiting for the database's own lock comes on top.
const NOTE_PAUSE: Duration = Duration::from_millis(500);

/// Does for a gateway what it asks of the control plane.
pub(super) struct ControlLink {
    control: ControlPlane,
    runtime: Handle,
}

impl ControlLink {
    /// A link whose work is done on the current runtime.
    pub(super) fn new(control: ControlPlane) -> Self {
        Self { control, runtime: Handle::current() }
    }

    /// Runs `work` on the control plane's runtime.
    fn there<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Refused>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Refused>> {
        let task = self.runtime.spawn(work);
        async move { task.await.unwrap_or_else(|_| Err(later())) }.boxed()
    }

    /// Runs `work` on the control plane's runtime, again while the database does not answer: a connector that serves
    /// shall not show as inactive because a disk was slow. A failure in the end is for the log alone.
    fn noted<W>(&self, what: &'static str, work: impl Fn() -> W + Send + 'static) -> BoxFuture<'static, ()>
    where
        W: Future<Output = Result<(), Error>> + Send,
    {
        let task = self.runtime.spawn(async move {
            for _ in 0..NOTE_ATTEMPTS {
                match work().await {
                    Ok(()) => return,
                    // Whoever has the directory now has heard of the tunnels that it has.
                    Err(error) if error.is_closed() => return,
                    Err(error @ Error::Store(_)) => tracing::warn!(%error, "{what} was not recorded yet"),
                    Err(error) => return tracing::warn!(%error, "{what} was not recorded"),
                }
                tokio::time::sleep(NOTE_PAUSE).await;
            }
            tracing::error!("{what} was not recorded: the directory did not answer");
        });
        async move { drop(task.await) }.boxed()
    }
}

impl ConnectorDirectory for ControlLink {
    fn recognise(&self, request: &Register) -> BoxFuture<'static, Result<(), Refused>> {
        let (control, secret) = (self.control.clone(), secret_of(request));
        self.there(async move { control.recognise(secret?).await.map_err(|refused| told(&refused)) })
    }

    fn register(&self, request: Register, from: IpAddr) -> BoxFuture<'static, Result<Registered, Refused>> {
        let control = self.control.clone();
        self.there(async move {
            let registered = control.register(parsed(request)?, from).await.map_err(|refused| told(&refused))?;
            Ok(Registered {
                connector: registered.identity.connector.to_string(),
                certificate: Binary(registered.certificate_der),
                not_after: registered.not_after.as_second(),
                now: Some(Timestamp::now().as_second()),
            })
        })
    }

    fn renew(&self, identity: ConnectorIdentity, request: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>> {
        let control = self.control.clone();
        self.there(async move {
            let issued = control.renew(identity, request).await.map_err(|refused| told(&refused))?;
            Ok(Renewed { certificate: issued.certificate_der, not_after: issued.not_after.as_second() })
        })
    }

    fn tunnel_up(&self, tunnel: TunnelUp) -> BoxFuture<'static, ()> {
        let Ok(machine_name) = MachineName::parse(&tunnel.machine_name) else {
            tracing::warn!(connector = %tunnel.connector, "a connector gave a machine name that is none");
            return std::future::ready(()).boxed();
        };
        let tunnel = adit_control::TunnelUp {
            tunnel: tunnel.tunnel,
            instance: tunnel.instance,
            connector: tunnel.connector,
            machine_name,
            version: tunnel.version,
            external_ip: tunnel.from,
            needs_upgrade: tunnel.needs_upgrade,
        };
        let control = self.control.clone();
        self.noted("a tunnel that came up", move || {
            let (control, tunnel) = (control.clone(), tunnel.clone());
            async move { control.tunnel_up(tunnel).await }
        })
    }

    fn noticed(&self, connector: ConnectorId, noticed: Noticed) -> BoxFuture<'static, ()> {
        let control = self.control.clone();
        self.noted("what was noticed about a connector", move || {
            let control = control.clone();
            async move {
                match noticed {
                    Noticed::TooOld => control.note_too_old(connector).await,
                    Noticed::KeyCopied => control.note_copied_key(connector).await,
                }
            }
        })
    }

    fn tunnel_down(&self, tunnel: TunnelId) -> BoxFuture<'static, ()> {
        let control = self.control.clone();
        self.noted("a tunnel that went down", move || {
            let control = control.clone();
            async move { control.tunnel_down(tunnel).await }
        })
    }
}

fn parsed(request: Register) -> Result<RegistrationRequest, Refused> {
    Ok(RegistrationRequest {
        secret: secret_of(&request)?,
        csr_der: request.request.0,
        machine_name: MachineName::parse(&request.machine_name).map_err(|error| never(error.to_string()))?,
        version: request.version,
    })
}

fn secret_of(request: &Register) -> Result<[u8; 32], Refused> {
    // As for a wrong secret of the right length: which it is helps nobody but a guesser.
    request.secret.0.as_slice().try_into().map_err(|_| never(RegistrationRefused::Refused.to_string()))
}

const fn never(reason: String) -> Refused {
    Refused { retry: Retry::Never, reason }
}

fn told(refused: &RegistrationRefused) -> Refused {
    match refused {
        RegistrationRefused::Unavailable(error) => {
            tracing::error!(%error, "a connector could not be given a certificate");
            later()
        }
        final_answer => Refused { retry: Retry::Never, reason: final_answer.to_string() },
    }
}

fn later() -> Refused {
    Refused { retry: Retry::Later, reason: "the control plane cannot answer at the moment".to_owned() }
}
