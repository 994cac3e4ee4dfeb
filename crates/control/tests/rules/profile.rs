//! The settings of the whole directory.

use adit_control::{Error, Expected, ProfileChange};
use adit_core::Revision;
use adit_core::audit::Activity;
use adit_core::profile::{UpdateWindow, UpdaterSettings};
use adit_store::{Entity, Operation};
use jiff::civil::time;

use crate::directory::{Directory, administrator, refused};

#[tokio::test]
async fn a_new_directory_is_enabled_and_says_nothing_about_updates() {
    let directory = Directory::new().await;
    let profile = directory.control.profile().await.unwrap();
    assert!(profile.is_enabled);
    assert!(!profile.is_default_access_enabled);
    assert_eq!(profile.updater, UpdaterSettings::default());
}

#[tokio::test]
async fn settings_are_changed_one_by_one_and_survive_a_restart() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let window = UpdateWindow { start: time(22, 0, 0, 0), end: time(4, 30, 0, 0) };
    let defer_until = "2026-12-24T00:00:00Z".parse().unwrap();
    let change =
        ProfileChange { defer_until: Some(Some(defer_until)), window: Some(Some(window)), ..ProfileChange::default() };
    control.update_profile(who, Expected::Any, change).await.unwrap();
    let record =
        directory.check_written(Activity::UpdateProfile, Entity::Profile, Operation::Update, "application_proxy").await;
    assert_eq!(record.detail["new"]["updater"]["window"]["start"], "22:00:00");
    let change = ProfileChange {
        is_default_access_enabled: Some(true),
        allow_override: Some(true),
        defer_until: Some(None),
        ..ProfileChange::default()
    };
    let changed = control.update_profile(who, Expected::Any, change.clone()).await.unwrap();
    assert!(changed.is_enabled && changed.is_default_access_enabled);
    let updater = UpdaterSettings { allow_override: true, defer_until: None, window: Some(window) };
    assert_eq!((&changed.updater, changed.revision), (&updater, directory.revision()));
    let before = directory.state().await;
    control.update_profile(who, Expected::Any, change).await.unwrap();
    assert_eq!(directory.state().await, before, "what is already so changes nothing");
    let directory = directory.reopened().await;
    assert_eq!(directory.control.profile().await.unwrap(), changed);
}

#[tokio::test]
async fn disabling_and_enabling_have_records_of_their_own() {
    let directory = Directory::new().await;
    for (is_enabled, activity) in [(false, Activity::DisableApplicationProxy), (true, Activity::EnableApplicationProxy)]
    {
        let change = ProfileChange { is_enabled: Some(is_enabled), ..ProfileChange::default() };
        let changed = directory.control.update_profile(administrator(), Expected::Any, change).await.unwrap();
        assert_eq!(changed.is_enabled, is_enabled);
        directory.check_written(activity, Entity::Profile, Operation::Update, "application_proxy").await;
    }
}

#[tokio::test]
async fn settings_that_were_changed_meanwhile_stay() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let change = || ProfileChange { is_enabled: Some(false), ..ProfileChange::default() };
    let past = Expected::OneOf(vec![Revision(7_000)]);
    let error = refused(&directory, control.update_profile(administrator(), past, change())).await;
    assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error}");
    let at = Expected::OneOf(vec![control.profile().await.unwrap().revision]);
    control.update_profile(administrator(), at, change()).await.unwrap();
}
