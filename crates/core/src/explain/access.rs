//! What the access decision says of a request, and of what it follows: how the application is opened, and through which
//! assignments somebody may use it.

use std::sync::Arc;

use super::{ExplainedRoute, Place};
use crate::access::{self, AccessRequest, Who};
use crate::app_role_assignment::PrincipalKind;
use crate::application::PreAuthentication;
use crate::id::PrincipalId;
use crate::request_path;
use crate::snapshot::Snapshot;

/// Somebody for whom a request is explained, as if they had signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// By which assignments know them: a user.
    pub id: PrincipalId,
    /// All groups that a sign-in would name, in any order. A session may have less room.
    pub groups: Vec<PrincipalId>,
    /// Groups that a sign-in would not name.
    pub groups_left_out: u16,
}

/// The access decision, and what it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedAccess {
    /// Whether the application asks for sign-in; nothing where none is published.
    pub pre_authentication: Option<PreAuthentication>,
    /// Where it asks for sign-in: who may.
    pub admission: Option<ExplainedAdmission>,
    /// Through what the principal is assigned, itself first; nothing where no sign-in is asked for.
    pub assignments: Vec<ExplainedAssignment>,
    /// Groups of the principal that do not count, because a session has no room for them.
    pub groups_left_out: u16,
    /// Whether there is a grant.
    pub is_granted: bool,
    /// The same in sentences, the outcome last.
    pub reasoning: Vec<String>,
}

/// Whom an application with sign-in admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplainedAdmission {
    /// Whether its service principal is there and enabled: else it takes no sign-ins.
    pub is_enabled: bool,
    /// Whether only those who are assigned may use it.
    pub is_assignment_required: bool,
}

/// An assignment that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedAssignment {
    /// The principal itself, or a group.
    pub kind: PrincipalKind,
    /// Which.
    pub principal: PrincipalId,
    /// The values of its roles; none for default access.
    pub roles: Vec<Arc<str>>,
}

/// Asks the decision about a request for `place`; nothing where its path is none that is decided about.
pub(super) fn access(
    snapshot: &Snapshot,
    place: &Place,
    route: Option<&ExplainedRoute>,
    who: Who<'_>,
) -> Option<ExplainedAccess> {
    request_path::check(&place.path).ok()?;
    let request = AccessRequest { host: &place.host, path: &place.path };
    let application = route.map(|route| route.application.as_ref());
    let closed = application.filter(|own| own.pre_authentication == PreAuthentication::SignIn);
    let admission = closed.map(|own| own.admission.as_deref());
    let (assignments, groups_left_out) = match (who, admission.flatten()) {
        (Who::Principal(principal), Some(admission)) => {
            let matches = admission.matches(principal.kind, principal.id, principal.groups);
            let assigned = matches.map(|found| ExplainedAssignment {
                kind: found.kind,
                principal: found.principal,
                roles: found.roles().cloned().collect(),
            });
            (assigned.collect(), principal.groups_left_out)
        }
        _ => (Vec::new(), 0),
    };
    Some(ExplainedAccess {
        pre_authentication: application.map(|own| own.pre_authentication),
        admission: admission.map(|admission| ExplainedAdmission {
            is_enabled: admission.is_some_and(|own| own.is_enabled()),
            is_assignment_required: admission.is_some_and(|own| own.is_assignment_required()),
        }),
        assignments,
        groups_left_out,
        is_granted: access::decide_for(snapshot, request, who).is_ok(),
        reasoning: access::reasoning(snapshot, request, who),
    })
}
