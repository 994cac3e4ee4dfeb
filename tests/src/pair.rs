//! An application that two connectors of one group serve: what may happen to one of them, the other makes good.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::http::Connection;
use crate::load::Load;
use crate::{ConnectorProcess, Directory, Upstream, settles};

/// Where the application is published.
pub const HOST: &str = "localhost";

/// Clients of the load.
const CLIENTS: usize = 16;

/// Programs that send what may not be sent twice.
const WRITERS: usize = 8;

/// How long each of them waits between two requests.
const PAUSE: Duration = Duration::from_millis(5);

/// What tells each of their requests from all others.
static MARKER: AtomicUsize = AtomicUsize::new(0);

/// The longest until both connectors are seen to serve; starting a slow build included.
const BOTH_SERVE: Duration = Duration::from_secs(60);

/// A directory, two connectors of its default group, and an application that both reach.
pub struct Pair {
    /// The connectors, machine names `one` and `two`.
    pub connectors: [ConnectorProcess; 2],
    /// The application.
    pub upstream: Upstream,
    /// The application's id.
    pub application: String,
    /// What serves it.
    pub directory: Directory,
}

impl Pair {
    /// Starts everything and waits until the application is served.
    #[must_use]
    pub fn start() -> Self {
        let directory = Directory::start();
        let connectors = [directory.connector("one"), directory.connector("two")];
        let upstream = Upstream::start();
        for connector in &connectors {
            upstream.recognise(connector.pid());
        }
        let application = directory.publish("served twice", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { connectors, upstream, application, directory }
    }

    /// Steady GET requests for `target`.
    #[must_use]
    pub fn load(&self, target: &str) -> Load {
        Load::start(CLIENTS, self.directory.addresses().gateway, HOST, target, &self.directory.trust())
    }

    /// Steady POST requests, each with a marker of its own.
    #[must_use]
    pub fn writers(&self) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (gateway, trust) = (self.directory.addresses().gateway, self.directory.trust());
            let stop = stop.clone();
            thread::spawn(move || write_until(&stop, || Connection::tls(gateway, HOST, &trust)))
        };
        Writers { stop: stop.clone(), threads: (0..WRITERS).map(start).collect() }
    }

    /// The connector process that carries the next request of `user`.
    ///
    /// # Panics
    /// When it is not answered.
    #[must_use]
    pub fn carrier(&self, user: &mut Connection) -> String {
        let answer = user.get(HOST, "/who").expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-carried-by").expect("its carrier").to_owned()
    }

    /// Waits until both connectors carry requests.
    pub fn both_serve(&self) {
        let (mut seen, mut user) = (HashSet::new(), self.directory.user(HOST));
        settles("both connectors carry requests", BOTH_SERVE, || {
            seen.insert(self.carrier(&mut user));
            self.connectors.iter().all(|connector| seen.contains(&connector.pid().to_string()))
        });
    }

    /// Starts a connector again that has ended, and waits until it serves.
    pub fn start_again(&mut self, which: usize) {
        self.connectors[which].restart();
        self.upstream.recognise(self.connectors[which].pid());
        self.both_serve();
    }

    /// How often each marker reached the application.
    #[must_use]
    pub fn arrived(&self) -> HashMap<String, usize> {
        let mut times: HashMap<String, usize> = HashMap::new();
        for head in self.upstream.heads().into_iter().filter(|head| head.method == "POST") {
            *times.entry(head.target).or_default() += 1;
        }
        times
    }
}

/// Programs that POST, each request with a marker of its own.
pub struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    /// Stops them; the markers that were answered 200.
    ///
    /// # Panics
    /// When one of them panicked.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    }
}

fn write_until(stop: &AtomicBool, connect: impl Fn() -> std::io::Result<Connection>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut connection: Option<Connection> = None;
    while !stop.load(Ordering::SeqCst) {
        let target = format!("/upload?marker={}", MARKER.fetch_add(1, Ordering::SeqCst));
        let mut user = connection.take().unwrap_or_else(|| connect().expect("a connection to the gateway"));
        if let Ok(answer) = user.send("POST", &target, &[("host", HOST)], b"once") {
            if answer.status == 200 {
                acknowledged.push(target);
            }
            connection = Some(user);
        }
        thread::sleep(PAUSE);
    }
    acknowledged
}
