//! Steady load of our own, which remembers when each request was answered and how: what wrk cannot say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::http::{Connection, Trust};

/// How long a client waits after each answer, so that the load is steady and leaves the machine some air.
const PAUSE: Duration = Duration::from_millis(5);

/// One request: when it was sent, when it ended, and how.
#[derive(Debug, Clone)]
pub struct Shot {
    /// When it was sent.
    pub sent: Instant,
    /// When its answer, or its failure, was there.
    pub ended: Instant,
    /// The connector process that carried it.
    pub carrier: String,
    /// What went wrong, if something did: a status or a broken connection.
    pub failure: Option<String>,
}

/// Clients that send GET requests until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Shot>>>,
}

impl Load {
    /// Starts `clients` clients, each with one keep-alive connection to `https://host/target` at `gateway`.
    #[must_use]
    pub fn start(clients: usize, gateway: SocketAddr, host: &str, target: &str, trust: &Trust) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..clients)
            .map(|_| {
                let client = Client {
                    gateway,
                    host: host.to_owned(),
                    target: target.to_owned(),
                    trust: trust.clone(),
                    connection: None,
                };
                let stop = stop.clone();
                thread::spawn(move || client.run(&stop))
            })
            .collect();
        Self { stop, clients }
    }

    /// Stops the clients and gives what they saw, in the order of sending.
    ///
    /// # Panics
    /// When a client panicked or nothing was sent.
    #[must_use]
    pub fn stop(self) -> Vec<Shot> {
        self.stop.store(true, Ordering::SeqCst);
        let mut shots: Vec<Shot> =
            self.clients.into_iter().flat_map(|client| client.join().expect("a client of the load")).collect();
        shots.sort_by_key(|shot| shot.sent);
        assert!(!shots.is_empty(), "the load sent nothing");
        shots
    }
}

struct Client {
    gateway: SocketAddr,
    host: String,
    target: String,
    trust: Trust,
    connection: Option<Connection>,
}

impl Client {
    fn run(mut self, stop: &AtomicBool) -> Vec<Shot> {
        let mut shots = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            shots.push(self.shoot());
            thread::sleep(PAUSE);
        }
        shots
    }

    fn shoot(&mut self) -> Shot {
        let sent = Instant::now();
        let (carrier, failure) = match self.request() {
            Ok(answer) if answer.status == 200 => (answer.header("x-carried-by").unwrap_or_default().to_owned(), None),
            Ok(answer) => (String::new(), Some(format!("{} {}", answer.status, answer.text()))),
            Err(error) => {
                self.connection = None;
                (String::new(), Some(error.to_string()))
            }
        };
        Shot { sent, ended: Instant::now(), carrier, failure }
    }

    fn request(&mut self) -> std::io::Result<crate::http::Response> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::tls(self.gateway, &self.host, &self.trust)?),
        };
        let answer = connection.get(&self.host, &self.target)?;
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        Ok(answer)
    }
}

/// The failures among `shots`, as `time after start: what`, for a message.
#[must_use]
pub fn failures(shots: &[Shot], start: Instant) -> Vec<String> {
    shots
        .iter()
        .filter_map(|shot| {
            let failure = shot.failure.as_ref()?;
            Some(format!("{:.3} s: {failure}", shot.sent.saturating_duration_since(start).as_secs_f64()))
        })
        .collect()
}
