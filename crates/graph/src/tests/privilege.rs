//! Least privilege of administrators of applications: each way to more than that is closed to them, by delegated tokens and
//! by those of programs, and open to whom it is for.

use adit_core::DirectoryRole::{
    self, ApplicationAdministrator, ApplicationDeveloper, CloudApplicationAdministrator, GlobalAdministrator,
};
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{Api, Reply};

const API: &str = "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')";
const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

async fn send(api: &Api, token: &str, method: Method, path: &str, body: Value) -> Reply {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    api.exchange(request.body(body).unwrap()).await
}

/// A token of a user in one role, through a program that was given everything.
fn everything_as(api: &Api, role: DirectoryRole) -> String {
    api.user_token("mallory", &[role], &crate::PERMISSIONS.join(" "))
}

/// Tokens that administer applications and must give nobody rights over the directory.
fn lesser(api: &Api) -> Vec<(String, String)> {
    let users = [ApplicationAdministrator, CloudApplicationAdministrator, ApplicationDeveloper];
    let users = users.map(|role| (role.to_string(), everything_as(api, role)));
    let scopes = "Application.ReadWrite.All Directory.Read.All User.ReadWrite.All GroupMember.ReadWrite.All";
    let narrow = ("a global administrator by a narrow program".to_owned(), api.token(scopes));
    let programs = ("a program".to_owned(), api.app_token("program", scopes));
    users.into_iter().chain([narrow, programs]).collect()
}

/// Tokens that may.
fn greater(api: &Api) -> Vec<(String, String)> {
    let narrow = "AppRoleAssignment.ReadWrite.All Application.ReadWrite.All GroupMember.ReadWrite.All";
    vec![
        ("a global administrator".to_owned(), everything_as(api, GlobalAdministrator)),
        ("one by a program with the right".to_owned(), api.token(narrow)),
        ("a program with the right".to_owned(), api.app_token("program", narrow)),
        ("a program with every right".to_owned(), api.app_token("program", "Directory.ReadWrite.All")),
    ]
}

/// The id of the API's service principal, and of its role that allows everything.
async fn api_role(api: &Api) -> (String, Value) {
    let found = api.get(API).await.expect(200);
    let roles = found.json["appRoles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["value"] == "Directory.ReadWrite.All").unwrap()["id"].clone();
    (found.id(), role)
}

/// A program: its application, its client id and its service principal.
async fn program(api: &Api, name: &str) -> (String, String, String) {
    let made = api.post("/v1.0/applications", json!({"displayName": name})).await.expect(201);
    let app_id = made.json["appId"].as_str().unwrap().to_owned();
    let principal = api.post("/v1.0/servicePrincipals", json!({"appId": app_id})).await.expect(201).id();
    (made.id(), app_id, principal)
}

async fn user(api: &Api, name: &str) -> String {
    let body = json!({"accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d"}});
    api.post("/v1.0/users", body).await.expect(201).id()
}

async fn group(api: &Api, name: &str) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    api.post("/v1.0/groups", body).await.expect(201).id()
}

