//! What idle connectors cost: memory of the gateway for each of a thousand, and of a connector's own process.
//!
//! A thousand connectors register; then the server starts anew, so that what registering took is not in the figure, and
//! they come back and do nothing. They run in the measuring program, as real connectors: with one connection each, and a
//! second one once they are asked for something.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use adit_connector::{AllowList, ProxyChoice, SystemNetwork};
use adit_core::{MachineName, RegistrationToken};
use adit_tests::http::Connection;
use adit_tests::{Directory, Scratch, settles};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use crate::memory::Resident;
use crate::sides::finding::{Finding, Goal, Table};
use crate::sides::{machine, page};

const CONNECTORS: usize = 1_000;

/// As `adit connector` may open.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How long all of them may take to come or to go.
const ALL: Duration = Duration::from_secs(300);

/// What lies between the starts of two connectors: a thousand at once would wait for each other longer than for the server.
const BETWEEN: Duration = Duration::from_millis(20);

/// How long nothing happens before memory is read: signs of life pass each second, and what was for handshakes is free.
const IDLE: Duration = Duration::from_secs(15);

/// What is promised: an idle connector at the gateway, in KiB.
const AT_THE_GATEWAY: f64 = 64.0;

/// And its own process, in MiB.
const PROCESS: f64 = 15.0;

const SETTINGS: &str = "[client_limits]\nregistrations_per_address = 1000000\nregistrations = 1000000\n";

/// Connectors of this process, on a thread of their own, until they are told to leave.
struct Herd {
    leave: watch::Sender<bool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Herd {
    /// Starts one connector in each folder; those that have no certificate yet register with their token.
    fn start(folders: &[PathBuf], tokens: &[RegistrationToken]) -> Self {
        let leave = watch::Sender::new(false);
        let settings: Vec<_> =
            (0..).zip(folders).map(|(number, folder)| settings(folder, tokens.get(number))).collect();
        let told = leave.subscribe();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, run(settings, told));
            Ok(())
        });
        Self { leave, thread }
    }

    /// Waits until all connectors are there: each with one connection, as nothing is asked of them.
    fn come(&self, directory: &Directory) {
        let wanted = format!("adit_gateway_tunnel_connections {}", CONNECTORS);
        let metrics = directory.addresses().metrics;
        settles("every connector is there", ALL, || {
            assert!(!self.thread.is_finished(), "a connector has ended");
            sleep(Duration::from_millis(200));
            let text = Connection::plain(metrics).and_then(|mut connection| connection.get("localhost", "/metrics"));
            text.is_ok_and(|text| text.text().lines().any(|line| line == wanted))
        });
    }

    fn leave(self) {
        self.leave.send_replace(true);
        self.thread.join().expect("the connectors' thread").expect("a runtime");
    }
}

fn settings(folder: &std::path::Path, token: Option<&RegistrationToken>) -> adit_connector::Settings {
    adit_connector::Settings {
        data: folder.to_owned(),
        token: token.cloned(),
        machine_name: MachineName::parse("one-of-many").expect("a name"),
        allow: AllowList::default(),
        proxy: ProxyChoice::Direct,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        connections: CONNECTIONS,
        grace: Duration::from_secs(1),
    }
}

async fn run(all: Vec<adit_connector::Settings>, told: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    for (number, settings) in (0_u32..).zip(all) {
        let mut told = told.clone();
        running.spawn_local(async move {
            tokio::time::sleep(BETWEEN * number).await;
            let shutdown = async {
                // It fails only when nobody can tell it any more.
                let _ = told.wait_for(|leave| *leave).await;
            };
            adit_connector::run_solo(settings, Arc::new(SystemNetwork), shutdown).await
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("a connector").expect("a connector that ends in order");
    }
}

/// Measures and prints; whether both goals are met, or what is wrong with `words`.
pub(crate) fn measure(words: &[&str]) -> Result<bool, String> {
    let write = match words {
        [] => false,
        ["--write"] => true,
        other => return Err(format!("'{}' is not --write", other.join(" "))),
    };
    let process = of_a_process();
    let (alone, with_all) = of_the_gateway();
    let each = (with_all.all() - alone.all()) / CONNECTORS as f64;
    let process_mib = process.all() / 1024.0;
    let findings = [
        Finding::new("memory of the gateway for an idle connector", each, " KiB", Goal::AtMost(AT_THE_GATEWAY)),
        Finding::new("memory of an idle connector's process", process_mib, " MiB", Goal::AtMost(PROCESS)),
    ];
    let mut table = Table::new(&["MiB", "resident", "its own", "of files"]);
    let all = format!("adit serve, with {CONNECTORS} idle connectors");
    for (what, resident) in [("adit serve", alone), (&all, with_all), ("one adit connector", process)] {
        let mib = [resident.all(), resident.own, resident.of_files].map(|kib| format!("{:.1}", kib / 1024.0));
        table.row([what.to_owned()].into_iter().chain(mib).collect());
    }
    let preface = format!("Measured on {} on {}.\nAdit {}.", machine::date(), machine::machine(), machine::adit());
    let text = format!("{preface}\n\n{}\n{}", Table::of_findings(findings.iter()).text(), table.text());
    println!("{text}");
    if write {
        println!("written to {}", page::write("connectors", text.trim_end()).display());
    }
    Ok(findings.iter().all(Finding::holds))
}

/// Memory of a connector that has nothing to do.
fn of_a_process() -> Resident {
    let directory = Directory::start();
    let connector = directory.connector("idle");
    sleep(IDLE);
    Resident::of(connector.pid())
}

/// Memory of the server that knows a thousand connectors, without them and with them.
fn of_the_gateway() -> (Resident, Resident) {
    let mut directory = Directory::start_configured(SETTINGS);
    let scratch = Scratch::new();
    let folders: Vec<PathBuf> = (0..CONNECTORS).map(|number| scratch.join(&number.to_string())).collect();
    let herd = Herd::start(&folders, &tokens(&directory));
    herd.come(&directory);
    herd.leave();

    directory.process().terminate();
    let ended = directory.process().finish(ALL);
    assert!(ended.success(), "the server ended with {ended}");
    directory.restart();
    sleep(IDLE);
    let alone = Resident::of(directory.process().id());
    let herd = Herd::start(&folders, &[]);
    herd.come(&directory);
    sleep(IDLE);
    let with_all = Resident::of(directory.process().id());
    herd.leave();
    (alone, with_all)
}

/// A token for each: they are single-use.
fn tokens(directory: &Directory) -> Vec<RegistrationToken> {
    let graph = directory.graph();
    let profile = "/onPremisesPublishingProfiles/applicationProxy";
    let path = format!("{profile}/connectorGroups/{}/adit.createRegistrationToken", graph.group_named("Default"));
    let token = |_| {
        let made = graph.send("POST", &path, Some(&json!({})));
        assert!(made.status < 300, "{}", made.text());
        made.json()["token"].as_str().expect("a token").parse().expect("a token that can be read")
    };
    (0..CONNECTORS).map(token).collect()
}
