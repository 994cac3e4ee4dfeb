//! A newcomer's first command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use adit_tests::command::{adit, to_its_end};
use adit_tests::{Scratch, Upstream};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn the_demo_checks_itself_and_says_each_step() {
    let scratch = Scratch::new();
    let outcome = to_its_end(adit(&["demo", "--check"]).current_dir(scratch.path()), LIMIT);
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.lines().count() >= 5, "each of the five documented calls is a step: {said}");
}

#[test]
fn the_demo_publishes_an_application_of_ones_own() {
    let scratch = Scratch::new();
    let upstream = Upstream::start();
    let mut command = adit(&["demo", "--check", "--internal-url", &upstream.url()]);
    let outcome = to_its_end(command.current_dir(scratch.path()), LIMIT);
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
    assert!(upstream.requests() > 0, "the given application was used");
}
