//! The snapshot that gateways work from: it holds what was acknowledged and never goes back.

use adit_control::{ApplicationChange, PublishingChange};
use adit_core::KeyGeneration;

use crate::directory::{Directory, administrator};

#[tokio::test]
async fn the_snapshot_holds_a_change_before_its_command_returns() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let snapshots = control.snapshots();
    let berlin = directory.group("Berlin").await;
    let identity = directory.registered("srv1", berlin.id).await.identity;
    let known = *snapshots.borrow().connector(identity.connector).unwrap();
    assert_eq!((known.connector_group, known.key_generation), (berlin.id, KeyGeneration(1)));

    let wiki = directory.published("wiki").await;
    {
        let snapshot = snapshots.borrow();
        let route = snapshot.route("wiki.example", "/page").unwrap();
        assert_eq!((route.application.id, route.application.revision), (wiki.id, wiki.revision));
        assert_eq!(snapshot.version().1, wiki.revision);
    }
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    assert_eq!(snapshots.borrow().route("wiki.example", "/").unwrap().application.connector_group, berlin.id);
    let default = directory.default_group().await;
    control.move_connector(administrator(), identity.connector, default.id).await.unwrap();
    assert_eq!(snapshots.borrow().connector(identity.connector).unwrap().connector_group, default.id);

    let end = ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    control.update_application(administrator(), wiki.id, end).await.unwrap();
    assert!(!snapshots.borrow().publishes_host("wiki.example"));
}

#[tokio::test]
async fn deleting_a_published_application_takes_it_out_of_the_snapshot() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let before = directory.revision();
    directory.control.delete_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(directory.revision().0, before.0 + 1);
    assert!(!directory.control.snapshots().borrow().publishes_host("wiki.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_that_a_gateway_sees_never_goes_back() {
    let directory = Directory::new().await;
    let mut snapshots = directory.control.snapshots();
    let watching = tokio::spawn(async move {
        let mut last = snapshots.borrow().version();
        while snapshots.changed().await.is_ok() {
            let version = snapshots.borrow_and_update().version();
            assert!(version > last, "{version:?} after {last:?}");
            last = version;
        }
        last
    });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let control = directory.control.clone();
        writers.spawn(async move {
            for number in 0..10 {
                let name = crate::directory::name(&format!("{writer} {number}"));
                let new = adit_control::NewConnectorGroup { name, region: None };
                let group = control.create_connector_group(administrator(), new).await.unwrap();
                assert!(control.snapshots().borrow().version().1 >= group.revision);
            }
        });
    }
    writers.join_all().await;
    let end = directory.control.snapshots().borrow().version();
    drop(directory);
    assert_eq!(watching.await.unwrap(), end);
}
