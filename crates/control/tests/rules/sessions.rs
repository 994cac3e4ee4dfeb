//! Which changes end the sessions of whom: gateways learn of it with the change itself.

use adit_control::{NewPassword, NewUser, NewUserGroup, UserChange, Zeroizing};
use adit_core::application::Attributes;
use adit_core::revocation::{SessionsOf, Version};
use adit_core::{DisplayName, PrincipalId, User, UserGroup, UserPrincipalName};
use jiff::SignedDuration;

use crate::directory::{Directory, administrator};

fn password() -> NewPassword {
    NewPassword { password: Zeroizing::new("correct horse battery".to_owned()), must_change: false }
}

async fn user(directory: &Directory, name: &str) -> User {
    let new = NewUser {
        principal_name: UserPrincipalName::parse(&format!("{name}@corp.example")).unwrap(),
        display_name: DisplayName::parse(name).unwrap(),
        is_enabled: true,
        password: password(),
        attributes: Attributes::new(),
    };
    directory.control.create_user(administrator(), new).await.unwrap()
}

async fn group(directory: &Directory, name: &str) -> UserGroup {
    let new = NewUserGroup { display_name: DisplayName::parse(name).unwrap(), attributes: Attributes::new() };
    directory.control.create_user_group(administrator(), new).await.unwrap()
}

fn of(user: &User) -> SessionsOf {
    SessionsOf::Principal(PrincipalId::new(user.id.uuid()))
}

/// The version before which sessions of a user are over, as gateways know it.
fn ended(directory: &Directory, user: &User) -> Option<Version> {
    directory.control.snapshots().borrow().ended_before(of(user))
}

/// Whether a session that began at `began` is over.
fn is_over(directory: &Directory, user: &User, began: Version) -> bool {
    ended(directory, user).is_some_and(|ended| began < ended)
}

fn version(directory: &Directory) -> Version {
    directory.control.snapshots().borrow().version()
}

#[tokio::test]
async fn a_new_password_disabling_and_deleting_end_the_sessions_of_a_user_with_the_change_itself() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (ada, grace) = (user(&directory, "ada").await, user(&directory, "grace").await);
    let principal = PrincipalId::new(ada.id.uuid());
    assert_eq!(ended(&directory, &ada), None);

    let began = version(&directory);
    let change = UserChange { display_name: Some(DisplayName::parse("Ada L").unwrap()), ..UserChange::default() };
    control.update_user(who, ada.id, change).await.unwrap();
    assert!(!is_over(&directory, &ada, began), "another name ends nothing");
    let change = UserChange { password: Some(password()), ..UserChange::default() };
    control.update_user(who, ada.id, change).await.unwrap();
    assert!(is_over(&directory, &ada, began));
    assert_eq!(ended(&directory, &ada), Some(version(&directory)), "it has the revision of the change");

    let began = version(&directory);
    let change = |is_enabled| UserChange { is_enabled: Some(is_enabled), ..UserChange::default() };
    control.update_user(who, ada.id, change(false)).await.unwrap();
    assert!(is_over(&directory, &ada, began) && control.snapshots().borrow().is_disabled(principal));
    let directory = directory.reopened().await;
    let control = &directory.control;
    assert!(is_over(&directory, &ada, began), "a snapshot that is compiled anew says the same");
    assert!(control.snapshots().borrow().is_disabled(principal));
    let began = version(&directory);
    control.update_user(who, ada.id, change(true)).await.unwrap();
    assert!(!is_over(&directory, &ada, began) && !control.snapshots().borrow().is_disabled(principal));

    control.delete_user(who, ada.id).await.unwrap();
    assert!(is_over(&directory, &ada, began));
    assert_eq!(ended(&directory, &grace), None, "nobody else's");
}

#[tokio::test]
async fn whoever_leaves_a_group_by_whatever_way_signs_in_again() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (ada, grace, edsger) =
        (user(&directory, "ada").await, user(&directory, "grace").await, user(&directory, "edsger").await);
    let (inner, outer) = (group(&directory, "inner").await, group(&directory, "outer").await);
    control.add_group_member(who, inner.id, ada.id.uuid()).await.unwrap();
    control.add_group_member(who, inner.id, grace.id.uuid()).await.unwrap();
    control.add_group_member(who, outer.id, inner.id.uuid()).await.unwrap();
    control.add_group_member(who, outer.id, edsger.id.uuid()).await.unwrap();
    assert_eq!(ended(&directory, &ada), None, "joining ends nothing");

    let began = version(&directory);
    control.remove_group_member(who, inner.id, ada.id.uuid()).await.unwrap();
    assert!(is_over(&directory, &ada, began) && !is_over(&directory, &grace, began));

    let began = version(&directory);
    control.remove_group_member(who, outer.id, inner.id.uuid()).await.unwrap();
    assert!(is_over(&directory, &grace, began), "with the group, its members left the other");
    assert!(!is_over(&directory, &ada, began) && !is_over(&directory, &edsger, began));

    control.add_group_member(who, outer.id, inner.id.uuid()).await.unwrap();
    let began = version(&directory);
    control.delete_user_group(who, inner.id).await.unwrap();
    assert!(is_over(&directory, &grace, began), "its members were in the outer group by it alone");

    let began = version(&directory);
    control.delete_user_group(who, outer.id).await.unwrap();
    assert!(!is_over(&directory, &edsger, began), "what was assigned to the group itself went with it");
}

#[tokio::test]
async fn revocations_are_forgotten_when_no_session_is_as_old() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let (ada, grace) = (user(&directory, "ada").await, user(&directory, "grace").await);
    let change = || UserChange { password: Some(password()), ..UserChange::default() };
    control.update_user(who, ada.id, change()).await.unwrap();
    directory.pass(SignedDuration::from_hours(30 * 24));
    control.update_user(who, grace.id, change()).await.unwrap();
    let directory = directory.reopened().await;
    assert!(ended(&directory, &ada).is_some());
    directory.pass(SignedDuration::from_hours(2 * 24));
    directory.control.update_user(who, grace.id, change()).await.unwrap();
    let directory = directory.reopened().await;
    assert_eq!(ended(&directory, &ada), None);
    assert!(ended(&directory, &grace).is_some());
}
