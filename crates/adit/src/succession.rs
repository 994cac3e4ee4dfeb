//! One server follows another on the same data folder, and on the same listening sockets: no connection is refused, and
//! the data path goes on all the time.
//!
//! The server that runs listens on a socket in its data folder; the one that follows it asks there for everything. Then, in
//! this order: the old one's API finishes what is under way, its directory is closed and the folder unlocked (one writer,
//! always), and the listening sockets are given away; its gateway goes on by its last snapshot. The new one opens the
//! directory and accepts. The old one accepts no more and asks its connectors to dial once more; clients of the new one
//! wait until they have. Only then does the old one drain. A new one that breaks down before that is followed by the old
//! process itself.

mod channel;
mod heir;
mod listeners;
mod predecessor;

use adit_core::ConnectorId;
use serde::{Deserialize, Serialize};

pub(crate) use heir::{Heir, HeirSocket};
pub(crate) use listeners::{Listeners, Role};
pub(crate) use predecessor::Predecessor;

/// What a server begins with, beside its data folder.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    /// Sockets that listen already.
    pub(crate) listeners: Listeners,
    /// The connectors that have tunnels to the server before it.
    pub(crate) connectors: Vec<ConnectorId>,
}

/// What the server that follows says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromHeir {
    /// It wants everything.
    TakeOver {
        /// Its version.
        version: String,
    },
    /// It accepts connections.
    Serving,
    /// The connectors have come: the old one may drain.
    Settled,
}

/// What the server that is followed says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromPredecessor {
    /// The folder is free, and here are the sockets, in the order of their names.
    Yours {
        /// What each socket is for.
        listeners: Vec<Role>,
        /// The connectors that have tunnels.
        connectors: Vec<String>,
    },
}
