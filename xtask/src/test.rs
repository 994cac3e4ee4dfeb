//! `cargo xtask test`: everything that must hold, ending with one line that counts the tests.
//!
//! What may be depended on is not part of it, for building that tool takes longer than the tests, and the lints of what is
//! built without optional features neither: that it builds and works is. `cargo xtask lint` has both.

use std::process::Command;

use crate::step::{Failed, cargo, run, target};
use crate::{lint, program, setup, tool};

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
    setup()?;
    let mut wrong = Vec::new();
    // All at once: whatever is built apart from the others has other features, and nearly everything is compiled again.
    let build = || run(&mut cargo(&["build", "--workspace", "--all-targets"]));
    let bare = || {
        let arguments = ["test", "--workspace", "--no-default-features", "--bin", "adit", "configuration"];
        run(&mut cargo(&arguments))
    };
    for step in [lint::formatting(), lint::clippy(), build(), bare()] {
        wrong.extend(step.err());
    }
    println!("(licences, bans and sources of dependencies, lints without features: `cargo xtask lint`)");
    let mut counts = Counts::default();
    wrong.extend(test(length, &mut counts).err());
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

/// Runs the tests with their output passed through, and counts.
fn test(length: Length, counts: &mut Counts) -> Result<(), Failed> {
    let long = (length == Length::Long).then(|| Ok((tool::keycloak()?, tool::wycheproof()?))).transpose()?;
    let options: &[&str] = if long.is_some() { &["--features", lint::FOR_LONG_TESTS] } else { &[] };
    let programs = program::built(options)?;
    let set = |command: &mut Command| {
        command.env("ADIT_BINARY", target().join("debug/adit"));
        if let Some((keycloak, wycheproof)) = &long {
            command.env("ADIT_TEST_LONG", "1").env("ADIT_TEST_KEYCLOAK", keycloak);
            command.env("ADIT_TEST_WYCHEPROOF", wycheproof);
        }
    };
    let failed = program::run_all(&programs, set, |line| counts.add(line));
    let examples = run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]));
    match failed.as_slice() {
        [] => examples,
        failed => Err(Failed(format!("tests failed: {}", failed.join(", ")))),
    }
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
