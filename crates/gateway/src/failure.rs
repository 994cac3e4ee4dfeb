//! Why a request was not answered by its upstream: a reason for the client, a detail for the log.
//!
//! The two never mix: the detail may name addresses and certificates, the client sees the reason alone.

use adit_core::access::{Denial, Refused};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::reason::Reason;

/// Why a request was not answered by its upstream; the detail is for the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// What the client is to read beside that: an administrator's text, or who they are signed in as.
    pub(crate) notice: Option<String>,
    /// What its answer has in its head beside the usual.
    pub(crate) head: Option<Box<FailureHead>>,
}

/// What is particular to the head of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FailureHead {
    /// The status, where it is not the reason's: a browser is sent elsewhere.
    pub(crate) status: Option<StatusCode>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl FailureHead {
    /// Adds a field to an answer's head.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.fields {
            headers.append(name, value.clone());
        }
    }
}

impl Failure {
    pub(crate) fn new(reason: Reason, detail: &str) -> Self {
        Self { reason, detail: detail.to_owned(), notice: None, head: None }
    }

    /// A failure whose detail is an error with all its causes.
    pub(crate) fn caused(reason: Reason, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let detail = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Self { reason, detail, notice: None, head: None }
    }

    /// The same with a field in the head of its answer; a value that cannot be one is left out.
    pub(crate) fn with_field(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.head.get_or_insert_default().fields.push((name, value));
        }
        self
    }

    /// The same with another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.head.get_or_insert_default().status = Some(status);
        self
    }

    /// The same with a sentence for the client.
    pub(crate) fn with_notice(mut self, notice: String) -> Self {
        self.notice = Some(notice);
        self
    }

    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.head.as_ref().and_then(|head| head.status).unwrap_or(self.reason.status())
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
        Self { reason, detail, notice, head: None }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let reason = match refused {
            Refused::Closed(denial) => return denial.into(),
            Refused::SignInRequired { .. } => Reason::SignInRequired,
            Refused::SignInDisabled { .. } => Reason::SignInDisabled,
            Refused::NotAssigned { .. } => Reason::NotAssigned,
            Refused::Disabled { .. } => Reason::UserDisabled,
        };
        Self::new(reason, &detail)
    }
}
