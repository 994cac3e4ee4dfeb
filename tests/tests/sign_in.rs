//! People sign in to applications in a headless browser: two applications with one sign-in, a third that refuses, the
//! portal, and out of everything with one sign-out. The screenshots stay in `sign-in` below the build folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::application::{Application, free_port};
use adit_tests::site::{GROUP, PERSON, Site, post};
use adit_tests::{Scratch, javascript};
use serde_json::json;

const USER: &str = "ada@corp.example";
const PASSWORD: &str = "correct horse battery staple";

#[test]
fn somebody_signs_in_at_a_provider_of_node_uses_what_is_open_and_signs_out() {
    let (at, gateway) = (free_port().to_string(), free_port());
    let people = json!({"ada": {"id": PERSON, "groups": [GROUP]}}).to_string();
    let [back, out] = Site::redirect_uris(gateway);
    let mut command = javascript::command("provider.cjs", &[&at, "adit", "its secret", &back, &out, &people]);
    let folder = Scratch::new();
    let log = folder.join("provider.log");
    let _provider = Application::start("oidc-provider", &mut command, at.parse().unwrap(), &log);
    let site = Site::signing_in_at(&format!("http://localhost:{at}"), "its secret", gateway);
    let _connector = site.directory.connector("beside-the-applications");
    site.publish(PERSON, GROUP);

    site.is_used_by("oidc-provider", "ada", "any");
}

#[test]
fn a_user_of_the_directory_signs_in_at_the_built_in_provider_uses_what_is_open_and_signs_out() {
    let site = Site::start(Scratch::new(), "", free_port());
    let graph = site.directory.graph();
    let user = json!({
        "accountEnabled": true, "displayName": "Ada Lovelace", "mailNickname": "ada", "userPrincipalName": USER,
        "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
    });
    let user = post(&graph, "/users", &user);
    let group = json!({
        "displayName": "Staff", "mailNickname": "staff", "mailEnabled": false, "securityEnabled": true, "groupTypes": [],
    });
    let group = post(&graph, "/groups", &group);
    let (user, group) = (user["id"].as_str().unwrap(), group["id"].as_str().unwrap());
    let member = json!({"@odata.id": format!("https://graph.example/v1.0/users/{user}")});
    let joined = graph.send("POST", &format!("/groups/{group}/members/$ref"), Some(&member));
    assert_eq!(joined.status, 204, "{}", joined.text());
    let _connector = site.directory.connector("beside-the-applications");
    site.publish(user, group);

    site.is_used_by("built-in", USER, PASSWORD);
}
