//! HTTP/1.1 spoken by hand to upstreams: one strict parser, no task, and no copy of what passes.
//!
//! An idle connection is a value in the pool: a stream of a tunnel, and nothing read ([`connection`]). Whoever sends a
//! request over it drives both directions itself ([`client`]): head and body go out ([`outgoing`]) while the answer is
//! waited for, and the answer's body is read by whoever takes it ([`body`]), small chunks as one part ([`merging`]). What
//! is left of a request when its answer has begun gets a task, for no more than that. Heads are written and read in
//! [`head`], and where a message ends is decided by the parser that decides it for clients ([`crate::framing`]). After a
//! switch of protocols the connection is a plain stream of bytes ([`switched`]).
//!
//! Invariant: a connection serves another request only after an answer that came whole, with its request sent whole and
//! nothing behind the answer. Dropped at any other moment it is reset.

pub(crate) mod body;
pub(crate) mod client;
mod connection;
pub(crate) mod head;
mod merging;
mod outgoing;
pub(crate) mod switched;
mod wire;

use std::io;

use crate::framing::refusal::Refusal;
use crate::replay;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the upstream's connection broke")]
    Broken(#[from] io::Error),
    #[error("the upstream's connection ended before its answer")]
    Ended,
    /// What the upstream sent is not let through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the request's body")]
    Body(#[source] Box<replay::BodyError>),
    #[error("a request's body that is not as long as it was said to be")]
    Length,
    #[error("cut off: the time to finish is over")]
    Cut,
}

/// A request without an answer.
#[derive(Debug)]
pub(crate) struct NotSent {
    /// It is certain that none of it was sent.
    pub(crate) not_begun: bool,
    pub(crate) error: Error,
}

#[cfg(test)]
mod tests;
