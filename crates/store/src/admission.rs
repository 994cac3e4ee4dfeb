//! Who may use which application, compiled for gateways from service principals and app role assignments; and the notes
//! in the change log that it is to be compiled anew.
//!
//! An assignment that was deleted no longer says to what it belonged, so each change of one is noted under the client id
//! of its application too.

use std::collections::HashMap;
use std::sync::Arc;

use adit_core::admission::{Admission, MOST_ASSIGNMENTS};
use adit_core::snapshot::PublishedApplication;
use adit_core::{AppId, AppRoleAssignment, Application, PreAuthentication, ServicePrincipal, ServicePrincipalId};
use sea_query::{Expr, ExprTrait as _};
use sqlx::SqliteConnection;

use crate::app_role_assignment::AppRoleAssignments;
use crate::change_log::{Entity, Operation};
use crate::error::Error;
use crate::list;
use crate::service_principal::ServicePrincipals;
use crate::transaction::WriteTransaction;

/// How many applications are compiled at once.
const AT_ONCE: usize = 500;

impl WriteTransaction {
    /// Notes that who may use an application has changed.
    pub(crate) fn log_admission(&mut self, application: AppId) {
        self.log(Entity::Admission, application.to_string(), Operation::Update);
    }

    /// Notes it of the application of a service principal, if there is one.
    pub(crate) async fn log_admission_to(&mut self, resource: ServicePrincipalId) -> Result<(), Error> {
        if let Some(principal) = self.find_service_principal(resource).await? {
            self.log_admission(principal.app_id);
        }
        Ok(())
    }
}

/// The published ones of `applications` as gateways know them, with who may use those that require sign-in.
pub(crate) async fn published(
    read: &mut SqliteConnection,
    applications: &[Application],
) -> Result<Vec<PublishedApplication>, Error> {
    let mut published: Vec<_> = applications.iter().filter_map(PublishedApplication::of).collect();
    let by_app_id: HashMap<AppId, &Application> = applications.iter().map(|one| (one.app_id, one)).collect();
    let is_closed = |one: &&mut PublishedApplication| one.pre_authentication == PreAuthentication::SignIn;
    let mut closed: Vec<_> = published.iter_mut().filter(is_closed).collect();
    for closed in closed.chunks_mut(AT_ONCE) {
        let ids: Vec<String> = closed.iter().map(|one| one.app_id.to_string()).collect();
        let principals = list::all_readable::<ServicePrincipals>(read, Expr::col("app_id").is_in(ids)).await?;
        let assignments = assignments(read, &principals).await?;
        for one in closed {
            let principal = principals.iter().find(|principal| principal.app_id == one.app_id);
            let application = by_app_id.get(&one.app_id);
            one.admission = principal.zip(application).map(|(principal, application)| {
                let assigned = assignments.get(&principal.id).map(Vec::as_slice).unwrap_or_default();
                Arc::new(compiled(application, principal, assigned))
            });
        }
    }
    Ok(published)
}

async fn assignments(
    read: &mut SqliteConnection,
    principals: &[ServicePrincipal],
) -> Result<HashMap<ServicePrincipalId, Vec<AppRoleAssignment>>, Error> {
    let ids: Vec<String> = principals.iter().map(|principal| principal.id.to_string()).collect();
    let all = list::all_readable::<AppRoleAssignments>(read, Expr::col("resource_id").is_in(ids)).await?;
    let mut of_resource: HashMap<_, Vec<_>> = HashMap::new();
    for assignment in all {
        of_resource.entry(assignment.resource).or_default().push(assignment);
    }
    Ok(of_resource)
}

fn compiled(application: &Application, principal: &ServicePrincipal, assigned: &[AppRoleAssignment]) -> Admission {
    if assigned.len() > MOST_ASSIGNMENTS {
        let (id, assignments) = (principal.id.to_string(), assigned.len());
        tracing::error!(
            id,
            assignments,
            "a service principal has more assignments than gateways take; the rest is refused"
        );
    }
    Admission::of(application, principal, assigned)
}
