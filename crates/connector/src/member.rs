//! What the links of one connector share: key, identity, rules, and the word that it is time to leave.

use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::message::Binary;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::asked::Asked;
use crate::clock::Clocks;
use crate::identity::{ConnectorKey, Identity};
use crate::issued;
use crate::own_identity::OwnIdentity;
use crate::proxy::ProxyChoice;
use crate::register::now;
use crate::upstream::UpstreamDialler;

/// The gateway's refusal.
#[derive(Debug, Clone)]
pub(crate) struct Fatal {
    pub(crate) reason: String,
    /// Trying again is of no use.
    pub(crate) final_word: bool,
}

/// What the links of one connector share.
pub(crate) struct Member {
    pub(crate) key: Arc<ConnectorKey>,
    pub(crate) version: String,
    pub(crate) instance: Uuid,
    pub(crate) dialler: UpstreamDialler,
    pub(crate) proxy: ProxyChoice,
    pub(crate) leaving: watch::Receiver<bool>,
    /// How long streams may go on after that.
    pub(crate) grace: Duration,
    pub(crate) own: Arc<OwnIdentity>,
    pub(crate) fatal: mpsc::Sender<Fatal>,
    pub(crate) asked: Asked,
}

impl Member {
    pub(crate) fn identity(&self) -> Arc<Identity> {
        self.own.current()
    }

    /// Whether the certificate is past half of its life: a renewal under way is not repeated.
    pub(crate) fn identity_expires_soon(&self) -> bool {
        let identity = self.identity();
        now() > identity.issued + (identity.not_after - identity.issued) / 2
    }

    /// Takes a renewed certificate into use, from the next connection on. `theirs` is the gateway's clock, in seconds since
    /// 1970.
    pub(crate) fn renewed(&self, certificate: Binary, theirs: Option<i64>) {
        let identity = self.identity();
        let clocks = Clocks { ours: now(), theirs };
        let held = identity.certificate();
        let issued = match issued::check(&certificate.0, &self.key, &identity.ca(), clocks, Some(&held)) {
            Ok(issued) => issued,
            Err(not_ours) => return tracing::warn!(why = %not_ours, "the renewed certificate was not taken"),
        };
        if issued.signs_targets {
            self.dialler.policy.demand();
        }
        let not_after = issued.not_after;
        let renewed = |identity: &Identity| identity.renewed(certificate, clocks.ours, not_after, issued.signs_targets);
        if let Err(error) = self.own.change(renewed) {
            tracing::error!(%error, "the renewed certificate could not be kept; it is used until this process ends");
        }
        tracing::info!(not_after, "the certificate was renewed");
    }

    /// The gateway turned this connector away.
    pub(crate) fn turned_away(&self, fatal: Fatal) {
        if fatal.final_word {
            // Full means that it was said already.
            let _ = self.fatal.try_send(fatal);
        }
    }
}
