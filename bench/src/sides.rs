//! The side-by-side run: Adit beside other ways to do the same job, row by row, each row beside its goal.
//!
//! A row starts the sides that it needs once; they are measured in turn, and what is compared is medians. Load, proxies
//! and origin share the machine: compare figures of one table only.

mod adit;
mod certificate;
pub(crate) mod finding;
mod live;
mod load;
pub(crate) mod machine;
pub(crate) mod nginx;
mod options;
pub(crate) mod page;
mod peer;
mod relay;
mod row;
pub(crate) mod series;
mod side;
mod stage;

use std::time::Instant;

use self::finding::{Finding, Shown, Table};
use self::options::Options;
use self::row::Row;
use self::series::Pace;
use self::side::Kind;
use self::stage::Stage;

/// Files that the load may have open: a thousand clients, an upstream for each, and what there is anyway.
const OPEN_FILES: u64 = 4096;

/// Measures and prints; whether every goal is met, or what is wrong with `words`.
pub(crate) fn measure(words: &[&str]) -> Result<bool, String> {
    let options = Options::parse(words)?;
    enough_open_files()?;
    let (rows, start) = (options.rows(), Instant::now());
    let preface = preface(options.pace);
    println!("{preface}");
    let stage = Stage::set(&sides_of(&rows));
    println!("everything listens after {:.0} s\n", start.elapsed().as_secs_f64());
    let shown: Vec<(&Row, Shown)> = rows.iter().map(|row| (*row, shown(row, &stage, options.pace))).collect();
    drop(stage);

    let findings = || shown.iter().flat_map(|(_, shown)| &shown.findings);
    let goals = Table::of_findings(findings()).text();
    let took = start.elapsed().as_secs();
    println!("{goals}\n{} min {} s in all", took / 60, took % 60);
    if options.write {
        let details: String = shown.iter().map(|(row, shown)| section(row, shown)).collect();
        let path = page::write("measured", &format!("{preface}\n{goals}\n{}", details.trim_end()));
        println!("written to {}", path.display());
    }
    Ok(findings().all(Finding::holds))
}

/// The median of one figure of the runs.
pub(crate) fn median<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    series::Series::of(runs, figure).median()
}

/// Date, machine and versions, as a paragraph.
fn preface(pace: Pace) -> String {
    let warning = if pace == Pace::Quick { "A QUICK RUN: the figures mean nothing.\n" } else { "" };
    let versions = machine::versions().join(", ");
    format!("{warning}Measured on {} on {}.\n{versions}.\n", machine::date(), machine::machine())
}

fn sides_of(rows: &[&Row]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for kind in rows.iter().flat_map(|row| row.sides) {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    kinds
}

fn shown(row: &Row, stage: &Stage, pace: Pace) -> Shown {
    let start = Instant::now();
    let shown = (row.measure)(stage, pace);
    let took = start.elapsed().as_secs();
    println!("{}{}\n{}: {took} s\n", section(row, &shown), Table::of_findings(shown.findings.iter()).text(), row.name);
    shown
}

/// A row as a part of the page.
fn section(row: &Row, shown: &Shown) -> String {
    format!("### {}\n\n{}\n\n{}\n", row.title, shown.how, shown.table.text())
}

/// Without it, a thousand clients fail in a way that looks like a fault of who is measured.
fn enough_open_files() -> Result<(), String> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = line.and_then(|line| line.split_whitespace().next());
    match limit.and_then(|limit| limit.parse::<u64>().ok()) {
        Some(limit) if limit < OPEN_FILES => {
            Err(format!("only {limit} open files are allowed here; do this first: ulimit -n {OPEN_FILES}"))
        }
        _ => Ok(()),
    }
}
