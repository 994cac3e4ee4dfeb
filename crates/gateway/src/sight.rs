//! An application as one connector sees it: how long answers take through it, and whether it reaches the upstream.
//!
//! Everything here comes from requests that were served anyway, and from probes where an application asks for them. It is
//! kept in atomics that all cores share: a request finds them by a binary search and writes only when there is something
//! new. Moments are counted in milliseconds since the gateway's start, and may wrap: what is older than 24 days may look
//! young once.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use adit_core::health::{LastAnswer, Observer, Probed, Reach, Sighting, Unreached};
use adit_core::id::ConnectorId;
use adit_tunnel::stream::StreamAccount;
use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::limits;

/// What moments are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment, in milliseconds since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u32);

impl Moment {
    /// Of `instant`.
    pub(crate) fn at(instant: Instant) -> Self {
        let millis = instant.saturating_duration_since(*START).as_millis();
        Self(u32::try_from(millis & u128::from(u32::MAX)).unwrap_or_default())
    }

    /// The number itself.
    pub(crate) const fn millis(self) -> u32 {
        self.0
    }

    /// Milliseconds since `earlier`; none if that is later.
    pub(crate) const fn since(self, earlier: u32) -> u32 {
        let elapsed = self.0.wrapping_sub(earlier);
        if elapsed > u32::MAX / 2 { 0 } else { elapsed }
    }
}

/// Two numbers that change together.
#[derive(Debug, Default)]
struct Pair(AtomicU64);

impl Pair {
    fn read(&self) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h] = self.0.load(Ordering::Relaxed).to_be_bytes();
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
    }

    fn write(&self, first: u32, second: u32) {
        self.0.store(joined(first, second), Ordering::Relaxed);
    }

    /// Writes them if they still are as they were `known`.
    fn replace(&self, known: (u32, u32), new: (u32, u32)) -> bool {
        let (known, new) = (joined(known.0, known.1), joined(new.0, new.1));
        self.0.compare_exchange(known, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn joined(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

/// Whether a request may go through a connector, by what is known of its way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eligibility {
    /// As through any other.
    Usual,
    /// This request is the one that tries whether the upstream is reached again.
    Trial,
    /// Only where there is no other.
    Avoided,
}

/// One application through one connector.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// Microseconds, and when they were measured. Zero: nothing was.
    latency: Pair,
    /// How often in a row the upstream could not be reached, with [`TRYING`] while a request tries again, and until when the
    /// connector is passed over.
    unreached: Pair,
    /// The status of the last answer, with [`TO_A_PROBE`] if that is what it was, and when it came. Zero: none came.
    answer: Pair,
    /// The same of the last answer with a status of 500 or more.
    server_error: Pair,
    /// Microseconds that the last connection took to open. Zero: none was.
    connect: AtomicU32,
    /// When the upstream's certificate ends, in seconds since 1970. Zero: it showed none.
    certificate_ends: AtomicI64,
    /// Why it was last not reached, or why its last probe failed.
    failure: ArcSwapOption<Unreached>,
    /// How the last probe ended ([`PASSED`], [`FAILED`]; zero: there is none), and when.
    probed: Pair,
    /// For how many milliseconds one that failed counts.
    probe_holds: AtomicU32,
}

/// Beside a number of times in a row.
const TRYING: u32 = 1 << 31;

/// Beside a status, none of which is as large.
const TO_A_PROBE: u32 = 1 << 16;

/// How a probe ended.
const PASSED: u32 = 1;
/// See [`PASSED`].
const FAILED: u32 = 2;

/// The moment of a report, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    moment: Moment,
    wall: Duration,
}

impl Now {
    /// `wall` is the time since 1970.
    pub(crate) fn new(instant: Instant, wall: Duration) -> Self {
        Self { moment: Moment::at(instant), wall }
    }

    /// An earlier moment, in milliseconds since 1970.
    fn millis_at(self, moment: u32) -> u64 {
        let ago = Duration::from_millis(u64::from(self.moment.since(moment)));
        u64::try_from(self.wall.saturating_sub(ago).as_millis()).unwrap_or_default()
    }
}

impl Sight {
    /// An answer began after `latency`: a longer one counts at once, shorter ones by and by.
    pub(crate) fn answered(&self, latency: Duration, now: Moment) {
        self.measured(latency, now);
        if self.unreached.read().0 > 0 {
            self.unreached.write(0, 0);
        }
    }

