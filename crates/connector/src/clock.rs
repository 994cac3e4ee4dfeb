//! The two clocks: this machine's and the gateway's. Certificates are judged by this machine's, and were issued by the
//! other; where they disagree, both are named.

use std::fmt;
use std::io;

use rustls::CertificateError;

/// How far the clocks may be apart, in seconds: certificates begin that far in the past.
pub(crate) const TOLERABLE: i64 = 5 * 60;

const DAY: i64 = 86_400;

/// What two clocks say at one moment, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skew {
    pub(crate) ours: i64,
    pub(crate) theirs: i64,
}

impl Skew {
    pub(crate) const fn is_tolerable(self) -> bool {
        self.ours.abs_diff(self.theirs) <= TOLERABLE.unsigned_abs()
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, theirs) = (Moment(self.ours), Moment(self.theirs));
        let apart = self.ours.abs_diff(self.theirs);
        write!(f, "this machine's clock says {ours}, the gateway's {theirs}: {apart} s apart")
    }
}

/// The clocks that a new certificate is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) ours: i64,
    /// Older gateways do not say.
    pub(crate) theirs: Option<i64>,
}

/// From when to when a certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// A certificate that came is not valid now, by one of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotNow {
    #[error("it is not valid before {at} ({clocks}); set the clock that is wrong right", at = Moment(*.from))]
    Early { from: i64, clocks: Clocks },
    #[error("it ended at {at} ({clocks}); set the clock that is wrong right", at = Moment(*.until))]
    Late { until: i64, clocks: Clocks },
}

impl Clocks {
    /// Whether the certificate is valid by every clock there is; it may begin later by as much as clocks may differ.
    pub(crate) fn judge(self, valid: Validity) -> Result<(), NotNow> {
        for now in [Some(self.ours), self.theirs].into_iter().flatten() {
            if valid.not_before > now.saturating_add(TOLERABLE) {
                return Err(NotNow::Early { from: valid.not_before, clocks: self });
            }
            if valid.not_after <= now {
                return Err(NotNow::Late { until: valid.not_after, clocks: self });
            }
        }
        Ok(())
    }

    /// How far they are apart.
    pub(crate) fn skew(self) -> Option<Skew> {
        self.theirs.map(|theirs| Skew { ours: self.ours, theirs })
    }
}

impl fmt::Display for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.skew() {
            Some(skew) => skew.fmt(f),
            None => {
                write!(f, "this machine's clock says {}, the gateway did not say what time it is", Moment(self.ours))
            }
        }
    }
}

/// A certificate of this connector's own that is not valid any more, by this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    at: i64,
    now: i64,
}

impl Ended {
    /// It ended at `at`, and it is `now`; seconds since 1970.
    pub(crate) const fn new(at: i64, now: i64) -> Self {
        Self { at, now }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, now) = (Moment(self.at), Moment(self.now));
        write!(f, "its certificate ended at {at}, and by this machine's clock it is {now}")
    }
}

/// A gateway's certificate that is not valid at the time that this machine's clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockTrouble {
    ours: u64,
    valid: Valid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Valid {
    From(u64),
    Until(u64),
}

impl fmt::Display for ClockTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |seconds: u64| Moment(i64::try_from(seconds).unwrap_or(i64::MAX));
        let ours = at(self.ours);
        match self.valid {
            Valid::From(from) => write!(
                f,
                "by this machine's clock it is {ours}, and by the gateway's it is later than {}, when its certificate \
                 began; set the one that is wrong right",
                at(from)
            ),
            Valid::Until(until) => write!(
                f,
                "by this machine's clock it is {ours}, and the gateway's certificate was valid until {}; set this \
                 machine's clock right, or, if it is, restart the gateway",
                at(until)
            ),
        }
    }
}

/// What a failed TLS connection says about the clocks, if that is why it failed.
pub(crate) fn trouble(error: &io::Error) -> Option<ClockTrouble> {
    let rustls::Error::InvalidCertificate(fault) = error.get_ref()?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    match fault {
        CertificateError::NotValidYetContext { time, not_before } => {
            Some(ClockTrouble { ours: time.as_secs(), valid: Valid::From(not_before.as_secs()) })
        }
        CertificateError::ExpiredContext { time, not_after } => {
            Some(ClockTrouble { ours: time.as_secs(), valid: Valid::Until(not_after.as_secs()) })
        }
        _ => None,
    }
}

/// A moment, in seconds since 1970, shown in UTC.
struct Moment(i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month and day of a count of days since 1970, by the proleptic Gregorian calendar. Years are counted from March,
/// so that the leap day is the last of its year; 719,468 days lie between the first of them and 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a date: the other way round.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since 1970 of a `Date` field (RFC 9110, section 5.6.7, in the form that is sent).
pub(crate) fn of_http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |word: &str, most: i64| word.parse::<i64>().ok().filter(|number| (0..=most).contains(number));
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = number(words.next()?, 31)?;
    let name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year = number(words.next()?, 9999)?;
    let mut time = words.next()?.split(':');
    let (hour, minute, second) = (number(time.next()?, 23)?, number(time.next()?, 59)?, number(time.next()?, 60)?);
    Some(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_shown() {
        for (seconds, shown, date) in [
            (0, "1970-01-01 00:00:00 UTC", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "2000-02-29 00:00:00 UTC", "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_262_399, "2026-11-21 11:59:59 UTC", "Sat, 21 Nov 2026 11:59:59 GMT"),
        ] {
            assert_eq!(Moment(seconds).to_string(), shown);
            assert_eq!(of_http_date(date), Some(seconds), "{date}");
        }
        for day in -200_000..200_000 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
        for text in ["", "Sat", "Sat, 21 Nov", "Sat, x Nov 2026 11:59:59 GMT", "Sat, 21 Nvo 2026 11:59:59 GMT"] {
            assert_eq!(of_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_may_be_five_minutes_apart_and_both_are_named() {
        let skew = |theirs| Skew { ours: 1_000_000, theirs };
        assert!(skew(1_000_300).is_tolerable() && skew(999_700).is_tolerable());
        assert!(!skew(1_000_301).is_tolerable() && !skew(0).is_tolerable());
        let said = skew(0).to_string();
        assert!(said.contains("1970-01-12 13:46:40") && said.contains("1970-01-01 00:00:00"), "{said}");
    }
}
