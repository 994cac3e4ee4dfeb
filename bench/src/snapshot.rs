//! What a large directory costs a gateway: a million published applications and a hundred thousand connectors, compiled by
//! the gateway's own code, without a socket.
//!
//! A change is timed from what the control plane has read of it to the version that the gateway serves, certificates
//! included; a look is that for the application of a host and a path, in random order over all of them.

mod population;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_control::CertificateAuthority;
use adit_core::permit::Permit;
use adit_core::sign_on::SignOn;
use adit_core::snapshot::{PublishedApplication, SnapshotChanges};
use adit_core::{ConnectorIdentity, Revision, Snapshot};
use adit_gateway::{
    CertificateSource, ClientLimits, ConnectorDirectory, Observation, ProvidedCertificate, Renewed, ServerCertificate,
    ServerCertificates, StillGateway, TunnelUp,
};
use adit_tunnel::message::{Refused, Register, Registered};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending, ready};
use tokio::sync::watch;

use crate::memory::Resident;
use crate::sides::finding::{Finding, Goal, Table};
use crate::sides::series::{Series, at};
use crate::sides::{machine, page};
use population::{APPLICATIONS, Asked, CONNECTORS, GROUPS, Kind};

/// Connectors with a tunnel to this gateway, if each of them has two among two hundred gateways.
const TUNNELS: u128 = 1_000;

/// And if each has one to every gateway.
const ALL_TUNNELS: u128 = CONNECTORS;

/// Changes of each kind.
const CHANGES: u128 = 200;

/// Looks that are timed as one: the clock is too coarse for a single one.
const BATCH: usize = 1_000;

/// What is promised: of a change in ms, of a look in ns.
const CHANGE: f64 = 10.0;
const LOOK: f64 = 1_000.0;

/// Has one certificate, for every name; nobody comes to it.
struct Outside {
    certificate: ServerCertificate,
    provided: watch::Sender<Arc<Vec<ProvidedCertificate>>>,
}

impl ServerCertificates for Outside {
    fn issue(&self, _: &[String]) -> Result<ServerCertificate, String> {
        Ok(self.certificate.clone())
    }

    fn provided(&self) -> watch::Receiver<Arc<Vec<ProvidedCertificate>>> {
        self.provided.subscribe()
    }
}

impl ConnectorDirectory for Outside {
    fn register(&self, _: Register, _: std::net::IpAddr) -> BoxFuture<'static, Result<Registered, Refused>> {
        pending().boxed()
    }

    fn renew(&self, _: ConnectorIdentity, _: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>> {
        pending().boxed()
    }

    fn tunnel_up(&self, _: TunnelUp) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }

    fn tunnel_down(&self, _: adit_core::id::TunnelId) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

/// A directory and a gateway that serves it.
struct Scene {
    snapshot: Arc<Snapshot>,
    gateway: StillGateway,
    /// The number of the next application that was never published.
    next: u128,
}

/// A kind of change.
struct Change {
    what: &'static str,
    make: fn(&mut Scene, u128) -> SnapshotChanges,
}

/// How long one took, in milliseconds.
struct Took {
    /// To the next snapshot.
    snapshot: f64,
    /// And until it is served.
    all: f64,
}

impl Scene {
    /// Makes a change, and has it served.
    fn take(&mut self, changes: SnapshotChanges) -> Took {
        let (epoch, revision) = self.snapshot.version();
        let start = Instant::now();
        let next = Arc::new(self.snapshot.changed(epoch, Revision(revision.0 + 1), changes));
        let snapshot = start.elapsed();
        self.gateway.serve(Arc::clone(&next));
        drop(std::mem::replace(&mut self.snapshot, next));
        let all = start.elapsed();
        assert_eq!(self.gateway.version(), self.snapshot.version());
        Took { snapshot: snapshot.as_secs_f64() * 1e3, all: all.as_secs_f64() * 1e3 }
    }

