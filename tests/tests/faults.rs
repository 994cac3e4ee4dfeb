//! Things end: a connector by `SIGTERM`, the server by that and by `kill -9` while somebody writes. (Connectors that are
//! lost: `connector_loss.rs`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::command::run;
use adit_tests::graph::PROFILE;
use adit_tests::http::Connection;
use adit_tests::load::{Load, failures};
use adit_tests::{ConnectorProcess, Directory, Upstream, long, settles};
use serde_json::json;

/// How long a connector may take to leave when its longest request takes 400 ms: far less than its whole grace period.
const DRAINED: Duration = Duration::from_secs(10);

const HOST: &str = "localhost";
const CLIENTS: usize = 16;

/// An application that two connectors of one group serve.
struct Scene {
    connectors: [ConnectorProcess; 2],
    upstream: Upstream,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connectors = [directory.connector("one"), directory.connector("two")];
        let upstream = Upstream::start();
        for connector in &connectors {
            upstream.recognise(connector.pid());
        }
        let _application = directory.publish("served twice", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { connectors, upstream, directory }
    }

    fn load(&self, target: &str) -> Load {
        Load::start(CLIENTS, self.directory.addresses().gateway, HOST, target, &self.directory.trust())
    }

    /// Waits until both connectors carry requests.
    fn both_serve(&self) {
        let mut seen = HashSet::new();
        let mut user = self.directory.user(HOST);
        settles("both connectors carry requests", Duration::from_secs(60), || {
            let answer = user.get(HOST, "/who").expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            seen.insert(answer.header("x-carried-by").unwrap().to_owned());
            self.connectors.iter().all(|connector| seen.contains(&connector.pid().to_string()))
        });
    }

    fn start_again(&mut self, which: usize) {
        self.connectors[which].restart();
        self.upstream.recognise(self.connectors[which].pid());
        self.both_serve();
    }
}

/// Each test wants the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn stopping_a_connector_with_sigterm_fails_no_request() {
    let _alone = alone();
    let mut scene = Scene::set();
    for round in 0..if long() { 30 } else { 4 } {
        scene.both_serve();
        let quick = scene.load("/1k");
        let slow = scene.load("/slow/400");
        thread::sleep(Duration::from_millis(700));
        let stopped = Instant::now();
        scene.connectors[round % 2].process().terminate();
        let status = scene.connectors[round % 2].process().finish(DRAINED);
        let drained = stopped.elapsed();
        thread::sleep(Duration::from_millis(500));
        for (name, load) in [("quick", quick), ("slow", slow)] {
            let shots = load.stop();
            let failed = failures(&shots, stopped);
            assert!(failed.is_empty(), "{} of {} {name} requests failed: {failed:?}", failed.len(), shots.len());
        }
        println!("round {round}: drained in {drained:?}");
        assert!(status.success(), "a drained connector ends well, not with {status}");
        scene.start_again(round % 2);
    }
}

#[test]
fn a_connector_without_work_leaves_at_once() {
    let _alone = alone();
    let mut scene = Scene::set();
    for round in 0..if long() { 50 } else { 8 } {
        scene.both_serve();
        scene.connectors[round % 2].process().terminate();
        let status = scene.connectors[round % 2].process().finish(DRAINED);
        assert!(status.success(), "it ends well, not with {status}");
        scene.start_again(round % 2);
    }
}

