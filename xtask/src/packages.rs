//! Programs that come from Debian packages: which are missing, and installing them.

use std::path::Path;
use std::process::Command;

use crate::step::{Failed, run, succeeds};

/// A program, how to see that it is there, and the packages that bring it.
pub(crate) struct Package {
    probe: Probe,
    names: &'static [&'static str],
}

enum Probe {
    Program(&'static str),
    Succeeds(&'static [&'static str]),
}

/// What the tests use.
pub(crate) const FOR_TESTS: &[Package] = &[
    Package { probe: Probe::Program("curl"), names: &["curl", "ca-certificates"] },
    Package { probe: Probe::Program("wrk"), names: &["wrk"] },
    Package { probe: Probe::Program("chromium"), names: &["chromium", "fonts-liberation"] },
    Package { probe: Probe::Program("pebble"), names: &["pebble"] },
    Package { probe: Probe::Program("certutil"), names: &["libnss3-tools"] },
    Package { probe: Probe::Program("git"), names: &["git"] },
    Package { probe: Probe::Program("ip"), names: &["iproute2"] },
    Package { probe: Probe::Program("unshare"), names: &["util-linux"] },
    Package { probe: Probe::Program("faketime"), names: &["faketime"] },
    Package { probe: Probe::Program("lighttpd"), names: &["lighttpd"] },
    Package { probe: Probe::Program("Xtigervnc"), names: &["tigervnc-standalone-server"] },
    Package { probe: Probe::Program("xterm"), names: &["xterm"] },
    Package { probe: Probe::Program("websockify"), names: &["novnc", "websockify"] },
    // Debian keeps its programs away from the path.
    Package {
        probe: Probe::Succeeds(&["sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres || command -v postgres"]),
        names: &["postgresql"],
    },
    Package {
        probe: Probe::Succeeds(&["python3", "-c", "import ensurepip, venv"]),
        names: &["python3", "python3-venv"],
    },
];

/// What the measurements use.
pub(crate) const FOR_BENCH: &[Package] = &[
    Package { probe: Probe::Program("nginx"), names: &["nginx-light"] },
    Package { probe: Probe::Program("haproxy"), names: &["haproxy"] },
    Package { probe: Probe::Program("wrk"), names: &["wrk"] },
    Package { probe: Probe::Program("openssl"), names: &["openssl"] },
    Package { probe: Probe::Program("strace"), names: &["strace"] },
];

/// What fetching and running Keycloak needs.
pub(crate) const FOR_KEYCLOAK: &[Package] = &[
    Package { probe: Probe::Program("java"), names: &["default-jre-headless"] },
    Package { probe: Probe::Program("mvn"), names: &["maven"] },
];

/// What building the peers that are written in Go needs, and fetching modules for Go.
pub(crate) const FOR_GO: &[Package] = &[Package { probe: Probe::Program("go"), names: &["golang-go"] }];

/// What building rathole with its TLS transport needs.
pub(crate) const FOR_RATHOLE: &[Package] = &[
    Package { probe: Probe::Program("pkg-config"), names: &["pkg-config"] },
    Package { probe: Probe::Succeeds(&["pkg-config", "--exists", "openssl"]), names: &["libssl-dev"] },
];

/// Installs what is missing, or says which command to run as root.
pub(crate) fn install(wanted: &[Package]) -> Result<(), Failed> {
    let missing: Vec<&str> =
        wanted.iter().filter(|package| !package.is_there()).flat_map(|package| package.names).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !has("apt-get") {
        return Err(Failed(format!("this is not a Debian system; install what these packages bring: {names}")));
    }
    if !is_root() {
        return Err(Failed(format!("run this first: sudo apt-get install --no-install-recommends {names}")));
    }
    println!("installing with apt-get: {names}");
    run(apt().arg("update"))?;
    run(apt().args(["install", "--yes", "--no-install-recommends"]).args(missing))
}

impl Package {
    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(name) => has(name),
            Probe::Succeeds(words) => {
                words.split_first().is_some_and(|(program, rest)| succeeds(Command::new(program).args(rest)))
            }
        }
    }
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet=2").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether a program is on the path, or where Debian keeps those of the administrator.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
