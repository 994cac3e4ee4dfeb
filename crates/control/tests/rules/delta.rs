//! What became of the applications since a revision: whoever follows it has a true copy.

use std::collections::BTreeMap;

use adit_control::{ApplicationChange, ApplicationDelta, Error};
use adit_core::query::{Cursor, Value};
use adit_core::{Application, ApplicationId, Revision};

use crate::directory::{Directory, administrator, name, refused};

/// The copy of somebody who follows the changes.
#[derive(Default)]
struct Copy {
    applications: BTreeMap<ApplicationId, Application>,
    since: Option<Revision>,
}

impl Copy {
    /// One whole pass in pages of `limit`; says how many items each page had.
    async fn follow(&mut self, directory: &Directory, limit: u32) -> Vec<usize> {
        let (mut sizes, mut after) = (Vec::new(), None);
        loop {
            let changes = directory.control.application_changes(self.since, after, limit).await.unwrap();
            sizes.push(changes.items.len());
            for item in changes.items {
                match item {
                    ApplicationDelta::Present(application) => {
                        _ = self.applications.insert(application.id, *application)
                    }
                    ApplicationDelta::Removed(id) => _ = self.applications.remove(&id),
                }
            }
            after = changes.next;
            if after.is_none() {
                self.since = Some(changes.upto);
                return sizes;
            }
        }
    }

    async fn is_true(&self, directory: &Directory) -> bool {
        let page = directory.control.list_applications(&Default::default()).await.unwrap();
        let live: BTreeMap<_, _> = page.items.into_iter().map(|application| (application.id, application)).collect();
        live == self.applications
    }
}

async fn rename(directory: &Directory, id: ApplicationId, to: &str) {
    let change = ApplicationChange { display_name: Some(name(to)), ..ApplicationChange::default() };
    directory.control.update_application(administrator(), id, change).await.unwrap();
}

async fn delete(directory: &Directory, id: ApplicationId) {
    directory.control.delete_application(administrator(), id).await.unwrap();
}

#[tokio::test]
async fn a_first_pass_gives_all_and_the_next_only_what_changed() {
    let directory = Directory::new().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(directory.unpublished(&format!("a{number}")).await.id);
    }
    let mut copy = Copy::default();
    assert_eq!(copy.follow(&directory, 2).await, [2, 2, 1]);
    assert!(copy.is_true(&directory).await);
    assert_eq!(copy.follow(&directory, 2).await, [0], "nothing happened");

    rename(&directory, ids[3], "other").await;
    rename(&directory, ids[3], "another").await;
    delete(&directory, ids[0]).await;
    directory.published("new").await;
    assert_eq!(copy.follow(&directory, 100).await, [3], "renamed once, made and deleted");
    assert!(copy.is_true(&directory).await);
}

#[tokio::test]
async fn a_pass_of_changes_comes_in_pages_of_any_size() {
    let directory = Directory::new().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(directory.unpublished(&format!("a{number}")).await.id);
    }
    let mut before = Copy::default();
    before.follow(&directory, 100).await;
    for id in &ids[..3] {
        delete(&directory, *id).await;
    }
    for id in &ids[3..] {
        rename(&directory, *id, "renamed").await;
    }
    for (limit, expected) in
        [(1, vec![1; 7]), (2, vec![2, 2, 2, 1]), (3, vec![3, 3, 1]), (4, vec![4, 3]), (7, vec![7]), (100, vec![7])]
    {
        let mut copy = Copy { applications: before.applications.clone(), since: before.since };
        assert_eq!(copy.follow(&directory, limit).await, expected, "pages of {limit}");
        assert!(copy.is_true(&directory).await, "pages of {limit}");
    }
}

