//! A connector of two is lost: by `kill -9`, by silence, again and again, by a request that kills it.
//!
//! What is promised is one second after a kill and four after silence; these tests demand five times that, because they
//! run on slow and busy machines. Exact figures: `cargo xtask bench failover`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::load::{Shot, failures};
use adit_tests::pair::HOST;
use adit_tests::{ConnectorProcess, Directory, Pair, Upstream, long, settles};
use serde_json::Value;

/// Five times the second that is promised after a kill.
const RECOVERED: Duration = Duration::from_secs(5);

/// Five times the four seconds that are promised after silence.
const NOTICED: Duration = Duration::from_secs(20);

/// Who waited for this long met the silence.
const WAITED: Duration = Duration::from_secs(2);

/// What the gateway counts.
const RETRIES: &str = "adit_gateway_retries_total";
/// See [`RETRIES`].
const TUNNEL_CONNECTIONS: &str = "adit_gateway_tunnel_connections";

/// Five times the ten seconds in which a connector that came back gets its whole share.
const WHOLE_SHARE: Duration = Duration::from_secs(50);

/// How long the load runs before and after each loss.
const LOADED: Duration = Duration::from_millis(500);

/// Each test wants the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The durations in a hundred parts: the one that 99 do not exceed, and the longest.
fn slowest(mut durations: Vec<Duration>) -> (Duration, Duration) {
    durations.sort();
    let last = durations.len() - 1;
    (durations[last - durations.len() / 100], durations[last])
}

fn waited(shots: &[Shot]) -> Vec<Duration> {
    shots.iter().map(|shot| shot.ended - shot.sent).collect()
}

#[test]
fn killing_one_of_two_connectors_fails_no_idempotent_request_and_sends_no_other_twice() {
    let _alone = alone();
    let mut pair = Pair::start();
    let mut first_answers = Vec::new();
    for round in 0..if long() { 300 } else { 10 } {
        pair.both_serve();
        let (load, writers) = (pair.load("/1k"), pair.writers());
        thread::sleep(LOADED);
        let killed = Instant::now();
        pair.connectors[round % 2].process().kill();
        thread::sleep(LOADED);
        let (shots, acknowledged) = (load.stop(), writers.stop());

        let failed = failures(&shots, killed);
        assert!(failed.is_empty(), "{} of {} failed after the kill: {failed:?}", failed.len(), shots.len());
        let after: Vec<Shot> = shots.into_iter().filter(|shot| shot.ended >= killed).collect();
        let first = after.iter().filter(|shot| shot.sent >= killed).map(|shot| shot.ended - killed).min();
        first_answers.push(first.expect("an answer after the kill"));
        let (_, longest) = slowest(waited(&after));
        assert!(longest < RECOVERED, "a request at the kill or after it took {longest:?}");

        let times = pair.arrived();
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "these reached the application more than once: {twice:?}");
        let lost: Vec<_> = acknowledged.iter().filter(|marker| !times.contains_key(*marker)).collect();
        assert!(lost.is_empty(), "answered 200 but never arrived: {lost:?}");
        assert!(acknowledged.len() > 20, "only {} markers were acknowledged", acknowledged.len());
        pair.start_again(round % 2);
    }
    let (p99, longest) = slowest(first_answers);
    println!("first answer after the kill: p99 {p99:?}, longest {longest:?}");
    assert!(p99 < RECOVERED, "the first answer after a kill took {p99:?}");
}

/// Connections of both connectors.
const TUNNELS: u64 = 4;

#[test]
fn a_connector_that_falls_silent_delays_requests_and_fails_none() {
    let _alone = alone();
    let mut pair = Pair::start();
    for round in 0..if long() { 100 } else { 3 } {
        pair.both_serve();
        settles("all connections are there", NOTICED, || pair.directory.metrics([TUNNEL_CONNECTIONS]) == [TUNNELS]);
        let load = pair.load("/who");
        thread::sleep(LOADED);
        let [sent_again] = pair.directory.metrics([RETRIES]);
        let stopped = Instant::now();
        pair.connectors[round % 2].process().signal("STOP");
        settles("requests that wait are sent again", NOTICED, || {
            let [again, tunnels] = pair.directory.metrics([RETRIES, TUNNEL_CONNECTIONS]);
            assert_eq!(tunnels, TUNNELS, "they waited until the silent connections were given up");
            again > sent_again
        });
        // A moment of what is then normal.
        thread::sleep(Duration::from_secs(1));
        let shots = load.stop();
        pair.connectors[round % 2].process().signal("CONT");

        let failed = failures(&shots, stopped);
        assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
        let (p99, longest) = slowest(waited(&shots));
        println!("round {round}: {} answers, p99 {p99:?}, longest {longest:?}", shots.len());
        assert!(longest < NOTICED, "a request took {longest:?}");
        let other = pair.connectors[1 - round % 2].pid().to_string();
        let waited: Vec<&Shot> =
            shots.iter().filter(|shot| shot.ended > stopped + WAITED && shot.ended - shot.sent > WAITED).collect();
        assert!(!waited.is_empty(), "no request met the silence");
        assert!(
            waited.iter().all(|shot| shot.carrier == other),
            "answered by a connector that was stopped: {waited:?}"
        );
    }
    pair.both_serve();
}

