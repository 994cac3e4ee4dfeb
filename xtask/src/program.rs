//! The test programs that cargo has built, each run as cargo would, in two lanes.
//!
//! Tests that have deadlines run one program after the other. Those that only compute run beside them with a lower priority, in
//! the time in which the others wait.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::step::{Failed, patient, shown};

/// The programs without deadlines that take long: requests that are waited for, and simulated time. In this order, so that what
/// uses one core comes while the others run, and what uses all comes last.
const PATIENT: [&str; 2] = ["openapi", "seeds"];

/// A program with tests.
#[derive(Debug)]
pub(crate) struct Program {
    /// What it tests: a crate, or a file of tests.
    name: String,
    path: PathBuf,
    /// Its package's folder, where it runs.
    folder: PathBuf,
}

/// What cargo built, and what clippy said of it.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// The programs with tests, in cargo's order.
    pub(crate) programs: Vec<Program>,
    /// What the compiler and clippy warned of: rendered for people.
    pub(crate) warnings: Vec<String>,
}

/// Builds what a command of cargo asks for, with the lints of our own crates.
pub(crate) fn built(mut command: Command) -> Result<Built, Failed> {
    let shown = shown(&command);
    println!("> {shown}");
    command.arg("--message-format=json");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| Failed(format!("`{shown}` could not be started: {error}")))?;
    let mut built = Built::default();
    for line in child.stdout.take().into_iter().flat_map(lines) {
        built = built.with(&line);
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(built),
        Ok(status) => Err(Failed(format!("`{shown}` failed ({status})\n{}", built.warnings.join("\n")))),
        Err(error) => Err(Failed(format!("`{shown}` came to no end: {error}"))),
    }
}

impl Built {
    /// Takes in one line of what cargo says: something that was built, or that somebody has to read.
    fn with(mut self, line: &str) -> Self {
        let message = serde_json::from_str::<Value>(line).unwrap_or_default();
        let rendered = message.pointer("/message/rendered").and_then(Value::as_str);
        self.warnings.extend(rendered.map(str::to_owned));
        self.programs.extend(Program::of(&message));
        self
    }

    /// Succeeds where nothing was warned of.
    pub(crate) fn without_warnings(&self) -> Result<(), Failed> {
        match self.warnings.as_slice() {
            [] => Ok(()),
            warnings => Err(Failed(format!("{} lints:\n{}", warnings.len(), warnings.join("\n")))),
        }
    }
}

impl Program {
    /// What a line of cargo's says was built, if it has tests.
    fn of(artifact: &Value) -> Option<Self> {
        let text = |pointer| artifact.pointer(pointer).and_then(Value::as_str);
        let is_test = artifact.pointer("/profile/test") == Some(&Value::Bool(true));
        let path = text("/executable").filter(|_| is_test)?;
        let folder = Path::new(text("/manifest_path")?).parent()?;
        let name = text("/target/name")?.to_owned();
        Some(Self { name, path: path.into(), folder: folder.into() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn is_patient(&self) -> bool {
        PATIENT.contains(&self.name.as_str())
    }

    /// Starts it; what it says to stdout is read by us.
    fn start(&self, set: impl Fn(&mut Command)) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        if self.is_patient() {
            command = patient(&command);
        }
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        set(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
    }

    /// Runs it to its end; each line goes to `line` as it comes. Whether all its tests passed.
    fn run(&self, set: impl Fn(&mut Command), mut line: impl FnMut(&str)) -> bool {
        let started = Instant::now();
        let ended = self.start(set).and_then(|mut child| {
            for said in child.stdout.take().into_iter().flat_map(lines) {
                line(&said);
            }
            child.wait()
        });
        line(&format!("{} took {:.1} s", self.name, started.elapsed().as_secs_f64()));
        match ended {
            Ok(status) if status.success() => return true,
            Ok(status) => line(&format!("{} ended with {status}", self.name)),
            Err(error) => line(&format!("{} could not be run: {error}", self.path.display())),
        }
        false
    }
}

/// What is said line by line, whatever bytes it has.
fn lines(from: impl Read) -> impl Iterator<Item = String> {
    BufReader::new(from).split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// Runs all of `programs`, each prepared by `set`; their lines go to `count` too. The names of those that failed.
pub(crate) fn run_all(
    programs: &[Program],
    set: impl Fn(&mut Command) + Sync,
    mut count: impl FnMut(&str),
) -> Vec<String> {
    let mut failed = Vec::new();
    let beside = thread::scope(|scope| {
        let set = &set;
        let patient = PATIENT.iter().flat_map(|name| programs.iter().filter(move |program| program.name == *name));
        let beside = scope.spawn(move || patient.map(|program| said_beside(program, set)).collect::<Vec<_>>());
        for program in programs.iter().filter(|program| !program.is_patient()) {
            println!("\n     Running {} ({})", program.name, program.path.display());
            let passed = program.run(set, |line| {
                println!("{line}");
                count(line);
            });
            failed.extend((!passed).then(|| program.name.clone()));
        }
        beside.join()
    });
    match beside {
        Ok(beside) => {
            for (name, said) in beside {
                said.iter().for_each(|line| count(line));
                failed.extend(name);
            }
        }
        Err(_) => failed.push("a program beside the others".to_owned()),
    }
    failed
}

/// Runs one beside the others, and prints what it says as one block: its name if it failed, and all that it said.
fn said_beside(program: &Program, set: impl Fn(&mut Command)) -> (Option<String>, Vec<String>) {
    let mut said = vec![format!("\n     Ran beside the others: {} ({})", program.name, program.path.display())];
    let passed = program.run(set, |line| said.push(line.to_owned()));
    // Who cannot print has nobody who reads.
    let _ = writeln!(io::stdout().lock(), "{}", said.join("\n"));
    ((!passed).then(|| program.name.clone()), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_with_tests_are_taken() {
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/src/gateway/Cargo.toml","target":{{"name":"herd"}},
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let of = |line: &str| Built::default().with(line).programs.pop();
        let program = of(&line(true, r#""/target/herd-1""#));
        let seen = program.as_ref().map(|program| (program.name.as_str(), program.folder.as_path()));
        assert_eq!(seen, Some(("herd", Path::new("/src/gateway"))));
        for other in [line(false, r#""/target/adit""#), line(true, "null"), "not JSON".to_owned()] {
            assert!(of(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_warning_of_the_compiler_or_of_clippy_is_no_success() {
        let warning =
            r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"unused variable: `x`"}}"#;
        assert!(Built::default().with(r#"{"reason":"build-finished","success":true}"#).without_warnings().is_ok());
        let Err(Failed(why)) = Built::default().with(warning).without_warnings() else { panic!("it succeeded") };
        assert!(why.contains("unused variable: `x`"), "{why}");
    }

    #[test]
    fn what_a_program_says_is_counted_and_its_failure_is_told() {
        let program = |name: &str, path: &str| Program { name: name.to_owned(), path: path.into(), folder: "/".into() };
        let programs =
            [program("good", "echo"), program("seeds", "echo"), program("bad", "false"), program("none", "/none")];
        let mut counted = Vec::new();
        let failed = run_all(&programs, |command| _ = command.arg("a line"), |line| counted.push(line.to_owned()));
        assert_eq!(failed, ["bad", "none"]);
        assert_eq!(counted.iter().filter(|line| *line == "a line").count(), 2, "{counted:?}");
    }
}
