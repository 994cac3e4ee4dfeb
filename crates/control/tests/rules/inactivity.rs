//! Connectors that nobody has seen for long are deleted; others are not, whatever their age.

use adit_control::{ConnectorReference, Error, Expected};
use adit_core::ConnectorId;
use adit_core::audit::Activity;
use adit_core::query::Query;

use crate::directory::{Directory, administrator, machine};
use crate::presence::tunnel;

const KEPT: u32 = 10;

impl Directory {
    /// Lets hours pass, and gives how many connectors were deleted.
    async fn deleted_after(&self, hours: u32) -> u64 {
        let mut deleted = 0;
        for _ in 0..hours {
            self.control.note_hour(&[]).await.unwrap();
            deleted += self.control.delete_unseen_connectors(KEPT).await.unwrap();
        }
        deleted
    }

    async fn knows(&self, id: ConnectorId) -> bool {
        match self.control.connector(id).await {
            Ok(_) => true,
            Err(Error::ConnectorNotFound(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_connector_is_deleted_once_it_had_no_tunnel_for_long_enough() {
    let directory = Directory::new().await;
    let group = directory.default_group().await.id;
    let (away, here) = (directory.registered("away", group).await, directory.registered("here", group).await);
    let (away, here) = (away.identity.connector, here.identity.connector);
    let up = tunnel(away, "away");
    directory.control.tunnel_up(up.clone()).await.unwrap();
    directory.control.tunnel_up(tunnel(here, "here")).await.unwrap();
    assert_eq!(directory.deleted_after(2 * KEPT).await, 0, "both are connected");
    directory.control.tunnel_down(up.tunnel).await.unwrap();
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0);
    let before = directory.revision();
    assert_eq!(directory.deleted_after(1).await, 1);
    assert!(!directory.knows(away).await && directory.knows(here).await);
    assert!(directory.revision() > before, "gateways are told");
    let records = directory.audit().await;
    let deletions: Vec<_> = records.iter().filter(|record| record.activity == Activity::DeleteConnector).collect();
    let [deletion] = deletions[..] else { panic!("{deletions:?}") };
    assert_eq!(deletion.detail["inactive"], true, "{:?}", deletion.detail);
    assert_eq!(directory.deleted_after(KEPT).await, 0);
}

#[tokio::test]
async fn who_comes_back_registers_anew_or_is_told_to_be_too_old_was_seen() {
    let directory = Directory::new().await;
    let group = directory.default_group().await.id;
    let id = directory.registered("srv1", group).await.identity.connector;
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0);
    let up = tunnel(id, "srv1");
    directory.control.tunnel_up(up.clone()).await.unwrap();
    directory.control.tunnel_down(up.tunnel).await.unwrap();
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0);
    directory.control.note_too_old(id).await.unwrap();
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0);
    directory.pass(jiff::SignedDuration::from_hours(1));
    assert_eq!(directory.registered("srv1", group).await.identity.connector, id);
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0);
    let elsewhere = directory.group("Berlin").await.id;
    directory.control.move_connector(administrator(), id, elsewhere).await.unwrap();
    assert_eq!(directory.deleted_after(1).await, 1, "a move is no sign of it");
    assert!(!directory.knows(id).await);
}

#[tokio::test]
async fn a_tunnel_that_was_not_written_down_is_one_nevertheless_and_a_new_start_deletes_nobody() {
    let directory = Directory::new().await;
    let group = directory.default_group().await.id;
    let (unwritten, up) = (directory.registered("srv1", group).await, directory.registered("srv2", group).await);
    let (unwritten, up) = (unwritten.identity.connector, up.identity.connector);
    directory.control.tunnel_up(tunnel(up, "srv2")).await.unwrap();
    for _ in 0..2 * KEPT {
        directory.control.note_hour(&[unwritten]).await.unwrap();
        assert_eq!(directory.control.delete_unseen_connectors(KEPT).await.unwrap(), 0);
    }
    directory.pass(jiff::SignedDuration::from_hours(24 * 365));
    let directory = directory.reopened().await;
    assert_eq!(directory.deleted_after(KEPT - 1).await, 0, "whatever the clock says");
    assert_eq!(directory.deleted_after(1).await, 2);
    assert!(!directory.knows(unwritten).await && !directory.knows(up).await);
}

#[tokio::test]
async fn an_entry_that_waits_for_its_machine_stays() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let named = ConnectorReference::MachineName(machine("waits"));
    let entry = directory.control.add_connector_to_application(administrator(), wiki.id, Expected::Any, named);
    let waiting = entry.await.unwrap().id;
    assert_eq!(directory.deleted_after(2 * KEPT).await, 0);
    assert!(directory.knows(waiting).await);
}

#[tokio::test]
async fn more_than_one_look_finds_are_deleted_as_well() {
    let directory = Directory::new().await;
    let group = directory.default_group().await.id;
    for number in 0..103 {
        directory.registered(&format!("srv{number}"), group).await;
    }
    assert_eq!(directory.deleted_after(KEPT).await, 103);
    assert_eq!(directory.control.list_connectors(&Query::default()).await.unwrap().items, []);
}
