//! `cargo run -p adit-simulation -- SEED [COUNT]`: runs simulations and says what came of them; with a count of one, the
//! log of all hosts too.

use std::process::ExitCode;

use adit_simulation::simulate;

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
        tracing_subscriber::fmt().with_env_filter("adit=debug").with_writer(std::io::stderr).init();
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
