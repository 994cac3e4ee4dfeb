//! Applications: publishing in parts, places that only one can have, the group they are assigned to (contract section 8,
//! points 7 and 9).

use adit_control::{ApplicationChange, Error, NewApplication, PublishingChange, PublishingPatch, RequiredUrl};
use adit_core::application::{Attributes, HostHeader, UpstreamTimeout};
use adit_core::audit::Activity;
use adit_core::{AppId, ApplicationId, ConnectorGroupId, InternalUrl, PreAuthentication};
use adit_store::{Entity, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused, urls};

fn merge(patch: PublishingPatch) -> ApplicationChange {
    ApplicationChange { publishing: PublishingChange::Merge(patch), ..ApplicationChange::default() }
}

fn attributes(value: Value) -> Attributes {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn an_application_is_made_read_changed_and_deleted_each_with_its_record() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let new = NewApplication {
        display_name: name("Wiki"),
        attributes: attributes(json!({ "notes": "x", "secret": "hunter2" })),
        publishing: None,
        owner: None,
    };
    let wiki = control.create_application(administrator(), new).await.unwrap();
    assert_eq!(control.application(wiki.id).await.unwrap(), wiki);
    assert_eq!(control.application_by_app_id(wiki.app_id).await.unwrap(), wiki);
    directory.check_written(Activity::AddApplication, Entity::Application, Operation::Insert, wiki.id).await;

    let change = ApplicationChange {
        display_name: Some(name("Wikis")),
        attributes: attributes(json!({ "secret": "hunter3", "tags": ["a"] })),
        ..ApplicationChange::default()
    };
    let changed = control.update_application(administrator(), wiki.id, change).await.unwrap();
    assert_eq!(changed.attributes, attributes(json!({ "notes": "x", "secret": "hunter3", "tags": ["a"] })));
    assert_eq!(control.application(wiki.id).await.unwrap(), changed);
    let record =
        directory.check_written(Activity::UpdateApplication, Entity::Application, Operation::Update, wiki.id).await;
    assert_eq!(record.detail["old"]["display_name"], "Wiki");
    assert_eq!(record.detail["new"]["display_name"], "Wikis");
    assert_eq!(record.detail["changed_attributes"], json!(["secret", "tags"]));
    assert!(!record.detail.to_string().contains("hunter"), "values of opaque properties may be secrets");

    control.delete_application(administrator(), wiki.id).await.unwrap();
    directory.check_written(Activity::DeleteApplication, Entity::Application, Operation::Delete, wiki.id).await;
    let gone = refused(&directory, control.application(wiki.id)).await;
    assert!(matches!(gone, Error::ApplicationNotFound(id) if id == wiki.id), "{gone}");
}

#[tokio::test]
async fn an_application_starts_in_the_default_group_when_it_is_published() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let draft = directory.unpublished("draft").await;
    assert_eq!(draft.connector_group(), None);
    let published = directory
        .control
        .update_application(administrator(), draft.id, merge(urls("https://draft.example/", "http://draft/")))
        .await
        .unwrap();
    assert_eq!(published.connector_group(), Some(default.id));
    assert_eq!(directory.control.connector_group_of(draft.id).await.unwrap(), default);
    let new = NewApplication {
        display_name: name("Both"),
        attributes: Attributes::new(),
        publishing: Some(urls("https://both.example/", "http://both/")),
        owner: None,
    };
    let both = directory.control.create_application(administrator(), new).await.unwrap();
    assert_eq!(both.connector_group(), Some(default.id), "also when it is made and published at once");
}

#[tokio::test]
async fn a_publishing_demands_sign_in_unless_it_says_otherwise() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let publishing = wiki.publishing().unwrap();
    assert_eq!(publishing.pre_authentication, PreAuthentication::SignIn);
    assert_eq!(publishing.host_header, HostHeader::Internal);
}

#[tokio::test]
async fn a_publishing_is_merged_part_by_part_and_keeps_its_group() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let patch = PublishingPatch {
        pre_authentication: Some(PreAuthentication::Passthrough),
        timeout: Some(UpstreamTimeout::Long),
        attributes: attributes(json!({ "isSecureCookieEnabled": false })),
        ..PublishingPatch::default()
    };
    control.update_application(administrator(), wiki.id, merge(patch)).await.unwrap();
    let patch = PublishingPatch {
        internal_url: Some(InternalUrl::parse("https://new.internal/").unwrap()),
        attributes: attributes(json!({ "wafProvider": null })),
        ..PublishingPatch::default()
    };
    let merged = control.update_application(administrator(), wiki.id, merge(patch)).await.unwrap();
    let publishing = merged.publishing().unwrap();
    assert_eq!(publishing.external_url.to_string(), "https://wiki.example/");
    assert_eq!(publishing.internal_url.to_string(), "https://new.internal/");
    assert_eq!(publishing.pre_authentication, PreAuthentication::Passthrough);
    assert_eq!(publishing.timeout, UpstreamTimeout::Long);
    assert_eq!(publishing.attributes, attributes(json!({ "isSecureCookieEnabled": false, "wafProvider": null })));
    assert_eq!(merged.connector_group(), Some(berlin.id));
    assert_eq!(control.application(wiki.id).await.unwrap(), merged);
}

