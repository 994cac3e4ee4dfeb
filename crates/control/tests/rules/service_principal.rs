//! Service principals: one for each application at most, made when it is published, and gone with all that names it.

use adit_control::{
    ApplicationChange, ControlPlane, Error, Expected, NewAppRoleAssignment, NewApplication, NewServicePrincipal,
    PublishingChange, ServicePrincipalChange, Target,
};
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::owner::OwnerId;
use adit_core::query::{
    AppRoleAssignmentField, Counting, Expression, Field, Items, JsonKind, JsonPart, OBJECT, Quantifier, Query,
    Relation, ServicePrincipalField, Value as Wanted, Variable,
};
use adit_core::{
    AppId, Application, Owner, PrincipalId, PrincipalKind, Revision, ServicePrincipal, ServicePrincipalId,
};
use adit_store::{Entity, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused, urls};

const INTEGRATED: &str = "WindowsAzureActiveDirectoryIntegratedApp";
const ON_PREMISES: &str = "WindowsAzureActiveDirectoryOnPremApp";

fn attributes(value: Value) -> Attributes {
    value.as_object().unwrap().clone()
}

fn publish(url: &str) -> ApplicationChange {
    let publishing = PublishingChange::Merge(urls(&format!("https://{url}.example/"), &format!("http://{url}/")));
    ApplicationChange { publishing, ..ApplicationChange::default() }
}

async fn made(control: &ControlPlane, application: &Application) -> ServicePrincipal {
    let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes: Attributes::new() };
    control.create_service_principal(administrator(), new).await.unwrap()
}

fn assignment(resource: &ServicePrincipal, principal: impl Into<PrincipalId>) -> NewAppRoleAssignment {
    NewAppRoleAssignment {
        resource: resource.id,
        principal: principal.into(),
        principal_kind: None,
        principal_name: None,
        app_role: DEFAULT_ACCESS,
    }
}

#[tokio::test]
async fn a_service_principal_is_made_read_changed_and_deleted_each_with_its_record() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = directory.unpublished("Wiki").await;
    let new = NewServicePrincipal {
        app_id: wiki.app_id,
        display_name: None,
        attributes: attributes(json!({ "notes": "x", "secret": "hunter2" })),
    };
    let principal = control.create_service_principal(who, new).await.unwrap();
    assert_eq!(principal.display_name, wiki.display_name, "the name is the application's unless another is given");
    assert_eq!(control.service_principal(principal.id).await.unwrap(), principal);
    assert_eq!(control.service_principal_by_app_id(wiki.app_id).await.unwrap(), principal);
    let (entity, id) = (Entity::ServicePrincipal, principal.id);
    directory.check_written(Activity::AddServicePrincipal, entity, Operation::Insert, id).await;

    let change = ServicePrincipalChange {
        display_name: Some(name("Wikis")),
        attributes: attributes(json!({ "secret": "hunter3" })),
        merge: Some(|principal, mut wanted| {
            wanted.insert("before".to_owned(), principal.display_name.as_str().into());
            wanted
        }),
    };
    let changed = control.update_service_principal(who, id, change).await.unwrap();
    assert_eq!(changed.attributes, attributes(json!({ "notes": "x", "secret": "hunter3", "before": "Wiki" })));
    assert_eq!(control.service_principal(id).await.unwrap(), changed);
    let record = directory.check_written(Activity::UpdateServicePrincipal, entity, Operation::Update, id).await;
    assert_eq!(record.detail["new"]["display_name"], "Wikis");
    assert_eq!(record.detail["changed_attributes"], json!(["secret", "before"]));
    assert!(!record.detail.to_string().contains("hunter"), "values of opaque properties may be secrets");
    let before = directory.state().await;
    let same = ServicePrincipalChange { display_name: Some(name("Wikis")), ..ServicePrincipalChange::default() };
    control.update_service_principal(who, id, same).await.unwrap();
    assert_eq!(directory.state().await, before, "what is already so changes nothing");

    control.delete_service_principal(who, id).await.unwrap();
    directory.check_written(Activity::DeleteServicePrincipal, entity, Operation::Delete, id).await;
    let error = refused(&directory, control.service_principal(id)).await;
    assert!(matches!(error, Error::ServicePrincipalNotFound(gone) if gone == id), "{error}");
    assert_eq!(control.application(wiki.id).await.unwrap(), wiki, "the application stays");
}

