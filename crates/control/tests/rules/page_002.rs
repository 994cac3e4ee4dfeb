//! A member of an application's group is placed in another group, named by id or by name (contract section 8, point 5).

use adit_control::{ConnectorGroupReference, Error};
use adit_core::audit::Activity;
use adit_core::{ApplicationId, ConnectorGroupId, ConnectorId, Region};
use adit_store::{Entity, Operation};
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused};

fn named(text: &str, region: Option<Region>) -> ConnectorGroupReference {
    ConnectorGroupReference::Name { name: name(text), region }
}

#[tokio::test]
async fn a_member_is_moved_into_the_group_of_that_id() {
    let directory = Directory::new().await;
    let paris = directory.group("Paris").await;
    let wiki = directory.published("wiki").await;
    let id = directory.registered("srv1", wiki.connector_group().unwrap()).await.identity.connector;
    let reference = ConnectorGroupReference::Id(paris.id);
    let group = directory.control.place_member_in_group(administrator(), wiki.id, id, reference.clone()).await.unwrap();
    assert_eq!(group, paris);
    assert_eq!(directory.control.connector(id).await.unwrap().connector_group, paris.id);
    let record = directory.check_written(Activity::MoveConnector, Entity::Connector, Operation::Update, id).await;
    assert_eq!(record.detail["application"], wiki.id.to_string());
    let again = directory.control.place_member_in_group(administrator(), wiki.id, id, reference);
    let elsewhere = refused(&directory, again).await;
    assert!(matches!(elsewhere, Error::NotAMember { .. }), "{elsewhere}");
}

#[tokio::test]
async fn a_member_is_moved_into_the_group_of_that_name_without_case() {
    let directory = Directory::new().await;
    let paris = directory.group("Paris").await;
    let wiki = directory.published("wiki").await;
    let id = directory.registered("srv1", wiki.connector_group().unwrap()).await.identity.connector;
    let reference = named("PARIS", Some(Region::Eur));
    let group = directory.control.place_member_in_group(administrator(), wiki.id, id, reference).await.unwrap();
    assert_eq!(group, paris, "an existing group keeps its name and region");
}

#[tokio::test]
async fn a_group_that_no_name_finds_is_made_and_the_member_moved_in_one_revision() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let id = directory.registered("srv1", wiki.connector_group().unwrap()).await.identity.connector;
    let before = directory.revision();
    let reference = named("Paris", Some(Region::Eur));
    let paris = directory.control.place_member_in_group(administrator(), wiki.id, id, reference).await.unwrap();
    assert_eq!((paris.name.as_str(), paris.region), ("Paris", Some(Region::Eur)));
    assert_eq!(directory.revision().0, before.0 + 1);
    directory.check_written(Activity::AddConnectorGroup, Entity::ConnectorGroup, Operation::Insert, paris.id).await;
    directory.check_written(Activity::MoveConnector, Entity::Connector, Operation::Update, id).await;
    assert_eq!(directory.control.connector(id).await.unwrap().connector_group, paris.id);
}

#[tokio::test]
async fn placing_a_member_in_the_group_it_is_in_changes_nothing() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let default = directory.default_group().await;
    let id = directory.registered("srv1", default.id).await.identity.connector;
    let before = directory.state().await;
    let reference = named("default", None);
    directory.control.place_member_in_group(administrator(), wiki.id, id, reference).await.unwrap();
    assert_eq!(directory.state().await, before);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_no_group_is_made() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    let berlin = directory.group("Berlin").await;
    let member = directory.registered("srv1", wiki.connector_group().unwrap()).await.identity.connector;
    let stranger = directory.registered("srv2", berlin.id).await.identity.connector;
    let who = administrator();
    for application in [draft.id, ApplicationId::new(Uuid::new_v4())] {
        let command = control.place_member_in_group(who, application, member, named("Paris", None));
        let error = refused(&directory, command).await;
        assert!(matches!(error, Error::ApplicationNotPublished(id) if id == application), "{error}");
    }
    let command = control.place_member_in_group(who, wiki.id, stranger, named("Paris", None));
    let error = refused(&directory, command).await;
    assert!(matches!(error, Error::NotAMember { .. }), "{error}");
    let nobody = ConnectorId::new(Uuid::new_v4());
    let error = refused(&directory, control.place_member_in_group(who, wiki.id, nobody, named("Paris", None))).await;
    assert!(matches!(error, Error::ConnectorNotFound(_)), "{error}");
    let nowhere = ConnectorGroupReference::Id(ConnectorGroupId::new(Uuid::new_v4()));
    let error = refused(&directory, control.place_member_in_group(who, wiki.id, member, nowhere)).await;
    assert!(matches!(error, Error::ConnectorGroupNotFound(_)), "{error}");
}
