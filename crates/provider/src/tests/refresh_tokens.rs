//! Refresh tokens: what they are good for, what ends them, and what whoever has a copy gets.

use adit_control::{ApplicationChange, NewPassword, ServicePrincipalChange, UserChange, Zeroizing};
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::Query;
use adit_core::{ClientSecretId, User};
use serde_json::{Value, json};

use super::browser::{NAME, PASSWORD};
use super::harness::{Program, Reply, World, context, said};
use super::wiki::{authorize, code, exchange, wiki};

/// What the application asks for.
const SCOPE: &str = "openid offline_access https://graph.microsoft.com/User.Read.All";

/// A directory with a user who may read, and an application that may read users.
async fn world() -> (World, User, Program) {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    world.allow(user.id, "Directory.Read.All").await;
    let program = wiki(&world).await;
    world.allow_program(&program, "User.Read.All").await;
    (world, user, program)
}

/// The refresh token of an answer.
#[track_caller]
fn refresh_token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.json);
    reply.json["refresh_token"].as_str().unwrap_or_else(|| panic!("none in {}", reply.json)).to_owned()
}

/// Signs in for the first token.
async fn first(world: &World, program: &Program, scope: &str) -> String {
    let code = code(world, program, &[("scope", scope)]).await;
    refresh_token(&world.token(&exchange(program, &code, &[])).await)
}

fn form(program: &Program, token: &str, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", program.id()),
        ("client_secret", program.secret.clone()),
        ("refresh_token", token.to_owned()),
    ];
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((*name, (*value).to_owned()));
    }
    form
}

async fn refresh(world: &World, program: &Program, token: &str) -> Reply {
    world.token(&form(program, token, &[])).await
}

#[track_caller]
fn over(reply: Reply) {
    reply.refused(400, "invalid_grant", 700_082);
}

#[tokio::test]
async fn a_program_goes_on_with_a_new_token_each_time() {
    let (world, user, program) = world().await;
    let code = code(&world, &program, &[("scope", SCOPE)]).await;
    let reply = world.token(&exchange(&program, &code, &[])).await;
    let (_, first_id) = said(reply.json["id_token"].as_str().unwrap());
    let mut token = refresh_token(&reply);
    for _ in 0..3 {
        let reply = refresh(&world, &program, &token).await;
        let access = world.verified(reply.token()).await;
        assert_eq!(access.scopes(), ["User.Read.All"]);
        assert_eq!(access.subject(), user.id.to_string());
        let (_, id) = said(reply.json["id_token"].as_str().unwrap());
        assert_eq!((&id["sub"], &id["auth_time"]), (&first_id["sub"], &first_id["auth_time"]));
        assert_eq!(id["sid"], first_id["sid"], "it is the same sign-in");
        assert_eq!((id.get("nonce"), &first_id["nonce"]), (None, &json!("the nonce")));
        let next = refresh_token(&reply);
        assert_ne!(next, token);
        token = next;
    }
}

#[tokio::test]
async fn without_offline_access_there_is_none_and_the_user_reads_of_it_before() {
    let (world, _, program) = world().await;
    let plain = code(&world, &program, &[]).await;
    let reply = world.token(&exchange(&program, &plain, &[])).await;
    assert!(reply.status == 200 && reply.json.get("refresh_token").is_none(), "{}", reply.json);
    let page = super::browser::Browser::default().get(&world, &authorize(&program, &[("scope", SCOPE)])).await;
    assert!(page.text.contains("Go on when you are away, for up to 30 days<br><code>offline_access</code>"));
}

#[tokio::test]
async fn a_token_that_was_used_and_comes_again_ends_the_sign_in_and_is_in_the_audit_log() {
    let (world, user, program) = world().await;
    let stolen = first(&world, &program, SCOPE).await;
    let next = refresh_token(&refresh(&world, &program, &stolen).await);
    over(refresh(&world, &program, &stolen).await);
    over(refresh(&world, &program, &next).await);
    let audit = world.control.list_audit(&Query::default()).await.unwrap().items;
    let noted: Vec<_> = audit.iter().filter(|record| record.activity == Activity::EndReusedRefreshToken).collect();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].target, user.id.to_string());
    let detail = noted[0].detail.to_string();
    assert!(detail.contains(&program.id()) && !detail.contains(&stolen), "{detail}");
    first(&world, &program, SCOPE).await;
}

