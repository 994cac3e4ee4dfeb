//! Secrets of programs: made by the server, shown once, listed without their text, removed.

use http::Method;
use serde_json::{Value, json};

use super::harness::Api;

/// The paths of an application and of its service principal.
async fn program(api: &Api, name: &str) -> (String, String) {
    let made = api.post("/beta/applications", json!({"displayName": name})).await.expect(201);
    let principal = api.post("/beta/servicePrincipals", json!({"appId": made.json["appId"]})).await.expect(201);
    (format!("/beta/applications/{}", made.id()), format!("/beta/servicePrincipals/{}", principal.id()))
}

#[tokio::test]
async fn a_secret_is_shown_once_and_listed_without_its_text() {
    let api = Api::start().await;
    let (application, principal) = program(&api, "backup").await;
    for holder in [application, principal] {
        let wanted = json!({"passwordCredential": {"displayName": "CI"}});
        let made = api.post(&format!("{holder}/addPassword"), wanted).await.expect(200).json;
        assert!(made["@odata.context"].as_str().unwrap().ends_with("#microsoft.graph.passwordCredential"), "{made}");
        let text = made["secretText"].as_str().unwrap().to_owned();
        assert_eq!((made["displayName"].as_str(), made["hint"].as_str()), (Some("CI"), Some(&text[..3])));
        let year = |name: &str| made[name].as_str().unwrap()[..4].parse::<i32>().unwrap();
        assert_eq!(year("endDateTime"), year("startDateTime") + 2);
        let read = api.get(&holder).await.expect(200);
        let listed = &read.json["passwordCredentials"][0];
        assert_eq!((&listed["keyId"], &listed["hint"]), (&made["keyId"], &made["hint"]));
        assert_eq!((&listed["customKeyIdentifier"], &listed["secretText"]), (&Value::Null, &Value::Null));
        let filtered = api.get(&format!("{}?$select=id,passwordCredentials", holder.rsplit_once('/').unwrap().0)).await;
        let audits = api.get("/beta/auditLogs/directoryAudits").await.expect(200);
        for page in [read.text, filtered.text, audits.text, api.get("/beta/applications/delta").await.text] {
            assert!(!page.contains(&text) && !page.contains(&text[8..]), "{page}");
        }
    }
}

