//! Access records and metrics as an operator meets them: on stdout, in a file that is rotated, and whatever clients send.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use adit_tests::http::Connection;
use adit_tests::{Directory, Scratch, Upstream, eventually, settles};
use serde_json::Value;

const HOST: &str = "app.localhost";

/// Records are promised within a fifth of a second.
const WRITTEN: Duration = Duration::from_secs(5);

/// The records in a file, which may hold other lines.
fn records(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The record of the request with that id, once it is written.
fn record_of(file: &Path, id: &str) -> Value {
    let find = || records(file).into_iter().find(|record| record["requestId"] == id);
    eventually("the record of a request", WRITTEN, find).0
}

fn record_of_path(file: &Path, path: &str) -> Value {
    let find = || records(file).into_iter().find(|record| record["path"] == path);
    eventually("the record of a request", WRITTEN, find).0
}

#[test]
fn without_a_flag_the_id_on_a_page_finds_the_record_on_stdout() {
    let directory = Directory::start();
    let answer = directory.get("localhost", "/nothing?here=secret");
    let id = answer.header("x-request-id").expect("a request id");
    let log = directory.scratch().join("serve.log");
    let record = record_of(&log, id);
    assert_eq!((&record["reason"], &record["status"]), (&"not_published".into(), &404.into()), "{record}");
    assert_eq!((&record["path"], &record["host"]), (&"/nothing".into(), &"localhost".into()), "{record}");
}

#[test]
fn a_file_is_followed_when_it_is_renamed_and_opened_anew_on_sighup() {
    let scratch = Scratch::new();
    let (file, first, second) =
        (scratch.join("access.jsonl"), scratch.join("access.jsonl.1"), scratch.join("access.jsonl.2"));
    let flag = file.display().to_string();
    let mut directory = Directory::start_with(&["--access-records", &flag]);
    let upstream = Upstream::start();
    let connector = directory.connector("beside-it");
    let application = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    assert_eq!(directory.get(HOST, "/1k?n=1").status, 200);
    let record = record_of_path(&file, "/1k");
    assert_eq!((&record["application"], &record["applicationId"]), (&"Wiki".into(), &application.into()));
    assert_eq!((&record["connectorId"], &record["bytesOut"]), (&connector.id().into(), &1024.into()), "{record}");
    assert_eq!((&record["outcome"], record.get("reason")), (&"complete".into(), None), "{record}");

    std::fs::rename(&file, &first).unwrap();
    // Some of them may still go to the old file, and none is lost.
    let paths: Vec<String> = (0..40).map(|number| format!("/renamed/{number}")).collect();
    for path in &paths {
        assert_eq!(directory.get(HOST, path).status, 200);
    }
    // It is looked for when there is something to write, some times a second.
    settles("a new file", WRITTEN, || directory.get(HOST, "/renamed/more").status == 200 && file.exists());
    for path in &paths {
        settles("a record in either file", WRITTEN, || {
            records(&first).iter().chain(&records(&file)).any(|record| record["path"] == path.as_str())
        });
    }

    std::fs::rename(&file, &second).unwrap();
    directory.process().signal("HUP");
    settles("a new file", WRITTEN, || {
        assert_eq!(directory.get(HOST, "/hung-up").status, 200);
        records(&file).iter().any(|record| record["path"] == "/hung-up")
    });
    assert!(directory.process().is_running());
}

#[test]
fn a_destination_that_cannot_be_written_is_found_at_the_start() {
    let scratch = Scratch::new();
    let data = scratch.join("data").display().to_string();
    let mut command = adit_tests::directory::serve_command(&data, None);
    let command = command.args(["--access-records", &scratch.join("nowhere/access.jsonl").display().to_string()]);
    let outcome = adit_tests::command::to_its_end(command, Duration::from_secs(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("access records cannot be written to"), "{}", outcome.stderr);
}

/// Texts that have broken logs and those who read them.
const NAUGHTY: [&str; 14] = [
    "\"},{\"injected\":true}",
    "\\\",\\\"",
    "%0d%0aGET%20/forged%20HTTP/1.1",
    "%1b[31mred",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "'; DROP TABLE records; --",
    "%E2%80%AEtxt.exe",
    "%00%01%7f",
    "{{7*7}}",
    "../../../etc/passwd",
    "%c0%ae%c0%ae",
    "\u{7f}",
    "\u{e9}\u{9b}31m",
];

#[test]
fn whatever_clients_and_administrators_write_each_record_is_one_line_of_json() {
    let scratch = Scratch::new();
    let file = scratch.join("access.jsonl");
    let directory = Directory::start_with(&["--access-records", &file.display().to_string()]);
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let name = "Wiki \"intern\" \\ \u{202e}";
    let publishing = serde_json::json!({"internalUrl": upstream.url(), "externalUrl": directory.external_url(HOST),
        "externalAuthenticationType": "passthru"});
    let _ = directory.graph().publish(name, &publishing);
    directory.wait_until_served(HOST);

    let mut sent = 0;
    for (number, text) in NAUGHTY.iter().enumerate() {
        let marker = format!("CANARY-{number}");
        let requests = [
            format!("GET /{text} HTTP/1.1\r\nhost: {HOST}\r\n"),
            format!("GET /?{text}{marker} HTTP/1.1\r\nhost: {HOST}\r\ncookie: {marker}\r\n"),
            format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {marker}\r\nuser-agent: {text}\r\n"),
            format!("GET / HTTP/1.1\r\nhost: {text}\r\n"),
            format!("X-{}{marker} / HTTP/1.1\r\nhost: {HOST}\r\n", text.len()),
        ];
        for request in requests {
            // What the parser refuses is answered without a record: there was no request.
            let mut connection = directory.user(HOST);
            connection.write(format!("{request}connection: close\r\n\r\n").as_bytes()).unwrap();
            sent += u64::from(connection.read_response(false).is_ok());
        }
    }
    assert!(sent > 50, "only {sent} were answered");
    let _ = directory.get(HOST, "/last");
    record_of_path(&file, "/last");
    let text = std::fs::read_to_string(&file).unwrap();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(record.get("injected").is_none() && record["requestId"].is_string(), "{line}");
        assert!(line.chars().all(|character| !character.is_control()), "{line:?}");
    }
    let named = records(&file);
    assert!(named.iter().any(|record| record["application"] == name), "the name comes back as it was");
    let leaked: Vec<&str> = text.lines().filter(|line| line.contains("CANARY") && !line.contains("\"X-")).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
}

fn metrics(directory: &Directory) -> String {
    let answer = Connection::plain(directory.addresses().metrics)
        .and_then(|mut connection| connection.get("localhost", "/metrics"))
        .expect("metrics");
    answer.text()
}

fn series(metrics: &str) -> HashSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series.to_owned())).collect()
}

#[test]
fn nothing_that_a_client_sends_makes_a_new_series() {
    let directory = Directory::start_with(&["--access-records", "off"]);
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let _ = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let ask = |round: usize| {
        let mut connection = directory.user(HOST);
        for number in 0..100 {
            let target = format!("/{round}/{number}?x={round}-{number}");
            let method = ["GET", "POST", "BREW", "PUT"][number % 4];
            let agent = format!("agent {round} {number}");
            let answer = connection.send(method, &target, &[("host", HOST), ("user-agent", &agent)], b"").unwrap();
            assert_eq!(answer.status, 200);
        }
        assert_eq!(directory.get("localhost", &format!("/{round}")).status, 404);
    };
    ask(0);
    let before = metrics(&directory);
    (1..4).for_each(ask);
    let after = metrics(&directory);
    assert_eq!(series(&before), series(&after));
    let forwarded = "adit_gateway_requests_total{outcome=\"complete\",status=\"2xx\"} ";
    let count = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(forwarded)).expect("answered requests");
        line.parse::<u64>().unwrap()
    };
    assert_eq!(count(&after) - count(&before), 300);
}
