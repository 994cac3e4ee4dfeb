//! Bad requests over HTTP/2, frame by frame: what would be two requests, or another one, once it is written as HTTP/1.1
//! is refused; what is served arrives with one framing and the body that was sent. And floods of frames that are right
//! one by one: whoever sends them is told to calm down, and others do not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod downgrade;
mod flood;
mod site;
