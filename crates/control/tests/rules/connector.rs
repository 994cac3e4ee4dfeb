//! A connector is in exactly one group: it is moved, it leaves, it is deleted (contract section 8, point 7).

use adit_control::Error;
use adit_core::audit::Activity;
use adit_core::query::{ConnectorField, Expression, Field, Query, Value};
use adit_core::{ConnectorGroupId, ConnectorId};
use adit_store::{Entity, Operation};
use uuid::Uuid;

use crate::directory::{Directory, administrator, refused};

async fn members(directory: &Directory, group: ConnectorGroupId) -> Vec<ConnectorId> {
    let of_group = Expression::equal(Field::Connector(ConnectorField::ConnectorGroup), Value::Text(group.to_string()));
    let page = directory.control.list_connectors(&Query::default().narrowed(of_group)).await.unwrap();
    page.items.into_iter().map(|connector| connector.id).collect()
}

#[tokio::test]
async fn a_connector_is_in_exactly_one_group_and_adding_it_to_another_moves_it() {
    let directory = Directory::new().await;
    let (berlin, paris) = (directory.group("Berlin").await, directory.group("Paris").await);
    let id = directory.registered("srv1", berlin.id).await.identity.connector;
    assert_eq!(members(&directory, berlin.id).await, [id]);
    let moved = directory.control.move_connector(administrator(), id, paris.id).await.unwrap();
    assert_eq!((moved.connector_group, moved.revision), (paris.id, directory.revision()));
    assert_eq!(members(&directory, berlin.id).await, []);
    assert_eq!(members(&directory, paris.id).await, [id]);
    let record = directory.check_written(Activity::MoveConnector, Entity::Connector, Operation::Update, id).await;
    assert_eq!(record.detail["old"]["connector_group"], berlin.id.to_string());
    assert_eq!(record.detail["new"]["connector_group"], paris.id.to_string());
}

#[tokio::test]
async fn moving_a_connector_to_where_it_is_succeeds_and_changes_nothing() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let id = directory.registered("srv1", berlin.id).await.identity.connector;
    let before = directory.state().await;
    let unmoved = directory.control.move_connector(administrator(), id, berlin.id).await.unwrap();
    assert_eq!(unmoved.connector_group, berlin.id);
    assert_eq!(directory.state().await, before);
}

#[tokio::test]
async fn a_connector_that_leaves_its_group_is_in_the_default_group() {
    let directory = Directory::new().await;
    let (default, berlin) = (directory.default_group().await, directory.group("Berlin").await);
    let id = directory.registered("srv1", berlin.id).await.identity.connector;
    let left = directory.control.leave_connector_group(administrator(), id, berlin.id).await.unwrap();
    assert_eq!(left.connector_group, default.id);
    let elsewhere = refused(&directory, directory.control.leave_connector_group(administrator(), id, berlin.id)).await;
    assert!(
        matches!(elsewhere, Error::NotAMember { connector, group } if connector == id && group == berlin.id),
        "{elsewhere}"
    );
    let before = directory.state().await;
    directory.control.leave_connector_group(administrator(), id, default.id).await.unwrap();
    assert_eq!(directory.state().await, before, "leaving the default group changes nothing");
}

#[tokio::test]
async fn a_deleted_connector_is_gone_and_its_certificate_is_not_renewed() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let identity = directory.registered("srv1", berlin.id).await.identity;
    directory.control.delete_connector(administrator(), identity.connector).await.unwrap();
    directory.check_written(Activity::DeleteConnector, Entity::Connector, Operation::Delete, identity.connector).await;
    assert!(directory.control.snapshots().borrow().connector(identity.connector).is_none());
    let refusal = directory.control.renew(identity, crate::directory::csr()).await.unwrap_err();
    assert!(matches!(refusal, adit_control::RegistrationRefused::Revoked), "{refusal}");
    directory.control.delete_connector_group(administrator(), berlin.id).await.unwrap();
}

#[tokio::test]
async fn an_unknown_connector_or_group_is_not_found() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let default = directory.default_group().await;
    let id = directory.registered("srv1", default.id).await.identity.connector;
    let nobody = ConnectorId::new(Uuid::new_v4());
    let nowhere = ConnectorGroupId::new(Uuid::new_v4());
    let who = administrator();
    for error in [
        refused(&directory, control.connector(nobody)).await,
        refused(&directory, control.move_connector(who, nobody, default.id)).await,
        refused(&directory, control.leave_connector_group(who, nobody, default.id)).await,
        refused(&directory, control.delete_connector(who, nobody)).await,
    ] {
        assert!(matches!(error, Error::ConnectorNotFound(id) if id == nobody), "{error}");
    }
    for error in [
        refused(&directory, control.move_connector(who, id, nowhere)).await,
        refused(&directory, control.leave_connector_group(who, id, nowhere)).await,
    ] {
        assert!(matches!(error, Error::ConnectorGroupNotFound(id) if id == nowhere), "{error}");
    }
}
