//! Adit as a side: a server, a connector, and what they publish.

use adit_tests::{ConnectorProcess, Directory};

use super::relay::Relay;
use super::side::HOST;
use super::stage::Stage;

/// Adit with one connector and what it publishes: the origin at `/`, the live upstream at `/live/`.
pub(super) struct Adit {
    // The connector first: a gateway that goes before it would be complained about in its log.
    connector: ConnectorProcess,
    pub(super) directory: Directory,
}

impl Adit {
    /// Starts one.
    pub(super) fn start(stage: &Stage) -> Self {
        Self::connected(stage, Directory::start_with(&[]))
    }

    /// Starts one whose connector finds the gateway behind `relay`.
    pub(super) fn far(stage: &Stage, relay: &Relay) -> Self {
        let address = format!("{HOST}:{}", relay.port());
        let directory = Directory::start_with(&["--gateway-address", &address]);
        relay.lead_to(directory.addresses().gateway);
        Self::connected(stage, directory)
    }

    fn connected(stage: &Stage, directory: Directory) -> Self {
        let connector = directory.connector("beside-the-origin");
        let adit = Self { connector, directory };
        adit.publish("origin", "", stage.origin);
        adit.publish("live", "live/", stage.live.port());
        adit.directory.wait_until_served_at(HOST, "/live/1k");
        adit
    }

    /// Publishes what a port of this machine serves below `path`, at the same path.
    pub(super) fn publish(&self, name: &str, path: &str, port: u16) {
        let external = format!("{HOST}:{}/{path}", self.directory.addresses().gateway.port());
        let internal = format!("http://127.0.0.1:{port}/{path}");
        let _application = self.directory.publish_at(name, &internal, &format!("https://{external}"), "Default");
    }

    /// The processes: server, connector.
    pub(super) fn processes(&mut self) -> [u32; 2] {
        [self.directory.process().id(), self.connector.pid()]
    }
}
