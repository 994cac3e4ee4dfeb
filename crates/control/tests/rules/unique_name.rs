//! Unique names of applications: a key that stays and that only one has.

use adit_control::{ApplicationChange, Error, NewApplication};
use adit_core::Application;
use adit_core::application::Attributes;
use serde_json::{Value, json};

use crate::directory::{Directory, administrator, name, refused};

fn attributes(unique: &Value) -> Attributes {
    Attributes::from_iter([("uniqueName".to_owned(), unique.clone())])
}

fn new(unique: &str) -> NewApplication {
    NewApplication { display_name: name("Wiki"), attributes: attributes(&json!(unique)), publishing: None, owner: None }
}

fn change(unique: &Value) -> ApplicationChange {
    ApplicationChange { attributes: attributes(unique), ..ApplicationChange::default() }
}

async fn named(directory: &Directory, unique: &str) -> Application {
    directory.control.create_application(administrator(), new(unique)).await.unwrap()
}

#[tokio::test]
async fn an_application_is_found_by_its_unique_name_without_regard_to_case() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let wiki = named(&directory, "Söhne-Wiki").await;
    for spelling in ["Söhne-Wiki", "söhne-wiki", "SÖHNE-WIKI"] {
        assert_eq!(control.application_by_unique_name(spelling).await.unwrap(), wiki);
    }
    let error = refused(&directory, control.application_by_unique_name("sohne-wiki")).await;
    assert!(matches!(&error, Error::UniqueNameNotFound(name) if name == "sohne-wiki"), "{error}");
}

#[tokio::test]
async fn two_applications_cannot_have_one_unique_name() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, draft) = (named(&directory, "wiki").await, directory.unpublished("draft").await);
    for error in [
        refused(&directory, control.create_application(administrator(), new("WIKI"))).await,
        refused(&directory, control.update_application(administrator(), draft.id, change(&json!("Wiki")))).await,
    ] {
        assert!(matches!(error, Error::UniqueNameTaken { by, .. } if by == wiki.id), "{error}");
    }
}

#[tokio::test]
async fn a_unique_name_can_be_given_later_and_then_stays() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let draft = directory.unpublished("draft").await;
    control.update_application(who, draft.id, change(&json!(null))).await.unwrap();
    let named = control.update_application(who, draft.id, change(&json!("draft"))).await.unwrap();
    assert_eq!(named.unique_name(), Some("draft"));
    for other in [json!("other"), json!("Draft"), json!(null)] {
        let error = refused(&directory, control.update_application(who, draft.id, change(&other))).await;
        assert!(matches!(&error, Error::UniqueNameFixed { name } if name == "draft"), "{error}");
    }
    let before = directory.state().await;
    control.update_application(who, draft.id, change(&json!("draft"))).await.unwrap();
    assert_eq!(directory.state().await, before, "the same name again changes nothing");
}

#[tokio::test]
async fn the_unique_name_of_a_deleted_application_is_free_and_a_restored_one_does_not_take_it_back() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = named(&directory, "wiki").await;
    control.delete_application(who, wiki.id).await.unwrap();
    let error = refused(&directory, control.application_by_unique_name("wiki")).await;
    assert!(matches!(error, Error::UniqueNameNotFound(_)), "{error}");
    let other = named(&directory, "wiki").await;
    let error = refused(&directory, control.restore_application(who, wiki.id)).await;
    assert!(matches!(error, Error::UniqueNameTaken { by, .. } if by == other.id), "{error}");
}
