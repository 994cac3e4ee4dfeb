//! HTTP/2 spoken by hand on top of its frames: what a library of both versions has no place for, interim answers above all.
//!
//! Streams, windows and tables are the frame library's. Here is what makes messages of them: a body that is received
//! ([`body`]) and one that is sent ([`send`]), no faster than the windows allow; the server of a client's connection
//! ([`server`]) and the requests to an upstream ([`client`]); one stream as a connection of its own, for WebSockets
//! ([`stream`]).

pub(crate) mod body;
pub(crate) mod client;
mod pulse;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod stream;

use h2::Reason;

/// The code with which a stream is reset that failed like this: that of the stream that was behind it, if there was one.
/// Not those by which an upstream says how the gateway may send a request again: its client has the answer's head by now.
fn code_of(error: &(dyn std::error::Error + 'static)) -> Reason {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<h2::Error>())
        .filter(|error| !error.is_remote() || !may_be_sent_again(error))
        .and_then(h2::Error::reason)
        .unwrap_or(Reason::INTERNAL_ERROR)
}

fn may_be_sent_again(error: &h2::Error) -> bool {
    matches!(error.reason(), Some(Reason::REFUSED_STREAM | Reason::HTTP_1_1_REQUIRED))
}
