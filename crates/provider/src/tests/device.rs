//! Devices without a browser, and the first administrator.

use adit_core::API_APP_ID;
use serde_json::json;

use super::browser::{Browser, NAME, PASSWORD};
use super::harness::{Reply, World};

pub(crate) const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

pub(crate) async fn begin(world: &World, client: &str, scope: &str) -> Reply {
    let form = [("client_id", client.to_owned()), ("scope", scope.to_owned())];
    world.form_to("/adit/oauth2/v2.0/devicecode", &form).await
}

pub(crate) async fn ask(world: &World, client: &str, device: &str) -> Reply {
    world
        .token(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()),
            ("client_id", client.to_owned()),
            ("device_code", device.to_owned()),
        ])
        .await
}

#[tokio::test]
async fn a_device_goes_on_when_its_user_has_signed_in_elsewhere() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    world.allow(user.id, "Directory.Read.All").await;
    let begun = begin(&world, AZURE_CLI, "api://adit/.default openid profile offline_access").await;
    let (device, code) = (begun.json["device_code"].as_str().unwrap(), begun.json["user_code"].as_str().unwrap());
    assert_eq!(begun.json["verification_uri"], "https://adit.example/adit/device");
    assert!(begun.json["message"].as_str().unwrap().contains(code));
    ask(&world, AZURE_CLI, device).await.refused(400, "authorization_pending", 70_016);
    ask(&world, AZURE_CLI, device).await.refused(400, "slow_down", 70_016);
    let mut browser = Browser::default();
    let page = browser.get(&world, "/adit/device").await;
    assert!(page.text.contains("<label for=\"code\">"), "{}", page.text);
    let wrong = browser.post(&world, "/adit/device", &[("user_code", "BBBB-\"><b>")]).await;
    assert!(wrong.problem().unwrap().contains("no device") && !wrong.text.contains("<b>"), "{}", wrong.text);
    let typed = code.to_lowercase().replace('-', " ");
    let page = browser.post(&world, "/adit/device", &[("user_code", &typed)]).await;
    assert!(page.text.contains("<strong>Microsoft Azure CLI</strong>") && page.text.contains("another device"));
    let asks = page.text.find("<code>.default</code>").unwrap();
    assert!(asks < page.text.find("<button>Sign in</button>").unwrap(), "what it may do is said before: {}", page.text);
    assert!(page.text.contains("Everything in this directory that you may do yourself"), "{}", page.text);
    ask(&world, AZURE_CLI, device).await.refused(400, "slow_down", 70_016);
    let done = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert_eq!((done.status, done.location), (200, None));
    ask(&world, &API_APP_ID.to_string(), device).await.refused(400, "expired_token", 70_020);
    let reply = ask(&world, AZURE_CLI, device).await;
    let token = world.verified(reply.token()).await;
    assert_eq!(token.scopes(), ["Directory.Read.All"]);
    assert_eq!((token.subject(), token.client()), (user.id.to_string().as_str(), Some(AZURE_CLI)));
    assert!(reply.json["id_token"].is_string());
    ask(&world, AZURE_CLI, device).await.refused(400, "expired_token", 70_020);
    let again = browser.post(&world, "/adit/device", &[("user_code", &typed)]).await;
    assert!(again.problem().unwrap().contains("no device"), "a code works once");
}

#[tokio::test]
async fn no_link_fills_in_a_code() {
    let world = World::start().await;
    let begun = begin(&world, AZURE_CLI, "openid").await;
    assert!(begun.json.get("verification_uri_complete").is_none(), "{}", begun.json);
    let code = begun.json["user_code"].as_str().unwrap();
    let page = Browser::default().get(&world, &format!("/adit/device?user_code={code}")).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains(code), "{}", page.text);
    assert!(page.text.contains("name=\"user_code\" value=\"\""), "{}", page.text);
}

