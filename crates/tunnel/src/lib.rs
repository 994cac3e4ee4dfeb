//! Both ends of the tunnel between a connector and a gateway.
//!
//! The connector dials the gateway (TLS 1.3, both sides authenticated, ALPN [`protocol::TUNNEL`]); on that connection
//! the gateway is the HTTP/2 client and the connector the server. Each stream is one upstream connection: a request
//! whose head names the target ([`target::Target`]) and whose body carries bytes both ways. HTTP of the application is
//! parsed by the gateway alone; the connector copies bytes and counts them.
//!
//! - [`carrier`]: the HTTP/2 settings of both ends, in one place because they must agree;
//! - `joined`: what HTTP/2 writes, joined into fewer system calls and TLS records;
//! - [`connection`]: the connection beneath, at both ends: TCP, or what stands in for it;
//! - [`socket`]: that connection with what TLS needs of it: read ahead, counted, and able to move to another runtime;
//! - [`stream`]: the gateway's end of one stream, as a byte stream with an account of what became of it;
//! - [`unread`]: what waits for readers of streams, and how much of it there may be;
//! - [`target`]: the head of a stream and the reasons for which one is not opened;
//! - [`message`]: what both sides tell each other beside the streams, and registration.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod carrier;
pub mod connection;
mod joined;
pub mod message;
pub mod protocol;
pub mod socket;
pub mod stream;
pub mod target;
pub mod unread;
