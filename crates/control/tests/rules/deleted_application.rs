//! Deleted applications: gone for users at once, restorable for 30 days, then gone for good.

use adit_control::{
    ApplicationChange, Error, Expected, NewOwner, NewServicePrincipal, PublishingChange, PublishingPatch, Target,
};
use adit_core::audit::{Activity, ActorKind};
use adit_core::maintenance::MaintenanceState;
use adit_core::publishing::PublishingRefused;
use adit_core::query::{ApplicationField, Counting, Direction, Expression, Field, OBJECT, Order, Query, Value};
use adit_core::{Application, ApplicationId, ExternalUrl, InternalUrl, Publishing, Revision};
use adit_store::{Entity, Operation};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::directory::{Directory, administrator, refused, urls};

async fn delete(directory: &Directory, application: &Application) {
    directory.control.delete_application(administrator(), application.id).await.unwrap();
}

/// The application as if its last change had been at `revision`.
fn at(mut application: Application, revision: Revision) -> Application {
    application.revision = revision;
    application
}

async fn deleted_names(directory: &Directory, query: &Query) -> Vec<String> {
    let page = directory.control.list_deleted_applications(query).await.unwrap();
    page.items.iter().map(|deleted| deleted.application.display_name.to_string()).collect()
}

#[tokio::test]
async fn a_deleted_application_is_gone_for_users_at_once_and_stays_readable() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.published("wiki").await;
    assert!(control.snapshots().borrow().publishes_host("wiki.example"));
    delete(&directory, &wiki).await;
    assert!(!control.snapshots().borrow().publishes_host("wiki.example"));
    let gone = refused(&directory, control.application(wiki.id)).await;
    assert!(matches!(gone, Error::ApplicationNotFound(id) if id == wiki.id), "{gone}");
    directory.check_written(Activity::DeleteApplication, Entity::Application, Operation::Delete, wiki.id).await;

    let deleted = control.deleted_application(wiki.id).await.unwrap();
    assert_eq!(deleted.application.revision, directory.revision());
    assert_eq!(at(deleted.application, wiki.revision), wiki);
    assert!(jiff::Timestamp::now().duration_since(deleted.deleted) < SignedDuration::from_mins(1));
}

#[tokio::test]
async fn the_urls_of_a_deleted_application_and_its_group_are_free() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    delete(&directory, &wiki).await;
    control.delete_connector_group(administrator(), berlin.id).await.unwrap();
    let other = directory.published("wiki").await;
    assert_ne!(other.id, wiki.id);
}

#[tokio::test]
async fn a_restored_application_is_what_it_was() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let wiki = control.application(wiki.id).await.unwrap();
    delete(&directory, &wiki).await;
    let restored = control.restore_application(administrator(), wiki.id).await.unwrap();
    assert!(restored.revision > wiki.revision);
    assert_eq!(at(restored.clone(), wiki.revision), wiki);
    assert_eq!(control.application(wiki.id).await.unwrap(), restored);
    assert!(control.snapshots().borrow().publishes_host("wiki.example"));
    directory.check_written(Activity::RestoreApplication, Entity::Application, Operation::Insert, wiki.id).await;
    for error in [
        refused(&directory, control.deleted_application(wiki.id)).await,
        refused(&directory, control.restore_application(administrator(), wiki.id)).await,
    ] {
        assert!(matches!(error, Error::DeletedApplicationNotFound(id) if id == wiki.id), "{error}");
    }
}

#[tokio::test]
async fn an_application_that_was_not_published_is_restored_unpublished() {
    let directory = Directory::new().await;
    let draft = directory.unpublished("draft").await;
    delete(&directory, &draft).await;
    let restored = directory.control.restore_application(administrator(), draft.id).await.unwrap();
    assert_eq!((restored.publishing(), restored.connector_group()), (None, None));
}

#[tokio::test]
async fn a_service_principal_and_owners_go_with_the_application_and_come_back_with_it() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let draft = directory.unpublished("draft").await;
    let new = NewServicePrincipal { app_id: draft.app_id, display_name: None, attributes: Default::default() };
    let principal = control.create_service_principal(administrator(), new).await.unwrap();
    let owner = NewOwner { id: adit_core::OwnerId::parse("carol").unwrap(), kind: None, name: None };
    control.add_owner(administrator(), draft.id, owner).await.unwrap();
    let owners = control.list_owners(draft.id).await.unwrap();
    delete(&directory, &draft).await;
    let gone = refused(&directory, control.service_principal(principal.id)).await;
    assert!(matches!(gone, Error::ServicePrincipalNotFound(id) if id == principal.id), "{gone}");

    control.restore_application(administrator(), draft.id).await.unwrap();
    let back = control.service_principal_by_app_id(draft.app_id).await.unwrap();
    assert_eq!((back.id, back.display_name), (principal.id, principal.display_name));
    assert_eq!(control.list_owners(draft.id).await.unwrap(), owners);
}

