//! The revision feed: gap-free, in commit order, and without a trace of commands that were refused.

use adit_core::Revision;
use tokio::task::JoinSet;

use crate::directory::{Directory, administrator, name, refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_have_no_gaps_whoever_writes_and_whatever_is_refused() {
    let directory = Directory::new().await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let control = directory.control.clone();
        writers.spawn(async move {
            for number in 0..5 {
                // Two writers share each name, so one of them is refused.
                let name = name(&format!("{} {number}", writer / 2));
                let new = adit_control::NewConnectorGroup { name, region: None };
                let _one_of_two = control.create_connector_group(administrator(), new).await;
            }
        });
    }
    writers.join_all().await;
    let mut revisions: Vec<u64> = directory.changes().await.into_iter().map(|change| change.revision.0).collect();
    // The first has the service principal of the API as well.
    revisions.dedup();
    assert_eq!(revisions, (1..=21).collect::<Vec<u64>>(), "the default group and twenty more");
    assert_eq!(directory.revision(), Revision(21));
}

#[tokio::test]
async fn the_feed_gives_what_came_after_a_revision() {
    let directory = Directory::new().await;
    let (first, second) = (directory.group("a").await, directory.group("b").await);
    let after = directory.control.changes_after(first.revision, 10).await.unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].id.clone(), after[0].revision), (second.id.to_string(), second.revision));
    assert_eq!(directory.control.changes_after(Revision(0), 2).await.unwrap().len(), 2);
    assert_eq!(directory.control.changes_after(second.revision, 2).await.unwrap(), []);
}

#[tokio::test]
async fn a_refused_command_gives_its_revision_back() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let default = directory.default_group().await;
    refused(&directory, directory.control.delete_connector_group(administrator(), default.id)).await;
    let next = directory.group("Paris").await;
    assert_eq!(next.revision.0, berlin.revision.0 + 1);
}
