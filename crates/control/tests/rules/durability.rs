//! What was acknowledged is there after a restart, and what was not is whole or not there.

use std::time::Duration;

use crate::directory::Directory;

#[tokio::test]
async fn acknowledged_writes_survive_reopening() {
    let directory = Directory::new().await;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    let identity = directory.registered("srv1", berlin.id).await.identity;
    let (revision, changes, audit) = directory.state().await;
    let directory = directory.reopened().await;
    assert_eq!(directory.state().await, (revision, changes, audit));
    assert_eq!(directory.control.connector_group(berlin.id).await.unwrap(), berlin);
    assert_eq!(directory.control.application(wiki.id).await.unwrap(), wiki);
    assert!(directory.control.snapshots().borrow().connector(identity.connector).is_some());
    directory.control.renew(identity, crate::directory::csr()).await.unwrap();
}

#[tokio::test]
async fn a_token_used_before_a_restart_is_used_after_it() {
    let directory = Directory::new().await;
    let token = directory.token(directory.default_group().await.id).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let first = directory.register(&token, "srv1", crate::directory::csr_of(&key)).await.unwrap();
    let directory = directory.reopened().await;
    assert!(directory.register(&token, "srv1", crate::directory::csr()).await.is_err());
    let again = directory.register(&token, "srv1", crate::directory::csr_of(&key)).await.unwrap();
    assert_eq!(again.identity, first.identity, "an answer that a crash swallowed can be asked for again");
}

#[tokio::test]
async fn a_command_whose_caller_went_away_is_whole_or_not_there_and_the_next_one_works() {
    let directory = Directory::new().await;
    for micros in [0, 50, 200, 500, 1000, 2000, 4000] {
        let context = crate::directory::administrator();
        let name = crate::directory::name(&format!("after {micros}"));
        let new = adit_control::NewConnectorGroup { name, region: None };
        let command = directory.control.create_connector_group(context, new);
        let _gone = tokio::time::timeout(Duration::from_micros(micros), command).await;
    }
    directory.group("last").await;
    // In the first revision is the service principal of the API as well.
    let mut changes = directory.changes().await;
    changes.retain(|change| change.entity.as_str() == "connector_group");
    let groups = directory.control.list_connector_groups(&Default::default()).await.unwrap().items;
    assert_eq!(changes.len(), groups.len());
    let revisions: Vec<u64> = changes.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (1..=revisions.len() as u64).collect::<Vec<_>>());
    assert_eq!(directory.audit().await.len(), groups.len());
}