    fn connect(&self, connectors: std::ops::Range<u128>) {
        connectors.for_each(|number| self.gateway.connect(population::connector(number)));
        self.gateway.settle();
    }
}

/// Measures and prints; whether the goals are met, or what is wrong with `words`.
pub(crate) fn measure(words: &[&str]) -> Result<bool, String> {
    let write = match words {
        [] => false,
        ["--write"] => true,
        other => return Err(format!("'{}' is not --write", other.join(" "))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (findings, tables) = runtime.block_on(measured());
    let preface = format!("Measured on {} on {}.\nAdit {}.", machine::date(), machine::machine(), machine::adit());
    let text = format!("{preface}\n\n{}\n{}", Table::of_findings(findings.iter()).text(), tables.join("\n"));
    println!("{text}");
    if write {
        println!("written to {}", page::write("snapshot", text.trim_end()).display());
    }
    Ok(findings.iter().all(Finding::holds))
}

async fn measured() -> (Vec<Finding>, Vec<String>) {
    let mut sizes = Table::new(&["resident", "MiB", "bytes for each application", "made in s"]);
    let mut resident = Resident::of(std::process::id()).own;
    let mut size = |what: &str, took: Duration| {
        // What was made on the way is given back by then.
        sleep(Duration::from_secs(2));
        let now = Resident::of(std::process::id()).own;
        let grown = now - std::mem::replace(&mut resident, now);
        let each = grown * 1024.0 / APPLICATIONS as f64;
        let made = format!("{:.1}", took.as_secs_f64());
        sizes.row(vec![what.to_owned(), format!("{:.0}", grown / 1024.0), format!("{each:.0}"), made]);
    };
    let start = Instant::now();
    let snapshot = Arc::new(population::snapshot());
    size("the snapshot", start.elapsed());
    let start = Instant::now();
    let gateway = start_gateway(Arc::clone(&snapshot)).await;
    size("what the gateway makes of it", start.elapsed());
    let mut scene = Scene { snapshot, gateway, next: APPLICATIONS };

    let (looks, any_look, slowest_look) = looks(&scene);
    scene.connect(0..TUNNELS);
    let (changes, slowest_change) = changes(&mut scene);
    let start = Instant::now();
    scene.connect(TUNNELS..ALL_TUNNELS);
    size("100,000 tunnels, without their connections", start.elapsed());
    let crowded = dear_changes(&mut scene);

    let findings = vec![
        Finding::new(
            "a change, served: the 99th percentile of the slowest kind",
            slowest_change,
            " ms",
            Goal::AtMost(CHANGE),
        ),
        Finding::new("a look for a route, of all in random order", any_look, " ns", Goal::AtMost(LOOK)),
        Finding::new("a look for a route, of the slowest kind", slowest_look, " ns", Goal::AtMost(LOOK)),
    ];
    let of = format!("{APPLICATIONS} applications, {CONNECTORS} connectors in {GROUPS} groups.\n");
    let signature = format!("A statement is signed in {:.0} us (median).\n", signature());
    (findings, vec![of, sizes.text(), changes.text(), crowded.text(), looks.text(), signature])
}

async fn start_gateway(snapshot: Arc<Snapshot>) -> StillGateway {
    let (authority, _) = CertificateAuthority::generate().expect("an authority");
    let names: Vec<String> = ["*.corp.example", "gateway.example"].map(str::to_owned).into();
    let issued = authority.issue_server(&names).expect("a certificate");
    let certificate = ServerCertificate::new(issued.chain, issued.key).expect("a certificate that can be used");
    let of_file = ProvidedCertificate { source: CertificateSource::File, certificate: certificate.clone() };
    let outside = Arc::new(Outside { certificate, provided: watch::Sender::new(Arc::new(vec![of_file])) });
    let settings = adit_gateway::Settings {
        cores: NonZeroUsize::MIN,
        snapshots: watch::channel(snapshot).1,
        directory: Arc::<Outside>::clone(&outside),
        certificates: outside,
        connector_ca: authority.certificate_der().clone(),
        own_names: vec!["gateway.example".to_owned()],
        trusted_proxies: Vec::new(),
        client_limits: ClientLimits::default(),
        awaited: Vec::new(),
        grace: Duration::from_secs(30),
        sign_in: None,
        observation: Observation::default(),
    };
    StillGateway::start(settings).await.expect("a gateway")
}

const KINDS: [Change; 5] = [
    Change { what: "an application gets another group", make: reassign },
    Change { what: "an application is published at a new host", make: |scene, _| publish(scene, Kind::OwnHost) },
    Change { what: "one more at a host with 10,000", make: |scene, _| publish(scene, Kind::Portal) },
    Change { what: "an application is unpublished", make: unpublish },
    Change { what: "a connector gets another group", make: |_, number| moved(number) },
];

/// The numbers of applications of which none was changed before and none is beside another in memory.
const fn scattered(number: u128) -> u128 {
    number * 7_919 % APPLICATIONS
}

fn reassign(scene: &mut Scene, number: u128) -> SnapshotChanges {
    let revision = scene.snapshot.version().1.0 + 1;
    let application = population::published(scattered(number), population::group(number + 1), revision);
    SnapshotChanges { applications: vec![(application.id, Some(application))], ..SnapshotChanges::default() }
}

fn publish(scene: &mut Scene, kind: Kind) -> SnapshotChanges {
    // What lists headers is looked at by itself.
    let number = (scene.next..).find(|number| Kind::of(*number) == kind && number % 1000 != 4).expect("a number");
    scene.next = number + 1;
    let application = population::published(number, population::group(number), scene.snapshot.version().1.0 + 1);
    SnapshotChanges { applications: vec![(application.id, Some(application))], ..SnapshotChanges::default() }
}

fn unpublish(_: &mut Scene, number: u128) -> SnapshotChanges {
    let number = (scattered(number + 100_000)..).find(|number| number % 1000 != 4).expect("a number");
    SnapshotChanges { applications: vec![(population::application_id(number), None)], ..SnapshotChanges::default() }
}

fn moved(number: u128) -> SnapshotChanges {
    let connector = population::known(number, population::group(number + 17));
    SnapshotChanges { connectors: vec![(connector.id, Some(connector))], ..SnapshotChanges::default() }
}

/// Changes of all kinds, one after the other; the 99th percentile of the slowest.
fn changes(scene: &mut Scene) -> (Table, f64) {
    let head = format!("a change, {TUNNELS} tunnels");
    let mut table = Table::new(&[&head, "ms", "99 of 100", "longest", "the snapshot alone, ms"]);
    let mut slowest = f64::MIN;
    for Change { what, make } in &KINDS {
        let times = (0..CHANGES).map(|number| {
            let changes = make(scene, number);
            scene.take(changes)
        });
        slowest = slowest.max(row(&mut table, what, &times.collect::<Vec<_>>()));
    }
    (table, slowest)
}

fn row(table: &mut Table, what: &str, times: &[Took]) -> f64 {
    let (all, snapshot) = (Series::of(times, |took| took.all), Series::of(times, |took| took.snapshot));
    let figures = [all.median(), at(&all.0, 0.99), all.range().1, snapshot.median()];
    let cells = figures.iter().map(|figure| format!("{figure:.2}"));
    table.row([what.to_owned()].into_iter().chain(cells).collect());
    figures[1]
}

/// What looks at all tunnels or at all applications.
const DEAR: [Change; 3] = [
    Change { what: "an application gets another group", make: reassign },
    Change { what: "a connector gets another group", make: |_, number| moved(number + CHANGES) },
    Change { what: "an application lists no header any more", make: fall_silent },
];

/// An application that listed a header for its upstream does so no more.
fn fall_silent(scene: &mut Scene, number: u128) -> SnapshotChanges {
    let number = number * 1000 + 4;
    let application = population::published(number, population::group(number), scene.snapshot.version().1.0 + 1);
    let silent = PublishedApplication { sign_on: SignOn::default(), ..application };
    SnapshotChanges { applications: vec![(silent.id, Some(silent))], ..SnapshotChanges::default() }
}

/// What is not promised: said all the same.
fn dear_changes(scene: &mut Scene) -> Table {
    let head = format!("a change, {ALL_TUNNELS} tunnels");
    let mut table = Table::new(&[&head, "ms", "99 of 100", "longest", "the snapshot alone, ms"]);
    for Change { what, make } in &DEAR {
        let times = (0..20).map(|number| {
            let changes = make(scene, number);
            scene.take(changes)
        });
        let _ = row(&mut table, what, &times.collect::<Vec<_>>());
    }
    table
}

/// Looks for all applications in random order, and for what is not there; the medians of all, and of the slowest kind.
fn looks(scene: &Scene) -> (Table, f64, f64) {
    let mut table = Table::new(&["a look for the route of", "ns", "slowest 1 % of batches"]);
    let mut slowest = f64::MIN;
    let mut random = fastrand::Rng::with_seed(7);
    let mut time = |what: &str, asked: &mut dyn Iterator<Item = (Asked, bool)>| {
        let times = Series(look_times(&scene.snapshot, asked));
        slowest = slowest.max(times.median());
        table.row(vec![what.to_owned(), format!("{:.0}", times.median()), format!("{:.0}", at(&times.0, 0.99))]);
        times.median()
    };
    let mut all: Vec<u128> = (0..APPLICATIONS).collect();
    random.shuffle(&mut all);
    let any = time("any application", &mut all.iter().map(|number| (population::asked(*number), true)));
    for kind in Kind::ALL {
        let own = all.iter().filter(|number| Kind::of(**number) == kind);
        time(kind.words(), &mut own.map(|number| (population::asked(*number), true)));
    }
    let elsewhere =
        |number: &u128| Asked { host: format!("no-{number}.corp.example"), path: "/a/page.html".to_owned() };
    time("a host at which nothing is", &mut all.iter().map(|number| (elsewhere(number), false)));
    let beside = all.iter().filter(|number| matches!(Kind::of(**number), Kind::SharedHost | Kind::Portal));
    let beside = beside.map(|number| Asked { path: "/area-1/none/page.html".to_owned(), ..population::asked(*number) });
    time("a path at which nothing is", &mut beside.map(|asked| (asked, false)));
    (table, any, slowest)
}

/// Microseconds of a signature under what one application's connectors may dial.
fn signature() -> f64 {
    let (authority, _) = CertificateAuthority::generate().expect("an authority");
    let application = population::published(1, population::group(1), 1);
    let (internal, certificate) = (&application.internal_url, application.upstream_certificate);
    let permit = Permit::new(application.id, application.connector_group, internal, certificate, 0);
    let times = (0..1_000).map(|_| {
        let start = Instant::now();
        black_box(authority.sign(&permit).expect("a signature"));
        start.elapsed().as_secs_f64() * 1e6
    });
    Series(times.collect()).median()
}

/// Nanoseconds of one look, batch by batch.
fn look_times(snapshot: &Snapshot, asked: &mut dyn Iterator<Item = (Asked, bool)>) -> Vec<f64> {
    let mut times = Vec::new();
    loop {
        // In the cache of the processor, as the head of a request is that was just read.
        let batch: Vec<(Asked, bool)> = (&mut *asked).take(BATCH).collect();
        if batch.len() < BATCH {
            return times;
        }
        let start = Instant::now();
        let found = batch.iter().filter(|(asked, _)| snapshot.route(black_box(&asked.host), &asked.path).is_some());
        let found = black_box(found.count());
        times.push(start.elapsed().as_secs_f64() * 1e9 / BATCH as f64);
        assert_eq!(found, batch.iter().filter(|(_, is_there)| *is_there).count(), "{:?}", batch.first());
    }
}
