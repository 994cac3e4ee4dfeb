//! Which version of HTTP an upstream is spoken to in.

use serde::{Deserialize, Serialize};

/// Which version of HTTP an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamProtocol {
    /// HTTP/1.1, and HTTP/2 for what cannot do without it, which is gRPC.
    #[default]
    Automatic,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 for everything but WebSockets and connection-bound sign-in: over `http` without asking first (prior
    /// knowledge), over `https` as the only offer of the TLS hello.
    Http2,
}

/// A word that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is none of automatic, http1 and http2")]
pub struct UnknownProtocol(pub String);

impl UpstreamProtocol {
    /// The word that it is set and stored by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`UnknownProtocol`] for any other.
    pub fn parse(word: &str) -> Result<Self, UnknownProtocol> {
        let all = [Self::Automatic, Self::Http1, Self::Http2];
        all.into_iter().find(|protocol| protocol.as_str() == word).ok_or_else(|| UnknownProtocol(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_and_stored_as_it_is_written() {
        for protocol in [UpstreamProtocol::Automatic, UpstreamProtocol::Http1, UpstreamProtocol::Http2] {
            assert_eq!(UpstreamProtocol::parse(protocol.as_str()), Ok(protocol));
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.as_str());
        }
        assert_eq!(UpstreamProtocol::parse("spdy"), Err(UnknownProtocol("spdy".to_owned())));
    }
}
