//! App role assignments: roles that are there and enabled, nobody twice, names that keep up.

use adit_control::{
    ApplicationChange, Error, Expected, NewAppRoleAssignment, NewServicePrincipal, ServicePrincipalChange, Target,
};
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::{AppRoleAssignmentField, Direction, Expression, Field, OBJECT, Order, Query, Value as Wanted};
use adit_core::{AppRoleAssignmentId, PrincipalId, PrincipalKind, Revision, ServicePrincipal, ServicePrincipalId};
use adit_store::{Entity, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused};

const READ: Uuid = Uuid::from_u128(1);
const WRITE: Uuid = Uuid::from_u128(2);
const DISABLED: Uuid = Uuid::from_u128(3);

fn roles(roles: &[(Uuid, bool)]) -> Attributes {
    let roles: Vec<Value> = roles.iter().map(|(id, enabled)| json!({ "id": id, "isEnabled": enabled })).collect();
    Attributes::from_iter([("appRoles".to_owned(), Value::Array(roles))])
}

/// A service principal whose application has the roles to read and one that is disabled, and which has one to write.
async fn resource(directory: &Directory, named: &str) -> ServicePrincipal {
    let application = directory.unpublished(named).await;
    let attributes = roles(&[(READ, true), (DISABLED, false)]);
    let change = ApplicationChange { attributes, ..ApplicationChange::default() };
    directory.control.update_application(administrator(), application.id, change).await.unwrap();
    let attributes = roles(&[(WRITE, true)]);
    let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes };
    directory.control.create_service_principal(administrator(), new).await.unwrap()
}

fn to(resource: &ServicePrincipal, principal: impl Into<PrincipalId>) -> NewAppRoleAssignment {
    NewAppRoleAssignment {
        resource: resource.id,
        principal: principal.into(),
        principal_kind: None,
        principal_name: None,
        app_role: DEFAULT_ACCESS,
    }
}

fn somebody() -> PrincipalId {
    PrincipalId::new(Uuid::new_v4())
}

#[tokio::test]
async fn an_assignment_is_made_read_and_taken_back_each_with_its_record() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = resource(&directory, "Wiki").await;
    let new = NewAppRoleAssignment {
        principal_kind: Some(PrincipalKind::Group),
        principal_name: Some("Engineers".to_owned()),
        app_role: READ,
        ..to(&wiki, somebody())
    };
    let made = control.assign_app_role(who, new.clone()).await.unwrap();
    assert_eq!((made.app_role, made.principal, made.resource), (READ, new.principal, wiki.id));
    assert_eq!((made.principal_kind, made.principal_name.as_deref()), (PrincipalKind::Group, Some("Engineers")));
    assert_eq!((made.resource_name.as_str(), made.revision), ("Wiki", directory.revision()));
    assert_eq!(control.app_role_assignment(made.id).await.unwrap(), made);
    let (entity, id) = (Entity::AppRoleAssignment, made.id);
    let record = directory.check_written(Activity::AssignAppRole, entity, Operation::Insert, id).await;
    assert_eq!(record.detail["new"]["principal_name"], "Engineers");

    let past = Target::at(id, Expected::OneOf(vec![Revision(0)]));
    let error = refused(&directory, control.unassign_app_role(who, past)).await;
    assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error}");
    control.unassign_app_role(who, id).await.unwrap();
    directory.check_written(Activity::UnassignAppRole, entity, Operation::Delete, id).await;
    for error in [
        refused(&directory, control.unassign_app_role(who, id)).await,
        refused(&directory, async { control.app_role_assignment(id).await.map(|_| ()) }).await,
    ] {
        assert!(matches!(error, Error::AppRoleAssignmentNotFound(gone) if gone == id), "{error}");
    }
}

#[tokio::test]
async fn a_role_must_be_one_of_the_application_or_the_service_principal_and_enabled() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = resource(&directory, "wiki").await;
    for app_role in [READ, WRITE, DEFAULT_ACCESS] {
        let new = NewAppRoleAssignment { app_role, ..to(&wiki, somebody()) };
        control.assign_app_role(administrator(), new).await.unwrap();
    }
    for app_role in [DISABLED, Uuid::from_u128(4)] {
        let new = NewAppRoleAssignment { app_role, ..to(&wiki, somebody()) };
        let error = refused(&directory, control.assign_app_role(administrator(), new)).await;
        let expected =
            matches!(error, Error::NoSuchAppRole { resource, app_role: of } if (resource, of) == (wiki.id, app_role));
        assert!(expected, "{error}");
    }
}

#[tokio::test]
async fn nobody_is_assigned_twice_in_one_role_but_in_several_roles_once_each() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (resource(&directory, "wiki").await, resource(&directory, "shop").await);
    let alice = somebody();
    control.assign_app_role(administrator(), to(&wiki, alice)).await.unwrap();
    let error = refused(&directory, control.assign_app_role(administrator(), to(&wiki, alice))).await;
    assert!(matches!(error, Error::AppRoleAssigned { principal, .. } if principal == alice), "{error}");
    let reading = NewAppRoleAssignment { app_role: READ, ..to(&wiki, alice) };
    control.assign_app_role(administrator(), reading).await.unwrap();
    control.assign_app_role(administrator(), to(&shop, alice)).await.unwrap();
}

