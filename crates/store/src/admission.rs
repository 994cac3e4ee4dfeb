//! Who may use which application, compiled for gateways from service principals and app role assignments; and the notes
//! in the change log that it is to be compiled anew.
//!
//! An assignment that was deleted no longer says to what it belonged, so each change of one is noted under the client id
//! of its application too.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use adit_core::admission::{Admission, Assignee, MOST_ASSIGNMENTS};
use adit_core::snapshot::PublishedApplication;
use adit_core::{AppId, Application, PreAuthentication, PrincipalKind, ServicePrincipal, ServicePrincipalId};
use sea_query::{Expr, ExprTrait as _, Query};
use uuid::Uuid;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list;
use crate::row;
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
    read: &mut Connection,
    applications: &[Application],
) -> Result<Vec<PublishedApplication>, Error> {
    let mut published: Vec<_> = applications.iter().filter_map(PublishedApplication::of).collect();
    let by_app_id: HashMap<AppId, &Application> = applications.iter().map(|one| (one.app_id, one)).collect();
    let is_closed = |one: &&mut PublishedApplication| one.pre_authentication == PreAuthentication::SignIn;
    let mut closed: Vec<_> = published.iter_mut().filter(is_closed).collect();
    for closed in closed.chunks_mut(AT_ONCE) {
        let ids: Vec<String> = closed.iter().map(|one| one.app_id.to_string()).collect();
        let principals = list::all_readable::<ServicePrincipals>(read, Expr::col("app_id").is_in(ids)).await?;
        let assigned = assigned_to(read, &principals).await?;
        for one in closed {
            let Some(principal) = principals.iter().find(|principal| principal.app_id == one.app_id) else { continue };
            let Some(application) = by_app_id.get(&one.app_id) else { continue };
            let assignees = match assigned.contains(&principal.id.to_string()) {
                true => assignees(read, principal.id, MOST_ASSIGNMENTS).await?,
                false => Vec::new(),
            };
            one.admission = Some(Arc::new(Admission::of(application, principal, assignees)));
        }
    }
    Ok(published)
}

/// Those of the service principals to which anybody is assigned: of most nobody is, and they need no statement of their own.
async fn assigned_to(read: &mut Connection, principals: &[ServicePrincipal]) -> Result<HashSet<String>, Error> {
    let ids = principals.iter().map(|principal| principal.id.to_string());
    let is_assigned = "EXISTS (SELECT 1 FROM app_role_assignment WHERE resource_id = service_principal.id)";
    let mut select = Query::select();
    select.column("id").from("service_principal").and_where(Expr::col("id").is_in(ids));
    select.and_where(Expr::cust(is_assigned));
    let rows = engine::built(&select, read.engine())?.fetch_all(read).await?;
    Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
}

/// Who is assigned to one service principal: of more than `most` those that were assigned first, so that one more
/// assignment shuts nobody out who was in. One damaged row is logged and left out.
async fn assignees(read: &mut Connection, resource: ServicePrincipalId, most: usize) -> Result<Vec<Assignee>, Error> {
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = engine::query(
        "SELECT id, principal_id, principal_kind, app_role FROM app_role_assignment WHERE resource_id = ? \
         ORDER BY id LIMIT +?",
    )
    .bind(resource.to_string())
    .bind(limit)
    .fetch_all(read)
    .await?;
    if rows.len() > most {
        let id = resource.to_string();
        tracing::error!(id, most, "a service principal has more assignments than gateways take; the rest is refused");
    }
    let readable = |row: &Row| {
        let left_out = |error: &Error| {
            let id: String = row.try_get("id").unwrap_or_default();
            tracing::error!(id, %error, "an assignment cannot be read and is left out");
        };
        assignee(row).inspect_err(left_out).ok()
    };
    Ok(rows.iter().take(most).filter_map(readable).collect())
}

fn assignee(row: &Row) -> Result<Assignee, Error> {
    Ok(Assignee {
        principal: row::parsed(row, "principal_id", str::parse)?,
        kind: row::parsed(row, "principal_kind", |word| PrincipalKind::find(word).ok_or("the kind is not known"))?,
        app_role: row::parsed(row, "app_role", Uuid::try_parse)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::each_engine;

    #[tokio::test]
    async fn of_more_assignments_than_gateways_take_the_first_ones_count_and_no_more_are_read() {
        for directory in each_engine().await {
            assignees_are_few(&directory.store).await;
        }
    }

    async fn assignees_are_few(store: &crate::Store) {
        let resource = ServicePrincipalId::new(Uuid::from_u128(7));
        let mut change = store.begin().await.unwrap();
        for sql in [
            "INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, revision) \
             VALUES ('a', 'b', 'x', 'x', '', '{}', 0)",
            "INSERT INTO service_principal (id, app_id, display_name, display_name_folded, created, attributes, revision) \
             VALUES ('00000000-0000-0000-0000-000000000007', 'b', 'x', 'x', '', '{}', 0)",
        ] {
            engine::query(sql).execute(change.connection()).await.unwrap();
        }
        // The later they were made, the earlier they come in the order of principals.
        for number in 0..20_u128 {
            engine::query(
                "INSERT INTO app_role_assignment (id, app_role, principal_id, principal_kind, resource_id, \
                 resource_name, resource_name_folded, created, revision) VALUES (?, ?, ?, ?, ?, '', '', '', 0)",
            )
            .bind(Uuid::from_u128(number).to_string())
            .bind(Uuid::nil().to_string())
            .bind(Uuid::from_u128(100 - number).to_string())
            .bind(if number == 3 { "user" } else { "group" })
            .bind(resource.to_string())
            .execute(change.connection())
            .await
            .unwrap();
        }
        change.commit().await.unwrap();
        let mut read = store.read().await.unwrap();
        let found = assignees(&mut read, resource, 5).await.unwrap();
        let principals: Vec<u128> = found.iter().map(|one| one.principal.uuid().as_u128()).collect();
        assert_eq!(principals, [100, 99, 98, 97, 96], "those that were assigned first");
        assert_eq!(found.iter().filter(|one| one.kind == PrincipalKind::User).count(), 1);
        assert_eq!(assignees(&mut read, resource, 20).await.unwrap().len(), 20);
        assert_eq!(assignees(&mut read, ServicePrincipalId::new(Uuid::nil()), 5).await.unwrap(), []);
    }
}
