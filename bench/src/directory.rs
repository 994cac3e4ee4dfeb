//! What the API costs on a large directory: 100,000 groups, 1,000,000 applications of which 10,000 are published, 2,000
//! connectors.
//!
//! The directory is generated in a temporary folder; `ADIT_BENCH_DIRECTORY` names one that is kept and used again. Then
//! the real server is asked over loopback, in turn and several rounds; CPU time is that of the server alone.
//!
//! Promised, and an error if it is not so: a page 900,000 items in costs at most 1.3 times the first; writers that come
//! together are at least five times as fast as one after the other, each waiting for the disk. The latter is measured
//! with each sync 4 ms longer than the disk's own, by `strace`: where a sync is as quick as the CPU's share of a
//! request, there is little to gain, and the ratio would say more of the disk than of the server.

mod content;
mod generate;
mod load;
mod question;
mod walk;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adit_tests::{Directory, Scratch};

use self::load::{Question, Run, Target};
use self::question::Kind;
use crate::sides::median;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_secs(3);

/// A deep page costs at most so many times the first one, in CPU time of the server and in waiting time.
const CEILING_OF_DEEP_PAGES: f64 = 1.3;

/// Writers that come together are at least so many times as fast as one at a time.
const FLOOR_OF_SHARED_SYNCS: f64 = 5.0;

/// Makes each sync take 4 ms longer, and slows nothing else: the kernel stops the process at no other call. `-D` leaves
/// the server the process that was started.
const SLOW_DISK: [&str; 11] = [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-qqq",
    "-o",
    "/dev/null",
    "-e",
    "trace=fdatasync,fsync",
    "-e",
    "inject=fdatasync,fsync:delay_exit=4000",
];

/// Says that a kept folder is complete.
const COMPLETE: &str = "generated";

/// Measures, prints the table, and says whether what was promised holds.
pub(crate) fn measure() -> bool {
    let mut directory = ready();
    let database = directory.data().join("directory.sqlite");
    println!("directory.sqlite has {} MiB", mebibytes(&database));
    println!("one write of 16 KiB and its sync take {:.2} ms on this disk", time_of_a_sync(&directory.data()));
    let target = Target {
        address: directory.addresses().control,
        process: directory.process().id(),
        token: directory.token().to_owned(),
    };
    let questions = question::all(&target);
    let lengths: Vec<usize> = questions.iter().map(|(_, question)| question.try_out(&target)).collect();
    let runs = in_turn(&questions, &target);
    print_rows(&questions, &lengths, &runs);
    println!("\ndirectory.sqlite has {} MiB", mebibytes(&database));
    let deep = deep_pages_hold(&questions, &runs);
    println!("writers together, the disk as it is: {:.1}x the rate of one at a time", gain(&questions, &runs));
    shared_syncs_hold(&mut directory, target) && deep
}

/// Measures writes again, on a disk that is slow to sync.
fn shared_syncs_hold(directory: &mut Directory, target: Target) -> bool {
    directory.process().terminate();
    let _ended = directory.process().finish(Duration::from_secs(30));
    directory.restart_under(&SLOW_DISK);
    let target = Target { process: directory.process().id(), ..target };
    println!("\nthe same writes, each sync 4 ms longer:");
    let questions = question::writes();
    let lengths: Vec<usize> = questions.iter().map(|(_, question)| question.try_out(&target)).collect();
    let runs = in_turn(&questions, &target);
    print_rows(&questions, &lengths, &runs);
    let gain = gain(&questions, &runs);
    let holds = gain >= FLOOR_OF_SHARED_SYNCS;
    println!(
        "\nwriters together: {gain:.1}x the rate of one at a time (floor {FLOOR_OF_SHARED_SYNCS}: {})",
        verdict(holds)
    );
    holds
}

/// A server on the large directory, which is generated unless it is there.
fn ready() -> Directory {
    let scratch = match std::env::var_os("ADIT_BENCH_DIRECTORY") {
        Some(path) => Scratch::kept(&PathBuf::from(path)),
        None => Scratch::new(),
    };
    let complete = scratch.join(COMPLETE);
    let is_new = !scratch.join("data").exists();
    assert!(is_new || complete.exists(), "{} is not complete; remove it", scratch.path().display());
    // The first start makes the keys and the empty directory.
    let mut directory = Directory::start_in(scratch, &[]);
    if is_new {
        directory.process().terminate();
        let _ended = directory.process().finish(Duration::from_secs(30));
        println!("generating a directory:");
        let took = generate::fill(&directory.data().join("directory.sqlite"));
        println!("  {:.0} s in all", took.as_secs_f64());
        fs::write(&complete, "").expect("a mark that the folder is complete");
        let start = Instant::now();
        directory.restart();
        println!("the server serves it {:.1} s after its start", start.elapsed().as_secs_f64());
    }
    directory
}

