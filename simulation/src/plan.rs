//! What happens in a simulation, by seed.

use std::time::Duration;

use fastrand::Rng;

/// Machines with connectors.
pub(crate) const MACHINES: usize = 4;
/// Gateways.
pub(crate) const GATEWAYS: usize = 2;
/// Upstreams, one for each application.
pub(crate) const UPSTREAMS: usize = 3;
/// Clients.
pub(crate) const CLIENTS: usize = 3;

/// Before that nothing goes wrong: connectors register and connect.
pub(crate) const QUIET: Duration = Duration::from_secs(4);
/// After that nothing goes wrong any more, and what did is over.
pub(crate) const HEALED: Duration = Duration::from_secs(14);
/// From then on everything must work again: ten seconds until a silent connection is given up, and the longest pause
/// before a connector dials again.
pub(crate) const WORKS_AGAIN: Duration = Duration::from_secs(36);
/// No request is begun after that.
pub(crate) const LAST_REQUEST: Duration = Duration::from_secs(40);
/// The end.
pub(crate) const END: Duration = Duration::from_secs(56);

/// Which faults there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Connectors restart in order, one at a time; nothing may fail.
    Restarts,
    /// Connectors and applications change groups, and the control plane is away now and then; nothing may fail.
    Moves,
    /// Crashes, partitions, messages that are held back, and everything else. What fails must fail honestly.
    Rough,
}

/// Something that is done to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A machine's connectors leave in order and start again.
    Restart(usize),
    /// A machine stops without a word.
    Crash(usize),
    /// A machine that crashed starts again.
    Start(usize),
    /// A gateway stops without a word and starts again.
    BounceGateway(usize),
    /// Nothing passes between a machine and a gateway; what is sent is lost.
    Partition(usize, usize),
    /// They see each other again.
    Repair(usize, usize),
    /// What a machine and a gateway send each other is held back.
    Hold(usize, usize),
    /// It arrives after all.
    Release(usize, usize),
    /// An upstream vanishes and comes back.
    BounceUpstream(usize),
    /// A machine's connectors move into a group (`0` or `1`).
    Move(usize, usize),
    /// The third application goes to a group.
    Assign(usize),
    /// A machine's connectors are deleted.
    Revoke(usize),
    /// The control plane answers no registration, renewal or presence.
    ControlAway,
    /// It does again.
    ControlBack,
}

/// What happens, and when.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which faults there are.
    pub kind: Kind,
    /// In the order of their times.
    pub faults: Vec<(Duration, Fault)>,
    /// The longest time that a message takes.
    pub latency: Duration,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let kind = match seed % 4 {
            0 => Kind::Restarts,
            1 => Kind::Moves,
            _ => Kind::Rough,
        };
        let mut faults = match kind {
            Kind::Restarts => restarts(&mut random),
            Kind::Moves => moves(&mut random),
            Kind::Rough => rough(&mut random),
        };
        faults.sort_by_key(|(at, _)| *at);
        Self { kind, faults, latency: Duration::from_millis(random.u64(2..60)) }
    }

    /// The machine that is deleted, and when.
    #[must_use]
    pub fn revoked(&self) -> Option<(Duration, usize)> {
        self.faults.iter().find_map(|(at, fault)| match fault {
            Fault::Revoke(machine) => Some((*at, *machine)),
            _ => None,
        })
    }
}

fn some_time(random: &mut Rng) -> Duration {
    Duration::from_millis(random.u64(millis(QUIET)..millis(HEALED)))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One machine after the other, each with time to come back.
fn restarts(random: &mut Rng) -> Vec<(Duration, Fault)> {
    let mut at = QUIET;
    let mut faults = Vec::new();
    while at < HEALED {
        faults.push((at, Fault::Restart(random.usize(0..MACHINES))));
        at += Duration::from_millis(random.u64(2_500..5_000));
    }
    faults
}

/// The second machine of each group moves to and fro; the first stays. The control plane's absence takes nobody's path
/// away.
fn moves(random: &mut Rng) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..random.usize(4..16) {
        let (at, group) = (some_time(random), random.usize(0..2));
        let fault = if random.bool() { Fault::Move([1, 3][random.usize(0..2)], group) } else { Fault::Assign(group) };
        faults.push((at, fault));
    }
    let (away, back) = (some_time(random), some_time(random));
    faults.push((away.min(back), Fault::ControlAway));
    faults.push((away.max(back), Fault::ControlBack));
    faults
}

fn rough(random: &mut Rng) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..random.usize(3..10) {
        let at = some_time(random);
        let until = (at + Duration::from_millis(random.u64(100..9_000))).min(HEALED);
        let (machine, gateway) = (random.usize(0..MACHINES), random.usize(0..GATEWAYS));
        match random.u32(0..10) {
            0 => faults.push((at, Fault::Restart(machine))),
            1 | 2 => faults.extend([(at, Fault::Crash(machine)), (until, Fault::Start(machine))]),
            3 => faults.push((at, Fault::BounceGateway(gateway))),
            4 | 5 => {
                faults.extend([(at, Fault::Partition(machine, gateway)), (until, Fault::Repair(machine, gateway))])
            }
            6 => faults.extend([(at, Fault::Hold(machine, gateway)), (until, Fault::Release(machine, gateway))]),
            7 => faults.push((at, Fault::BounceUpstream(random.usize(0..UPSTREAMS)))),
            8 => faults.push((at, Fault::Move([1, 3][random.usize(0..2)], random.usize(0..2)))),
            _ => faults.push((at, Fault::Assign(random.usize(0..2)))),
        }
    }
    if random.bool() {
        // Never the first of a group, so that each group keeps one.
        faults.push((some_time(random), Fault::Revoke([1, 3][random.usize(0..2)])));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_plan() {
        for seed in 0..40 {
            assert_eq!(Plan::of(seed).faults, Plan::of(seed).faults);
        }
    }

    #[test]
    fn everything_that_breaks_is_mended_in_time() {
        for seed in 0..400 {
            let faults = Plan::of(seed).faults;
            assert!(!faults.is_empty() && faults.iter().all(|(at, _)| (QUIET..=HEALED).contains(at)));
            for (at, fault) in &faults {
                let mended = match *fault {
                    Fault::Crash(machine) => Fault::Start(machine),
                    Fault::Partition(machine, gateway) => Fault::Repair(machine, gateway),
                    Fault::Hold(machine, gateway) => Fault::Release(machine, gateway),
                    Fault::ControlAway => Fault::ControlBack,
                    _ => continue,
                };
                assert!(faults.iter().any(|(later, fault)| later >= at && *fault == mended), "{seed}: {fault:?}");
            }
        }
    }
}
