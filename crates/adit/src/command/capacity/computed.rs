//! What a plan comes to by arithmetic: the snapshot, its changes, tunnels, presence and the audit log.
//!
//! In: a plan, and how its tunnels are spread. Out: figures, each with what it rests on. Amounts are floating point on
//! purpose: none of them is exact, and none can overflow.

use adit_control::permit;

use super::figure::Basis::{Assumed, Counted, Drawn, Measured};
use super::figure::{Basis, Figure, Section, Unit, of};
use super::measured;
use super::placement::Placement;
use super::plan::Plan;

/// Connections of a connector that was asked for something: each is a file.
const BUSY_CONNECTIONS: f64 = 2.0;

/// When a connector renews its certificate, as a part of the certificate's life: two thirds, give or take a tenth
/// (`connector/control`).
const RENEWED_AFTER: f64 = 2.0 / 3.0;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// Everything that is computed of a plan.
pub(super) fn compute(plan: &Plan, placement: &Placement) -> Vec<Section> {
    let sizes = Sizes::of(plan);
    vec![
        snapshot(&sizes),
        changes(&sizes),
        statements(&sizes),
        tunnels(&sizes, placement),
        presence(&sizes, placement),
        records(&sizes),
    ]
}

/// A plan in floating point.
struct Sizes {
    applications: f64,
    connectors: f64,
    gateways: f64,
    regions: f64,
    per_connector: f64,
    per_group: f64,
    changes_per_second: f64,
}

impl Sizes {
    fn of(plan: &Plan) -> Self {
        Self {
            applications: plan.applications.into(),
            connectors: plan.connectors.into(),
            gateways: plan.gateways.into(),
            regions: plan.regions.into(),
            per_connector: plan.gateways_per_connector.into(),
            per_group: plan.connectors_per_group.into(),
            changes_per_second: f64::from(plan.changes_per_hour) / HOUR,
        }
    }

    fn tunnels(&self) -> f64 {
        self.connectors * self.per_connector
    }

    fn tunnels_per_gateway(&self) -> f64 {
        self.tunnels() / self.gateways
    }

    fn groups(&self) -> f64 {
        (self.connectors / self.per_group).ceil()
    }

    /// Bytes of the whole snapshot on a wire.
    fn wire(&self) -> f64 {
        self.applications * application_wire() + self.connectors * connector_wire()
    }

    /// What the control plane signs.
    fn statements(&self) -> f64 {
        self.applications + self.connectors
    }

    /// Certificates that connectors renew in a second.
    fn renewals(&self) -> f64 {
        self.connectors / (of(permit::LIFETIME) * RENEWED_AFTER)
    }
}

const fn application_wire() -> f64 {
    measured::APPLICATION_WIRE.amount + measured::STATEMENT.amount
}

const fn connector_wire() -> f64 {
    measured::CONNECTOR_WIRE.amount + measured::STATEMENT.amount
}

fn snapshot(sizes: &Sizes) -> Section {
    let memory = sizes.applications * (measured::SNAPSHOT_MEMORY.amount + measured::SERVING_MEMORY.amount);
    let objects = sizes.applications + sizes.connectors + sizes.groups();
    let figures = vec![
        bytes("gatewayMemory", "memory of a gateway for the snapshot", memory, Measured),
        bytes("allGatewaysMemory", "memory of all gateways for it", memory * sizes.gateways, Measured),
        bytes("wire", "the whole snapshot on the wire", sizes.wire(), Assumed),
        seconds("wireTime", "to send it to one gateway", sizes.wire() / measured::LINK.amount, Assumed),
        bytes("allGatewaysWire", "the whole snapshot to all gateways", sizes.wire() * sizes.gateways, Assumed),
        bytes("disk", "the directory on disk", objects * measured::DISK.amount, Measured),
    ];
    Section { name: "snapshot", title: "Snapshot", figures }
}

