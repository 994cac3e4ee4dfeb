//! The control plane cannot write its directory for a while, or not even read it: whoever needs that is told to come later,
//! and the data path does not notice.
//!
//! Control plane and gateway are one process, so the control plane is stopped where it depends on something that a test
//! can take away: another program holds the write lock of the database (reading goes on, for it needs none), or all of the
//! locks that readers need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::graph::PROFILE;
use adit_tests::load::failures;
use adit_tests::pair::HOST;
use adit_tests::registrar::{Answer, Registrar, secret_of};
use adit_tests::{Directory, Pair, long, settles};
use serde_json::json;

/// How long it may take until all is as it was.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the lock, says so, and keeps it until its input ends.
const HOLDER: &str = "import sqlite3, sys
directory = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
directory.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()";

/// The same with the five places where readers say what they read (SQLite's file format, section 4.3): none is left, so
/// nobody can begin to read, nor to write.
const READERS_HOLDER: &str = "import fcntl, sys
file = open(sys.argv[1] + '-shm', 'r+b')
for place in range(123, 128):
    fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
print('held', flush=True)
sys.stdin.read()";

/// Another program that has locks of the directory, as long as this lives.
struct Lock(Child);

impl Lock {
    fn take(directory: &Directory, holder: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", holder]).arg(directory.data().join("directory.sqlite"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 runs");
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Whether a machine was told that the control plane is away, and not that it comes too often.
fn put_off(answer: &Answer) -> bool {
    matches!(answer, Answer::Later(reason) if reason.contains("control plane"))
}

#[test]
fn while_the_directory_cannot_be_written_requests_are_served_and_changes_are_put_off() {
    let pair = Pair::start();
    pair.both_serve();
    let (directory, graph) = (&pair.directory, pair.directory.graph());
    let secret = secret_of(&directory.registration_token("Default"));
    let machine = Registrar::new("third", directory.addresses().gateway, &directory.trust());
    let (load, writers) = (pair.load("/1k"), pair.writers());
    let stopped = Instant::now();
    let lock = Lock::take(directory, HOLDER);

    let groups = format!("{PROFILE}/connectorGroups");
    let until = if long() { Duration::from_secs(300) } else { Duration::from_secs(10) };
    while stopped.elapsed() < until {
        let refused = graph.send("POST", &groups, Some(&json!({"name": "put off"})));
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("retry-after").is_some(), "it says when to come again");
        let answer = machine.try_once(&secret).expect("an answer");
        assert!(put_off(&answer), "{answer:?}");
        assert_eq!(graph.get(&groups)["value"].as_array().map(Vec::len), Some(1), "reading goes on");
        thread::sleep(Duration::from_millis(200));
    }
    drop(lock);

    let again = graph.send("POST", &groups, Some(&json!({"name": "put off"})));
    assert_eq!(again.status, 201, "{}", again.text());
    assert!(machine.register(&secret, PATIENCE).is_some(), "the token is still good");
    let (shots, acknowledged) = (load.stop(), writers.stop());
    let failed = failures(&shots, stopped);
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
    assert!(acknowledged.len() > 100, "only {} changes went through the gateway to {HOST}", acknowledged.len());
}

#[test]
fn while_the_directory_cannot_even_be_read_the_api_says_503_and_requests_are_served() {
    let pair = Pair::start();
    pair.both_serve();
    let directory = &pair.directory;
    let secret = secret_of(&directory.registration_token("Default"));
    let machine = Registrar::new("third", directory.addresses().gateway, &directory.trust());
    let (load, writers) = (pair.load("/1k"), pair.writers());
    let stopped = Instant::now();
    let lock = Lock::take(directory, READERS_HOLDER);

    let groups = format!("{PROFILE}/connectorGroups");
    let one = format!("/applications/{}", pair.application);
    // At once, for each of them waits for ten seconds before it is given up.
    thread::scope(|scope| {
        let asks = [("GET", &groups, None), ("GET", &one, None), ("POST", &groups, Some(json!({"name": "put off"})))];
        for (method, path, body) in asks {
            let graph = directory.graph();
            scope.spawn(move || {
                let refused = graph.send(method, path, body.as_ref());
                assert_eq!(refused.status, 503, "{method} {path}: {}", refused.text());
                assert!(refused.header("retry-after").is_some(), "it says when to come again");
            });
        }
        scope.spawn(|| {
            let answer = machine.try_once(&secret).expect("an answer");
            assert!(put_off(&answer), "{answer:?}");
        });
    });
    drop(lock);

    let graph = directory.graph();
    settles("reading goes on", PATIENCE, || graph.send("GET", &groups, None).status == 200);
    assert_eq!(graph.send("GET", &one, None).status, 200);
    assert!(machine.register(&secret, PATIENCE).is_some(), "the token is still good");
    let (shots, acknowledged) = (load.stop(), writers.stop());
    let failed = failures(&shots, stopped);
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
    assert!(acknowledged.len() > 100, "only {} changes went through the gateway to {HOST}", acknowledged.len());
}
