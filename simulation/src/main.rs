//! `cargo run -p adit-simulation -- SEED [COUNT]`: runs simulations and says what came of them; with a count of one, the
//! log of all hosts too.

use std::process::ExitCode;

use adit_simulation::simulate;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(first)), count) = (arguments.next(), arguments.next().transpose()) else {
        eprintln!("usage: adit-simulation SEED [COUNT]");
        return ExitCode::from(2);
    };
    let Ok(count) = count else {
        eprintln!("COUNT is not a number");
        return ExitCode::from(2);
    };
    let count = count.unwrap_or(1);
    if count == 1 {
        let own = Targets::new().with_target("adit", Level::DEBUG);
        let all = tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_writer(std::io::stderr).finish();
        all.with(own).init();
    }
    let mut failed = false;
    for seed in first..first.saturating_add(count) {
        let outcome = simulate(seed);
        println!(
            "seed {seed}: {:?}, {} of {} requests answered",
            outcome.plan.kind, outcome.answered, outcome.requests
        );
        if count == 1 {
            outcome.plan.faults.iter().for_each(|(at, fault)| println!("  {at:?} {fault:?}"));
        }
        for violation in &outcome.violations {
            println!("  {violation}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
