//! Presence: a connector is active while a tunnel is up, and shows what the gateway saw.

use adit_control::{Error, TunnelUp};
use adit_core::audit::Activity;
use adit_core::id::TunnelId;
use adit_core::query::{ConnectorField, Expression, Field, Query, Value};
use adit_core::{ConnectorId, ConnectorStatus};
use adit_store::{Entity, Operation};
use uuid::Uuid;

use jiff::SignedDuration;

use crate::directory::{Directory, administrator, machine};

/// A tunnel of a connector, from 203.0.113.5.
pub(crate) fn tunnel(connector: ConnectorId, name: &str) -> TunnelUp {
    TunnelUp {
        tunnel: TunnelId::new(Uuid::new_v4()),
        instance: TunnelId::new(Uuid::new_v4()),
        connector,
        machine_name: machine(name),
        version: "1.2.3".to_owned(),
        external_ip: "::ffff:203.0.113.5".parse().unwrap(),
        needs_upgrade: false,
    }
}

#[tokio::test]
async fn what_a_gateway_notices_of_a_connector_is_shown_until_it_is_seen_to() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let group = directory.default_group().await.id;
    let id = directory.registered("srv1", group).await.identity.connector;
    control.tunnel_up(TunnelUp { needs_upgrade: true, ..tunnel(id, "srv1") }).await.unwrap();
    assert!(control.connector(id).await.unwrap().care.needs_upgrade);
    let up = tunnel(id, "srv1");
    control.tunnel_up(up.clone()).await.unwrap();
    assert!(!control.connector(id).await.unwrap().care.needs_upgrade, "it was upgraded");
    control.note_too_old(id).await.unwrap();
    assert!(control.connector(id).await.unwrap().care.needs_upgrade);

    let before = directory.revision();
    control.note_copied_key(id).await.unwrap();
    control.note_copied_key(id).await.unwrap();
    assert!(control.connector(id).await.unwrap().care.key_copied.is_some());
    let reports = directory.audit().await.into_iter().filter(|record| record.activity == Activity::ReportCopiedKey);
    assert_eq!(reports.count(), 1, "it is reported once");
    assert_eq!(directory.revision(), before, "gateways need not know");
    let elsewhere = directory.group("Berlin").await;
    control.move_connector(administrator(), id, elsewhere.id).await.unwrap();
    assert!(control.connector(id).await.unwrap().care.key_copied.is_some(), "a move changes no key");
    control.move_connector(administrator(), id, group).await.unwrap();
    directory.pass(SignedDuration::from_hours(1));
    let directory = directory.reopened().await;
    let again = directory.registered("srv1", group).await.identity.connector;
    let care = directory.control.connector(again).await.unwrap().care;
    assert_eq!((again, care.key_copied), (id, None), "it has a new key");
}

#[tokio::test]
async fn a_connector_is_active_while_a_tunnel_is_up_and_shows_what_the_gateway_saw() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let id = directory.registered("srv1", directory.default_group().await.id).await.identity.connector;
    let before = directory.state().await;
    assert_eq!(control.connector(id).await.unwrap().status, ConnectorStatus::Inactive);

    let (first, second) = (tunnel(id, "SRV1.corp"), tunnel(id, "SRV1.corp"));
    control.tunnel_up(first.clone()).await.unwrap();
    control.tunnel_up(first.clone()).await.unwrap();
    control.tunnel_up(second.clone()).await.unwrap();
    let seen = control.connector(id).await.unwrap();
    assert_eq!(seen.status, ConnectorStatus::Active);
    assert_eq!((seen.external_ip.as_str(), seen.version.as_str()), ("203.0.113.5", "1.2.3"));
    assert_eq!(seen.machine_name.as_str(), "SRV1.corp");
    let active = Expression::equal(Field::Connector(ConnectorField::Status), Value::Text("Active".to_owned()));
    let found = control.list_connectors(&Query::default().narrowed(active)).await.unwrap();
    assert_eq!(found.items, [seen]);

    control.tunnel_down(first.tunnel).await.unwrap();
    control.tunnel_down(first.tunnel).await.unwrap();
    assert_eq!(control.connector(id).await.unwrap().status, ConnectorStatus::Active, "one tunnel is left");
    control.tunnel_down(second.tunnel).await.unwrap();
    let seen = control.connector(id).await.unwrap();
    assert_eq!((seen.status, seen.external_ip.as_str()), (ConnectorStatus::Inactive, "203.0.113.5"));
    assert_eq!(directory.state().await, before, "presence takes no revision");
}

#[tokio::test]
async fn a_tunnel_of_an_unknown_connector_is_refused() {
    let directory = Directory::new().await;
    let nobody = ConnectorId::new(Uuid::new_v4());
    let error = directory.control.tunnel_up(tunnel(nobody, "srv1")).await.unwrap_err();
    assert!(matches!(error, Error::ConnectorNotFound(id) if id == nobody), "{error}");
}

#[tokio::test]
async fn tunnels_of_a_process_that_died_are_forgotten_at_the_next_start() {
    let directory = Directory::new().await;
    let id = directory.registered("srv1", directory.default_group().await.id).await.identity.connector;
    directory.control.tunnel_up(tunnel(id, "srv1")).await.unwrap();
    let directory = directory.reopened().await;
    assert_eq!(directory.control.connector(id).await.unwrap().status, ConnectorStatus::Inactive);
}

#[tokio::test]
async fn a_connector_with_a_tunnel_can_be_deleted_and_its_tunnel_goes_down_in_peace() {
    let directory = Directory::new().await;
    let id = directory.registered("srv1", directory.default_group().await.id).await.identity.connector;
    let up = tunnel(id, "srv1");
    directory.control.tunnel_up(up.clone()).await.unwrap();
    directory.control.delete_connector(crate::directory::administrator(), id).await.unwrap();
    directory.control.tunnel_down(up.tunnel).await.unwrap();
    assert!(directory.control.connector(id).await.is_err());
}

#[tokio::test]
async fn a_connector_is_drained_as_it_was_started_and_a_new_start_serves() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let id = directory.registered("srv1", directory.default_group().await.id).await.identity.connector;
    let not_connected = control.drain_connector(administrator(), id).await.unwrap_err();
    assert!(matches!(not_connected, Error::ConnectorNotConnected(_)), "{not_connected}");

    let first = tunnel(id, "srv1");
    control.tunnel_up(first.clone()).await.unwrap();
    let drained = control.drain_connector(administrator(), id).await.unwrap();
    assert_eq!((drained.drained, drained.revision), (Some(first.instance), directory.revision()));
    directory.check_written(Activity::DrainConnector, Entity::Connector, Operation::Update, id).await;
    let known = || control.snapshots().borrow().connector(id).unwrap().drained;
    assert_eq!(known(), Some(first.instance));
    assert!(control.is_drained(&drained).await.unwrap());
    let again = control.drain_connector(administrator(), id).await.unwrap();
    assert_eq!(again.revision, drained.revision, "once is as good as twice");

    // Another start of it, which is what gateways compare: the one that was drained is known for it still.
    control.tunnel_down(first.tunnel).await.unwrap();
    control.tunnel_up(tunnel(id, "srv1")).await.unwrap();
    assert!(!control.is_drained(&control.connector(id).await.unwrap()).await.unwrap());

    let resumed = control.resume_connector(administrator(), id).await.unwrap();
    assert_eq!((resumed.drained, known()), (None, None));
    directory.check_written(Activity::ResumeConnector, Entity::Connector, Operation::Update, id).await;
}
