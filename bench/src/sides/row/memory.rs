//! Memory of an Adit that was just started: what idle clients cost, and what requests under way do.
//!
//! Pss as the kernel counts it, so that pages which two processes share are not counted twice.

use std::thread::sleep;
use std::time::Duration;

use adit_tests::http::Connection;
use adit_tests::settles;

use crate::memory::pss;
use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::series::Pace;
use crate::sides::side::{Adit, HOST, Stage};

const CLIENTS: usize = 1000;

/// Time for what is done once, and for freed memory to go back.
const SETTLED: Duration = Duration::from_secs(2);

/// KiB in a MiB.
const MEBIBYTE: f64 = 1024.0;

/// KiB of the two processes.
struct Use {
    gateway: f64,
    connector: f64,
}

impl Use {
    fn of(adit: &mut Adit) -> Self {
        sleep(SETTLED);
        let [gateway, connector] = adit.processes();
        Self { gateway: pss(gateway), connector: pss(connector) }
    }

    fn row(&self, when: &str) -> Vec<String> {
        let mebibytes = |kibibytes: f64| format!("{:.1}", kibibytes / MEBIBYTE);
        vec![when.to_owned(), mebibytes(self.gateway), mebibytes(self.connector), mebibytes(self.sum())]
    }

    fn sum(&self) -> f64 {
        self.gateway + self.connector
    }
}

pub(super) fn idle(stage: &Stage, _: Pace) -> Shown {
    let mut adit = Adit::start(stage, &[], |_| ());
    let before = Use::of(&mut adit);
    let clients: Vec<Connection> = (0..CLIENTS).map(|_| served_once(&adit)).collect();
    let with_them = Use::of(&mut adit);
    drop(clients);

    let table = table(&[before.row("started"), with_them.row(&format!("with {CLIENTS} idle clients"))]);
    let each = (with_them.gateway - before.gateway) / CLIENTS as f64;
    let findings = vec![Finding::new("memory of an idle HTTPS client", each, " KiB", Goal::AtMost(25.0))];
    let how = format!("{CLIENTS} clients with TLS, one after the other, each served once and then idle; Pss in MiB.");
    Shown { how, table, findings }
}

pub(super) fn in_flight(stage: &Stage, _: Pace) -> Shown {
    let mut adit = Adit::start(stage, &[], |_| ());
    let before = Use::of(&mut adit);
    let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| adit.connect()).collect();
    for client in &mut clients {
        client.write_head("GET", "/live/held", &[("host", HOST)], 0).expect("a request");
    }
    settles("an upstream that holds all requests", Duration::from_secs(20), || stage.live.waiting() == CLIENTS);
    let with_them = Use::of(&mut adit);
    stage.live.let_go();
    let answered = clients.iter_mut().filter_map(|client| client.read_response(false).ok());
    let answered = answered.filter(|answer| answer.status == 200).count();
    let after = Use::of(&mut adit);

    let rows = [before.row("started"), with_them.row(&format!("{CLIENTS} in flight")), after.row("all answered")];
    let what = format!("memory of both processes with {CLIENTS} requests in flight");
    let lost = (CLIENTS - answered) as f64;
    let findings = vec![
        Finding::new(what, with_them.sum() / MEBIBYTE, " MiB", Goal::AtMost(64.0)),
        Finding::new("requests in flight that were not answered in the end", lost, "", Goal::AtMost(0.0)),
    ];
    let how = format!("{CLIENTS} clients with TLS, each with one request that the upstream holds; Pss in MiB.");
    Shown { how, table: table(&rows), findings }
}

/// A client that has been served, so that everything a connection needs is there.
fn served_once(adit: &Adit) -> Connection {
    let mut connection = adit.connect();
    let answer = connection.get(HOST, "/1k").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    connection
}

fn table(rows: &[Vec<String>]) -> Table {
    let mut table = Table::new(&["when", "gateway", "connector", "both"]);
    rows.iter().for_each(|row| table.row(row.clone()));
    table
}
