//! Every endpoint of the surface against every kind of token. An endpoint that is added is tested without a further line.

use adit_core::DirectoryRole;
use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::harness::{Api, P};
use crate::permission::Permission;
use crate::surface::{Endpoint, SURFACE};

const NOBODY: &str = "aaaaaaaa-0000-0000-0000-000000000000";

/// The path with a key for every name, as a segment.
fn path(endpoint: &Endpoint) -> String {
    let word = |word: &str| match word {
        "{profile}" => "applicationProxy".to_owned(),
        "{property}" => "id".to_owned(),
        word if word.starts_with('{') => NOBODY.to_owned(),
        word => {
            word.replace("{url}", "https%3A%2F%2Fwiki.example%2F").replace("{user}", NOBODY).replace("{groups}", NOBODY)
        }
    };
    let words: Vec<String> = endpoint.path.split('/').map(word).collect();
    format!("/beta/{}", words.join("/"))
}

async fn status(api: &Api, endpoint: &Endpoint, token: Option<&str>) -> (u16, String) {
    let request = Request::builder().method(endpoint.method.clone()).uri(path(endpoint)).header("host", "adit.test");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    // An unknown property: whoever gets past the permission is told so, and nothing is changed.
    let body = match endpoint.method {
        Method::POST | Method::PUT | Method::PATCH => json!({"nosuch": 1}).to_string(),
        _ => String::new(),
    };
    let reply = api.exchange(request.body(Body::from(body)).unwrap()).await;
    (reply.status, reply.code().to_owned())
}

/// What the table of the contract says, written down a second time: the reading and the writing scope of each permission.
const fn expected(permission: Permission) -> (&'static str, Option<&'static str>) {
    match permission {
        Permission::ReadConnectors | Permission::ReadApplications | Permission::ReadServicePrincipals => {
            ("Directory.Read.All", None)
        }
        Permission::ReadAssignments | Permission::ReadProfile => ("Directory.Read.All", None),
        Permission::ReadAudits => ("AuditLog.Read.All", None),
        Permission::WriteConnectors => ("Directory.Read.All", Some("OnPremisesPublishingProfiles.ReadWrite.All")),
        Permission::AssignConnectorGroup => ("Directory.Read.All", Some("Application.ReadWrite.All")),
        Permission::WriteApplications | Permission::WriteServicePrincipals | Permission::InstantiateTemplate => {
            ("Application.Read.All", Some("Application.ReadWrite.All"))
        }
        Permission::WriteAssignments | Permission::AssignApiRoles => {
            ("Directory.Read.All", Some("AppRoleAssignment.ReadWrite.All"))
        }
        Permission::ReadUsers => ("User.Read.All", None),
        Permission::ReadGroups => ("GroupMember.Read.All", None),
        Permission::WriteUsers => ("User.Read.All", Some("User.ReadWrite.All")),
        Permission::WritePasswords => ("User.ReadWrite.All", Some("User-PasswordProfile.ReadWrite.All")),
        Permission::RevokeSessions => ("User.Read.All", Some("User.RevokeSessions.All")),
        Permission::WriteGroups => ("Group.Read.All", Some("Group.ReadWrite.All")),
        Permission::WriteMembers => ("GroupMember.Read.All", Some("GroupMember.ReadWrite.All")),
        Permission::WriteProfile => ("Policy.Read.HybridAuthentication", Some("Policy.ReadWrite.HybridAuthentication")),
    }
}