fn changes(sizes: &Sizes) -> Section {
    let cpu = measured::CHANGE_CPU.amount;
    let wire = application_wire();
    let rate = sizes.changes_per_second;
    let figures = vec![
        bytes("wire", "a change on the wire to all gateways", wire * sizes.gateways, Assumed),
        bytes_per_second("wireRate", "changes on the wire to all gateways", wire * sizes.gateways * rate, Assumed),
        seconds("cpu", "CPU of a change at one gateway", cpu, Measured),
        seconds("allGatewaysCpu", "CPU of a change at all gateways", cpu * sizes.gateways, Measured),
        share("coreShare", "changes, as a part of a gateway's core", cpu * rate, Measured),
        share(
            "writerShare",
            "changes, as a part of what SQLite's writer takes",
            rate / measured::WRITES.amount,
            Measured,
        ),
    ];
    Section { name: "changes", title: "Changes of the directory", figures }
}

fn statements(sizes: &Sizes) -> Section {
    let wire = sizes.wire() * sizes.gateways;
    let period = of(permit::RENEWAL);
    let figures = vec![
        count("statements", "statements that are signed anew every 12 hours", sizes.statements(), Counted),
        seconds("cpu", "CPU of signing all of them", sizes.statements() * measured::SIGNATURE_CPU.amount, Measured),
        bytes("wire", "what changes by it, to all gateways", wire, Assumed),
        bytes_per_second("wireRate", "the same, spread over 12 hours", wire / period, Assumed),
    ];
    Section { name: "statements", title: "Signed statements", figures }
}

fn tunnels(sizes: &Sizes, placement: &Placement) -> Section {
    let (mean, most) = (sizes.tunnels_per_gateway(), f64::from(placement.most()));
    let (idle, busy) = (measured::TUNNEL_MEMORY.amount, measured::BUSY_TUNNEL_MEMORY.amount);
    let (cpu, of_many) = (measured::IDLE_TUNNEL_CPU.amount, measured::IDLE_TUNNEL_CPU_OF_MANY.amount);
    // A group is out of reach where none of its connectors has drawn this gateway.
    let missed = (1.0 - sizes.per_connector * sizes.regions / sizes.gateways).powf(sizes.per_group);
    let figures = vec![
        count("tunnels", "tunnels in all", sizes.tunnels(), Counted),
        count("perGateway", "tunnels of a gateway, on average", mean, Counted),
        count("most", "tunnels of the gateway with the most", most, Drawn),
        bytes("memory", "memory of that one for them, idle", most * idle, Drawn),
        bytes("busyMemory", "the same once all were asked for something", most * busy, Drawn),
        count("files", "open files of that one for them, at most", most * BUSY_CONNECTIONS, Drawn),
        share("coreShare", "pings, as a part of one core of that one", most * cpu, Drawn),
        count("groups", "connector groups", sizes.groups(), Counted),
        share("reach", "groups of its region that a gateway reaches by itself", 1.0 - missed, Counted),
        count("everywhere", "tunnels of a gateway, if each connector dialled all of them", sizes.connectors, Counted),
        bytes("everywhereMemory", "memory of a gateway for those, idle", sizes.connectors * idle, Measured),
        figure("everywhereCores", "their pings", sizes.connectors * of_many, Unit::Cores, Measured),
        seconds(
            "everywhereChange",
            "CPU of a change of one connector there",
            measured::CROWDED_CHANGE_CPU.amount,
            Measured,
        ),
    ];
    Section { name: "tunnels", title: "Tunnels", figures }
}

