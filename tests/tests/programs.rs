//! Programs that get their tokens from the built-in provider: azure-identity's credentials with an unmodified Graph SDK,
//! and what becomes of them when the server is started anew, a secret is removed, or another issuer is configured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::http::{Connection, Response};
use adit_tests::{Directory, Graph, python};
use serde_json::{Value, json};

/// The service principal of the API, and one of its roles, by the ids that Microsoft Graph gives them.
const API: &str = "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')";
const DIRECTORY_READ_WRITE_ALL: &str = "19dbc75e-c2e2-444c-a770-ec69d8559fc7";

/// The user who signs in.
const CONFIGURATION: &str = "/adit/v2.0/.well-known/openid-configuration";
const USER: &str = "ada@corp.example";
const PASSWORD: &str = "correct horse battery staple";

/// A program that may do everything, as a script of Graph makes one.
struct Program {
    application: String,
    client: String,
    secret: String,
    key: String,
}

fn post(graph: &Graph, path: &str, body: &Value) -> Value {
    let answer = graph.send("POST", path, Some(body));
    assert!(matches!(answer.status, 200 | 201), "POST {path}: {} {}", answer.status, answer.text());
    answer.json()
}

/// What is at a path beside the API.
fn served(graph: &Graph, path: &str) -> Response {
    graph.send_as_spelled("GET", path, &[], b"")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn program(graph: &Graph) -> Program {
    let application = post(graph, "/applications", &json!({"displayName": "Backup"}));
    let principal = post(graph, "/servicePrincipals", &json!({"appId": application["appId"]}));
    let role = json!({
        "principalId": principal["id"], "resourceId": graph.get(API)["id"], "appRoleId": DIRECTORY_READ_WRITE_ALL,
    });
    post(graph, &format!("/servicePrincipals/{}/appRoleAssignments", text(&principal["id"])), &role);
    let application_path = format!("/applications/{}", text(&application["id"]));
    let wanted = json!({"passwordCredential": {"displayName": "nightly"}});
    let secret = post(graph, &format!("{application_path}/addPassword"), &wanted);
    Program {
        application: application_path,
        client: text(&application["appId"]),
        secret: text(&secret["secretText"]),
        key: text(&secret["keyId"]),
    }
}

fn token_request(directory: &Directory, program: &Program) -> Response {
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=api%3A%2F%2Fadit%2F.default",
        program.client, program.secret
    );
    let host = directory.addresses().control.to_string();
    let headers = [("host", host.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let mut connection = Connection::plain(directory.addresses().control).unwrap();
    connection.send("POST", "/adit/oauth2/v2.0/token", &headers, body.as_bytes()).unwrap()
}

fn status_with(directory: &Directory, token: &str) -> u16 {
    directory.graph().with_token(token).send("GET", "/applications", None).status
}

/// A user who may do everything, as a script of Graph makes one.
fn user(graph: &Graph) {
    let user = post(
        graph,
        "/users",
        &json!({
            "accountEnabled": true, "displayName": "Ada", "mailNickname": "ada", "userPrincipalName": USER,
            "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
        }),
    );
    let role = json!({
        "principalId": user["id"], "resourceId": graph.get(API)["id"], "appRoleId": DIRECTORY_READ_WRITE_ALL,
    });
    post(graph, &format!("/users/{}/appRoleAssignments", text(&user["id"])), &role);
}

#[test]
fn programs_and_users_administer_by_azure_identity_and_the_graph_sdk() {
    let directory = Directory::start();
    let _connector = directory.connector("sdk-machine");
    let program = program(&directory.graph());
    user(&directory.graph());
    let server = format!("https://localhost:{}", directory.addresses().control_tls.port());
    let configuration = served(&directory.graph(), CONFIGURATION).json();
    let issuer = text(&configuration["issuer"]);
    let tenant = issuer.strip_prefix(&format!("{server}/")).unwrap().strip_suffix("/v2.0").unwrap();
    let ca = directory.ca().display().to_string();
    let arguments = [server.as_str(), tenant, &program.client, &program.secret, &ca, "program", USER, PASSWORD];
    let printed = python::run("credential.py", &arguments);
    print!("{printed}");
    let stories =
        ["asynchronous credential", "credential of MSAL", "device code credential", "silent renewal", "refusals"];
    for story in stories {
        assert!(printed.contains(&format!("{story}: as expected")), "{story} was not told: {printed}");
    }
}

#[test]
fn a_token_outlives_a_crash_and_a_removed_secret_gets_no_other() {
    let mut directory = Directory::start();
    let program = program(&directory.graph());
    let answer = token_request(&directory, &program);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = text(&answer.json()["access_token"]);
    assert_eq!(status_with(&directory, &token), 200);
    directory.crash_and_restart();
    assert_eq!(status_with(&directory, &token), 200, "its key is kept");
    assert_eq!(token_request(&directory, &program).status, 200);
    let key = json!({"keyId": program.key});
    let removed = directory.graph().send("POST", &format!("{}/removePassword", program.application), Some(&key));
    assert_eq!(removed.status, 204, "{}", removed.text());
    let refused = token_request(&directory, &program);
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(refused.json()["error"], "invalid_client");
    let log = directory.process().log();
    assert!(!log.contains(&program.secret) && !log.contains(&token), "no secret and no token is in the log");
    let database = std::fs::read_dir(directory.data()).unwrap().flatten().filter(|file| file.path().is_file());
    for file in database {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = String::from_utf8_lossy(&bytes).contains(&program.secret);
        assert!(!found, "the secret is in {}", file.path().display());
    }
}

#[test]
fn another_issuer_replaces_the_provider_by_one_setting() {
    let directory = Directory::start_configured("[[issuer]]\nurl = \"https://login.example.com/staff\"\n");
    let graph = directory.graph();
    let program = program(&graph);
    let answer = token_request(&directory, &program);
    assert_eq!(answer.status, 401, "the path is the API's, which wants a token: {}", answer.text());
    assert!(answer.json().get("access_token").is_none());
    let answer = served(&graph, CONFIGURATION);
    assert_eq!(answer.status, 400, "{}", answer.text());
}
