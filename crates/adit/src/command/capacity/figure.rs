//! A figure: what it is, how much, and on what it rests; said to people and to programs alike.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// On what a figure rests: the weakest thing that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Basis {
    /// Arithmetic on what the product does.
    Counted,
    /// The same with a figure that was measured.
    Measured,
    /// What chance made of it, by the seed.
    Drawn,
    /// Something in it was never measured, or does not exist.
    Assumed,
}

impl Basis {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Measured => "measured",
            Self::Drawn => "drawn",
            Self::Assumed => "assumed",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Bytes of memory, of a disk or of a network.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Time, or CPU time.
    Seconds,
    /// A part of one.
    Share,
    /// Cores that have nothing else to do.
    Cores,
}

impl Unit {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::PerSecond => "perSecond",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytesPerSecond",
            Self::Seconds => "seconds",
            Self::Share => "share",
            Self::Cores => "cores",
        }
    }

    /// An amount for people.
    pub(super) fn text(self, amount: f64) -> String {
        match self {
            Self::Count => grouped_amount(amount),
            Self::PerSecond => format!("{}/s", rounded(amount)),
            Self::Bytes => bytes(amount),
            Self::BytesPerSecond => format!("{}/s", bytes(amount)),
            Self::Seconds => seconds(amount),
            Self::Share => format!("{} %", rounded(amount * 100.0)),
            Self::Cores => format!("{} cores", rounded(amount)),
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// What programs find it by.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) what: String,
    pub(super) amount: f64,
    pub(super) unit: Unit,
    pub(super) basis: Basis,
}

impl Figure {
    /// For programs.
    fn json(&self) -> Value {
        json!({"value": self.amount, "unit": self.unit.word(), "basis": self.basis.word()})
    }
}

/// Figures of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    /// What programs find it by.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    pub(super) figures: Vec<Figure>,
}

impl Section {
    /// For programs: its figures by their names.
    pub(super) fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| (figure.name.to_owned(), figure.json()));
        Value::Object(figures.collect::<Map<_, _>>())
    }
}

/// Seconds as a number.
pub(super) fn of(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// A whole number for people, in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and a cast stops at the limits")]
fn grouped_amount(amount: f64) -> String {
    grouped(amount.round() as u64)
}

/// Three digits that count, or all of those before the point.
fn rounded(amount: f64) -> String {
    match amount {
        ..10.0 => format!("{amount:.2}"),
        10.0..100.0 => format!("{amount:.1}"),
        _ => grouped_amount(amount),
    }
}

fn bytes(amount: f64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if amount < 1024.0 {
        return format!("{} B", grouped_amount(amount));
    }
    let (mut amount, mut unit) = (amount, "B");
    for larger in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    format!("{} {unit}", rounded(amount))
}

fn seconds(amount: f64) -> String {
    match amount {
        ..0.001 => format!("{} us", rounded(amount * 1e6)),
        0.001..1.0 => format!("{} ms", rounded(amount * 1e3)),
        1.0..600.0 => format!("{} s", rounded(amount)),
        600.0..36_000.0 => format!("{} min", rounded(amount / 60.0)),
        _ => format!("{} h", rounded(amount / 3_600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_in_units_that_people_know() {
        for (unit, amount, said) in [
            (Unit::Count, 1_000_000.0, "1,000,000"),
            (Unit::Count, 999.4, "999"),
            (Unit::PerSecond, 1.736, "1.74/s"),
            (Unit::PerSecond, 5_291.0, "5,291/s"),
            (Unit::Bytes, 45.91 * 1024.0, "45.9 KiB"),
            (Unit::Bytes, 512.0, "512 B"),
            (Unit::Bytes, f64::from(u32::MAX), "4.00 GiB"),
            (Unit::BytesPerSecond, 2048.0, "2.00 KiB/s"),
            (Unit::Seconds, 0.000_042, "42.0 us"),
            (Unit::Seconds, 0.25, "250 ms"),
            (Unit::Seconds, 29.6, "29.6 s"),
            (Unit::Seconds, 12_000.0, "200 min"),
            (Unit::Seconds, 43_200.0, "12.0 h"),
            (Unit::Share, 0.0962, "9.62 %"),
            (Unit::Cores, 3.3, "3.30 cores"),
        ] {
            assert_eq!(unit.text(amount), said);
        }
    }

    #[test]
    fn absurd_amounts_are_said_all_the_same() {
        for unit in [Unit::Count, Unit::Bytes, Unit::PerSecond, Unit::Seconds] {
            assert!(!unit.text(f64::MAX).is_empty());
            assert!(!unit.text(0.0).is_empty());
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }
}