#[tokio::test]
async fn of_many_that_assign_the_same_at_once_one_does() {
    let directory = Directory::new().await;
    let wiki = resource(&directory, "wiki").await;
    let alice = somebody();
    let mut commands = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (control, new) = (directory.control.clone(), to(&wiki, alice));
        commands.spawn(async move { control.assign_app_role(administrator(), new).await });
    }
    let outcomes = commands.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|error| matches!(error, Error::AppRoleAssigned { .. })));
}

#[tokio::test]
async fn a_principal_is_a_service_principal_where_there_is_one_of_its_id_and_else_a_user() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (resource(&directory, "Wiki").await, resource(&directory, "Shop").await);
    let new = NewAppRoleAssignment { principal_name: Some("ignored".to_owned()), ..to(&wiki, shop.id) };
    let known = control.assign_app_role(administrator(), new).await.unwrap();
    assert_eq!(known.principal_kind, PrincipalKind::ServicePrincipal);
    assert_eq!(known.principal_name.as_deref(), Some("Shop"), "the directory knows its name better");
    let user = control.assign_app_role(administrator(), to(&wiki, somebody())).await.unwrap();
    assert_eq!((user.principal_kind, user.principal_name), (PrincipalKind::User, None));
}

#[tokio::test]
async fn an_unknown_resource_or_service_principal_is_not_found() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = resource(&directory, "wiki").await;
    let nobody = ServicePrincipalId::new(Uuid::new_v4());
    let nowhere = NewAppRoleAssignment { resource: nobody, ..to(&wiki, somebody()) };
    let by_nobody = NewAppRoleAssignment { principal_kind: Some(PrincipalKind::ServicePrincipal), ..to(&wiki, nobody) };
    for new in [nowhere, by_nobody] {
        let error = refused(&directory, control.assign_app_role(administrator(), new)).await;
        assert!(matches!(error, Error::ServicePrincipalNotFound(id) if id == nobody), "{error}");
    }
    let error = refused(&directory, control.app_role_assignment(AppRoleAssignmentId::new(nobody.uuid()))).await;
    assert!(matches!(error, Error::AppRoleAssignmentNotFound(_)), "{error}");
}

#[tokio::test]
async fn assignments_keep_up_with_the_names_of_service_principals() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (wiki, shop) = (resource(&directory, "Wiki").await, resource(&directory, "Shop").await);
    let (to_it, of_it) = (to(&wiki, somebody()), to(&shop, wiki.id));
    let to_it = control.assign_app_role(who, to_it).await.unwrap();
    let of_it = control.assign_app_role(who, of_it).await.unwrap();
    let rename = ServicePrincipalChange { display_name: Some(name("Wikis")), ..ServicePrincipalChange::default() };
    let renamed = control.update_service_principal(who, wiki.id, rename).await.unwrap();
    let to_it = control.app_role_assignment(to_it.id).await.unwrap();
    let of_it = control.app_role_assignment(of_it.id).await.unwrap();
    assert_eq!((to_it.resource_name.as_str(), of_it.principal_name.as_deref()), ("Wikis", Some("Wikis")));
    assert_eq!((to_it.revision, of_it.revision), (renamed.revision, renamed.revision));
    for id in [to_it.id, of_it.id] {
        let changes = control.changes_after(Revision(renamed.revision.0 - 1), 10).await.unwrap();
        let written = changes.iter().filter(|change| change.id == id.to_string());
        let operations: Vec<_> = written.map(|change| (change.entity, change.operation)).collect();
        assert_eq!(operations, [(Entity::AppRoleAssignment, Operation::Update)]);
    }
}

#[tokio::test]
async fn assignments_are_listed_by_principal_and_by_resource_in_the_order_of_names() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (resource(&directory, "wiki").await, resource(&directory, "Shop").await);
    let alice = somebody();
    for (resource, principal, named) in [(&wiki, alice, "alice"), (&shop, alice, "alice"), (&wiki, somebody(), "Bob")] {
        let new = NewAppRoleAssignment { principal_name: Some(named.to_owned()), ..to(resource, principal) };
        control.assign_app_role(administrator(), new).await.unwrap();
    }
    let list = async |field, value: String, by| {
        let by = Expression::Field(OBJECT, Field::AppRoleAssignment(by));
        let order = vec![Order { by, direction: Direction::Ascending }];
        let query = Query { order, limit: 1, ..Query::default() };
        let mut query = query.narrowed(Expression::equal(Field::AppRoleAssignment(field), Wanted::Text(value)));
        let mut found = Vec::new();
        loop {
            let page = control.list_app_role_assignments(&query).await.unwrap();
            found.extend(page.items.into_iter().map(|item| (item.resource_name, item.principal_name.unwrap())));
            query.after = page.next;
            if query.after.is_none() {
                return found;
            }
        }
    };
    use AppRoleAssignmentField::{Principal, PrincipalName, Resource, ResourceName};
    let pair = |resource: &str, principal: &str| (resource.to_owned(), principal.to_owned());
    let of_alice = list(Principal, alice.to_string(), ResourceName).await;
    assert_eq!(of_alice, [pair("Shop", "alice"), pair("wiki", "alice")]);
    let to_wiki = list(Resource, wiki.id.to_string(), PrincipalName).await;
    assert_eq!(to_wiki, [pair("wiki", "alice"), pair("wiki", "Bob")]);
}
