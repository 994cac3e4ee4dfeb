//! `$expand`: entities that are answered together with the one they belong to.
//!
//! A navigation is expanded by asking the same [`Entities`] that serve its own path, in the scope that the path would
//! have. So whatever can be asked of the path can be asked in the parentheses of `$expand`.

use adit_odata::document::{Entity, Expanded, Shape};
use adit_odata::expression::{Expression, Path, Step};
use adit_odata::model::{Multiplicity, Navigation};
use adit_odata::query::{ExpandedPart, Expansion};
use adit_odata::{EntityType, Query};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::StatusCode;

use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::model::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, GROUP, PROFILE, SERVICE_PRINCIPAL, USER};
use crate::permission::Permission;
use crate::resource::{
    ALL_GROUPS_OF_GROUP, ALL_GROUPS_OF_USER, APPLICATIONS_OF_GROUP, ASSIGNED_TO, ASSIGNMENTS_OF_GROUP,
    ASSIGNMENTS_OF_PRINCIPAL, ASSIGNMENTS_OF_USER, CONNECTOR_GROUPS, CONNECTORS, GROUP_MEMBERS, GROUP_OF_APPLICATION,
    GROUPS_OF_CONNECTOR, GROUPS_OF_GROUP, GROUPS_OF_USER, MEMBERS, OWNERS, OWNERS_OF_SERVICE_PRINCIPAL,
};
use crate::scope::Scope;

/// How many entities of a page are expanded at the same time.
const AT_ONCE: usize = 4;

/// A navigation that can be expanded.
struct Expandable {
    from: &'static EntityType,
    name: &'static str,
    /// The name of the key of the entity that it starts from.
    key: &'static str,
    to: &'static dyn Entities,
    permission: Permission,
}

const fn from(
    from: &'static EntityType,
    name: &'static str,
    key: &'static str,
    to: &'static dyn Entities,
    permission: Permission,
) -> Expandable {
    Expandable { from, name, key, to, permission }
}

static EXPANDABLE: &[Expandable] = &[
    from(&PROFILE, "connectors", "profile", &CONNECTORS, Permission::ReadConnectors),
    from(&PROFILE, "connectorGroups", "profile", &CONNECTOR_GROUPS, Permission::ReadConnectors),
    from(&CONNECTOR, "memberOf", "connector", &GROUPS_OF_CONNECTOR, Permission::ReadConnectors),
    from(&CONNECTOR_GROUP, "members", "group", &MEMBERS, Permission::ReadConnectors),
    from(&CONNECTOR_GROUP, "applications", "group", &APPLICATIONS_OF_GROUP, Permission::ReadConnectors),
    from(&APPLICATION, "connectorGroup", "application", &GROUP_OF_APPLICATION, Permission::ReadConnectors),
    from(&APPLICATION, "owners", "application", &OWNERS, Permission::ReadApplications),
    from(&SERVICE_PRINCIPAL, "appRoleAssignedTo", "servicePrincipal", &ASSIGNED_TO, Permission::ReadAssignments),
    from(
        &SERVICE_PRINCIPAL,
        "appRoleAssignments",
        "servicePrincipal",
        &ASSIGNMENTS_OF_PRINCIPAL,
        Permission::ReadAssignments,
    ),
    from(
        &SERVICE_PRINCIPAL,
        "owners",
        "servicePrincipal",
        &OWNERS_OF_SERVICE_PRINCIPAL,
        Permission::ReadServicePrincipals,
    ),
    from(&USER, "memberOf", "user", &GROUPS_OF_USER, Permission::ReadGroups),
    from(&USER, "transitiveMemberOf", "user", &ALL_GROUPS_OF_USER, Permission::ReadGroups),
    from(&USER, "appRoleAssignments", "user", &ASSIGNMENTS_OF_USER, Permission::ReadAssignments),
    from(&GROUP, "members", "userGroup", &GROUP_MEMBERS, Permission::ReadGroups),
    from(&GROUP, "memberOf", "userGroup", &GROUPS_OF_GROUP, Permission::ReadGroups),
    from(&GROUP, "transitiveMemberOf", "userGroup", &ALL_GROUPS_OF_GROUP, Permission::ReadGroups),
    from(&GROUP, "appRoleAssignments", "userGroup", &ASSIGNMENTS_OF_GROUP, Permission::ReadAssignments),
];

