//! A herd in virtual time: connectors that lost their gateway in the same moment come back to it, by the waits of the
//! real connector ([`adit_connector::redial`]) and the limits of the real gateway ([`adit_gateway::tunnel_limits`]).
//!
//! In: how many connectors, how long the gateway is away, what a handshake costs, a seed. Out: when they were back, how
//! they came, who was put off. Pure: no clock, no socket, no thread; the same seed gives the same result.
//!
//! What is not in it: users' requests on the same cores, lost packets, the kernel's queues, the gateway's limit on open
//! connections. Dials while the gateway is away are refused at once, as those of a machine are that is up and has nobody
//! listening.

mod core;
mod crowd;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use adit_connector::redial::Backoff;
use adit_gateway::tunnel_limits::{HANDSHAKE, TUNNEL_PLACE, TUNNEL_TURN};

use self::core::{Core, Work};
pub(super) use self::crowd::Crowd;

/// Nobody waits longer than this for the end of a simulation: a gateway that has not taken all in by then is too small.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// The most of a core that signs of life take; beyond it they come late, and handshakes go on.
const BUSIEST: f64 = 0.9;

/// What a handshake costs, and a tunnel that is there already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handshake {
    /// CPU time of the gateway's answer to the hello.
    pub(super) answer: Duration,
    /// CPU time of the rest: the connector's certificate, the connection, the welcome.
    pub(super) finish: Duration,
    /// Between connector and gateway, and back.
    pub(super) round_trip: Duration,
    /// CPU time in each second for a tunnel of another connector: it slows down what else the cores do.
    pub(super) idle: Duration,
}

/// One gateway and the connectors that come to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Herd {
    /// How many connections are to be taken up, one for each connector.
    pub(super) connectors: u32,
    /// Tunnels of others that the gateway has all the while.
    pub(super) others: u32,
    /// How long the gateway is away after they lost it; they dial it all the while.
    pub(super) away: Duration,
    /// Cores of the gateway, which do nothing else.
    pub(super) cores: u32,
    /// What each connection costs.
    pub(super) handshake: Handshake,
    /// Decides all that is random.
    pub(super) seed: u64,
}

/// How a herd came back; times are from when the gateway was there again.
#[derive(Debug, Clone, Default)]
pub(super) struct Return {
    /// How many were to come.
    pub(super) connectors: u64,
    /// When each was back.
    pub(super) back: Crowd,
    /// When dials came to the gateway, those that were put off included.
    pub(super) dials: Crowd,
    /// Those of them that came after the connector had been put off before.
    pub(super) repeated: Crowd,
    /// Dials that did not get their turn in time.
    pub(super) put_off: u64,
    /// Handshakes that were begun and not ended in time.
    pub(super) given_up: u64,
    /// The most handshakes that one core had under way.
    pub(super) most_under_way: usize,
    /// The most dials that came to one gateway within a second.
    pub(super) most_dials_in_a_second: u64,
}

impl Return {
    /// Adds what happened at another gateway in the same time.
    pub(super) fn join(&mut self, other: &Self) {
        self.connectors += other.connectors;
        self.back.join(&other.back);
        self.dials.join(&other.dials);
        self.repeated.join(&other.repeated);
        self.put_off += other.put_off;
        self.given_up += other.given_up;
        self.most_under_way = self.most_under_way.max(other.most_under_way);
        self.most_dials_in_a_second = self.most_dials_in_a_second.max(other.most_dials_in_a_second);
    }

    /// Connectors that were not back when the simulation ended.
    pub(super) const fn left(&self) -> u64 {
        self.connectors.saturating_sub(self.back.count())
    }
}

/// What a connector's connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits to dial again.
    Away,
    /// Its hello is at the gateway and has no place yet.
    Waiting,
    /// It has a place, and waits for its turn.
    Admitted,
    /// The gateway answers, or has answered, its hello; whether it still has its place.
    UnderWay { has_place: bool },
    /// It is up.
    Up,
}

/// One connector.
#[derive(Debug)]
struct Link {
    backoff: Backoff,
    stage: Stage,
    /// The number of its dial: what was meant for an earlier one means nothing any more.
    dial: u32,
    core: usize,
}

