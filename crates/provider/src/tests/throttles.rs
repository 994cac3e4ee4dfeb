//! Who has used up one kind of attempt has the others.

use super::browser::{Browser, NAME, PASSWORD};
use super::harness::{API_SCOPE, TOKEN, World};
use super::wiki::{authorize, wiki};

const ADDRESS: &str = "192.0.2.1";

/// What each kind of attempt is answered when it fails, and what when there were too many; then, the same from elsewhere.
async fn used_up(world: &World, path: &str, form: &[(&str, &str)], failed: u16) {
    for _ in 0..20 {
        assert_eq!(world.status_from(ADDRESS, path, form).await, failed, "{path}");
    }
    assert_eq!(world.status_from(ADDRESS, path, form).await, 429, "{path}");
    assert_eq!(world.status_from("192.0.2.2", path, form).await, failed, "{path}");
}

#[tokio::test]
async fn passwords_codes_tokens_and_links_are_counted_apart() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let wrong = program.form(API_SCOPE);
    let wrong: Vec<(&str, &str)> = wrong
        .iter()
        .map(|(name, value)| (*name, if *name == "client_secret" { "wrong" } else { value.as_str() }))
        .collect();
    used_up(&world, TOKEN, &wrong, 401).await;
    used_up(&world, "/adit/device", &[("user_code", "BBBB-BBBB")], 200).await;
    used_up(&world, "/adit/first-administrator", &[("key", "made-up")], 404).await;
    // From there a user still signs in, until twenty passwords were wrong.
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize(&program, &[])).await;
    let (flow, cookie) = (page.hidden("flow"), browser.cookie.clone().unwrap());
    let attempt = async |name: &str, password: &str| {
        let form = [("flow", flow.as_str()), ("name", name), ("password", password)];
        world.form_from(ADDRESS, &cookie, &form).await.status
    };
    for number in 0..20 {
        assert_eq!(attempt(&format!("user-{number}@corp.example"), "wrong").await, 200);
    }
    assert_eq!(attempt(NAME, PASSWORD).await, 429);
    let right = program.form(API_SCOPE);
    let fresh = "192.0.2.3";
    let form = [("flow", flow.as_str()), ("name", NAME), ("password", PASSWORD)];
    assert_eq!(world.form_from(fresh, &cookie, &form).await.status, 303);
    world.token_from(fresh, &right).await.token();
}
