//! Decides whether a request may reach an application.
//!
//! Input: a [`Snapshot`], the request's host and path, and who asks. Output: a [`Grant`], or why not. Pure: no clock, no
//! network, no logging.
//!
//! Invariant: [`Grant`] has no public constructor. Whoever holds one has been through [`Reached::decide`].

mod reasoning;

use std::sync::Arc;

pub use reasoning::reasoning;

use crate::admission::Admission;
use crate::app_role_assignment::PrincipalKind;
use crate::application::PreAuthentication;
use crate::external_url::ExternalUrl;
use crate::id::{ApplicationId, PrincipalId};
use crate::maintenance::{MaintenanceState, MaintenanceText};
use crate::snapshot::{Entrance, PublishedApplication, Route, Snapshot};

/// What is asked: the place, in the form that routing uses.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'r> {
    /// The host in lower case, without port.
    pub host: &'r str,
    /// The path as it came, checked by [`crate::request_path::check`], without the query.
    pub path: &'r str,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Who<'w> {
    /// Nobody can sign in: no provider is configured. Applications that require it stay closed.
    SignInUnavailable,
    /// Nobody who has signed in.
    Anonymous,
    /// Somebody whose session or token was verified and still counts.
    Principal(Principal<'w>),
}

/// Somebody who has signed in.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'w> {
    /// A user, or a program by itself.
    pub kind: PrincipalKind,
    /// By which assignments name them.
    pub id: PrincipalId,
    /// Their groups, as far as the session has them.
    pub groups: &'w [PrincipalId],
    /// How many groups had no room in the session: an assignment through one of them does not count.
    pub groups_left_out: u16,
}

/// For whom a request is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBehalfOf {
    /// A user, or a program by itself.
    pub kind: PrincipalKind,
    /// Which.
    pub principal: PrincipalId,
    /// The app roles of the application in which they are, each once, in order.
    pub roles: Vec<Arc<str>>,
}

/// Permission to forward one request to one application.
#[derive(Debug, Clone)]
#[must_use = "a grant is permission to forward; dropping it means the request is refused"]
pub struct Grant {
    application: Arc<PublishedApplication>,
    entrance: Entrance,
    below: usize,
    on_behalf_of: Option<OnBehalfOf>,
}

impl Grant {
    /// For whom; nobody where the application is open to everybody.
    #[must_use]
    pub const fn on_behalf_of(&self) -> Option<&OnBehalfOf> {
        self.on_behalf_of.as_ref()
    }

    /// The application to forward to.
    #[must_use]
    pub const fn application(&self) -> &Arc<PublishedApplication> {
        &self.application
    }

    /// By which of the application's public URLs it was asked.
    #[must_use]
    pub const fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// The URL of the application that was asked.
    #[must_use]
    pub fn url(&self) -> &ExternalUrl {
        self.application.url_at(self.entrance)
    }

    /// Where in the request's path the part below the application's prefix starts.
    #[must_use]
    pub const fn below(&self) -> usize {
        self.below
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Nothing is published at that host and path.
    #[error("no application is published at {host}")]
    NotPublished {
        /// The host that was asked for.
        host: String,
    },
    /// The application is closed for maintenance.
    #[error("application {application} is closed for maintenance")]
    Maintenance {
        /// The application.
        application: ApplicationId,
        /// What its users are told.
        text: Option<MaintenanceText>,
    },
    /// The application demands sign-in, which this version cannot do: it stays closed.
    #[error("application {application} requires sign-in, which is not available")]
    SignInUnavailable {
        /// The application.
        application: ApplicationId,
    },
}

/// Why a request was refused, where it matters who asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// For everybody.
    #[error(transparent)]
    Closed(#[from] Denial),
    /// Somebody has to sign in first.
    #[error("application {application} requires sign-in")]
    SignInRequired {
        /// The application.
        application: ApplicationId,
    },
    /// The application has no service principal, or a disabled one.
    #[error("application {application} takes no sign-ins: its service principal is missing or disabled")]
    SignInDisabled {
        /// The application.
        application: ApplicationId,
    },
    /// The user may not sign in.
    #[error("{kind} {principal} is disabled")]
    Disabled {
        /// A user, or a program by itself.
        kind: PrincipalKind,
        /// Who.
        principal: PrincipalId,
    },
    /// Only those who are assigned may, and this one is not.
    #[error("{kind} {principal} is not assigned to application {application}")]
    NotAssigned {
        /// The application.
        application: ApplicationId,
        /// A user, or a program by itself.
        kind: PrincipalKind,
        /// Who.
        principal: PrincipalId,
        /// How many groups had no room in the session; more than none may be the reason.
        groups_left_out: u16,
    },
}

/// Where a request leads, before it is asked who sent it.
#[derive(Debug)]
#[must_use = "nobody was asked yet"]
pub struct Reached<'s> {
    snapshot: &'s Snapshot,
    application: &'s Arc<PublishedApplication>,
    entrance: Entrance,
    below: usize,
}

