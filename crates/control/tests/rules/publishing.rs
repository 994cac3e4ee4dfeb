//! Editing a part of a publishing: what is read and what is written are of one transaction.

use adit_control::{Error, Expected, PublishingPatch, RequiredUrl, Target};
use adit_core::ApplicationId;
use adit_core::audit::Activity;
use adit_store::{Entity, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{Directory, administrator, refused};

/// Adds one segment to those that are there, and says how many there are then.
fn with_one_more(publishing: &adit_core::Publishing) -> Result<(PublishingPatch, usize), Error> {
    let mut segments = publishing.attributes.get("segments").and_then(Value::as_array).cloned().unwrap_or_default();
    segments.push(json!({ "number": segments.len() }));
    let mut patch = PublishingPatch::default();
    let count = segments.len();
    patch.attributes.insert("segments".to_owned(), segments.into());
    Ok((patch, count))
}

#[tokio::test]
async fn what_the_edit_makes_of_the_publishing_is_written_and_recorded() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let (edited, count) = directory.control.edit_publishing(administrator(), wiki.id, with_one_more).await.unwrap();
    assert_eq!(count, 1);
    assert_eq!(edited.publishing().unwrap().attributes["segments"], json!([{ "number": 0 }]));
    assert_eq!(directory.control.application(wiki.id).await.unwrap(), edited);
    let record =
        directory.check_written(Activity::UpdateApplication, Entity::Application, Operation::Update, wiki.id).await;
    assert_eq!(record.detail["changed_attributes"], json!(["segments"]));
}

#[tokio::test]
async fn of_many_who_edit_at_once_nobody_loses_anything() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let mut edits = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let control = directory.control.clone();
        edits.spawn(async move { control.edit_publishing(administrator(), wiki.id, with_one_more).await.unwrap().1 });
    }
    let mut counts = edits.join_all().await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_edit_that_is_refused_or_changes_nothing_leaves_no_trace() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = directory.published("wiki").await;
    let refusal = refused(
        &directory,
        control.edit_publishing(administrator(), wiki.id, |_| {
            Err::<(PublishingPatch, ()), _>(Error::PublishingIncomplete { missing: RequiredUrl::Internal })
        }),
    )
    .await;
    assert!(matches!(refusal, Error::PublishingIncomplete { missing: RequiredUrl::Internal }), "{refusal}");
    let before = directory.state().await;
    let nothing = |_: &adit_core::Publishing| Ok::<_, Error>((PublishingPatch::default(), ()));
    control.edit_publishing(administrator(), wiki.id, nothing).await.unwrap();
    assert_eq!(directory.state().await, before);
}

#[tokio::test]
async fn only_what_is_published_and_at_the_expected_revision_is_edited() {
    let directory = Directory::new().await;
    let control = &directory.control;
    for id in [directory.unpublished("draft").await.id, ApplicationId::new(Uuid::new_v4())] {
        let error = refused(&directory, control.edit_publishing(administrator(), id, with_one_more)).await;
        assert!(matches!(error, Error::ApplicationNotPublished(other) if other == id), "{error}");
    }
    let wiki = directory.published("wiki").await;
    control.edit_publishing(administrator(), wiki.id, with_one_more).await.unwrap();
    let old = Target::at(wiki.id, Expected::OneOf(vec![wiki.revision]));
    let error = refused(&directory, control.edit_publishing(administrator(), old, with_one_more)).await;
    assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error}");
}

#[tokio::test]
async fn an_edit_keeps_the_rules_of_every_publishing() {
    let directory = Directory::new().await;
    let (wiki, other) = (directory.published("wiki").await, directory.published("other").await);
    let take_over = |_: &adit_core::Publishing| {
        let external_url = other.publishing().map(|publishing| publishing.external_url.clone());
        Ok::<_, Error>((PublishingPatch { external_url, ..PublishingPatch::default() }, ()))
    };
    let error = refused(&directory, directory.control.edit_publishing(administrator(), wiki.id, take_over)).await;
    assert!(matches!(error, Error::ExternalUrlTaken { by, .. } if by == other.id), "{error}");
}