/// What `adit.explain` says of the connector of that machine name.
fn explained(directory: &Directory, machine: &str) -> Value {
    let url = directory.external_url(HOST).replace(':', "%3A").replace('/', "%2F");
    let explanation = directory.graph().get(&format!("/applications/adit.explain(url='{url}')"));
    let mut connectors = explanation["connectors"].as_array().expect("connectors").iter();
    connectors.rfind(|own| own["machineName"] == machine).cloned().expect("the connector")
}

#[test]
fn a_connector_that_comes_and_goes_must_show_first_that_it_stays() {
    let _alone = alone();
    let mut pair = Pair::start();
    let (mut user, mut seen_on_trial) = (pair.directory.user(HOST), 0);
    for loss in 1..=4 {
        pair.connectors[1].process().kill();
        settles("its loss", RECOVERED, || explained(&pair.directory, "two")["availability"] == "notConnected");
        pair.connectors[1].restart();
        pair.upstream.recognise(pair.connectors[1].pid());
        let flapping = pair.connectors[1].pid().to_string();
        settles("its return", Duration::from_secs(60), || {
            let is_carrier = pair.carrier(&mut user) == flapping;
            // Asked after the request: who proves itself then did so before.
            let own = explained(&pair.directory, "two");
            let on_trial = own["availability"] == "proving";
            assert!(!(on_trial && is_carrier), "it carries requests before it has proved itself: {own}");
            seen_on_trial += usize::from(on_trial);
            own["availability"] == "available"
        });
        assert!(loss > 1 || seen_on_trial == 0, "once is no pattern");
    }
    assert!(seen_on_trial > 0, "it was never seen to prove itself");
    let log = pair.directory.process().log();
    let logged = log.lines().filter(|line| line.contains("a connector was lost")).count();
    assert!((1..=2).contains(&logged), "its losses were logged {logged} times");

    let own = explained(&pair.directory, "two");
    assert!(own["shareInPercent"].as_u64().is_some_and(|share| share < 100), "it starts slowly: {own}");
    settles("its whole share", WHOLE_SHARE, || explained(&pair.directory, "two")["shareInPercent"] == 100);
    pair.both_serve();
    assert!(explained(&pair.directory, "two")["latencyInMilliseconds"].is_number(), "its answers were timed");
}

/// How many of them run.
fn left_of(connectors: &mut [ConnectorProcess]) -> usize {
    connectors.iter_mut().map(|connector| usize::from(connector.process().is_running())).sum()
}

#[test]
fn a_request_that_kills_its_connector_is_tried_once_more_and_no_oftener() {
    let _alone = alone();
    let directory = Directory::start();
    let mut connectors = ["one", "two", "three"].map(|name| directory.connector(name));
    let upstream = Upstream::start();
    for connector in &connectors {
        upstream.recognise(connector.pid());
    }
    let _application = directory.publish("with poison", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let answer = directory.user(HOST).send("POST", "/poison", &[("host", HOST)], b"once").unwrap();
    assert_eq!((answer.status, answer.header("x-adit-reason")), (502, Some("tunnel_lost")), "{}", answer.text());
    settles("the end of one", RECOVERED, || left_of(&mut connectors) <= 2);
    assert_eq!(directory.get(HOST, "/1k").status, 200);
    let answer = directory.user(HOST).send("POST", "/poison", &[("host", HOST)], b"once more").unwrap();
    assert_eq!(answer.status, 502, "{}", answer.text());
    settles("the end of another", RECOVERED, || left_of(&mut connectors) <= 1);
    let poison = || upstream.heads().into_iter().filter(|head| head.target == "/poison").count();
    assert_eq!((left_of(&mut connectors), poison()), (1, 2), "each of them reached the application once");

    start_again(&mut connectors, &directory, &upstream);
    let answer = directory.get(HOST, "/poison");
    assert_eq!((answer.status, answer.header("x-adit-reason")), (502, Some("tunnel_lost")), "{}", answer.text());
    settles("the end of two", RECOVERED, || left_of(&mut connectors) <= 1);
    assert_eq!((left_of(&mut connectors), poison()), (1, 4), "it was sent to one connector and to one more");

    start_again(&mut connectors, &directory, &upstream);
    let answer = directory.get(HOST, "/poison");
    assert_eq!((answer.status, answer.header("x-adit-reason")), (502, Some("repeated_loss")), "{}", answer.text());
    settles("the end of one", RECOVERED, || left_of(&mut connectors) <= 2);
    assert_eq!((left_of(&mut connectors), poison()), (2, 5), "it is known by now, and was not sent again");
    assert_eq!(directory.get(HOST, "/1k").status, 200, "what asks for something else is not concerned");
}

/// Starts those that have ended.
fn start_again(connectors: &mut [ConnectorProcess], directory: &Directory, upstream: &Upstream) {
    for connector in connectors {
        if !connector.process().is_running() {
            connector.restart();
            upstream.recognise(connector.pid());
        }
        directory.wait_until_active(connector);
    }
}
