//! Networks of a test's own: it runs in a network namespace, its connectors in others, and the routes between them can
//! swallow what is sent, so that neither end is told anything.
//!
//! No right is needed on the machine but that to make user namespaces; who is root needs not even that.

use std::process::{Command, Stdio};

use crate::{ConnectorProcess, Directory, namespace};

/// The address of the gateway, which every network has a route to.
pub const GATEWAY: &str = "10.9.0.1";

/// Runs the calling test, by its name, once more in a network of its own; `true` there. Outside, it passes if it passed
/// there.
///
/// # Panics
/// When it failed inside, or the system gives no network namespaces.
#[must_use]
pub fn is_inside(test: &str) -> bool {
    let up = format!("ip link set lo up && ip address add {GATEWAY}/32 dev lo && exec \"$0\" \"$@\"");
    namespace::is_inside(test, "--net", &up)
}

/// A connector in a network of its own, with one link to that of the test.
pub struct Apart {
    /// The connector.
    pub connector: ConnectorProcess,
    number: u8,
}

impl Apart {
    /// Starts the connector of that number in the default group, and waits until it is active.
    #[must_use]
    pub fn start(directory: &Directory, number: u8) -> Self {
        let link = format!("c{number}");
        let once_linked = format!("until ip -4 address show dev {link} 2>&1 | grep -q inet; do sleep 0.02; done");
        let wait = format!("{once_linked}; exec \"$0\" \"$@\"");
        let starter = ["unshare", "--net", "sh", "-c", &wait];
        let name = format!("apart-{number}");
        let connector = ConnectorProcess::start_under(&starter, &name, &directory.registration_token("Default"));
        let apart = Self { connector, number };
        apart.link();
        Self { connector: directory.once_active(&name, apart.connector), number }
    }

    fn link(&self) {
        let (number, process) = (self.number, self.connector.pid());
        // Its network exists once the process has left that of the test.
        let left = format!("until [ \"$(readlink /proc/{process}/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]");
        run(&format!(
            "{left}; do sleep 0.02; done; ip link add g{number} type veth peer name c{number} && \
             ip link set c{number} netns {process} && ip address add 10.9.{number}.1/30 dev g{number} && \
             ip link set g{number} up"
        ));
        self.inside(&format!(
            "ip link set lo up && ip link set c{number} up && ip address add 10.9.{number}.2/30 dev c{number} && \
             ip route add default via 10.9.{number}.1"
        ));
    }

    /// From here on nothing passes between gateway and connector, and neither is told.
    pub fn cut(&self) {
        run(&format!("ip route add blackhole 10.9.{}.2/32", self.number));
        self.inside(&format!("ip route add blackhole {GATEWAY}/32"));
    }

    /// Ends that.
    pub fn heal(&self) {
        run(&format!("ip route delete blackhole 10.9.{}.2/32", self.number));
        self.inside(&format!("ip route delete blackhole {GATEWAY}/32"));
    }

    fn inside(&self, script: &str) {
        run(&format!("nsenter --target {} --net sh -c '{script}'", self.connector.pid()));
    }
}

fn run(script: &str) {
    let mut command = Command::new("sh");
    let status = command.args(["-c", script]).stdin(Stdio::null()).status().expect("`sh` runs");
    assert!(status.success(), "failed: {script}");
}
