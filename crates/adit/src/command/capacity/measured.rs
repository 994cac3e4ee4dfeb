//! What plans are computed from: figures that were measured on this product, each with where it was measured, and a few
//! that were not, which say so.
//!
//! All of them were measured on one machine with two cores of an Intel Xeon at a cloud provider, shared with other work;
//! another machine has others. When a measurement is repeated, its constant here is changed with it.

use super::figure::{Basis, Unit};

/// A figure that others are computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Constant {
    /// What programs find it by.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) what: &'static str,
    pub(super) amount: f64,
    pub(super) unit: Unit,
    pub(super) basis: Basis,
    /// Where it was measured, or what it is taken to be and why.
    pub(super) source: &'static str,
}

/// A KiB in bytes.
const KIB: f64 = 1024.0;

/// Memory of a snapshot for each published application, in bytes: `cargo xtask bench snapshot`, a million applications and a
/// hundred thousand connectors (`docs/measurements.md`, "A large directory in a gateway").
pub(super) const SNAPSHOT_MEMORY: Constant = Constant {
    name: "snapshotMemoryPerApplication",
    what: "memory of the snapshot for an application",
    amount: 1_441.0,
    unit: Unit::Bytes,
    basis: Basis::Measured,
    source: "bench snapshot, 2026-11-23",
};

/// Memory of what a gateway makes of a snapshot, for each application, in bytes: the same measurement.
pub(super) const SERVING_MEMORY: Constant = Constant {
    name: "servingMemoryPerApplication",
    what: "memory of what a gateway makes of it",
    amount: 1_330.0,
    unit: Unit::Bytes,
    basis: Basis::Measured,
    source: "bench snapshot, 2026-11-23",
};

/// CPU time of a gateway for one change of the directory among a million applications, in seconds: the median of the
/// slowest kind of change with a thousand tunnels, of the same measurement. What is read from the database comes on top.
pub(super) const CHANGE_CPU: Constant = Constant {
    name: "changeCpuPerGateway",
    what: "CPU of a gateway for a change",
    amount: 1.34e-3,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "bench snapshot, 2026-11-23",
};

/// The same of a connector that gets another group, where a hundred thousand connectors have a tunnel to one gateway.
pub(super) const CROWDED_CHANGE_CPU: Constant = Constant {
    name: "crowdedChangeCpu",
    what: "the same of a connector, with 100,000 tunnels",
    amount: 0.198,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "bench snapshot, 2026-11-23",
};

/// CPU time of a signature under a statement, in seconds: the same measurement.
pub(super) const SIGNATURE_CPU: Constant = Constant {
    name: "signatureCpu",
    what: "CPU of a signature under a statement",
    amount: 20e-6,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "bench snapshot, 2026-11-23",
};

/// Memory of a gateway for an idle connector with one connection, in bytes: `bench/README.md`, "Idle connectors".
pub(super) const TUNNEL_MEMORY: Constant = Constant {
    name: "tunnelMemory",
    what: "memory of a gateway for an idle connector",
    amount: 45.91 * KIB,
    unit: Unit::Bytes,
    basis: Basis::Measured,
    source: "bench connectors, 2026-11-22",
};

/// The same with two connections, as a connector has that was asked for something, in bytes: `docs/measurements.md`, "Idle
/// connectors".
pub(super) const BUSY_TUNNEL_MEMORY: Constant = Constant {
    name: "busyTunnelMemory",
    what: "the same, once something was asked of it",
    amount: 83.0 * KIB,
    unit: Unit::Bytes,
    basis: Basis::Measured,
    source: "bench connectors, 2026-11-22",
};

/// CPU time of a gateway in a second for one idle tunnel of a thousand, which is pings of both sides, in seconds:
/// `docs/measurements.md`, "What a tunnel costs".
pub(super) const IDLE_TUNNEL_CPU: Constant = Constant {
    name: "idleTunnelCpuPerSecond",
    what: "CPU of a gateway for an idle tunnel of 1,000, each second",
    amount: 72e-6,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "herd of 1,000, 2026-11-23",
};

/// The same of ten thousand: of many, more are looked at with each wake-up.
pub(super) const IDLE_TUNNEL_CPU_OF_MANY: Constant = Constant {
    name: "idleTunnelCpuPerSecondOfMany",
    what: "the same of 10,000",
    amount: 33e-6,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "herd of 10,000, 2026-11-23",
};

/// CPU time of a gateway for a connector that comes back, in seconds: all that its process took for ten thousand until the
/// last was back, by their number, so with the first pings and a few users' requests. Presence was noted in memory, and not
/// in a database. `docs/measurements.md`, "What a tunnel costs".
pub(super) const HANDSHAKE_CPU: Constant = Constant {
    name: "handshakeCpu",
    what: "CPU of a gateway for a connector that comes back",
    amount: 1.8e-3,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "herd of 10,000, 2026-11-23",
};

/// CPU time of that connector and of the relay that stood for its network, in seconds, by the same measurement. It counts
/// only where they share the gateway's cores, as in the test that the simulation is compared with.
pub(super) const CONNECTOR_HANDSHAKE_CPU: Constant = Constant {
    name: "connectorHandshakeCpu",
    what: "CPU of that connector",
    amount: 1.7e-3,
    unit: Unit::Seconds,
    basis: Basis::Measured,
    source: "herd of 10,000, 2026-11-23",
};

