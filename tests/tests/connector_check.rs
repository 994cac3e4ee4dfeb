//! `adit connector check` names the link that fails, connectors find their way out through a proxy, and wrong clocks are
//! shown beside right ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::TcpListener;
use std::time::Duration;

use adit_tests::clock;
use adit_tests::command::{Outcome, adit, run, started_by, to_its_end};
use adit_tests::graph::PROFILE;
use adit_tests::proxy::Proxy;
use adit_tests::{ConnectorProcess, Directory, Upstream, settles};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A token with another gateway or another CA.
fn changed(token: &str, name: &str, value: &str) -> String {
    let encoded = token.trim().strip_prefix("adit-").expect("a token");
    let mut parts: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
    parts[name] = json!(value);
    format!("adit-{}", BASE64_URL_SAFE_NO_PAD.encode(parts.to_string()))
}

fn names(outcome: &Outcome, link: &str) {
    assert_eq!(outcome.code, Some(1), "{}\n{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains(&format!("{link} failed")), "{}\n{}", outcome.stdout, outcome.stderr);
}

#[test]
fn the_link_that_fails_is_named_and_those_before_it_hold() {
    let directory = Directory::start();
    let token = directory.registration_token("Default");
    let check = |token: &str| run(&["connector", "check", "--token", token]);
    let good = check(&token);
    assert_eq!(good.code, Some(0), "{}\n{}", good.stdout, good.stderr);
    for link in ["DNS", "TCP", "proxy", "TLS", "clock", "registration"] {
        assert!(good.stdout.lines().any(|line| line.starts_with(link) && line.contains("ok")), "{}", good.stdout);
    }
    assert!(good.stdout.contains("the gateway's 2"), "the clocks were compared: {}", good.stdout);
    names(&check(&changed(&token, "gateway", "no-such-host.invalid:443")), "DNS");
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    names(&check(&changed(&token, "gateway", &unused.to_string())), "TCP");
    names(&check(&changed(&token, "gateway", &directory.addresses().metrics.to_string())), "TLS");
    let other_ca = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    let other = check(&changed(&token, "ca", &other_ca));
    names(&other, "TLS");
    assert!(other.stdout.contains("not the gateway of this directory"), "{}", other.stdout);
    let mut connector = directory.connector("srv1");
    assert!(connector.process().is_running(), "the token was not used up by any check");
}

#[test]
fn a_registered_connector_is_checked_while_it_runs_and_goes_on() {
    let directory = Directory::start();
    let mut connector = directory.connector("srv1");
    let data = connector.data().display().to_string();
    let check = || run(&["connector", "check", "--data", &data]);
    let good = check();
    assert_eq!(good.code, Some(0), "{}\n{}", good.stdout, good.stderr);
    assert!(good.stdout.contains("registered as"), "{}", good.stdout);
    assert_eq!(directory.graph().status_of(connector.id()), "active");
    assert!(connector.process().is_running(), "it was not taken for a newer process of the connector");
    let path = format!("{PROFILE}/connectors/{}", connector.id());
    assert_eq!(directory.graph().send("DELETE", &path, None).status, 204);
    names(&check(), "registration");
}

#[test]
fn a_connector_behind_a_proxy_serves_and_a_wrong_password_is_named() {
    let directory = Directory::start();
    let (proxy, upstream) = (Proxy::start("us er", "p@ss:word"), Upstream::start());
    let through = format!("http://us%20er:p%40ss%3Aword@{}", proxy.address());
    let connector = directory.connector_in("srv1", "Default", &["--proxy", &through]);
    let _application = directory.publish("wiki", &upstream, "localhost", "Default");
    directory.wait_until_served("localhost");
    settles("registration and both connections of the tunnel go through it", PATIENCE, || proxy.connected() >= 3);
    let data = connector.data().display().to_string();
    let good = run(&["connector", "check", "--data", &data, "--proxy", &through]);
    assert_eq!(good.code, Some(0), "{}\n{}", good.stdout, good.stderr);
    let wrong = format!("http://us%20er:guess@{}", proxy.address());
    let refused = run(&["connector", "check", "--data", &data, "--proxy", &wrong]);
    names(&refused, "proxy");
    assert!(!format!("{}{}", refused.stdout, refused.stderr).contains("guess"), "no password is shown");
    settles("the refusal is counted", PATIENCE, || proxy.refused() == 1);
}

#[test]
fn a_wrong_clock_is_shown_with_the_gateways_by_the_check_and_in_the_log() {
    const HOUR: i64 = 3600;
    let directory = Directory::start();
    let token = directory.registration_token("Default");
    let check = |seconds| {
        let (words, command) = (clock::ahead_by(seconds), adit(&["connector", "check", "--token", &token]));
        to_its_end(&mut started_by(&words.each_ref().map(String::as_str), command), PATIENCE)
    };
    let ahead = check(HOUR);
    names(&ahead, "clock");
    let said = &ahead.stdout;
    assert!(said.contains("this machine's clock says 2") && said.contains("the gateway's 2"), "{said}");
    assert!(said.contains("s apart"), "{said}");
    let behind = check(-HOUR);
    names(&behind, "clock");
    let said = &behind.stdout;
    assert!(
        said.contains("by this machine's clock it is 2") && said.contains("by the gateway's it is later than 2"),
        "{said}"
    );

    let start = |name, seconds| {
        let (words, token) = (clock::ahead_by(seconds), directory.registration_token("Default"));
        ConnectorProcess::start_under(&words.each_ref().map(String::as_str), name, &token)
    };
    let mut behind = start("behind", -HOUR);
    assert!(!behind.process().finish(PATIENCE).success());
    let log = behind.process().log();
    assert!(
        log.contains("by this machine's clock it is 2") && log.contains("by the gateway's it is later than 2"),
        "{log}"
    );
    let mut days_ahead = start("days-ahead", 48 * HOUR);
    assert!(!days_ahead.process().finish(PATIENCE).success());
    let log = days_ahead.process().log();
    assert!(log.contains("it ended at 2") && log.contains("the gateway's 2") && log.contains("s apart"), "{log}");
    let mut ahead = directory.once_active("ahead", start("ahead", HOUR));
    let log = ahead.process().log();
    assert!(log.contains("this machine's clock says 2") && log.contains("the gateway's 2"), "{log}");
    // It ends by itself, and what shifts its clock tidies up.
    let path = format!("{PROFILE}/connectors/{}", ahead.id());
    assert_eq!(directory.graph().send("DELETE", &path, None).status, 204);
    ahead.process().finish(PATIENCE);
}
