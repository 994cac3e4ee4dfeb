//! A thousand connectors that lose their gateway in the same moment: they come back soon, not all at once, and users of
//! others hardly notice. `ADIT_TEST_LONG` makes them ten thousand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "herd/part.rs"]
mod part;
mod world;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adit_core::application::PreAuthentication::Passthrough;
use adit_gateway::{ClientLimits, Observation};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use part::Part;
use world::World;
use world::upstream::Upstream;

const APP: &str = "app.localhost";

/// How long all may take to be back.
const BACK: Duration = Duration::from_secs(30);

/// What users' slowest request in a hundred may take meanwhile.
const USERS: Duration = Duration::from_millis(250);

/// Processes that the herd is spread over.
const PARTS: usize = 4;

/// How long they may take to register: each makes a key, and the directory of this test writes each down by itself.
const REGISTERED: Duration = Duration::from_secs(600);

/// What a promise is held to where other programs run as well.
const TIMES: u32 = 5;

/// The most arrivals in half a second, beside what they would be if they were spread evenly over the ten seconds that the
/// longest pauses differ by.
fn crowding(mut arrivals: Vec<u64>) -> f64 {
    arrivals.sort_unstable();
    let mut halves = std::collections::HashMap::<u64, u32>::new();
    arrivals.iter().for_each(|at| *halves.entry((at - arrivals[0]) / 500).or_default() += 1);
    let most = halves.into_values().max().unwrap();
    f64::from(most) * 20.0 / arrivals.len() as f64
}

/// A user who asks again and again over one connection; gives how long each answer took.
async fn user(world: &World, ended: &AtomicBool, failed: &AtomicUsize) -> Vec<Duration> {
    let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut times = Vec::new();
    while !ended.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let request = Request::get("/page").header("host", APP).body(Full::<Bytes>::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        if answer.status() != StatusCode::OK {
            failed.fetch_add(1, Ordering::SeqCst);
        }
        answer.into_body().collect().await.unwrap();
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times
}

async fn until_present(world: &World, count: usize, patience: Duration) -> Duration {
    let start = Instant::now();
    while world.present() != count {
        assert!(start.elapsed() < patience, "{} of {count} after {patience:?}", world.present());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

#[test]
fn a_thousand_connectors_that_return_at_once_are_back_soon_and_users_hardly_notice() {
    if part::run_if_part() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(a_herd_returns());
}

async fn a_herd_returns() {
    // Each of a thousand tunnels would tell that it ended.
    let _ = tracing_subscriber::fmt().with_max_level(tracing::level_filters::LevelFilter::OFF).try_init();
    let herd: usize = if std::env::var_os("ADIT_TEST_LONG").is_some() { 10_000 } else { 1_000 };
    let limits = ClientLimits { registrations_per_address: 1_000_000, registrations: 1_000_000, ..Default::default() };
    let mut world = World::start_limited(&[], Observation::default(), limits);
    let upstream = Upstream::start();
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    world.know((1..=9).chain(world::ELSEWHERE..=world::ELSEWHERE + u32::try_from(herd).unwrap())).await;
    let _connector = world.connector(&[]).await;
    world.has_registered(world::ELSEWHERE);

    let scratch = tempfile::tempdir().unwrap();
    let this = "a_thousand_connectors_that_return_at_once_are_back_soon_and_users_hardly_notice";
    let mut parts: Vec<Part> = (0..PARTS)
        .map(|number| Part::start(this, world.address, herd / PARTS, &scratch.path().join(number.to_string())))
        .collect();
    for part in &mut parts {
        let token = world.token(part.address());
        part.register(&token);
    }
    let registered = until_present(&world, herd + 1, REGISTERED).await;

    parts.iter_mut().for_each(Part::cut);
    let _ = until_present(&world, 1, Duration::from_secs(60)).await;
    // Long enough for every one to be at its longest pause.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (ended, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (times, back) = tokio::join!(
        async {
            let users = [(); 4].map(|()| user(&world, &ended, &failed));
            futures_util::future::join_all(users).await.concat()
        },
        async {
            parts.iter_mut().for_each(Part::join);
            let back = until_present(&world, herd + 1, BACK * TIMES).await;
            ended.store(true, Ordering::SeqCst);
            back
        }
    );
    let crowding = crowding(parts.iter_mut().flat_map(Part::arrivals).collect());
    let mut times = times;
    times.sort_unstable();
    let slow = times[times.len() * 99 / 100];
    println!(
        "{herd} registered in {registered:?}, back in {back:?}; {} requests, p99 {slow:?}; crowding {crowding:.1}",
        times.len()
    );
    assert_eq!(failed.into_inner(), 0, "of {} requests", times.len());
    assert!(slow < USERS * TIMES, "one request in a hundred took {slow:?}");
    // At the longest pause each waits five to fifteen seconds: a second wave would be far more than three times as dense.
    assert!(crowding < 3.0, "{crowding} times as many came in half a second as if they were spread");
}
