//! Sessions that are ended before their time stay so, as long as they could have lasted.

use std::sync::Arc;

use adit_control::session::LONGEST_SESSION;
use adit_control::{Error, NewPassword, NewUser, UserChange, Zeroizing};
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::{DisplayName, PrincipalId, User, UserId, UserPrincipalName};
use adit_identity::session::{Revocations, SessionId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::directory::{Directory, administrator};

fn password(text: &str) -> NewPassword {
    NewPassword { password: Zeroizing::new(text.to_owned()), must_change: false }
}

async fn user(directory: &Directory, name: &str) -> User {
    let new = NewUser {
        principal_name: UserPrincipalName::parse(&format!("{name}@corp.example")).unwrap(),
        display_name: DisplayName::parse(name).unwrap(),
        is_enabled: true,
        password: password("a long sentence is best"),
        attributes: Attributes::new(),
    };
    directory.control.create_user(administrator(), new).await.unwrap()
}

fn ended(directory: &Directory) -> Arc<Revocations> {
    directory.control.revocations().load_full()
}

/// Since when the sessions of a user count.
fn since(directory: &Directory, user: UserId) -> Option<u64> {
    ended(directory).principals.get(&PrincipalId::new(user.uuid())).copied()
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap()
}

#[tokio::test]
async fn a_session_that_was_ended_stays_so_after_a_restart_until_it_would_be_over() {
    let directory = Directory::new().await;
    let (revision, ..) = directory.state().await;
    let (one, other) = (SessionId::generate().unwrap(), SessionId::generate().unwrap());
    let in_hours = |hours| millis(Timestamp::now() + SignedDuration::from_hours(hours));
    directory.control.end_session(one, in_hours(2)).await.unwrap();
    directory.control.end_session(one, in_hours(2)).await.unwrap();
    directory.control.end_session(other, u64::MAX).await.unwrap();
    assert!(ended(&directory).sessions.contains(&one));
    assert_eq!(directory.revision(), revision, "a sign-out is no change of the directory");
    let directory = directory.reopened().await;
    assert_eq!(ended(&directory).sessions.len(), 2);
    directory.pass(SignedDuration::from_hours(4));
    let directory = directory.reopened().await;
    assert_eq!(ended(&directory).sessions, [other].into(), "the first would be over by now");
    directory.pass(SignedDuration::try_from(LONGEST_SESSION).unwrap());
    assert!(ended(&directory.reopened().await).sessions.is_empty(), "nothing lasts longer");
}

#[tokio::test]
async fn what_could_end_nothing_any_more_is_forgotten_without_a_restart() {
    let directory = Directory::new().await;
    let end_many = async |until: u64| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..256 {
            let control = directory.control.clone();
            let session = SessionId::generate().unwrap();
            tasks.spawn(async move { control.end_session(session, until).await.unwrap() });
        }
        tasks.join_all().await;
    };
    let in_hours = |hours| millis(Timestamp::now() + SignedDuration::from_hours(hours));
    end_many(in_hours(1)).await;
    assert_eq!(ended(&directory).sessions.len(), 256);
    directory.pass(SignedDuration::from_hours(3));
    end_many(in_hours(5)).await;
    assert_eq!(ended(&directory).sessions.len(), 256, "those that are over by now were let go");
}

#[tokio::test]
async fn who_is_disabled_deleted_or_given_a_password_is_signed_out_and_nobody_else_is() {
    let directory = Directory::new().await;
    let (ada, bob, eve) = (user(&directory, "ada").await, user(&directory, "bob").await, user(&directory, "eve").await);
    let change = async |user: UserId, change: UserChange| {
        directory.control.update_user(administrator(), user, change).await.unwrap();
    };
    let name = Some(DisplayName::parse("Ada Lovelace").unwrap());
    change(ada.id, UserChange { display_name: name, ..UserChange::default() }).await;
    change(ada.id, UserChange { is_enabled: Some(true), ..UserChange::default() }).await;
    assert!(ended(&directory).principals.is_empty());
    let before = millis(Timestamp::now());
    change(ada.id, UserChange { is_enabled: Some(false), ..UserChange::default() }).await;
    change(bob.id, UserChange { password: Some(password("another long sentence")), ..UserChange::default() }).await;
    directory.control.delete_user(administrator(), eve.id).await.unwrap();
    for user in [&ada, &bob, &eve] {
        assert!(since(&directory, user.id).is_some_and(|at| at >= before), "{}", user.display_name.as_str());
    }
    let directory = directory.reopened().await;
    assert_eq!(ended(&directory).principals.len(), 3);
    directory
        .control
        .update_user(administrator(), ada.id, UserChange { is_enabled: Some(true), ..UserChange::default() })
        .await
        .unwrap();
    assert!(since(&directory, ada.id).is_some(), "who is enabled again signs in again");
}

#[tokio::test]
async fn an_administrator_ends_all_sessions_of_a_user_and_that_is_recorded() {
    let directory = Directory::new().await;
    let ada = user(&directory, "ada").await;
    directory.control.revoke_sessions_of_user(administrator(), ada.id).await.unwrap();
    let first = since(&directory, ada.id).unwrap();
    let record =
        directory.audit().await.into_iter().find(|record| record.activity == Activity::RevokeSessions).unwrap();
    assert_eq!(record.target, ada.id.to_string());
    directory.pass(SignedDuration::from_secs(60));
    directory.control.revoke_sessions_of_user(administrator(), ada.id).await.unwrap();
    assert!(since(&directory, ada.id).unwrap() >= first + 60_000, "the later one counts");
    let nobody = UserId::new(Uuid::from_u128(1));
    let refused = directory.control.revoke_sessions_of_user(administrator(), nobody).await;
    assert!(matches!(refused, Err(Error::UserNotFound(id)) if id == nobody));
}
