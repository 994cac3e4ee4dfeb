//! The harness of the whole-product tests: real processes, real sockets, real clients.
//!
//! A test says what it needs in one expression (`Directory::start()`, `.connector("one")`, `.publish(...)`), speaks to
//! it as a client would, and drops it: every child process is killed and every folder removed on drop. Nothing here
//! depends on a crate of the product, so that a test sees what a user sees: the command line, HTTP and files.
//!
//! Everything listens on loopback and on ports that the system chose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a harness that cannot set up its test must stop there and say where"
)]

pub mod application;
pub mod authority;
pub mod browser;
pub mod clock;
pub mod command;
pub mod connector;
pub mod deadline;
pub mod directory;
pub mod graph;
pub mod http;
pub mod http2;
pub mod javascript;
pub mod load;
pub mod memory;
pub mod mixed;
pub mod namespace;
pub mod network;
pub mod ntlm;
pub mod pair;
pub mod pattern;
pub mod pebble;
pub mod process;
pub mod proxy;
pub mod published;
pub mod python;
pub mod registrar;
pub mod scratch;
pub mod scripted;
pub mod site;
pub mod socket_owner;
pub mod upstream;
pub mod websocket;
pub mod wrk;

pub use connector::ConnectorProcess;
pub use deadline::{eventually, settles};
pub use directory::Directory;
pub use graph::Graph;
pub use pair::Pair;
pub use process::Process;
pub use scratch::{Scratch, repository, target};
pub use scripted::Scripted;
pub use upstream::Upstream;

/// Whether the long counts were asked for (`cargo xtask test --long`).
#[must_use]
pub fn long() -> bool {
    std::env::var_os("ADIT_TEST_LONG").is_some_and(|value| value == "1")
}
