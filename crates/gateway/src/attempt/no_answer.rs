//! Why an attempt has no answer, over either version of HTTP, and what that says of its connection and its request.

use adit_tunnel::stream::StreamAccount;

use crate::connect;
use crate::failure::Failure;
use crate::framing::refusal::Refusal;
use crate::http1;
use crate::reason::Reason;

/// An attempt without an answer.
#[derive(Debug)]
pub(crate) struct NotAnswered {
    /// It is certain that none of it was sent.
    pub(crate) not_sent: bool,
    pub(crate) error: NoAnswer,
}

/// What there was instead of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(transparent)]
    Http1(http1::Error),
    #[error("HTTP/2")]
    Http2(#[source] h2::Error),
    /// What came before it was too much, or not what it may be.
    #[error(transparent)]
    Refused(Refusal),
}

impl NoAnswer {
    const fn http2(&self) -> Option<&h2::Error> {
        match self {
            Self::Http2(error) => Some(error),
            Self::Http1(_) | Self::Refused(_) => None,
        }
    }

    /// What to tell of it, by what is known of the stream that it went over.
    pub(crate) fn failure(&self, account: &StreamAccount) -> Failure {
        match account.failure() {
            Some(failure) => connect::opening_failed(failure),
            None if self.is_invalid() => Failure::caused(Reason::UpstreamInvalid, self),
            None if account.ended_in_order() || self.is_remote() => Failure::caused(Reason::UpstreamClosed, self),
            None => Failure::caused(Reason::TunnelLost, self),
        }
    }

    /// Whether this side found fault with what the upstream sent.
    fn is_invalid(&self) -> bool {
        match self {
            Self::Http1(error) => matches!(error, http1::Error::Refused(_)),
            Self::Http2(error) => error.is_library() && (error.is_reset() || error.is_go_away()),
            Self::Refused(_) => true,
        }
    }

    /// Whether the upstream ended it by HTTP/2's own means.
    fn is_remote(&self) -> bool {
        self.http2().is_some_and(h2::Error::is_remote)
    }

    /// Whether the upstream says that it has not looked at the request: it refused the stream (RFC 9113, section 8.7), or
    /// is going away and names an earlier stream as its last (section 6.8). One that goes away with an error proves
    /// nothing.
    pub(super) fn was_not_processed(&self) -> bool {
        let says_so = |error: &h2::Error| {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let beyond_last = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            error.is_remote() && (refused || beyond_last)
        };
        self.http2().is_some_and(says_so)
    }

    /// Whether this request alone has ended, and its connection is as good as before.
    pub(super) fn is_of_one_stream(&self) -> bool {
        match self {
            Self::Http1(_) => false,
            Self::Http2(error) => {
                error.is_remote() && error.is_reset() && error.reason() != Some(h2::Reason::REFUSED_STREAM)
            }
            Self::Refused(_) => true,
        }
    }
}