    /// The status of an answer. Most requests write nothing: what is as it was a moment ago is not noted again.
    pub(crate) fn ended_with(&self, status: u16, to: Observer, now: Moment) {
        let is_error = |status: u32| status & !TO_A_PROBE >= 500;
        let (known, since) = self.answer.read();
        let status = u32::from(status) | if to == Observer::Probe { TO_A_PROBE } else { 0 };
        if is_error(known) == is_error(status) && known > 0 && now.since(since) < limits::LATENCY_STEP {
            return;
        }
        self.answer.write(status, now.0);
        if is_error(status) {
            self.server_error.write(status, now.0);
        }
    }

    /// A probe was answered.
    pub(crate) fn probe_answered(&self, latency: Duration, status: u16, now: Moment) {
        self.measured(latency, now);
        self.ended_with(status, Observer::Probe, now);
    }

    /// A probe was answered as it should be: whatever was held against the connector is over.
    pub(crate) fn probe_passed(&self, now: Moment) {
        self.probed.write(PASSED, now.0);
        self.unreached.write(0, 0);
    }

    /// A probe was not answered as it should be. That counts until the next one, or for so long.
    pub(crate) fn probe_failed(&self, why: Unreached, holds: Duration, now: Moment) {
        self.failure.store(Some(Arc::new(why)));
        self.probe_holds.store(u32::try_from(holds.as_millis()).unwrap_or(u32::MAX / 2), Ordering::Relaxed);
        self.probed.write(FAILED, now.0);
    }

    /// There are no probes any more.
    pub(crate) fn probes_end(&self) {
        self.probed.write(0, 0);
    }

    /// Whether the last probe failed, and that counts still.
    pub(crate) fn is_probe_failed(&self, now: Moment) -> bool {
        let (outcome, at) = self.probed.read();
        outcome == FAILED && now.since(at) < self.probe_holds.load(Ordering::Relaxed)
    }

    /// A connection was opened for a request.
    pub(crate) fn connected(&self, account: &StreamAccount) {
        if let Some(connect) = account.connected_in() {
            let micros = u32::try_from(connect.as_micros()).unwrap_or(u32::MAX);
            self.connect.store(micros.max(1), Ordering::Relaxed);
        }
        if let Some(ends) = account.certificate_ends() {
            self.certificate_ends.store(ends, Ordering::Relaxed);
        }
    }

