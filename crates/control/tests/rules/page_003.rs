//! A connector is added to an application's group, by id or by machine name (contract section 8, point 4).

use adit_control::{ConnectorReference, Error, Expected};
use adit_core::audit::Activity;
use adit_core::{ConnectorId, ConnectorStatus, KeyGeneration};
use adit_store::{Entity, Operation};
use uuid::Uuid;

use crate::directory::{Directory, administrator, csr, machine, refused};
use crate::presence::tunnel;

fn named(text: &str) -> ConnectorReference {
    ConnectorReference::MachineName(machine(text))
}

#[tokio::test]
async fn a_connector_named_by_id_or_by_machine_name_is_moved_and_the_record_names_the_application() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let default = directory.default_group().await;
    let first = directory.registered("srv1", default.id).await.identity.connector;
    let second = directory.registered("srv2", default.id).await.identity.connector;
    for (reference, id) in [(ConnectorReference::Id(first), first), (named("SRV2"), second)] {
        let moved =
            control.add_connector_to_application(administrator(), wiki.id, Expected::Any, reference).await.unwrap();
        assert_eq!((moved.id, moved.connector_group), (id, berlin.id));
        let record = directory.check_written(Activity::MoveConnector, Entity::Connector, Operation::Update, id).await;
        assert_eq!(record.detail["application"], wiki.id.to_string());
    }
    let before = directory.state().await;
    control.add_connector_to_application(administrator(), wiki.id, Expected::Any, named("srv2")).await.unwrap();
    assert_eq!(directory.state().await, before, "adding a member again changes nothing");
}

#[tokio::test]
async fn a_machine_name_that_nobody_has_makes_an_inactive_entry_without_an_address() {
    let directory = Directory::new().await;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    directory.control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let entry = directory
        .control
        .add_connector_to_application(administrator(), wiki.id, Expected::Any, named("srv9"))
        .await
        .unwrap();
    assert_eq!(entry.connector_group, berlin.id);
    assert_eq!((entry.status, entry.external_ip.as_str()), (ConnectorStatus::Inactive, ""));
    assert_eq!(entry.key_generation, KeyGeneration(0));
    assert_eq!(directory.control.connector(entry.id).await.unwrap(), entry);
    let record = directory.check_written(Activity::AddConnector, Entity::Connector, Operation::Insert, entry.id).await;
    assert_eq!(record.detail["application"], wiki.id.to_string());
    assert!(directory.control.snapshots().borrow().connector(entry.id).is_none(), "it has no key to accept");
}

#[tokio::test]
async fn a_machine_name_that_several_have_is_refused_with_their_ids() {
    let directory = Directory::new().await;
    let (default, wiki) = (directory.default_group().await, directory.published("wiki").await);
    let first = directory.registered("twin", default.id).await.identity.connector;
    let second = directory.registered("twin", default.id).await.identity.connector;
    let command =
        directory.control.add_connector_to_application(administrator(), wiki.id, Expected::Any, named("Twin"));
    let error = refused(&directory, command).await;
    assert!(matches!(&error, Error::AmbiguousMachineName { ids, .. } if ids.len() == 2), "{error}");
    let message = error.to_string();
    assert!(message.contains(&first.to_string()) && message.contains(&second.to_string()), "{message}");
}

#[tokio::test]
async fn an_unknown_connector_and_an_unpublished_application_are_not_found() {
    let directory = Directory::new().await;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    let nobody = ConnectorReference::Id(ConnectorId::new(Uuid::new_v4()));
    let command = directory.control.add_connector_to_application(administrator(), wiki.id, Expected::Any, nobody);
    let error = refused(&directory, command).await;
    assert!(matches!(error, Error::ConnectorNotFound(_)), "{error}");
    let command =
        directory.control.add_connector_to_application(administrator(), draft.id, Expected::Any, named("srv1"));
    let error = refused(&directory, command).await;
    assert!(matches!(error, Error::ApplicationNotPublished(_)), "{error}");
}

#[tokio::test]
async fn the_first_machine_of_that_name_that_registers_for_that_group_takes_the_entry_over() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let entry =
        control.add_connector_to_application(administrator(), wiki.id, Expected::Any, named("srv9")).await.unwrap();

    let elsewhere = directory.registered("srv9", directory.default_group().await.id).await;
    assert_ne!(elsewhere.identity.connector, entry.id, "a token for another group does not reach the entry");

    let taken = directory.registered("SRV9", berlin.id).await.identity;
    assert_eq!((taken.connector, taken.generation), (entry.id, KeyGeneration(1)));
    directory.check_written(Activity::RegisterConnector, Entity::Connector, Operation::Update, entry.id).await;
    let second = directory.registered("srv9", berlin.id).await.identity;
    assert_ne!(second.connector, entry.id, "a second machine of the name gets an entry of its own");
}

#[tokio::test]
async fn an_entry_with_a_live_tunnel_is_not_taken_over() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let first = directory.registered("srv1", default.id).await.identity;
    directory.control.tunnel_up(tunnel(first.connector, "srv1")).await.unwrap();
    let second = directory.registered("srv1", default.id).await.identity;
    assert_ne!(second.connector, first.connector);
    directory.control.renew(first, csr()).await.unwrap();
}

#[tokio::test]
async fn a_take_over_revokes_the_older_certificate() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let old = directory.registered("srv1", default.id).await.identity;
    let up = tunnel(old.connector, "srv1");
    directory.control.tunnel_up(up.clone()).await.unwrap();
    directory.control.tunnel_down(up.tunnel).await.unwrap();

    let new = directory.registered("srv1", default.id).await.identity;
    assert_eq!((new.connector, new.generation), (old.connector, KeyGeneration(2)));
    let known = directory.control.snapshots().borrow().connector(old.connector).unwrap().clone();
    assert_eq!(known.key_generation, KeyGeneration(2), "gateways accept only the new key");
    let refusal = directory.control.renew(old, csr()).await.unwrap_err();
    assert!(matches!(refusal, adit_control::RegistrationRefused::Revoked), "{refusal}");
    directory.control.renew(new, csr()).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_registered_a_moment_ago_keeps_its_entry_until_its_first_tunnel() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let first = directory.registered("srv1", default.id).await.identity;
    let second = directory.registered("srv1", default.id).await.identity;
    assert_ne!(second.connector, first.connector, "two connectors start on one machine at once");
    directory.pass(jiff::SignedDuration::from_mins(11));
    let third = directory.registered("srv1", default.id).await.identity;
    assert!([first.connector, second.connector].contains(&third.connector), "neither ever connected");
}