#[tokio::test]
async fn every_endpoint_answers_each_kind_of_token_as_the_table_says() {
    let api = Api::start().await;
    let other = api.token("User.Read Mail.ReadWrite");
    let unauthorised = (401, "InvalidAuthenticationToken".to_owned());
    let forbidden = (403, "Authorization_RequestDenied".to_owned());
    assert!(SURFACE.endpoints.len() > 100, "the surface has {} endpoints", SURFACE.endpoints.len());
    for endpoint in &SURFACE.endpoints {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        let (reading, writing) = expected(endpoint.permission);
        assert_eq!(status(&api, endpoint, None).await, unauthorised, "{name} without a token");
        assert_eq!(status(&api, endpoint, Some(&other)).await, forbidden, "{name} with other scopes");
        let app_other = api.app_token("program", "Mail.Read Directory.AccessAsUser.All");
        assert_eq!(status(&api, endpoint, Some(&app_other)).await, forbidden, "{name} with other roles");
        for token in [api.token(reading), api.app_token("program", reading)] {
            let read = status(&api, endpoint, Some(&token)).await;
            match endpoint.method {
                Method::GET => assert!(matches!(read.0, 200 | 204 | 404), "{name} with {reading}: {read:?}"),
                _ => assert_eq!(read, forbidden, "{name} with {reading}"),
            }
        }
        for scope in [Some("Directory.ReadWrite.All"), writing].into_iter().flatten() {
            for token in [api.token(scope), api.app_token("program", scope)] {
                let write = status(&api, endpoint, Some(&token)).await;
                let reached = matches!(write.0, 200 | 204 | 400 | 404) && write.1 != "Authorization_RequestDenied";
                assert!(reached, "{name} with {scope}: {write:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_program_that_may_change_only_its_own_applications_changes_only_those() {
    let api = Api::start().await;
    let theirs = api.published("theirs").await;
    let token = api.app_token("terraform", "Application.ReadWrite.OwnedBy");
    let send = async |method: Method, path: String, body: serde_json::Value| {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        api.exchange(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let own = send(Method::POST, "/beta/applications".to_owned(), json!({"displayName": "own"})).await.expect(201).id();
    let change = json!({"notes": "x"});
    send(Method::PATCH, format!("/beta/applications/{own}"), change.clone()).await.expect(204);
    let app_id = send(Method::GET, format!("/beta/applications/{own}"), json!(null)).await.json["appId"].clone();
    send(Method::POST, "/beta/servicePrincipals".to_owned(), json!({"appId": app_id})).await.expect(201);
    send(Method::PATCH, format!("/beta/applications/{theirs}"), change).await.expect(403);
    send(Method::DELETE, format!("/beta/applications/{theirs}/connectorGroup/$ref"), json!(null)).await.expect(403);
    send(Method::DELETE, format!("/beta/applications/{NOBODY}"), json!(null)).await.expect(403);
    send(Method::DELETE, format!("/beta/applications/{own}"), json!(null)).await.expect(204);
    // As a delegated scope it is nothing: it is an application permission.
    let delegated = api.token("Application.ReadWrite.OwnedBy");
    let request = Request::get("/beta/applications").header("authorization", format!("Bearer {delegated}"));
    api.exchange(request.body(Body::empty()).unwrap()).await.expect(403);
}

/// Which permissions a role gives to a user whose program has every scope, written down a second time.
fn given(role: DirectoryRole, permission: Permission) -> bool {
    use Permission::*;
    match role {
        DirectoryRole::GlobalAdministrator => true,
        DirectoryRole::ApplicationAdministrator | DirectoryRole::CloudApplicationAdministrator => !matches!(
            permission,
            WriteUsers | WritePasswords | WriteGroups | WriteMembers | RevokeSessions | AssignApiRoles
        ),
        DirectoryRole::ApplicationDeveloper => matches!(
            permission,
            ReadApplications
                | ReadServicePrincipals
                | AssignConnectorGroup
                | WriteApplications
                | WriteServicePrincipals
                | InstantiateTemplate
        ),
    }
}

#[tokio::test]
async fn a_scope_alone_gives_a_user_nothing_and_each_administrator_role_what_it_is_for() {
    let api = Api::start().await;
    let forbidden = (403, "Authorization_RequestDenied".to_owned());
    let scopes = crate::PERMISSIONS.join(" ");
    let nobody = api.user_token("mallory", &[], &scopes);
    for endpoint in &SURFACE.endpoints {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        assert_eq!(status(&api, endpoint, Some(&nobody)).await, forbidden, "{name} without a role");
        for role in DirectoryRole::ALL {
            let answer = status(&api, endpoint, Some(&api.user_token("ada", &[role], &scopes))).await;
            if role == DirectoryRole::ApplicationDeveloper && endpoint.method != Method::GET {
                // They change what is their own, and nothing of that is here; what they make is tested below.
                let may_make = given(role, endpoint.permission) && matches!(answer.0, 400 | 404);
                assert!(answer == forbidden || may_make, "{name} as {role}: {answer:?}");
            } else {
                // What is said of a user takes reading users besides.
                let is_about_user = endpoint.path.contains("user='");
                let may = given(role, endpoint.permission) && (!is_about_user || given(role, Permission::ReadUsers));
                assert_eq!(answer != forbidden, may, "{name} as {role}: {answer:?}");
            }
        }
        let without_scope = api.user_token("ada", &DirectoryRole::ALL, "User.Read");
        assert_eq!(status(&api, endpoint, Some(&without_scope)).await, forbidden, "{name} without a scope");
    }
}

#[tokio::test]
async fn an_application_developer_changes_only_applications_that_are_the_users_own_by_whatever_program() {
    let api = Api::start().await;
    let token =
        |subject: &str| api.user_token(subject, &[DirectoryRole::ApplicationDeveloper], "Application.ReadWrite.All");
    let send = async |token: &str, method: Method, path: String, body: serde_json::Value| {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        api.exchange(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let (ada, grace) = (token("ada"), token("grace"));
    let new = json!({"displayName": "hers"});
    let hers = send(&ada, Method::POST, "/beta/applications".to_owned(), new).await.expect(201).id();
    let path = format!("/beta/applications/{hers}");
    send(&ada, Method::PATCH, path.clone(), json!({"notes": "x"})).await.expect(204);
    // Both use the same program: an owner is the user and not the program.
    send(&grace, Method::GET, path.clone(), json!(null)).await.expect(200);
    send(&grace, Method::PATCH, path.clone(), json!({"notes": "y"})).await.expect(403);
    send(&grace, Method::DELETE, path.clone(), json!(null)).await.expect(403);
    let owners = format!("{path}/owners/$ref");
    send(&grace, Method::POST, owners, json!({"id": "grace"})).await.expect(403);
    send(&ada, Method::DELETE, path, json!(null)).await.expect(204);
}

#[tokio::test]
async fn a_forbidden_write_changes_nothing() {
    let api = Api::start().await;
    let request = Request::post(format!("{P}/connectorGroups"))
        .header("authorization", format!("Bearer {}", api.token("Directory.Read.All")))
        .body(Body::from(r#"{"name":"Berlin"}"#))
        .unwrap();
    let reply = api.exchange(request).await.expect(403);
    assert!(reply.message().starts_with("Insufficient privileges to complete the operation."), "{}", reply.message());
    assert!(reply.message().contains("Global Administrator, Application Administrator"), "{}", reply.message());
    let groups = api.get(&format!("{P}/connectorGroups")).await.expect(200);
    assert_eq!(groups.json["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn narrower_scopes_reach_what_the_contract_gives_them() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    for (scope, method, path, expected) in [
        ("Application.Read.All", Method::GET, format!("/beta/applications/{application}"), 200),
        ("Application.Read.All", Method::GET, format!("{P}/connectors"), 200),
        ("Application.Read.All", Method::DELETE, format!("/beta/applications/{application}/connectorGroup/$ref"), 403),
        ("Application.Read.All", Method::GET, "/beta/applications?$expand=connectorGroup".to_owned(), 200),
        ("OnPremisesPublishingProfiles.ReadWrite.All", Method::GET, format!("{P}/connectorGroups"), 200),
        ("OnPremisesPublishingProfiles.ReadWrite.All", Method::GET, "/beta/applications".to_owned(), 403),
        ("Policy.Read.HybridAuthentication", Method::GET, P.to_owned(), 200),
        (
            "Application.ReadWrite.All",
            Method::DELETE,
            format!("/beta/applications/{application}/connectorGroup/$ref"),
            204,
        ),
        ("Directory.AccessAsUser.All", Method::DELETE, format!("/beta/applications/{application}"), 204),
    ] {
        let request = Request::builder()
            .method(method.clone())
            .uri(&path)
            .header("authorization", format!("bearer {}", api.token(scope)))
            .body(Body::empty())
            .unwrap();
        let reply = api.exchange(request).await;
        assert_eq!(reply.status, expected, "{scope}: {method} {path}: {}", reply.text);
    }
}

#[tokio::test]
async fn missing_garbled_unsigned_and_expired_tokens_are_401_with_their_reason() {
    let api = Api::start().await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ1cm46YWRpdDpsb2NhbCIsInNjcCI6IkRpcmVjdG9yeS5SZWFkV3JpdGUuQWxsIn0.";
    for (value, message) in [
        (None, "Access token is empty."),
        (Some("Bearer".to_owned()), "Access token is empty."),
        (Some("Bearer nonsense".to_owned()), "Access token is malformed"),
        (Some("Basic YTpi".to_owned()), "Access token is malformed"),
        (Some(format!("Bearer {unsigned}")), "algorithm is not accepted"),
        (Some(format!("Bearer {}", api.old_token())), "Access token has expired or is not yet valid"),
        (Some(format!("Bearer {}x", api.token("Directory.ReadWrite.All"))), "Access token"),
    ] {
        let mut request = Request::get("/beta/applications");
        if let Some(value) = &value {
            request = request.header("authorization", value);
        }
        let reply = api.exchange(request.body(Body::empty()).unwrap()).await.expect(401);
        assert_eq!(reply.code(), "InvalidAuthenticationToken");
        assert!(reply.message().contains(message), "{value:?}: {}", reply.message());
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer "));
    }
}

#[tokio::test]
async fn a_filter_or_an_order_reads_no_more_than_the_token_may() {
    let api = Api::start().await;
    api.published("wiki").await;
    let owned = api.app_token("terraform", "Application.ReadWrite.OwnedBy");
    for path in [
        "/beta/applications?$filter=startswith(connectorGroup/name,'a')",
        "/beta/applications?$orderby=connectorGroup/name",
        "/beta/applications/$count?$filter=not%20(connectorGroup/name%20eq%20'x')",
        "/beta/servicePrincipals?$filter=appRoleAssignedTo/any(a:a/principalType%20eq%20'User')",
        "/beta/servicePrincipals?$filter=appRoleAssignedTo/$count%20gt%200",
        "/beta/applications?$expand=owners,connectorGroup",
    ] {
        let request = |token: &str| {
            Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
        };
        api.exchange(request(&owned)).await.expect(403);
        api.exchange(request(&api.token("Directory.Read.All"))).await.expect(200);
    }
    let request = Request::get("/beta/applications?$filter=startswith(displayName,'w')")
        .header("authorization", format!("Bearer {owned}"));
    api.exchange(request.body(Body::empty()).unwrap()).await.expect(200);
}
