//! The gateway's limits on everything that comes from outside, each with the reason for its number.

use std::time::Duration;

/// A TLS handshake takes two round trips; 5 s suffices for any link and starves no one.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);

/// The longest wait for a request's head, idle keep-alive included.
pub(crate) const HEAD: Duration = Duration::from_secs(30);

/// Fields in a request's head; browsers send about 20.
pub(crate) const FIELDS: usize = 100;

/// Bytes of a request's head: room for Kerberos tickets and large cookies.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// Requests under way on one HTTP/2 connection.
pub(crate) const HTTP2_STREAMS: u32 = 100;

/// Bytes under way in one HTTP/2 stream, and in one connection, from a browser.
pub(crate) const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;
/// See [`HTTP2_STREAM_WINDOW`].
pub(crate) const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of a request's body that are kept so that it can be sent again.
pub(crate) const REPLAY_BYTES: usize = 64 * 1024;

/// How long an upstream may take to ask for a body that its client holds back; older servers never ask.
pub(crate) const CONTINUE: Duration = Duration::from_secs(1);

/// Attempts for one request: the first, one on another connection, one on another connector.
pub(crate) const ATTEMPTS: usize = 3;

/// How long an upstream connection may lie idle: below Node's 5 s, after which it closes connections.
pub(crate) const IDLE: Duration = Duration::from_secs(4);

/// Idle upstream connections that one core keeps for one application on one connector.
pub(crate) const IDLE_CONNECTIONS: usize = 512;

/// Upstream connections bound to a client (NTLM, Negotiate) that it keeps, one for each application of its host.
pub(crate) const BOUND_PER_CLIENT: usize = 8;

/// Clients of one core that keep bound upstream connections: each holds a stream of a tunnel, which has 4096.
pub(crate) const BOUND_CLIENTS: usize = 1024;

/// How long a bound upstream connection may lie idle: IIS closes after as long. It costs the user another handshake.
pub(crate) const BOUND_IDLE: Duration = Duration::from_secs(120);

/// How long a request waits for the connection it is bound to, where the last answer came before its request had ended.
pub(crate) const BOUND_READY: Duration = Duration::from_secs(5);

/// Requests at a time on one HTTP/2 connection to an upstream, if it allows as many; then another one is opened.
pub(crate) const UPSTREAM_HTTP2_STREAMS: usize = 100;

/// HTTP/2 connections of one core to one application through one connector; with all of them full, requests are refused.
pub(crate) const UPSTREAM_HTTP2_CONNECTIONS: usize = 16;

/// How long an HTTP/2 connection to an upstream may be idle. Its end is announced, so no request is lost with it.
pub(crate) const UPSTREAM_HTTP2_IDLE: Duration = Duration::from_secs(60);

/// Bytes under way in one stream of an HTTP/2 upstream: as many as in the tunnel's stream, 20 MB/s at 50 ms.
pub(crate) const UPSTREAM_HTTP2_STREAM_WINDOW: u32 = 1 << 20;

/// Bytes under way on one such connection: never the limit, or a few slow readers would stop the others.
pub(crate) const UPSTREAM_HTTP2_CONNECTION_WINDOW: u32 = 128 << 20;

/// Bytes of one request that wait for such a connection.
pub(crate) const UPSTREAM_HTTP2_SEND_BUFFER: usize = 256 * 1024;

/// How long an upstream that chose HTTP/1.1 is not asked for HTTP/2 again.
pub(crate) const UPSTREAM_HTTP1_REMEMBERED: Duration = Duration::from_secs(60);

/// Requests under way through one connector; above it they are refused, never queued without bound.
pub(crate) const IN_FLIGHT: u32 = 8192;

/// A tunnel that says nothing for this long gets no new work.
pub(crate) const SILENT: Duration = Duration::from_secs(3);

/// A tunnel that says nothing for this long is closed.
pub(crate) const DEAD: Duration = Duration::from_secs(10);

/// How often a tunnel is asked for a sign of life.
pub(crate) const PING: Duration = Duration::from_secs(1);

/// How long a new tunnel connection may take to say hello.
pub(crate) const HELLO: Duration = Duration::from_secs(5);

/// How long a registration may take, the control plane's work included.
pub(crate) const REGISTRATION: Duration = Duration::from_secs(15);

/// The shortest time between two renewals that one connection may ask for; a connector asks once in 16 hours, and after
/// a failure once a minute.
pub(crate) const RENEWAL: Duration = Duration::from_secs(30);

/// Connections of one connector; it opens two by itself.
pub(crate) const CONNECTIONS_OF_A_CONNECTOR: u32 = 64;

/// Open connections, about 40 KiB each: of clients, and those still in their handshake. WebSockets are bounded by
/// [`IN_FLIGHT`] instead.
pub(crate) const CONNECTIONS: usize = 16 * 1024;

/// How often a client with an HTTP/2 connection is asked for a sign of life, and how long it has to give one: the
/// question may wait behind a long download to a slow client.
pub(crate) const HTTP2_PING: Duration = Duration::from_secs(20);
/// See [`HTTP2_PING`].
pub(crate) const HTTP2_PONG: Duration = Duration::from_secs(60);

/// Registrations under way at a time: guessing tokens is not worth more.
pub(crate) const REGISTRATIONS: usize = 16;

/// Connections waiting for a core; beyond it the acceptor waits, and the kernel's queue fills.
pub(crate) const HANDED_OVER: usize = 1024;
