//! The directory in a database of PostgreSQL. While that is gone or does not answer, users notice nothing and changes are put
//! off; when it is back, so is everything. One server has it, and what is not Adit's is left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adit_test_postgresql::{Server, contents, sql};
use adit_tests::authority::Authority;
use adit_tests::command::{Outcome, to_its_end};
use adit_tests::directory::serve_command;
use adit_tests::graph::PROFILE;
use adit_tests::load::{Load, failures};
use adit_tests::{ConnectorProcess, Directory, Graph, Scratch, Upstream, long, settles};
use serde_json::json;

const HOST: &str = "localhost";

/// Longer than a server has its database without saying that it still does.
const OUTAGE: Duration = Duration::from_secs(18);

/// How long it may take until all is as it was.
const BACK: Duration = Duration::from_secs(15);

/// How long a request for what needs the database may wait before it is refused.
const PUT_OFF: Duration = Duration::from_secs(28);

/// How long a server may take to start after one that was killed and gave nothing up.
const START: Duration = Duration::from_secs(20);

/// How long a server that must not start may take to say so.
const REFUSED: Duration = Duration::from_secs(40);

/// A directory on a server of its own, with an application that is used.
struct Scene {
    _connector: ConnectorProcess,
    _upstream: Upstream,
    directory: Directory,
    url: String,
    postgresql: Server,
}

impl Scene {
    fn start() -> Self {
        let postgresql = Server::start();
        let url = postgresql.url();
        // What is acknowledged is durable all the same.
        alter(&url, "synchronous_commit = off");
        let directory = Directory::start_with(&["--database", &url]);
        let connector = directory.connector("one");
        let upstream = Upstream::start();
        let _application = directory.publish("served", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { _connector: connector, _upstream: upstream, directory, url, postgresql }
    }

    fn load(&self) -> Served {
        let (gateway, trust) = (self.directory.addresses().gateway, self.directory.trust());
        Served { since: Instant::now(), load: Load::start(8, gateway, HOST, "/1k", &trust) }
    }

    /// Whether a group can be made.
    fn writes(&self, name: &str) -> bool {
        self.directory.graph().send("POST", &groups(), Some(&json!({"name": name}))).status == 201
    }

    /// Changes and questions are put off, and say so in time.
    fn puts_off(&self) {
        let group = json!({"name": "put off"});
        for (method, body) in [("POST", Some(&group)), ("GET", None)] {
            let asked = Instant::now();
            let refused = self.directory.graph().send(method, &groups(), body);
            assert_eq!(refused.status, 503, "{method}: {}", refused.text());
            assert!(refused.header("retry-after").is_some(), "it says when to come again");
            assert!(asked.elapsed() < PUT_OFF, "{method} took {:?}", asked.elapsed());
        }
    }

    /// Until when everything that was put off is done. Each try makes another group: one whose answer was lost may be there.
    fn is_back(&self, after: &str) {
        let mut tries = 0;
        settles("changes are taken again", BACK, || {
            tries += 1;
            self.writes(&format!("after {after}, {tries}"))
        });
        settles("questions are answered again", BACK, || {
            self.directory.graph().send("GET", &groups(), None).status == 200
        });
    }
}

/// A load that must be served all the time.
struct Served {
    load: Load,
    since: Instant,
}

impl Served {
    fn check(self) {
        let shots = self.load.stop();
        let failed = failures(&shots, self.since);
        assert!(shots.len() > 100, "only {} requests", shots.len());
        assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
    }
}

/// Somebody who makes groups, one after the other, and remembers those that were acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Writer {
    fn start(directory: &Directory, names: String) -> Self {
        let (graph, stop) = (directory.graph(), Arc::<AtomicBool>::default());
        let stopped = Arc::clone(&stop);
        let write = move |name: &str| {
            let answer = graph.try_send("POST", &groups(), Some(&json!({"name": name})));
            answer.is_ok_and(|answer| answer.status == 201)
        };
        let thread = thread::spawn(move || {
            let all = (0..).map(|number| format!("{names} {number}"));
            all.take_while(|_| !stopped.load(Ordering::SeqCst)).filter(|name| write(name)).collect()
        });
        Self { stop, thread }
    }

    fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn groups() -> String {
    format!("{PROFILE}/connectorGroups")
}

/// The names of all groups.
fn found(graph: &Graph) -> BTreeSet<String> {
    let page = graph.list(&format!("{}?$top=999", groups()));
    page.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
}

/// A setting of the database, for all who connect from then on.
fn alter(url: &str, setting: &str) {
    let name = url.rsplit('/').next().unwrap();
    sql(url, &format!("ALTER DATABASE {name} SET {setting}"));
}

/// A server that must not start: what it said.
#[track_caller]
fn refused(data: &Path, url: &str) -> Outcome {
    let mut command = serve_command(&data.display().to_string(), None);
    let outcome = to_its_end(command.args(["--database", url]), REFUSED);
    assert_eq!(outcome.code, Some(1), "stdout: {}\nstderr: {}", outcome.stdout, outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("canary"), "the password: {}", outcome.stderr);
    outcome
}

#[test]
fn while_the_database_is_gone_requests_are_served_and_changes_are_put_off() {
    let mut scene = Scene::start();
    assert!(scene.writes("before"));
    let load = scene.load();
    scene.postgresql.kill();
    let (gone, until) = (Instant::now(), if long() { Duration::from_secs(300) } else { OUTAGE });
    while gone.elapsed() < until {
        scene.puts_off();
        thread::sleep(Duration::from_millis(200));
    }
    scene.postgresql.start_again();
    scene.is_back("the outage");
    // Nobody sees an end in order either.
    scene.postgresql.stop();
    scene.puts_off();
    scene.postgresql.start_again();
    scene.is_back("the stop");
    load.check();
    assert!(found(&scene.directory.graph()).contains("before"));
}

#[test]
fn while_the_database_does_not_answer_requests_are_served_and_changes_are_put_off() {
    let scene = Scene::start();
    let load = scene.load();
    scene.postgresql.freeze();
    scene.puts_off();
    scene.postgresql.thaw();
    scene.is_back("the freeze");
    load.check();
}

#[test]
fn what_was_acknowledged_is_there_after_server_and_database_were_killed() {
    let mut scene = Scene::start();
    let mut acknowledged = BTreeSet::new();
    for round in 0..if long() { 30 } else { 3 } {
        let writers: Vec<_> =
            (0..3).map(|number| Writer::start(&scene.directory, format!("{round} {number}"))).collect();
        // A different moment each round, by arithmetic so that a failure can be repeated.
        thread::sleep(Duration::from_millis(700 + 137 * round % 300));
        let (server, database) = (round % 3 != 0, round % 3 != 1);
        if server {
            scene.directory.process().kill();
        }
        if database {
            scene.postgresql.kill();
            scene.postgresql.start_again();
        }
        let own: Vec<_> = writers.into_iter().map(Writer::stop).collect();
        assert!(own.iter().any(|own| !own.is_empty()), "round {round}: nobody wrote anything");
        acknowledged.extend(own.into_iter().flatten());
        if server {
            let begun = Instant::now();
            scene.directory.restart();
            assert!(begun.elapsed() < START, "round {round}: {:?}", begun.elapsed());
        }
        settles("the directory is read", BACK, || scene.directory.graph().send("GET", &groups(), None).status == 200);
        let all: BTreeSet<String> = sql(&scene.url, "SELECT name FROM connector_group").into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&all).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    }
    println!("{} acknowledged changes, all there", acknowledged.len());
    scene.directory.wait_until_served(HOST);
}

#[test]
fn a_server_is_followed_by_another_on_the_same_database() {
    let mut scene = Scene::start();
    let (load, writer) = (scene.load(), Writer::start(&scene.directory, "while it is followed".to_owned()));
    let mut old = scene.directory.take_over();
    assert!(old.finish(Duration::from_secs(60)).success(), "{}", old.log());
    settles("changes are taken", BACK, || scene.writes("by the new one"));
    let acknowledged = writer.stop();
    load.check();
    let found = found(&scene.directory.graph());
    assert!(!acknowledged.is_empty() && acknowledged.is_subset(&found), "{acknowledged:?} {found:?}");
}