#[tokio::test]
async fn the_body_may_be_left_out_and_a_period_be_chosen() {
    let api = Api::start().await;
    let (application, _) = program(&api, "backup").await;
    let path = format!("{application}/addPassword");
    let made = api.post(&path, Value::Null).await.expect(200).json;
    assert_eq!(made["displayName"], Value::Null);
    let wanted = json!({"passwordCredential": {"@odata.type": "#microsoft.graph.passwordCredential",
        "StartDateTime": "2030-01-01T00:00:00Z", "endDateTime": "2030-06-01T02:00:00+02:00", "secretText": null}});
    let made = api.post(&path, wanted).await.expect(200).json;
    assert_eq!(made["startDateTime"], "2030-01-01T00:00:00Z".replace("00Z", "00.0000000Z"));
    assert_eq!(made["endDateTime"], "2030-06-01T00:00:00.0000000Z");
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_and_nothing_is_added() {
    let api = Api::start().await;
    let (application, _) = program(&api, "backup").await;
    let path = format!("{application}/addPassword");
    for (wanted, said) in [
        (json!({"passwordCredential": {"endDateTime": "2020-01-01T00:00:00Z"}}), "in the future"),
        (json!({"passwordCredential": {"endDateTime": "2299-12-31T00:00:00Z"}}), "at most 10 years"),
        (json!({"passwordCredential": {"startDateTime": "yesterday"}}), "startDateTime"),
        (json!({"passwordCredential": {"secretText": "mine"}}), "secretText"),
        (json!({"passwordCredential": {"displayName": "a\u{7}b"}}), "displayName"),
        (json!({"passwordCredential": {"displayName": "x".repeat(257)}}), "displayName"),
        (json!({"passwordCredential": {"nosuch": 1}}), "nosuch"),
        (json!({"passwordCredential": "x"}), "passwordCredential"),
        (json!({"displayName": "x"}), "displayName"),
        (json!([]), "JSON"),
    ] {
        let reply = api.post(&path, wanted.clone()).await.expect(400);
        assert!(reply.message().contains(said), "{wanted}: {}", reply.message());
    }
    assert_eq!(api.get(&application).await.json["passwordCredentials"], json!([]));
    for _ in 0..20 {
        api.post(&path, Value::Null).await.expect(200);
    }
    let reply = api.post(&path, Value::Null).await.expect(400);
    assert!(reply.message().contains("20 client secrets"), "{}", reply.message());
}

#[tokio::test]
async fn a_secret_is_removed_by_its_key_id_and_only_where_it_is() {
    let api = Api::start().await;
    let (application, principal) = program(&api, "backup").await;
    let (others, _) = program(&api, "other").await;
    let made = api.post(&format!("{application}/addPassword"), Value::Null).await.expect(200).json;
    let key = json!({"keyId": made["keyId"]});
    for elsewhere in [&principal, &others] {
        api.post(&format!("{elsewhere}/removePassword"), key.clone()).await.expect(404);
    }
    api.post(&format!("{application}/removePassword"), json!({})).await.expect(400);
    api.post(&format!("{application}/removePassword"), json!({"keyId": "x"})).await.expect(400);
    let path = format!("{application}/removePassword");
    api.send(Method::POST, &path, key.clone(), &[("if-match", "W/\"1\"")]).await.expect(412);
    api.post(&path, key.clone()).await.expect(204);
    api.post(&path, key).await.expect(404);
    assert_eq!(api.get(&application).await.json["passwordCredentials"], json!([]));
}

#[tokio::test]
async fn a_secret_cannot_be_set_by_a_change_of_the_application() {
    let api = Api::start().await;
    let (application, principal) = program(&api, "backup").await;
    let forged = json!({"passwordCredentials": [{"keyId": "7b9d8a2e-0000-4000-8000-000000000001", "hint": "abc",
        "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2036-01-01T00:00:00Z", "secretText": "mine"}]});
    for holder in [application, principal] {
        api.post(&format!("{holder}/addPassword"), Value::Null).await.expect(200);
        let before = api.get(&holder).await.json["passwordCredentials"].clone();
        api.patch(&holder, forged.clone()).await.expect(204);
        assert_eq!(api.get(&holder).await.json["passwordCredentials"], before);
    }
}

#[tokio::test]
async fn who_may_not_assign_roles_of_the_api_cannot_become_a_program_that_has_some() {
    let api = Api::start().await;
    let made = api.post("/beta/applications", json!({"displayName": "mighty"})).await.expect(201);
    let app_id = made.json["appId"].as_str().unwrap().to_owned();
    let principal = api.post("/beta/servicePrincipals", json!({"appId": app_id})).await.expect(201).id();
    let path = format!("/beta/applications/{}/addPassword", made.id());
    let paths = [path.clone(), format!("/beta/servicePrincipals/{principal}/addPassword")];
    let writer = api.token("Application.ReadWrite.All");
    for path in &paths {
        api.send_as(&writer, path, json!({})).await.expect(200);
    }
    let found = api.get("/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").await.expect(200).json;
    assert_eq!(found["displayName"], "Microsoft Graph");
    let roles = found["appRoles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["value"] == "Directory.ReadWrite.All").unwrap();
    assert_eq!(role["id"], "19dbc75e-c2e2-444c-a770-ec69d8559fc7");
    let assignment = json!({"principalId": principal, "resourceId": found["id"], "appRoleId": role["id"]});
    let at = format!("/v1.0/servicePrincipals/{principal}/appRoleAssignments");
    api.send_as(&writer, &at, assignment.clone()).await.expect(403);
    api.post(&at, assignment).await.expect(201);
    // Where its users are sent back to is as good as a secret.
    let application = format!("/beta/applications/{}", made.id());
    let redirects = [
        json!({"web": {"redirectUris": ["https://elsewhere.example/"]}}),
        json!({"spa": {"redirectUris": ["https://elsewhere.example/"]}}),
        json!({"publicClient": {"redirectUris": ["http://localhost"]}}),
        json!({"isFallbackPublicClient": true}),
    ];
    let both = api.token("Application.ReadWrite.All AppRoleAssignment.ReadWrite.All");
    for redirect in redirects {
        api.patch_as(&writer, &application, redirect.clone()).await.expect(403);
        api.patch_as(&both, &application, redirect).await.expect(204);
    }
    api.patch_as(&writer, &application, json!({"notes": "changed"})).await.expect(204);
    for path in &paths {
        api.send_as(&writer, path, json!({})).await.expect(403);
        let both = api.token("Application.ReadWrite.All AppRoleAssignment.ReadWrite.All");
        api.send_as(&both, path, json!({})).await.expect(200);
        let itself = api.app_token(&app_id, "Application.ReadWrite.All");
        api.send_as(&itself, path, json!({})).await.expect(200);
        // Another program is not that one.
        let other = api.app_token(&found["appId"].as_str().unwrap().to_uppercase(), "Application.ReadWrite.All");
        api.send_as(&other, path, json!({})).await.expect(403);
    }
}

#[tokio::test]
async fn the_service_principal_of_the_api_stays_as_it_is_and_is_no_application() {
    let api = Api::start().await;
    let path = "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')";
    let found = api.get(path).await.expect(200);
    let roles = found.json["appRoles"].as_array().unwrap();
    let values: Vec<&str> = roles.iter().map(|role| role["value"].as_str().unwrap()).collect();
    let expected = crate::PERMISSIONS.iter().filter(|name| **name != "Directory.AccessAsUser.All");
    for name in expected.clone() {
        assert!(values.contains(name), "{name} cannot be assigned");
    }
    assert_eq!(values.len(), expected.count());
    api.patch(path, json!({"appRoles": []})).await.expect(400);
    api.patch(path, json!({"displayName": "mine"})).await.expect(400);
    api.delete(path).await.expect(400);
    api.post(&format!("/v1.0/servicePrincipals/{}/addPassword", found.id()), json!({})).await.expect(400);
    assert_eq!(api.get("/v1.0/applications").await.expect(200).json["value"], json!([]));
    assert_eq!(api.get("/v1.0/applications/$count").await.expect(200).text, "0");
    let id = "00000003-0000-0000-c000-000000000000";
    for path in [format!("/v1.0/applications/{id}"), format!("/v1.0/applications(appId='{id}')")] {
        api.get(&path).await.expect(404);
        api.patch(&path, json!({"displayName": "mine"})).await.expect(404);
        api.delete(&path).await.expect(404);
    }
}
