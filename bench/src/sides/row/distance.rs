//! A connector that is far from its gateway: how many round trips a first request takes, when no upstream connection is
//! open for it, and how many a later one.

use std::time::{Duration, Instant};

use adit_tests::http::Connection;

use crate::sides::adit::Adit;
use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::relay::Relay;
use crate::sides::series::{Pace, Series};
use crate::sides::side::{HOST, Kind, PROXIES};
use crate::sides::stage::Stage;

const ROUND_TRIP: Duration = Duration::from_millis(50);

/// Applications of Adit, each new to the gateway once.
const APPLICATIONS: usize = 20;

/// Starts of each peer, each new to its origin once.
const STARTS: usize = 3;

/// Later requests on the connection of each first one.
const LATER: usize = 5;

/// Round trips of first and of later requests.
#[derive(Default)]
struct Times {
    first: Series,
    later: Series,
}

impl Times {
    /// Asks for `target` on a new connection, then again and again.
    fn note(&mut self, connect: impl FnOnce() -> Connection, target: &str) {
        let start = Instant::now();
        let mut connection = connect();
        ask(&mut connection, target);
        self.first.0.push(round_trips(start));
        for _ in 0..LATER {
            let start = Instant::now();
            ask(&mut connection, target);
            self.later.0.push(round_trips(start));
        }
    }

    fn row(&self, kind: Kind) -> Vec<String> {
        let cell = |figure: f64| format!("{figure:.2}");
        let (first, later) = (&self.first, &self.later);
        let cells = [first.median(), first.range().1, later.median(), later.range().1].map(cell);
        [vec![kind.name().to_owned()], cells.to_vec()].concat()
    }
}

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let applications = pace.count(APPLICATIONS);
    let ours = of_adit(stage, applications);
    let mut table = Table::new(&["round trips", "first, p50", "slowest", "later, p50", "slowest"]);
    table.row(ours.row(Kind::Adit));
    for kind in PROXIES.iter().filter(|kind| **kind != Kind::Adit) {
        table.row(of_peer(stage, *kind, pace.rounds(STARTS)).row(*kind));
    }
    let finding = |what: &str, series: &Series, most: f64| {
        Finding::new(what, series.median(), " round trips", Goal::AtMost(most))
    };
    let findings = vec![
        finding("a first request over 50 ms, cold pool, p50", &ours.first, 3.0),
        finding("a later request over 50 ms, warm pool, p50", &ours.later, 1.1),
    ];
    let how = format!(
        "{ROUND_TRIP:?} of round trip between the half near the clients and the half near the origin (a forwarder on \
         loopback that holds every byte for half of it, and those of new connections for as long as opening them takes). \
         First requests: {applications} applications of Adit, each new to the gateway; peers that were just started. \
         Each includes its client's TLS handshake nearby (frp: far away, because frpc makes it)."
    );
    Shown { how, table, findings }
}

fn of_adit(stage: &Stage, applications: usize) -> Times {
    let relay = Relay::start(ROUND_TRIP / 2);
    let adit = Adit::far(stage, &relay);
    for number in 0..applications {
        adit.publish(&format!("new-{number}"), &format!("new-{number}/"), stage.live.port());
    }
    // Snapshots come in order: when the last application is served, so are those before it.
    adit.publish("last", "last/", stage.live.port());
    adit.directory.wait_until_served_at(HOST, "/last/");
    let mut times = Times::default();
    for number in 0..applications {
        times.note(|| adit.directory.user(HOST), &format!("/new-{number}/"));
    }
    times
}

fn of_peer(stage: &Stage, kind: Kind, starts: usize) -> Times {
    let relay = Relay::start(ROUND_TRIP / 2);
    let mut times = Times::default();
    for _ in 0..starts {
        let side = stage.far(kind, &relay);
        times.note(|| side.connect(), "/1k");
    }
    times
}

fn ask(connection: &mut Connection, target: &str) {
    let answer = connection.get(HOST, target).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn round_trips(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64()
}