#[tokio::test]
async fn an_application_has_one_service_principal_and_one_that_is_not_there_has_none() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.unpublished("wiki").await;
    let error = refused(&directory, control.service_principal_by_app_id(wiki.app_id)).await;
    assert!(matches!(error, Error::NoServicePrincipalOf(id) if id == wiki.app_id), "{error}");
    let first = made(control, &wiki).await;
    let new = |app_id| NewServicePrincipal { app_id, display_name: None, attributes: Attributes::new() };
    let error = refused(&directory, control.create_service_principal(administrator(), new(wiki.app_id))).await;
    let expected =
        matches!(error, Error::ServicePrincipalExists { app_id, id } if (app_id, id) == (wiki.app_id, first.id));
    assert!(expected, "{error}");
    let nobody = AppId::new(Uuid::new_v4());
    let error = refused(&directory, control.create_service_principal(administrator(), new(nobody))).await;
    assert!(matches!(error, Error::AppIdNotFound(id) if id == nobody), "{error}");
}

#[tokio::test]
async fn an_unknown_service_principal_is_not_found_and_one_that_was_changed_meanwhile_stays() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let nobody = ServicePrincipalId::new(Uuid::new_v4());
    for error in [
        refused(&directory, control.update_service_principal(who, nobody, ServicePrincipalChange::default())).await,
        refused(&directory, control.delete_service_principal(who, nobody)).await,
    ] {
        assert!(matches!(error, Error::ServicePrincipalNotFound(id) if id == nobody), "{error}");
    }
    let principal = made(control, &directory.unpublished("wiki").await).await;
    let past = || Target::at(principal.id, Expected::OneOf(vec![Revision(0)]));
    for error in [
        refused(&directory, control.update_service_principal(who, past(), ServicePrincipalChange::default())).await,
        refused(&directory, control.delete_service_principal(who, past())).await,
    ] {
        assert!(matches!(error, Error::ChangedMeanwhile { found } if found == principal.revision), "{error}");
    }
}

#[tokio::test]
async fn publishing_makes_the_service_principal_in_the_same_command() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let draft = directory.unpublished("draft").await;
    let published = control.update_application(administrator(), draft.id, publish("draft")).await.unwrap();
    let principal = control.service_principal_by_app_id(draft.app_id).await.unwrap();
    assert_eq!(principal.display_name, draft.display_name);
    assert_eq!(principal.attributes["tags"], json!([INTEGRATED, ON_PREMISES]));
    assert_eq!(principal.revision, published.revision);
    let (added, entity) = (Activity::AddServicePrincipal, Entity::ServicePrincipal);
    directory.check_written(added, entity, Operation::Insert, principal.id).await;
    let new = NewApplication {
        display_name: name("Both"),
        attributes: Attributes::new(),
        publishing: Some(urls("https://both.example/", "http://both/")),
        owner: None,
    };
    let both = control.create_application(administrator(), new).await.unwrap();
    let principal = control.service_principal_by_app_id(both.app_id).await.unwrap();
    assert_eq!(
        principal.attributes["tags"],
        json!([INTEGRATED, ON_PREMISES]),
        "also when it is made and published at once"
    );
}

#[tokio::test]
async fn a_service_principal_that_was_there_gets_the_tags_and_loses_one_when_the_publishing_ends() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let draft = directory.unpublished("draft").await;
    let tags = attributes(json!({ "tags": ["mine"] }));
    let new = NewServicePrincipal { app_id: draft.app_id, display_name: Some(name("Own")), attributes: tags };
    let first = control.create_service_principal(who, new).await.unwrap();
    control.update_application(who, draft.id, publish("draft")).await.unwrap();
    let marked = control.service_principal_by_app_id(draft.app_id).await.unwrap();
    assert_eq!((marked.id, marked.display_name), (first.id, name("Own")));
    assert_eq!(marked.attributes["tags"], json!(["mine", INTEGRATED, ON_PREMISES]));

    control.update_application(who, draft.id, publish("other")).await.unwrap();
    let same = control.service_principal(first.id).await.unwrap();
    assert_eq!(same.revision, marked.revision, "another change of the publishing does not touch it");

    let end = ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    control.update_application(who, draft.id, end).await.unwrap();
    let ended = control.service_principal(first.id).await.unwrap();
    assert_eq!(ended.attributes["tags"], json!(["mine", INTEGRATED]));
}

