//! The control plane cannot write its directory for a while: whoever needs that is told to come later, and the data path
//! does not notice.
//!
//! Control plane and gateway are one process, so the control plane is stopped where it depends on something that a test
//! can take away: another program holds the write lock of the database. Reading goes on, for it needs no lock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::graph::PROFILE;
use adit_tests::load::failures;
use adit_tests::pair::HOST;
use adit_tests::registrar::{Answer, Registrar, secret_of};
use adit_tests::{Directory, Pair, long};
use serde_json::json;

/// Takes the lock, says so, and keeps it until its input ends.
const HOLDER: &str = "import sqlite3, sys
directory = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
directory.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()";

/// Another program that has the write lock of the directory, as long as this lives.
struct Lock(Child);

impl Lock {
    fn take(directory: &Directory) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", HOLDER]).arg(directory.data().join("directory.sqlite"));
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

#[test]
fn while_the_directory_cannot_be_written_requests_are_served_and_changes_are_put_off() {
    let pair = Pair::start();
    pair.both_serve();
    let (directory, graph) = (&pair.directory, pair.directory.graph());
    let secret = secret_of(&directory.registration_token("Default"));
    let machine = Registrar::new("third", directory.addresses().gateway, &directory.trust());
    let (load, writers) = (pair.load("/1k"), pair.writers());
    let stopped = Instant::now();
    let lock = Lock::take(directory);

    let groups = format!("{PROFILE}/connectorGroups");
    let until = if long() { Duration::from_secs(300) } else { Duration::from_secs(10) };
    while stopped.elapsed() < until {
        let refused = graph.send("POST", &groups, Some(&json!({"name": "put off"})));
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("retry-after").is_some(), "it says when to come again");
        let answer = machine.try_once(&secret).expect("an answer");
        assert!(matches!(answer, Answer::Later(_)), "{answer:?}");
        assert_eq!(graph.get(&groups)["value"].as_array().map(Vec::len), Some(1), "reading goes on");
        thread::sleep(Duration::from_millis(200));
    }
    drop(lock);

    let again = graph.send("POST", &groups, Some(&json!({"name": "put off"})));
    assert_eq!(again.status, 201, "{}", again.text());
    assert!(machine.register(&secret, Duration::from_secs(60)).is_some(), "the token is still good");
    let (shots, acknowledged) = (load.stop(), writers.stop());
    let failed = failures(&shots, stopped);
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
    assert!(acknowledged.len() > 100, "only {} changes went through the gateway to {HOST}", acknowledged.len());
}
