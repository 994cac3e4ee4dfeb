//! Data of an answer that came together, as one part.
//!
//! Invariant: nothing waits for more; what was received is handed on at once.

use std::mem;

use bytes::{Bytes, BytesMut};

/// Data that came together and is smaller is handed on as one part: an upstream that writes event by event makes a chunk
/// of each, and where chunks begin and end has no meaning (RFC 9112, section 7.1).
const MERGED: usize = 4 * 1024;

/// Data of an answer that came together.
#[derive(Debug, Default)]
pub(super) struct Merging {
    first: Bytes,
    all: BytesMut,
}

impl Merging {
    /// Whether there is so much that the next is not added.
    pub(super) fn is_enough(&self) -> bool {
        self.first.len().max(self.all.len()) >= MERGED
    }

    /// Adds a part, behind which so many bytes were received.
    pub(super) fn add(&mut self, part: Bytes, behind: usize) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = part;
            return;
        }
        if self.all.is_empty() {
            self.all.reserve(self.first.len() + part.len() + behind.min(MERGED));
            self.all.extend_from_slice(&mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&part);
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}