/// Finds what a request asks for, if that is open at all.
///
/// # Errors
/// [`Denial`], whoever asks.
pub fn reach<'s>(snapshot: &'s Snapshot, request: AccessRequest<'_>) -> Result<Reached<'s>, Denial> {
    let route = snapshot.route(request.host, request.path);
    let Route { application, entrance, below } =
        route.ok_or_else(|| Denial::NotPublished { host: request.host.to_owned() })?;
    if application.maintenance.state == MaintenanceState::On {
        return Err(Denial::Maintenance { application: application.id, text: application.maintenance.text.clone() });
    }
    Ok(Reached { snapshot, application, entrance, below })
}

impl<'s> Reached<'s> {
    /// The application that is asked for.
    #[must_use]
    pub const fn application(&self) -> &'s Arc<PublishedApplication> {
        self.application
    }

    /// Whether the answer does not depend on who asks.
    #[must_use]
    pub fn is_open_to_all(&self) -> bool {
        self.application.pre_authentication == PreAuthentication::Passthrough
    }

    /// Returns the grant for `who`, or the first reason to refuse it.
    ///
    /// # Errors
    /// [`Refused`], the first reason found.
    pub fn decide(self, who: Who<'_>) -> Result<Grant, Refused> {
        let Self { snapshot, application, entrance, below } = self;
        let granted = |on_behalf_of| Grant { application: Arc::clone(application), entrance, below, on_behalf_of };
        if self.is_open_to_all() {
            return Ok(granted(None));
        }
        let id = application.id;
        let principal = match who {
            Who::SignInUnavailable => return Err(Denial::SignInUnavailable { application: id }.into()),
            Who::Anonymous => return Err(Refused::SignInRequired { application: id }),
            Who::Principal(principal) => principal,
        };
        let admission = application.admission.as_deref().filter(|admission| admission.is_enabled());
        let admission = admission.ok_or(Refused::SignInDisabled { application: id })?;
        if snapshot.is_disabled(principal.id) {
            return Err(Refused::Disabled { kind: principal.kind, principal: principal.id });
        }
        let on_behalf_of = admitted(admission, principal).ok_or(Refused::NotAssigned {
            application: id,
            kind: principal.kind,
            principal: principal.id,
            groups_left_out: principal.groups_left_out,
        })?;
        Ok(granted(Some(on_behalf_of)))
    }
}

/// Returns the grant for `request` by `who`, or the first reason to refuse it.
///
/// # Errors
/// [`Refused`], the first reason found.
pub fn decide_for(snapshot: &Snapshot, request: AccessRequest<'_>, who: Who<'_>) -> Result<Grant, Refused> {
    reach(snapshot, request)?.decide(who)
}

