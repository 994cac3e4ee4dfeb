//! The gateway's limits on everything that comes from outside, each with the reason for its number.

use std::time::Duration;

/// A TLS handshake takes two round trips; 5 s suffices for any link and starves no one.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// Hellos of connectors that a core answers before it does whatever else is ready. Each costs it about a millisecond, and
/// users' requests wait behind them: not behind thousands, when all connectors come back at once.
pub const TUNNEL_HANDSHAKES: usize = 4;

/// Handshakes of connectors that a core has begun and not ended. When more come than machines can do, the time of both sides
/// goes to those that are begun, and not to ever more that nobody has the time to finish.
pub const TUNNEL_PLACES: usize = 128;

/// How long a handshake keeps its place when the connector says nothing: the rest of it takes two round trips.
pub const TUNNEL_PLACE: Duration = Duration::from_secs(1);

/// How long a connector waits for its turn to shake hands. Its patience is 10 s for all of the dial: one that is let in late
/// is gone before it is answered, and where that befalls all of them nobody gets in.
pub const TUNNEL_TURN: Duration = Duration::from_secs(2);

/// For the TLS hello when only connectors are let in: it follows the connection at once.
pub(crate) const HURRIED_HELLO: Duration = Duration::from_secs(1);

/// File descriptors that no connection takes: the directory, the API, health, logs.
pub(crate) const RESERVED_FILES: usize = 64;

/// File descriptors, and connections, beyond those of clients that connectors may take: some of each of the connectors
/// of a large network, which come back at once.
pub const CONNECTOR_FILES: usize = 512;

/// Fields in a request's head; browsers send about 20.
pub(crate) const FIELDS: usize = 100;

/// Bytes of a head, of a request or an answer: room for Kerberos tickets and large cookies.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// Bytes of a request's target: what browsers and servers agree on in practice.
pub(crate) const TARGET_BYTES: usize = 8 * 1024;

/// Bytes of a request line beside its target: a method, the version.
pub(crate) const AROUND_TARGET_BYTES: usize = 64;

/// Bytes of all cookies of a request: 16 KiB of the applications' own, of at most about 4 KiB each, and what our sessions and
/// attempts to sign in take beside them. Whoever sets ours keeps to that budget ([`adit_identity::cookie::MOST_BYTES`]), or
/// a browser would be locked out by what we gave it.
pub(crate) const COOKIE_BYTES: usize = adit_identity::cookie::MOST_BYTES;

/// Bytes of chunk extensions in one body. Nobody uses them; they only make framing cost more than data.
pub(crate) const CHUNK_EXTENSION_BYTES: usize = 4 * 1024;

/// Bytes, and fields, after the last chunk of a body: a few checksums and outcomes have room many times over.
pub(crate) const TRAILER_BYTES: usize = 16 * 1024;
/// See [`TRAILER_BYTES`].
pub(crate) const TRAILER_FIELDS: usize = FIELDS;

/// Interim answers (1xx) to one request; a few early hints are usual.
pub(crate) const INTERIM_ANSWERS: usize = 32;

/// Those of them that are passed on to the client, in all attempts; what comes after them is left out.
pub(crate) const INTERIM_PASSED_ON: usize = 8;

/// Bytes of the fields of one that is passed on: some hundred links. A larger one is left out.
pub(crate) const INTERIM_BYTES: usize = 16 * 1024;

/// How long, and how much, is still read from a client whose request was refused, so that it reads the answer before it
/// finds the connection closed.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// See [`LINGER`].
pub(crate) const LINGER_BYTES: usize = 1024 * 1024;