#[tokio::test]
async fn an_owner_that_is_gone_meanwhile_does_not_come_back_and_one_of_another_issuer_does() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (directory.unpublished("wiki").await, directory.published("shop").await);
    let gone = control.service_principal_by_app_id(shop.app_id).await.unwrap();
    let program = Some(adit_core::PrincipalKind::ServicePrincipal);
    for (id, kind) in [(gone.id.to_string(), None), (Uuid::new_v4().to_string(), program)] {
        let owner = NewOwner { id: adit_core::OwnerId::parse(&id).unwrap(), kind, name: None };
        control.add_owner(administrator(), wiki.id, owner).await.unwrap();
    }
    let mut expected = control.list_owners(wiki.id).await.unwrap();
    expected.retain(|owner| owner.id.as_str() != gone.id.to_string());
    assert_eq!(expected.len(), 1);
    delete(&directory, &wiki).await;
    control.delete_service_principal(administrator(), gone.id).await.unwrap();
    control.restore_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(control.list_owners(wiki.id).await.unwrap(), expected);
}

#[tokio::test]
async fn a_restored_service_principal_is_not_the_owner_beyond_the_most_that_there_can_be() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, shop) = (directory.unpublished("wiki").await, directory.published("shop").await);
    let add = async |id: String| {
        let owner = NewOwner { id: adit_core::OwnerId::parse(&id).unwrap(), kind: None, name: None };
        control.add_owner(administrator(), wiki.id, owner).await.unwrap();
    };
    add(control.service_principal_by_app_id(shop.app_id).await.unwrap().id.to_string()).await;
    delete(&directory, &shop).await;
    for number in 0..adit_core::owner::MOST_OWNERS {
        add(format!("owner {number}")).await;
    }
    let full = control.list_owners(wiki.id).await.unwrap();
    control.restore_application(administrator(), shop.id).await.unwrap();
    assert_eq!(control.list_owners(wiki.id).await.unwrap(), full);
}

#[tokio::test]
async fn an_application_whose_url_is_taken_meanwhile_is_not_restored() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    delete(&directory, &wiki).await;
    let merge = |external: &str, internal: &str| ApplicationChange {
        publishing: PublishingChange::Merge(urls(external, internal)),
        ..ApplicationChange::default()
    };
    let who = administrator();
    control.update_application(who, draft.id, merge("https://wiki.example/", "http://draft/")).await.unwrap();
    let error = refused(&directory, control.restore_application(who, wiki.id)).await;
    assert!(matches!(error, Error::ExternalUrlTaken { by, .. } if by == draft.id), "{error}");
    let change = merge("https://draft.example/", "http://wiki.internal:8080/");
    control.update_application(who, draft.id, change).await.unwrap();
    let error = refused(&directory, control.restore_application(who, wiki.id)).await;
    assert!(matches!(error, Error::InternalUrlTaken { by, .. } if by == draft.id), "{error}");
}

#[tokio::test]
async fn an_application_whose_group_is_gone_is_restored_into_the_default_group() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    delete(&directory, &wiki).await;
    control.delete_connector_group(administrator(), berlin.id).await.unwrap();
    let restored = control.restore_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(restored.connector_group(), Some(directory.default_group().await.id));
}

#[tokio::test]
async fn a_purged_application_is_gone_for_good() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.published("wiki").await;
    delete(&directory, &wiki).await;
    control.purge_application(administrator(), wiki.id).await.unwrap();
    let record = directory
        .check_written(Activity::PurgeApplication, Entity::DeletedApplication, Operation::Delete, wiki.id)
        .await;
    assert_eq!(record.target_name(), Some("wiki"));
    for error in [
        refused(&directory, control.restore_application(administrator(), wiki.id)).await,
        refused(&directory, control.purge_application(administrator(), wiki.id)).await,
        refused(&directory, control.deleted_application(wiki.id)).await,
    ] {
        assert!(matches!(error, Error::DeletedApplicationNotFound(id) if id == wiki.id), "{error}");
    }
}

#[tokio::test]
async fn a_live_or_unknown_application_is_neither_restored_nor_purged() {
    let directory = Directory::new().await;
    let control = &directory.control;
    for id in [directory.published("wiki").await.id, ApplicationId::new(Uuid::new_v4())] {
        for error in [
            refused(&directory, control.restore_application(administrator(), id)).await.to_string(),
            refused(&directory, control.purge_application(administrator(), id)).await.to_string(),
        ] {
            assert_eq!(error, format!("there is no deleted application {id}"));
        }
    }
}

#[tokio::test]
async fn a_restore_or_a_purge_can_demand_the_revision_of_the_deletion() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.published("wiki").await;
    delete(&directory, &wiki).await;
    let deleted = directory.revision();
    let at = |revision| Target::at(wiki.id, Expected::OneOf(vec![revision]));
    for error in [
        refused(&directory, control.restore_application(administrator(), at(wiki.revision))).await.to_string(),
        refused(&directory, control.purge_application(administrator(), at(wiki.revision))).await.to_string(),
    ] {
        assert!(error.contains("changed meanwhile"), "{error}");
    }
    control.restore_application(administrator(), at(deleted)).await.unwrap();
}