#[tokio::test]
async fn roles_of_the_api_are_given_and_taken_by_who_may_assign_them_alone() {
    let api = Api::start().await;
    let (resource, role) = api_role(&api).await;
    let (ada, staff, (_, _, program)) = (user(&api, "ada").await, group(&api, "staff").await, program(&api, "p").await);
    let ways = [
        (format!("/v1.0/servicePrincipals/{resource}/appRoleAssignedTo"), &ada),
        // The path names another one than the body, which is what counts.
        (format!("/v1.0/servicePrincipals/{program}/appRoleAssignedTo"), &ada),
        (format!("/v1.0/users/{ada}/appRoleAssignments"), &ada),
        (format!("/v1.0/groups/{staff}/appRoleAssignments"), &staff),
        (format!("/v1.0/servicePrincipals/{program}/appRoleAssignments"), &program),
    ];
    for (path, principal) in ways {
        let own = if path.contains("appRoleAssignedTo") {
            format!("/v1.0/servicePrincipals/{resource}/appRoleAssignedTo")
        } else {
            path.clone()
        };
        let wanted = json!({"principalId": principal, "resourceId": resource, "appRoleId": role});
        let access = json!({"principalId": principal, "resourceId": resource, "appRoleId": DEFAULT_ACCESS});
        for (who, token) in lesser(&api) {
            for wanted in [&wanted, &access] {
                let refused = send(&api, &token, Method::POST, &path, wanted.clone()).await;
                assert_eq!(refused.status, 403, "{who}: {path}: {}", refused.text);
            }
        }
        for (who, token) in greater(&api) {
            let made = send(&api, &token, Method::POST, &path, wanted.clone()).await;
            assert_eq!(made.status, 201, "{who}: {path}: {}", made.text);
            let one = format!("{own}/{}", made.id());
            for (who, token) in lesser(&api) {
                let refused = send(&api, &token, Method::DELETE, &one, Value::Null).await;
                assert_eq!(refused.status, 403, "{who}: {path}: {}", refused.text);
            }
            send(&api, &token, Method::DELETE, &one, Value::Null).await.expect(204);
        }
    }
}

#[tokio::test]
async fn an_administrator_of_applications_says_who_may_use_them() {
    let api = Api::start().await;
    let ada = user(&api, "ada").await;
    let (_, _, wiki) = program(&api, "wiki").await;
    let wanted = json!({"principalId": ada, "resourceId": wiki, "appRoleId": DEFAULT_ACCESS});
    for role in [ApplicationAdministrator, CloudApplicationAdministrator] {
        let token = everything_as(&api, role);
        for path in [
            format!("/v1.0/servicePrincipals/{wiki}/appRoleAssignedTo"),
            format!("/v1.0/users/{ada}/appRoleAssignments"),
        ] {
            let made = send(&api, &token, Method::POST, &path, wanted.clone()).await.expect(201).id();
            send(&api, &token, Method::DELETE, &format!("{path}/{made}"), Value::Null).await.expect(204);
        }
    }
    let nothing = json!({"principalId": ada, "resourceId": ada, "appRoleId": DEFAULT_ACCESS});
    let path = format!("/v1.0/users/{ada}/appRoleAssignments");
    send(&api, &everything_as(&api, ApplicationAdministrator), Method::POST, &path, nothing).await.expect(404);
}

#[tokio::test]
async fn what_is_as_good_as_a_role_of_the_api_is_closed_likewise() {
    let api = Api::start().await;
    let (resource, role) = api_role(&api).await;
    let (application, _, principal) = program(&api, "mighty").await;
    let (staff, outer, eve) = (group(&api, "staff").await, group(&api, "outer").await, user(&api, "eve").await);
    let reference = |id: &str| json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")});
    api.post(&format!("/v1.0/groups/{outer}/members/$ref"), reference(&staff)).await.expect(204);
    for (path, who) in [("servicePrincipals", &principal), ("groups", &outer)] {
        let wanted = json!({"principalId": who, "resourceId": resource, "appRoleId": role});
        api.post(&format!("/v1.0/{path}/{who}/appRoleAssignments"), wanted).await.expect(201);
    }
    let redirect = json!({"web": {"redirectUris": ["https://elsewhere.example/"]}});
    let ways = [
        (Method::POST, format!("/v1.0/applications/{application}/addPassword"), json!({})),
        (Method::POST, format!("/v1.0/servicePrincipals/{principal}/addPassword"), json!({})),
        (Method::PATCH, format!("/v1.0/applications/{application}"), redirect),
        (Method::POST, format!("/v1.0/groups/{outer}/members/$ref"), reference(&eve)),
        (Method::POST, format!("/v1.0/groups/{staff}/members/$ref"), reference(&eve)),
    ];
    for (method, path, body) in &ways {
        for (who, token) in lesser(&api) {
            let refused = send(&api, &token, method.clone(), path, body.clone()).await;
            assert_eq!(refused.status, 403, "{who}: {path}: {}", refused.text);
        }
    }
    let all = api.token("AppRoleAssignment.ReadWrite.All Application.ReadWrite.All GroupMember.ReadWrite.All");
    for (method, path, body) in ways {
        let done = send(&api, &all, method, &path, body).await;
        assert!(matches!(done.status, 200 | 204), "{path}: {}", done.text);
    }
    // Programs that may nothing at the API are what administrators of applications are there for.
    let (plain, _, _) = program(&api, "plain").await;
    let path = format!("/v1.0/applications/{plain}/addPassword");
    send(&api, &everything_as(&api, ApplicationAdministrator), Method::POST, &path, json!({})).await.expect(200);
}

