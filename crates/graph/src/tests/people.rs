//! What users and groups are to others: members who are seen, owners, assigned principals of other issuers.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{Api, Reply};

async fn user(api: &Api, name: &str) -> String {
    let body = json!({
        "accountEnabled": true, "displayName": format!("{name} example"), "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "mobilePhone": "+49 1234",
        "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d", "forceChangePasswordNextSignIn": false},
    });
    api.post("/v1.0/users", body).await.expect(201).id()
}

async fn group(api: &Api, name: &str) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    api.post("/v1.0/groups", body).await.expect(201).id()
}

async fn get_as(api: &Api, token: &str, path: &str) -> Reply {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    api.exchange(request.body(Body::empty()).unwrap()).await
}

async fn ref_to(api: &Api, path: &str, kind: &str, id: &str) -> Reply {
    let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/{kind}/{id}")});
    api.post(&format!("{path}/$ref"), reference).await
}

#[tokio::test]
async fn who_may_read_groups_alone_learns_of_users_that_they_are_members_and_nothing_else() {
    let api = Api::start().await;
    let (ada, staff, inner) = (user(&api, "ada").await, group(&api, "staff").await, group(&api, "inner").await);
    let members = format!("/v1.0/groups/{staff}/members");
    for id in [&ada, &inner] {
        ref_to(&api, &members, "directoryObjects", id).await.expect(204);
    }
    let reader = api.app_token("program", "GroupMember.Read.All");
    let users = format!("{members}/microsoft.graph.user");
    let listed = get_as(&api, &reader, &members).await.expect(200);
    assert!(listed.text.contains("inner"), "groups are what it may read: {}", listed.text);
    for path in [
        members.clone(),
        users.clone(),
        format!("{users}?$select=id,displayName,mobilePhone,userPrincipalName"),
        format!("/v1.0/groups/{staff}?$expand=members"),
    ] {
        let listed = get_as(&api, &reader, &path).await.expect(200);
        assert!(listed.text.contains(&ada), "{}", listed.text);
        for secret in ["ada example", "corp.example", "1234"] {
            assert!(!listed.text.contains(secret), "{path} shows {secret}: {}", listed.text);
        }
    }
    let one = get_as(&api, &reader, &format!("{members}/{ada}")).await.expect(200);
    assert!(!one.text.contains("corp.example"), "{}", one.text);
    // Neither by asking for it letter by letter.
    for filter in ["displayName%20eq%20'ada%20example'", "startswith(displayName,'ada')"] {
        let found = get_as(&api, &reader, &format!("{users}?$filter={filter}")).await.expect(200);
        assert_eq!(found.json["value"], json!([]), "{filter}");
        let known = api.get(&format!("{users}?$filter={filter}")).await.expect(200);
        assert_eq!(known.json["value"][0]["id"], ada.as_str(), "{filter}: who may read users finds");
    }
    for roles in ["GroupMember.Read.All User.Read.All", "Directory.Read.All"] {
        let both = api.app_token("program", roles);
        let listed = get_as(&api, &both, &members).await.expect(200);
        assert!(listed.text.contains("ada@corp.example"), "{roles}: {}", listed.text);
    }
}

