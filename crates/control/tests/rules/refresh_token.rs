//! Refresh tokens by the clock, over a restart, and when a user has more of them than anybody needs.

use adit_control::{
    ControlPlane, NewApplication, NewPassword, NewRefreshGrant, NewServicePrincipal, NewUser, NewUserGroup,
    RefreshToken, ServicePrincipalChange, UserChange, Zeroizing,
};
use adit_core::application::Attributes;
use adit_core::{AppId, ClientSecretId, DisplayName, User, UserPrincipalName};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::directory::{Directory, administrator};

const PROGRAM: AppId = AppId::new(Uuid::from_u128(7));

async fn user(directory: &Directory) -> User {
    let new = NewUser {
        principal_name: UserPrincipalName::parse("ada@corp.example").unwrap(),
        display_name: DisplayName::parse("Ada").unwrap(),
        is_enabled: true,
        password: NewPassword { password: Zeroizing::new("correct horse battery".to_owned()), must_change: false },
        attributes: Attributes::new(),
    };
    directory.control.create_user(administrator(), new).await.unwrap()
}

/// Something granted to a program that is not in the directory.
fn granted(user: &User, signed_in: Timestamp) -> NewRefreshGrant {
    NewRefreshGrant {
        sign_in: Uuid::new_v4(),
        user: user.id,
        app_id: PROGRAM,
        is_well_known: true,
        secret: None,
        scope: "openid offline_access User.Read.All".to_owned(),
        granted: "User.Read.All".to_owned(),
        signed_in,
    }
}

async fn begin(control: &ControlPlane, user: &User, signed_in: Timestamp) -> Zeroizing<String> {
    control.begin_refreshing(granted(user, signed_in)).await.unwrap().expect("nothing has ended it")
}

/// The token, if it counts.
async fn counting(control: &ControlPlane, token: &str) -> Option<RefreshToken> {
    control.refresh_token(control.shown_refresh_token(token).await.unwrap()?).await.unwrap()
}

async fn renew(control: &ControlPlane, token: &str) -> Option<Zeroizing<String>> {
    let shown = counting(control, token).await?;
    assert_eq!((shown.grant().app_id, shown.grant().granted.as_str()), (PROGRAM, "User.Read.All"));
    control.renew_refresh_token(&shown, None).await.unwrap()
}

#[tokio::test]
async fn a_token_survives_a_restart_and_is_nowhere_in_the_database() {
    let directory = Directory::new().await;
    let user = user(&directory).await;
    let token = begin(&directory.control, &user, Timestamp::now()).await;
    let revision = directory.revision();
    let token = renew(&directory.control, &token).await.unwrap();
    assert_eq!(directory.revision(), revision, "it changes nothing of the directory");
    let directory = directory.reopened().await;
    let next = renew(&directory.control, &token).await.unwrap();
    let random = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    for (place, bytes) in directory.place.kept() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&random(&token)) && !text.contains(&random(&next)), "{place}");
    }
    assert!(renew(&directory.control, &token).await.is_none(), "used up before");
    assert!(renew(&directory.control, &next).await.is_none(), "and with that all is over");
}

#[tokio::test]
async fn a_token_ends_after_a_pause_and_at_last_however_often_it_is_used() {
    let directory = Directory::new().await;
    let (control, user) = (&directory.control, user(&directory).await);
    let paused = begin(control, &user, Timestamp::now()).await;
    let mut used = begin(control, &user, Timestamp::now()).await;
    directory.pass(SignedDuration::from_hours(13 * 24));
    let paused = renew(control, &paused).await.unwrap();
    used = renew(control, &used).await.unwrap();
    directory.pass(SignedDuration::from_hours(13 * 24));
    used = renew(control, &used).await.unwrap();
    directory.pass(SignedDuration::from_hours(2 * 24));
    assert!(counting(control, &paused).await.is_none(), "14 days without use");
    used = renew(control, &used).await.unwrap();
    directory.pass(SignedDuration::from_hours(2 * 24 + 1));
    assert!(counting(control, &used).await.is_none(), "30 days");
}