/// It comes back with its roles and its secrets, so whoever knows one of these would be the program again.
#[tokio::test]
async fn a_deleted_program_that_had_roles_of_the_api_is_not_restored_by_an_administrator_of_applications() {
    let api = Api::start().await;
    let (resource, role) = api_role(&api).await;
    let (application, _, principal) = program(&api, "mighty").await;
    let wanted = json!({"principalId": principal, "resourceId": resource, "appRoleId": role});
    api.post(&format!("/v1.0/servicePrincipals/{principal}/appRoleAssignments"), wanted).await.expect(201);
    let path = format!("/v1.0/directory/deletedItems/{application}/restore");
    for (who, token) in greater(&api) {
        api.delete(&format!("/v1.0/applications/{application}")).await.expect(204);
        for (lesser, token) in lesser(&api) {
            let refused = send(&api, &token, Method::POST, &path, Value::Null).await;
            assert_eq!(refused.status, 403, "{lesser}: {}", refused.text);
        }
        let back = send(&api, &token, Method::POST, &path, Value::Null).await;
        assert_eq!(back.status, 200, "{who}: {}", back.text);
    }
    let (plain, ..) = program(&api, "plain").await;
    api.delete(&format!("/v1.0/applications/{plain}")).await.expect(204);
    let path = format!("/v1.0/directory/deletedItems/{plain}/restore");
    send(&api, &everything_as(&api, ApplicationAdministrator), Method::POST, &path, Value::Null).await.expect(200);
}

#[tokio::test]
async fn sessions_of_users_are_ended_by_who_administers_users_and_those_of_an_application_by_who_administers_it() {
    let api = Api::start().await;
    let ada = user(&api, "ada").await;
    let of_user = format!("/v1.0/users/{ada}/revokeSignInSessions");
    for role in [ApplicationAdministrator, CloudApplicationAdministrator, ApplicationDeveloper] {
        let refused = send(&api, &everything_as(&api, role), Method::POST, &of_user, Value::Null).await.expect(403);
        assert!(!refused.message().contains("Application Administrator"), "{}", refused.message());
    }
    for scopes in ["User.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Group.ReadWrite.All"] {
        send(&api, &api.token(scopes), Method::POST, &of_user, Value::Null).await.expect(403);
        send(&api, &api.app_token("program", scopes), Method::POST, &of_user, Value::Null).await.expect(403);
    }
    for scopes in ["User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"] {
        for token in [api.token(scopes), api.app_token("program", scopes)] {
            for path in [of_user.as_str(), "/beta/users/ada@corp.example/microsoft.graph.revokeSignInSessions"] {
                let done = send(&api, &token, Method::POST, path, Value::Null).await.expect(200);
                assert_eq!(done.json["value"], true);
                let context = done.json["@odata.context"].as_str().unwrap();
                assert!(context.ends_with("/$metadata#Edm.Boolean"), "{context}");
            }
        }
    }

    let (wiki, ..) = program(&api, "wiki").await;
    let of_application = format!("/v1.0/applications/{wiki}/adit.revokeSessions");
    let program = api.app_token("program", "Application.ReadWrite.All");
    for token in [everything_as(&api, ApplicationAdministrator), everything_as(&api, GlobalAdministrator), program] {
        send(&api, &token, Method::POST, &of_application, Value::Null).await.expect(204);
    }
    for token in [everything_as(&api, ApplicationDeveloper), api.app_token("program", "User.ReadWrite.All")] {
        send(&api, &token, Method::POST, &of_application, Value::Null).await.expect(403);
    }
}
