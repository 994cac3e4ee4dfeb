//! `cargo xtask test`: everything that must hold, ending with one line that counts the tests.
//!
//! What may be depended on is not part of it, for building that tool takes longer than the tests, and the lints of what is
//! built without optional features neither: that it builds and works is. `cargo xtask lint` has both.

use std::process::Command;
use std::thread;

use crate::step::{Failed, cargo, run, run_beside, target};
use crate::{lint, program, setup_to_build, setup_to_run, tool};

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
    let mut wrong = Vec::new();
    // All at once: whatever is built apart from the others has other features, and nearly everything is compiled again.
    let build = || run(&mut cargo(&["build", "--workspace", "--all-targets"]));
    // What is fetched and unpacked leaves a core to the compiler, and the other way round.
    let (set_up, built) = thread::scope(|scope| {
        let set_up = scope.spawn(setup_to_run);
        let built = [lint::formatting(), build()];
        (set_up.join(), built)
    });
    set_up.map_err(|_| Failed("what the tests need could not be installed".to_owned()))??;
    wrong.extend(built.into_iter().filter_map(Result::err));
    println!("(licences, bans and sources of dependencies, lints without features: `cargo xtask lint`)");
    let mut counts = Counts::default();
    wrong.extend(test(length, &mut counts));
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
fn test(length: Length, counts: &mut Counts) -> Vec<Failed> {
    let long = (length == Length::Long).then(|| Ok((tool::keycloak()?, tool::wycheproof()?))).transpose();
    let options: &[&str] = if length == Length::Long { &["--features", lint::FOR_LONG_TESTS] } else { &[] };
    let (long, programs) = match (long, program::built(options)) {
        (Ok(long), Ok(programs)) => (long, programs),
        (long, programs) => return [long.err(), programs.err()].into_iter().flatten().collect(),
    };
    let set = |command: &mut Command| {
        command.env("ADIT_BINARY", target().join("debug/adit"));
        if let Some((keycloak, wycheproof)) = &long {
            command.env("ADIT_TEST_LONG", "1").env("ADIT_TEST_KEYCLOAK", keycloak);
            command.env("ADIT_TEST_WYCHEPROOF", wycheproof);
        }
    };
    // The lints, and the one test of what is built without optional features: most tests wait for most of their time.
    let bare = cargo(&["test", "--workspace", "--no-default-features", "--bin", "adit", "configuration"]);
    let (failed, beside) = thread::scope(|scope| {
        let beside = scope.spawn(|| [run_beside(&lint::clippy()), run_beside(&bare)]);
        (program::run_all(&programs, set, |line| counts.add(line)), beside.join())
    });
    let examples = run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]));
    let mut wrong: Vec<Failed> = examples.err().into_iter().collect();
    match beside {
        Ok(beside) => wrong.extend(beside.into_iter().filter_map(Result::err)),
        Err(_) => wrong.push(Failed("what ran beside the tests came to no end".to_owned())),
    }
    if !failed.is_empty() {
        wrong.push(Failed(format!("tests failed: {}", failed.join(", "))));
    }
    wrong
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
