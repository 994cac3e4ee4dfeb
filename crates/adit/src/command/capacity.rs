//! `adit capacity`: what a directory of so many applications, connectors and gateways takes, before anybody builds it.
//!
//! Nothing is asked of a server, and nothing is measured: figures that were measured are multiplied ([`computed`]), and
//! connectors that come back are simulated by the real rules in virtual time ([`simulated`]). The same options give the
//! same answer on every machine. What the answer means is in `docs/scale.md`.

mod computed;
mod figure;
mod herd;
mod measured;
mod placement;
mod plan;
mod report;
mod simulated;
#[cfg(test)]
mod tests;

use clap::ValueEnum;

use self::plan::Asked;
use self::report::Report;
use crate::command_error::CommandError;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  adit capacity\n  adit capacity --connectors 2000 --gateways 2 --regions 1 --output json"
)]
pub(super) struct Arguments {
    /// Published applications
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    applications: u64,
    /// Connectors
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    connectors: u64,
    /// Gateways
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    gateways: u64,
    /// Gateways of its region to which each connector has a tunnel; a connector of this version knows one
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    gateways_per_connector: u64,
    /// Connectors of a connector group
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    connectors_per_group: u64,
    /// Regions, over which gateways and connectors are spread evenly
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    regions: u64,
    /// Cores of each gateway
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    cores: u64,
    /// Changes of the directory in an hour
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    changes_per_hour: u64,
    /// How long gateways are away that restart in disorder, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    outage: u64,
    /// Decides what is random
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    print!("{}", said(arguments)?);
    Ok(())
}

/// What is printed.
fn said(arguments: &Arguments) -> Result<String, CommandError> {
    let plan = asked(arguments).plan().map_err(|error| CommandError::usage("nothing was computed", error))?;
    let report = Report::of(plan);
    Ok(match arguments.output {
        Output::Text => report.text(),
        Output::Json => format!("{:#}\n", report.json()),
    })
}

const fn asked(arguments: &Arguments) -> Asked {
    Asked {
        applications: arguments.applications,
        connectors: arguments.connectors,
        gateways: arguments.gateways,
        gateways_per_connector: arguments.gateways_per_connector,
        connectors_per_group: arguments.connectors_per_group,
        regions: arguments.regions,
        cores: arguments.cores,
        changes_per_hour: arguments.changes_per_hour,
        outage_seconds: arguments.outage,
        seed: arguments.seed,
    }
}
