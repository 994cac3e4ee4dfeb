//! What sign-in costs: CPU time of a request with a session beside one to an application that is open to everybody, and
//! the time of one access decision in a large directory.
//!
//! Both applications lead to origins that are the same, through the same server and connector; the session is one that was begun at
//! the built-in provider, by its pages. The decision is timed by itself, in the measuring program.

mod decision;
mod visitor;

use std::time::Duration;

use adit_tests::wrk::{Counts, Wrk};
use adit_tests::{ConnectorProcess, Directory, Process, Scratch};
use serde_json::json;

use self::visitor::Visitor;
use crate::cpu;
use crate::sides::finding::{Finding, Goal, Table};
use crate::sides::series::{Series, in_turn};
use crate::sides::{machine, nginx, page};

/// The most CPU time of a request with a session, as a multiple of one without.
const DEARER: f64 = 1.05;

/// The longest that a decision may take, in nanoseconds.
const DECISION: f64 = 2_000.0;

const CONNECTIONS: u32 = 64;
/// Many short ones: how fast the machine is changes from one half minute to the next.
const ROUNDS: usize = 31;
const LENGTH: Duration = Duration::from_secs(2);

const USER: &str = "ada@corp.example";
const PASSWORD: &str = "correct horse battery staple";

/// An application and how it is asked.
struct Way {
    name: &'static str,
    url: String,
    cookie: Option<String>,
}

/// One load, and the CPU time of server and connector meanwhile.
struct Run {
    counts: Counts,
    cpu: Duration,
}

impl Run {
    fn failed(&self) -> u64 {
        self.counts.refused + self.counts.socket_errors
    }

    /// CPU seconds for 100,000 requests.
    fn cpu_for_100_000(&self) -> f64 {
        self.cpu.as_secs_f64() / self.counts.requests.saturating_sub(self.counts.refused) as f64 * 1e5
    }
}

/// A server with sign-in, its connector, and an origin behind each of two applications.
struct Scene {
    connector: ConnectorProcess,
    directory: Directory,
    _origins: [Process; 2],
    _folders: [Scratch; 2],
}

impl Scene {
    fn set() -> Self {
        let (folders, gateway) = ([Scratch::new(), Scratch::new()], nginx::free_port());
        let ports = [nginx::free_port(), nginx::free_port()];
        // One each: two applications cannot have the same internal URL.
        let origins = [0, 1].map(|number| nginx::origin(folders[number].path(), ports[number]));
        let settings = format!("[sign_in]\nhost = \"login.localhost:{gateway}\"\n");
        let directory = Directory::start_configured_at(gateway, Scratch::new(), &settings);
        let connector = directory.connector("beside-the-origin");
        let graph = directory.graph();
        let group = graph.group_named("Default");
        for ((name, authentication), origin) in
            [("open", "passthru"), ("closed", "aadPreAuthentication")].iter().zip(ports)
        {
            let publishing = json!({
                "internalUrl": format!("http://127.0.0.1:{origin}/"),
                "externalUrl": format!("https://localhost:{gateway}/{name}/"),
                "externalAuthenticationType": authentication,
            });
            let application = graph.publish(name, &publishing);
            graph.assign_group(&application, &group);
        }
        let user = json!({
            "accountEnabled": true, "displayName": "Ada Lovelace", "mailNickname": "ada", "userPrincipalName": USER,
            "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
        });
        let made = graph.send("POST", "/users", Some(&user));
        assert_eq!(made.status, 201, "{}", made.text());
        directory.wait_until_served_at("localhost", "/open/1k");
        Self { connector, directory, _origins: origins, _folders: folders }
    }

    /// The open application, and the closed one for somebody who has signed in.
    fn ways(&self) -> [Way; 2] {
        let url = |name| format!("{}{name}/1k", self.directory.external_url("localhost"));
        let mut visitor = Visitor::new(self.directory.trust());
        let page = visitor.sign_in(&url("closed"), USER, PASSWORD);
        assert_eq!((page.status, page.body.len()), (200, 1024), "not the origin's answer: {}", page.text());
        let cookie = visitor.cookies("localhost");
        [
            Way { name: "without sign-in", url: url("open"), cookie: None },
            Way { name: "with a session", url: url("closed"), cookie: Some(cookie) },
        ]
    }
}

impl Way {
    fn load(&self, length: Duration) -> Counts {
        let mut wrk = Wrk::new(&self.url, CONNECTIONS, length);
        if let Some(cookie) = &self.cookie {
            wrk = wrk.with_header("Cookie", cookie);
        }
        wrk.run()
    }
}

/// Measures and prints; whether both goals are met, or what is wrong with `words`.
pub(crate) fn measure(words: &[&str]) -> Result<bool, String> {
    let write = match words {
        [] => false,
        ["--write"] => true,
        other => return Err(format!("'{}' is not --write", other.join(" "))),
    };
    let (requests, mut findings) = requests();
    let (decisions, finding) = decision::measure(DECISION);
    findings.push(finding);
    let preface = format!("Measured on {} on {}.\nAdit {}.", machine::date(), machine::machine(), machine::adit());
    let findings_table = Table::of_findings(findings.iter());
    let text = format!("{preface}\n\n{}\n{}\n{}", findings_table.text(), requests.text(), decisions.text());
    println!("{text}");
    if write {
        println!("written to {}", page::write("sign-in", text.trim_end()).display());
    }
    Ok(findings.iter().all(Finding::holds))
}

/// Requests by both ways, in turn.
fn requests() -> (Table, Vec<Finding>) {
    let mut scene = Scene::set();
    let ways = scene.ways();
    let roots = [scene.directory.process().id(), scene.connector.pid()];
    for way in &ways {
        let _warm = way.load(Duration::from_secs(1));
    }
    let runs = in_turn(&ways, ROUNDS, |way| {
        let before = cpu::of_trees(&roots);
        let counts = way.load(LENGTH);
        Run { counts, cpu: cpu::of_trees(&roots).saturating_sub(before) }
    });
    let mut table = Table::new(&["1 KiB, 64 connections", "requests/s", "p50 ms", "CPU-s per 100,000", "failed"]);
    for (way, runs) in ways.iter().zip(&runs) {
        table.row(vec![
            way.name.to_owned(),
            format!("{:.0}", Series::of(runs, |run| run.counts.rate).median()),
            format!("{:.2}", Series::of(runs, |run| run.counts.p50.as_secs_f64() * 1e3).median()),
            format!("{:.2}", Series::of(runs, Run::cpu_for_100_000).median()),
            runs.iter().map(Run::failed).sum::<u64>().to_string(),
        ]);
    }
    let [open, closed] = [&runs[0], &runs[1]].map(|runs| Series::of(runs, Run::cpu_for_100_000));
    let failed: u64 = runs.iter().flatten().map(Run::failed).sum();
    let findings = vec![
        Finding::ratio("CPU of a request with a session beside one without", &closed, &open, Goal::AtMost(DEARER)),
        Finding::new("requests that failed", failed as f64, "", Goal::AtMost(0.0)),
    ];
    (table, findings)
}
