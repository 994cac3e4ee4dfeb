//! Connectors restart one after the other under mixed load, and nobody notices: what is under way is finished, WebSockets
//! are told, and what is new goes to the other connector.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use adit_tests::http::Connection;
use adit_tests::mixed::{Kind, Mixed, Site};
use adit_tests::{ConnectorProcess, Directory, Upstream, long, settles};

const HOST: &str = "localhost";

/// How long a connector may take to leave: what takes longest under way takes less than two seconds.
const DRAINED: Duration = Duration::from_secs(15);

/// How many requests must be answered right, and none wrong, from the first restart on.
fn wanted() -> usize {
    if long() { 1_000_000 } else { 20_000 }
}

struct Scene {
    connectors: [ConnectorProcess; 2],
    _upstream: Upstream,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connectors = [directory.connector("one"), directory.connector("two")];
        let upstream = Upstream::start();
        let _application = directory.publish("served twice", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { connectors, _upstream: upstream, directory }
    }

    fn site(&self) -> Site {
        Site { gateway: self.directory.addresses().gateway, host: HOST.to_owned(), trust: self.directory.trust() }
    }

    fn metric(&self, name: &str) -> Option<i64> {
        let mut connection = Connection::plain(self.directory.addresses().metrics).ok()?;
        let text = connection.get("localhost", "/metrics").ok()?.text();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }
}

#[test]
fn connectors_restart_one_after_the_other_under_mixed_load_and_no_request_fails() {
    let mut scene = Scene::set();
    let load = Mixed::start(&scene.site());
    settles("everybody is at work", Duration::from_secs(30), || load.right() > 200);
    let (before, mut restarts, mut draining) = (load.right(), 0, 0);
    while load.right() - before < wanted() || restarts < 4 {
        let connector = &mut scene.connectors[restarts % 2];
        connector.process().terminate();
        settles("it has left", DRAINED, || {
            draining = draining.max(scene.metric("adit_gateway_draining_streams").unwrap_or(0));
            !scene.connectors[restarts % 2].process().is_running()
        });
        let connector = &mut scene.connectors[restarts % 2];
        assert!(connector.process().finish(DRAINED).success(), "a drained connector ends well");
        connector.restart();
        // Two of each connector.
        settles("it serves again", DRAINED, || scene.metric("adit_gateway_tunnel_connections") == Some(4));
        restarts += 1;
    }
    let tally = load.stop();
    println!("{restarts} restarts, {} answers: {:?}", tally.total(), tally.right);
    println!("{} WebSockets were told, the slowest took {:?}, {draining} draining at most", tally.told, tally.slowest);
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);
    assert_eq!(tally.right.len(), 7, "every kind was at work: {:?}", tally.right);
    assert!(tally.told > 0, "WebSockets of connectors that left were told");
    assert!(draining > 0, "what was under way was seen until it was done");
    assert_eq!(scene.metric("adit_gateway_draining_streams"), Some(0));
    assert!(tally.right[&Kind::Long] > 0 && tally.right[&Kind::Events] > 0);
}
