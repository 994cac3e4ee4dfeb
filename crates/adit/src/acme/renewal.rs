//! When a certificate is renewed: at two thirds of its life, or within the window that the authority suggests.
//!
//! Pure: time and randomness are arguments. Whatever a window says, a certificate is renewed before it ends, and one that
//! was just issued is kept for a while: an authority with odd windows or odd lives must not be asked again and again.

use std::time::Duration;

use adit_gateway::ServerCertificate;
use instant_acme::RenewalInfo;
use jiff::{SignedDuration, Timestamp};

/// How often at most and at least the authority is asked for its window; six hours are common.
const SHORTEST_ASKING: Duration = Duration::from_secs(60 * 60);
/// See [`SHORTEST_ASKING`].
const LONGEST_ASKING: Duration = Duration::from_secs(24 * 60 * 60);

/// How long at least and at most a certificate that was just issued is kept, whatever is said about it; in between, a
/// twelfth of its life. An authority that revokes gives a day.
const SHORTEST_USE: SignedDuration = SignedDuration::from_secs(5);
/// See [`SHORTEST_USE`].
const LONGEST_USE: SignedDuration = SignedDuration::from_hours(1);

/// When a certificate is renewed, and what that follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renewal {
    /// From then on an order is made.
    pub(super) at: Timestamp,
    /// Not before this.
    earliest: Timestamp,
    /// The window that was suggested last.
    window: Option<(Timestamp, Timestamp)>,
    /// When the authority is asked again for its window.
    pub(super) ask: Timestamp,
}

impl Renewal {
    /// At two thirds of the life, up to a twenty-fourth of it later; `spread` is from 0 to 1.
    pub(super) fn of(certificate: &ServerCertificate, now: Timestamp, spread: f64) -> Self {
        let later = life(certificate).mul_f64(spread.clamp(0.0, 1.0) / 24.0);
        let at = certificate.two_thirds().saturating_add(later).unwrap_or(certificate.not_after());
        Self { at, earliest: Timestamp::MIN, window: None, ask: now }
    }

    /// The same for a certificate that was issued a moment ago.
    pub(super) fn of_issued(certificate: &ServerCertificate, now: Timestamp, spread: f64) -> Self {
        let kept = (life(certificate) / 12).clamp(SHORTEST_USE, LONGEST_USE);
        let earliest = now.saturating_add(kept).unwrap_or(now);
        let usual = Self::of(certificate, now, spread);
        Self { at: usual.at.max(earliest), earliest, ..usual }
    }

    /// Whether the authority suggests windows: then it wants to know which certificate is replaced.
    pub(super) const fn has_window(&self) -> bool {
        self.window.is_some()
    }

    /// What is left of it once the authority has suggested a window, or has not. A window that is the same as before
    /// changes nothing, so that asking often does not choose until it is early.
    pub(super) fn suggested(
        &mut self,
        certificate: &ServerCertificate,
        window: Option<(Timestamp, Timestamp)>,
        now: Timestamp,
        (ask_again, spread): (Duration, f64),
    ) {
        let pause = SignedDuration::try_from(ask_again.clamp(SHORTEST_ASKING, LONGEST_ASKING)).unwrap_or_default();
        self.ask = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        let window = window.filter(|(start, end)| start < end);
        if window.is_none() || window == self.window {
            return;
        }
        self.window = window;
        let Some((start, end)) = window else { return };
        let within = end.duration_since(start).mul_f64(spread.clamp(0.0, 1.0));
        let wanted = start.saturating_add(within).unwrap_or(end);
        // One sixth of its life is two weeks of the usual ninety days: time for things to go wrong.
        let latest = certificate.not_after().saturating_sub(life(certificate) / 6).unwrap_or(certificate.not_after());
        self.at = wanted.min(latest).max(self.earliest);
    }
}

fn life(certificate: &ServerCertificate) -> SignedDuration {
    certificate.not_after().duration_since(certificate.not_before())
}

/// The window of an answer, if it has times that make sense.
pub(super) fn window(info: &RenewalInfo) -> Option<(Timestamp, Timestamp)> {
    let start = Timestamp::from_second(info.suggested_window.start.unix_timestamp()).ok()?;
    let end = Timestamp::from_second(info.suggested_window.end.unix_timestamp()).ok()?;
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Valid for ninety days, of which the first began at 0.
    fn certificate() -> ServerCertificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = params.not_before + Duration::from_secs(90 * 24 * 3600 - 1);
        let made = params.self_signed(&key).unwrap();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        ServerCertificate::new(vec![made.der().clone()], key.into()).unwrap()
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 24 * 3600).unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_or_a_little_later() {
        let certificate = certificate();
        assert_eq!(Renewal::of(&certificate, day(1), 0.0).at, day(60));
        let latest = Renewal::of(&certificate, day(1), 1.0).at;
        assert!(latest > day(63) && latest < day(64), "{latest}");
    }

    #[test]
    fn the_authoritys_window_goes_first_and_is_chosen_in_once() {
        let (certificate, six_hours) = (certificate(), Duration::from_secs(6 * 3600));
        let mut renewal = Renewal::of(&certificate, day(1), 0.0);
        renewal.suggested(&certificate, Some((day(40), day(50))), day(1), (six_hours, 0.5));
        assert_eq!(renewal.at, day(45));
        assert_eq!(renewal.ask, day(1) + SignedDuration::from_hours(6));
        renewal.suggested(&certificate, Some((day(40), day(50))), day(2), (six_hours, 0.0));
        assert_eq!(renewal.at, day(45), "the same window");
        renewal.suggested(&certificate, Some((day(2), day(3))), day(3), (six_hours, 0.0));
        assert_eq!(renewal.at, day(2), "it has to be replaced early");
    }

    #[test]
    fn a_window_that_makes_no_sense_puts_nothing_off() {
        let (certificate, never) = (certificate(), Duration::from_secs(u64::MAX));
        let mut renewal = Renewal::of(&certificate, day(1), 0.0);
        for window in [None, Some((day(50), day(40))), Some((day(50), day(50)))] {
            renewal.suggested(&certificate, window, day(1), (never, 0.5));
            assert_eq!((renewal.at, renewal.ask), (day(60), day(2)));
        }
        renewal.suggested(&certificate, Some((day(900), day(901))), day(1), (Duration::ZERO, 0.5));
        assert_eq!(renewal.at, day(75));
        assert_eq!(renewal.ask, day(1) + SignedDuration::from_hours(1));
    }

    #[test]
    fn what_was_just_issued_is_kept_for_a_while_whatever_is_said() {
        let (certificate, an_hour) = (certificate(), Duration::from_secs(3600));
        let mut renewal = Renewal::of_issued(&certificate, day(1), 0.0);
        assert_eq!(renewal.at, day(60));
        renewal.suggested(&certificate, Some((day(-5), day(-4))), day(1), (an_hour, 0.5));
        assert_eq!(renewal.at, day(1) + SignedDuration::from_hours(1));
        assert_eq!(Renewal::of_issued(&certificate, day(89), 0.0).at, day(89) + SignedDuration::from_hours(1));
    }
}
