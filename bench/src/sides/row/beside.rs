//! Work of clients of our own at every side, in turn; Adit shall do at least as much of it as two nginx hops.

use std::time::Duration;

use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::load::Turns;
use crate::sides::series::{Pace, Series, in_turn};
use crate::sides::side::{PROXIES, Side};
use crate::sides::stage::Stage;

/// One more than elsewhere: the goal leaves no room, and rounds are short.
pub(super) const ROUNDS: usize = 5;
pub(super) const LENGTH: Duration = Duration::from_secs(2);

/// Measures `what` (as `how` says), which `run` does for so long.
pub(super) fn beside_two_nginx(
    stage: &Stage,
    pace: Pace,
    what: &str,
    how: &str,
    run: impl Fn(&Side, Duration) -> Turns,
) -> Shown {
    let (rounds, length) = (pace.rounds(ROUNDS), pace.length(LENGTH));
    let sides = stage.sides(PROXIES);
    for side in &sides {
        let _warm = run(side, length.min(Duration::from_secs(1)));
    }
    let runs = in_turn(&sides, rounds, |side| run(side, length));
    let mut table = Table::new(&["side", "a second", "CPU-s per 100,000"]);
    for (side, runs) in sides.iter().zip(&runs) {
        table.row(row(side.kind.name(), runs));
    }
    let rate = |runs: &[Turns]| Series::of(runs, |run| run.rate);
    let finding = format!("{what} a second beside {}", PROXIES[1].name());
    let findings = vec![Finding::ratio(finding, &rate(&runs[0]), &rate(&runs[1]), Goal::AtLeast(1.0))];
    Shown { how: format!("{how}; median of {rounds} rounds of {length:?}."), table, findings }
}

/// One side's row of the table.
pub(super) fn row(name: &str, runs: &[Turns]) -> Vec<String> {
    let rate = Series::of(runs, |run| run.rate).median();
    let cpu = Series::of(runs, |run| run.cpu).median();
    vec![name.to_owned(), format!("{rate:.0}"), format!("{cpu:.2}")]
}