#[tokio::test]
async fn a_device_whose_user_says_no_gets_nothing() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let begun = begin(&world, AZURE_CLI, "openid User.Read.All").await;
    let (device, code) = (begun.json["device_code"].as_str().unwrap(), begun.json["user_code"].as_str().unwrap());
    let mut browser = Browser::default();
    let page = browser.post(&world, "/adit/device", &[("user_code", code)]).await;
    for (meaning, name) in
        [("Know who you are, and which groups you are in", "openid"), ("Read all users", "User.Read.All")]
    {
        assert!(page.text.contains(&format!("<li>{meaning}<br><code>{name}</code></li>")), "{}", page.text);
    }
    let flow = page.hidden("flow");
    let done = browser.post(&world, "/adit/sign-in", &[("flow", &flow), ("decline", "1")]).await;
    assert!(done.status == 200 && done.text.contains("got nothing"), "{}", done.text);
    assert_eq!(browser.sign_in(&world, &page, NAME, PASSWORD).await.status, 400, "it is over");
    ask(&world, AZURE_CLI, device).await.refused(400, "access_denied", 65_004);
}

#[tokio::test]
async fn a_device_of_an_application_that_has_a_secret_or_is_unknown_is_refused() {
    let world = World::start().await;
    let program = world.program(&[]).await;
    begin(&world, &program.id(), "openid").await.refused(400, "unauthorized_client", 7_000_218);
    let nobody = "11111111-2222-4333-8444-555555555555";
    begin(&world, nobody, "openid").await.refused(400, "unauthorized_client", 700_016);
    begin(&world, AZURE_CLI, "https://vault.azure.net/.default").await.refused(400, "invalid_scope", 500_011);
    let public = world.relying_party(json!({"isFallbackPublicClient": true})).await;
    assert_eq!(begin(&world, &public.id(), "openid").await.status, 200);
    ask(&world, AZURE_CLI, "made-up").await.refused(400, "expired_token", 70_020);
}

fn path_of(link: &str) -> &str {
    link.strip_prefix("https://adit.example").unwrap()
}

#[tokio::test]
async fn the_first_administrator_is_made_by_a_link_that_works_once() {
    let world = World::start().await;
    let older = world.provider.first_administrator_link().await.unwrap().unwrap();
    let link = world.provider.first_administrator_link().await.unwrap().unwrap();
    let mut browser = Browser::default();
    assert_eq!(browser.get(&world, path_of(&older)).await.status, 404, "a newer one replaced it");
    assert_eq!(browser.get(&world, "/adit/first-administrator").await.status, 404);
    let page = browser.get(&world, path_of(&link)).await;
    let key = page.hidden("key");
    let mut send = async |name: &str, password: &str, again: &str, key: &str| {
        let form =
            [("key", key), ("name", name), ("display_name", "Ada"), ("password", password), ("password_again", again)];
        browser.post(&world, "/adit/first-administrator", &form).await
    };
    for (name, password, again, problem) in [
        ("ada", PASSWORD, PASSWORD, "user name"),
        (NAME, PASSWORD, "other", "not the same"),
        (NAME, "short", "short", "at least 12"),
    ] {
        let page = send(name, password, again, &key).await;
        assert_eq!(page.status, 400);
        assert!(page.problem().unwrap().contains(problem), "{:?}", page.problem());
    }
    assert_eq!(send(NAME, PASSWORD, PASSWORD, "made-up").await.status, 404);
    assert!(!world.control.has_users_or_groups().await.unwrap());
    assert_eq!(send(NAME, PASSWORD, PASSWORD, &key).await.status, 200);
    let user = world.control.user_by_principal_name(NAME).await.unwrap().unwrap();
    assert_eq!(world.control.api_permissions_of_user(user.id).await.unwrap(), ["Directory.ReadWrite.All"]);
    assert_eq!(send("eve@corp.example", PASSWORD, PASSWORD, &key).await.status, 404);
    assert_eq!(world.provider.first_administrator_link().await.unwrap(), None);
}

#[tokio::test]
async fn a_link_that_is_open_when_somebody_is_made_otherwise_makes_nobody() {
    let world = World::start().await;
    let link = world.provider.first_administrator_link().await.unwrap().unwrap();
    let mut browser = Browser::default();
    let key = browser.get(&world, path_of(&link)).await.hidden("key");
    world.user("bob@corp.example", PASSWORD, false).await;
    let form = [
        ("key", key.as_str()),
        ("name", NAME),
        ("display_name", "Ada"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    assert_eq!(browser.post(&world, "/adit/first-administrator", &form).await.status, 404);
    assert!(world.control.user_by_principal_name(NAME).await.unwrap().is_none());
}