#[tokio::test]
async fn members_of_one_kind_are_asked_for_by_what_that_kind_has_and_members_are_expanded() {
    let api = Api::start().await;
    let (ada, eve) = (user(&api, "ada").await, user(&api, "eve").await);
    let (staff, inner) = (group(&api, "staff").await, group(&api, "inner").await);
    let members = format!("/v1.0/groups/{staff}/members");
    for id in [&ada, &eve, &inner] {
        ref_to(&api, &members, "directoryObjects", id).await.expect(204);
    }
    let ids = async |path: String| {
        let listed = api.get(&path).await.expect(200);
        let ids = listed.json["value"].as_array().unwrap().iter().map(|own| own["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let users = format!("{members}/microsoft.graph.user");
    assert_eq!(ids(format!("{users}?$orderby=displayName%20desc")).await, [eve.as_str(), ada.as_str()]);
    assert_eq!(ids(format!("{users}?$filter=startswith(displayName,'a')&$top=1")).await, [ada.as_str()]);
    assert_eq!(ids(format!("{members}/microsoft.graph.group")).await, [inner.as_str()]);
    assert_eq!(api.get(&format!("{users}/$count")).await.expect(200).text, "2");
    let groups = format!("/v1.0/users/{ada}/memberOf/microsoft.graph.group?$filter=displayName%20eq%20'Staff'");
    assert_eq!(ids(groups).await, [staff.as_str()]);

    let shown = api.get(&format!("/v1.0/groups/{staff}?$expand=members($select=id)")).await.expect(200);
    assert_eq!(shown.json["members"].as_array().unwrap().len(), 3, "{}", shown.text);
    let shown = api.get(&format!("/v1.0/users?$expand=memberOf&$filter=id%20eq%20'{ada}'")).await.expect(200);
    assert_eq!(shown.json["value"][0]["memberOf"][0]["id"], staff.as_str(), "{}", shown.text);
    // Expanding tells no more than the collection itself.
    let reader = api.app_token("program", "GroupMember.Read.All");
    let shown = get_as(&api, &reader, &format!("/v1.0/groups/{staff}?$expand=members")).await.expect(200);
    assert!(shown.text.contains(&ada) && !shown.text.contains("corp.example"), "{}", shown.text);
    let filtered = get_as(&api, &reader, &format!("{users}?$filter=startswith(displayName,'a')")).await.expect(200);
    assert!(!filtered.text.contains(&ada), "{}", filtered.text);
    let only_users = api.app_token("program", "User.Read.All");
    get_as(&api, &only_users, "/v1.0/users?$expand=memberOf").await.expect(403);
}

#[tokio::test]
async fn owners_show_the_names_of_users_and_a_group_owns_nothing_by_whatever_name() {
    let api = Api::start().await;
    let (ada, staff) = (user(&api, "ada").await, group(&api, "staff").await);
    let application = api.published("wiki").await;
    let owners = format!("/v1.0/applications/{application}/owners");
    for kind in ["directoryObjects", "users"] {
        let refused = ref_to(&api, &owners, kind, &staff).await.expect(400);
        assert!(refused.message().contains("cannot own"), "{kind}: {}", refused.message());
    }
    ref_to(&api, &owners, "directoryObjects", &ada).await.expect(204);
    let shown = async || api.get(&format!("{owners}/{ada}")).await.expect(200).json["displayName"].clone();
    assert_eq!(shown().await, "ada example");
    api.patch(&format!("/v1.0/users/{ada}"), json!({"displayName": "Ada L."})).await.expect(204);
    assert_eq!(shown().await, "Ada L.");
}

#[tokio::test]
async fn an_application_that_is_restored_is_not_owned_by_who_was_deleted_meanwhile() {
    let api = Api::start().await;
    let (ada, eve) = (user(&api, "ada").await, user(&api, "eve").await);
    let foreign = "bbbbbbbb-0000-0000-0000-000000000000";
    let application = api.published("wiki").await;
    let owners = format!("/v1.0/applications/{application}/owners");
    for id in [ada.as_str(), eve.as_str(), foreign] {
        ref_to(&api, &owners, "users", id).await.expect(204);
    }
    api.delete(&format!("/v1.0/applications/{application}")).await.expect(204);
    api.delete(&format!("/v1.0/users/{eve}")).await.expect(204);
    api.post(&format!("/v1.0/directory/deletedItems/{application}/restore"), json!({})).await.expect(200);
    let listed = api.get(&owners).await.expect(200).text;
    assert!(listed.contains(&ada) && listed.contains(foreign), "{listed}");
    assert!(!listed.contains(&eve), "{listed}");
}

#[tokio::test]
async fn a_group_of_another_issuer_is_assigned_as_what_it_is_said_to_be() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let app_id = api.get(&format!("/beta/applications/{application}")).await.json["appId"].clone();
    let resource = api.get(&format!("/beta/servicePrincipals(appId='{}')", app_id.as_str().unwrap())).await.id();
    let assigned = format!("/beta/servicePrincipals/{resource}/appRoleAssignedTo");
    let to = |principal: &str, kind: Value| {
        let mut body = json!({"principalId": principal, "resourceId": resource, "appRoleId": uuid::Uuid::nil()});
        if !kind.is_null() {
            body["principalType"] = kind;
        }
        body
    };
    let (staff, somebody) = ("bbbbbbbb-0000-0000-0000-000000000000", "cccccccc-0000-0000-0000-000000000000");
    let made = api.post(&assigned, to(staff, json!("group"))).await.expect(201);
    assert_eq!(made.json["principalType"], "Group");
    let made = api.post(&assigned, to(somebody, json!(null))).await.expect(201);
    assert_eq!(made.json["principalType"], "User", "unless it is said");
    api.post(&assigned, to("dddddddd-0000-0000-0000-000000000000", json!("Device"))).await.expect(400);
    // What the directory knows itself is not another thing because somebody says so.
    let ada = user(&api, "ada").await;
    for (principal, kind) in [(ada.as_str(), "Group"), (resource.as_str(), "User"), (ada.as_str(), "ServicePrincipal")]
    {
        api.post(&assigned, to(principal, json!(kind))).await.expect(404);
    }
    api.post(&assigned, to(&ada, json!("User"))).await.expect(201);
}

#[tokio::test]
async fn that_a_password_must_be_changed_is_said_without_another_password() {
    let api = Api::start().await;
    let ada = user(&api, "ada").await;
    let path = format!("/v1.0/users/{ada}");
    let kept = async || api.control.password_of(ada.parse().unwrap()).await.unwrap().unwrap();
    let before = kept().await;
    assert!(!before.must_change);
    for (profile, expected) in [
        (json!({"forceChangePasswordNextSignIn": true}), true),
        (json!({"forceChangePasswordNextSignIn": false}), false),
        (json!({"forceChangePasswordNextSignIn": false, "forceChangePasswordNextSignInWithMfa": true}), true),
    ] {
        api.patch(&path, json!({"passwordProfile": profile})).await.expect(204);
        let after = kept().await;
        assert_eq!((after.must_change, after.hash), (expected, before.hash.clone()), "{profile}");
    }
    let writer = api.app_token("program", "User.ReadWrite.All");
    let body = json!({"passwordProfile": {"forceChangePasswordNextSignIn": false}});
    let request =
        Request::builder().method(Method::PATCH).uri(&path).header("authorization", format!("Bearer {writer}"));
    api.exchange(request.body(Body::from(body.to_string())).unwrap()).await.expect(403);
}
