//! Two processes with one connector's key: the newest start wins, the older one ends what it has begun and cannot come
//! back, and two that take turns are reported as a copied key.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::thread;
use std::time::Duration;

use adit_tests::graph::PROFILE;
use adit_tests::{ConnectorProcess, Directory, Upstream, settles};

const HOST: &str = "localhost";

/// Five times the grace period would be too long to wait; a process without work leaves at once.
const LEFT: Duration = Duration::from_secs(20);

fn carried_by(directory: &Directory, connector: &ConnectorProcess) -> bool {
    let answer = directory.get(HOST, "/who");
    answer.status == 200 && answer.header("x-carried-by") == Some(connector.pid().to_string().as_str())
}

/// Waits until the process has left because another one is the connector now.
fn has_given_way(connector: &mut ConnectorProcess) {
    let status = connector.process().finish(LEFT);
    assert!(!status.success(), "a supervisor is to see that something is wrong");
    assert!(connector.process().log().contains("another process has started"), "{}", connector.process().log());
}

#[test]
fn the_newest_start_wins_the_older_one_leaves_in_order_and_taking_turns_is_reported() {
    let mut directory = Directory::start();
    let upstream = Upstream::start();
    let mut original = directory.connector("srv1");
    upstream.recognise(original.pid());
    let _application = directory.publish("wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    assert!(carried_by(&directory, &original));

    let mut user = directory.user(HOST);
    let under_way = thread::spawn(move || user.get(HOST, "/slow/3000"));
    settles("the request is under way", LEFT, || upstream.heads().last().is_some_and(|it| it.target == "/slow/3000"));
    let mut copy = original.copy();
    upstream.recognise(copy.pid());
    settles("the newest process carries requests", LEFT, || carried_by(&directory, &copy));
    assert_eq!(under_way.join().unwrap().unwrap().status, 200, "what was under way through the older one is answered");
    has_given_way(&mut original);

    let graph = directory.graph();
    let path = format!("{PROFILE}/connectors/{}?$select=adit", original.id());
    let copied = || graph.get(&path)["adit"]["keyCopiedDateTime"].is_string();
    assert!(!copied(), "once may be a machine that was replaced");
    original.restart();
    upstream.recognise(original.pid());
    has_given_way(&mut copy);
    settles("the newest process carries requests", LEFT, || carried_by(&directory, &original));
    settles("the copied key is reported", LEFT, copied);
    assert!(directory.process().log().contains("take turns with this connector's key"));
    let audits = graph.send("GET", "/auditLogs/directoryAudits", None).text();
    assert!(audits.contains("Report copied connector key"), "{audits}");
}