#[test]
fn a_second_server_on_one_database_is_refused_and_the_first_goes_on() {
    let scratch = Scratch::new();
    let url = adit_test_postgresql::url();
    let mut directory = Directory::start_with(&["--database", &url]);
    let said = refused(&directory.data(), &url).stderr;
    assert!(said.contains("in use by another"), "the same data folder: {said}");
    let copy = scratch.join("copy");
    let copied = std::process::Command::new("cp").arg("-r").arg(directory.data()).arg(&copy).status();
    assert!(copied.unwrap().success());
    let said = refused(&copy, &url).stderr;
    assert!(said.contains("in use by another"), "a copy of the data folder: {said}");
    let said = refused(&scratch.join("new"), &url).stderr;
    assert!(said.contains("in use by another") || said.contains("another data folder"), "a new data folder: {said}");

    let _group = directory.graph().create_group("the first goes on");
    directory.process().terminate();
    assert!(directory.process().finish(Duration::from_secs(60)).success());
    // Nobody has it, and it is not for everybody.
    let before = contents(&url);
    let said = refused(&scratch.join("another"), &url).stderr;
    assert!(said.contains("another data folder"), "{said}");
    assert_eq!(contents(&url), before);
    let begun = Instant::now();
    directory.restart();
    assert!(begun.elapsed() < START, "{:?}", begun.elapsed());
    assert!(found(&directory.graph()).contains("the first goes on"));
}

#[test]
fn a_database_that_cannot_be_used_is_left_as_it_is() {
    let scratch = Scratch::new();
    let foreign = adit_test_postgresql::url();
    sql(&foreign, "CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('cake')");
    let read_only = adit_test_postgresql::url();
    alter(&read_only, "default_transaction_read_only = on");
    for (number, (url, why)) in [(&foreign, "the table 'recipe'"), (&read_only, "read-only")].into_iter().enumerate() {
        let before = contents(url);
        let said = refused(&scratch.join(&number.to_string()), &url.replace("postgres@", "postgres:canary@")).stderr;
        assert!(said.contains(why), "{said}");
        assert!(said.contains(url.rsplit('/').next().unwrap()), "it names the database: {said}");
        assert_eq!(contents(url), before);
    }
    let mut gone = Server::start();
    let url = gone.url();
    gone.stop();
    let said = refused(&scratch.join("gone"), &url.replace("postgres@", "postgres:canary@")).stderr;
    assert!(said.contains(url.rsplit('/').next().unwrap()), "it names the database: {said}");
}

#[test]
fn the_certificate_of_the_database_is_checked_where_that_was_asked_for() {
    let scratch = Scratch::new();
    let file = |name: &str, text: &str| {
        std::fs::write(scratch.join(name), text).unwrap();
        scratch.join(name)
    };
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (ca, other) = (file("ca.pem", authority.pem()), file("other.pem", stranger.pem()));
    let (certificate, key) = (scratch.join("certificate.pem"), scratch.join("key.pem"));
    authority.issue(&["localhost"]).write(&certificate, &key);
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let postgresql = Server::start_with_tls(&text(&certificate), &text(&key));
    let database = postgresql.url();
    let checked = |host: &str, ca: &Path| {
        let url = database.replace("127.0.0.1", host);
        format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display())
    };

    let before = contents(&database);
    for (number, wrong) in [checked("localhost", &other), checked("127.0.0.1", &ca)].iter().enumerate() {
        let said = refused(&scratch.join(&number.to_string()), wrong).stderr;
        assert!(said.contains("certificate"), "{said}");
    }
    assert_eq!(contents(&database), before);

    let directory = Directory::start_with(&["--database", &checked("localhost", &ca)]);
    let _group = directory.graph().create_group("over TLS");
    let plain = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                 WHERE datname = current_database() AND NOT ssl";
    assert_eq!(sql(&database, plain), ["0"]);
    let all = "SELECT count(*) > 1 FROM pg_stat_activity WHERE datname = current_database()";
    assert_eq!(sql(&database, all), ["t"], "it is connected");
}
