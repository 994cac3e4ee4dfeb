//! The herds of a plan: what happens when gateways restart in disorder, or a region is lost.
//!
//! In: a plan, and how its tunnels are spread. Out: how each herd came back, and one that can be compared with a
//! measurement. A gateway's herd knows nothing of another's: each is simulated by itself, with a seed of its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::figure::of;
use super::herd::{Handshake, Herd, Return};
use super::measured;
use super::placement::Placement;
use super::plan::Plan;

/// The connectors, and the cores, of the herd that was measured.
pub(super) const MEASURED_CONNECTORS: u32 = 10_000;
pub(super) const MEASURED_CORES: u32 = 2;

/// How long its gateway was away: twelve seconds from when the last tunnel was gone, which took about two.
const MEASURED_OUTAGE: Duration = Duration::from_secs(14);

/// How long a gateway is away that restarts in order, as a service manager does it.
const RESTART: Duration = Duration::from_secs(1);

/// A crowding from which on a herd counts as a wave; the test of a real herd demands less as well.
const WAVE: f64 = 3.0;

/// One herd, and how it came back.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// What programs find it by.
    pub(super) name: &'static str,
    /// What happens, for people.
    pub(super) what: String,
    /// Gateways that it comes to.
    pub(super) gateways: u32,
    pub(super) result: Return,
}

impl Scenario {
    /// How dense the dials were: 1 is spread over the ten seconds that the longest pauses differ by.
    pub(super) fn crowding(&self) -> f64 {
        self.result.dials.crowding(self.result.dials.count())
    }

    /// The same of dials after the first of each connector, beside all connectors: whether those that were put off come
    /// back together.
    pub(super) fn crowding_of_repeated(&self) -> f64 {
        self.result.repeated.crowding(self.result.connectors)
    }

    /// Whether those that were put off make a wave of their own.
    pub(super) fn has_second_wave(&self) -> bool {
        self.crowding_of_repeated() >= WAVE
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let result = &self.result;
        json!({
            "name": self.name,
            "what": self.what,
            "gateways": self.gateways,
            "tunnels": result.connectors,
            "tunnelsLeft": result.left(),
            "backAfterSeconds": of(result.back.last()),
            "p50Seconds": of(result.back.when(500)),
            "p99Seconds": of(result.back.when(990)),
            "dials": result.dials.count(),
            "mostDialsInASecondAtAGateway": result.most_dials_in_a_second,
            "mostDialsInASecond": result.dials.densest(Duration::from_secs(1)),
            "putOff": result.put_off,
            "givenUp": result.given_up,
            "mostHandshakesOfACore": result.most_under_way,
            "crowding": self.crowding(),
            "crowdingOfRepeatedDials": self.crowding_of_repeated(),
            "hasSecondWave": self.has_second_wave(),
        })
    }
}

/// All herds of a plan.
pub(super) fn simulate(plan: &Plan, placement: &Placement, random: &mut fastrand::Rng) -> Vec<Scenario> {
    let outage = plan.outage;
    let all: Vec<u32> = placement.gateways().collect();
    let most = [placement.most()];
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let mut scenarios = vec![
        scenario("gatewayRestarts", format!("a gateway restarts, away {}", seconds(RESTART)), plan, &most, RESTART),
        scenario("gatewayLost", format!("a gateway restarts, away {}", seconds(outage)), plan, &most, outage),
        scenario("allGatewaysLost", format!("all gateways restart, away {}", seconds(outage)), plan, &all, outage),
    ];
    let elsewhere = placement.draw_elsewhere(plan, random);
    if !elsewhere.is_empty() {
        scenarios.push(a_region_is_lost(plan, placement, &elsewhere));
    }
    scenarios.push(as_it_was_measured(plan.seed));
    scenarios
}

/// The herds of gateways that are away for so long, each with its tunnels.
fn scenario(name: &'static str, what: String, plan: &Plan, tunnels: &[u32], away: Duration) -> Scenario {
    let herds = tunnels.iter().map(|connectors| (*connectors, 0));
    Scenario { name, what, gateways: number_of(tunnels), result: joined(plan, herds, away) }
}

/// The connectors of a region whose gateways are lost dial those of the others at once, which have connectors already.
fn a_region_is_lost(plan: &Plan, placement: &Placement, elsewhere: &[u32]) -> Scenario {
    let others = placement.gateways().skip(placement.gateways().count().saturating_sub(elsewhere.len()));
    let herds = elsewhere.iter().copied().zip(others);
    let what = "a region is lost, its connectors dial the others".to_owned();
    let result = joined(plan, herds, Duration::ZERO);
    Scenario { name: "regionLost", what, gateways: number_of(elsewhere), result }
}

fn joined(plan: &Plan, herds: impl Iterator<Item = (u32, u32)>, away: Duration) -> Return {
    let mut all = Return::default();
    for (number, (connectors, others)) in (1_u64..).zip(herds) {
        let seed = plan.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let herd = Herd { connectors, others, away, cores: plan.cores, handshake: handshake(), seed };
        all.join(&herd.run());
    }
    all
}

/// The herd of `gateway/tests/herd.rs`: ten thousand, and the connectors' machines are the gateway's own.
pub(super) fn as_it_was_measured(seed: u64) -> Scenario {
    let theirs = measured::CONNECTOR_HANDSHAKE_CPU.amount / 2.0;
    let Handshake { answer, finish, idle, .. } = handshake();
    let (answer, finish) = (answer + Duration::from_secs_f64(theirs), finish + Duration::from_secs_f64(theirs));
    let handshake = Handshake { answer, finish, round_trip: Duration::ZERO, idle };
    let herd = Herd {
        connectors: MEASURED_CONNECTORS,
        others: 0,
        away: MEASURED_OUTAGE,
        cores: MEASURED_CORES,
        handshake,
        seed,
    };
    let what = "as measured: 10,000, one gateway, same two cores".to_owned();
    Scenario { name: "asMeasured", what, gateways: 1, result: herd.run() }
}

/// What a handshake costs a gateway that has its machine to itself.
fn handshake() -> Handshake {
    let cpu = measured::HANDSHAKE_CPU.amount;
    let answer = cpu * measured::ANSWER_SHARE.amount;
    Handshake {
        answer: Duration::from_secs_f64(answer),
        finish: Duration::from_secs_f64(cpu - answer),
        round_trip: Duration::from_secs_f64(measured::ROUND_TRIP.amount),
        idle: Duration::from_secs_f64(measured::IDLE_TUNNEL_CPU_OF_MANY.amount),
    }
}

fn number_of(gateways: &[u32]) -> u32 {
    u32::try_from(gateways.len()).unwrap_or(u32::MAX)
}
