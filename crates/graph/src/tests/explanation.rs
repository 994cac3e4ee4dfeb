//! `adit.explain` of a user: whether it may, through which assignments and groups, why not; and who may ask that.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::harness::{Api, Reply};

const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// The URL of [`closed`].
const URL: &str = "https%3A%2F%2Fwiki.example%2F";

async fn user(api: &Api, name: &str) -> String {
    let body = json!({
        "accountEnabled": true, "displayName": format!("{name} example"), "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"),
        "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d", "forceChangePasswordNextSignIn": false},
    });
    api.post("/v1.0/users", body).await.expect(201).id()
}

/// A group with one member.
async fn group_of(api: &Api, name: &str, member: &str) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    let group = api.post("/v1.0/groups", body).await.expect(201).id();
    let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{member}")});
    api.post(&format!("/v1.0/groups/{group}/members/$ref"), reference).await.expect(204);
    group
}

/// Publishes an application that only those who are assigned may use; the path of its service principal.
async fn closed(api: &Api) -> String {
    let publishing = json!({"externalUrl": "https://wiki.example/", "internalUrl": "http://wiki.internal/",
        "externalAuthenticationType": "aadPreAuthentication"});
    let body = json!({"displayName": "wiki", "onPremisesPublishing": publishing});
    let application = api.post("/beta/applications", body).await.expect(201).json;
    let app_id = application["appId"].as_str().unwrap();
    let id = api.get(&format!("/v1.0/servicePrincipals(appId='{app_id}')")).await.expect(200).id();
    let path = format!("/v1.0/servicePrincipals/{id}");
    api.patch(&path, json!({"appRoleAssignmentRequired": true})).await.expect(204);
    path
}

async fn assign(api: &Api, resource: &str, principal: &str) {
    let id = resource.rsplit('/').next().unwrap();
    let body = json!({"principalId": principal, "resourceId": id, "appRoleId": DEFAULT_ACCESS});
    api.post(&format!("{resource}/appRoleAssignedTo"), body).await.expect(201);
}

async fn asked_as(api: &Api, token: &str, arguments: &str) -> Reply {
    let path = format!("/beta/applications/adit.explain(url='{URL}'{arguments})");
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    api.exchange(request.body(Body::empty()).unwrap()).await
}

async fn explained(api: &Api, arguments: &str) -> Value {
    asked_as(api, &api.token("Directory.Read.All"), arguments).await.expect(200).json
}

