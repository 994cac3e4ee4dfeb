//! The stage on which sides stand: the origin, the live upstream, and the sides that were started.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use adit_tests::{Process, Scratch, settles};

use super::adit::Adit;
use super::certificate::Certificate;
use super::live::Live;
use super::nginx::{self, free_port};
use super::peer::{self, Surroundings};
use super::relay::Relay;
use super::side::{Kind, Side};

/// How long a side may take until it answers.
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);

/// Time for what a start sets going beside the first answer: connections that are opened in advance, a second name.
const SETTLED: Duration = Duration::from_secs(1);

/// Origin, live upstream, and the sides that were asked for. Everything ends when it is dropped.
pub(super) struct Stage {
    sides: Vec<Side>,
    origin_process: Process,
    pub(super) origin: u16,
    pub(super) live: Live,
    certificate: Certificate,
    /// How many peers were started; each has a folder of its own.
    started: Cell<usize>,
    scratch: Scratch,
}

impl Stage {
    /// Starts the origin and `kinds`, each until it answers.
    pub(super) fn set(kinds: &[Kind]) -> Self {
        let (scratch, origin) = (Scratch::new(), free_port());
        let mut stage = Self {
            sides: Vec::new(),
            origin_process: nginx::origin(scratch.path(), origin),
            origin,
            live: Live::start(),
            certificate: Certificate::make(scratch.path()),
            started: Cell::new(0),
            scratch,
        };
        for kind in kinds {
            let side = stage.fresh(*kind);
            settles(kind.name(), START_LIMIT, || side.leads_to_origin());
            stage.sides.push(side);
        }
        stage
    }

    /// A side that was asked for at the start.
    pub(super) fn side(&self, kind: Kind) -> &Side {
        let side = self.sides.iter().find(|side| side.kind == kind);
        side.unwrap_or_else(|| panic!("{} was not started: the row has to name it", kind.name()))
    }

    /// Sides in this order.
    pub(super) fn sides(&self, kinds: &[Kind]) -> Vec<&Side> {
        kinds.iter().map(|kind| self.side(*kind)).collect()
    }

    /// A side that nobody has used but to see that it leads to the live upstream.
    pub(super) fn fresh(&self, kind: Kind) -> Side {
        self.start(kind, None)
    }

    /// A peer likewise, with `relay` between the half near its clients and the half near the origin.
    pub(super) fn far(&self, peer: Kind, relay: &Relay) -> Side {
        self.start(peer, Some(relay))
    }

    fn start(&self, kind: Kind, relay: Option<&Relay>) -> Side {
        let side = match kind {
            Kind::Adit => Side::of_adit(Adit::start(self)),
            Kind::Direct => return Side::of_origin(self.origin, self.origin_process.id()),
            peer => self.peer(peer, relay),
        };
        settles(kind.name(), START_LIMIT, || side.leads_to_live());
        sleep(SETTLED);
        side
    }

    fn peer(&self, kind: Kind, relay: Option<&Relay>) -> Side {
        let folder = self.folder(kind);
        let surroundings = Surroundings {
            folder: &folder,
            certificate: &self.certificate,
            origin: self.origin,
            live: self.live.port(),
            relay,
        };
        let edge = free_port();
        let processes = match kind {
            Kind::TwoNginx => peer::two_nginx(&surroundings, edge),
            Kind::NginxRathole => peer::nginx_and_rathole(&surroundings, edge),
            Kind::TwoHaproxy => peer::two_haproxy(&surroundings, edge),
            Kind::Frp => peer::frp(&surroundings, edge),
            Kind::NginxChisel => peer::nginx_and_chisel(&surroundings, edge),
            Kind::Adit | Kind::Direct => panic!("{} is no peer", kind.name()),
        };
        Side::of_peer(kind, edge, &self.certificate.ca, processes)
    }

    /// A folder for the files of one more peer.
    fn folder(&self, kind: Kind) -> PathBuf {
        let number = self.started.get();
        self.started.set(number + 1);
        let folder = self.scratch.path().join(format!("{number}-{kind:?}"));
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("{} cannot be made: {error}", folder.display()));
        folder
    }
}