#[tokio::test]
async fn what_was_deleted_thirty_days_ago_is_purged_by_the_system_and_nothing_else_is() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (first, second) = (directory.published("first").await, directory.published("second").await);
    delete(&directory, &first).await;
    directory.pass(SignedDuration::from_hours(30 * 24 - 1));
    delete(&directory, &second).await;
    assert_eq!(control.purge_expired().await.unwrap(), 0);
    directory.pass(SignedDuration::from_hours(2));
    assert_eq!(control.purge_expired().await.unwrap(), 1);
    let record = directory
        .check_written(Activity::PurgeApplication, Entity::DeletedApplication, Operation::Delete, first.id)
        .await;
    assert_eq!(record.actor.kind, ActorKind::System);
    assert_eq!(deleted_names(&directory, &Query::default()).await, ["second"]);
}

#[tokio::test]
async fn an_opened_directory_purges_what_is_over_without_being_asked() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    delete(&directory, &wiki).await;
    directory.pass(SignedDuration::from_hours(31 * 24));
    let directory = directory.reopened().await;
    for _ in 0..250 {
        if deleted_names(&directory, &Query::default()).await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not purged");
}

#[tokio::test]
async fn deleted_applications_are_listed_in_pages_filtered_ordered_and_counted() {
    let directory = Directory::new().await;
    for name in ["charlie", "alpha", "bravo"] {
        let application = directory.published(name).await;
        delete(&directory, &application).await;
        directory.pass(SignedDuration::from_hours(1));
    }
    directory.published("live").await;
    let field = |field| Field::Application(field);
    let by_name = Expression::Field(OBJECT, field(ApplicationField::DisplayName));
    let by_deletion = Expression::Field(OBJECT, field(ApplicationField::Deleted));
    let order = |by, direction| vec![Order { by, direction }];
    let query =
        Query { order: order(by_name, Direction::Ascending), counting: Counting::Wanted, limit: 2, ..Query::default() };
    let page = directory.control.list_deleted_applications(&query).await.unwrap();
    assert_eq!(page.total, Some(3));
    assert_eq!(deleted_names(&directory, &query).await, ["alpha", "bravo"]);
    assert_eq!(deleted_names(&directory, &Query { after: page.next, ..query }).await, ["charlie"]);
    let latest = Query { order: order(by_deletion, Direction::Descending), ..Query::default() };
    assert_eq!(deleted_names(&directory, &latest).await, ["bravo", "alpha", "charlie"]);
    let named = Expression::equal(field(ApplicationField::DisplayName), Value::Text("ALPHA".to_owned()));
    assert_eq!(deleted_names(&directory, &Query::default().narrowed(named)).await, ["alpha"]);
    let url =
        Expression::equal(field(ApplicationField::ExternalUrl), Value::Text("https://charlie.example/".to_owned()));
    assert_eq!(deleted_names(&directory, &Query::default().narrowed(url)).await, ["charlie"]);
}

#[tokio::test]
async fn what_was_accepted_once_can_be_closed_and_comes_back_whatever_the_rules_of_today_are() {
    let directory = Directory::new().await;
    let (draft, group) = (directory.unpublished("draft").await, directory.default_group().await.id);
    let directory = directory
        .changed_beneath(async |store| {
            let internal = InternalUrl::parse("http://*.corp/").unwrap();
            let external = ExternalUrl::try_from("https://draft.example/%61pp/".to_owned()).unwrap();
            let publishing = Publishing::new(external, internal);
            let mut change = store.begin().await.unwrap();
            let mut application = change.find_application(draft.id).await.unwrap().unwrap();
            application.publish(publishing, group);
            change.update_application(&mut application).await.unwrap();
            change.commit().await.unwrap();
        })
        .await;
    let with = |patch| ApplicationChange { publishing: PublishingChange::Merge(patch), ..ApplicationChange::default() };
    let closed = PublishingPatch { maintenance: Some(MaintenanceState::On), ..PublishingPatch::default() };
    let changed = directory.control.update_application(administrator(), draft.id, with(closed)).await.unwrap();
    assert_eq!(changed.publishing().unwrap().maintenance.state, MaintenanceState::On);
    let external_url = Some(ExternalUrl::parse("https://other.example/").unwrap());
    let moved = with(PublishingPatch { external_url, ..PublishingPatch::default() });
    let refusal = refused(&directory, directory.control.update_application(administrator(), draft.id, moved)).await;
    assert!(matches!(refusal, Error::PublishingRefused(PublishingRefused::OneSidedWildcard { .. })), "{refusal}");

    delete(&directory, &changed).await;
    let restored = directory.control.restore_application(administrator(), draft.id).await.unwrap();
    assert_eq!(restored.publishing(), changed.publishing());
    delete(&directory, &restored).await;
    let other = directory.unpublished("other").await;
    let there = with(urls("https://draft.example/app/", "http://other/"));
    directory.control.update_application(administrator(), other.id, there).await.unwrap();
    let refusal = refused(&directory, directory.control.restore_application(administrator(), draft.id)).await;
    assert!(matches!(refusal, Error::ExternalUrlTaken { .. }), "{refusal}");
}
