//! The names that both ends must agree on. A change that an older peer would misread takes a new ALPN word.

/// ALPN of a tunnel connection.
pub const TUNNEL: &[u8] = b"adit-tunnel/1";

/// ALPN of a registration: one [`crate::message::Register`], one answer.
pub const REGISTER: &[u8] = b"adit-register/1";

/// Path of the stream that carries [`crate::message::FromConnector`] and [`crate::message::FromGateway`].
pub const CONTROL_PATH: &str = "/control";

/// Path of a stream to an upstream.
pub const STREAM_PATH: &str = "/stream";

/// Path of a request by which the gateway asks for another connection: what it listened on belongs to another process
/// now. This one goes on until the gateway closes it. A request and not a message, for a connector of an earlier version
/// answers it with 404 and no more, where an unknown message would end its control stream.
pub const REDIAL_PATH: &str = "/redial";

/// Authority of all requests inside a tunnel; HTTP/2 wants one.
pub const AUTHORITY: &str = "tunnel";

/// Names the application a stream is for.
pub const APPLICATION: &str = "adit-application";

/// `host:port` that the connector dials.
pub const TARGET: &str = "adit-target";

/// `off`, `verified` or `not-verified`: whether the connector opens TLS towards the upstream.
pub const TLS: &str = "adit-tls";

/// What the control plane signed for the target: which group's connectors may dial it.
pub const PERMIT: &str = "adit-permit";

/// What the control plane signed for the connector: which group it is in.
pub const MEMBERSHIP: &str = "adit-membership";

/// What the connector offers an `https` upstream, as ALPN words with commas between; `http/1.1` where the field is not
/// there. In the answer: what was negotiated, if anything was.
pub const ALPN: &str = "adit-alpn";

/// In the answer: why the stream was not opened.
pub const REASON: &str = "adit-reason";

/// In the answer: the reason in a sentence, for logs and operators.
pub const DETAIL: &str = "adit-detail";

/// In the answer of a stream that was opened: how long connecting to the upstream took, in microseconds.
pub const CONNECTED_IN: &str = "adit-connected-in";

/// In the answer of a stream that was opened with TLS: when the upstream's certificate ends, in seconds since 1970. Older
/// connectors do not say.
pub const CERTIFICATE_ENDS: &str = "adit-certificate-ends";

/// In the trailers: how many bytes the connector handed to the upstream.
pub const DELIVERED: &str = "adit-delivered";

/// In the trailers: the upstream's end was a failure (a reset, a broken TLS session) and not an end of file. Without it
/// an answer that ends with its connection would pass for complete.
pub const BROKEN: &str = "adit-broken";
