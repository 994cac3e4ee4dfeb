//! Spans as an operator gets them: at a collector whose messages we did not write (OpenTelemetry's own for Python).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;
use adit_tests::{Directory, Process, Scratch, Upstream, eventually, python, repository};
use serde_json::Value;

const HOST: &str = "app.localhost";

/// An interpreter that starts on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Spans are sent a second after they end.
const SENT: Duration = Duration::from_secs(20);

/// The end of a server: what is under way, then the last spans.
const ENDS: Duration = Duration::from_secs(60);

struct Collector {
    process: Process,
    port: u16,
}

impl Collector {
    fn start(scratch: &Scratch) -> Self {
        let mut command = Command::new(python::program("python"));
        command.arg(repository().join("tests/python/collector.py"));
        let process = Process::start("collector.py", &mut command, &scratch.join("collector.log"));
        let (port, _) = eventually("a collector", START_LIMIT, || {
            process.log().lines().find_map(|line| line.strip_prefix("port: ")?.parse().ok())
        });
        Self { process, port }
    }

    fn spans(&self) -> Vec<Value> {
        self.process.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The span of the one request for `path`, once it has come.
    fn span_of(&self, path: &str) -> Value {
        let find = || self.spans().into_iter().find(|span| span["attributes"]["url.path"] == path);
        eventually(&format!("a span of {path}"), SENT, find).0
    }
}

/// A server that sends its spans to `port`.
fn server(port: u16, more: &str) -> Directory {
    Directory::start_configured(&format!("[otlp]\nendpoint = 'http://127.0.0.1:{port}/v1/traces'\n{more}\n"))
}

fn traced(directory: &Directory, path: &str, flags: &str) -> u16 {
    let context = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
    let mut connection = directory.user(HOST);
    connection.send("GET", path, &[("host", HOST), ("traceparent", &context)], b"").unwrap().status
}

#[test]
fn each_request_of_a_sampled_trace_is_one_span_and_the_last_ones_come_before_the_end() {
    let scratch = Scratch::new();
    let collector = Collector::start(&scratch);
    let mut directory = server(collector.port, "");
    let upstream = Upstream::start();
    let connector = directory.connector("beside-it");
    let application = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);

    assert_eq!(traced(&directory, "/1k?secret", "01"), 200);
    let span = collector.span_of("/1k");
    assert_eq!(span["trace"], "0af7651916cd43dd8448eb211c80319c", "{span}");
    assert_eq!((&span["parent"], &span["name"]), (&"b7ad6b7169203331".into(), &"GET".into()), "{span}");
    assert_eq!((&span["kind"], &span["status"]), (&"SPAN_KIND_SERVER".into(), &"STATUS_CODE_UNSET".into()), "{span}");
    assert_eq!(span["resource"]["service.name"], "adit-gateway", "{span}");
    assert!(!span.to_string().contains("secret"), "{span}");
    let attributes = &span["attributes"];
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.scheme", "https"),
        ("server.address", HOST),
        ("client.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("adit.application.name", "Wiki"),
        ("adit.application.id", &application),
        ("adit.connector.id", connector.id()),
        ("adit.outcome", "complete"),
    ] {
        assert_eq!(attributes[key], value, "{span}");
    }
    assert_eq!(attributes["http.response.status_code"], 200, "{span}");
    let lasted = span["end"].as_u64().unwrap() - span["start"].as_u64().unwrap();
    assert!(Duration::from_nanos(lasted).as_secs_f64() >= attributes["adit.first_byte.duration"].as_f64().unwrap());

    assert_eq!(traced(&directory, "/a/../b", "01"), 400);
    let refused = collector.span_of("/a/../b");
    assert_eq!((&refused["attributes"]["adit.reason"], &refused["status"]), (&"bad_request".into(), &span["status"]));

    assert_eq!(traced(&directory, "/unsampled", "00"), 200);
    assert_eq!(directory.get(HOST, "/begun-here").status, 200);
    directory.process().terminate();
    assert!(directory.process().finish(ENDS).success());
    let begun = collector.span_of("/begun-here");
    assert_eq!(begun["parent"], "", "{begun}");
    let unsampled = collector.spans().into_iter().find(|span| span["attributes"]["url.path"] == "/unsampled");
    assert_eq!(unsampled, None, "its client does not want it");
}

#[test]
fn without_a_collector_requests_are_served_as_ever_and_the_spans_are_counted_as_lost() {
    // Nobody answers: the connection is accepted by the system, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut directory = server(silent.local_addr().unwrap().port(), "");
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let _ = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    for _ in 0..20 {
        assert_eq!(directory.get(HOST, "/1k").status, 200);
    }
    drop(silent);
    let lost = || {
        let mut connection = Connection::plain(directory.addresses().metrics).ok()?;
        let text = connection.get("localhost", "/metrics").ok()?.text();
        let count = text.lines().find_map(|line| line.strip_prefix("adit_gateway_spans_dropped_total "))?;
        count.parse::<u64>().ok().filter(|count| *count >= 20)
    };
    let _ = eventually("lost spans", Duration::from_secs(60), lost);
    assert_eq!(directory.get(HOST, "/still").status, 200);
    let start = Instant::now();
    directory.process().terminate();
    assert!(directory.process().finish(ENDS).success());
    assert!(start.elapsed() < Duration::from_secs(20), "the end took {:?}", start.elapsed());
}

#[test]
fn none_of_the_traces_begun_here_is_sampled_where_the_share_is_nothing() {
    let scratch = Scratch::new();
    let collector = Collector::start(&scratch);
    let directory = server(collector.port, "sampled = 0.0");
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let _ = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    for _ in 0..20 {
        assert_eq!(directory.get(HOST, "/begun-here").status, 200);
    }
    assert_eq!(traced(&directory, "/wanted", "01"), 200);
    collector.span_of("/wanted");
    assert_eq!(collector.spans().len(), 1, "spans are sent in order, so the others would have come");
}