    /// No answer began for so long.
    pub(crate) fn measured(&self, latency: Duration, now: Moment) {
        let new = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX).max(1);
        let (known, measured) = self.latency.read();
        let elapsed = now.since(measured);
        if new >= known {
            self.latency.write(new, now.0);
        } else if elapsed >= limits::LATENCY_STEP {
            // Not more often: a halving time in steps of a millisecond would be lost in rounding, and cores that serve
            // many requests would write to the same place all the time.
            self.latency.write(new + decayed(known - new, elapsed), now.0);
        }
    }

    /// How long answers took lately. What was not measured again fades, so that it is.
    pub(crate) fn latency(&self, now: Moment) -> Option<Duration> {
        let (known, measured) = self.latency.read();
        (known > 0).then(|| Duration::from_micros(u64::from(decayed(known, now.since(measured)))))
    }

    /// The connector could not connect to the upstream, for that reason.
    pub(crate) fn failed(&self, why: Unreached, now: Moment) {
        self.failure.store(Some(Arc::new(why)));
        self.not_reached(now);
    }

    /// The connector is passed over for a while, longer each time.
    fn not_reached(&self, now: Moment) {
        let (times, until) = self.unreached.read();
        let (times, is_tried) = (times & !TRYING, times & TRYING != 0);
        // Requests that failed together count once; the one that tried again counts.
        if times > 0 && !is_tried && is_before(now, until) {
            return;
        }
        let pause = limits::UNREACHED_PAUSE.saturating_mul(1 << times.min(8)).min(limits::UNREACHED_LONGEST);
        let pause = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
        self.unreached.write((times + 1).min(TRYING - 1), now.0.wrapping_add(pause));
    }

    /// Whether a request may take this way now. When a pause is over, the first one to ask tries; the others go on passing
    /// the connector over until that one was answered or failed, or [`limits::TRIAL`] is over and another one tries.
    pub(crate) fn eligibility(&self, now: Moment) -> Eligibility {
        if self.is_probe_failed(now) {
            return Eligibility::Avoided;
        }
        let known = self.unreached.read();
        match known {
            (0, _) => Eligibility::Usual,
            (_, until) if is_before(now, until) => Eligibility::Avoided,
            (times, _) => {
                let trial = u32::try_from(limits::TRIAL.as_millis()).unwrap_or(u32::MAX);
                let is_first = self.unreached.replace(known, (times | TRYING, now.0.wrapping_add(trial)));
                if is_first { Eligibility::Trial } else { Eligibility::Avoided }
            }
        }
    }

    /// What can be said of it.
    pub(crate) fn sighting(&self, connector: ConnectorId, is_live: bool, now: Now) -> Sighting {
        let (answer, server_error, probed) = (self.answer.read(), self.server_error.read(), self.probed.read());
        let probe = Probed { has_passed: probed.0 == PASSED, at_millis: now.millis_at(probed.1) };
        let reach = match (self.unreached.read().0, answer.0) {
            (1.., _) => Reach::NotReached,
            (0, 1..) => Reach::Reached,
            (0, 0) => Reach::Unknown,
        };
        let to = if answer.0 & TO_A_PROBE == 0 { Observer::Request } else { Observer::Probe };
        let status = u16::try_from(answer.0 & !TO_A_PROBE).unwrap_or_default();
        Sighting {
            connector,
            is_live,
            reach,
            last_answer: (status > 0).then(|| LastAnswer { status, at_millis: now.millis_at(answer.1), to }),
            server_error_millis: (server_error.0 > 0).then(|| now.millis_at(server_error.1)),
            latency: self.latency(now.moment),
            connect: Some(self.connect.load(Ordering::Relaxed)).filter(|micros| *micros > 0).map(micros),
            certificate_ends: Some(self.certificate_ends.load(Ordering::Relaxed)).filter(|ends| *ends != 0),
            is_passed_over: self.is_failing(now.moment),
            last_failure: self.failure.load().as_deref().cloned(),
            probe: (probed.0 == PASSED || self.is_probe_failed(now.moment)).then_some(probe),
        }
    }

    /// Whether the connector is passed over, where there is another.
    pub(crate) fn is_failing(&self, now: Moment) -> bool {
        let (times, until) = self.unreached.read();
        times > 0 && is_before(now, until) || self.is_probe_failed(now)
    }
}

fn micros(micros: u32) -> Duration {
    Duration::from_micros(u64::from(micros))
}

/// Whether `now` is before `until`, where both are near each other.
fn is_before(now: Moment, until: u32) -> bool {
    let left = until.wrapping_sub(now.0);
    left > 0 && left < u32::MAX / 2
}

