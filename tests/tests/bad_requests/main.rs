//! Bad HTTP/1.1 requests, as raw bytes, against a running gateway and an upstream that counts: what has no single
//! meaning is refused and the connection closed, what is served has one framing and the upstream sees the same one, and
//! no byte of a body is ever taken for a request.
//!
//! Each case is followed by an ordinary request in the same write. After a refusal nobody may see it; after an answer
//! it must be answered as well, which shows that both sides agree where the first request ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod body;
mod chunk;
mod content_length;
mod header_truth;
mod place;
mod site;
mod structure;
mod transfer_encoding;