fn reasoning(explained: &Value) -> String {
    let sentences = explained["access"]["reasoning"].as_array().unwrap().iter();
    sentences.map(|own| own.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn it_says_whether_a_user_may_and_which_groups_lead_to_it() {
    let api = Api::start().await;
    let (ada, eve) = (user(&api, "ada").await, user(&api, "eve").await);
    let team = group_of(&api, "team", &ada).await;
    let staff = group_of(&api, "staff", &team).await;
    let wiki = closed(&api).await;
    assign(&api, &wiki, &staff).await;

    let granted = explained(&api, ",user='Ada@corp.example'").await;
    let (who, access) = (&granted["user"], &granted["access"]);
    assert_eq!((&who["id"], &who["isFound"], &who["accountEnabled"]), (&json!(ada), &json!(true), &json!(true)));
    assert_eq!((&who["groupsFrom"], &who["groupCount"]), (&json!("directory"), &json!(2)));
    assert_eq!((&access["isGranted"], &access["appRoleAssignmentRequired"]), (&json!(true), &json!(true)));
    let expected =
        json!([{"principalId": staff, "principalType": "Group", "roles": [], "groupPath": ["team", "staff"]}]);
    assert_eq!(access["assignments"], expected, "{access}");
    assert_eq!(access["externalAuthenticationType"], "aadPreAuthentication");
    assert!(reasoning(&granted).ends_with("Access is granted."), "{granted}");

    let refused = explained(&api, &format!(",user='{eve}'")).await;
    assert_eq!((&refused["access"]["isGranted"], &refused["access"]["assignments"]), (&json!(false), &json!([])));
    assert!(reasoning(&refused).contains("is not assigned"), "{refused}");
    assign(&api, &wiki, &eve).await;
    let granted = explained(&api, &format!(",user='{eve}'")).await;
    assert_eq!(granted["access"]["assignments"][0]["principalType"], "User", "{granted}");

    api.patch(&format!("/v1.0/users/{eve}"), json!({"accountEnabled": false})).await.expect(204);
    let disabled = explained(&api, &format!(",user='{eve}'")).await;
    assert_eq!((&disabled["user"]["accountEnabled"], &disabled["access"]["isGranted"]), (&json!(false), &json!(false)));
    assert!(reasoning(&disabled).contains("is disabled"), "{disabled}");

    api.patch(&wiki, json!({"accountEnabled": false})).await.expect(204);
    let closed = explained(&api, ",user='ada@corp.example'").await;
    assert_eq!(closed["access"]["isServicePrincipalEnabled"], false, "{closed}");
    assert!(reasoning(&closed).contains("takes no sign-ins"), "{closed}");
}

#[tokio::test]
async fn users_of_another_issuer_are_asked_for_by_id_with_the_groups_that_their_tokens_name() {
    let api = Api::start().await;
    let (ada, group) = ("bbbbbbbb-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002");
    let wiki = closed(&api).await;
    let id = wiki.rsplit('/').next().unwrap();
    let body = json!({"principalId": group, "principalType": "Group", "resourceId": id, "appRoleId": DEFAULT_ACCESS});
    api.post(&format!("{wiki}/appRoleAssignedTo"), body).await.expect(201);
    let without = explained(&api, &format!(",user='{ada}'")).await;
    assert_eq!((&without["user"]["isFound"], &without["access"]["isGranted"]), (&json!(false), &json!(false)));
    let with = explained(&api, &format!(",user='{ada}',groups='{ada},%20{group}'")).await;
    assert_eq!((&with["user"]["groupsFrom"], &with["access"]["isGranted"]), (&json!("given"), &json!(true)), "{with}");
    assert_eq!(with["access"]["assignments"][0]["principalId"], group);

    let nobody = explained(&api, ",user='eve@corp.example'").await;
    assert_eq!((&nobody["user"]["isFound"], &nobody["user"]["id"]), (&json!(false), &json!(null)));
    assert!(reasoning(&nobody).contains("about nobody"), "{nobody}");
    assert_eq!(nobody["access"]["isGranted"], false);
    let anybody = explained(&api, "").await;
    assert_eq!((&anybody["user"], &anybody["access"]["isGranted"]), (&json!(null), &json!(false)));
    assert!(reasoning(&anybody).contains("requires sign-in"), "{anybody}");

    let all = api.token("Directory.Read.All");
    for arguments in [",user='a',groups='staff'", ",user='a',groups=''", ",user=''", ",groups='x'", ",who='x'"] {
        let refused = asked_as(&api, &all, arguments).await;
        assert_eq!(refused.status, 400, "{arguments}: {}", refused.text);
    }
}

#[tokio::test]
async fn what_is_said_of_a_user_takes_reading_users_and_ways_through_groups_take_reading_groups() {
    let api = Api::start().await;
    let ada = user(&api, "ada").await;
    let staff = group_of(&api, "staff", &ada).await;
    let wiki = closed(&api).await;
    assign(&api, &wiki, &staff).await;
    let about_ada = ",user='ada@corp.example'";
    for roles in ["Application.Read.All", "Application.Read.All GroupMember.Read.All"] {
        let token = api.app_token("program", roles);
        asked_as(&api, &token, about_ada).await.expect(403);
        assert!(!asked_as(&api, &token, "").await.expect(200).text.contains("ada@"));
    }
    asked_as(&api, &api.app_token("program", "User.Read.All"), about_ada).await.expect(403);
    for (roles, way) in [
        ("Application.Read.All User.Read.All", json!([])),
        ("Application.Read.All User.Read.All GroupMember.Read.All", json!(["staff"])),
        ("Directory.Read.All", json!(["staff"])),
    ] {
        let said = asked_as(&api, &api.app_token("program", roles), about_ada).await.expect(200);
        assert_eq!(said.json["access"]["assignments"][0]["groupPath"], way, "{roles}: {}", said.text);
    }
}