/// One dial of one connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Dial {
    link: usize,
    number: u32,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A hello arrives.
    Arrived(usize),
    /// It has waited for its turn for as long as it may.
    TurnOver(Dial),
    /// A core has done a piece of work.
    Worked(usize, Work, Dial),
    /// The connector's last flight is there.
    Replied(Dial),
    /// A connector that says nothing loses its place.
    PlaceOver(Dial),
    /// A handshake took too long.
    HandshakeOver(Dial),
}

/// The state of a simulation.
struct Simulation {
    handshake: Handshake,
    away: Duration,
    /// How much longer work takes beside the signs of life of other connectors' tunnels.
    slowness: f64,
    links: Vec<Link>,
    cores: Vec<Core>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    random: fastrand::Rng,
    result: Return,
}

impl Herd {
    /// Lets the herd come back.
    pub(super) fn run(&self) -> Return {
        let mut simulation = Simulation::new(self);
        for link in 0..simulation.links.len() {
            simulation.lose(link);
        }
        simulation.run();
        let mut result = simulation.result;
        result.most_under_way = simulation.cores.iter().map(Core::most_under_way).max().unwrap_or_default();
        result.most_dials_in_a_second = result.dials.densest(Duration::from_secs(1));
        result
    }

    fn slowness(&self) -> f64 {
        let pings = f64::from(self.others) * self.handshake.idle.as_secs_f64() / f64::from(self.cores.max(1));
        1.0 / (1.0 - pings.min(BUSIEST))
    }
}

impl Simulation {
    fn new(herd: &Herd) -> Self {
        let link = || Link { backoff: Backoff::default(), stage: Stage::Away, dial: 0, core: 0 };
        Self {
            handshake: herd.handshake,
            away: herd.away,
            slowness: herd.slowness(),
            links: (0..herd.connectors).map(|_| link()).collect(),
            cores: (0..herd.cores.max(1)).map(|_| Core::default()).collect(),
            events: BinaryHeap::new(),
            scheduled: 0,
            random: fastrand::Rng::with_seed(herd.seed),
            result: Return { connectors: herd.connectors.into(), ..Return::default() },
        }
    }

    fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > self.away + LONGEST {
                return;
            }
            match event {
                Event::Arrived(link) => self.arrive(link, at),
                Event::TurnOver(dial) => self.put_off(dial, at),
                Event::Worked(core, work, dial) => self.worked(core, work, dial, at),
                Event::Replied(dial) => self.reply(dial, at),
                Event::PlaceOver(dial) => self.leave_place(dial, at),
                Event::HandshakeOver(dial) => self.give_up(dial, at),
            }
        }
    }

    /// The connection of a connector ends at the beginning; it dials until the gateway is there again.
    fn lose(&mut self, link: usize) {
        let Some(state) = self.links.get_mut(link) else { return };
        let mut at = Duration::ZERO;
        loop {
            at += state.backoff.next(self.random.f64());
            if at >= self.away {
                break;
            }
            at += self.handshake.round_trip;
        }
        self.dial(link, at);
    }

    /// A connector begins a dial: a round trip for the connection, and half of one until its hello is there.
    fn dial(&mut self, link: usize, at: Duration) {
        self.schedule(at + self.handshake.round_trip * 3 / 2, Event::Arrived(link));
    }

    fn arrive(&mut self, link: usize, at: Duration) {
        let core = self.idlest_core();
        let since = at.saturating_sub(self.away);
        let Some(state) = self.links.get_mut(link) else { return };
        state.dial += 1;
        (state.stage, state.core) = (Stage::Waiting, core);
        let dial = Dial { link, number: state.dial };
        self.result.dials.add(since);
        if dial.number > 1 {
            self.result.repeated.add(since);
        }
        if let Some(core) = self.cores.get_mut(core) {
            core.arrived(dial);
        }
        self.schedule(at + TUNNEL_TURN, Event::TurnOver(dial));
        self.advance(core, at);
    }

    /// As the acceptor chooses: the core with the fewest connections that are still shaking hands.
    fn idlest_core(&self) -> usize {
        (0..).zip(&self.cores).min_by_key(|(_, core)| core.open()).map_or(0, |(number, _)| number)
    }

    /// Lets a core do what it can at this moment.
    fn advance(&mut self, core: usize, at: Duration) {
        let Some(state) = self.cores.get_mut(core) else { return };
        let links = &mut self.links;
        state.admit(|dial| enter(links, dial, Stage::Waiting, Stage::Admitted));
        let under_way = Stage::UnderWay { has_place: true };
        let begun = state.begin(|work, dial| match work {
            Work::Answer => enter(links, dial, Stage::Admitted, under_way),
            Work::Finish => is_under_way(links, dial),
        });
        let Some((work, dial)) = begun else { return };
        let takes = match work {
            Work::Answer => {
                self.schedule(at + HANDSHAKE, Event::HandshakeOver(dial));
                self.handshake.answer
            }
            Work::Finish => self.handshake.finish,
        };
        self.schedule(at + takes.mul_f64(self.slowness), Event::Worked(core, work, dial));
    }

    fn worked(&mut self, core: usize, work: Work, dial: Dial, at: Duration) {
        if let Some(core) = self.cores.get_mut(core) {
            core.worked();
        }
        match work {
            Work::Answer => {
                self.schedule(at + TUNNEL_PLACE, Event::PlaceOver(dial));
                self.schedule(at + self.handshake.round_trip, Event::Replied(dial));
            }
            Work::Finish => self.finish(dial, at),
        }
        self.advance(core, at);
    }

    fn reply(&mut self, dial: Dial, at: Duration) {
        let Some(core) = self.core_of(dial) else { return };
        if let Some(core) = self.cores.get_mut(core) {
            core.replied(dial);
        }
        self.advance(core, at);
    }

    /// The connector is back, once it has said hello and was welcomed.
    fn finish(&mut self, dial: Dial, at: Duration) {
        // It was given up while its last piece of work was done.
        if self.core_of(dial).is_none() {
            return;
        }
        self.end(dial, Stage::Up);
        let back = (at + self.handshake.round_trip).saturating_sub(self.away);
        self.result.back.add(back);
    }

    fn put_off(&mut self, dial: Dial, at: Duration) {
        let waits = |link: &&Link| link.dial == dial.number && matches!(link.stage, Stage::Waiting | Stage::Admitted);
        if self.links.get(dial.link).filter(waits).is_some() {
            self.result.put_off += 1;
            self.fail(dial, at);
        }
    }

    fn give_up(&mut self, dial: Dial, at: Duration) {
        if is_under_way(&self.links, dial) {
            self.result.given_up += 1;
            self.fail(dial, at);
        }
    }

    /// A dial has failed: the connector hears of it, waits and comes again.
    fn fail(&mut self, dial: Dial, at: Duration) {
        let core = self.core_of(dial);
        self.end(dial, Stage::Away);
        let Some(link) = self.links.get_mut(dial.link) else { return };
        // As the real connector does: the connection was never up.
        link.backoff.ended_after(Duration::ZERO);
        let wait = link.backoff.next(self.random.f64());
        self.dial(dial.link, at + self.handshake.round_trip / 2 + wait);
        if let Some(core) = core {
            self.advance(core, at);
        }
    }

    /// A dial is no longer the gateway's: its place, if it has one, is free.
    fn end(&mut self, dial: Dial, becomes: Stage) {
        let Some(link) = self.links.get_mut(dial.link) else { return };
        let had_place = matches!(link.stage, Stage::Admitted | Stage::UnderWay { has_place: true });
        link.stage = becomes;
        if let Some(core) = self.cores.get_mut(link.core) {
            core.ended(had_place);
        }
    }

    fn leave_place(&mut self, dial: Dial, at: Duration) {
        let without = Stage::UnderWay { has_place: false };
        if !enter(&mut self.links, dial, Stage::UnderWay { has_place: true }, without) {
            return;
        }
        let Some(core) = self.core_of(dial) else { return };
        if let Some(core) = self.cores.get_mut(core) {
            core.left_place();
        }
        self.advance(core, at);
    }

    /// The core of a dial that is at the gateway.
    fn core_of(&self, dial: Dial) -> Option<usize> {
        let is_there = |link: &&Link| link.dial == dial.number && !matches!(link.stage, Stage::Away | Stage::Up);
        self.links.get(dial.link).filter(is_there).map(|link| link.core)
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }
}

/// Brings a dial from one stage to the next; `false` if it is not in the one.
fn enter(links: &mut [Link], dial: Dial, from: Stage, to: Stage) -> bool {
    match links.get_mut(dial.link) {
        Some(link) if link.dial == dial.number && link.stage == from => {
            link.stage = to;
            true
        }
        _ => false,
    }
}

fn is_under_way(links: &[Link], dial: Dial) -> bool {
    let is = |link: &Link| link.dial == dial.number && matches!(link.stage, Stage::UnderWay { .. });
    links.get(dial.link).is_some_and(is)
}