fn admitted(admission: &Admission, principal: Principal<'_>) -> Option<OnBehalfOf> {
    // Nobody signs in as a group, whatever a session or a token was made to say.
    if principal.kind == PrincipalKind::Group {
        return None;
    }
    let matches: Vec<_> = admission.matches(principal.kind, principal.id, principal.groups).collect();
    if matches.is_empty() && admission.is_assignment_required() {
        return None;
    }
    let roles = Admission::roles(&matches);
    Some(OnBehalfOf { kind: principal.kind, principal: principal.id, roles })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::tests::{admission, id};
    use crate::revision::{Epoch, Revision};
    use crate::snapshot::tests::published;

    fn decided(path: &str) -> Result<Grant, Refused> {
        let applications = [
            published(1, "https://a.example/", PreAuthentication::SignIn),
            published(2, "https://a.example/open/", PreAuthentication::Passthrough),
        ];
        let snapshot = Snapshot::compile(Epoch(1), Revision(1), applications, []);
        decide_for(&snapshot, AccessRequest { host: "a.example", path }, Who::SignInUnavailable)
    }

    #[test]
    fn passthrough_is_granted() {
        let grant = decided("/open/x").unwrap();
        assert_eq!(grant.application().name, "application 2");
        assert_eq!(grant.below(), 6);
    }

    #[test]
    fn sign_in_is_never_open_by_accident() {
        for path in ["/", "/open%2fx"] {
            let refused = decided(path).unwrap_err();
            assert!(matches!(refused, Refused::Closed(Denial::SignInUnavailable { .. })), "{path}: {refused}");
        }
    }

    #[test]
    fn an_application_in_maintenance_is_closed_for_everybody() {
        let text = MaintenanceText::parse("Back at ten.").ok();
        let maintenance = crate::Maintenance { state: MaintenanceState::On, text: text.clone() };
        for pre_authentication in [PreAuthentication::SignIn, PreAuthentication::Passthrough] {
            let wiki = published(1, "https://a.example/", pre_authentication);
            let wiki = PublishedApplication { maintenance: maintenance.clone(), ..wiki };
            let application = wiki.id;
            let snapshot = Snapshot::compile(Epoch(1), Revision(1), [wiki], []);
            let denied = decide_for(&snapshot, ROOT, Who::Anonymous).unwrap_err();
            assert_eq!(denied, Refused::Closed(Denial::Maintenance { application, text: text.clone() }));
        }
    }

    #[test]
    fn an_unknown_place_is_denied() {
        let asked = AccessRequest { host: "x.example", path: "/" };
        let denied = decide_for(&Snapshot::default(), asked, Who::Anonymous).unwrap_err();
        assert_eq!(denied, Refused::Closed(Denial::NotPublished { host: "x.example".to_owned() }));
    }

    fn closed(attributes: serde_json::Value, assigned: &[(PrincipalKind, u128, u128)]) -> Snapshot {
        let admission = Some(Arc::new(admission(attributes, assigned)));
        let wiki = published(1, "https://a.example/", PreAuthentication::SignIn);
        let open = published(2, "https://a.example/open/", PreAuthentication::Passthrough);
        Snapshot::compile(Epoch(1), Revision(1), [PublishedApplication { admission, ..wiki }, open], [])
    }

    fn user(number: u128, groups: &[PrincipalId]) -> Who<'_> {
        Who::Principal(Principal { kind: PrincipalKind::User, id: id(number), groups, groups_left_out: 0 })
    }

    const ROOT: AccessRequest<'_> = AccessRequest { host: "a.example", path: "/" };

    #[test]
    fn without_a_sign_in_only_what_is_open_is_granted() {
        let snapshot = closed(json!({}), &[]);
        let application = snapshot.route("a.example", "/").unwrap().application.id;
        let unavailable = decide_for(&snapshot, ROOT, Who::SignInUnavailable).unwrap_err();
        assert_eq!(unavailable, Refused::Closed(Denial::SignInUnavailable { application }));
        let anonymous = decide_for(&snapshot, ROOT, Who::Anonymous).unwrap_err();
        assert_eq!(anonymous, Refused::SignInRequired { application });
        let open = AccessRequest { path: "/open/x", ..ROOT };
        for who in [Who::SignInUnavailable, Who::Anonymous, user(1, &[])] {
            assert_eq!(decide_for(&snapshot, open, who).unwrap().on_behalf_of(), None, "{who:?}");
        }
    }

    #[test]
    fn everybody_who_signed_in_is_granted_unless_assignment_is_required() {
        let grant = decide_for(&closed(json!({}), &[]), ROOT, user(1, &[])).unwrap();
        let expected = OnBehalfOf { kind: PrincipalKind::User, principal: id(1), roles: vec![] };
        assert_eq!(grant.on_behalf_of(), Some(&expected));
        let required = closed(json!({"appRoleAssignmentRequired": true}), &[(PrincipalKind::Group, 20, 1)]);
        let refused = decide_for(&required, ROOT, user(1, &[id(21)])).unwrap_err();
        assert!(matches!(refused, Refused::NotAssigned { .. }), "{refused:?}");
        let grant = decide_for(&required, ROOT, user(1, &[id(20)])).unwrap();
        assert_eq!(grant.on_behalf_of().unwrap().roles, [Arc::from("read")]);
    }

    #[test]
    fn a_disabled_or_missing_service_principal_admits_nobody() {
        let disabled = closed(json!({"accountEnabled": false}), &[(PrincipalKind::User, 1, 0)]);
        let missing = published(1, "https://a.example/", PreAuthentication::SignIn);
        let missing = Snapshot::compile(Epoch(1), Revision(1), [missing], []);
        for snapshot in [disabled, missing] {
            let refused = decide_for(&snapshot, ROOT, user(1, &[])).unwrap_err();
            assert!(matches!(refused, Refused::SignInDisabled { .. }), "{refused:?}");
        }
    }

    #[test]
    fn nobody_comes_as_a_group_also_where_everybody_may() {
        let open = closed(json!({}), &[(PrincipalKind::Group, 20, 0)]);
        for number in [20, 21] {
            let group = Principal { kind: PrincipalKind::Group, id: id(number), groups: &[], groups_left_out: 0 };
            let refused = decide_for(&open, ROOT, Who::Principal(group)).unwrap_err();
            assert!(matches!(refused, Refused::NotAssigned { .. }), "{refused:?}");
        }
    }

    #[test]
    fn a_user_who_is_disabled_is_refused_whatever_is_assigned() {
        let changes = crate::snapshot::SnapshotChanges { disabled: vec![(id(1), true)], ..Default::default() };
        for attributes in [json!({}), json!({"appRoleAssignmentRequired": true})] {
            let snapshot = closed(attributes, &[(PrincipalKind::User, 1, 0), (PrincipalKind::User, 2, 0)]);
            assert!(decide_for(&snapshot, ROOT, user(1, &[])).is_ok());
            let snapshot = snapshot.changed(Epoch(1), Revision(2), changes.clone());
            let refused = decide_for(&snapshot, ROOT, user(1, &[])).unwrap_err();
            assert_eq!(refused, Refused::Disabled { kind: PrincipalKind::User, principal: id(1) });
            assert!(decide_for(&snapshot, ROOT, user(2, &[])).is_ok());
        }
    }

    #[test]
    fn the_reasoning_says_what_decided() {
        let snapshot = closed(json!({"appRoleAssignmentRequired": true}), &[(PrincipalKind::Group, 20, 1)]);
        let said = |who| reasoning(&snapshot, ROOT, who).join(" ");
        assert!(said(Who::Anonymous).contains("requires sign-in"), "{}", said(Who::Anonymous));
        let groups = [id(20), id(21)];
        let granted = said(user(1, &groups));
        assert!(granted.contains(&format!("group {} is assigned, as read", id(20))), "{granted}");
        assert!(granted.ends_with("Access is granted."), "{granted}");
        let left_out = Principal { kind: PrincipalKind::User, id: id(1), groups: &[], groups_left_out: 7 };
        let refused = said(Who::Principal(left_out));
        assert!(refused.contains("7 groups"), "{refused}");
        assert!(refused.contains("is not assigned"), "{refused}");
        let elsewhere = AccessRequest { host: "b.example", path: "/" };
        assert!(reasoning(&snapshot, elsewhere, Who::Anonymous).join(" ").contains("no application"));
    }
}
