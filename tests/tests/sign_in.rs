//! People sign in to applications in a headless browser: two applications with one sign-in, a third that refuses, the
//! portal, and out of everything with one sign-out. The screenshots stay in `sign-in` below the build folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::application::{Application, free_port};
use adit_tests::site::{GROUP, PERSON, Site};
use adit_tests::{Scratch, javascript};
use serde_json::json;

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