#[tokio::test]
async fn nobody_who_is_not_the_client_or_has_no_token_ends_a_sign_in() {
    let (world, _, program) = world().await;
    let code = code(&world, &program, &[("scope", SCOPE)]).await;
    let reply = world.token(&exchange(&program, &code, &[])).await;
    let (_, id) = said(reply.json["id_token"].as_str().unwrap());
    let sid: uuid::Uuid = id["sid"].as_str().unwrap().parse().unwrap();
    let spent = refresh_token(&reply);
    assert!(!spent.contains(&sid.simple().to_string()), "what applications learn is not what tokens name");
    let made_up = format!("adit-refresh.{}.{}", sid.simple(), "A".repeat(43));
    over(refresh(&world, &program, &made_up).await);
    let token = refresh_token(&refresh(&world, &program, &spent).await);
    // Somebody has a used token, but is not the client.
    world.token(&form(&program, &spent, &[("client_secret", "wrong")])).await.refused(401, "invalid_client", 7_000_215);
    let mut without = form(&program, &spent, &[]);
    without.retain(|(name, _)| *name != "client_secret");
    world.token(&without).await.refused(401, "invalid_client", 7_000_218);
    over(world.token(&form(&wiki(&world).await, &spent, &[])).await);
    let token = refresh_token(&refresh(&world, &program, &token).await);
    // The client itself ends it.
    over(refresh(&world, &program, &spent).await);
    over(refresh(&world, &program, &token).await);
}

