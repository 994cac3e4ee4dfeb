//! `cargo xtask test`: everything that must hold, ending with one line that counts the tests.
//!
//! What may be depended on (`cargo xtask lint`) is not part of it: building that tool takes longer than the tests.

use std::process::Command;
use std::thread;

use adit_test_postgresql::Server;

use crate::program::{Built, Program};
use crate::step::{Failed, cargo, patient, run, target};
use crate::{lint, program, setup_to_build, setup_to_run, tool};

/// The program that needs a server of several hundred megabytes.
const LONG_PROGRAM: &str = "keycloak";

/// How the names of tests begin that need test vectors of others.
const LONG_TESTS: &str = "vectors::";

/// The programs whose tests run once more, with each directory on PostgreSQL. (The others that need it do both by themselves.)
const ON_BOTH_ENGINES: [&str; 1] = ["adit_graph"];

/// How long the tests with counts go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// For each change.
    Short,
    /// Before a release.
    Long,
}

/// What the test programs counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Installs, checks, tests. Every step runs, so that one run shows everything that is wrong.
pub(crate) fn run_all(length: Length) -> Result<(), Failed> {
    setup_to_build()?;
    // All at once: whatever is built apart from the others has other features, and nearly everything is compiled again.
    let all = ["build", "--workspace", "--all-targets", "--features", lint::FOR_LONG_TESTS];
    let build = || program::built(lint::while_compiling(cargo(&all)));
    // What is fetched and unpacked leaves a core to the compiler, and the other way round.
    let (set_up, formatted, built) = thread::scope(|scope| {
        let set_up = scope.spawn(setup_to_run);
        let (formatted, built) = (lint::formatting(), build());
        (set_up.join(), formatted, built)
    });
    set_up.map_err(|_| Failed("what the tests need could not be installed".to_owned()))??;
    let mut wrong = Vec::from_iter(formatted.err());
    println!("(licences, bans and sources of dependencies: `cargo xtask lint`)");
    let mut counts = Counts::default();
    match built {
        Ok(built) => {
            wrong.extend(built.without_warnings().err());
            wrong.extend(test(length, built.programs, &mut counts));
        }
        Err(failed) => wrong.push(failed),
    }
    if counts.ignored > 0 {
        wrong.push(Failed(format!("{} tests were ignored: none may be skipped", counts.ignored)));
    }
    if counts.passed + counts.failed == 0 {
        wrong.push(Failed("no test ran".to_owned()));
    }
    for Failed(why) in &wrong {
        println!("FAILED: {why}");
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if wrong.is_empty() { Ok(()) } else { Err(Failed(format!("{} steps failed, see above", wrong.len()))) }
}

/// Runs the tests with their output passed through, and counts; what was wrong.
fn test(length: Length, mut programs: Vec<Program>, counts: &mut Counts) -> Vec<Failed> {
    let long = (length == Length::Long).then(|| Ok((tool::keycloak()?, tool::wycheproof()?))).transpose();
    let long = match long {
        Ok(long) => long,
        Err(failed) => return vec![failed],
    };
    if long.is_none() {
        println!("(left to --long: {LONG_PROGRAM}, {LONG_TESTS}, and the full counts of the others)");
        programs.retain(|program| program.name() != LONG_PROGRAM);
    }
    let postgresql = match Server::try_start() {
        Ok(server) => server,
        Err(why) => return vec![Failed(why)],
    };
    let set = |command: &mut Command| {
        command.env("ADIT_BINARY", target().join("debug/adit"));
        command.env(adit_test_postgresql::VARIABLE, postgresql.address());
        match &long {
            Some((keycloak, wycheproof)) => {
                command.env("ADIT_TEST_LONG", "1").env("ADIT_TEST_KEYCLOAK", keycloak);
                command.env("ADIT_TEST_WYCHEPROOF", wycheproof);
            }
            None => _ = command.args(["--skip", LONG_TESTS]),
        }
    };
    let (mut failed, built) = thread::scope(|scope| {
        let built = scope.spawn(build_without_features);
        (program::run_all(&programs, set, |line| counts.add(line)), built.join())
    });
    programs.retain(|program| ON_BOTH_ENGINES.contains(&program.name()));
    let set_again = |command: &mut Command| {
        set(command);
        command.env("ADIT_TEST_ENGINE", "postgresql");
    };
    failed.extend(program::run_all(&programs, set_again, |line| counts.add(line)));
    let built = built.unwrap_or_else(|_| Err(Failed("what has no optional features was not built".to_owned())));
    let mut wrong: Vec<Failed> =
        built.and_then(|built| test_without_features(&built, counts)).err().into_iter().collect();
    let examples = cargo(&["test", "--workspace", "--features", lint::FOR_LONG_TESTS, "--doc", "--quiet"]);
    wrong.extend(run(&mut lint::while_compiling(examples)).err());
    if !failed.is_empty() {
        wrong.push(Failed(format!("tests failed: {}", failed.join(", "))));
    }
    wrong
}

/// Builds the tests of a binary without its optional parts, beside other tests: a few crates are compiled again for it.
fn build_without_features() -> Result<Built, Failed> {
    let what = ["--workspace", "--no-default-features", "--features", lint::FOR_LONG_TESTS, "--bin", "adit"];
    let command = cargo(&["test", "--no-run", "--quiet"].iter().chain(&what).copied().collect::<Vec<_>>());
    program::built(patient(&lint::while_compiling(command)))
}

/// The lints and the one test of that binary.
fn test_without_features(built: &Built, counts: &mut Counts) -> Result<(), Failed> {
    let (filter, before) = (|command: &mut Command| _ = command.arg("configuration"), counts.passed);
    let failed = program::run_all(&built.programs, filter, |line| counts.add(line));
    if !failed.is_empty() || counts.passed == before {
        return Err(Failed("tests failed without optional features, or none ran".to_owned()));
    }
    built.without_warnings()
}

impl Counts {
    /// Takes in a line like `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let result = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for part in result.split(';') {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored") => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_of_all_test_programs_are_summed() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.05s");
        counts.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.add("test a_result_is_read ... ok");
        assert_eq!(counts, Counts { passed: 14, failed: 3, ignored: 1 });
    }
}
