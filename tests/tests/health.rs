//! `adit health` as an administrator uses it: which groups are served, and how each connector sees an upstream, from the
//! requests that went through it, and from probes where an application asks for them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use adit_tests::command::run;
use adit_tests::http::Connection;
use adit_tests::{Directory, Upstream, settles};
use serde_json::{Value, json};

const HOST: &str = "localhost";

/// What is promised within a second or so; five times that.
const SEEN: Duration = Duration::from_secs(10);

fn health(directory: &Directory, arguments: &[&str]) -> String {
    let data = directory.data_argument();
    run(&[&["health", "--data", &data], arguments].concat()).succeeded()
}

fn told(directory: &Directory, arguments: &[&str]) -> Value {
    serde_json::from_str(&health(directory, &[arguments, &["--json"]].concat())).expect("the API's answer")
}

fn of_group(directory: &Directory, name: &str) -> Value {
    let told = told(directory, &[]);
    let mut groups = told["groups"].as_array().expect("groups").iter();
    groups.find(|group| group["connectorGroupName"] == name).map(|group| group["health"].clone()).unwrap_or_default()
}

fn metric(directory: &Directory, line: &str) -> Option<i64> {
    let mut connection = Connection::plain(directory.addresses().metrics).ok()?;
    let text = connection.get("localhost", "/metrics").ok()?.text();
    text.lines().find_map(|own| own.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn a_group_is_serving_degraded_or_down_by_its_connectors() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let _group = directory.graph().create_group("Berlin");
    let mut connectors = ["one", "two"].map(|name| directory.connector_in(name, "Berlin", &[]));
    let _application = directory.publish("app", &upstream, HOST, "Berlin");
    directory.wait_until_served(HOST);
    settles("both serve", SEEN, || of_group(&directory, "Berlin") == "serving");
    assert_eq!(metric(&directory, "adit_gateway_connector_groups{health=\"serving\"}"), Some(1));
    assert_eq!(metric(&directory, "adit_gateway_applications{health=\"serving\"}"), Some(1));

    connectors[0].process().kill();
    settles("one of two serves", SEEN, || of_group(&directory, "Berlin") == "degraded");
    let text = health(&directory, &[]);
    assert!(text.contains("Group Berlin (") && text.contains(": degraded") && text.contains("not connected"), "{text}");
    assert!(text.contains("0 serving, 1 degraded, 0 down"), "its application is degraded too: {text}");
    assert_eq!(metric(&directory, "adit_gateway_connectors{availability=\"notConnected\"}"), Some(1));

    connectors[1].process().kill();
    settles("none serves", SEEN, || of_group(&directory, "Berlin") == "down");
    assert_eq!(metric(&directory, "adit_gateway_connector_groups{health=\"down\"}"), Some(1));
    assert_eq!(told(&directory, &[])["applications"]["inTrouble"][0]["applicationName"], "app");
}

#[test]
fn an_upstream_is_told_of_as_each_connector_sees_it() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let near = directory.connector_in("near", "Default", &[]);
    let narrow = directory.connector_in("narrow", "Default", &["--allow", "127.0.0.1:9"]);
    let application = directory.publish("app", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let mut user = directory.user(HOST);
    let seen = |connector: &str| -> Value {
        let told = told(&directory, &["app"]);
        let mut connectors = told["connectors"].as_array().expect("connectors").iter();
        connectors.find(|own| own["id"] == connector).cloned().unwrap_or_default()
    };
    settles("both were tried", SEEN, || {
        assert_eq!(user.get(HOST, "/1k").expect("an answer").status, 200, "the other connector serves it");
        seen(near.id())["reach"] == "reached" && seen(narrow.id())["reach"] == "notReached"
    });
    let (good, bad) = (seen(near.id()), seen(narrow.id()));
    assert_eq!((&good["lastStatus"], &good["machineName"]), (&json!(200), &json!("near")), "{good}");
    assert!(good["latencyInMilliseconds"].is_number() && good["connectInMilliseconds"].is_number(), "{good}");
    assert!(good["lastAnswerDateTime"].is_string() && good["lastFailure"].is_null(), "{good}");
    assert_eq!((&bad["lastFailure"]["reason"], &bad["lastStatus"]), (&json!("upstream_not_allowed"), &Value::Null));
    assert!(bad["lastFailure"]["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{bad}");
    assert_eq!(
        told(&directory, &[&application])["health"],
        "degraded",
        "by its id, and one connector is of no use to it"
    );
    assert_eq!(of_group(&directory, "Default"), "serving", "both connectors are there");

    let text = health(&directory, &["app"]);
    for shown in ["near (", "reaches the upstream, last answer 200 at", "narrow (", "does not reach the upstream"] {
        assert!(text.contains(shown), "{shown:?} is not in\n{text}");
    }
    let unknown = run(&["health", "nobody's", "--data", &directory.data_argument()]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    let path = "/beta/onPremisesPublishingProfiles/applicationProxy/connectorGroups/adit.health()";
    let reader = directory.graph().with_token(&directory.token_for("AuditLog.Read.All"));
    assert_eq!(reader.send_as_spelled("GET", path, &[], b"").status, 403);
}

/// The longest interval of five seconds, a second in which it is noticed, and the probe: five times that.
const PROBED: Duration = Duration::from_secs(40);

#[test]
fn an_application_that_nobody_uses_is_probed_through_each_connector_until_it_drains() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let connectors = ["one", "two"].map(|name| directory.connector_in(name, "Default", &[]));
    let application = directory.publish("app", &upstream, HOST, "Default");
    let graph = directory.graph();
    let path = format!("/applications/{application}/onPremisesPublishing");
    let set = json!({"adit": {"healthProbePath": "/health", "healthProbeIntervalInSeconds": 5}});
    let changed = graph.send("PATCH", &path, Some(&set));
    assert_eq!(changed.status, 204, "{}", changed.text());
    let seen = |number: usize| -> Value {
        let told = told(&directory, &["app"]);
        let mut connectors_told = told["connectors"].as_array().expect("connectors").iter();
        connectors_told.find(|own| own["id"] == connectors[number].id()).cloned().unwrap_or_default()
    };
    settles("both have probed", PROBED, || (0..2).all(|number| seen(number)["isLastProbePassed"] == true));
    let one = seen(0);
    assert_eq!(
        (&one["lastStatus"], &one["lastAnswerTo"], &one["reach"]),
        (&json!(200), &json!("probe"), &json!("reached"))
    );
    assert_eq!(told(&directory, &["app"])["health"], "serving");
    let text = health(&directory, &["app"]);
    assert!(text.contains("last answer 200 to a probe at ") && text.contains("last probe passed at "), "{text}");
    assert!(metric(&directory, "adit_gateway_probes_total{outcome=\"passed\"}") >= Some(2));
    let heads = upstream.heads();
    assert!(heads.iter().all(|head| head.target == "/health"), "nobody else asks: {heads:?}");
    assert!(
        heads.iter().all(|head| head.header("user-agent").is_some_and(|who| who.starts_with("Adit-Health-Probe/")))
    );

    let narrow = json!({"adit": {"healthProbeStatuses": "204"}});
    assert_eq!(graph.send("PATCH", &path, Some(&narrow)).status, 204);
    settles("both fail", PROBED, || (0..2).all(|number| seen(number)["isLastProbePassed"] == false));
    assert_eq!(told(&directory, &["app"])["health"], "down");
    let why = seen(0)["lastFailure"].clone();
    assert_eq!((&why["reason"], &why["by"]), (&json!("probe_status"), &json!("probe")));
    let explained = run(&["explain", &directory.external_url(HOST), "--data", &directory.data_argument()]).succeeded();
    assert!(explained.contains("passed over: its last probe of the upstream failed"), "{explained}");
    assert_eq!(directory.get(HOST, "/1k").status, 200, "where no probe passes, requests are sent all the same");

    for name in ["one", "two"] {
        let _told = run(&["connectors", "drain", name, "--data", &directory.data_argument()]).succeeded();
    }
    settles("nothing is left of the probes", PROBED, || {
        (0..2).all(|number| seen(number)["isLastProbePassed"].is_null())
    });
    let probes = upstream.requests();
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(upstream.requests(), probes, "no probe goes through a connector that drains");
}
