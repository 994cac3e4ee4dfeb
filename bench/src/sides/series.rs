//! Rounds in turn, and what is made of their figures.

use std::time::Duration;

/// How long and how often things are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// For the record.
    Full,
    /// One short round of everything: shows that it works; its figures mean nothing.
    Quick,
}

impl Pace {
    /// How many rounds.
    pub(super) fn rounds(self, full: usize) -> usize {
        if self == Self::Full { full } else { 1 }
    }

    /// How long a round takes.
    pub(super) fn length(self, full: Duration) -> Duration {
        if self == Self::Full { full } else { full.min(Duration::from_secs(1)) }
    }

    /// How many of something are made.
    pub(super) fn count(self, full: usize) -> usize {
        if self == Self::Full { full } else { full.div_ceil(10) }
    }
}

/// One figure, round by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    /// One figure of several runs.
    pub(crate) fn of<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> Self {
        Self(runs.iter().map(figure).collect())
    }

    /// The one in the middle.
    pub(crate) fn median(&self) -> f64 {
        at(&self.0, 0.5)
    }

    /// Divided by another one, round by round: those of one round ran one after the other.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }

    /// The smallest and the largest.
    pub(crate) fn range(&self) -> (f64, f64) {
        (at(&self.0, 0.0), at(&self.0, 1.0))
    }
}

/// The figure below which `part` of them are.
pub(crate) fn at(figures: &[f64], part: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * part).round() as usize]
}

/// A B C, A B C, ...: what the machine does meanwhile touches all alike. The runs of each, in the order of `all`.
pub(crate) fn in_turn<S, R>(all: &[S], rounds: usize, mut run: impl FnMut(&S) -> R) -> Vec<Vec<R>> {
    let mut runs: Vec<Vec<R>> = all.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (one, runs) in all.iter().zip(&mut runs) {
            runs.push(run(one));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{Series, in_turn};

    #[test]
    fn sides_are_measured_in_turn_and_compared_round_by_round() {
        let mut order = String::new();
        let runs = in_turn(&["a", "b"], 3, |side| {
            order.push_str(side);
            order.len() as f64
        });
        assert_eq!(order, "ababab");
        assert_eq!(runs, vec![vec![1.0, 3.0, 5.0], vec![2.0, 4.0, 6.0]]);
        let ratios = Series(runs[1].clone()).over(&Series(runs[0].clone()));
        assert_eq!((ratios.range(), ratios.median()), ((1.2, 2.0), 4.0 / 3.0));
    }
}
