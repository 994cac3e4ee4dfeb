//! The snapshot that is carried on by changes is the one that is read as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../src/testing.rs"]
mod testing;

use adit_core::application::{Application, Attributes, Publishing};
use adit_core::connector_group::{ConnectorGroup, GroupKind};
use adit_core::{
    AppId, ApplicationId, Connector, ConnectorGroupId, ConnectorId, ConnectorStatus, DisplayName, ExternalUrl,
    InternalUrl, KeyGeneration, MachineName, Revision, Snapshot,
};
use adit_store::Store;
use jiff::Timestamp;
use uuid::Uuid;

use self::testing::{Directory, each_engine};

const GROUP: ConnectorGroupId = ConnectorGroupId::new(Uuid::from_u128(1));

/// Directories with a group.
async fn directories() -> Vec<Directory> {
    let directories = each_engine().await;
    for directory in &directories {
        insert_group(&directory.store).await;
    }
    directories
}

async fn insert_group(store: &Store) {
    let mut group = ConnectorGroup {
        id: GROUP,
        name: DisplayName::parse("Default").unwrap(),
        region: None,
        kind: GroupKind::Default,
        revision: Revision::default(),
    };
    let mut change = store.begin().await.unwrap();
    change.insert_connector_group(&mut group).await.unwrap();
    change.commit().await.unwrap();
}

fn application(number: u128) -> Application {
    let (id, app_id) = (ApplicationId::new(Uuid::from_u128(number)), AppId::new(Uuid::from_u128(number)));
    let name = DisplayName::parse(&format!("application {number}")).unwrap();
    Application::new(id, app_id, name, Timestamp::UNIX_EPOCH, Attributes::new())
}

fn publishing(number: u128, place: u32) -> Publishing {
    let settings = serde_json::json!({
        "external_url": ExternalUrl::parse(&format!("https://h{}.example/p{place}/", place % 3)).unwrap(),
        "internal_url": InternalUrl::parse(&format!("http://upstream{number}:8080/")).unwrap(),
        "pre_authentication": "passthrough",
        "host_header": "internal",
        "upstream_certificate": "verified",
        "timeout": "default",
        "attributes": {},
    });
    serde_json::from_value(settings).unwrap()
}

fn connector(number: u128, generation: u32) -> Connector {
    Connector {
        id: ConnectorId::new(Uuid::from_u128(number)),
        machine_name: MachineName::parse("srv").unwrap(),
        external_ip: String::new(),
        version: String::new(),
        status: ConnectorStatus::Inactive,
        connector_group: GROUP,
        key_generation: KeyGeneration(generation),
        care: adit_core::ConnectorCare::default(),
        drained: None,
        created: Timestamp::UNIX_EPOCH,
        revision: Revision::default(),
    }
}

/// Everything that a gateway can find in it.
fn seen(snapshot: &Snapshot) -> (u64, Vec<String>, Vec<String>) {
    let mut found: Vec<String> = snapshot.applications().map(|it| format!("{it:?}")).collect();
    found.extend(snapshot.connectors().map(|it| format!("{it:?}")));
    found.sort();
    let mut routes: Vec<String> = Vec::new();
    for host in 0..3 {
        for place in 0..8 {
            let route = snapshot.route(&format!("h{host}.example"), &format!("/p{place}/x"));
            routes.push(format!("{:?}", route.map(|route| route.application.id)));
        }
    }
    (snapshot.version().1.0, found, routes)
}

#[tokio::test]
async fn a_snapshot_carried_on_by_changes_is_the_one_read_as_a_whole() {
    for directory in directories().await {
        let store = &directory.store;
        let mut state = 7_u64;
        let mut below = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let mut carried = store.load_snapshot().await.unwrap();
        for _ in 0..60 {
            for _ in 0..below(4) {
                let number = u128::from(below(6) + 10);
                let (kind, place, generation) = (below(6), below(8) as u32, below(3) as u32);
                let mut change = store.begin().await.unwrap();
                // Some of these are refused, such as two applications in one place; that is part of the play.
                let done = match kind {
                    0..=2 => {
                        let id = application(number).id;
                        match change.find_application(id).await.unwrap() {
                            None => change.insert_application(&mut application(number)).await,
                            Some(mut found) if kind == 0 => {
                                found.unpublish();
                                change.update_application(&mut found).await
                            }
                            Some(mut found) => {
                                found.publish(publishing(number, place), GROUP);
                                change.update_application(&mut found).await
                            }
                        }
                    }
                    3 | 4 => {
                        let mut wanted = connector(number, generation);
                        match change.find_connector(wanted.id).await.unwrap() {
                            None => change.insert_connector(&mut wanted).await,
                            Some(_) => change.update_connector(&mut wanted).await,
                        }
                    }
                    _ => change.delete_connector(connector(number, 0).id).await,
                };
                if done.is_ok() {
                    change.commit().await.unwrap();
                }
            }
            carried = store.next_snapshot(&carried).await.unwrap();
            assert_eq!(seen(&carried), seen(&store.load_snapshot().await.unwrap()));
        }
        assert!(carried.size().1 > 0 && carried.size().2 > 0, "{:?}", carried.size());
    }
}

#[tokio::test]
async fn what_gateways_do_not_see_leaves_the_content_as_it_is() {
    for directory in directories().await {
        let store = &directory.store;
        let mut change = store.begin().await.unwrap();
        change.insert_connector(&mut connector(1, 1)).await.unwrap();
        change.commit().await.unwrap();
        let first = store.load_snapshot().await.unwrap();
        let mut change = store.begin().await.unwrap();
        change.insert_application(&mut application(1)).await.unwrap();
        change.insert_connector(&mut connector(2, 0)).await.unwrap();
        let revision = change.commit().await.unwrap();
        let second = store.next_snapshot(&first).await.unwrap();
        assert_eq!(second.version().1, revision);
        assert!(second.has_content_of(&first));
    }
}

#[tokio::test]
async fn a_connector_that_cannot_be_read_is_left_out_and_keeps_no_other_from_gateways() {
    for directory in directories().await {
        let store = &directory.store;
        let before = store.load_snapshot().await.unwrap();
        let mut change = store.begin().await.unwrap();
        for number in [10, 11] {
            change.insert_connector(&mut connector(number, 1)).await.unwrap();
        }
        change.commit().await.unwrap();
        let damaged =
            format!("UPDATE connector SET key_generation = 1234567890123 WHERE id = '{}'", connector(10, 1).id);
        directory.change_beneath(&damaged).await;
        for snapshot in [store.load_snapshot().await.unwrap(), store.next_snapshot(&before).await.unwrap()] {
            let known: Vec<ConnectorId> = snapshot.connectors().map(|known| known.id).collect();
            assert_eq!(known, [connector(11, 1).id]);
        }
    }
}
