//! A newcomer's first command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::command::{adit, to_its_end};
use adit_tests::{Process, Scratch, Upstream, eventually};

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

#[test]
fn what_the_demo_prints_works_when_pasted_and_nothing_is_left_behind() {
    let scratch = Scratch::new();
    let printed = scratch.join("printed");
    let mut demo = Process::start("adit demo", adit(&["demo"]).current_dir(scratch.path()), &printed);
    let (lines, _) = eventually("the printed page", LIMIT, || {
        assert!(demo.is_running(), "the demo ended: {}", demo.log());
        let text = demo.log();
        let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.iter().any(|line| line.starts_with("Ctrl-C")).then_some(lines)
    });

    let open = lines.iter().find(|line| line.contains("curl --cacert") && !line.contains(" -X "));
    let open = open.and_then(|line| line.strip_prefix("or: ").or(Some(line))).expect("a line to open the application");
    assert!(!pasted(open).is_empty(), "the application answers");
    let folder = open.split('\'').nth(1).expect("the CA's file in quotes");
    assert!(Path::new(folder).exists());

    let calls: Vec<(&String, &String)> = lines
        .iter()
        .zip(lines.iter().skip(1))
        .filter(|(comment, call)| comment.starts_with("# page 00") && call.starts_with("curl "))
        .collect();
    assert_eq!(calls.len(), 5, "five documented calls: {lines:#?}");
    for (comment, call) in calls {
        let answers = comment.split("answers ").nth(1).expect("what it answers");
        let status: String = answers.chars().take_while(char::is_ascii_digit).collect();
        let answer = pasted(call);
        let first = answer.lines().next().unwrap_or_default();
        assert_eq!(first.split(' ').nth(1), Some(status.as_str()), "{comment}\n{call}\n{answer}");
        assert!(!pasted(open).is_empty(), "the application still answers");
    }

    demo.terminate();
    let status = demo.finish(LIMIT);
    assert!(status.success(), "the demo ends with {status}");
    assert!(!Path::new(folder).exists(), "{folder} was left behind");
}

/// Runs a line as a shell would, and demands that it succeeds.
fn pasted(line: &str) -> String {
    to_its_end(Command::new("bash").args(["-c", line]), LIMIT).succeeded()
}