/// What is left of `value` after so many milliseconds: half after each [`limits::LATENCY_HALVED`], and about as
/// much of that between.
fn decayed(value: u32, elapsed: u32) -> u32 {
    let (halvings, rest) = (elapsed / limits::LATENCY_HALVED, elapsed % limits::LATENCY_HALVED);
    let halved = u64::from(value.checked_shr(halvings).unwrap_or_default());
    // 2^-x is near 1 - 0.672 x + 0.172 x^2 for x in 0..1, so that many short steps fade as one long one does.
    let part = u64::from(rest) * 1024 / u64::from(limits::LATENCY_HALVED);
    let left = (1024 * 1024 + 176 * part * part / 1024) - 688 * part;
    u32::try_from(halved * left / (1024 * 1024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    const fn at(millis: u32) -> Moment {
        Moment(millis)
    }

    #[test]
    fn a_longer_latency_counts_at_once_and_shorter_ones_by_and_by() {
        let sight = Sight::default();
        assert_eq!(sight.latency(at(0)), None);
        sight.answered(MS * 10, at(1000));
        sight.answered(MS * 90, at(1001));
        assert_eq!(sight.latency(at(1001)), Some(MS * 90));
        let halved = limits::LATENCY_HALVED;
        for step in 1..=halved / limits::LATENCY_STEP {
            sight.answered(MS * 10, at(1001 + step * limits::LATENCY_STEP));
        }
        let latency = sight.latency(at(1001 + halved)).unwrap();
        assert!((MS * 46..MS * 54).contains(&latency), "half of the difference is left, not {latency:?}");
    }

    #[test]
    fn many_quick_answers_within_a_moment_change_nothing_and_are_not_lost_for_ever() {
        let sight = Sight::default();
        sight.answered(MS * 90, at(0));
        for now in 0..limits::LATENCY_HALVED {
            sight.answered(MS, at(now));
        }
        assert!(sight.latency(at(limits::LATENCY_HALVED)).unwrap() < MS * 52);
    }

    #[test]
    fn what_is_not_measured_again_fades() {
        let sight = Sight::default();
        sight.measured(MS * 80, at(u32::MAX - 10));
        let later = |halvings: u32| at((halvings * limits::LATENCY_HALVED).wrapping_sub(11));
        assert_eq!(sight.latency(later(1)), Some(MS * 40));
        assert_eq!(sight.latency(later(3)), Some(MS * 10), "also where the moments wrap");
        assert_eq!(sight.latency(later(40)), Some(Duration::ZERO));
    }

    #[test]
    fn a_connector_that_does_not_reach_the_upstream_is_passed_over_for_longer_each_time() {
        let sight = Sight::default();
        let pause = u32::try_from(limits::UNREACHED_PAUSE.as_millis()).unwrap();
        sight.not_reached(at(0));
        sight.not_reached(at(1));
        assert!(sight.is_failing(at(pause - 1)) && !sight.is_failing(at(pause)), "what failed together counts once");
        sight.not_reached(at(pause));
        assert!(sight.is_failing(at(pause + 2 * pause - 1)) && !sight.is_failing(at(pause + 2 * pause)));
        sight.answered(MS, at(pause + 1));
        assert!(!sight.is_failing(at(pause + 1)), "an answer ends it");
        for round in 0..40 {
            sight.not_reached(at(100_000 * round));
        }
        let longest = u32::try_from(limits::UNREACHED_LONGEST.as_millis()).unwrap();
        assert!(!sight.is_failing(at(100_000 * 39 + longest)));
    }

    #[test]
    fn when_a_pause_is_over_one_request_tries_and_the_others_wait_for_it() {
        let sight = Sight::default();
        let pause = u32::try_from(limits::UNREACHED_PAUSE.as_millis()).unwrap();
        let trial = u32::try_from(limits::TRIAL.as_millis()).unwrap();
        assert_eq!(sight.eligibility(at(0)), Eligibility::Usual);
        sight.not_reached(at(0));
        assert_eq!(sight.eligibility(at(pause - 1)), Eligibility::Avoided);
        let turns: Vec<Eligibility> = (0..1000).map(|_| sight.eligibility(at(pause))).collect();
        assert_eq!(
            turns.iter().filter(|turn| **turn == Eligibility::Trial).count(),
            1,
            "of a thousand requests at once"
        );
        assert_eq!(turns.iter().filter(|turn| **turn == Eligibility::Avoided).count(), 999);
        assert!(sight.is_failing(at(pause + 1)), "it is shown as passed over meanwhile");

        assert_eq!(sight.eligibility(at(pause + trial - 1)), Eligibility::Avoided, "it has not ended");
        assert_eq!(sight.eligibility(at(pause + trial)), Eligibility::Trial, "its time is over: another one tries");
        sight.not_reached(at(pause + trial + 5));
        assert_eq!(
            sight.eligibility(at(pause + trial + 5 + 2 * pause - 1)),
            Eligibility::Avoided,
            "it failed: twice as long"
        );
        assert_eq!(sight.eligibility(at(pause + trial + 5 + 2 * pause)), Eligibility::Trial);
        sight.answered(MS, at(pause + trial + 6 + 2 * pause));
        assert_eq!(sight.eligibility(at(pause + trial + 6 + 2 * pause)), Eligibility::Usual, "it was answered");
    }

    #[test]
    fn of_many_cores_that_ask_at_once_one_tries() {
        for _ in 0..50 {
            let sight = Sight::default();
            sight.not_reached(at(0));
            let tries = || usize::from(sight.eligibility(at(60_000)) == Eligibility::Trial);
            let all = std::thread::scope(|scope| {
                let cores: Vec<_> = (0..4).map(|_| scope.spawn(tries)).collect();
                cores.into_iter().map(|core| core.join().unwrap()).sum::<usize>()
            });
            assert_eq!(all, 1);
        }
    }

    #[test]
    fn what_a_probe_found_wrong_no_request_tries() {
        let sight = Sight::default();
        let why = Unreached { at_millis: 0, reason: "probe_status", detail: "503".to_owned(), by: Observer::Probe };
        sight.not_reached(at(0));
        sight.probe_failed(why, MS * 60_000, at(0));
        assert_eq!(sight.eligibility(at(30_000)), Eligibility::Avoided);
        sight.probe_passed(at(30_000));
        assert_eq!(sight.eligibility(at(30_000)), Eligibility::Usual);
    }

    #[test]
    fn a_sighting_says_what_came_last_and_why_the_upstream_was_not_reached() {
        let (sight, connector) = (Sight::default(), ConnectorId::new(uuid::Uuid::from_u128(1)));
        let now = |millis: u32| Now { moment: at(millis), wall: Duration::from_millis(u64::from(millis) + 1_000_000) };
        assert_eq!(sight.sighting(connector, true, now(0)).reach, Reach::Unknown);
        for (millis, status) in [(0, 200), (10, 404), (20, 503), (30, 502), (200, 204)] {
            sight.answered(MS, at(millis));
            sight.ended_with(status, Observer::Request, at(millis));
        }
        let seen = sight.sighting(connector, true, now(700));
        assert_eq!(
            (seen.reach, seen.last_answer),
            (Reach::Reached, Some(LastAnswer { status: 204, at_millis: 1_000_200, to: Observer::Request }))
        );
        assert_eq!(seen.server_error_millis, Some(1_000_020), "what follows at once is not noted again");
        let by = Observer::Request;
        let why =
            Unreached { at_millis: 1_000_800, reason: "upstream_refused", detail: "nobody listens".to_owned(), by };
        sight.failed(why.clone(), at(800));
        let seen = sight.sighting(connector, true, now(801));
        assert_eq!((seen.reach, seen.is_passed_over, seen.last_failure), (Reach::NotReached, true, Some(why)));
    }

    #[test]
    fn a_probe_that_failed_counts_until_the_next_one_or_until_it_is_too_old() {
        let (sight, connector) = (Sight::default(), ConnectorId::new(uuid::Uuid::from_u128(1)));
        let now = |millis: u32| Now { moment: at(millis), wall: Duration::from_millis(u64::from(millis) + 1_000_000) };
        let by = Observer::Probe;
        let why = Unreached { at_millis: 1_000_100, reason: "probe_status", detail: "404".to_owned(), by };
        sight.probe_answered(MS, 404, at(100));
        sight.probe_failed(why.clone(), MS * 500, at(100));
        sight.answered(MS, at(150));
        assert!(sight.is_failing(at(200)), "requests that are answered do not end what the probe says");
        let seen = sight.sighting(connector, true, now(200));
        assert_eq!(seen.probe, Some(Probed { has_passed: false, at_millis: 1_000_100 }));
        assert_eq!(seen.last_answer, Some(LastAnswer { status: 404, at_millis: 1_000_100, to: Observer::Probe }));
        assert_eq!((seen.reach, seen.last_failure), (Reach::Reached, Some(why.clone())));
        assert!(!sight.is_failing(at(600)), "nobody has probed since");
        assert_eq!(sight.sighting(connector, true, now(600)).probe, None);

        sight.probe_failed(why.clone(), MS * 500, at(700));
        sight.probe_passed(at(800));
        assert!(!sight.is_failing(at(800)));
        assert!(sight.sighting(connector, true, now(800)).probe.unwrap().has_passed);
        sight.probe_failed(why, MS * 500, at(900));
        sight.probes_end();
        assert!(!sight.is_failing(at(900)) && sight.sighting(connector, true, now(900)).probe.is_none());
    }

    #[test]
    fn a_probe_that_passes_ends_a_pause() {
        let sight = Sight::default();
        sight.not_reached(at(0));
        assert!(sight.is_failing(at(10)));
        sight.probe_passed(at(10));
        assert!(!sight.is_failing(at(10)));
    }
}
