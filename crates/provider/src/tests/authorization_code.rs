//! Users who sign in to an application: the way of a code, and the attacks on it (RFC 9700).

use adit_control::{NewAppRoleAssignment, ServicePrincipalChange, UserChange};
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::application::Attributes;
use adit_core::{DirectoryRole, PrincipalId, PrincipalKind};
use adit_identity::TokenKind;
use serde_json::json;

use super::browser::{Browser, NAME, PASSWORD, Page, VERIFIER, challenge};
use super::harness::{Reply, World, context, said};
use super::wiki::{REDIRECT, authorize, code, exchange, wiki};

#[tokio::test]
async fn a_user_signs_in_and_the_application_learns_who_it_is() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[("login_hint", "ada@\"><script>")])).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("value=\"ada@&quot;&gt;&lt;script&gt;\"") && !page.text.contains("<script>"));
    assert!(page.policy.ends_with("form-action 'self' https://wiki.example"), "{}", page.policy);
    let cookie = page.cookie.as_deref().unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let back = browser.sign_in(&world, &page, "ADA@corp.example", PASSWORD).await;
    assert_eq!(back.status, 303, "not 307, by which the password would be sent on: {}", back.text);
    let location = back.location.clone().unwrap();
    assert_eq!(location.as_str().split('?').next(), Some(REDIRECT));
    assert_eq!(back.sent("state").as_deref(), Some("the state"));
    assert_eq!(back.sent("iss").as_deref(), Some(world.provider.issuer_url()));
    let reply = world.token(&exchange(&program, &back.sent("code").unwrap(), &[("client_info", "1")])).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let (header, claims) = said(reply.json["id_token"].as_str().unwrap());
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
    assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(program.id()), &json!("the nonce")));
    assert_eq!((&claims["sub"], &claims["preferred_username"]), (&json!(user.id), &json!(NAME)));
    assert_eq!((&claims["iss"], &claims["groups"]), (&json!(world.provider.issuer_url()), &json!([])));
    assert!(claims["auth_time"].is_i64() && reply.json["client_info"].is_string());
    assert_eq!(claims.get("email"), None, "nobody asked for it");
    let access = reply.token();
    assert!(world.verifier.verify(access).await.is_err(), "who somebody is opens nothing at the API");
}

#[tokio::test]
async fn a_code_is_used_once_and_only_by_its_client_with_its_verifier_and_its_redirect_uri() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let (program, other) = (wiki(&world).await, wiki(&world).await);
    let used = code(&world, &program, &[]).await;
    world.token(&exchange(&program, &used, &[])).await.token();
    world.token(&exchange(&program, &used, &[])).await.refused(400, "invalid_grant", 54_005);
    let longer = format!("{VERIFIER}a");
    for (changes, status, error, number) in [
        (vec![("code_verifier", "")], 400, "invalid_grant", 501_481),
        (vec![("code_verifier", &longer)], 400, "invalid_grant", 501_481),
        (vec![("code_verifier", &challenge())], 400, "invalid_grant", 501_481),
        (vec![("redirect_uri", "https://wiki.example/other")], 400, "invalid_grant", 54_005),
        (vec![("redirect_uri", "")], 400, "invalid_grant", 54_005),
        (vec![("client_secret", "")], 401, "invalid_client", 7_000_218),
        (vec![("client_secret", "wrong")], 401, "invalid_client", 7_000_215),
        (vec![("client_id", &other.id()), ("client_secret", &other.secret)], 400, "invalid_grant", 54_005),
    ] {
        let code = code(&world, &program, &[]).await;
        world.token(&exchange(&program, &code, &changes)).await.refused(status, error, number);
        // Whoever tried it first, right or wrong, has used it up.
        world.token(&exchange(&program, &code, &[])).await.refused(400, "invalid_grant", 54_005);
    }
    world.token(&exchange(&program, "made-up", &[])).await.refused(400, "invalid_grant", 54_005);
}

