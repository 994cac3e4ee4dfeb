//! A thousand connectors that lose their gateway in the same moment: they come back soon, not all at once, and users of
//! others hardly notice. `ADIT_TEST_LONG` makes them four thousand: more do not fit into the files of one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use adit_connector::{AllowList, SystemNetwork};
use adit_core::application::PreAuthentication::Passthrough;
use adit_core::{MachineName, RegistrationToken};
use adit_gateway::{ClientLimits, Observation};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use world::World;
use world::upstream::Upstream;

const APP: &str = "app.localhost";

/// How long all may take to be back.
const BACK: Duration = Duration::from_secs(30);

/// What users' slowest request in a hundred may take meanwhile.
const USERS: Duration = Duration::from_millis(250);

/// What a promise is held to where other programs run as well.
const TIMES: u32 = 5;

/// A network that can be cut for a while.
struct Cut {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    /// When connections came that it let through.
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Cut {
    fn before(gateway: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (is_cut, arrivals) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Instant>>>::default());
        let (cut, noted) = (Arc::clone(&is_cut), Arc::clone(&arrivals));
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut near, _)) = listener.accept().await {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                noted.lock().unwrap().push(Instant::now());
                let cut = Arc::clone(&cut);
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(gateway).await else { return };
                    let watched = async {
                        while !cut.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional_with_sizes(&mut near, &mut far, 2048, 2048) => {}
                        () = watched => {}
                    }
                });
            }
        });
        Self { address, is_cut, arrivals }
    }

    fn set(&self, cut: bool) {
        self.arrivals.lock().unwrap().clear();
        self.is_cut.store(cut, Ordering::SeqCst);
    }

    /// The most arrivals in half a second, beside what they would be if they were spread evenly over the ten seconds that
    /// the longest pauses differ by.
    fn crowding(&self) -> f64 {
        let arrivals = self.arrivals.lock().unwrap();
        let mut halves = std::collections::HashMap::<u128, u32>::new();
        arrivals
            .iter()
            .for_each(|at| *halves.entry(at.duration_since(arrivals[0]).as_millis() / 500).or_default() += 1);
        let most = halves.into_values().max().unwrap();
        f64::from(most) * 20.0 / arrivals.len() as f64
    }
}

/// Runs connectors on one thread, as many as there are folders.
fn run_connectors(token: RegistrationToken, folders: Vec<PathBuf>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        for folder in folders {
            let settings = adit_connector::Settings {
                data: folder,
                token: Some(token.clone()),
                machine_name: MachineName::parse("one-of-many").unwrap(),
                allow: AllowList::default(),
                proxy: adit_connector::ProxyChoice::Direct,
                version: "1.0.0-test".to_owned(),
                connections: NonZeroUsize::MIN,
                grace: adit_connector::GRACE,
            };
            local.spawn_local(async move {
                let forever = std::future::pending();
                adit_connector::run_solo(settings, Arc::new(SystemNetwork), forever).await.unwrap();
            });
        }
        runtime.block_on(local);
    });
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connectors_that_return_at_once_are_back_soon_and_users_hardly_notice() {
    let herd: usize = if std::env::var_os("ADIT_TEST_LONG").is_some() { 4_000 } else { 1_000 };
    // Each of a thousand would tell that it lost its gateway.
    let _ = tracing_subscriber::fmt().with_env_filter("off").try_init();
    let limits = ClientLimits { registrations_per_address: 1_000_000, registrations: 1_000_000, ..Default::default() };
    let mut world = World::start_limited(&[], Observation::default(), limits);
    let upstream = Upstream::start();
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    world.know((1..=9).chain(world::ELSEWHERE..=world::ELSEWHERE + u32::try_from(herd).unwrap())).await;
    let _connector = world.connector(&[]).await;
    world.has_registered(world::ELSEWHERE);

    let cut = Cut::before(world.address);
    let scratch = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = (0..herd).map(|number| scratch.path().join(number.to_string())).collect();
    folders.chunks(herd / 2).for_each(|part| run_connectors(world.token(cut.address), part.to_vec()));
    let _ = until_present(&world, herd + 1, Duration::from_secs(300)).await;

    cut.set(true);
    let _ = until_present(&world, 1, Duration::from_secs(30)).await;
    // Long enough for every one to be at its longest pause.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (ended, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (times, (back, crowding)) = tokio::join!(
        async {
            let users = [(); 4].map(|()| user(&world, &ended, &failed));
            futures_util::future::join_all(users).await.concat()
        },
        async {
            cut.set(false);
            let back = until_present(&world, herd + 1, BACK * TIMES).await;
            ended.store(true, Ordering::SeqCst);
            (back, cut.crowding())
        }
    );
    let mut times = times;
    times.sort_unstable();
    let slow = times[times.len() * 99 / 100];
    println!("{herd} back in {back:?}; {} requests, p99 {slow:?}; crowding {crowding:.1}", times.len());
    assert_eq!(failed.into_inner(), 0, "of {} requests", times.len());
    assert!(slow < USERS * TIMES, "one request in a hundred took {slow:?}");
    // At the longest pause each waits five to fifteen seconds: a second wave would be far more than three times as dense.
    assert!(crowding < 3.0, "{crowding} times as many came in half a second as if they were spread");
}
