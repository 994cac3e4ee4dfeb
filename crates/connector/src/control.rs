//! The control stream, from the connector's side: hello, renewal, farewell.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_core::id::TunnelId;
use adit_tunnel::message::{self, Binary, ControlReceiver, ControlSender, FromConnector, FromGateway, Hello, Retry};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::member::{Fatal, Member};
use crate::register::now;

/// After a refused or unanswered renewal, the next attempt comes this much later.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// Converses until the stream ends. `welcomed` becomes true when the connection is in service.
pub(crate) async fn converse(
    member: &Arc<Member>,
    mut sender: ControlSender,
    mut receiver: ControlReceiver,
    welcomed: watch::Sender<bool>,
) -> io::Result<()> {
    sender.send(&FromConnector::Hello(hello(member)))?;
    let mut leaving = member.leaving.clone();
    let mut left = false;
    let mut renewal = renewal_time(member);
    loop {
        tokio::select! {
            message = receiver.next() => match message? {
                Some(FromGateway::Welcome) => {
                    welcomed.send_replace(true);
                }
                Some(FromGateway::Renewed { certificate, now, .. }) => {
                    member.renewed(certificate, now);
                    // Not at once, if it was not taken.
                    renewal = renewal_time(member).max(Instant::now() + RENEW_AGAIN);
                }
                Some(FromGateway::RenewRefused(refused)) => {
                    tracing::warn!(reason = %refused.reason, "the certificate was not renewed");
                }
                Some(FromGateway::Goodbye(refused)) => {
                    tracing::error!(reason = %refused.reason, "the gateway does not accept this connector");
                    // What is under way ends in order first, if the gateway lets it: this connector is told to leave.
                    member.turned_away(Fatal { final_word: refused.retry == Retry::Never, reason: refused.reason });
                }
                None => return Ok(()),
            },
            () = sleep_until(renewal), if !left => {
                renewal = Instant::now() + RENEW_AGAIN;
                // Another connection may have renewed it in the meantime.
                if member.identity_expires_soon() {
                    sender.send(&FromConnector::Renew { request: request(member)? })?;
                } else {
                    renewal = renewal_time(member);
                }
            },
            _ = leaving.wait_for(|leaving| *leaving), if !left => {
                left = true;
                sender.send(&FromConnector::Leaving)?;
                sender.close();
            },
        }
    }
}

fn hello(member: &Member) -> Hello {
    Hello {
        protocol: message::OLDEST_PROTOCOL,
        newest: Some(message::PROTOCOL),
        version: member.version.clone(),
        machine_name: member.identity().machine_name.clone(),
        instance: TunnelId::new(member.instance),
        is_check: false,
    }
}

fn request(member: &Member) -> io::Result<Binary> {
    member.key.request().map(Binary).map_err(io::Error::other)
}

/// Two thirds into the certificate's life, give or take a tenth, so that connectors do not renew in step.
fn renewal_time(member: &Member) -> Instant {
    let seconds = renewal_after(&member.identity(), fastrand::f64()) - now();
    Instant::now() + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn renewal_after(identity: &crate::identity::Identity, random: f64) -> i64 {
    let life = identity.not_after.saturating_sub(identity.issued).max(0);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a certificate's life in seconds")]
    let share = (life as f64 * (0.6 + 0.133 * random)) as i64;
    identity.issued.saturating_add(share)
}
