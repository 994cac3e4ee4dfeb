//! Owners of applications: ids of any issuer, each once, and not without end.

use adit_control::{Error, NewApplication, NewOwner};
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::owner::{MOST_OWNERS, OwnerId};
use adit_core::{ApplicationId, Owner, PrincipalKind};
use adit_store::{Entity, Operation};
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused};

fn id(text: &str) -> OwnerId {
    OwnerId::parse(text).unwrap()
}

fn new(text: &str) -> NewOwner {
    NewOwner { id: id(text), kind: None, name: None }
}

#[tokio::test]
async fn an_owner_is_added_listed_and_removed_each_with_its_record() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = directory.unpublished("wiki").await;
    let named = NewOwner { kind: Some(PrincipalKind::User), name: Some("Alice".to_owned()), ..new("alice") };
    let alice = control.add_owner(who, wiki.id, named).await.unwrap();
    assert_eq!(alice, Owner { id: id("alice"), kind: PrincipalKind::User, name: Some("Alice".to_owned()) });
    let audit = control.audit_of(directory.revision()).await.unwrap();
    assert_eq!((audit[0].activity, &audit[0].target), (Activity::AddOwner, &wiki.id.to_string()));
    let change = control.changes_after(wiki.revision, 10).await.unwrap().remove(0);
    assert_eq!((change.entity, change.operation), (Entity::Owner, Operation::Insert));
    assert_eq!(change.id, format!("{}/alice", wiki.id));
    let bot = control.add_owner(who, wiki.id, new("9A4E7F10-0000-4000-8000-000000000001")).await.unwrap();
    assert_eq!(control.list_owners(wiki.id).await.unwrap(), [bot, alice.clone()]);

    control.remove_owner(who, wiki.id, &alice.id).await.unwrap();
    let audit = control.audit_of(directory.revision()).await.unwrap();
    assert_eq!((audit[0].activity, &audit[0].detail["old"]["name"]), (Activity::RemoveOwner, &"Alice".into()));
    assert_eq!(control.list_owners(wiki.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_owner_is_one_of_this_application_by_exactly_that_id() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let new_application =
        |owner| NewApplication { display_name: name("Wiki"), attributes: Attributes::new(), publishing: None, owner };
    let bot = Owner { id: id("deploy-Bot"), kind: PrincipalKind::ServicePrincipal, name: None };
    let wiki = control.create_application(administrator(), new_application(Some(bot.clone()))).await.unwrap();
    let other = control.create_application(administrator(), new_application(None)).await.unwrap();
    assert_eq!(control.list_owners(wiki.id).await.unwrap(), [bot]);
    assert!(control.is_owner(wiki.id, "deploy-Bot").await.unwrap());
    let nowhere = ApplicationId::new(Uuid::new_v4());
    for (application, not) in [
        (wiki.id, "deploy-bot"),
        (wiki.id, "deploy"),
        (wiki.id, "deploy-Bo_"),
        (wiki.id, "%"),
        (wiki.id, ""),
        (wiki.id, "\u{0}"),
        (other.id, "deploy-Bot"),
        (nowhere, "deploy-Bot"),
    ] {
        assert!(!control.is_owner(application, not).await.unwrap(), "{not:?}");
    }
    let uuid = "9a4e7f10-0000-4000-8000-000000000001";
    control.add_owner(administrator(), other.id, new(uuid)).await.unwrap();
    assert!(control.is_owner(other.id, &uuid.to_uppercase()).await.unwrap(), "a UUID is the same in any case");
}

#[tokio::test]
async fn nobody_is_added_twice_and_who_is_no_owner_is_not_removed() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = directory.unpublished("wiki").await;
    control.add_owner(who, wiki.id, new("alice")).await.unwrap();
    let error = refused(&directory, control.add_owner(who, wiki.id, new("alice"))).await;
    assert!(
        matches!(&error, Error::OwnerExists { application, id: twice } if *application == wiki.id && *twice == id("alice")),
        "{error}"
    );
    let error = refused(&directory, control.remove_owner(who, wiki.id, &id("bob"))).await;
    assert!(matches!(&error, Error::OwnerNotFound { id: nobody, .. } if *nobody == id("bob")), "{error}");
    let nowhere = ApplicationId::new(Uuid::new_v4());
    for error in [
        refused(&directory, control.remove_owner(who, nowhere, &id("alice"))).await,
        refused(&directory, async { control.add_owner(who, nowhere, new("alice")).await.map(|_| ()) }).await,
        refused(&directory, async { control.list_owners(nowhere).await.map(|_| ()) }).await,
    ] {
        assert!(matches!(error, Error::ApplicationNotFound(id) if id == nowhere), "{error}");
    }
}

#[tokio::test]
async fn an_owner_is_a_service_principal_where_there_is_one_of_its_id() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (directory.unpublished("wiki").await, directory.published("shop").await);
    let principal = control.service_principal_by_app_id(shop.app_id).await.unwrap();
    let owner = control.add_owner(administrator(), wiki.id, new(&principal.id.to_string())).await.unwrap();
    assert_eq!((owner.kind, owner.name.as_deref()), (PrincipalKind::ServicePrincipal, Some("shop")));
    let owner = control.add_owner(administrator(), wiki.id, new("somebody")).await.unwrap();
    assert_eq!((owner.kind, owner.name), (PrincipalKind::User, None));
}

#[tokio::test]
async fn an_application_has_only_so_many_owners() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.unpublished("wiki").await;
    for number in 0..MOST_OWNERS {
        control.add_owner(administrator(), wiki.id, new(&format!("owner {number}"))).await.unwrap();
    }
    let error = refused(&directory, control.add_owner(administrator(), wiki.id, new("one more"))).await;
    assert!(matches!(error, Error::TooManyOwners { application } if application == wiki.id), "{error}");
    assert_eq!(control.list_owners(wiki.id).await.unwrap().len(), MOST_OWNERS);
}
