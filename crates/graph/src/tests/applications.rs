//! Applications, their publishing and their group; connector groups and registration tokens.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Api, P};

#[tokio::test]
async fn a_new_application_has_what_graph_gives_it() {
    let api = Api::start().await;
    let body = json!({"@odata.type": "#microsoft.graph.application", "DisplayName": "Wiki", "signInAudience": "azureadmyorg",
        "id": "mine", "createdDateTime": 5});
    let reply = api.post("/beta/applications", body).await.expect(201);
    let id = reply.id();
    assert_eq!(reply.header("location"), Some(format!("http://adit.test/beta/applications/{id}").as_str()));
    assert_eq!(reply.json["@odata.context"], "http://adit.test/beta/$metadata#applications/$entity");
    assert_eq!(reply.json["displayName"], "Wiki");
    assert_eq!(reply.json["signInAudience"], "AzureADMyOrg");
    assert_eq!(
        (&reply.json["identifierUris"], &reply.json["tags"], &reply.json["notes"]),
        (&json!([]), &json!([]), &Value::Null)
    );
    assert_eq!(reply.json["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], false);
    assert!(reply.json["createdDateTime"].as_str().unwrap().ends_with('Z'));
    assert!(reply.json.get("onPremisesPublishing").is_none(), "left out unless it is selected");
    let app_id = reply.json["appId"].as_str().unwrap();
    let read = api.get(&format!("/v1.0/applications(appId='{app_id}')")).await.expect(200);
    assert_eq!(read.id(), id);
    api.get(&format!("/beta/applications/{id}/connectorGroup")).await.expect(404);
    api.get(&format!("/beta/applications/{id}/onPremisesPublishing")).await.expect(204);
}

#[tokio::test]
async fn other_properties_are_kept_and_structures_are_merged() {
    let api = Api::start().await;
    let id = api.post("/beta/applications", json!({"displayName": "Wiki"})).await.expect(201).id();
    let path = format!("/beta/applications/{id}");
    let first = json!({"identifierUris": ["api://x"], "Web": {"HomePageUrl": "https://wiki.example/", "redirectUris": ["https://wiki.example/"]}});
    api.patch(&format!("{path}/"), first).await.expect(204);
    api.patch(&path, json!({"web": {"logoutUrl": "https://wiki.example/out"}, "notes": "n"})).await.expect(204);
    let read = api.get(&path).await.expect(200);
    assert_eq!(read.json["identifierUris"], json!(["api://x"]));
    assert_eq!(read.json["web"]["homePageUrl"], "https://wiki.example/");
    assert_eq!(read.json["web"]["logoutUrl"], "https://wiki.example/out");
    assert_eq!(read.json["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], false);
    assert_eq!(read.json["notes"], "n");
    let inner =
        json!({"web": {"implicitGrantSettings": {"enableIdTokenIssuance": true}}, "optionalClaims": {"idToken": []}});
    api.patch(&path, inner).await.expect(204);
    api.patch(
        &path,
        json!({"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": true}}, "optionalClaims": null}),
    )
    .await
    .expect(204);
    let read = api.get(&path).await.expect(200);
    let both = json!({"enableIdTokenIssuance": true, "enableAccessTokenIssuance": true});
    assert_eq!((&read.json["web"]["implicitGrantSettings"], &read.json["optionalClaims"]), (&both, &Value::Null));
    assert_eq!(read.json["web"]["homePageUrl"], "https://wiki.example/");
    let secret = json!({"keyCredentials": [{"keyId": "7b9d8a2e-0000-4000-8000-000000000001", "key": "SECRET00"}], "passwordCredentials": [{"secretText": "SECRET"}]});
    api.patch(&path, secret).await.expect(204);
    assert!(!api.get(&path).await.expect(200).text.contains("SECRET"));
}

#[tokio::test]
async fn a_service_principal_of_an_application_without_web_has_no_reply_urls() {
    let api = Api::start().await;
    let made = api.post("/beta/applications", json!({"displayName": "bare", "web": null})).await.expect(201);
    let principal = api.post("/beta/servicePrincipals", json!({"appId": made.json["appId"]})).await.expect(201);
    assert_eq!(principal.json["replyUrls"], json!([]));
}

#[tokio::test]
async fn publishing_merges_and_shows_defaults_and_tags() {
    let api = Api::start().await;
    let id = api.post("/beta/applications", json!({"displayName": "Wiki", "tags": ["mine"]})).await.expect(201).id();
    let path = format!("/beta/applications/{id}");
    let body = json!({"onPremisesPublishing": {"ExternalUrl": "https://wiki.example", "internalUrl": "http://wiki.internal:8080/",
        "isOnPremPublishingEnabled": "ignored"}});
    api.patch(&path, body).await.expect(204);
    let read = api.get(&format!("{path}?$select=id,OnPremisesPublishing")).await.expect(200);
    assert_eq!(
        read.json["@odata.context"],
        "http://adit.test/beta/$metadata#applications(id,onPremisesPublishing)/$entity"
    );
    let publishing = &read.json["onPremisesPublishing"];
    for (name, value) in [
        ("externalUrl", json!("https://wiki.example/")),
        ("internalUrl", json!("http://wiki.internal:8080/")),
        ("externalAuthenticationType", json!("aadPreAuthentication")),
        ("isOnPremPublishingEnabled", json!(true)),
        ("isTranslateHostHeaderEnabled", json!(true)),
        ("isSecureCookieEnabled", json!(true)),
        ("isBackendCertificateValidationEnabled", json!(true)),
        ("applicationServerTimeout", json!("default")),
        ("trafficRoutingMethod", json!("none")),
        ("singleSignOnSettings", Value::Null),
    ] {
        assert_eq!(publishing[name], value, "{name}");
    }
    assert!(publishing.get("verifiedCustomDomainKeyCredential").is_none());
    let body = json!({"displayName": "Both", "onPremisesPublishing": {"externalAuthenticationType": "Passthru",
        "applicationServerTimeout": "Long", "isTranslateHostHeaderEnabled": false, "isHttpOnlyCookieEnabled": true,
        "singleSignOnSettings": {"SingleSignOnMode": "AADHeaderBased"}}});
    api.patch(&path, body).await.expect(204);
    let alone = api.get(&format!("{path}/onPremisesPublishing")).await.expect(200);
    assert_eq!(
        alone.json["@odata.context"],
        format!("http://adit.test/beta/$metadata#applications('{id}')/onPremisesPublishing")
    );
    assert_eq!(alone.json["externalUrl"], "https://wiki.example/");
    assert_eq!(alone.json["externalAuthenticationType"], "passthru");
    assert_eq!(
        (&alone.json["applicationServerTimeout"], &alone.json["isHttpOnlyCookieEnabled"]),
        (&json!("long"), &json!(true))
    );
    assert_eq!(alone.json["singleSignOnSettings"]["singleSignOnMode"], "aadHeaderBased");
    let read = api.get(&path).await.expect(200);
    assert_eq!(read.json["displayName"], "Both");
    assert_eq!(
        read.json["tags"],
        json!(["mine", "WindowsAzureActiveDirectoryIntegratedApp", "WindowsAzureActiveDirectoryOnPremApp"])
    );
    assert_eq!(
        api.group_of_application(&id).await,
        api.default_group().await,
        "a new publishing starts in the default group"
    );
}

#[tokio::test]
async fn publishing_ends_in_every_spelling_that_clients_use() {
    let api = Api::start().await;
    let id = api.post("/beta/applications", json!({"displayName": "Wiki"})).await.expect(201).id();
    let path = format!("/beta/applications/{id}");
    let publishing = json!({"externalUrl": "https://wiki.example/", "internalUrl": "http://wiki.internal/"});
    let word = "PowerShellDeleteApplication";
    for ending in [
        Some(json!({"onPremisesPublishing": null})),
        Some(json!({"onPremisesPublishing": {"externalUrl": word, "internalUrl": word}})),
        Some(
            json!({"onPremisesPublishing": {"externalUrl": null, "internalUrl": null, "isOnPremPublishingEnabled": false}}),
        ),
        None,
    ] {
        api.patch(&format!("{path}/onPremisesPublishing"), publishing.clone()).await.expect(204);
        api.get(&format!("{path}/connectorGroup")).await.expect(200);
        match &ending {
            Some(body) => api.patch(&path, body.clone()).await.expect(204),
            None => api.delete(&format!("{path}/onPremisesPublishing")).await.expect(204),
        };
        api.get(&format!("{path}/connectorGroup")).await.expect(404);
        let read = api.get(&format!("{path}?$select=onPremisesPublishing,tags")).await.expect(200);
        assert_eq!(read.json["onPremisesPublishing"], Value::Null, "{ending:?}");
        assert_eq!(read.json["tags"], json!(["WindowsAzureActiveDirectoryIntegratedApp"]));
    }
}

#[tokio::test]
async fn an_application_leaves_its_group_for_the_default_group() {
    let api = Api::start().await;
    let id = api.published("wiki").await;
    let (group, default) = (api.group("Berlin").await, api.default_group().await);
    let path = format!("/beta/applications/{id}/connectorGroup");
    api.put(&format!("{path}/$ref"), json!({"@odata.id": format!("/connectorGroups/{group}")})).await.expect(204);
    let link = api.get(&format!("{path}/$ref")).await.expect(200);
    assert_eq!(link.json["@odata.context"], "http://adit.test/beta/$metadata#$ref");
    assert_eq!(link.json["@odata.id"], format!("http://adit.test{P}/connectorGroups/{group}"));
    for _ in 0..2 {
        api.delete(&format!("{path}/$ref")).await.expect(204);
        assert_eq!(api.group_of_application(&id).await, default);
    }
    let body = json!({"@odata.id": format!("https://graph.microsoft.com/beta/applications/{id}")});
    api.post(&format!("/beta/connectorGroups/{group}/applications"), body).await.expect(204);
    assert_eq!(api.group_of_application(&id).await, group);
    api.get(&format!("{P}/connectorGroups/{group}/applications/{id}")).await.expect(200);
    api.get(&format!("{P}/connectorGroups/{default}/applications/{id}")).await.expect(404);
    api.delete(&format!("/beta/applications/{id}")).await.expect(204);
    api.get(&format!("/beta/applications/{id}")).await.expect(404);
}

#[tokio::test]
async fn groups_are_made_changed_and_deleted_as_decided() {
    let api = Api::start().await;
    let body = json!({"Name": "Berlin", "region": "EUR", "isDefault": true, "connectorGroupType": "x", "id": 5});
    let made = api.post(&format!("{P}/connectorGroups"), body).await.expect(201);
    let (id, path) = (made.id(), format!("{P}/connectorGroups/{}", made.id()));
    assert_eq!(made.header("location"), Some(format!("http://adit.test{path}").as_str()));
    assert_eq!((&made.json["isDefault"], &made.json["region"]), (&json!(false), &json!("eur")));
    let reply = api.patch(&path, json!({"name": "Paris", "isDefault": true})).await.expect(204);
    assert_ne!(reply.header("etag"), made.header("etag"), "a change gives another ETag");
    assert!(reply.header("etag").is_some());
    let prefer = [("prefer", "return=representation")];
    let reply = api.send(Method::PATCH, &path, json!({"region": "japan"}), &prefer).await.expect(200);
    assert_eq!(
        (&reply.json["name"], &reply.json["region"], &reply.json["isDefault"]),
        (&json!("Paris"), &json!("japan"), &json!(false))
    );
    api.patch(&path, json!({"region": null})).await.expect(204);
    assert_eq!(
        api.get(&format!("/v1.0/connectorgroups('{}')", id.to_uppercase())).await.expect(200).json["region"],
        Value::Null
    );
    let default = api.default_group().await;
    api.patch(&format!("{P}/connectorGroups/{default}"), json!({"name": "Home"})).await.expect(204);
    api.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_registration_token_is_made_for_a_group() {
    let api = Api::start().await;
    let group = api.group("Berlin").await;
    for path in [
        format!("{P}/connectorGroups/{group}/adit.createRegistrationToken"),
        format!("/connectorGroups('{group}')/Adit.CreateRegistrationToken"),
    ] {
        for body in [Value::Null, json!({}), json!({"lifetimeInSeconds": 60})] {
            let reply = api.post(&path, body).await.expect(200);
            let token: adit_core::RegistrationToken = reply.json["token"].as_str().unwrap().parse().unwrap();
            assert_eq!(token.gateway, "localhost:8443");
            assert_eq!(token.ca_fingerprint, api.control.authority().fingerprint());
            assert!(reply.json["expirationDateTime"].as_str().unwrap().ends_with('Z'));
        }
        for body in [
            json!({"lifetimeInSeconds": 0}),
            json!({"lifetimeInSeconds": -1}),
            json!({"lifetimeInSeconds": 10_000_000}),
            json!({"x": 1}),
        ] {
            api.post(&path, body).await.expect(400);
        }
    }
    let path = format!("{P}/connectorGroups/aaaaaaaa-0000-0000-0000-000000000000/adit.createRegistrationToken");
    api.post(&path, json!({})).await.expect(404);
}

#[tokio::test]
async fn registration_tokens_are_listed_without_their_secrets_and_revoked() {
    let api = Api::start().await;
    let group = api.group("Berlin").await;
    let create = format!("{P}/connectorGroups/{group}/adit.createRegistrationToken");
    let bound = api.post(&create, json!({"machineName": "srv1"})).await.expect(200).json;
    let free = api.post(&create, json!({})).await.expect(200).json;
    api.post(&create, json!({"machineName": "a b\nc"})).await.expect(400);
    let list = format!("{P}/connectorGroups/adit.registrationTokens()");
    let listed = api.get(&list).await.expect(200);
    assert!(!listed.text.contains(bound["token"].as_str().unwrap()), "a secret is shown once");
    let tokens = listed.json["tokens"].as_array().unwrap().clone();
    assert_eq!(tokens.iter().map(|token| &token["id"]).collect::<Vec<_>>(), [&free["id"], &bound["id"]]);
    assert_eq!((&tokens[1]["machineName"], &tokens[1]["connectorGroupId"]), (&json!("srv1"), &json!(group)));
    let revoke = format!("{P}/connectorGroups/adit.revokeRegistrationToken");
    api.post(&revoke, json!({"id": bound["id"]})).await.expect(204);
    api.post(&revoke, json!({"id": bound["id"]})).await.expect(404);
    for body in [json!({}), json!({"id": 7}), json!({"id": "x"})] {
        api.post(&revoke, body).await.expect(400);
    }
    assert_eq!(api.get(&list).await.expect(200).json["tokens"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_request_would_meet_is_a_function_of_the_applications() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    let url = api.get(&format!("/beta/applications/{wiki}/onPremisesPublishing/externalUrl")).await.expect(200);
    let encoded = url.json["value"].as_str().unwrap().replace(':', "%3A").replace('/', "%2F");
    let explanation = api.get(&format!("/beta/applications/adit.explain(url='{encoded}')")).await.expect(200).json;
    assert_eq!(explanation["@odata.context"], "http://adit.test/beta/$metadata#adit.explanation");
    assert_eq!(
        (&explanation["applicationId"], &explanation["candidates"][0]["standing"]),
        (&json!(wiki), &json!("chosen"))
    );
    assert_eq!((&explanation["connectors"], &explanation["lastFailure"]), (&json!([]), &json!(null)));
    let refused = api.get("/beta/applications/adit.explain(url='http%3A%2F%2Fwiki.example')").await.expect(400);
    assert!(refused.message().contains("https only"), "{}", refused.message());
    api.get("/beta/applications/adit.explain()").await.expect(400);
    api.get("/beta/applications/adit.explain").await.expect(400);
}

#[tokio::test]
async fn how_groups_and_applications_are_is_told_by_functions_of_them() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    let _awaited = api.connector(&wiki, "berlin-1").await;
    let groups = api.get(&format!("{P}/connectorGroups/adit.health()")).await.expect(200).json;
    assert_eq!(groups["@odata.context"], "http://adit.test/beta/$metadata#adit.groupsHealth");
    let default = groups["groups"].as_array().unwrap().iter().find(|group| group["connectorGroupName"] == "Default");
    let default = default.expect("the group that serves it");
    assert_eq!(default["health"], "down", "{default}");
    assert_eq!(default["connectors"], json!([]), "who never registered is not missed");

    let all = api.get("/beta/applications/adit.health()").await.expect(200).json;
    assert_eq!(
        (&all["down"], &all["serving"], &all["inTrouble"][0]["applicationId"]),
        (&json!(1), &json!(0), &json!(wiki))
    );
    let one = api.get(&format!("/beta/applications/{wiki}/adit.health()")).await.expect(200).json;
    assert_eq!(one["@odata.context"], "http://adit.test/beta/$metadata#adit.applicationHealth");
    assert_eq!((&one["health"], &one["connectors"]), (&json!("down"), &json!([])), "{one}");
    let bare = api.post("/beta/applications", json!({"displayName": "not published"})).await.expect(201).id();
    api.get(&format!("/beta/applications/{bare}/adit.health()")).await.expect(400);
    api.get("/beta/applications/aaaaaaaa-0000-0000-0000-000000000000/adit.health()").await.expect(404);
}

#[tokio::test]
async fn a_connector_that_is_not_connected_is_not_drained_and_says_what_is_under_way() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "srv1").await;
    let path = format!("{P}/connectors/{connector}");
    let refused = api.post(&format!("{path}/adit.drain"), Value::Null).await.expect(400);
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("not connected"), "{}", refused.json);
    api.post(&format!("{path}/adit.resume"), Value::Null).await.expect(204);
    let work = api.get(&format!("{path}/adit.work()")).await.expect(200).json;
    assert_eq!(
        (&work["isDrained"], &work["requestsUnderWay"], &work["drainingStreams"]),
        (&json!(false), &json!(2), &json!(1))
    );
    api.post(&format!("{P}/connectors/aaaaaaaa-0000-0000-0000-000000000000/adit.drain"), Value::Null).await.expect(404);
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_at_an_application() {
    let api = Api::start().await;
    let id = api.post("/v1.0/applications", json!({"displayName": "Wiki"})).await.expect(201).id();
    api.post(&format!("/v1.0/applications/{id}/adit.revokeSessions"), Value::Null).await.expect(204);
    let nothing = "/v1.0/applications/aaaaaaaa-0000-0000-0000-000000000000/adit.revokeSessions";
    api.post(nothing, Value::Null).await.expect(404);
}