#[tokio::test]
async fn of_many_who_use_one_token_at_once_at_most_one_gets_tokens_and_then_it_is_over() {
    let (world, _, program) = world().await;
    let token = first(&world, &program, SCOPE).await;
    let uses = (0..8).map(|_| refresh(&world, &program, &token));
    let replies = futures_util::future::join_all(uses).await;
    let given: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert!(given.len() <= 1, "{}", given.len());
    for reply in given {
        over(refresh(&world, &program, &refresh_token(reply)).await);
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_client_alone() {
    let (world, _, program) = world().await;
    let other = wiki(&world).await;
    let token = first(&world, &program, SCOPE).await;
    over(world.token(&form(&other, &token, &[])).await);
    world.token(&form(&program, &token, &[("client_secret", "wrong")])).await.refused(401, "invalid_client", 7_000_215);
    let mut without = form(&program, &token, &[]);
    without.retain(|(name, _)| *name != "client_secret");
    world.token(&without).await.refused(401, "invalid_client", 7_000_218);
    for made_up in ["", "x", "adit-refresh.", &format!("{token}x"), &token[..token.len() - 2]] {
        let reply = world.token(&form(&program, &token, &[("refresh_token", made_up)])).await;
        assert_eq!((reply.status, reply.json.get("access_token")), (400, None), "{made_up}");
    }
    // None of this has used it up.
    refresh(&world, &program, &token).await.token();
}

#[tokio::test]
async fn a_token_gets_what_was_granted_first_or_less_and_never_more() {
    let (world, user, program) = world().await;
    let other = wiki(&world).await;
    let mut token = first(&world, &program, "openid offline_access https://graph.microsoft.com/.default").await;
    // By now both may more; the user has agreed to what there was.
    world.allow(user.id, "Directory.ReadWrite.All").await;
    world.allow_program(&program, "Directory.ReadWrite.All").await;
    let graph = |name: &str| format!("https://graph.microsoft.com/{name}");
    for (scope, granted) in [
        (graph(".default"), Some("User.Read.All")),
        (graph("User.Read.All"), Some("User.Read.All")),
        (
            format!("{} {} openid profile email", graph("User.Read.All"), graph("Group.ReadWrite.All")),
            Some("User.Read.All"),
        ),
        (graph("User.ReadWrite.All"), None),
        (graph("Directory.AccessAsUser.All"), None),
        (format!("api://{}/.default", other.id()), None),
        ("https://vault.azure.net/.default".to_owned(), None),
    ] {
        let reply = world.token(&form(&program, &token, &[("scope", &scope)])).await;
        match granted {
            Some(granted) => {
                assert_eq!(world.verified(reply.token()).await.scopes(), [granted], "{scope}");
                token = refresh_token(&reply);
                assert!(!reply.json["scope"].as_str().unwrap().contains("profile"), "{}", reply.json);
            }
            None => assert_eq!((reply.status, &reply.json["error"]), (400, &json!("invalid_scope")), "{scope}"),
        }
    }
    let reply = world.token(&form(&program, &token, &[("scope", "openid")])).await;
    assert_eq!(said(reply.token()).1["scp"], json!(""), "less is possible");
    let reply = refresh(&world, &program, &refresh_token(&reply)).await;
    assert_eq!(world.verified(reply.token()).await.scopes(), ["User.Read.All"], "and what was granted stays");
}

#[tokio::test]
async fn what_a_user_may_not_do_any_more_no_token_gets() {
    let (world, user, program) = world().await;
    let token = first(&world, &program, SCOPE).await;
    let api = world.control.service_principal_by_app_id(adit_core::API_APP_ID).await.unwrap();
    for assignment in world.control.list_app_role_assignments(&Query::default()).await.unwrap().items {
        if assignment.resource == api.id && assignment.principal.uuid() == user.id.uuid() {
            world.control.unassign_app_role(&context(), assignment.id).await.unwrap();
        }
    }
    refresh(&world, &program, &token).await.refused(400, "invalid_scope", 65_001);
}

/// What may be done to a user.
async fn change(world: &World, user: &User, change: UserChange) {
    world.control.update_user(&context(), user.id, change).await.unwrap();
}

#[tokio::test]
async fn a_user_who_is_disabled_deleted_or_gets_another_password_ends_them() {
    let (world, user, program) = world().await;
    let enabled = |is_enabled| UserChange { is_enabled: Some(is_enabled), ..UserChange::default() };
    let token = first(&world, &program, SCOPE).await;
    change(&world, &user, enabled(false)).await;
    over(refresh(&world, &program, &token).await);
    change(&world, &user, enabled(true)).await;
    over(refresh(&world, &program, &token).await);
    let token = first(&world, &program, SCOPE).await;
    let password = NewPassword { password: Zeroizing::new(PASSWORD.to_owned()), must_change: false };
    change(&world, &user, UserChange { password: Some(password), ..UserChange::default() }).await;
    over(refresh(&world, &program, &token).await);
    let token = first(&world, &program, SCOPE).await;
    let new = Zeroizing::new("another long password".to_owned());
    let old = Zeroizing::new(PASSWORD.to_owned());
    world.control.choose_password(&context(), NAME, &old, new).await.unwrap();
    over(refresh(&world, &program, &token).await);
    let back = NewPassword { password: old, must_change: false };
    change(&world, &user, UserChange { password: Some(back), ..UserChange::default() }).await;
    let token = first(&world, &program, SCOPE).await;
    world.control.delete_user(&context(), user.id).await.unwrap();
    over(refresh(&world, &program, &token).await);
}

#[tokio::test]
async fn a_sign_in_from_before_the_password_was_changed_gives_no_tokens_at_all() {
    let (world, user, program) = world().await;
    let early = code(&world, &program, &[("scope", SCOPE)]).await;
    let password = NewPassword { password: Zeroizing::new(PASSWORD.to_owned()), must_change: false };
    change(&world, &user, UserChange { password: Some(password), ..UserChange::default() }).await;
    world.token(&exchange(&program, &early, &[])).await.refused(400, "invalid_grant", 50_173);
}

#[tokio::test]
async fn a_secret_that_is_taken_back_ends_what_was_granted_for_it() {
    let (world, _, mut program) = world().await;
    let token = first(&world, &program, SCOPE).await;
    let application = world.control.application(program.application.id).await.unwrap();
    let id: ClientSecretId =
        application.attributes["passwordCredentials"][0]["keyId"].as_str().unwrap().parse().unwrap();
    let new = world.control.add_application_secret(&context(), application.id, Default::default()).await.unwrap();
    let renewed = {
        let with_new = form(&program, &token, &[("client_secret", new.text.as_str())]);
        refresh_token(&world.token(&with_new).await)
    };
    let by_old = first(&world, &program, SCOPE).await;
    world.control.remove_application_secret(&context(), application.id, id).await.unwrap();
    program.secret = new.text.to_string();
    over(refresh(&world, &program, &by_old).await);
    refresh(&world, &program, &renewed).await.token();
}

#[tokio::test]
async fn a_program_that_is_disabled_or_deleted_ends_them() {
    let (world, _, program) = world().await;
    let set = |name: &str, value: bool| Attributes::from_iter([(name.to_owned(), Value::Bool(value))]);
    for (off, on) in
        [(("accountEnabled", false), ("accountEnabled", true)), (("isDisabled", true), ("isDisabled", false))]
    {
        let token = first(&world, &program, SCOPE).await;
        for (name, value) in [off, on] {
            let change = ServicePrincipalChange { attributes: set(name, value), ..Default::default() };
            world.control.update_service_principal(&context(), program.principal.id, change).await.unwrap();
            over(refresh(&world, &program, &token).await);
        }
    }
    let token = first(&world, &program, SCOPE).await;
    for value in [true, false] {
        let change = ApplicationChange { attributes: set("isDisabled", value), ..Default::default() };
        world.control.update_application(&context(), program.application.id, change).await.unwrap();
        over(refresh(&world, &program, &token).await);
    }
    let token = first(&world, &program, SCOPE).await;
    world.control.delete_application(&context(), program.application.id).await.unwrap();
    over(refresh(&world, &program, &token).await);
    world.control.restore_application(&context(), program.application.id).await.unwrap();
    over(refresh(&world, &program, &token).await);
}
