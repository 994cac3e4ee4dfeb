//! Commands that expect an object at a revision: refused inside their transaction when it is at another.

use adit_control::{ApplicationChange, ConnectorGroupChange, Error, Expected, Target};
use adit_core::Revision;

use crate::directory::{Directory, administrator, name, refused};

fn at<I>(id: I, revision: Revision) -> Target<I> {
    Target::at(id, Expected::OneOf(vec![revision]))
}

#[tokio::test]
async fn of_many_commands_that_expect_one_revision_exactly_one_is_carried_out() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let mut commands = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (control, target) = (directory.control.clone(), at(berlin.id, berlin.revision));
        let change = ConnectorGroupChange { name: Some(name(&format!("Berlin {number}"))), region: None };
        commands.spawn(async move { control.update_connector_group(administrator(), target, change).await });
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(outcome) = commands.join_next().await {
        match outcome.unwrap() {
            Ok(_) => done += 1,
            Err(Error::ChangedMeanwhile { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((done, refused), (1, 19));
}

#[tokio::test]
async fn a_command_that_expected_another_revision_changes_nothing() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    let past = Revision(0);
    let errors = [
        refused(&directory, control.delete_connector_group(who, at(berlin.id, past))).await,
        refused(&directory, control.delete_application(who, at(wiki.id, past))).await,
        refused(&directory, control.update_application(who, at(wiki.id, past), ApplicationChange::default())).await,
        refused(&directory, control.assign_connector_group(who, at(wiki.id, past), berlin.id)).await,
        refused(&directory, control.assign_connector_group(who, wiki.id, at(berlin.id, past))).await,
        refused(&directory, control.unassign_connector_group(who, at(wiki.id, past))).await,
    ];
    for error in errors {
        assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error}");
    }
    control.assign_connector_group(who, at(wiki.id, wiki.revision), at(berlin.id, berlin.revision)).await.unwrap();
}
