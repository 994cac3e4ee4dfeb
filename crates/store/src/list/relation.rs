//! How objects are reached from others: which collection a relation leads to, and by which columns.

use adit_core::query::{Relation, Variable};
use sea_query::{Expr, ExprTrait as _, SelectStatement};

use super::Collection;
use super::source::Source;
use crate::app_role_assignment::AppRoleAssignments;
use crate::application::Applications;
use crate::connector::Connectors;
use crate::connector_group::ConnectorGroups;
use crate::error::Error;
use crate::service_principal::ServicePrincipals;

/// Whether a relation leads to one object at most.
pub(super) const fn leads_to_one(relation: Relation) -> bool {
    match relation {
        Relation::GroupOfConnector | Relation::GroupOfApplication => true,
        Relation::Members | Relation::Applications | Relation::AssignedTo => false,
    }
}

/// The objects that `relation` leads to from `from`, as a statement that selects nothing yet.
pub(super) fn rows(relation: Relation, from: &Source, to: Variable) -> Result<(SelectStatement, Source), Error> {
    match relation {
        Relation::Members => joined::<ConnectorGroups, Connectors>(from, "id", to, "connector_group_id"),
        Relation::Applications => joined::<ConnectorGroups, Applications>(from, "id", to, "connector_group_id"),
        Relation::GroupOfConnector => joined::<Connectors, ConnectorGroups>(from, "connector_group_id", to, "id"),
        Relation::GroupOfApplication => joined::<Applications, ConnectorGroups>(from, "connector_group_id", to, "id"),
        Relation::AssignedTo => joined::<ServicePrincipals, AppRoleAssignments>(from, "id", to, "resource_id"),
    }
}

fn joined<From: Collection, To: Collection>(
    from: &Source,
    own: &'static str,
    to: Variable,
    its: &'static str,
) -> Result<(SelectStatement, Source), Error> {
    if from.table() != From::TABLE {
        let reason = format!("{} leads to no {} by {own}", from.table(), To::TABLE);
        return Err(Error::BadQuestion { reason });
    }
    let target = Source::of::<To>(to, from.engine());
    let mut select = sea_query::Query::select();
    let same: Expr = target.column(its).eq(from.column(own));
    select.from_as(To::TABLE, target.alias().to_owned()).and_where(same);
    Ok((select, target))
}