/// A B C D, A B C D, ...: what the machine does meanwhile touches all questions alike.
fn in_turn(questions: &[(Kind, Question)], target: &Target) -> Vec<Vec<Run>> {
    for (_, question) in questions {
        let _warm = question.run(target, WARM_UP);
    }
    let mut runs: Vec<Vec<Run>> = questions.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((_, question), runs) in questions.iter().zip(&mut runs) {
            runs.push(question.run(target, RUN));
        }
    }
    runs
}

fn print_rows(questions: &[(Kind, Question)], lengths: &[usize], runs: &[Vec<Run>]) {
    println!("\nmedian of {ROUNDS} rounds of {RUN:?}\n");
    let head = ("connections", "KiB", "req/s", "p50 ms", "p99 ms", "req/CPU-s");
    println!(
        "| {:<44} | {:>11} | {:>6} | {:>7} | {:>7} | {:>7} | {:>9} |",
        "request", head.0, head.1, head.2, head.3, head.4, head.5
    );
    println!("|{:-<46}|{:->13}|{:->8}|{:->9}|{:->9}|{:->9}|{:->11}|", "", ":", ":", ":", ":", ":", ":");
    for (((_, question), length), runs) in questions.iter().zip(lengths).zip(runs) {
        println!(
            "| {:<44} | {:>11} | {:>6.1} | {:>7.0} | {:>7.2} | {:>7.2} | {:>9.0} |",
            question.name,
            question.connections,
            *length as f64 / 1024.0,
            median(runs, |run| run.rate),
            median(runs, |run| run.p50),
            median(runs, |run| run.p99),
            median(runs, Run::requests_for_a_cpu_second),
        );
    }
}

fn of<'r>(kind: Kind, questions: &[(Kind, Question)], runs: &'r [Vec<Run>]) -> &'r Vec<Run> {
    &runs[questions.iter().position(|(own, _)| *own == kind).expect("a question of each kind")]
}

/// How many times the rate of one writer many have.
fn gain(questions: &[(Kind, Question)], runs: &[Vec<Run>]) -> f64 {
    let rate = |kind| median(of(kind, questions, runs), |run| run.rate);
    rate(Kind::Create) / rate(Kind::CreateAlone)
}

fn deep_pages_hold(questions: &[(Kind, Question)], runs: &[Vec<Run>]) -> bool {
    let mut held = true;
    println!();
    for (order, first, deep) in [
        ("default order", Kind::FirstPage, Kind::DeepPage),
        ("by displayName", Kind::FirstPageByName, Kind::DeepPageByName),
    ] {
        let (first, deep) = (of(first, questions, runs), of(deep, questions, runs));
        let cpu = median(first, Run::requests_for_a_cpu_second) / median(deep, Run::requests_for_a_cpu_second);
        let waiting = median(deep, |run| run.p50) / median(first, |run| run.p50);
        let holds = cpu <= CEILING_OF_DEEP_PAGES && waiting <= CEILING_OF_DEEP_PAGES;
        held &= holds;
        println!(
            "deep page, {order}: {cpu:.2}x the CPU time of the first, {waiting:.2}x its p50 (ceiling \
             {CEILING_OF_DEEP_PAGES}: {})",
            verdict(holds)
        );
    }
    held
}

const fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "DOES NOT HOLD" }
}

fn mebibytes(file: &Path) -> u64 {
    fs::metadata(file).expect("the file of the directory").len() / (1024 * 1024)
}

/// The median time of a write that is waited for, in milliseconds: what a writer pays who does not share.
fn time_of_a_sync(folder: &Path) -> f64 {
    let path = folder.join("sync-time");
    let mut file = fs::File::create(&path).expect("a file to sync");
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[0; 16 * 1024]).and_then(|()| file.sync_data()).expect("a write");
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    fs::remove_file(&path).expect("the file to sync goes");
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
