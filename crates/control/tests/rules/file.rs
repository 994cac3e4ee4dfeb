//! What is so of directories in a file alone: what a killed process leaves behind, and its lock.

use adit_control::{ControlPlane, OpenError};

use crate::directory::{Directory, settings};

#[tokio::test]
async fn acknowledged_writes_are_in_what_a_killed_process_leaves_behind() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let left = directory.place.left_behind();
    let next = ControlPlane::open(settings(left.database())).await.unwrap();
    assert_eq!(next.connector_group(berlin.id).await.unwrap(), berlin);
}

#[tokio::test]
async fn a_second_server_on_one_directory_is_refused_and_the_first_goes_on() {
    let directory = Directory::new().await;
    let second = ControlPlane::open(settings(directory.place.database())).await.unwrap_err();
    assert!(matches!(&second, OpenError::Store(adit_store::OpenError::InUse { .. })), "{second}");
    assert!(second.to_string().contains("in use by another server"), "{second}");
    directory.group("Berlin").await;
}