#[tokio::test]
async fn one_that_is_made_for_a_published_application_has_the_tags_and_one_that_was_deleted_comes_with_publishing() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = directory.published("wiki").await;
    let first = control.service_principal_by_app_id(wiki.app_id).await.unwrap();
    control.delete_service_principal(who, first.id).await.unwrap();
    let second = made(control, &wiki).await;
    assert_eq!(second.attributes["tags"], json!([INTEGRATED, ON_PREMISES]));

    control.delete_service_principal(who, second.id).await.unwrap();
    control.update_application(who, wiki.id, publish("other")).await.unwrap();
    let error = refused(&directory, control.service_principal_by_app_id(wiki.app_id)).await;
    assert!(matches!(error, Error::NoServicePrincipalOf(_)), "it stays deleted while the application is published");
    let end = ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    control.update_application(who, wiki.id, end).await.unwrap();
    control.update_application(who, wiki.id, publish("wiki")).await.unwrap();
    control.service_principal_by_app_id(wiki.app_id).await.unwrap();
}

#[tokio::test]
async fn a_service_principal_follows_the_name_of_its_application_while_it_has_the_same() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let rename = |to: &str| ApplicationChange { display_name: Some(name(to)), ..ApplicationChange::default() };
    let wiki = directory.unpublished("Wiki").await;
    let principal = made(control, &wiki).await;
    control.update_application(who, wiki.id, rename("Wikis")).await.unwrap();
    assert_eq!(control.service_principal(principal.id).await.unwrap().display_name, name("Wikis"));
    let own = ServicePrincipalChange { display_name: Some(name("Own")), ..ServicePrincipalChange::default() };
    control.update_service_principal(who, principal.id, own).await.unwrap();
    control.update_application(who, wiki.id, rename("Wiki")).await.unwrap();
    assert_eq!(control.service_principal(principal.id).await.unwrap().display_name, name("Own"));
}

#[tokio::test]
async fn an_application_and_its_service_principal_are_instantiated_in_one_command() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let role = Uuid::new_v4();
    let roles = json!({ "appRoles": [{ "id": role, "value": null, "isEnabled": true }] });
    let owner = Owner { id: OwnerId::parse("deploy-bot").unwrap(), kind: PrincipalKind::ServicePrincipal, name: None };
    let new = NewApplication {
        display_name: name("Wiki"),
        attributes: Attributes::new(),
        publishing: None,
        owner: Some(owner.clone()),
    };
    let (wiki, principal) =
        control.instantiate_application(administrator(), new.clone(), attributes(roles.clone())).await.unwrap();
    assert_eq!(control.application(wiki.id).await.unwrap(), wiki);
    assert_eq!(control.service_principal_by_app_id(wiki.app_id).await.unwrap(), principal);
    assert_eq!((principal.display_name.clone(), wiki.revision), (wiki.display_name, principal.revision));
    assert_eq!(control.list_owners(wiki.id).await.unwrap(), [owner]);
    assert_eq!(control.app_roles_of(&principal).await.unwrap(), *roles["appRoles"].as_array().unwrap());
    let audit = control.audit_of(principal.revision).await.unwrap();
    let activities: Vec<Activity> = audit.iter().map(|record| record.activity).collect();
    assert_eq!(activities, [Activity::AddApplication, Activity::AddServicePrincipal]);
    let incomplete = adit_control::PublishingPatch::default();
    let broken = NewApplication { publishing: Some(incomplete), ..new };
    refused(&directory, control.instantiate_application(administrator(), broken, Attributes::new())).await;
}

