//! Adit as a side: a server, a connector, and what they publish.

use std::fs;

use adit_tests::{ConnectorProcess, Directory, Scratch, settles};

use super::relay::Relay;
use super::side::HOST;
use super::stage::{START_LIMIT, Stage};

/// Adit with one connector and what it publishes: the origin at `/`, the live upstream at `/live/`.
pub(super) struct Adit {
    // The connector first: a gateway that goes before it would be complained about in its log.
    connector: ConnectorProcess,
    pub(super) directory: Directory,
    /// Where its access records go.
    _records: Scratch,
}

impl Adit {
    /// Starts one.
    pub(super) fn start(stage: &Stage) -> Self {
        Self::with(stage, &[], |_| ())
    }

    /// Starts one whose connector finds the gateway behind `relay`.
    pub(super) fn far(stage: &Stage, relay: &Relay) -> Self {
        let address = format!("{HOST}:{}", relay.port());
        Self::with(stage, &["--gateway-address", &address], |directory| {
            relay.lead_to(directory.addresses().gateway);
        })
    }

    fn with(stage: &Stage, flags: &[&str], before_connecting: impl FnOnce(&Directory)) -> Self {
        let records = Scratch::new();
        let file = records.join("access-records");
        let path = file.display().to_string();
        let directory = Directory::start_with(&[["--access-records", path.as_str()].as_slice(), flags].concat());
        before_connecting(&directory);
        let connector = directory.connector("beside-the-origin");
        let adit = Self { connector, directory, _records: records };
        adit.publish("origin", "", stage.origin);
        adit.publish("live", "live/", stage.live.port());
        adit.directory.wait_until_served_at(HOST, "/live/1k");
        // Without them, another product would be measured.
        settles("access records", START_LIMIT, || fs::metadata(&file).is_ok_and(|file| file.len() > 0));
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
