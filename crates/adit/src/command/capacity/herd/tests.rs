//! A simulated herd beside a real one, and what must hold for any.

use adit_gateway::tunnel_limits::TUNNEL_PLACES;

use super::*;
use crate::command::capacity::simulated;

/// A gateway whose handshakes take a millisecond.
fn herd(connectors: u32) -> Herd {
    let handshake = Handshake {
        answer: Duration::from_micros(600),
        finish: Duration::from_micros(400),
        round_trip: Duration::from_millis(20),
        idle: Duration::from_micros(33),
    };
    Herd { connectors, others: 0, away: Duration::from_secs(30), cores: 2, handshake, seed: 1 }
}

/// The same, with handshakes that cost so many times as much.
fn dear(connectors: u32, times: u32) -> Herd {
    let herd = herd(connectors);
    let handshake =
        Handshake { answer: herd.handshake.answer * times, finish: herd.handshake.finish * times, ..herd.handshake };
    Herd { handshake, ..herd }
}

/// What two results must have in common to be the same.
fn outline(result: &Return) -> (u64, Crowd, Crowd, u64, u64) {
    (result.connectors, result.back.clone(), result.dials.clone(), result.put_off, result.given_up)
}

#[test]
fn ten_thousand_are_back_about_as_soon_as_they_really_were() {
    // `gateway/tests/herd.rs` with ten thousand: 29.6 s, 27.0 s and 31.2 s (docs/measurements.md). What the machine does
    // besides is not simulated, so a factor of two is as much as is claimed.
    for seed in 1..=5 {
        let result = simulated::as_it_was_measured(seed).result;
        let back = result.back.last().as_secs_f64();
        assert!((27.0 / 2.0..31.2 * 2.0).contains(&back), "seed {seed}: {back} s");
        assert_eq!(result.left(), 0);
        // Really: 1,431 dials more than connectors, and a density of 1.2, 1.3 and 1.5.
        assert!((700..3_000).contains(&result.put_off), "seed {seed}: {} put off", result.put_off);
        let crowding = result.dials.crowding(result.dials.count());
        assert!((1.0..2.0).contains(&crowding), "seed {seed}: {crowding}");
    }
}

#[test]
fn nobody_is_lost_however_dear_a_handshake_is() {
    for (connectors, times) in [(0, 1), (1, 1), (3_000, 1), (3_000, 10), (3_000, 60), (100, 2_000)] {
        let result = dear(connectors, times).run();
        assert_eq!(result.back.count(), u64::from(connectors), "{connectors} of {times} ms");
        assert_eq!(result.left(), 0);
        assert_eq!(result.dials.count(), result.connectors + result.put_off + result.given_up, "each dial has an end");
        assert_eq!(result.repeated.count(), result.put_off + result.given_up);
    }
}

#[test]
fn a_core_never_has_more_handshakes_under_way_than_it_may() {
    let crowded = Herd { away: Duration::from_millis(1), ..dear(5_000, 10) }.run();
    assert_eq!(crowded.most_under_way, TUNNEL_PLACES, "and it has as many when it can");
    assert!(crowded.put_off > 1_000, "{} were put off", crowded.put_off);
    let quiet = herd(100).run();
    assert!(quiet.most_under_way < 10, "{}", quiet.most_under_way);
    assert_eq!(quiet.put_off, 0);
}

#[test]
fn the_same_seed_gives_the_same_herd_and_another_one_another() {
    let (first, again) = (dear(2_000, 5).run(), dear(2_000, 5).run());
    assert_eq!(outline(&first), outline(&again));
    let other = Herd { seed: 2, ..dear(2_000, 5) }.run();
    assert_ne!(outline(&first), outline(&other));
}

#[test]
fn more_cores_and_more_gateways_are_never_slower() {
    // Chance moves the last one by a part of its pause: half a second is allowed for that.
    let chance = Duration::from_millis(500);
    let mut before = Duration::MAX;
    for cores in [1, 2, 4, 8] {
        let took = Herd { cores, ..dear(6_000, 3) }.run().back.when(990);
        assert!(took <= before.saturating_add(chance), "{cores} cores: {took:?}, half of them: {before:?}");
        before = took;
    }
    before = Duration::MAX;
    for gateways in [1_u32, 2, 4, 8] {
        let mut all = Return::default();
        for seed in 0..gateways {
            all.join(&Herd { seed: seed.into(), ..dear(6_000 / gateways, 3) }.run());
        }
        assert_eq!(all.back.count(), 6_000);
        let took = all.back.when(990);
        assert!(took <= before.saturating_add(chance), "{gateways} gateways: {took:?}, half of them: {before:?}");
        before = took;
    }
}

#[test]
fn a_gateway_that_can_take_all_is_bounded_by_the_longest_pause_alone() {
    let result = herd(1_000).run();
    let back = result.back.last();
    assert!((Duration::from_secs(13)..Duration::from_millis(15_100)).contains(&back), "{back:?}");
    assert_eq!(result.repeated.count(), 0);
    assert!(result.repeated.crowding(result.connectors).abs() < f64::EPSILON);
}

#[test]
fn those_who_are_put_off_at_their_longest_pause_come_spread() {
    let result = dear(20_000, 3).run();
    assert!(result.put_off > 5_000, "{} were put off", result.put_off);
    assert_eq!(result.left(), 0);
    let crowding = result.repeated.crowding(result.connectors);
    assert!(crowding < 3.0, "{crowding} times as many came again in half a second as if they were spread");
}

#[test]
fn those_who_are_put_off_at_their_first_pause_come_together_and_it_is_seen() {
    let result = Herd { away: Duration::ZERO, ..dear(20_000, 3) }.run();
    assert!(result.dials.crowding(result.connectors) > 3.0, "all dial within a tenth of a second");
    assert!(result.repeated.crowding(result.connectors) > 3.0, "and have their turn out at the same moment");
    assert_eq!(result.left(), 0, "pauses that grow spread them in the end");
}

#[test]
fn a_gateway_that_is_too_small_ends_the_simulation_and_says_who_is_left() {
    let result = Herd { cores: 1, ..dear(3_000, 1_000) }.run();
    assert!(result.left() > 1_000, "{} are left", result.left());
    assert!(result.back.last() <= LONGEST + Duration::from_secs(1));
}
