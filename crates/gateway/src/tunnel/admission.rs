//! Whether a connector that has said hello may serve here: by the protocols that it speaks, by the directory, and by which
//! start of its process it is. Who may not is told why, and whether it is of use to come again.

use std::time::Duration;

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::message::{self, Hello, Refused, Retry};
use tokio::time::sleep;

use super::instance::Turn;
use crate::core::Core;
use crate::directory::Noticed;

/// Why a connection may not serve, if so. A connector that has just registered may be ahead of the snapshot, hence
/// the short wait.
pub(super) async fn unacceptable(core: &Core, identity: ConnectorIdentity, hello: &Hello) -> Option<Refused> {
    if hello.agreed().is_none() {
        return Some(other_protocol(core, identity, hello).await);
    }
    for _ in 0..40 {
        if core.shared.book.knows(identity) {
            if hello.is_check {
                return Some(Refused { retry: Retry::Later, reason: message::CHECKED.to_owned() });
            }
            let is_old = core.shared.book.take_turn(identity, hello.instance) == Turn::Superseded;
            return is_old.then(|| Refused { retry: Retry::Never, reason: GAVE_WAY.to_owned() });
        }
        sleep(Duration::from_millis(50)).await;
    }
    if !core.shared.book.has_snapshot() {
        let reason = "this gateway has no directory to judge connectors by yet".to_owned();
        return Some(Refused { retry: Retry::Later, reason });
    }
    let reason = "the directory does not know this connector, or its key was replaced by a later registration; \
                  register it again with a new token"
        .to_owned();
    Some(Refused { retry: Retry::Never, reason })
}

/// What a process hears that is not its connector any more.
pub(super) const GAVE_WAY: &str = "another process has started with this connector's key since this one did; if that was not meant, \
                        the key was copied: delete the connector and register it again";

/// What a connector hears that speaks no protocol of this gateway's.
async fn other_protocol(core: &Core, identity: ConnectorIdentity, hello: &Hello) -> Refused {
    let newest = hello.newest.unwrap_or(hello.protocol);
    let what = if newest < message::OLDEST_PROTOCOL {
        if core.shared.book.knows(identity) {
            core.shared.directory.noticed(identity.connector, Noticed::TooOld).await;
        }
        "upgrade the connector"
    } else {
        "upgrade the server"
    };
    let reason = format!(
        "the connector speaks the tunnel protocols {} to {newest}, this gateway {} to {}: {what}",
        hello.protocol,
        message::OLDEST_PROTOCOL,
        message::PROTOCOL
    );
    Refused { retry: Retry::Later, reason }
}