#[tokio::test]
async fn the_app_roles_are_those_of_the_application_and_its_own() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (first, second) = (json!({ "id": Uuid::new_v4() }), json!({ "id": Uuid::new_v4() }));
    let wiki = directory.unpublished("wiki").await;
    let roles = attributes(json!({ "appRoles": [first] }));
    let change = ApplicationChange { attributes: roles, ..ApplicationChange::default() };
    control.update_application(who, wiki.id, change).await.unwrap();
    let new = NewServicePrincipal {
        app_id: wiki.app_id,
        display_name: None,
        attributes: attributes(json!({ "appRoles": [second] })),
    };
    let principal = control.create_service_principal(who, new).await.unwrap();
    assert_eq!(control.app_roles_of(&principal).await.unwrap(), [first, second]);
}

#[tokio::test]
async fn deleting_a_service_principal_takes_the_assignments_to_it_and_of_it_and_what_it_owns() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (wiki, shop) = (directory.unpublished("wiki").await, directory.unpublished("shop").await);
    let (resource, other) = (made(control, &wiki).await, made(control, &shop).await);
    let user = PrincipalId::new(Uuid::new_v4());
    let to = control.assign_app_role(who, assignment(&resource, user)).await.unwrap();
    let of = control.assign_app_role(who, assignment(&other, resource.id)).await.unwrap();
    let stays = control.assign_app_role(who, assignment(&other, user)).await.unwrap();
    let owner = adit_control::NewOwner { id: OwnerId::from(resource.id.uuid()), kind: None, name: None };
    control.add_owner(who, shop.id, owner).await.unwrap();

    control.delete_service_principal(who, resource.id).await.unwrap();
    let left = control.list_app_role_assignments(&Query::default()).await.unwrap().items;
    assert_eq!(left, [stays]);
    assert_eq!(control.list_owners(shop.id).await.unwrap(), []);
    for gone in [to.id, of.id] {
        let (deleted, entity) = (Activity::DeleteServicePrincipal, Entity::AppRoleAssignment);
        let changes = control.changes_after(Revision(directory.revision().0 - 1), 10).await.unwrap();
        assert!(changes.iter().any(|change| change.entity == entity && change.id == gone.to_string()), "{changes:?}");
        let record = directory.check_written(deleted, Entity::ServicePrincipal, Operation::Delete, resource.id).await;
        assert_eq!(record.detail["assignments"], 2);
    }
}

#[tokio::test]
async fn what_refers_to_an_application_goes_and_comes_back_with_it() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (wiki, shop) = (directory.published("wiki").await, directory.published("shop").await);
    let resource = control.service_principal_by_app_id(wiki.app_id).await.unwrap();
    let other = control.service_principal_by_app_id(shop.app_id).await.unwrap();
    let user = PrincipalId::new(Uuid::new_v4());
    control.assign_app_role(who, assignment(&resource, user)).await.unwrap();
    control.assign_app_role(who, assignment(&other, resource.id)).await.unwrap();
    let owner = |id: &str| adit_control::NewOwner { id: OwnerId::parse(id).unwrap(), kind: None, name: None };
    control.add_owner(who, wiki.id, owner("alice")).await.unwrap();
    control.add_owner(who, shop.id, owner(&resource.id.to_string())).await.unwrap();
    let everything = || async {
        let mut principal = control.service_principal(resource.id).await.ok();
        let mut assignments = control.list_app_role_assignments(&Query::default()).await.unwrap().items;
        principal.iter_mut().for_each(|principal| principal.revision = Revision(0));
        assignments.iter_mut().for_each(|assignment| assignment.revision = Revision(0));
        let owners = (control.list_owners(wiki.id).await.ok(), control.list_owners(shop.id).await.unwrap());
        (principal, assignments, owners)
    };
    let before = everything().await;
    control.delete_application(who, wiki.id).await.unwrap();
    assert_eq!(everything().await, (None, vec![], (None, vec![])), "nothing refers to what is gone");
    control.restore_application(who, wiki.id).await.unwrap();
    assert_eq!(everything().await, before);
    assert_eq!(control.service_principal(resource.id).await.unwrap().revision, directory.revision());
}

