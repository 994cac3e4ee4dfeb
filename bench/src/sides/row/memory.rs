//! Memory of sides that were just started: what idle clients cost, and what requests under way do.
//!
//! Pss as the kernel counts it, of all processes of a side, so that pages which two of them share are not counted twice.

use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;

use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::series::Pace;
use crate::sides::side::{HOST, Kind, PROXIES, Side};
use crate::sides::stage::Stage;

const CLIENTS: usize = 1000;

/// Time for what is done once, and for freed memory to go back.
const SETTLED: Duration = Duration::from_secs(2);

/// How long it may take until the upstream has all requests.
const ARRIVED: Duration = Duration::from_secs(20);

/// KiB in a MiB.
const MEBIBYTE: f64 = 1024.0;

/// KiB of each part of a side, at several moments.
struct Use(Vec<Vec<(&'static str, f64)>>);

impl Use {
    fn note(&mut self, side: &Side) {
        sleep(SETTLED);
        self.0.push(side.memory());
    }

    /// KiB of all parts at one moment.
    fn sum(&self, moment: usize) -> f64 {
        self.0[moment].iter().map(|(_, kibibytes)| kibibytes).sum()
    }

    /// Cells with MiB of all parts, moment by moment.
    fn sums(&self) -> Vec<String> {
        (0..self.0.len()).map(|moment| mebibytes(self.sum(moment))).collect()
    }

    /// Cells with MiB of one part, moment by moment.
    fn part(&self, part: usize) -> Vec<String> {
        self.0.iter().map(|parts| mebibytes(parts[part].1)).collect()
    }

    /// Adds what the side used to a table that has `more` cells behind the moments; Adit's parts each on a row of its own.
    fn add_to(&self, table: &mut Table, kind: Kind, more: String) {
        table.row([vec![kind.name().to_owned()], self.sums(), vec![more]].concat());
        if kind == Kind::Adit {
            for (part, (name, _)) in self.0[0].iter().enumerate() {
                table.row([vec![format!("- its {name}")], self.part(part), vec![String::new()]].concat());
            }
        }
    }
}

pub(super) fn idle(stage: &Stage, _: Pace) -> Shown {
    let mut table = Table::new(&["side", "started", "with idle clients", "KiB each"]);
    let mut ours = f64::NAN;
    for kind in PROXIES {
        let (side, mut used) = (stage.fresh(*kind), Use(Vec::new()));
        used.note(&side);
        let clients: Vec<Connection> = (0..CLIENTS).map(|_| served_once(&side)).collect();
        used.note(&side);
        drop(clients);
        let each = (used.sum(1) - used.sum(0)) / CLIENTS as f64;
        used.add_to(&mut table, *kind, format!("{each:.1}"));
        if *kind == Kind::Adit {
            ours = each;
        }
    }
    let findings = vec![Finding::new("memory of an idle HTTPS client", ours, " KiB", Goal::AtMost(25.0))];
    let how = format!(
        "{CLIENTS} clients with TLS, one after the other, each served once and then idle; Pss of all processes in MiB, \
         and how much of it each client has added."
    );
    Shown { how, table, findings }
}

pub(super) fn in_flight(stage: &Stage, _: Pace) -> Shown {
    let mut table = Table::new(&["side", "started", "in flight", "all answered", "not answered"]);
    let mut findings = Vec::new();
    for kind in PROXIES {
        let (side, mut used) = (stage.fresh(*kind), Use(Vec::new()));
        used.note(&side);
        let clients: Vec<Connection> = (0..CLIENTS).map(|_| asking(&side)).collect();
        wait_until_held(stage, kind.name());
        used.note(&side);
        stage.live.let_go();
        let lost = CLIENTS - answered(clients);
        used.note(&side);
        used.add_to(&mut table, *kind, lost.to_string());
        if *kind == Kind::Adit {
            let what = format!("memory of both processes with {CLIENTS} requests in flight");
            findings = vec![
                Finding::new(what, used.sum(1) / MEBIBYTE, " MiB", Goal::AtMost(64.0)),
                Finding::new(
                    "requests in flight that were not answered in the end",
                    lost as f64,
                    "",
                    Goal::AtMost(0.0),
                ),
            ];
        }
    }
    let how = format!(
        "{CLIENTS} clients with TLS, each with one request that the upstream holds; Pss of all processes in MiB."
    );
    Shown { how, table, findings }
}

/// A client that has been served, so that everything a connection needs is there.
fn served_once(side: &Side) -> Connection {
    let mut connection = side.connect();
    let answer = connection.get(HOST, "/1k").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    connection
}

/// A client that has sent a request which the upstream holds.
fn asking(side: &Side) -> Connection {
    let mut connection = side.connect_live();
    connection.write_head("GET", "/live/held", &[("host", side.live_host)], 0).expect("a request");
    connection
}

/// Requests that never arrive are counted as not answered in the end.
fn wait_until_held(stage: &Stage, name: &str) {
    let start = Instant::now();
    while stage.live.waiting() < CLIENTS {
        if start.elapsed() > ARRIVED {
            println!("{name}: only {} of {CLIENTS} requests reached the upstream", stage.live.waiting());
            return;
        }
        sleep(Duration::from_millis(20));
    }
}

fn answered(mut clients: Vec<Connection>) -> usize {
    let answers = clients.iter_mut().filter_map(|client| client.read_response(false).ok());
    answers.filter(|answer| answer.status == 200).count()
}

fn mebibytes(kibibytes: f64) -> String {
    format!("{:.1}", kibibytes / MEBIBYTE)
}
