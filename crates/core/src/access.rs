//! Decides whether a request may reach an application.
//!
//! Input: a [`Snapshot`], the request's host and path. Output: a [`Grant`] or a [`Denial`]. Pure: no clock, no network,
//! no logging.
//!
//! Invariant: [`Grant`] has no public constructor. Whoever holds one has been through [`decide`].

use std::sync::Arc;

use crate::application::PreAuthentication;
use crate::external_url::ExternalUrl;
use crate::id::ApplicationId;
use crate::maintenance::{MaintenanceState, MaintenanceText};
use crate::snapshot::{Entrance, PublishedApplication, Snapshot};

/// What is asked: the place, in the form that routing uses.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'r> {
    /// The host in lower case, without port.
    pub host: &'r str,
    /// The path as it came, checked by [`crate::request_path::check`], without the query.
    pub path: &'r str,
}

/// Permission to forward one request to one application.
#[derive(Debug, Clone)]
#[must_use = "a grant is permission to forward; dropping it means the request is refused"]
pub struct Grant {
    application: Arc<PublishedApplication>,
    entrance: Entrance,
    below: usize,
}

impl Grant {
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

/// Returns the grant for `request`, or the first reason to refuse it.
///
/// # Errors
/// [`Denial`], the first reason found.
pub fn decide(snapshot: &Snapshot, request: AccessRequest<'_>) -> Result<Grant, Denial> {
    let route = snapshot
        .route(request.host, request.path)
        .ok_or_else(|| Denial::NotPublished { host: request.host.to_owned() })?;
    let application = route.application;
    if application.maintenance.state == MaintenanceState::On {
        return Err(Denial::Maintenance { application: application.id, text: application.maintenance.text.clone() });
    }
    match application.pre_authentication {
        PreAuthentication::Passthrough => {
            Ok(Grant { application: Arc::clone(application), entrance: route.entrance, below: route.below })
        }
        PreAuthentication::SignIn => Err(Denial::SignInUnavailable { application: application.id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::{Epoch, Revision};
    use crate::snapshot::tests::published;

    fn decided(path: &str) -> Result<Grant, Denial> {
        let applications = [
            published(1, "https://a.example/", PreAuthentication::SignIn),
            published(2, "https://a.example/open/", PreAuthentication::Passthrough),
        ];
        let snapshot = Snapshot::compile(Epoch(1), Revision(1), applications, []);
        decide(&snapshot, AccessRequest { host: "a.example", path })
    }

    #[test]
    fn passthrough_is_granted() {
        let grant = decided("/open/x").unwrap();
        assert_eq!(grant.application().name, "application 2");
        assert_eq!(grant.below(), 6);
    }

    #[test]
    fn sign_in_is_never_open_by_accident() {
        assert!(matches!(decided("/"), Err(Denial::SignInUnavailable { .. })));
        assert!(matches!(decided("/open%2fx"), Err(Denial::SignInUnavailable { .. })));
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
            let denied = decide(&snapshot, AccessRequest { host: "a.example", path: "/" }).unwrap_err();
            assert_eq!(denied, Denial::Maintenance { application, text: text.clone() });
        }
    }

    #[test]
    fn an_unknown_place_is_denied() {
        let denied = decide(&Snapshot::default(), AccessRequest { host: "x.example", path: "/" }).unwrap_err();
        assert_eq!(denied, Denial::NotPublished { host: "x.example".to_owned() });
    }
}