/// Checks that everything to expand can be, and that the client may read it: not everybody who may read an entity may
/// read what it leads to.
pub(crate) fn check(call: &Call, query: &Query, on: &'static EntityType) -> Result<(), GraphError> {
    check_ways(call, query)?;
    for expansion in &query.expand {
        let expandable = find(on, expansion.navigation)?;
        call.require(expandable.permission)?;
        check(call, &expansion.query, expandable.to.kind())?;
    }
    Ok(())
}

/// Checks that the client may read what filter and order look at behind navigations: otherwise it could read it letter by
/// letter.
pub(crate) fn check_ways(call: &Call, query: &Query) -> Result<(), GraphError> {
    let ordered = query.orderby.iter().map(|key| &key.by);
    for expression in query.filter.iter().chain(ordered) {
        for navigation in ways(expression) {
            call.require(to_read(navigation).ok_or_else(GraphError::not_offered)?)?;
        }
    }
    Ok(())
}

/// What it takes to read what is behind a navigation; a type that is not named here is read by nobody in this way.
fn to_read(navigation: &Navigation) -> Option<Permission> {
    Some(match navigation.target.name {
        "connector" | "connectorGroup" => Permission::ReadConnectors,
        "application"
        | "applicationSegment"
        | "webApplicationSegment"
        | "corsConfiguration_v2"
        | "applicationTemplate" => Permission::ReadApplications,
        "appRoleAssignment" => Permission::ReadAssignments,
        "servicePrincipal" => Permission::ReadServicePrincipals,
        "directoryAudit" => Permission::ReadAudits,
        "onPremisesPublishingProfile" => Permission::ReadProfile,
        "group" => Permission::ReadGroups,
        "user" => Permission::ReadUsers,
        // Owners show a name and an id to whoever reads applications; other directory objects may be users.
        "directoryObject" if navigation.name == "owners" => Permission::ReadApplications,
        "directoryObject" => Permission::ReadUsers,
        _ => return None,
    })
}

/// The navigations that an expression goes over.
fn ways(expression: &Expression) -> Vec<&'static Navigation> {
    let of_path = |path: &Path| {
        let navigation = |step: &Step| match step {
            Step::Navigation(navigation) => Some(*navigation),
            Step::Property(_) => None,
        };
        path.steps.iter().filter_map(navigation).collect::<Vec<_>>()
    };
    match expression {
        Expression::Literal(_) => Vec::new(),
        Expression::Path(path) | Expression::Count(path) => of_path(path),
        Expression::Not(inner) | Expression::Negate(inner) => ways(inner),
        Expression::Binary { left, right, .. } => [ways(left), ways(right)].concat(),
        Expression::In { value, among } => among.iter().fold(ways(value), |all, item| [all, ways(item)].concat()),
        Expression::Call { arguments, .. } => arguments.iter().flat_map(ways).collect(),
        Expression::Lambda { over, condition, .. } => {
            [of_path(over), condition.as_deref().map(ways).unwrap_or_default()].concat()
        }
    }
}

/// Refuses `$expand` where nothing can be expanded.
pub(crate) fn refuse(query: &Query) -> Result<(), GraphError> {
    if query.expand.is_empty() {
        return Ok(());
    }
    Err(GraphError::unsupported_query("The query option '$expand' is not supported here."))
}

/// What the context URL of a collection says was asked, and of which type the collection is declared.
pub(crate) fn shape(on: &'static EntityType, query: &Query) -> Shape {
    Shape::from(query).of(on)
}

/// Fills in what is to be returned of each entity: its selection, and what its navigations lead to.
pub(crate) fn fill<'c>(
    call: &'c Call,
    query: &'c Query,
    entities: &'c mut Vec<Entity>,
) -> BoxFuture<'c, Result<(), GraphError>> {
    Box::pin(async move {
        let filled: Vec<Entity> = stream::iter(std::mem::take(entities))
            .map(|entity| filled(call, query, entity))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        *entities = filled;
        Ok(())
    })
}