#[tokio::test]
async fn of_many_who_exchange_one_code_at_once_one_gets_the_tokens() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let code = code(&world, &program, &[]).await;
    let form = exchange(&program, &code, &[]);
    let (a, b, c, d) = tokio::join!(world.token(&form), world.token(&form), world.token(&form), world.token(&form));
    let granted = [a, b, c, d].iter().filter(|reply: &&Reply| reply.status == 200).count();
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn a_request_that_is_not_surely_an_applications_stays_here() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    for changes in [
        vec![("redirect_uri", "https://evil.example/callback")],
        vec![("redirect_uri", "https://wiki.example/callback/../../evil")],
        vec![("redirect_uri", "https://wiki.example.evil.example/callback")],
        vec![("redirect_uri", "https://wiki.example@evil.example/callback")],
        vec![("redirect_uri", "https://wiki.example/callback?next=https://evil.example")],
        vec![("redirect_uri", "//evil.example")],
        vec![("redirect_uri", "javascript:alert(1)")],
        vec![("redirect_uri", "")],
        vec![("client_id", "11111111-2222-4333-8444-555555555555")],
        vec![("client_id", "")],
        vec![("client_id", "00000003-0000-0000-c000-000000000000")],
    ] {
        let page = Browser::default().get(&world, &authorize(&program, &changes)).await;
        assert_eq!((page.status, page.location.is_none()), (400, true), "{changes:?}: {}", page.text);
        assert!(!page.text.contains("type=\"password\""), "{changes:?}");
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", authorize(&program, &[]));
    let page = Browser::default().get(&world, &twice).await;
    assert_eq!((page.status, page.location), (400, None));
}

#[tokio::test]
async fn what_is_wrong_with_an_applications_request_it_is_told() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    for (changes, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("request", "x")], "invalid_request"),
        (vec![("request_uri", "https://wiki.example/request")], "invalid_request"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("scope", "")], "invalid_request"),
        (vec![("scope", "openid https://vault.azure.net/.default")], "invalid_scope"),
        (vec![("scope", "X.Read.\u{2003}Directory.ReadWrite.All")], "invalid_scope"),
        (vec![("scope", "X.Read.\u{b}Directory.ReadWrite.All")], "invalid_scope"),
        (vec![("scope", &"openid ".repeat(300))], "invalid_scope"),
    ] {
        let page = Browser::default().get(&world, &authorize(&program, &changes)).await;
        assert_eq!((page.status, page.sent("error").as_deref()), (303, Some(error)), "{changes:?}");
        assert_eq!(page.sent("state").as_deref(), Some("the state"));
        assert_eq!(page.sent("iss").as_deref(), Some(world.provider.issuer_url()));
        assert_eq!(page.sent("code"), None);
    }
}

#[tokio::test]
async fn a_sign_in_goes_on_only_in_the_browser_that_began_it_and_once() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let over = |page: &Page| assert_eq!((page.status, page.location.is_none()), (400, true), "{}", page.text);
    let mut attacker = Browser::default();
    let planted = attacker.get(&world, &authorize(&program, &[])).await;
    // Login CSRF: the attacker's form in the victim's browser, with and without a sign-in of its own.
    let mut victim = Browser::default();
    over(&victim.sign_in(&world, &planted, NAME, PASSWORD).await);
    let own = victim.get(&world, &authorize(&program, &[])).await;
    over(&victim.sign_in(&world, &planted, NAME, PASSWORD).await);
    let mut twins = Browser { cookie: victim.cookie.as_ref().map(|own| format!("{own}; {own}")), origin: None };
    over(&twins.sign_in(&world, &own, NAME, PASSWORD).await);
    let mut elsewhere = Browser { cookie: victim.cookie.clone(), origin: Some("https://evil.example") };
    over(&elsewhere.sign_in(&world, &own, NAME, PASSWORD).await);
    let mut null = Browser { cookie: victim.cookie.clone(), origin: Some("null") };
    over(&null.sign_in(&world, &own, NAME, PASSWORD).await);
    // Two tabs do not end each other, and a form that was sent is over.
    let other_tab = victim.get(&world, &authorize(&program, &[])).await;
    assert!(victim.sign_in(&world, &own, NAME, PASSWORD).await.sent("code").is_some());
    assert!(victim.sign_in(&world, &other_tab, NAME, PASSWORD).await.sent("code").is_some());
    over(&victim.sign_in(&world, &own, NAME, PASSWORD).await);
}

#[tokio::test]
async fn who_does_not_know_the_password_learns_nothing_and_waits() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let mut pages = Vec::new();
    for (name, password) in [(NAME, "wrong"), ("nobody@corp.example", "wrong"), ("", ""), (NAME, "")] {
        let refused = browser.sign_in(&world, &page, name, password).await;
        assert_eq!((refused.status, refused.location.is_none()), (200, true));
        pages.push(refused.problem().unwrap().to_owned());
    }
    let change = UserChange { is_enabled: Some(false), ..Default::default() };
    world.control.update_user(&context(), user.id, change).await.unwrap();
    let refused = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    pages.push(refused.problem().unwrap().to_owned());
    pages.dedup();
    assert_eq!(pages, ["The name or the password is wrong."]);
}

