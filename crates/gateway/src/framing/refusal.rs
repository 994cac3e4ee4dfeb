//! Why a message was not let through.

use crate::failure::Failure;
use crate::reason::Reason;

/// What is wrong with a message, or with how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a line that ends in a bare LF")]
    BareLineFeed,
    #[error("an empty line before the message")]
    EmptyLineFirst,
    #[error("a folded field")]
    FoldedField,
    #[error("no request line")]
    BadRequestLine,
    #[error("no status line")]
    BadStatusLine,
    #[error("a version that is neither HTTP/1.1 nor HTTP/1.0")]
    Version,
    #[error("a method that ends at this hop")]
    Method,
    #[error("a request target beyond the limit")]
    TargetTooLong,
    #[error("a head beyond the limit")]
    HeadTooLarge,
    #[error("a field that is not well formed")]
    BadField,
    #[error("more fields than the limit")]
    TooManyFields,
    #[error("a Content-Length that is not plain digits")]
    BadLength,
    #[error("more than one Content-Length")]
    TwoLengths,
    #[error("a Transfer-Encoding that is not 'chunked' alone")]
    BadCoding,
    #[error("Transfer-Encoding beside Content-Length")]
    LengthBesideCoding,
    #[error("Transfer-Encoding in HTTP/1.0")]
    CodingInOldVersion,
    #[error("a name that could be taken for Content-Length or Transfer-Encoding")]
    FramingTwin,
    #[error("an upgrade with a body")]
    UpgradeWithBody,
    #[error("a chunk that is not well formed")]
    BadChunk,
    #[error("chunk extensions beyond the limit")]
    ExtensionsTooLong,
    #[error("trailers that are not well formed or beyond the limit")]
    BadTrailers,
    #[error("a switch of protocols that was not asked for")]
    UnaskedSwitch,
    #[error("too many interim answers")]
    TooManyInterim,
    #[error("bytes that answer no request")]
    UnaskedBytes,
    #[error("a head that did not come in time")]
    TooSlow,
    #[error("the guard and the HTTP library do not agree where a request begins")]
    Disagreement,
}

impl Refusal {
    /// The answer to a client.
    pub(crate) fn into_failure(self) -> Failure {
        let reason = match self {
            Self::Version => Reason::VersionNotSupported,
            Self::Method => Reason::MethodNotAllowed,
            Self::TargetTooLong => Reason::TargetTooLong,
            Self::HeadTooLarge | Self::TooManyFields => Reason::HeadTooLarge,
            Self::TooSlow => Reason::RequestTimeout,
            _ => Reason::BadRequest,
        };
        Failure::new(reason, &self.to_string())
    }
}

impl From<Refusal> for std::io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, refusal)
    }
}
