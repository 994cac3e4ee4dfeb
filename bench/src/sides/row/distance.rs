//! A connector that is far from its gateway: how many round trips a first request to an application takes, when no
//! upstream connection is open for it, and how many a later one.

use std::time::{Duration, Instant};

use adit_tests::http::Connection;

use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::relay::Relay;
use crate::sides::series::{Pace, Series};
use crate::sides::side::{Adit, HOST, Stage};

const ROUND_TRIP: Duration = Duration::from_millis(50);

/// Each application is new to the gateway once.
const APPLICATIONS: usize = 20;

/// Later requests for each of them.
const LATER: usize = 5;

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let relay = Relay::start(ROUND_TRIP / 2);
    let adit = Adit::start(stage, &["--gateway-address", &format!("{HOST}:{}", relay.port())], |directory| {
        relay.lead_to(directory.addresses().gateway);
    });
    let applications = pace.count(APPLICATIONS);
    for number in 0..applications {
        adit.publish(&format!("new-{number}"), &path(number), stage.live.port());
    }
    // Snapshots come in order: when the last application is served, so are those before it.
    adit.publish("last", "last/", stage.live.port());
    adit.directory.wait_until_served_at(HOST, "/last/");

    let (mut first, mut later) = (Series::default(), Series::default());
    for number in 0..applications {
        let start = Instant::now();
        let mut connection = adit.connect();
        ask(&mut connection, number);
        first.0.push(round_trips(start));
        for _ in 0..LATER {
            let start = Instant::now();
            ask(&mut connection, number);
            later.0.push(round_trips(start));
        }
    }
    let mut table = Table::new(&["round trips", "p50", "fastest", "slowest"]);
    table.row(row("a first request, cold pool", &first));
    table.row(row("a later request, warm pool", &later));
    let findings = vec![
        Finding::new("a first request over 50 ms, cold pool, p50", first.median(), " round trips", Goal::AtMost(3.0)),
        Finding::new("a later request over 50 ms, warm pool, p50", later.median(), " round trips", Goal::AtMost(1.1)),
    ];
    let how = format!(
        "{ROUND_TRIP:?} of round trip between gateway and connector (a forwarder on loopback that holds every byte for \
         half of it), {applications} applications; a first request includes its client's TLS handshake with the gateway \
         nearby."
    );
    Shown { how, table, findings }
}

fn path(number: usize) -> String {
    format!("new-{number}/")
}

fn ask(connection: &mut Connection, number: usize) {
    let answer = connection.get(HOST, &format!("/{}", path(number))).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn round_trips(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64()
}

fn row(what: &str, times: &Series) -> Vec<String> {
    let (fastest, slowest) = times.range();
    vec![what.to_owned(), format!("{:.2}", times.median()), format!("{fastest:.2}"), format!("{slowest:.2}")]
}