/// How long clients may keep a gateway waiting, and what else they may not. An administrator may know slower clients, or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// For the next request on a connection: browsers keep one for minutes, and a new one costs two round trips.
    pub idle: Duration,
    /// For a request's head, from its first byte: it fits into a few packets.
    pub head: Duration,
    /// Before a request's body must keep its pace: a phone between two cells.
    pub body_grace: Duration,
    /// Bytes a second of a body: below the slowest modem, above what makes holding a connection open cheap.
    pub body_rate: u32,
    /// For the next bytes of a body, however many came before.
    pub body_pause: Duration,
    /// For the next bytes of an answer to be taken.
    pub write_stall: Duration,
    /// Bytes of answers that wait in tunnels for clients that do not take them, of all together: above it, each may have but
    /// little waiting. Sixty-four that stopped, or a thousand that have that little.
    pub unread: usize,
    /// Whether pages of other sites may not open WebSockets: browsers send an application's cookies along with those.
    pub same_origin_websockets: bool,
    /// Open connections of clients from one address (IPv6: one /64 network), WebSockets over HTTP/1.1 included: an office
    /// behind one NAT, with six for each browser. This host and trusted proxies have no limit.
    pub connections_per_address: u32,
    /// Registrations a minute from one address (IPv6: one /64 network), refused ones included: machines behind one NAT
    /// that are set up together are fewer, and those that are refused ask again.
    pub registrations_per_address: u32,
    /// Registrations a minute in all, of those that show a token that the directory knows: most cost a signature and a
    /// disk's sync.
    pub registrations: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            head: Duration::from_secs(10),
            body_grace: Duration::from_secs(10),
            body_rate: 240,
            body_pause: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            unread: 64 * 1024 * 1024,
            // Some applications have their pages elsewhere.
            same_origin_websockets: false,
            connections_per_address: 512,
            registrations_per_address: 60,
            registrations: 600,
        }
    }
}

/// Requests under way on one HTTP/2 connection.
pub(crate) const HTTP2_STREAMS: u32 = 100;

/// Bytes of a request's body under way in one HTTP/2 stream, and in one connection: what slow uploads of one client may
/// make us hold.
pub(crate) const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
/// See [`HTTP2_STREAM_WINDOW`].
pub(crate) const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of one answer that wait for an HTTP/2 client's socket.
pub(crate) const HTTP2_SEND_BUFFER: usize = 256 * 1024;

/// Streams of one HTTP/2 connection that are reset because of what the client sent on them, in all: a client that is
/// not hostile makes no such mistake twice.
pub(crate) const HTTP2_FAULTY_STREAMS: usize = 100;

/// The time for which the budgets below are given.
pub(crate) const HTTP2_BUDGET_TIME: Duration = Duration::from_secs(10);

/// Streams that a client may cancel in that time: all there can be, once. A page that is left cancels no more.
pub(crate) const HTTP2_RESETS: usize = HTTP2_STREAMS as usize;

/// SETTINGS frames in that time; browsers send one for a connection. Each costs an answer, and may cost a new table.
pub(crate) const HTTP2_SETTINGS: usize = 20;

/// Frames in that time that ask for nothing: pings, priorities, window updates, empty data, unknown ones.
pub(crate) const HTTP2_OVERHEAD_FRAMES: usize = 1000;

/// More of them for each request: priorities and windows come with requests,
pub(crate) const HTTP2_FRAMES_PER_REQUEST: usize = 4;
/// for so many bytes of a request's body: pings that measure the path come with data,
pub(crate) const HTTP2_BYTES_PER_FRAME: usize = 512;
/// for so many bytes sent to the client: two window updates for the smallest message,
pub(crate) const HTTP2_SENT_BYTES_PER_FRAME: usize = 24;
/// and so many at most, which cost a few hundredths of a second.
pub(crate) const HTTP2_EARNED_FRAMES: usize = 100_000;

/// How long a host is offered over HTTP/1.1 alone after an application of it asked for a sign-in of the connection: users
/// come back through the day, and one that asks no more is offered HTTP/2 again.
pub(crate) const HTTP1_HOST: Duration = Duration::from_secs(3600);

/// A challenge is noted anew after so long: each request of a page may bring one.
pub(crate) const HTTP1_HOST_NOTED: Duration = Duration::from_secs(60);

/// Hosts of which that is remembered, by name: a few hundred KiB.
pub(crate) const HTTP1_HOSTS: usize = 4096;

/// Of so many streams, no more than half may be cancelled.
pub(crate) const HTTP2_JUDGED_STREAMS: usize = 200;

/// An HTTP/2 connection without requests ends after this long: what browsers allow themselves.
pub(crate) const HTTP2_IDLE: Duration = Duration::from_secs(300);

/// How long a WebSocket may be without a byte in either direction, unless its application has an idle time of its own.
/// Whoever wants to keep one open sends something more often than that, a ping most of the time; this one is forgotten.
pub(crate) const WEBSOCKET_IDLE: Duration = Duration::from_secs(600);

/// How long one side of a WebSocket may go on after the other has ended: the last messages are on their way, and then a
/// goodbye, which browsers wait ten seconds for.
pub(crate) const WEBSOCKET_HALF_ENDED: Duration = Duration::from_secs(60);

