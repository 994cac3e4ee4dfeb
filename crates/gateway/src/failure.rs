//! Why a request was not answered by its upstream: a reason for the client, a detail for the log.
//!
//! The two never mix: the detail may name addresses and certificates, the client sees the reason alone.

use adit_core::access::Denial;

use crate::reason::Reason;

/// Why a request was not answered by its upstream; the detail is for the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// What an administrator wrote for the client to read.
    pub(crate) notice: Option<String>,
}

impl Failure {
    pub(crate) fn new(reason: Reason, detail: &str) -> Self {
        Self { reason, detail: detail.to_owned(), notice: None }
    }

    /// A failure whose detail is an error with all its causes.
    pub(crate) fn caused(reason: Reason, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let detail = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Self { reason, detail, notice: None }
    }

    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::new(Reason::BadRequest, detail)
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        let detail = denial.to_string();
        let (reason, notice) = match denial {
            Denial::NotPublished { .. } => (Reason::NotPublished, None),
            Denial::Maintenance { text, .. } => (Reason::Maintenance, text.map(String::from)),
            Denial::SignInUnavailable { .. } => (Reason::SignInUnavailable, None),
        };
        Self { reason, detail, notice }
    }
}
