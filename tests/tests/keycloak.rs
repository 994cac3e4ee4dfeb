//! People sign in to applications at Keycloak, in a headless browser. Part of `cargo xtask test --long` alone, which
//! fetches Keycloak and Java: `ADIT_TEST_KEYCLOAK` is the folder of its distribution, in which its data are written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use adit_tests::application::{Application, free_port};
use adit_tests::command::curl;
use adit_tests::site::{GROUP, PERSON, Site};
use adit_tests::{Scratch, settles};
use serde_json::{Value, json};

/// How long Keycloak may take until it answers: it compiles itself first.
const START_LIMIT: Duration = Duration::from_secs(180);

const PASSWORD: &str = "correct horse battery staple";

/// A realm with one person and one client. The group is a claim that everybody has.
fn realm([back, out]: &[String; 2]) -> Value {
    let groups = json!({
        "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {
            "claim.name": "groups", "claim.value": json!([GROUP]).to_string(), "jsonType.label": "JSON",
            "id.token.claim": "true",
        },
    });
    let client = json!({
        "clientId": "adit", "secret": "its secret", "redirectUris": [back], "standardFlowEnabled": true,
        "attributes": {"post.logout.redirect.uris": out, "pkce.code.challenge.method": "S256"},
        "protocolMappers": [groups],
    });
    let user = json!({
        "id": PERSON, "username": "ada", "enabled": true, "email": "ada@corp.example", "emailVerified": true,
        "firstName": "Ada", "lastName": "Lovelace", "credentials": [{"type": "password", "value": PASSWORD}],
    });
    json!({"realm": "staff", "enabled": true, "sslRequired": "none", "users": [user], "clients": [client]})
}

#[test]
fn somebody_signs_in_at_keycloak_uses_what_is_open_and_signs_out() {
    let home =
        PathBuf::from(std::env::var_os("ADIT_TEST_KEYCLOAK").expect("`cargo xtask test --long` says where it is"));
    let (at, gateway) = (free_port(), free_port());
    let import = home.join("data/import");
    std::fs::create_dir_all(&import).unwrap();
    std::fs::write(import.join("staff.json"), realm(&Site::redirect_uris(gateway)).to_string()).unwrap();
    let mut command = Command::new(home.join("bin/kc.sh"));
    command.args(["start-dev", "--import-realm", "--db=dev-mem", "--http-host=127.0.0.1"]);
    command.arg(format!("--http-port={at}"));
    let folder = Scratch::new();
    let mut keycloak = Application::starting("Keycloak", &mut command, at, &folder.join("keycloak.log"));
    let issuer = format!("http://localhost:{at}/realms/staff");
    settles("a Keycloak that answers", START_LIMIT, || {
        assert!(keycloak.process().is_running(), "Keycloak ended: {}", keycloak.process().log());
        std::net::TcpStream::connect(("127.0.0.1", at)).is_ok()
            && curl(&[&format!("{issuer}/.well-known/openid-configuration")]).0 == 200
    });
    let site = Site::signing_in_at(&issuer, "its secret", gateway);
    let _connector = site.directory.connector("beside-the-applications");
    site.publish(PERSON, GROUP);

    site.is_used_by("keycloak", "ada", PASSWORD);
}