/// When a connector or the gateway leaves, the WebSockets that have to end are told so within this time, each at a moment
/// of its own: their clients come back at once, and thousands in one moment would be a wave. A small part of any grace.
pub(crate) const WEBSOCKETS_TOLD_WITHIN: Duration = Duration::from_secs(1);

/// How long a WebSocket that was told to end may take to do so, if the grace of what is leaving lasts that long: what
/// browsers wait for the other side's goodbye.
pub(crate) const WEBSOCKET_FAREWELL: Duration = Duration::from_secs(10);

/// Once the gateway drains: how long an HTTP/1.1 connection without a request is still open for one, which may be on its
/// way. It is answered, and told that it was the last (`Connection: close`); HTTP/2 tells by itself. Closed at once, such a
/// connection would lose what its client sends at that moment, and a form could not be sent again.
pub(crate) const LAST_REQUEST_IN_DRAIN: Duration = Duration::from_secs(2);

/// Bytes that TLS takes at a time for a client: what a bulk stream brings at once leaves with one system call. A client
/// that reads nothing holds so much.
pub(crate) const CLIENT_TLS_BUFFER: usize = 256 * 1024;

/// Bytes of a request's body that are kept so that it can be sent again.
pub(crate) const REPLAY_BYTES: usize = 64 * 1024;

/// How long an upstream may take to ask for a body that its client holds back; older servers never ask.
pub(crate) const CONTINUE: Duration = Duration::from_secs(1);

/// Attempts for one request: the first, one on another connection, one on another connector.
pub(crate) const ATTEMPTS: usize = 3;

/// Of a request under which so many tunnels were lost, one after the other and without an answer between, it is believed
/// that it is the cause, and it is not sent again: two may be bad luck.
pub(crate) const LOSSES_OF_A_REQUEST: usize = 3;

/// Within this time.
pub(crate) const LOSSES_WITHIN: Duration = Duration::from_secs(60);

/// Requests of which losses are remembered, about 150 KiB; those beyond are treated as if nothing were known of them.
pub(crate) const LOSSES_KNOWN: usize = 1024;

/// A session that no request had in twice this time is opened anew when the next one comes; sooner where there are many.
pub(crate) const SESSION_UNASKED: Duration = Duration::from_secs(30);

/// How long an upstream connection may lie idle: below Node's 5 s, after which it closes connections.
pub(crate) const IDLE: Duration = Duration::from_secs(4);

/// The same for a request that may not be sent twice: gunicorn closes after 2 s, and whether a request that met the close
/// had its effect cannot be known.
pub(crate) const IDLE_UNREPEATABLE: Duration = Duration::from_secs(1);

/// Idle upstream connections that one core keeps for one application on one connector.
pub(crate) const IDLE_CONNECTIONS: usize = 512;

/// Upstream connections bound to a client (NTLM, Negotiate) that it keeps, one for each application of its host.
pub(crate) const BOUND_PER_CLIENT: usize = 8;

/// Clients of one core that keep bound upstream connections: each holds a stream of a tunnel, which has 4096.
pub(crate) const BOUND_CLIENTS: usize = 1024;

/// How long a bound upstream connection may lie idle: IIS closes after as long. It costs the user another handshake.
pub(crate) const BOUND_IDLE: Duration = Duration::from_secs(120);

/// How long an upstream that has answered may take nothing of what is left of its request; as long as a client may take
/// nothing of an answer.
pub(crate) const REST_STALL: Duration = Duration::from_secs(30);

/// How long a request waits for the connection it is bound to, where the last answer came before its request had ended.
pub(crate) const BOUND_READY: Duration = Duration::from_secs(5);

/// Requests at a time on one HTTP/2 connection to an upstream, if it allows as many; then another one is opened.
pub(crate) const UPSTREAM_HTTP2_STREAMS: usize = 100;

/// Requests on such a connection before the upstream has said how many it allows: the first goes at once, the others a
/// round trip later. An upstream that allows fewer than were sent refuses the rest.
pub(crate) const UPSTREAM_HTTP2_STREAMS_AT_FIRST: usize = 1;

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

/// Latencies below it are not told apart: what the machine does beside decides them.
pub(crate) const LATENCY_FLOOR: Duration = Duration::from_millis(2);

/// Latencies that differ by less than this factor count as equal, and the requests under way decide.
pub(crate) const LATENCY_NOISE: u128 = 2;

/// How many times another's latency one may count at most: one slow page must not leave a connector without its part.
pub(crate) const LATENCY_RATIO: u128 = 8;