/// The part of a gateway's CPU time for a handshake that is its answer to the hello: the key exchange and the signature.
/// Assumed; the limits of the gateway are made for an answer that is the dearest part.
pub(super) const ANSWER_SHARE: Constant = Constant {
    name: "answerShare",
    what: "the part of it that is the answer to the hello",
    amount: 0.6,
    unit: Unit::Share,
    basis: Basis::Assumed,
    source: "never measured by itself",
};

/// A round trip between connector and gateway, in seconds. Assumed.
pub(super) const ROUND_TRIP: Constant = Constant {
    name: "roundTrip",
    what: "a round trip between connector and gateway",
    amount: 0.02,
    unit: Unit::Seconds,
    basis: Basis::Assumed,
    source: "a gateway in the same part of the world",
};

/// Writes a second that the directory takes on SQLite when many write at once: `docs/measurements.md`, "A large directory",
/// POST a group with 32 clients.
pub(super) const WRITES: Constant = Constant {
    name: "writesPerSecond",
    what: "writes of SQLite, 32 writers at once",
    amount: 5_291.0,
    unit: Unit::PerSecond,
    basis: Basis::Measured,
    source: "bench directory, 2026-11-21",
};

/// The same when one writes after the other, as a gateway does that tells which tunnels are up.
pub(super) const WRITES_IN_TURN: Constant = Constant {
    name: "writesPerSecondInTurn",
    what: "writes of SQLite, one after the other",
    amount: 1_264.0,
    unit: Unit::PerSecond,
    basis: Basis::Measured,
    source: "bench directory, 2026-11-21",
};

/// The same where each sync takes 4 ms longer, as with a disk or a replica across a network: `docs/measurements.md`.
pub(super) const WRITES_FAR: Constant = Constant {
    name: "writesPerSecondSlowSync",
    what: "writes of SQLite, 32 at once, each sync 4 ms longer",
    amount: 1_496.0,
    unit: Unit::PerSecond,
    basis: Basis::Measured,
    source: "bench directory, 2026-11-21",
};

/// Bytes of the database file for each object, with its entries in the change log and the audit log: 1.3 GiB for 1,102,000
/// objects (`docs/measurements.md`, "A large directory").
pub(super) const DISK: Constant = Constant {
    name: "diskPerObject",
    what: "disk for an object with its change and audit record",
    amount: 1.3 * KIB * KIB * KIB / 1_102_000.0,
    unit: Unit::Bytes,
    basis: Basis::Measured,
    source: "bench directory, 2026-11-21",
};

/// Bytes of an application on the way to a gateway besides its signed statement: ids, names, URLs, settings. Assumed:
/// nothing carries a snapshot between processes.
pub(super) const APPLICATION_WIRE: Constant = Constant {
    name: "applicationWireBytes",
    what: "an application on the wire, without its statement",
    amount: 600.0,
    unit: Unit::Bytes,
    basis: Basis::Assumed,
    source: "about 20 settings as JSON",
};

/// The same of a connector: its id, its group, its key generation.
pub(super) const CONNECTOR_WIRE: Constant = Constant {
    name: "connectorWireBytes",
    what: "a connector on the wire, without its statement",
    amount: 150.0,
    unit: Unit::Bytes,
    basis: Basis::Assumed,
    source: "two ids and a number as JSON",
};

/// Bytes of a signed statement, of an application or a connector: its JSON in base64url, and a signature of 96 characters.
/// A test makes real ones.
pub(super) const STATEMENT: Constant = Constant {
    name: "statementBytes",
    what: "a signed statement",
    amount: 350.0,
    unit: Unit::Bytes,
    basis: Basis::Counted,
    source: "a real one",
};

/// Bytes a second from the control plane to one gateway. Assumed.
pub(super) const LINK: Constant = Constant {
    name: "linkBytesPerSecond",
    what: "the network from the control plane to a gateway",
    amount: 125_000_000.0,
    unit: Unit::BytesPerSecond,
    basis: Basis::Assumed,
    source: "1 Gbit/s",
};

/// The time between two gateways of a rolling restart, in seconds. Assumed: an administrator's choice.
pub(super) const ROLLING_PAUSE: Constant = Constant {
    name: "rollingRestartPause",
    what: "between two gateways of a rolling restart",
    amount: 60.0,
    unit: Unit::Seconds,
    basis: Basis::Assumed,
    source: "an administrator's choice",
};

/// All of them.
pub(super) const ALL: [Constant; 22] = [
    SNAPSHOT_MEMORY,
    SERVING_MEMORY,
    CHANGE_CPU,
    CROWDED_CHANGE_CPU,
    SIGNATURE_CPU,
    TUNNEL_MEMORY,
    BUSY_TUNNEL_MEMORY,
    IDLE_TUNNEL_CPU,
    IDLE_TUNNEL_CPU_OF_MANY,
    HANDSHAKE_CPU,
    CONNECTOR_HANDSHAKE_CPU,
    ANSWER_SHARE,
    ROUND_TRIP,
    WRITES,
    WRITES_IN_TURN,
    WRITES_FAR,
    DISK,
    APPLICATION_WIRE,
    CONNECTOR_WIRE,
    STATEMENT,
    LINK,
    ROLLING_PAUSE,
];
