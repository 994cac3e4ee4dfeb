//! What a row showed: a table of figures, and findings, each beside its goal.

use super::series::Series;

/// A goal, and which side of it is good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    fn holds(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(goal) => measured >= goal,
            // Not written as the opposite of `>`: a figure that is none does not hold.
            Self::AtMost(goal) => measured <= goal,
        }
    }
}

/// One figure beside its goal.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    what: String,
    measured: f64,
    range: Option<(f64, f64)>,
    unit: &'static str,
    goal: Goal,
}

impl Finding {
    /// A figure by itself.
    pub(crate) fn new(what: impl Into<String>, measured: f64, unit: &'static str, goal: Goal) -> Self {
        Self { what: what.into(), measured, range: None, unit, goal }
    }

    /// How many times `theirs` is `ours`: the ratio of the medians, and the range of the ratios of each round.
    pub(crate) fn ratio(what: impl Into<String>, ours: &Series, theirs: &Series, goal: Goal) -> Self {
        let range = Some(ours.over(theirs).range());
        Self { what: what.into(), measured: ours.median() / theirs.median(), range, unit: "x", goal }
    }

    /// Whether the goal is met.
    pub(crate) fn holds(&self) -> bool {
        self.goal.holds(self.measured)
    }

    /// What, measured, goal, verdict.
    pub(crate) fn cells(&self) -> Vec<String> {
        let unit = self.unit;
        // What has no unit is counted.
        let measured =
            if unit.is_empty() { format!("{:.0}", self.measured) } else { format!("{:.2}{unit}", self.measured) };
        let goal = match self.goal {
            Goal::AtLeast(goal) => format!(">= {goal}{unit}"),
            Goal::AtMost(goal) => format!("<= {goal}{unit}"),
        };
        let range = self.range.map(|(low, high)| format!(" ({low:.2} to {high:.2})")).unwrap_or_default();
        let verdict = if self.holds() { "holds" } else { "DOES NOT HOLD" };
        vec![self.what.clone(), measured + &range, goal, verdict.to_owned()]
    }
}

/// What one row showed.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// What was done, as a sentence.
    pub(crate) how: String,
    pub(crate) table: Table,
    pub(crate) findings: Vec<Finding>,
}

/// A table as Markdown has it; the first column is text, the others are figures.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as the head has.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.head.len(), "a row of another table: {cells:?}");
        self.rows.push(cells);
    }

    /// The findings of all rows, beside their goals.
    pub(crate) fn of_findings<'f>(findings: impl Iterator<Item = &'f Finding>) -> Self {
        let mut table = Self::new(&["Work", "Measured", "Goal", "Verdict"]);
        findings.for_each(|finding| table.row(finding.cells()));
        table
    }

    /// As text that both a terminal and a page show well.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = std::iter::once(&self.head).chain(&self.rows).map(|row| row[column].len());
                cells.max().unwrap_or_default()
            })
            .collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!("| {cell:<width$} "),
                _ => format!("| {cell:>width$} "),
            });
            cells.collect::<String>() + "|\n"
        };
        let rule = widths.iter().enumerate().map(|(column, &width)| match column {
            0 => format!("|{:-<1$}", "", width + 2),
            _ => format!("|{:->1$}", ":", width + 2),
        });
        let rule = rule.collect::<String>() + "|\n";
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.head) + &rule + &rows
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Goal, Series, Table};

    #[test]
    fn a_ratio_is_that_of_the_medians_and_shows_the_range_of_the_rounds() {
        let (ours, theirs) = (Series(vec![2.0, 3.0, 4.0]), Series(vec![1.0, 2.0, 2.0]));
        let finding = Finding::ratio("work", &ours, &theirs, Goal::AtLeast(1.6));
        assert!(!finding.holds());
        assert_eq!(finding.cells(), ["work", "1.50x (1.50 to 2.00)", ">= 1.6x", "DOES NOT HOLD"]);
    }

    #[test]
    fn a_figure_that_is_none_does_not_hold() {
        for goal in [Goal::AtLeast(0.0), Goal::AtMost(1.0)] {
            assert!(!Finding::new("nothing", f64::NAN, "", goal).holds());
        }
    }

    #[test]
    fn a_table_is_aligned() {
        let mut table = Table::new(&["side", "figure"]);
        table.row(vec!["one".to_owned(), "10".to_owned()]);
        assert_eq!(table.text(), "| side | figure |\n|------|-------:|\n| one  |     10 |\n");
    }
}