fn presence(sizes: &Sizes, placement: &Placement) -> Section {
    let moves = 2.0 * sizes.tunnels();
    let of_one = 2.0 * sizes.tunnels_per_gateway();
    let pause = measured::ROLLING_PAUSE.amount;
    let most = f64::from(placement.most());
    let figures = vec![
        count("restartWrites", "writes when a connector restarts", 2.0 * sizes.per_connector, Counted),
        per_second("connectorsDaily", "writes if all connectors restart within a day", moves / DAY, Counted),
        per_second("rollingRate", "writes while gateways restart one by one", of_one / pause, Assumed),
        seconds("rollingTime", "how long that takes", sizes.gateways * pause, Assumed),
        count("allWrites", "writes when all gateways restart at once", moves, Counted),
        seconds("allTime", "SQLite's writer is busy with those", moves / measured::WRITES.amount, Measured),
        seconds("allTimeSlowSync", "the same, each sync 4 ms longer", moves / measured::WRITES_FAR.amount, Measured),
        seconds("inTurn", "one gateway notes all its tunnels", most / measured::WRITES_IN_TURN.amount, Drawn),
        count("hourlyStatements", "SQL statements of the hourly note, at most", sizes.connectors + 2.0, Counted),
    ];
    Section { name: "presence", title: "Presence (no revision, no audit record)", figures }
}

fn records(sizes: &Sizes) -> Section {
    let renewals = sizes.renewals();
    let rows = (sizes.changes_per_second + renewals) * DAY;
    let figures = vec![
        per_second("renewals", "certificates that connectors renew", renewals, Counted),
        count("rowsPerDay", "audit records a day: changes and renewals", rows, Counted),
        bytes("bytesPerDay", "disk for those a day, at most", rows * measured::DISK.amount, Measured),
        bytes(
            "bytesPerYear",
            "the same in a year: nothing deletes them",
            rows * measured::DISK.amount * 365.0,
            Measured,
        ),
    ];
    Section { name: "records", title: "Audit log", figures }
}

fn figure(name: &'static str, what: &str, amount: f64, unit: Unit, basis: Basis) -> Figure {
    Figure { name, what: what.to_owned(), amount, unit, basis }
}

fn count(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::Count, basis)
}

fn bytes(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::Bytes, basis)
}

fn bytes_per_second(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::BytesPerSecond, basis)
}

fn per_second(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::PerSecond, basis)
}

fn seconds(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::Seconds, basis)
}

fn share(name: &'static str, what: &str, amount: f64, basis: Basis) -> Figure {
    figure(name, what, amount, Unit::Share, basis)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use adit_core::application::UpstreamCertificate;
    use adit_core::permit::Permit;
    use adit_core::{ApplicationId, ConnectorGroupId, InternalUrl};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_signed_statement_is_as_long_as_it_is_taken_to_be() {
        let url = InternalUrl::parse("http://server-123456.department.internal.example:8080/").unwrap();
        let (application, group) = (ApplicationId::new(Uuid::from_u128(1)), ConnectorGroupId::new(Uuid::from_u128(2)));
        let permit = Permit::new(application, group, &url, UpstreamCertificate::Verified, 1_795_000_000);
        let json = serde_json::to_vec(&permit).unwrap().len();
        // base64url without padding, a dot, and a signature of 72 bytes.
        let bytes = f64::from(u32::try_from((json * 4).div_ceil(3) + 1 + 96).unwrap());
        let constant = measured::STATEMENT.amount;
        assert!((bytes / constant - 1.0).abs() < 0.1, "{bytes} bytes, taken to be {constant}");
    }

    #[test]
    fn every_figure_has_a_name_of_its_own_in_its_section() {
        let plan = Plan {
            applications: u32::MAX,
            connectors: u32::MAX,
            gateways: 1,
            gateways_per_connector: u32::MAX,
            connectors_per_group: 1,
            regions: 1,
            cores: 1,
            changes_per_hour: u32::MAX,
            outage: Duration::from_secs(1),
            seed: 0,
        };
        let nowhere = Placement::draw(&Plan { connectors: 0, ..plan }, &mut fastrand::Rng::with_seed(0));
        for section in compute(&plan, &nowhere) {
            let mut names: Vec<&str> = section.figures.iter().map(|figure| figure.name).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{}", section.name);
            assert!(section.figures.iter().all(|figure| figure.amount.is_finite()), "{section:?}");
        }
    }
}