#[tokio::test]
async fn after_ten_wrong_passwords_a_name_waits_at_that_address_and_not_elsewhere() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let flow = page.hidden("flow");
    let cookie = browser.cookie.clone().unwrap();
    let attempt = async |address: &str, name: &str, password: &str| {
        world.form_from(address, &cookie, &[("flow", &flow), ("name", name), ("password", password)]).await
    };
    for _ in 0..10 {
        assert_eq!(attempt("192.0.2.1", NAME, "wrong").await.status, 200);
    }
    assert_eq!(attempt("192.0.2.1", NAME, PASSWORD).await.status, 429, "the right one is not looked at either");
    assert_eq!(attempt("192.0.2.1", "ADA@corp.example", PASSWORD).await.status, 429, "in another spelling");
    assert_eq!(attempt("192.0.2.2", NAME, PASSWORD).await.status, 303, "nobody is locked out from elsewhere");
}

#[tokio::test]
async fn of_many_passwords_that_are_tried_at_once_ten_are_looked_at() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let (flow, cookie) = (page.hidden("flow"), browser.cookie.clone().unwrap());
    let form = [("flow", flow.as_str()), ("name", NAME), ("password", "wrong")];
    let attempts = (0..40).map(|_| world.form_from("192.0.2.3", &cookie, &form));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 30);
}

#[tokio::test]
async fn a_password_that_has_to_be_changed_is_changed_first() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, true).await;
    let program = wiki(&world).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let flow = page.hidden("flow");
    let asked = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert!(asked.text.contains("name=\"new_password\"") && asked.location.is_none(), "{}", asked.text);
    let mut change = async |old: &str, new: &str, again: &str| {
        let form = [
            ("flow", flow.as_str()),
            ("name", NAME),
            ("password", old),
            ("new_password", new),
            ("new_password_again", again),
        ];
        browser.post(&world, "/adit/sign-in", &form).await
    };
    let new = "another long password";
    for (old, new, again, problem) in [
        ("wrong", new, new, "The name or the password is wrong."),
        ("wrong", new, "other", "The name or the password is wrong."),
        (PASSWORD, new, "other", "not the same"),
        (PASSWORD, PASSWORD, PASSWORD, "another one"),
        (PASSWORD, "short", "short", "at least 12"),
        (PASSWORD, "it is Ada Example", "it is Ada Example", "name of its user"),
    ] {
        let refused = change(old, new, again).await;
        assert!(refused.location.is_none(), "{new}");
        assert!(refused.problem().unwrap().contains(problem), "{new}: {:?}", refused.problem());
    }
    assert!(change(PASSWORD, new, new).await.sent("code").is_some());
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let old = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert_eq!(old.problem(), Some("The name or the password is wrong."));
    assert!(browser.sign_in(&world, &page, NAME, new).await.sent("code").is_some());
}

#[tokio::test]
async fn who_was_disabled_after_signing_in_gets_no_tokens() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let code = code(&world, &program, &[]).await;
    let change = UserChange { is_enabled: Some(false), ..Default::default() };
    world.control.update_user(&context(), user.id, change).await.unwrap();
    world.token(&exchange(&program, &code, &[])).await.refused(400, "invalid_grant", 50_057);
}