/// After how many milliseconds half is left of a latency that was not measured again: a connector is tried again after a
/// few times that.
pub(crate) const LATENCY_HALVED: u32 = 2_000;

/// How many milliseconds lie between two answers that shorten a latency; see where it is used.
pub(crate) const LATENCY_STEP: u32 = 100;

/// How long a connector that could not connect to an application's upstream is passed over, where there is another; twice
/// as long each time in a row, and this long at most.
pub(crate) const UNREACHED_PAUSE: Duration = Duration::from_millis(250);
/// See [`UNREACHED_PAUSE`].
pub(crate) const UNREACHED_LONGEST: Duration = Duration::from_secs(10);

/// How long the one request that tries again after a pause keeps the others away, if nothing is heard of it: what a
/// connector allows itself for connecting.
pub(crate) const TRIAL: Duration = Duration::from_secs(5);

/// How many connectors of a group are looked at beside the two that were drawn, where those are passed over.
pub(crate) const LOOKED_FURTHER: usize = 16;

/// Probes under way at a time: with each of them hanging for the usual five seconds, 25 more begin each second.
pub(crate) const PROBES_AT_ONCE: usize = 128;

/// By what part of its interval a probe comes earlier or later than the last one would have it: those that began together
/// drift apart.
pub(crate) const PROBE_JITTER: f64 = 0.1;

/// How often it is looked whether there is more or less to probe.
pub(crate) const PROBES_LOOKED_AT: Duration = Duration::from_secs(1);

/// Bytes of an answer to a probe that are read, and dropped: health pages are a hundredth of it.
pub(crate) const PROBE_BODY: usize = 64 * 1024;

/// Connectors of which an application remembers how they serve it; of more, the requests under way have to do.
pub(crate) const SIGHTS: usize = 256;

/// How often it is looked whether some of that many are gone.
pub(crate) const SIGHTS_LOOKED_AT: Duration = Duration::from_secs(1);

/// The part of its share that a connector gets as soon as it is back, in percent: its connections to upstreams are cold,
/// and what it was lost by may not be over.
pub(crate) const SLOW_START_SHARE: u32 = 10;

/// In how many milliseconds its share grows by a hundredth: ten seconds until it has all of it.
pub(crate) const SLOW_START_STEP: u32 = 100;

/// A connector that was lost twice within this time must prove itself when it comes back.
pub(crate) const FLAP: Duration = Duration::from_secs(60);

/// How often the losses of a connector are logged.
pub(crate) const FLAP_LOGGED: Duration = Duration::from_secs(60);

/// Signs of life, one each [`PING`], by which such a connector proves itself.
pub(crate) const HEARTBEATS: u32 = 2;

/// A tunnel that says nothing for this long gets no new work.
pub(crate) const SILENT: Duration = Duration::from_secs(3);

/// How often a request that waits for its answer looks whether its tunnel fell silent, where it can be sent elsewhere.
pub(crate) const SILENCE_LOOKED_AT: Duration = Duration::from_millis(500);

/// A tunnel that says nothing for this long is closed.
pub(crate) const DEAD: Duration = Duration::from_secs(10);

/// How often a tunnel is asked for a sign of life.
pub const PING: Duration = Duration::from_secs(1);

/// How often a tunnel is looked at: one that would be silent for too long at the next look counts as silent now.
pub(crate) const LIFE_LOOKED_AT: Duration = Duration::from_millis(500);

/// How long a connector may take to answer that it dials once more.
pub(crate) const REDIAL: Duration = Duration::from_secs(2);

/// How long clients of a gateway that follows another one wait for the tunnels that the other one had: connectors dial at
/// once when they are asked. Those that have not come by then are away, or of a version that does not know the question.
pub(crate) const TUNNELS_AWAITED: Duration = Duration::from_secs(5);

/// Requests that wait for connectors that are away, as many as go through one connector.
pub(crate) const WAITING: usize = IN_FLIGHT as usize;

/// Of those, requests of one application.
pub(crate) const WAITING_OF_AN_APPLICATION: usize = WAITING / 4;

/// How long requests wait for a connector of a group whose last one was lost, counted from its loss: a restart takes less,
/// and a page that comes late is better than an error. (Nothing has been sent for such a request, or nothing that counts.)
pub(crate) const RETURN: Duration = Duration::from_secs(5);

/// How long a new tunnel connection may take to say hello.
pub(crate) const HELLO: Duration = Duration::from_secs(5);

/// How long a connector's process may go on with what it has begun when a newer one has come: as long as one that leaves.
pub(crate) const GIVE_WAY: Duration = Duration::from_secs(30);