#[tokio::test]
async fn what_happens_while_a_pass_is_under_way_is_not_lost() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(directory.unpublished(&format!("a{number}")).await.id);
    }
    for since in [None, Some(Revision(0))] {
        let mut copy = Copy { since, ..Copy::default() };
        let first = control.application_changes(since, None, 2).await.unwrap();
        for item in &first.items {
            let ApplicationDelta::Present(application) = item else { panic!("{item:?}") };
            copy.applications.insert(application.id, application.as_ref().clone());
        }
        let seen = *copy.applications.keys().next().unwrap();
        rename(&directory, seen, "changed after it was seen").await;
        let unseen = ids.iter().find(|id| !copy.applications.contains_key(id)).copied().unwrap();
        delete(&directory, unseen).await;
        ids.retain(|id| *id != unseen);
        ids.push(directory.unpublished("made meanwhile").await.id);
        let mut after = first.next;
        while let Some(cursor) = after {
            let changes = control.application_changes(since, Some(cursor), 2).await.unwrap();
            assert_eq!(changes.upto, first.upto, "a pass is up to one revision");
            for item in changes.items {
                match item {
                    ApplicationDelta::Present(application) => {
                        _ = copy.applications.insert(application.id, *application)
                    }
                    ApplicationDelta::Removed(id) => _ = copy.applications.remove(&id),
                }
            }
            after = changes.next;
        }
        copy.since = Some(first.upto);
        copy.follow(&directory, 2).await;
        assert!(copy.is_true(&directory).await, "{since:?}");
    }
}

#[tokio::test]
async fn an_application_that_was_restored_is_there_and_one_that_came_and_went_is_not() {
    let directory = Directory::new().await;
    let kept = directory.published("kept").await;
    let mut copy = Copy::default();
    copy.follow(&directory, 100).await;
    delete(&directory, kept.id).await;
    directory.control.restore_application(administrator(), kept.id).await.unwrap();
    let short_lived = directory.unpublished("short").await;
    delete(&directory, short_lived.id).await;
    let changes = directory.control.application_changes(copy.since, None, 100).await.unwrap();
    let restored = directory.control.application(kept.id).await.unwrap();
    assert_eq!(
        changes.items,
        [ApplicationDelta::Present(Box::new(restored)), ApplicationDelta::Removed(short_lived.id)]
    );
    delete(&directory, kept.id).await;
    copy.follow(&directory, 1).await;
    assert!(copy.is_true(&directory).await);
}

#[tokio::test]
async fn a_revision_that_the_directory_never_had_and_a_strange_cursor_are_refused() {
    let directory = Directory::new().await;
    let control = &directory.control;
    directory.unpublished("wiki").await;
    let future = Revision(directory.revision().0 + 1);
    let error = refused(&directory, control.application_changes(Some(future), None, 10)).await;
    assert!(matches!(error, Error::UnknownRevision(revision) if revision == future), "{error}");
    let text = |text: &str| Value::Text(text.to_owned());
    for (since, keys) in [
        (None, vec![]),
        (None, vec![text("nonsense"), Value::Integer(1)]),
        (None, vec![text("all")]),
        (None, vec![text("all"), Value::Integer(-1)]),
        (None, vec![text("all"), text("1")]),
        (None, vec![text("all"), Value::Integer(1), Value::Integer(1)]),
        (None, vec![text("changed"), Value::Integer(1), Value::Integer(1)]),
        (Some(Revision(1)), vec![text("all"), Value::Integer(1)]),
        (Some(Revision(1)), vec![text("changed"), Value::Integer(1)]),
        (Some(Revision(1)), vec![text("changed"), Value::Integer(1), text("x")]),
        (Some(Revision(1)), vec![text("changed"), Value::Integer(1), Value::Integer(-1)]),
        (Some(Revision(1)), vec![text("removed"), Value::Integer(1), Value::Integer(-5), Value::Integer(1)]),
    ] {
        let cursor = Cursor { keys: keys.clone(), id: String::new() };
        let error = refused(&directory, control.application_changes(since, Some(cursor), 10)).await;
        assert!(matches!(error, Error::BadCursor), "{keys:?}: {error}");
    }
}