#[tokio::test]
async fn an_application_acts_for_its_user_at_the_api_within_what_that_one_may() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let scope = [("scope", "openid api://adit/User.Read.All api://adit/Directory.ReadWrite.All")];
    let nothing = code(&world, &program, &scope).await;
    world.token(&exchange(&program, &nothing, &[])).await.refused(400, "invalid_scope", 65_001);
    world.allow(user.id, "User.ReadWrite.All").await;
    let stranger = code(&world, &program, &scope).await;
    // Whoever may register applications does not get what their users may do.
    world.token(&exchange(&program, &stranger, &[])).await.refused(400, "invalid_scope", 65_001);
    world.allow_program(&program, "Directory.ReadWrite.All").await;
    let reply = world.token(&exchange(&program, &code(&world, &program, &scope).await, &[])).await;
    let (_, claims) = said(reply.token());
    assert_eq!(claims["wids"], json!([DirectoryRole::ApplicationAdministrator.template_id()]));
    let token = world.verified(reply.token()).await;
    assert_eq!((token.kind(), token.scopes()), (TokenKind::Delegated, ["User.Read.All".to_owned()].as_slice()));
    assert_eq!((token.subject(), token.client()), (user.id.to_string().as_str(), Some(program.id().as_str())));
    assert_eq!(token.roles(), [] as [&str; 0]);
    let everything = code(&world, &program, &[("scope", "https://graph.microsoft.com/.default")]).await;
    let reply = world.token(&exchange(&program, &everything, &[])).await;
    assert_eq!(world.verified(reply.token()).await.scopes(), ["User.ReadWrite.All"]);
    assert!(reply.json.get("id_token").is_none(), "it was not asked for");
    world.allow(user.id, "Directory.ReadWrite.All").await;
    let (_, claims) = said(world.token(&exchange(&program, &code(&world, &program, &scope).await, &[])).await.token());
    assert_eq!(claims["wids"], json!([DirectoryRole::GlobalAdministrator.template_id()]));
}

#[tokio::test]
async fn a_user_signs_in_only_where_it_is_assigned_if_that_is_required() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let attributes = Attributes::from_iter([("appRoleAssignmentRequired".to_owned(), json!(true))]);
    let change = ServicePrincipalChange { attributes, ..Default::default() };
    world.control.update_service_principal(&context(), program.principal.id, change).await.unwrap();
    let own = format!("openid {}/.default", program.id());
    for scope in ["openid", &own] {
        let refused = code(&world, &program, &[("scope", scope)]).await;
        world.token(&exchange(&program, &refused, &[])).await.refused(400, "invalid_grant", 50_105);
    }
    let new = NewAppRoleAssignment {
        resource: program.principal.id,
        principal: PrincipalId::new(user.id.uuid()),
        principal_kind: Some(PrincipalKind::User),
        principal_name: None,
        app_role: DEFAULT_ACCESS,
    };
    world.control.assign_app_role(&context(), new).await.unwrap();
    for scope in ["openid", &own] {
        let granted = code(&world, &program, &[("scope", scope)]).await;
        assert_eq!(world.token(&exchange(&program, &granted, &[])).await.status, 200, "{scope}");
    }
}

#[tokio::test]
async fn an_application_acts_for_its_user_at_another_one_only_if_it_is_assigned_there() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let (program, other) = (wiki(&world).await, wiki(&world).await);
    let at_other = format!("openid api://{}/.default", other.id());
    let refused = code(&world, &program, &[("scope", &at_other)]).await;
    world.token(&exchange(&program, &refused, &[])).await.refused(400, "unauthorized_client", 501_051);
    world.assign(&other.principal, &program.principal, DEFAULT_ACCESS).await;
    let granted = code(&world, &program, &[("scope", &at_other)]).await;
    let (_, claims) = said(world.token(&exchange(&program, &granted, &[])).await.token());
    assert_eq!((&claims["aud"], &claims["scp"]), (&json!(other.id()), &json!("user_impersonation")));
    let own = format!("openid {}/.default", program.id());
    let granted = code(&world, &program, &[("scope", &own)]).await;
    let (_, claims) = said(world.token(&exchange(&program, &granted, &[])).await.token());
    assert_eq!(claims["aud"], json!(program.id()), "at itself it always may");
}

#[tokio::test]
async fn a_program_on_a_desktop_needs_no_secret_and_takes_any_port() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let tool = world.relying_party(json!({"publicClient": {"redirectUris": ["http://localhost/done"]}})).await;
    let uri = "http://localhost:50123/done";
    let code = code(&world, &tool, &[("redirect_uri", uri)]).await;
    let mut form = exchange(&tool, &code, &[("redirect_uri", uri)]);
    form.retain(|(name, _)| *name != "client_secret");
    assert!(world.token(&form).await.json["id_token"].is_string());
}

#[tokio::test]
async fn an_application_that_is_disabled_signs_nobody_in() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let attributes = Attributes::from_iter([("accountEnabled".to_owned(), false.into())]);
    let change = adit_control::ServicePrincipalChange { attributes, ..Default::default() };
    world.control.update_service_principal(&context(), program.principal.id, change).await.unwrap();
    let page = Browser::default().get(&world, &authorize(&program, &[])).await;
    assert_eq!((page.status, page.location), (400, None));
}
