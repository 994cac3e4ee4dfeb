//! Sessions that are ended before their time stay so, as long as they could have lasted.

use std::collections::HashSet;
use std::sync::Arc;

use adit_control::{Error, NewApplication, NewPassword, NewUser, Principals, Zeroizing};
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::revocation::{LONGEST_SESSION, SessionsOf, Version};
use adit_core::{ApplicationId, DisplayName, PrincipalId, User, UserId, UserPrincipalName};
use adit_identity::session::SessionId;
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

fn ended(directory: &Directory) -> Arc<HashSet<SessionId>> {
    directory.control.ended_sessions().load_full()
}

/// Before which version sessions are over, as gateways know it.
fn before(directory: &Directory, of: SessionsOf) -> Option<Version> {
    directory.control.snapshots().borrow().ended_before(of)
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
    assert!(ended(&directory).contains(&one));
    assert_eq!(directory.revision(), revision, "a sign-out is no change of the directory");
    let directory = directory.reopened().await;
    assert_eq!(ended(&directory).len(), 2);
    directory.pass(SignedDuration::from_hours(4));
    let directory = directory.reopened().await;
    assert_eq!(*ended(&directory), [other].into(), "the first would be over by now");
    directory.pass(SignedDuration::try_from(LONGEST_SESSION).unwrap());
    assert!(ended(&directory.reopened().await).is_empty(), "nothing lasts longer");
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
    assert_eq!(ended(&directory).len(), 256);
    directory.pass(SignedDuration::from_hours(3));
    end_many(in_hours(5)).await;
    assert_eq!(ended(&directory).len(), 256, "those that are over by now were let go");
}

#[tokio::test]
async fn an_administrator_ends_all_sessions_of_a_user_or_an_application_and_that_is_recorded() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let ada = user(&directory, "ada").await;
    let (display_name, attributes) = (DisplayName::parse("Wiki").unwrap(), Attributes::new());
    let wiki = NewApplication { display_name, attributes, publishing: None, owner: None };
    let wiki = control.create_application(who, wiki).await.unwrap();
    let recorded = async |activity, target: String| {
        let records = directory.audit().await;
        records.iter().filter(|record| record.activity == activity && record.target == target).count()
    };
    let of_ada = SessionsOf::Principal(PrincipalId::new(ada.id.uuid()));
    let of_wiki = SessionsOf::Application(wiki.id);
    for times in 1..=2 {
        control.revoke_sessions_of_user(who, ada.id).await.unwrap();
        assert_eq!(before(&directory, of_ada), Some(control.snapshots().borrow().version()), "the later one counts");
        assert_eq!(recorded(Activity::RevokeSessions, ada.id.to_string()).await, times);
        control.revoke_sessions_of_application(who, wiki.id).await.unwrap();
        assert_eq!(before(&directory, of_wiki), Some(control.snapshots().borrow().version()));
        assert_eq!(recorded(Activity::RevokeApplicationSessions, wiki.id.to_string()).await, times);
    }
    let nobody = UserId::new(Uuid::from_u128(1));
    control.revoke_sessions_of_user(who, nobody).await.unwrap();
    let of_nobody = SessionsOf::Principal(PrincipalId::new(nobody.uuid()));
    assert_eq!(before(&directory, of_nobody), Some(control.snapshots().borrow().version()), "of another provider");
    control.set_principals(Principals::OwnOnly);
    let refused = control.revoke_sessions_of_user(who, nobody).await;
    assert!(matches!(refused, Err(Error::UserNotFound(id)) if id == nobody));
    let nothing = ApplicationId::new(Uuid::from_u128(1));
    let refused = control.revoke_sessions_of_application(who, nothing).await;
    assert!(matches!(refused, Err(Error::ApplicationNotFound(id)) if id == nothing));
}