#[tokio::test]
async fn whoever_leaves_a_group_has_programs_ask_again() {
    let directory = Directory::new().await;
    let (control, user) = (&directory.control, user(&directory).await);
    let group =
        |name: &str| NewUserGroup { display_name: DisplayName::parse(name).unwrap(), attributes: Attributes::new() };
    let inner = control.create_user_group(administrator(), group("inner")).await.unwrap();
    let outer = control.create_user_group(administrator(), group("outer")).await.unwrap();
    control.add_group_member(administrator(), inner.id, user.id.uuid()).await.unwrap();
    control.add_group_member(administrator(), outer.id, inner.id.uuid()).await.unwrap();
    let token = begin(control, &user, Timestamp::now()).await;
    control.remove_group_member(administrator(), outer.id, inner.id.uuid()).await.unwrap();
    assert!(counting(control, &token).await.is_none());
    let token = begin(control, &user, Timestamp::now()).await;
    control.remove_group_member(administrator(), inner.id, user.id.uuid()).await.unwrap();
    assert!(counting(control, &token).await.is_none());
}

#[tokio::test]
async fn of_more_than_a_hundred_the_oldest_goes() {
    let directory = Directory::new().await;
    let (control, user) = (&directory.control, user(&directory).await);
    let now = Timestamp::now();
    let first = begin(control, &user, now).await;
    let second = begin(control, &user, now).await;
    directory.pass(SignedDuration::from_secs(1));
    for _ in 0..99 {
        begin(control, &user, now).await;
    }
    let kept = [counting(control, &first).await, counting(control, &second).await];
    assert!(kept[0].is_none() && kept[1].is_some(), "{kept:?}");
}

#[tokio::test]
async fn what_ended_before_it_was_written_is_not_written() {
    let directory = Directory::new().await;
    let (control, user) = (&directory.control, user(&directory).await);
    let new = NewApplication {
        display_name: DisplayName::parse("Wiki").unwrap(),
        attributes: Attributes::new(),
        publishing: None,
        owner: None,
    };
    let application = control.create_application(administrator(), new).await.unwrap();
    let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes: Attributes::new() };
    let principal = control.create_service_principal(administrator(), new).await.unwrap();
    let secret = control.add_application_secret(administrator(), application.id, Default::default()).await.unwrap();
    let secret: ClientSecretId = secret.secret.id;
    let signed_in = Timestamp::now();
    let of_program =
        || NewRefreshGrant { app_id: application.app_id, is_well_known: false, ..granted(&user, signed_in) };
    let is_kept = async |new: NewRefreshGrant| {
        let id = new.sign_in;
        let token = control.begin_refreshing(new).await.unwrap();
        // What was refused left nothing behind that a token could name.
        let made_up = format!("adit-refresh.{}.{}", id.simple(), "A".repeat(43));
        assert_eq!(control.shown_refresh_token(&made_up).await.unwrap().is_some(), token.is_some());
        token.is_some()
    };
    assert!(is_kept(of_program()).await);
    assert!(is_kept(NewRefreshGrant { secret: Some(secret), ..of_program() }).await);
    // The program was disabled.
    let set = |value: bool| Attributes::from_iter([("accountEnabled".to_owned(), value.into())]);
    for (value, counts) in [(false, false), (true, true)] {
        let change = ServicePrincipalChange { attributes: set(value), ..Default::default() };
        control.update_service_principal(administrator(), principal.id, change).await.unwrap();
        assert_eq!(is_kept(of_program()).await, counts);
    }
    // Its secret was taken back.
    control.remove_application_secret(administrator(), application.id, secret).await.unwrap();
    assert!(!is_kept(NewRefreshGrant { secret: Some(secret), ..of_program() }).await);
    // It was deleted.
    control.delete_application(administrator(), application.id).await.unwrap();
    assert!(!is_kept(of_program()).await);
    assert!(!is_kept(NewRefreshGrant { app_id: PROGRAM, ..of_program() }).await, "one that never was");
    // The user was disabled, and is not any more; then deleted.
    assert!(is_kept(granted(&user, signed_in)).await);
    for is_enabled in [false, true] {
        let change = UserChange { is_enabled: Some(is_enabled), ..UserChange::default() };
        control.update_user(administrator(), user.id, change).await.unwrap();
        assert!(!is_kept(granted(&user, signed_in)).await, "the sign-in is from before");
    }
    directory.pass(SignedDuration::from_secs(60));
    let later = signed_in.saturating_add(SignedDuration::from_secs(60)).unwrap();
    assert!(is_kept(granted(&user, later)).await);
    control.delete_user(administrator(), user.id).await.unwrap();
    assert!(!is_kept(granted(&user, later)).await);
}