#[tokio::test]
async fn an_application_cannot_be_published_without_both_urls() {
    let directory = Directory::new().await;
    let draft = directory.unpublished("draft").await;
    let complete = urls("https://draft.example/", "http://draft/");
    for (patch, expected) in [
        (PublishingPatch { external_url: None, ..complete.clone() }, RequiredUrl::External),
        (PublishingPatch { internal_url: None, ..complete.clone() }, RequiredUrl::Internal),
    ] {
        let command = directory.control.update_application(administrator(), draft.id, merge(patch.clone()));
        let error = refused(&directory, command).await;
        assert!(matches!(error, Error::PublishingIncomplete { missing } if missing == expected), "{error}");
        let new = NewApplication {
            display_name: name("x"),
            attributes: Attributes::new(),
            publishing: Some(patch),
            owner: None,
        };
        refused(&directory, directory.control.create_application(administrator(), new)).await;
    }
}

#[tokio::test]
async fn two_applications_cannot_be_published_at_one_place_whatever_the_port_and_case() {
    let directory = Directory::new().await;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    for taken in ["https://wiki.example/", "https://WIKI.example:8443"] {
        let change = merge(urls(taken, "http://other/"));
        let command = directory.control.update_application(administrator(), draft.id, change);
        let error = refused(&directory, command).await;
        assert!(matches!(error, Error::ExternalUrlTaken { by, .. } if by == wiki.id), "{error}");
    }
    let below = merge(urls("https://wiki.example/team/", "http://other/"));
    directory.control.update_application(administrator(), draft.id, below).await.unwrap();
}

#[tokio::test]
async fn two_applications_cannot_lead_to_one_internal_url() {
    let directory = Directory::new().await;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    let change = merge(urls("https://draft.example/", "HTTP://wiki.internal:8080"));
    let command = directory.control.update_application(administrator(), draft.id, change);
    let error = refused(&directory, command).await;
    assert!(matches!(&error, Error::InternalUrlTaken { by, .. } if *by == wiki.id), "{error}");
    let own = merge(urls("https://wiki.example/new/", "http://wiki.internal:8080/"));
    directory.control.update_application(administrator(), wiki.id, own).await.unwrap();
}

#[tokio::test]
async fn an_unpublished_application_frees_its_urls_and_has_no_group() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, draft) = (directory.published("wiki").await, directory.unpublished("draft").await);
    let end = || ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    let ended = control.update_application(administrator(), wiki.id, end()).await.unwrap();
    assert_eq!((ended.publishing(), ended.connector_group()), (None, None));
    let error = refused(&directory, control.connector_group_of(wiki.id)).await;
    assert!(matches!(error, Error::ApplicationNotPublished(id) if id == wiki.id), "{error}");
    let before = directory.state().await;
    control.update_application(administrator(), wiki.id, end()).await.unwrap();
    assert_eq!(directory.state().await, before, "ending it again changes nothing");
    let change = merge(urls("https://wiki.example/", "http://wiki.internal:8080/"));
    control.update_application(administrator(), draft.id, change).await.unwrap();
}

#[tokio::test]
async fn a_published_application_is_assigned_to_another_group_and_back_to_the_default_group() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (default, berlin) = (directory.default_group().await, directory.group("Berlin").await);
    let wiki = directory.published("wiki").await;
    let assigned = control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    assert_eq!(assigned, berlin);
    assert_eq!(control.connector_group_of(wiki.id).await.unwrap(), berlin);
    let record =
        directory.check_written(Activity::AssignConnectorGroup, Entity::Application, Operation::Update, wiki.id).await;
    assert_eq!(record.detail["new"]["connector_group"], berlin.id.to_string());

    let before = directory.state().await;
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    assert_eq!(directory.state().await, before, "assigning the same group again changes nothing");

    let back = control.unassign_connector_group(administrator(), wiki.id).await.unwrap();
    assert_eq!(back, default);
    let before = directory.state().await;
    assert_eq!(control.unassign_connector_group(administrator(), wiki.id).await.unwrap(), default);
    assert_eq!(directory.state().await, before, "unassigning from the default group changes nothing");
}

#[tokio::test]
async fn a_group_cannot_be_assigned_to_what_is_not_published_nor_an_unknown_group_to_anything() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (berlin, wiki) = (directory.group("Berlin").await, directory.published("wiki").await);
    let who = administrator();
    for application in [directory.unpublished("draft").await.id, ApplicationId::new(Uuid::new_v4())] {
        for error in [
            refused(&directory, control.connector_group_of(application)).await,
            refused(&directory, control.assign_connector_group(who, application, berlin.id)).await,
            refused(&directory, control.unassign_connector_group(who, application)).await,
        ] {
            assert!(matches!(error, Error::ApplicationNotPublished(id) if id == application), "{error}");
        }
    }
    let nowhere = ConnectorGroupId::new(Uuid::new_v4());
    let error = refused(&directory, control.assign_connector_group(who, wiki.id, nowhere)).await;
    assert!(matches!(error, Error::ConnectorGroupNotFound(_)), "{error}");
}

#[tokio::test]
async fn an_unknown_application_is_not_found() {
    let directory = Directory::new().await;
    let nobody = ApplicationId::new(Uuid::new_v4());
    let control = &directory.control;
    let who = administrator();
    for error in [
        refused(&directory, control.application(nobody)).await,
        refused(&directory, control.update_application(who, nobody, ApplicationChange::default())).await,
        refused(&directory, control.delete_application(who, nobody)).await,
    ] {
        assert!(matches!(error, Error::ApplicationNotFound(id) if id == nobody), "{error}");
    }
    let error = refused(&directory, control.application_by_app_id(AppId::new(nobody.uuid()))).await;
    assert!(matches!(error, Error::AppIdNotFound(_)), "{error}");
}