async fn filled(call: &Call, query: &Query, mut entity: Entity) -> Result<Entity, GraphError> {
    entity.select = query.select.clone();
    for expansion in &query.expand {
        let expanded = expanded(call, expansion, &entity).await?;
        entity.expanded.push((expansion.navigation, expanded));
    }
    Ok(entity)
}

async fn expanded(call: &Call, expansion: &Expansion, entity: &Entity) -> Result<Expanded, GraphError> {
    let expandable = find(entity.kind, expansion.navigation)?;
    let id = entity.properties.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
    let scope = Scope::of(expandable.key, id);
    if expansion.navigation.multiplicity == Multiplicity::One {
        return one(call, expansion, expandable.to, &scope).await;
    }
    call.spend(1)?;
    if expansion.what == ExpandedPart::Count {
        let listed = there(expandable.to.list(call, &scope, &Listing::count(&expansion.query)).await)?;
        return Ok(Expanded::Count(listed.total.unwrap_or_default()));
    }
    let listing = Listing::new(&expansion.query, None, None);
    let mut listed = there(expandable.to.list(call, &scope, &listing).await)?;
    call.spend(listed.items.len())?;
    let next = next_link(call, entity, expansion, &listed);
    if expansion.what == ExpandedPart::References {
        let urls = listed.items.iter().map(|item| call.url_of(&item.path)).collect();
        return Ok(Expanded::References { urls, count: listed.total, next });
    }
    fill(call, &expansion.query, &mut listed.items).await?;
    Ok(Expanded::Many { items: listed.items, count: listed.total, next })
}

/// What went away between the page and its expansion leads to nothing.
fn there(listed: Result<Listed, GraphError>) -> Result<Listed, GraphError> {
    match listed {
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(Listed::default()),
        listed => listed,
    }
}

async fn one(
    call: &Call,
    expansion: &Expansion,
    entities: &'static dyn Entities,
    scope: &Scope,
) -> Result<Expanded, GraphError> {
    let found = match entities.read(call, scope).await {
        Ok(entity) => entity,
        Err(error) if error.status == StatusCode::NOT_FOUND => return Ok(Expanded::One(None)),
        Err(error) => return Err(error),
    };
    let mut entities = vec![found];
    fill(call, &expansion.query, &mut entities).await?;
    Ok(Expanded::One(entities.pop().map(Box::new)))
}

/// Where the rest of an expanded collection is: at the navigation's own path, which pages by itself. With a filter or an
/// order of its own the rest is not offered, because the link would have to repeat them.
fn next_link(call: &Call, entity: &Entity, expansion: &Expansion, listed: &Listed) -> Option<String> {
    listed.next.as_ref()?;
    let selected = expansion.query.select.describe();
    if expansion.query != (Query { select: expansion.query.select.clone(), ..Query::default() }) {
        return None;
    }
    let path = format!("{}/{}", entity.path, expansion.navigation.name);
    let select = match selected.trim_matches(['(', ')']) {
        "" => String::new(),
        names => format!("$select={names}&"),
    };
    Some(format!("{}?{select}$skip={}", call.url_of(&path), listed.items.len()))
}

fn find(from: &'static EntityType, navigation: &'static Navigation) -> Result<&'static Expandable, GraphError> {
    let found = EXPANDABLE.iter().find(|own| own.from.name == from.name && own.name == navigation.name);
    found.ok_or_else(|| {
        GraphError::unsupported_query(format!("The navigation '{}' cannot be expanded here.", navigation.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MODEL;

    #[test]
    fn what_it_takes_to_read_behind_a_navigation_is_said_of_each() {
        for kind in MODEL.entity_types {
            for navigation in kind.all_navigations() {
                let name = format!("{}/{}", kind.name, navigation.name);
                let Some(permission) = to_read(navigation) else { panic!("{name}: nobody has said what it takes") };
                let of_people = matches!(permission, Permission::ReadUsers | Permission::ReadGroups);
                let to_people = matches!(navigation.target.name, "user" | "group" | "directoryObject");
                assert_eq!(of_people, to_people && navigation.name != "owners", "{name}: {permission:?}");
            }
        }
    }
}
