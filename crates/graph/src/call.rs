//! One authorised request, taken apart: what an operation works from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_control::{ControlPlane, Expected, Target};
use adit_core::OperationContext;
use adit_core::explain::Explainer;
use adit_core::health::HealthReporter;
use adit_identity::{TokenKind, VerifiedToken};
use adit_odata::body;
use adit_odata::{Document, EntityType, Metadata, Query, QueryOptions, ResourcePath};
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::model::MODEL;
use crate::permission::{Held, Permission};
use crate::preference::Preference;
use crate::scope::Scope;
use crate::skip_token::PageKey;

/// How many lists and entities one answer may have by expansion.
pub(crate) const EXPANDED_AT_ONCE: usize = 20_000;

/// A request that its sender may make.
pub(crate) struct Call {
    pub(crate) control: ControlPlane,
    /// Who says what a request would meet.
    pub(crate) explainer: Arc<dyn Explainer>,
    /// Who says how groups and applications are.
    pub(crate) health: Arc<dyn HealthReporter>,
    pub(crate) context: OperationContext,
    pub(crate) token: VerifiedToken,
    pub(crate) method: Method,
    pub(crate) path: ResourcePath,
    /// The path with the names of its keys: which collection or object it is about.
    pub(crate) pattern: &'static str,
    pub(crate) scope: Scope,
    pub(crate) options: QueryOptions,
    /// Scheme, host and version, without a slash at the end: what URLs in the answer start with.
    pub(crate) base: String,
    /// The URL of the request without its query, on the same origin.
    pub(crate) url: String,
    /// The query as it came.
    pub(crate) query: String,
    pub(crate) metadata: Metadata,
    pub(crate) preferred: Preference,
    /// What `If-Match` demands of the object that the request changes.
    pub(crate) expected: Expected,
    pub(crate) body: Option<Value>,
    /// By which skip tokens are authenticated.
    pub(crate) page_key: PageKey,
    /// How many lists and entities may still be expanded.
    pub(crate) expandable: AtomicUsize,
}

impl Call {
    /// Refuses what its sender may not do besides what the path is about.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), GraphError> {
        match permission.held_by(&self.token) {
            Held::Whole => Ok(()),
            Held::OwnedOnly | Held::NotAtAll => Err(GraphError::forbidden(permission)),
        }
    }

    /// Takes from what one request may expand, so that nobody makes the whole directory of one answer.
    pub(crate) fn spend(&self, expanded: usize) -> Result<(), GraphError> {
        let left =
            self.expandable.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(expanded));
        left.map(|_| ()).map_err(|_| {
            GraphError::unsupported_query(format!(
                "The answer would have more than {EXPANDED_AT_ONCE} expanded lists and entities; ask for a smaller page."
            ))
        })
    }

    /// The object to change, at the revision that the request demands.
    pub(crate) fn at<I>(&self, id: I) -> Target<I> {
        Target::at(id, self.expected.clone())
    }

    /// Writes the answer's JSON.
    pub(crate) fn document(&self) -> Document<'_> {
        Document { base: &self.base, metadata: self.metadata, model: &MODEL }
    }

    /// The query options, checked against the type `on`.
    pub(crate) fn query_on(&self, on: &'static EntityType) -> Result<Query, GraphError> {
        Ok(Query::parse(&self.options, on, &MODEL)?.at(Timestamp::now()))
    }

    /// The body, which must be there and an object.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, GraphError> {
        match &self.body {
            Some(Value::Object(body)) => Ok(body.clone()),
            _ => Err(GraphError::unreadable_body()),
        }
    }

    /// The body as properties of an entity of the type `on`, checked.
    pub(crate) fn entity_body(&self, on: &'static EntityType) -> Result<Map<String, Value>, GraphError> {
        Ok(body::entity(&MODEL, on, self.body()?)?)
    }

    /// The URL of an entity, from its canonical path below the version.
    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Who calls, by the name under which its applications are known to be its own: a user, and not the program through
    /// which it calls, or a program by itself.
    pub(crate) fn caller(&self) -> &str {
        match self.token.kind() {
            TokenKind::Delegated => self.token.subject(),
            TokenKind::AppOnly => self.token.client().unwrap_or_else(|| self.token.subject()),
        }
    }
}
