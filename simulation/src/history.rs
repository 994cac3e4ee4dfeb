//! What clients asked and were answered, what upstreams saw, what the directory said when; and the invariants that all
//! of it is judged by.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::plan::{GATEWAYS, Kind, Plan, QUIET, WORKS_AGAIN};

/// A change of the directory is in effect everywhere after that.
const EFFECTIVE: Duration = Duration::from_secs(1);

/// No traffic to a connector so long after it was deleted.
const REVOKED: Duration = Duration::from_secs(2);

/// The simulated time.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// An application, by the number of its upstream.
    Application(usize),
    /// A host that is not published.
    OtherHost,
    /// A path beside a published one.
    OtherPath,
}

impl Place {
    pub(crate) fn any(random: &mut Rng) -> Self {
        match random.u32(0..12) {
            0 => Self::OtherHost,
            1 => Self::OtherPath,
            other => Self::Application(usize::try_from(other % 3).unwrap_or_default()),
        }
    }

    pub(crate) fn host(self) -> String {
        match self {
            Self::Application(number) => format!("app-{number}.example.com"),
            Self::OtherHost => "app-9.example.com".to_owned(),
            Self::OtherPath => "app-1.example.com".to_owned(),
        }
    }

    /// The second application is published below a path.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Application(1) => "/area/page",
            Self::Application(_) | Self::OtherHost => "/page",
            Self::OtherPath => "/areas/page",
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer to this very request.
    Right,
    /// 200, and not the answer to this request. Its beginning.
    Wrong(String),
    /// Another status, and the body.
    Status(u16, String),
    /// The connection broke.
    Broken(String),
    /// Nothing in time.
    Nothing,
    /// The gateway could not be connected to; nothing was sent.
    NoConnection,
}

/// A request, as its client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Duration,
    pub(crate) marker: u64,
    pub(crate) client: usize,
    /// For who reads the report.
    #[expect(dead_code, reason = "it is shown, as a part of the whole")]
    pub(crate) gateway: usize,
    pub(crate) place: Place,
    pub(crate) post: bool,
    pub(crate) answer: Option<(Duration, Answer)>,
}

/// A request, as its upstream saw it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) at: Duration,
    pub(crate) marker: u64,
    pub(crate) upstream: usize,
    pub(crate) machine: String,
    pub(crate) forwarded_for: String,
    pub(crate) spoofed: Option<String>,
}

/// An invariant that did not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which, as it is numbered in the architecture; `0` for "what must not fail, failed".
    pub invariant: u32,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invariant {}: {}", self.invariant, self.seen)
    }
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) asked: Vec<Asked>,
    pub(crate) exchanges: Vec<Exchange>,
    /// Since when the connectors of a machine are in a group.
    pub(crate) groups_of_machines: Vec<(Duration, usize, usize)>,
    /// Since when an application is in a group.
    pub(crate) groups_of_applications: Vec<(Duration, usize, usize)>,
    /// Versions that gateways served from.
    pub(crate) versions: Vec<(usize, (u64, u64))>,
    /// Connectors that each registration token gave a certificate to.
    pub(crate) redeemed: HashMap<Vec<u8>, Vec<String>>,
    /// The addresses of the clients.
    pub(crate) clients: Vec<String>,
}

impl History {
    pub(crate) fn answered(&mut self, marker: u64, at: Duration, answer: Answer) {
        if let Some(asked) = self.asked.iter_mut().find(|asked| asked.marker == marker) {
            asked.answer = Some((at, answer));
        }
    }

    /// Every invariant that did not hold.
    pub(crate) fn judge(&self, plan: &Plan) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut note = |invariant, seen: String| violations.push(Violation { invariant, seen });
        let by_marker: HashMap<u64, &Asked> = self.asked.iter().map(|asked| (asked.marker, asked)).collect();
        let mut received: HashMap<u64, u32> = HashMap::new();
        for exchange in &self.exchanges {
            *received.entry(exchange.marker).or_default() += 1;
            let Some(asked) = by_marker.get(&exchange.marker) else {
                note(2, format!("nobody asked for {exchange:?}"));
                continue;
            };
            if asked.place != Place::Application(exchange.upstream) {
                note(1, format!("{asked:?} reached upstream {}", exchange.upstream));
            }
            if self.clients.get(asked.client) != Some(&exchange.forwarded_for) || exchange.spoofed.is_some() {
                note(10, format!("{asked:?} arrived as {exchange:?}"));
            }
            if !self.was_allowed(asked, exchange) {
                note(3, format!("no connector of its group brought {asked:?}: {exchange:?}"));
            }
            if let Some((since, machine)) = plan.revoked()
                && exchange.machine == machine_name(machine)
                && exchange.at > since + REVOKED
            {
                note(5, format!("a deleted connector brought {exchange:?}"));
            }
        }
        for asked in &self.asked {
            let count = received.get(&asked.marker).copied().unwrap_or_default();
            if asked.post && count > 1 {
                note(6, format!("{count} times at its upstream: {asked:?}"));
            }
            match &asked.answer {
                Some((_, Answer::Wrong(_))) => note(2, format!("another answer: {asked:?}")),
                Some((_, Answer::Right)) if count == 0 => note(2, format!("an answer of nobody: {asked:?}")),
                _ => {}
            }
            if must_succeed(plan, asked) && !self.is_right(asked) {
                note(0, format!("failed: {asked:?}"));
            }
        }
        for gateway in 0..GATEWAYS {
            let versions = self.versions.iter().filter(|(of, _)| *of == gateway).map(|(_, version)| *version);
            if !versions.is_sorted() {
                note(8, format!("gateway {gateway} went back"));
            }
        }
        for (secret, connectors) in &self.redeemed {
            if connectors.iter().any(|connector| Some(connector) != connectors.first()) {
                note(4, format!("one token, several connectors: {connectors:?} ({} bytes)", secret.len()));
            }
        }
        violations
    }

    /// What is not published is refused with 404; everything else is answered by its upstream.
    fn is_right(&self, asked: &Asked) -> bool {
        match (&asked.answer, asked.place) {
            (Some((_, Answer::Right)), Place::Application(_)) => true,
            (Some((_, Answer::Status(404, _))), Place::OtherPath) => true,
            // Its name has no certificate, or it is refused.
            (Some((_, Answer::Status(..) | Answer::NoConnection)), Place::OtherHost) => true,
            _ => false,
        }
    }

    /// Whether, at some moment between the request and its arrival, the machine and the application were in one group.
    fn was_allowed(&self, asked: &Asked, exchange: &Exchange) -> bool {
        let from = asked.at.saturating_sub(EFFECTIVE);
        let moments = self.groups_of_machines.iter().chain(&self.groups_of_applications).map(|(at, ..)| *at);
        let moments = moments.filter(|at| (from..=exchange.at).contains(at)).chain([from, exchange.at]);
        let machine = (0..crate::plan::MACHINES).find(|machine| machine_name(*machine) == exchange.machine);
        let Some(machine) = machine else { return false };
        moments.into_iter().any(|moment| {
            let of_machine = group_at(&self.groups_of_machines, machine, moment);
            of_machine.is_some() && of_machine == group_at(&self.groups_of_applications, exchange.upstream, moment)
        })
    }
}

