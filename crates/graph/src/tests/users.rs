//! Users and groups of the directory itself: what is asked for, what is kept, and that no password is ever seen again.

use adit_control::Principals;
use adit_identity::is_password;
use http::Method;
use serde_json::{Value, json};

use super::harness::Api;

const PASSWORD: &str = "xWwvJ]6NMw+bWH-d";

fn new_user(name: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": format!("{name} example"), "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "jobTitle": "Analyst", "givenName": name,
        "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
    })
}

async fn user(api: &Api, name: &str) -> String {
    api.post("/v1.0/users", new_user(name)).await.expect(201).id()
}

async fn group(api: &Api, name: &str) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    api.post("/v1.0/groups", body).await.expect(201).id()
}

async fn put_into(api: &Api, group: &str, member: &str) -> u16 {
    let body = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{member}")});
    api.post(&format!("/v1.0/groups/{group}/members/$ref"), body).await.status
}

async fn ids_at(api: &Api, path: &str) -> Vec<String> {
    let listed = api.get(path).await.expect(200);
    listed.json["value"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_a_user() {
    let api = Api::start().await;
    let ada = user(&api, "ada").await;
    let done = api.post(&format!("/v1.0/users/{ada}/revokeSignInSessions"), Value::Null).await.expect(200).json;
    assert_eq!(done["@odata.context"], "http://adit.test/v1.0/$metadata#Edm.Boolean");
    assert_eq!(done["value"], true);
    let nobody = "/v1.0/users/aaaaaaaa-0000-0000-0000-000000000000/revokeSignInSessions";
    api.post(nobody, Value::Null).await.expect(200);
    api.control.set_principals(Principals::OwnOnly);
    api.post(nobody, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_user_is_made_found_changed_and_deleted() {
    let api = Api::start().await;
    let made = api.post("/v1.0/users", new_user("ada")).await.expect(201);
    assert!(made.header("location").unwrap().ends_with(&format!("/v1.0/users/{}", made.id())));
    assert_eq!(made.json["userPrincipalName"], "ada@corp.example");
    assert_eq!(made.json["jobTitle"], "Analyst");
    assert!(made.json.get("accountEnabled").is_none(), "it is returned on $select: {}", made.text);
    let id = made.id();
    let by_name = api.get("/v1.0/users/ADA@corp.example?$select=id,accountEnabled,mailNickname").await.expect(200);
    assert_eq!((by_name.id(), &by_name.json["accountEnabled"]), (id.clone(), &json!(true)));
    for filter in [
        "userPrincipalName eq 'Ada@Corp.Example'",
        "startswith(displayName,'ADA')",
        "accountEnabled eq true and jobTitle eq 'analyst'",
        "mailNickname eq 'ada'",
    ] {
        let path = format!("/v1.0/users?$filter={}&$orderby=displayName&$top=5", filter.replace(' ', "%20"));
        assert_eq!(ids_at(&api, &path).await, [id.as_str()], "{filter}");
    }
    let path = format!("/v1.0/users/{id}");
    api.patch(&path, json!({"displayName": "Ada L.", "accountEnabled": false, "mobilePhone": "1"})).await.expect(204);
    let shown = api.get(&format!("{path}?$select=displayName,accountEnabled,mobilePhone,jobTitle")).await.expect(200);
    assert_eq!(shown.json["displayName"], "Ada L.");
    assert_eq!((&shown.json["accountEnabled"], &shown.json["jobTitle"]), (&json!(false), &json!("Analyst")));
    let stale = [("if-match", "W/\"1\"")];
    api.send(Method::PATCH, &path, json!({"displayName": "late"}), &stale).await.expect(412);
    api.delete(&path).await.expect(204);
    api.get(&path).await.expect(404);
    assert!(ids_at(&api, "/v1.0/users").await.is_empty());
}

#[tokio::test]
async fn a_password_is_kept_as_a_hash_and_never_shown() {
    let api = Api::start().await;
    let made = api.post("/beta/users", new_user("ada")).await.expect(201);
    let id = made.id();
    let changed = api
        .send(
            Method::PATCH,
            &format!("/beta/users/{id}"),
            json!({"passwordProfile": {"password": "another long secret"}}),
            &[("prefer", "return=representation")],
        )
        .await
        .expect(200);
    let pages = [
        made.text,
        changed.text,
        api.get(&format!("/beta/users/{id}?$select=passwordProfile,displayName")).await.text,
        api.get(&format!("/beta/users/{id}/passwordProfile")).await.text,
        api.get("/beta/users?$select=passwordProfile").await.text,
        api.get("/beta/auditLogs/directoryAudits").await.expect(200).text,
    ];
    for page in &pages {
        assert!(!page.contains(PASSWORD) && !page.contains("another long secret"), "{page}");
        assert!(!page.contains("argon2"), "{page}");
    }
    api.get("/beta/users?$filter=passwordProfile/password%20eq%20'x'").await.expect(400);
    api.get("/beta/users?$orderby=passwordProfile/password").await.expect(400);
    assert!(pages[5].contains("Reset user password") && pages[5].contains("Add user"), "{}", pages[5]);
    let kept = api.control.password_of(id.parse().unwrap()).await.unwrap().unwrap();
    assert!(kept.must_change, "as in Graph, unless it was said otherwise");
    let text = |text: &str| adit_control::Zeroizing::new(text.to_owned());
    assert!(is_password(text("another long secret"), Some(kept.hash.clone())).await.unwrap());
    assert!(!is_password(text(PASSWORD), Some(kept.hash)).await.unwrap());
}

#[tokio::test]
async fn what_makes_no_user_is_refused_with_its_reason() {
    let api = Api::start().await;
    user(&api, "ada").await;
    let with = |name: &str, value: Value| {
        let mut body = new_user("eve");
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = new_user("eve");
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let password = |text: &str| with("passwordProfile", json!({ "password": text }));
    for (body, reason) in [
        (without("accountEnabled"), "accountEnabled"),
        (without("displayName"), "displayName"),
        (without("mailNickname"), "mailNickname"),
        (without("userPrincipalName"), "userPrincipalName"),
        (without("passwordProfile"), "passwordProfile"),
        (with("passwordProfile", json!({})), "passwordProfile/password"),
        (with("passwordProfile", json!({"password": null})), "passwordProfile/password"),
        (with("passwordProfile", json!({"password": 5})), "password"),
        (with("passwordProfile", json!({"password": PASSWORD, "nosuch": 1})), "nosuch"),
        (with("userPrincipalName", json!("eve")), "name@domain"),
        (with("userPrincipalName", json!("e'; DROP TABLE local_user;--@corp.example")), "letters, digits"),
        (with("userPrincipalName", json!("ADA@corp.example")), "already in use"),
        (with("displayName", json!("")), "displayName"),
        (with("accountEnabled", json!("yes")), "accountEnabled"),
        (with("nosuch", json!(1)), "nosuch"),
        (password("short"), "at least 12 characters"),
        (password(&"long".repeat(100)), "at most 256 bytes"),
        (password("aaaaaaaaaaaaaaaa"), "different characters"),
        (password("line\nbreak in it"), "control characters"),
        (password("eve example 2026"), "name of its user"),
    ] {
        let refused = api.post("/v1.0/users", body.clone()).await.expect(400);
        assert!(refused.message().contains(reason), "{body}: {}", refused.message());
        assert!(!refused.text.contains(PASSWORD), "a refusal repeats no password");
    }
    assert_eq!(ids_at(&api, "/v1.0/users").await.len(), 1);
    for path in ["/v1.0/users/nobody@corp.example", "/v1.0/users/x%20or%201", "/v1.0/groups/nosuch"] {
        api.get(path).await.expect(404);
        api.delete(path).await.expect(404);
    }
}

#[tokio::test]
async fn who_may_change_users_may_not_for_that_reason_set_their_passwords() {
    let api = Api::start().await;
    let id = user(&api, "ada").await;
    let body = json!({"passwordProfile": {"password": "another long secret"}});
    for (scopes, status) in [
        ("User.ReadWrite.All", 403),
        ("User-PasswordProfile.ReadWrite.All", 403),
        ("User.ReadWrite.All User-PasswordProfile.ReadWrite.All", 204),
        ("Directory.ReadWrite.All", 204),
    ] {
        let request = http::Request::patch(format!("/v1.0/users/{id}"))
            .header("authorization", format!("Bearer {}", api.app_token("program", scopes)))
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        api.exchange(request).await.expect(status);
    }
}

#[tokio::test]
async fn a_group_has_users_and_groups_in_it_and_is_never_in_itself() {
    let api = Api::start().await;
    let (ada, staff, all) = (user(&api, "ada").await, group(&api, "staff").await, group(&api, "all").await);
    assert_eq!(put_into(&api, &staff, &ada).await, 204);
    assert_eq!(put_into(&api, &all, &staff).await, 204);
    assert_eq!(put_into(&api, &staff, &ada).await, 400, "twice");
    assert_eq!(put_into(&api, &staff, &all).await, 400, "in a circle");
    assert_eq!(put_into(&api, &all, &all).await, 400, "in itself");
    assert_eq!(put_into(&api, &all, "aaaaaaaa-0000-0000-0000-000000000000").await, 404);
    let body = json!({"@odata.id": format!("https://x.example/v1.0/applications/{ada}")});
    api.post(&format!("/v1.0/groups/{all}/members/$ref"), body).await.expect(400);
    let members = api.get(&format!("/v1.0/groups/{all}/members")).await.expect(200);
    assert_eq!(members.json["value"][0]["@odata.type"], "#microsoft.graph.group", "{}", members.text);
    assert_eq!(members.json["value"][0]["displayName"], "staff");
    assert_eq!(ids_at(&api, &format!("/v1.0/groups/{staff}/members")).await, [ada.as_str()]);
    assert_eq!(ids_at(&api, &format!("/v1.0/users/{ada}/memberOf")).await, [staff.as_str()]);
    let mut both = [staff.clone(), all.clone()];
    both.sort();
    assert_eq!(ids_at(&api, "/v1.0/users/ada@corp.example/transitiveMemberOf").await, both);
    assert_eq!(ids_at(&api, &format!("/v1.0/groups/{staff}/transitiveMemberOf")).await, [all.as_str()]);
    api.delete(&format!("/v1.0/groups/{staff}/members/{ada}/$ref")).await.expect(204);
    api.delete(&format!("/v1.0/groups/{staff}/members/{ada}/$ref")).await.expect(404);
    assert_eq!(put_into(&api, &staff, &ada).await, 204);
    api.delete(&format!("/v1.0/users/{ada}")).await.expect(204);
    assert!(ids_at(&api, &format!("/v1.0/groups/{staff}/members")).await.is_empty());
    api.delete(&format!("/v1.0/groups/{staff}")).await.expect(204);
    assert!(ids_at(&api, &format!("/v1.0/groups/{all}/members")).await.is_empty());
    let audits = api.get("/v1.0/auditLogs/directoryAudits?$top=999").await.expect(200).text;
    for activity in ["Add group", "Add member to group", "Remove member from group", "Delete group", "Delete user"] {
        assert!(audits.contains(activity), "{activity}: {audits}");
    }
}

#[tokio::test]
async fn only_plain_security_groups_are_made() {
    let api = Api::start().await;
    let body = json!({"displayName": "a", "mailEnabled": false, "mailNickname": "a", "securityEnabled": true});
    for (name, value) in [
        ("mailEnabled", json!(true)),
        ("securityEnabled", json!(false)),
        ("groupTypes", json!(["Unified"])),
        ("groupTypes", json!(["DynamicMembership"])),
        ("displayName", json!("a\u{0}b")),
        ("members@odata.bind", json!("x")),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        api.post("/v1.0/groups", wrong.clone()).await.expect(400);
    }
    for name in ["displayName", "mailEnabled", "mailNickname", "securityEnabled"] {
        let mut lacking = body.clone();
        lacking.as_object_mut().unwrap().remove(name);
        let refused = api.post("/v1.0/groups", lacking).await.expect(400);
        assert!(refused.message().contains(name), "{}", refused.message());
    }
    assert!(ids_at(&api, "/v1.0/groups").await.is_empty());
}

#[tokio::test]
async fn assignments_show_the_names_of_users_and_groups_and_go_with_them() {
    let api = Api::start().await;
    let (ada, staff) = (user(&api, "ada").await, group(&api, "staff").await);
    let application = api.published("wiki").await;
    let app_id = api.get(&format!("/beta/applications/{application}")).await.json["appId"].clone();
    let path = format!("/beta/servicePrincipals(appId='{}')", app_id.as_str().unwrap());
    let resource = api.get(&path).await.expect(200).id();
    let assigned = format!("/beta/servicePrincipals/{resource}/appRoleAssignedTo");
    let to =
        |principal: &str| json!({"principalId": principal, "resourceId": resource, "appRoleId": uuid::Uuid::nil()});
    let made = api.post(&assigned, to(&ada)).await.expect(201);
    assert_eq!(
        (&made.json["principalDisplayName"], &made.json["principalType"]),
        (&json!("ada example"), &json!("User"))
    );
    api.post(&format!("/beta/users/{staff}/appRoleAssignments"), to(&staff)).await.expect(404);
    let made = api.post(&format!("/beta/groups/{staff}/appRoleAssignments"), to(&staff)).await.expect(201);
    assert_eq!((&made.json["principalDisplayName"], &made.json["principalType"]), (&json!("staff"), &json!("Group")));
    api.patch(&format!("/beta/users/{ada}"), json!({"displayName": "Ada L."})).await.expect(204);
    let listed = api.get(&format!("{assigned}?$filter=principalDisplayName%20eq%20'ada%20l.'")).await.expect(200);
    assert_eq!(listed.json["value"][0]["principalId"], ada);
    // Somebody of another issuer, until it is said that there is none.
    let stranger = "bbbbbbbb-0000-0000-0000-000000000000";
    let foreign = api.post(&assigned, to(stranger)).await.expect(201).id();
    api.delete(&format!("{assigned}/{foreign}")).await.expect(204);
    api.control.set_principals(Principals::OwnOnly);
    api.post(&assigned, to(stranger)).await.expect(404);
    api.delete(&format!("/beta/users/{ada}")).await.expect(204);
    api.delete(&format!("/beta/groups/{staff}")).await.expect(204);
    assert!(ids_at(&api, &assigned).await.is_empty());
    // In a directory without users it is as before.
    api.post(&assigned, to(stranger)).await.expect(201);
}

#[tokio::test]
async fn what_a_restored_application_was_assigned_to_comes_back_without_who_was_deleted() {
    let api = Api::start().await;
    let (ada, eve) = (user(&api, "ada").await, user(&api, "eve").await);
    let application = api.published("wiki").await;
    let app_id = api.get(&format!("/beta/applications/{application}")).await.json["appId"].clone();
    let resource = api.get(&format!("/beta/servicePrincipals(appId='{}')", app_id.as_str().unwrap())).await.id();
    let assigned = format!("/beta/servicePrincipals/{resource}/appRoleAssignedTo");
    let foreign = "bbbbbbbb-0000-0000-0000-000000000000";
    for principal in [ada.as_str(), eve.as_str(), foreign] {
        let body = json!({"principalId": principal, "resourceId": resource, "appRoleId": uuid::Uuid::nil()});
        api.post(&assigned, body).await.expect(201);
    }
    api.delete(&format!("/beta/applications/{application}")).await.expect(204);
    api.delete(&format!("/beta/users/{eve}")).await.expect(204);
    api.patch(&format!("/beta/users/{ada}"), json!({"displayName": "Ada L."})).await.expect(204);
    api.post(&format!("/beta/directory/deletedItems/{application}/restore"), json!({})).await.expect(200);
    let listed = api.get(&format!("{assigned}?$orderby=principalId")).await.expect(200);
    let back: Vec<_> = listed.json["value"].as_array().unwrap().iter().collect();
    assert_eq!(back.len(), 2, "{}", listed.text);
    assert!(back.iter().all(|own| own["principalId"] != eve));
    assert!(back.iter().any(|own| own["principalId"] == ada && own["principalDisplayName"] == "Ada L."));
}

#[tokio::test]
async fn who_may_not_assign_roles_of_the_api_puts_nobody_into_a_group_that_has_some() {
    let api = Api::start().await;
    let (ada, administrators, inner) =
        (user(&api, "ada").await, group(&api, "administrators").await, group(&api, "inner").await);
    assert_eq!(put_into(&api, &administrators, &inner).await, 204);
    let writer = api.token("GroupMember.ReadWrite.All");
    let link = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{ada}")});
    let members = |group: &str| format!("/v1.0/groups/{group}/members/$ref");
    let other = group(&api, "other").await;
    api.send_as(&writer, &members(&other), link.clone()).await.expect(204);
    let found = api.get("/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").await.expect(200).json;
    let roles = found["appRoles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["value"] == "Directory.ReadWrite.All").unwrap();
    let assignment = json!({"principalId": administrators, "resourceId": found["id"], "appRoleId": role["id"]});
    let at = format!("/v1.0/groups/{administrators}/appRoleAssignments");
    api.post(&at, assignment).await.expect(201);
    let both = api.token("GroupMember.ReadWrite.All AppRoleAssignment.ReadWrite.All");
    for group in [&inner, &administrators] {
        api.send_as(&writer, &members(group), link.clone()).await.expect(403);
        api.send_as(&both, &members(group), link.clone()).await.expect(204);
    }
}
