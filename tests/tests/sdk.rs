//! Scripts that people already have: the Python `msgraph-beta-sdk` and the JavaScript `microsoft-graph-client`,
//! unmodified, against a running server. What they do and check is in `tests/python` and `tests/javascript`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::{ConnectorProcess, Directory, javascript, python};

/// The connector that the scripts look for.
const MACHINE: &str = "sdk-machine";

/// What the Python script prints a line about.
const STORIES: [&str; 10] = [
    "administer",
    "connectors",
    "queries",
    "errors",
    "batch",
    "profile",
    "applications",
    "segments",
    "access",
    "history",
];

fn tell_in_python(directory: &Directory, connector: &ConnectorProcess, server: &str, name: &str) {
    let (reader, ca) = (directory.token_for("Directory.Read.All"), directory.ca().display().to_string());
    let printed = python::run("sdk.py", &[server, directory.token(), &reader, &ca, name]);
    print!("{printed}");
    for story in STORIES {
        assert!(printed.contains(&format!("{story}: as expected")), "{story} was not told: {printed}");
    }
    // What the first story left, seen without the SDK.
    let graph = directory.graph();
    let group = graph.group_named(&format!("{name} group"));
    assert_eq!(graph.group_of_application(&graph.application_named(&format!("{name} application"))), group);
    assert_eq!(graph.status_of(connector.id()), "active");
}

#[test]
fn the_python_sdk_administers_over_http() {
    let directory = Directory::start();
    let connector = directory.connector(MACHINE);
    tell_in_python(&directory, &connector, &format!("http://{}", directory.addresses().control), "sdk-http");
}

#[test]
fn the_python_sdk_administers_over_tls() {
    let directory = Directory::start();
    let connector = directory.connector(MACHINE);
    let server = format!("https://localhost:{}", directory.addresses().control_tls.port());
    tell_in_python(&directory, &connector, &server, "sdk-tls");
}

#[test]
fn the_javascript_client_administers_over_tls_with_its_own_middleware() {
    let directory = Directory::start();
    let connector = directory.connector(MACHINE);
    let server = format!("https://localhost:{}", directory.addresses().control_tls.port());
    let reader = directory.token_for("Directory.Read.All");
    let printed = javascript::run("client.cjs", &directory.ca(), &[&server, directory.token(), &reader]);
    print!("{printed}");
    for story in ["groups", "moves", "errors", "pages", "batch", "publishing"] {
        assert!(printed.contains(&format!("{story}: as expected")), "{story} was not told: {printed}");
    }
    assert_eq!(directory.graph().group_of_connector(connector.id()), directory.graph().group_named("Default"));
}
