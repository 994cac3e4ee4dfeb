//! Active probes: who asks, what the upstream sees of it, and what comes of the answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use adit_core::Publishing;
use adit_core::application::PreAuthentication;
use adit_core::health::{Health, Observer, Reach, Sighting};
use adit_core::health_probe::{ExpectedStatuses, HealthProbe, ProbeInterval, ProbePath, ProbeTimeout};
use adit_core::maintenance::MaintenanceState;
use world::World;

/// The shortest interval, a second in which new pairs are planned, and the probe: five times that.
const PROBED: Duration = Duration::from_secs(35);

/// An upstream whose answers have the status that a test sets; 0 answers nothing. It keeps the heads of requests.
#[derive(Clone)]
struct Upstream {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (status, heads) = (Arc::new(AtomicU16::new(204)), Arc::default());
        let upstream = Self { address: listener.local_addr().unwrap(), status, heads };
        let own = upstream.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(socket));
            }
        });
        upstream
    }

    fn serve(&self, mut socket: std::net::TcpStream) {
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
        loop {
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            if head.is_empty() {
                return;
            }
            self.heads.lock().unwrap().push(head.join("\n"));
            let status = self.status.load(Ordering::SeqCst);
            let answer = format!("HTTP/1.1 {status} Set\r\ncontent-length: 0\r\n\r\n");
            if status > 0 && socket.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        format!("http://{}/wiki/", self.address)
    }
}

fn probe() -> HealthProbe {
    HealthProbe {
        path: ProbePath::parse("/health?full=1").ok(),
        interval: ProbeInterval::new(5).ok(),
        timeout: ProbeTimeout::new(1).ok(),
        statuses: ExpectedStatuses::parse("200-299").ok(),
    }
}

/// Nobody could use it even: it asks for sign-in, which there is none of.
fn probed(publishing: &mut Publishing) {
    publishing.pre_authentication = PreAuthentication::SignIn;
    publishing.health_probe = probe();
}

async fn within(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PROBED, "not within {PROBED:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sighting(world: &World, number: u32) -> Option<Sighting> {
    let connector = world::identity(number).connector;
    world.health().sightings.into_iter().find(|sighting| sighting.connector == connector)
}

fn has_passed(world: &World, number: u32) -> Option<bool> {
    Some(sighting(world, number)?.probe?.has_passed)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connector_probes_what_nobody_uses_and_tells_the_upstream_of_nobody() {
    let upstream = Upstream::start();
    let mut world = World::start();
    world.publish_as("https://wiki.localhost/", &upstream.url(), probed).await;
    world.know(1..=2).await;
    let _connectors = [world.connector(&[]).await, world.connector(&[]).await];
    assert_eq!(world.health().health, Health::Unknown);
    within("both have probed", || has_passed(&world, 1) == Some(true) && has_passed(&world, 2) == Some(true)).await;
    let seen = sighting(&world, 1).unwrap();
    let answer = seen.last_answer.unwrap();
    assert_eq!((answer.status, answer.to, seen.reach), (204, Observer::Probe, Reach::Reached));
    assert!(seen.latency.is_some() && seen.connect.is_some() && !seen.is_passed_over);
    assert_eq!(world.health().health, Health::Serving);
    assert!(world.metrics().contains("adit_gateway_probes_total{outcome=\"passed\"} "), "{}", world.metrics());

    let head = upstream.heads().pop().unwrap();
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "GET /health?full=1 HTTP/1.1", "not below the prefix of the internal URL");
    lines.sort();
    let agent = format!("user-agent: Adit-Health-Probe/{}", env!("CARGO_PKG_VERSION"));
    let host = format!("host: {}", upstream.address);
    let expected = [
        "accept: */*",
        "connection: close",
        &host,
        &agent,
        "x-forwarded-host: wiki.localhost",
        "x-forwarded-proto: https",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_probe_finds_wrong_counts_until_the_next_one_finds_it_right() {
    let upstream = Upstream::start();
    upstream.status.store(503, Ordering::SeqCst);
    let mut world = World::start();
    world.publish_as("https://wiki.localhost/", &upstream.url(), probed).await;
    world.know([1]).await;
    let _connector = world.connector(&[]).await;
    within("it fails", || has_passed(&world, 1) == Some(false)).await;
    let seen = sighting(&world, 1).unwrap();
    let failure = seen.last_failure.unwrap();
    assert_eq!((failure.reason, failure.by), ("probe_status", Observer::Probe));
    assert_eq!(failure.detail, "the probe was answered 503, not 200-299");
    assert_eq!((seen.reach, seen.is_passed_over, world.health().health), (Reach::Reached, true, Health::Down));

    upstream.status.store(0, Ordering::SeqCst);
    within("it takes too long", || {
        sighting(&world, 1).and_then(|seen| seen.last_failure).is_some_and(|why| why.reason == "upstream_timeout")
    })
    .await;
    upstream.status.store(200, Ordering::SeqCst);
    within("it passes", || has_passed(&world, 1) == Some(true)).await;
    assert_eq!(world.health().health, Health::Serving);
    assert!(!sighting(&world, 1).unwrap().is_passed_over);
    for outcome in ["passed", "unexpected_status", "timed_out"] {
        assert!(world.metrics().contains(&format!("adit_gateway_probes_total{{outcome=\"{outcome}\"}}")), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_probed_in_maintenance_and_a_change_takes_effect() {
    let upstream = Upstream::start();
    let mut world = World::start();
    world.publish_as("https://wiki.localhost/", &upstream.url(), probed).await;
    let _connector = world.connector(&[]).await;
    within("it is probed", || has_passed(&world, 1) == Some(true)).await;
    world.change(|application| application.maintenance.state = MaintenanceState::On).await;
    within("what a probe said counts no longer", || has_passed(&world, 1).is_none()).await;
    let probes = upstream.heads().len();
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(upstream.heads().len(), probes, "longer than any interval with its jitter");
    world
        .change(|application| {
            application.maintenance.state = MaintenanceState::Off;
            application.health_probe.path = ProbePath::parse("/other").ok();
        })
        .await;
    within("the new path", || upstream.heads().last().is_some_and(|head| head.starts_with("GET /other "))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_nobody_reaches_is_known_before_anybody_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut world = World::start();
    world.publish_as("https://wiki.localhost/", &url, probed).await;
    let connector = world.connector(&[]).await;
    // On a machine that stands still for a while the first of them may run out of time.
    within("it is not reached", || {
        sighting(&world, 1).and_then(|seen| seen.last_failure).is_some_and(|why| why.reason == "upstream_refused")
    })
    .await;
    let seen = sighting(&world, 1).unwrap();
    assert_eq!((has_passed(&world, 1), seen.reach), (Some(false), Reach::NotReached));
    assert_eq!(seen.last_failure.unwrap().by, Observer::Probe);
    assert_eq!(world.health().health, Health::Down);
    connector.leave().await;
    within("one that is gone probes no more", || has_passed(&world, 1).is_none()).await;
}
