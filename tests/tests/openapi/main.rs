//! What `/openapi.json` promises is what the server does: schemathesis reads it, makes requests of every operation
//! (good ones, bad ones, and ones that follow each other), and compares each answer with what is documented.
//!
//! A tool that knows only the document cannot guess an id. So it reads the document as it is served, with examples
//! added: the ids of a furnished directory, and bodies that fit them. The seed is fixed, so that a finding comes again.
//! The reports stay in `schemathesis` below the build folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod example;
mod furniture;
mod report;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::command::{Outcome, run, to_its_end};
use adit_tests::graph::PROFILE;
use adit_tests::{Directory, Scratch, long, python, repository, target};
use serde_json::{Value, json};

use crate::furniture::Furniture;
use crate::report::Report;

/// Requests of each operation in each phase that makes them by chance.
const EXAMPLES: u32 = 5;

/// The same before a release.
const MANY_EXAMPLES: u32 = 100;

/// The longest that all of it may take: with a machine to itself it is five minutes.
const LIMIT: Duration = Duration::from_secs(1800);

/// The same before a release.
const LONG_LIMIT: Duration = Duration::from_secs(3 * 3600);

const CHECKS: &str = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance";

const PHASES: [&str; 4] = ["examples", "coverage", "fuzzing", "stateful"];

/// Runs schemathesis with `document` against the server, with its reports in `reports`.
fn schemathesis(directory: &Directory, document: &Value, reports: &Path) -> Outcome {
    let (examples, limit, lifetime) = if long() { (MANY_EXAMPLES, LONG_LIMIT, "4h") } else { (EXAMPLES, LIMIT, "1h") };
    let token = run(&["token", "--data", &directory.data_argument(), "--lifetime", lifetime]).succeeded();
    let report = |name: &str| reports.join(name).display().to_string();
    let folder = Scratch::new();
    std::fs::write(folder.join("openapi.json"), document.to_string()).unwrap();
    let mut command = Command::new(python::program("schemathesis"));
    command
        .arg("--config-file")
        .arg(repository().join("tests/schemathesis.toml"))
        .args(["--no-color", "run", "openapi.json"])
        .args(["--url", &format!("http://{}/beta", directory.addresses().control)])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        .args(["--phases", &PHASES.join(","), "--checks", CHECKS, "--mode", "all"])
        .args(["--max-examples", &examples.to_string(), "--seed", "20260101", "--workers", "1"])
        .args(["--continue-on-failure", "--generation-database", "none"])
        .args(["--generation-with-security-parameters", "false"])
        .args(["--request-timeout", "30", "--max-response-time", "5"])
        .args(["--report", "json,ndjson", "--report-json-path", &report("report.json")])
        .args(["--report-ndjson-path", &report("events.ndjson")])
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    to_its_end(python::without_proxy(&mut command), limit)
}

/// There is no way to give a service principal an owner of its own here.
const WITHOUT_AN_OBJECT: [&str; 2] = [
    "GET /servicePrincipals/{servicePrincipal}/owners/{owner}",
    "GET /servicePrincipals/{servicePrincipal}/owners/{owner}/{property}",
];

#[test]
fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let directory = Directory::start();
    let connector = directory.connector("furnished");
    let graph = directory.graph();
    let furniture = Furniture::put_into(&graph, connector.id());
    let served = graph.send_as_spelled("GET", "/openapi.json", &[], b"");
    assert_eq!(served.status, 200, "{}", served.text());
    let document = example::added_to(served.json(), &furniture);
    let reports = target().join("schemathesis");
    std::fs::create_dir_all(&reports).unwrap();

    let outcome = schemathesis(&directory, &document, &reports);

    println!("{}\n{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.code, Some(0), "schemathesis found something; see {}", reports.display());
    let report = Report::read(&reports);
    let told = &report.summary;
    assert_eq!((&told["complete"], &told["errors"], &told["failures"]), (&json!(true), &json!([]), &json!([])));
    for phase in PHASES {
        assert_eq!(told["phases"][phase]["status"], "success", "{phase} did not run");
    }
    assert_eq!(told["operations"]["tested"], told["operations"]["total"], "every operation was tested");
    // Had every request been refused, everything would be as documented too.
    let never: Vec<&str> =
        report.never_accepted().into_iter().filter(|operation| !WITHOUT_AN_OBJECT.contains(operation)).collect();
    assert!(never.is_empty(), "of these no good request was accepted: {never:#?}");
    assert_eq!(graph.get(PROFILE)["id"], "applicationProxy", "the server serves on");
}
