//! The scene of `moves` and `failover`: one application, two connectors, an upstream that knows who carried what.

use adit_tests::load::{Load, Shot};
use adit_tests::{ConnectorProcess, Directory, Graph, Upstream};

const HOST: &str = "localhost";

/// Clients that send steadily, each waiting 5 ms after an answer: about 2000 requests a second at most.
const CLIENTS: usize = 16;

/// An application served by group A; connector one in A, connector two where it was asked.
pub(crate) struct Scene {
    pub(crate) graph: Graph,
    pub(crate) application: String,
    pub(crate) groups: [String; 2],
    pub(crate) connectors: [ConnectorProcess; 2],
    pub(crate) upstream: Upstream,
    pub(crate) directory: Directory,
}

impl Scene {
    /// Sets it up, with connector two in the group of that name (`A` or `B`).
    pub(crate) fn set(second: &str) -> Self {
        let directory = Directory::start();
        let graph = directory.graph();
        let groups = [graph.create_group("A"), graph.create_group("B")];
        let connectors = [directory.connector_in("one", "A", &[]), directory.connector_in("two", second, &[])];
        let upstream = Upstream::start();
        for connector in &connectors {
            upstream.recognise(connector.pid());
        }
        let application = directory.publish("measured", &upstream, HOST, "A");
        directory.wait_until_served(HOST);
        Self { graph, application, groups, connectors, upstream, directory }
    }

    /// Starts the steady load.
    pub(crate) fn load(&self) -> Load {
        Load::start(CLIENTS, self.directory.addresses().gateway, HOST, "/who", &self.directory.trust())
    }
}

/// How many requests failed.
pub(crate) fn failed(shots: &[Shot]) -> usize {
    shots.iter().filter(|shot| shot.failure.is_some()).count()
}