#[tokio::test]
async fn what_refers_to_something_that_went_meanwhile_does_not_come_back() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (wiki, shop) = (directory.published("wiki").await, directory.published("shop").await);
    let resource = control.service_principal_by_app_id(wiki.app_id).await.unwrap();
    let other = control.service_principal_by_app_id(shop.app_id).await.unwrap();
    control.assign_app_role(who, assignment(&other, resource.id)).await.unwrap();
    control.assign_app_role(who, assignment(&resource, other.id)).await.unwrap();
    let owned = || adit_control::NewOwner { id: OwnerId::from(resource.id.uuid()), kind: None, name: None };
    control.add_owner(who, shop.id, owned()).await.unwrap();
    control.delete_application(who, wiki.id).await.unwrap();

    // While it is away, the shop loses its service principal, and a user of the same id becomes its owner.
    control.delete_service_principal(who, other.id).await.unwrap();
    control.add_owner(who, shop.id, owned()).await.unwrap();
    control.restore_application(who, wiki.id).await.unwrap();
    assert_eq!(control.list_app_role_assignments(&Query::default()).await.unwrap().items, []);
    let owners = control.list_owners(shop.id).await.unwrap();
    assert_eq!(owners.iter().map(|owner| owner.kind).collect::<Vec<_>>(), [PrincipalKind::User]);

    control.delete_application(who, wiki.id).await.unwrap();
    control.delete_application(who, shop.id).await.unwrap();
    control.restore_application(who, wiki.id).await.unwrap();
    control.service_principal(resource.id).await.unwrap();
}

#[tokio::test]
async fn service_principals_are_listed_by_what_they_hold() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    let (published, plain) =
        (control.service_principal_by_app_id(wiki.app_id).await.unwrap(), made(control, &draft).await);
    control.assign_app_role(administrator(), assignment(&plain, published.id)).await.unwrap();
    let list = async |filter: Expression| {
        let query = Query { counting: Counting::Wanted, ..Query::default() }.narrowed(filter);
        let page = control.list_service_principals(&query).await.unwrap();
        assert_eq!(page.total, Some(page.items.len() as u64));
        page.items.into_iter().map(|principal| principal.id).collect::<Vec<_>>()
    };
    let text = |text: &str| Wanted::Text(text.to_owned());
    let field = Field::ServicePrincipal;
    let by_app_id = Expression::equal(field(ServicePrincipalField::AppId), text(&wiki.app_id.to_string()));
    assert_eq!(list(by_app_id).await, [published.id]);
    let by_name = Expression::equal(field(ServicePrincipalField::DisplayName), text("DRAFT"));
    assert_eq!(list(by_name).await, [plain.id]);
    let part = |path: Vec<String>, kind| JsonPart { path, kind, default: Wanted::Null };
    let tags = field(ServicePrincipalField::Attribute(part(vec!["tags".to_owned()], JsonKind::Array)));
    let tag = Expression::Field(Variable(1), Field::Item(part(vec![], JsonKind::Text)));
    let is = Expression::Binary(
        adit_core::query::Operator::Equal,
        Box::new(tag),
        Box::new(Expression::Value(text(ON_PREMISES))),
    );
    let any = |items, condition| Expression::Quantified {
        quantifier: Quantifier::Any,
        items,
        variable: Variable(1),
        condition: Some(Box::new(condition)),
    };
    assert_eq!(list(any(Items::Array(OBJECT, tags), is)).await, [published.id], "the one with the tag");
    let kind = Expression::Field(Variable(1), Field::AppRoleAssignment(AppRoleAssignmentField::PrincipalKind));
    let is = Expression::Binary(
        adit_core::query::Operator::Equal,
        Box::new(kind),
        Box::new(Expression::Value(text("service_principal"))),
    );
    let assigned = Items::Related(OBJECT, Relation::AssignedTo);
    assert_eq!(list(any(assigned, is)).await, [plain.id], "the one that a service principal is assigned to");
}