#[test]
fn killing_the_server_while_somebody_writes_loses_no_acknowledged_write() {
    let _alone = alone();
    let mut directory = Directory::start();
    let mut acknowledged: Vec<String> = Vec::new();
    let started = Instant::now();
    for round in 0..if long() { 1_000 } else { 10 } {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writers: Vec<_> = (0..3).map(|writer| write_groups(&directory, round, writer, written.clone())).collect();
        // A different moment each round, by arithmetic so that a failure can be repeated.
        settles("a first write", Duration::from_secs(30), || !written.lock().unwrap().is_empty());
        thread::sleep(Duration::from_millis(20 + (round as u64 * 37) % 150));
        directory.process().kill();
        for writer in writers {
            writer.join().unwrap();
        }
        directory.restart();
        let own: Vec<String> = written.lock().unwrap().drain(..).collect();
        let of_round = format!("&$filter=startswith(name,'group%20{round}-')");
        assert_eq!(lost(&own, &group_names(&directory, &of_round)), Vec::<&str>::new(), "round {round}");
        acknowledged.extend(own);
    }
    assert_eq!(lost(&acknowledged, &group_names(&directory, "")), Vec::<&str>::new(), "of all rounds");
    // A copy is checked: pages, indexes and references.
    let copy = directory.scratch().join("copy").display().to_string();
    let _said = run(&["db", "backup", &copy, "--data", &directory.data_argument()]).succeeded();
    println!("{} acknowledged writes, all there ({} s)", acknowledged.len(), started.elapsed().as_secs());
}

/// What was acknowledged and is not there.
fn lost<'a>(acknowledged: &'a [String], found: &HashSet<String>) -> Vec<&'a str> {
    acknowledged.iter().filter(|name| !found.contains(*name)).map(String::as_str).collect()
}

/// Creates groups until the server is gone; the names that were acknowledged go to `written`.
fn write_groups(
    directory: &Directory,
    round: usize,
    writer: usize,
    written: Arc<Mutex<Vec<String>>>,
) -> thread::JoinHandle<()> {
    let graph = directory.graph();
    thread::spawn(move || {
        for number in 0.. {
            let name = format!("group {round}-{writer}-{number}");
            match graph.try_send("POST", &format!("{PROFILE}/connectorGroups"), Some(&json!({"name": name}))) {
                Ok(answer) if answer.status == 201 => written.lock().unwrap().push(name),
                Ok(answer) => panic!("{name}: {} {}", answer.status, answer.text()),
                Err(_) => return,
            }
        }
    })
}

/// The names of the groups that are asked for, page after page.
fn group_names(directory: &Directory, which: &str) -> HashSet<String> {
    let graph = directory.graph();
    let mut names = HashSet::new();
    let mut next = format!("{PROFILE}/connectorGroups?$top=500{which}");
    loop {
        let page = graph.get(&next);
        let entities = page["value"].as_array().expect("a collection");
        names.extend(entities.iter().map(|group| group["name"].as_str().unwrap().to_owned()));
        let Some(link) = page["@odata.nextLink"].as_str() else { return names };
        next = link.split_once("/beta").expect("a link to the same version").1.to_owned();
    }
}

#[test]
fn stopping_the_server_with_sigterm_finishes_what_is_under_way() {
    let _alone = alone();
    let mut scene = Scene::set();
    let mut idle = scene.directory.user(HOST);
    assert_eq!(idle.get(HOST, "/1k").unwrap().status, 200);
    let mut user = scene.directory.user(HOST);
    let under_way = thread::spawn(move || user.get(HOST, "/slow/1500"));
    settles("the request is under way", Duration::from_secs(10), || {
        scene.upstream.heads().last().is_some_and(|head| head.target == "/slow/1500")
    });

    scene.directory.process().terminate();
    let answer = under_way.join().unwrap().expect("the answer of a request that was under way");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let status = scene.directory.process().finish(DRAINED);
    assert!(status.success(), "the server ends well, not with {status}");
}

#[test]
fn connectors_come_back_by_themselves_when_the_server_was_killed() {
    let _alone = alone();
    let mut scene = Scene::set();
    scene.directory.crash_and_restart();
    settles("the application is served again", Duration::from_secs(30), || {
        Connection::tls(scene.directory.addresses().gateway, HOST, &scene.directory.trust())
            .and_then(|mut user| user.get(HOST, "/1k"))
            .is_ok_and(|answer| answer.status == 200)
    });
    for connector in &scene.connectors {
        scene.directory.wait_until_active(connector);
    }
}