fn group_at(changes: &[(Duration, usize, usize)], of: usize, moment: Duration) -> Option<usize> {
    let before = changes.iter().filter(|(at, which, _)| *which == of && *at <= moment);
    before.max_by_key(|(at, ..)| *at).map(|(_, _, group)| *group)
}

/// Whether the plan leaves no excuse for a failure.
fn must_succeed(plan: &Plan, asked: &Asked) -> bool {
    match plan.kind {
        Kind::Restarts | Kind::Moves => asked.at >= QUIET,
        Kind::Rough => asked.at >= WORKS_AGAIN,
    }
}

/// The host name of a machine with connectors.
pub(crate) fn machine_name(number: usize) -> String {
    format!("machine-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history in which one request was answered, and the plan of a seed without revocation.
    fn good() -> (History, Plan) {
        let asked = Asked {
            at: Duration::from_secs(10),
            marker: 11,
            client: 0,
            gateway: 0,
            place: Place::Application(0),
            post: true,
            answer: Some((Duration::from_secs(11), Answer::Right)),
        };
        let exchange = Exchange {
            at: Duration::from_secs(10),
            marker: 11,
            upstream: 0,
            machine: machine_name(0),
            forwarded_for: "192.0.2.1".to_owned(),
            spoofed: None,
        };
        let history = History {
            asked: vec![asked],
            exchanges: vec![exchange],
            groups_of_machines: vec![(Duration::ZERO, 0, 0), (Duration::ZERO, 1, 1)],
            groups_of_applications: vec![(Duration::ZERO, 0, 0)],
            versions: vec![(0, (1, 1)), (0, (1, 2)), (1, (1, 1))],
            clients: vec!["192.0.2.1".to_owned()],
            ..History::default()
        };
        (history, Plan { kind: Kind::Moves, faults: Vec::new(), latency: Duration::ZERO })
    }

    fn broken(change: impl FnOnce(&mut History, &mut Plan)) -> Vec<u32> {
        let (mut history, mut plan) = good();
        change(&mut history, &mut plan);
        history.judge(&plan).iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn what_is_right_is_not_complained_of() {
        assert!(broken(|_, _| {}).is_empty());
    }

    #[test]
    fn each_broken_invariant_is_noticed() {
        use crate::plan::Fault;

        assert_eq!(broken(|history, _| history.asked[0].place = Place::OtherHost), [1, 0]);
        assert_eq!(broken(|history, _| history.asked[0].answer = None), [0]);
        assert_eq!(
            broken(|history, _| history.asked[0].answer.as_mut().unwrap().1 = Answer::Wrong(String::new())),
            [2, 0]
        );
        assert_eq!(broken(|history, _| history.exchanges[0].marker = 12), [2, 2]);
        assert_eq!(broken(|history, _| history.exchanges[0].machine = machine_name(1)), [3]);
        let moved_later = |history: &mut History, _: &mut Plan| {
            history.exchanges[0].machine = machine_name(1);
            history.groups_of_machines.push((Duration::from_secs(11), 1, 0));
        };
        assert_eq!(broken(moved_later), [3]);
        assert_eq!(broken(|history, _| drop(history.redeemed.insert(vec![1], vec!["a".into(), "b".into()]))), [4]);
        let revoked = |_: &mut History, plan: &mut Plan| plan.faults.push((Duration::from_secs(7), Fault::Revoke(0)));
        assert_eq!(broken(revoked), [5]);
        assert_eq!(broken(|history, _| history.exchanges.push(history.exchanges[0].clone())), [6]);
        assert_eq!(broken(|history, _| history.versions.push((0, (1, 1)))), [8]);
        assert_eq!(broken(|history, _| history.exchanges[0].forwarded_for = "10.9.8.7".into()), [10]);
        assert_eq!(broken(|history, _| history.exchanges[0].spoofed = Some("x_forwarded_for".into())), [10]);
    }

    #[test]
    fn a_move_while_a_request_is_under_way_allows_both_groups() {
        let moved = |history: &mut History, _: &mut Plan| {
            history.exchanges[0].machine = machine_name(1);
            history.groups_of_machines.push((Duration::from_millis(9_500), 1, 0));
        };
        assert!(broken(moved).is_empty());
    }
}
