//! Connector groups: names, the default group, what can be deleted, regions (contract section 8, points 5, 7 and 8).

use adit_control::{ConnectorGroupChange, Error, NewConnectorGroup};
use adit_core::audit::{Activity, ActorKind};
use adit_core::connector_group::GroupNotDeletable;
use adit_core::{ConnectorGroupId, Region};
use adit_store::{Entity, Operation};
use serde_json::json;
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused};

fn renamed(text: &str) -> ConnectorGroupChange {
    ConnectorGroupChange { name: Some(name(text)), region: None }
}

fn placed(region: Option<Region>) -> ConnectorGroupChange {
    ConnectorGroupChange { name: None, region: Some(region) }
}

#[tokio::test]
async fn a_new_directory_has_one_group_and_it_is_the_default_group() {
    let directory = Directory::new().await;
    let groups = directory.control.list_connector_groups(&Default::default()).await.unwrap().items;
    assert_eq!(groups.len(), 1);
    assert!(groups[0].is_default());
    assert_eq!(groups[0].name.as_str(), "Default");
    directory.check_written(Activity::AddConnectorGroup, Entity::ConnectorGroup, Operation::Insert, groups[0].id).await;
}

#[tokio::test]
async fn a_group_is_made_read_changed_and_deleted_each_with_its_record() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let new = NewConnectorGroup { name: name("Berlin"), region: Some(Region::Eur) };
    let berlin = control.create_connector_group(administrator(), new).await.unwrap();
    assert!(!berlin.is_default());
    assert_eq!(berlin.revision, directory.revision());
    assert_eq!(control.connector_group(berlin.id).await.unwrap(), berlin);
    directory.check_written(Activity::AddConnectorGroup, Entity::ConnectorGroup, Operation::Insert, berlin.id).await;

    let change = ConnectorGroupChange { name: Some(name("Bern")), region: Some(None) };
    let bern = control.update_connector_group(administrator(), berlin.id, change).await.unwrap();
    assert_eq!((bern.name.as_str(), bern.region), ("Bern", None));
    assert_eq!(control.connector_group(berlin.id).await.unwrap(), bern);
    let record = directory
        .check_written(Activity::UpdateConnectorGroup, Entity::ConnectorGroup, Operation::Update, berlin.id)
        .await;
    assert_eq!((record.actor.kind, record.actor.id.as_deref()), (ActorKind::User, Some("alice")));
    assert_eq!(
        record.detail,
        json!({ "old": { "name": "Berlin", "region": "eur" }, "new": { "name": "Bern", "region": null } })
    );

    control.delete_connector_group(administrator(), berlin.id).await.unwrap();
    directory.check_written(Activity::DeleteConnectorGroup, Entity::ConnectorGroup, Operation::Delete, berlin.id).await;
    let gone = control.connector_group(berlin.id).await.unwrap_err();
    assert!(matches!(gone, Error::ConnectorGroupNotFound(id) if id == berlin.id), "{gone}");
}

#[tokio::test]
async fn group_names_are_unique_without_case() {
    let directory = Directory::new().await;
    let berlin = directory.group("Söhne").await;
    let other = directory.group("Other").await;
    let new = NewConnectorGroup { name: name("SÖHNE"), region: None };
    let taken = refused(&directory, directory.control.create_connector_group(administrator(), new)).await;
    assert!(matches!(taken, Error::GroupNameTaken { .. }), "{taken}");
    let change = directory.control.update_connector_group(administrator(), other.id, renamed("söhne"));
    let taken = refused(&directory, change).await;
    assert!(matches!(taken, Error::GroupNameTaken { .. }), "{taken}");
    let own_name_in_another_case =
        directory.control.update_connector_group(administrator(), berlin.id, renamed("söhne")).await.unwrap();
    assert_eq!(own_name_in_another_case.name.as_str(), "söhne");
}

#[tokio::test]
async fn the_default_group_can_be_renamed_but_not_deleted() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let renamed = directory.control.update_connector_group(administrator(), default.id, renamed("Main")).await.unwrap();
    assert!(renamed.is_default());
    let kept = refused(&directory, directory.control.delete_connector_group(administrator(), default.id)).await;
    assert!(matches!(kept, Error::GroupNotDeletable(GroupNotDeletable::IsDefault)), "{kept}");
    let reopened = directory.reopened().await;
    assert_eq!(reopened.default_group().await.name.as_str(), "Main", "no second default group is made");
}

#[tokio::test]
async fn a_group_in_use_cannot_be_deleted_and_the_refusal_counts_and_names_what_is_in_it() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    directory.registered("srv1", berlin.id).await;
    directory.registered("srv2", berlin.id).await;
    let wiki = directory.published("wiki").await;
    directory.control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let kept = refused(&directory, directory.control.delete_connector_group(administrator(), berlin.id)).await;
    assert!(kept.to_string().contains("2 connectors (srv1, srv2) and 1 application (wiki)"), "{kept}");
}

#[tokio::test]
async fn a_group_can_be_deleted_again_once_it_is_empty_and_its_tokens_go_with_it() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let token = directory.token(berlin.id).await;
    let wiki = directory.published("wiki").await;
    directory.control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    refused(&directory, directory.control.delete_connector_group(administrator(), berlin.id)).await;
    directory.control.unassign_connector_group(administrator(), wiki.id).await.unwrap();
    directory.control.delete_connector_group(administrator(), berlin.id).await.unwrap();
    let refusal = directory.register(&token, "srv1", crate::directory::csr()).await.unwrap_err();
    assert!(matches!(refusal, adit_control::RegistrationRefused::Refused), "{refusal}");
}

#[tokio::test]
async fn the_region_changes_only_while_the_group_is_empty() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let berlin = directory.group("Berlin").await;
    control.update_connector_group(administrator(), berlin.id, placed(Some(Region::Japan))).await.unwrap();
    let connector = directory.registered("srv1", berlin.id).await.identity.connector;
    let change = control.update_connector_group(administrator(), berlin.id, placed(None));
    let fixed = refused(&directory, change).await;
    assert!(matches!(fixed, Error::RegionFixed(_)), "{fixed}");
    assert!(fixed.to_string().contains("1 connector (srv1)"), "{fixed}");
    control.update_connector_group(administrator(), berlin.id, placed(Some(Region::Japan))).await.unwrap();
    control.leave_connector_group(administrator(), connector, berlin.id).await.unwrap();
    let placed = control.update_connector_group(administrator(), berlin.id, placed(None)).await.unwrap();
    assert_eq!(placed.region, None);
}

#[tokio::test]
async fn changing_a_group_to_what_it_is_takes_no_revision() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let before = directory.state().await;
    let same = ConnectorGroupChange { name: Some(name("Berlin")), region: Some(None) };
    let unchanged = directory.control.update_connector_group(administrator(), berlin.id, same).await.unwrap();
    assert_eq!(unchanged, berlin);
    assert_eq!(directory.state().await, before);
}

#[tokio::test]
async fn an_unknown_group_is_not_found_by_any_command() {
    let directory = Directory::new().await;
    let nobody = ConnectorGroupId::new(Uuid::new_v4());
    let control = &directory.control;
    let who = administrator();
    for error in [
        refused(&directory, control.connector_group(nobody)).await,
        refused(&directory, control.update_connector_group(who, nobody, renamed("x"))).await,
        refused(&directory, control.delete_connector_group(who, nobody)).await,
    ] {
        assert!(matches!(error, Error::ConnectorGroupNotFound(id) if id == nobody), "{error}");
    }
}