/// How long a registration may take, the control plane's work included.
pub(crate) const REGISTRATION: Duration = Duration::from_secs(15);

/// The shortest time between two renewals that one connection may ask for; a connector asks once in 16 hours, and after
/// a failure once a minute.
pub(crate) const RENEWAL: Duration = Duration::from_secs(30);

/// Connections of one connector; it opens up to two by itself.
pub(crate) const CONNECTIONS_OF_A_CONNECTOR: u32 = 64;

/// Open connections, about 40 KiB each: of clients, and those still in their handshake. WebSockets are bounded by
/// [`IN_FLIGHT`] instead.
pub const CONNECTIONS: usize = 16 * 1024;

/// How often a client with an HTTP/2 connection is asked for a sign of life, and how long it has to give one: the
/// question may wait behind a long download to a slow client.
pub(crate) const HTTP2_PING: Duration = Duration::from_secs(20);
/// See [`HTTP2_PING`].
pub(crate) const HTTP2_PONG: Duration = Duration::from_secs(60);

/// Bytes of access records that a core gathers before it hands them on: few wake-ups of the thread that writes them.
pub(crate) const RECORD_BATCH: usize = 32 * 1024;

/// How long a record may wait for its batch to fill: somebody may be watching.
pub(crate) const RECORD_LINGER: Duration = Duration::from_millis(100);

/// Batches that wait to be written, about 8 MiB: a second of the busiest gateway. Beyond it records are dropped.
pub(crate) const RECORD_BATCHES: usize = 256;

/// How long the end of the gateway waits for the last records to be written.
pub(crate) const RECORDS_WRITTEN: Duration = Duration::from_secs(2);

/// Bytes of a path in a record; longer ones are cut.
pub(crate) const RECORDED_PATH: usize = 2048;

/// Bytes of a method in a record; the longest registered one has 17.
pub(crate) const RECORDED_METHOD: usize = 32;

/// Bytes of a host in a record: more than DNS allows a name to have (RFC 1035, section 2.3.4).
pub(crate) const RECORDED_HOST: usize = 255;

/// Spans a second and core that are made because a client asks for its trace to be sampled: somebody who looks for a
/// fault asks for a few, and clients that ask always must not fill the queue of all.
pub(crate) const SAMPLED_FOR_CLIENTS: u32 = 100;

/// Bytes of a failure's detail in a record.
pub(crate) const RECORDED_DETAIL: usize = 512;

/// How often a failure of one application is logged: the log tells that there is trouble, the records tell each request.
pub(crate) const FAILURE_LOGGED: Duration = Duration::from_secs(10);

/// Registrations under way at a time: guessing tokens is not worth more.
pub(crate) const REGISTRATIONS: usize = 16;

/// Connections waiting for a core; beyond it the acceptor waits, and the kernel's queue fills.
pub(crate) const HANDED_OVER: usize = 1024;

/// What the parser of a page whose links are translated may take: a tag with a picture in it fits.
pub(crate) const HTML_MEMORY: usize = 512 * 1024;

/// The largest compressed body whose links are translated, decoded; pages are a hundredth of it.
pub(crate) const DECODED_BYTES: usize = 8 * 1024 * 1024;

/// How many times its size a body may become by decoding. Pages become ten times as large, bombs a thousand.
pub(crate) const DECODED_RATIO: usize = 100;

/// What all compressed bodies that one core collects may take, with what their decoders take while they work; those beyond
/// are passed on untranslated.
pub(crate) const HELD_BYTES: usize = 64 * 1024 * 1024;

/// How long a compressed body may take until all of it is there; a page that takes longer is shown as it comes.
pub(crate) const COLLECTING: Duration = Duration::from_secs(10);

/// Applications whose uploaded certificates are asked for at once: about 2 MiB of chains and keys, if each has one.
pub(crate) const UPLOADS_ASKED_FOR: usize = 256;

/// How long after a failure uploaded certificates are asked for again.
pub(crate) const UPLOADS_PAUSE: Duration = Duration::from_secs(1);

/// How long the first connection waits for uploaded certificates; half of what a start may take.
pub(crate) const UPLOADS_AT_START: Duration = Duration::from_secs(5);

/// How often it is looked at least and at most whether certificates have become valid or ended.
pub(crate) const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// See [`LONGEST_LOOK`].
pub(crate) const SHORTEST_LOOK: Duration = Duration::from_millis(100);
