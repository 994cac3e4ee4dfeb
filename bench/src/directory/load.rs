//! Load of one kind of request: clients that send the next one as soon as the last is answered, each on a keep-alive
//! connection of its own, HTTP/1.1 over loopback.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::http::{Connection, Response};

use crate::cpu;

/// One kind of request.
pub(super) struct Question {
    pub(super) name: &'static str,
    /// How many clients ask it at the same time.
    pub(super) connections: usize,
    /// The status of every answer.
    pub(super) status: u16,
    /// How many items each answer lists, if it is a list.
    pub(super) items: Option<usize>,
    make: Box<dyn Fn(Turn) -> Request + Sync>,
    /// How many requests each client has sent.
    turns: Vec<AtomicU64>,
}

/// Whose turn it is, and its how many-th.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) client: usize,
    pub(super) number: u64,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// The whole target, encoded.
    pub(super) target: String,
    /// JSON; empty for none.
    pub(super) body: String,
}

/// A server under load.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) process: u32,
    pub(super) token: String,
}

/// What came of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) requests: usize,
    /// Requests in a second.
    pub(super) rate: f64,
    /// Milliseconds.
    pub(super) p50: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    /// CPU seconds of the server.
    pub(super) cpu: f64,
}

impl Question {
    pub(super) fn new(name: &'static str, connections: usize, make: impl Fn(Turn) -> Request + Sync + 'static) -> Self {
        let turns = (0..connections).map(|_| AtomicU64::new(0)).collect();
        Self { name, connections, status: 200, items: None, make: Box::new(make), turns }
    }

    /// Every answer has this status instead of 200.
    pub(super) fn answered(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Every answer lists so many items.
    pub(super) fn listing(mut self, items: usize) -> Self {
        self.items = Some(items);
        self
    }

    fn next(&self, client: usize) -> Request {
        (self.make)(Turn { client, number: self.turns[client].fetch_add(1, Ordering::Relaxed) })
    }

    /// Asks once and looks at the whole answer; its length.
    pub(super) fn try_out(&self, target: &Target) -> usize {
        let answer = target.ask(&mut target.connect(), &self.next(0));
        self.check(&answer);
        if let Some(items) = self.items {
            let listed = answer.json()["value"].as_array().map(Vec::len);
            assert_eq!(listed, Some(items), "{}: {}", self.name, answer.text());
        }
        answer.body.len()
    }

    /// Asks for `duration` with all clients.
    pub(super) fn run(&self, target: &Target, duration: Duration) -> Run {
        let mut connections: Vec<Connection> = (0..self.connections).map(|_| target.connect()).collect();
        let (cpu, start) = (cpu::of_trees(&[target.process]), Instant::now());
        let mut times: Vec<Duration> = thread::scope(|scope| {
            let clients = connections.iter_mut().enumerate();
            let clients = clients.map(|(client, connection)| {
                scope.spawn(move || self.client(target, connection, client, start + duration))
            });
            let clients: Vec<_> = clients.collect();
            clients.into_iter().flat_map(|client| client.join().expect("a client of the load")).collect()
        });
        let (elapsed, cpu) = (start.elapsed(), cpu::of_trees(&[target.process]).saturating_sub(cpu));
        times.sort_unstable();
        let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize].as_secs_f64() * 1e3;
        let rate = times.len() as f64 / elapsed.as_secs_f64();
        Run { requests: times.len(), rate, p50: at(0.5), p99: at(0.99), cpu: cpu.as_secs_f64() }
    }

    fn client(&self, target: &Target, connection: &mut Connection, client: usize, end: Instant) -> Vec<Duration> {
        let mut times = Vec::new();
        loop {
            let request = self.next(client);
            let sent = Instant::now();
            let answer = target.ask(connection, &request);
            times.push(sent.elapsed());
            self.check(&answer);
            if Instant::now() >= end {
                return times;
            }
        }
    }

    fn check(&self, answer: &Response) {
        assert_eq!(answer.status, self.status, "{}: {}", self.name, answer.text());
    }
}

impl Target {
    pub(super) fn connect(&self) -> Connection {
        Connection::plain(self.address).expect("a connection to the server")
    }

    /// Sends one request in one write, and reads the whole answer.
    pub(super) fn ask(&self, connection: &mut Connection, request: &Request) -> Response {
        let Request { method, target, body } = request;
        let (host, token, length) = (self.address, &self.token, body.len());
        let head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n");
        let text = match body.as_str() {
            "" => format!("{head}\r\n"),
            body => format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"),
        };
        let answer = connection.write(text.as_bytes()).and_then(|()| connection.read_response(false));
        answer.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }
}

impl Request {
    pub(super) fn get(target: impl Into<String>) -> Self {
        Self { method: "GET", target: target.into(), body: String::new() }
    }

    pub(super) fn post(target: impl Into<String>, body: String) -> Self {
        Self { method: "POST", target: target.into(), body }
    }
}

impl Run {
    pub(super) fn requests_for_a_cpu_second(&self) -> f64 {
        self.requests as f64 / self.cpu.max(0.01)
    }
}
