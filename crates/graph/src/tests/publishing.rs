//! The settings of a publishing that have a type: how they are set, shown, asked for and refused.

use serde_json::{Value, json};

use super::harness::Api;

async fn published(api: &Api, name: &str, publishing: Value) -> String {
    let body = json!({"displayName": name, "onPremisesPublishing": publishing});
    format!("/beta/applications/{}", api.post("/beta/applications", body).await.expect(201).id())
}

async fn wiki(api: &Api) -> String {
    published(api, "Wiki", json!({"externalUrl": "https://wiki.example/", "internalUrl": "http://wiki/"})).await
}

async fn shown(api: &Api, path: &str) -> Value {
    api.get(&format!("{path}/onPremisesPublishing")).await.expect(200).json
}

#[tokio::test]
async fn settings_of_graph_that_have_a_type_are_kept_and_go_back_to_their_defaults() {
    let api = Api::start().await;
    let path = wiki(&api).await;
    let defaults = [
        ("alternateUrl", Value::Null),
        ("useAlternateUrlForTranslationAndRedirect", json!(false)),
        ("isTranslateLinksInBodyEnabled", json!(false)),
        ("trafficRoutingMethod", json!("none")),
    ];
    let publishing = shown(&api, &path).await;
    for (name, value) in &defaults {
        assert_eq!(&publishing[*name], value, "{name}");
    }
    let set = json!({"alternateUrl": "https://Portal.example/wiki", "useAlternateUrlForTranslationAndRedirect": true,
        "isTranslateLinksInBodyEnabled": true, "trafficRoutingMethod": "SessionPersistence"});
    api.patch(&format!("{path}/onPremisesPublishing"), set).await.expect(204);
    let publishing = shown(&api, &path).await;
    assert_eq!(publishing["alternateUrl"], "https://portal.example/wiki/");
    assert_eq!(publishing["useAlternateUrlForTranslationAndRedirect"], true);
    assert_eq!(publishing["isTranslateLinksInBodyEnabled"], true);
    assert_eq!(publishing["trafficRoutingMethod"], "sessionPersistence");
    let back = json!({"alternateUrl": null, "useAlternateUrlForTranslationAndRedirect": null,
        "isTranslateLinksInBodyEnabled": null, "trafficRoutingMethod": "none"});
    api.patch(&format!("{path}/onPremisesPublishing"), back).await.expect(204);
    let publishing = shown(&api, &path).await;
    for (name, value) in &defaults {
        assert_eq!(&publishing[*name], value, "{name}");
    }
}

#[tokio::test]
async fn settings_of_adits_own_are_merged_and_go_back_to_their_defaults() {
    let api = Api::start().await;
    let path = wiki(&api).await;
    let nothing = json!({"connectTimeoutInSeconds": null, "firstByteTimeoutInSeconds": null,
        "idleTimeoutInSeconds": null, "totalTimeoutInSeconds": null, "upstreamProtocol": "automatic",
        "isInMaintenance": false, "maintenanceText": null, "healthProbePath": null, "healthProbeIntervalInSeconds": null,
        "healthProbeTimeoutInSeconds": null, "healthProbeStatuses": null, "signOnHeaders": [], "isAssertionEnabled": true});
    assert_eq!(shown(&api, &path).await["adit"], nothing);
    let set = json!({"adit": {"connectTimeoutInSeconds": 3, "idleTimeoutInSeconds": 60, "upstreamProtocol": "http2", "isInMaintenance": true,
        "maintenanceText": " Back at ten. ", "healthProbePath": "/health?full=1", "healthProbeIntervalInSeconds": 10,
        "healthProbeStatuses": "200-204"}});
    api.patch(&format!("{path}/onPremisesPublishing"), set).await.expect(204);
    let more = json!({"onPremisesPublishing": {"adit": {"totalTimeoutInSeconds": 3600, "idleTimeoutInSeconds": null}}});
    api.patch(&path, more).await.expect(204);
    let adit = shown(&api, &path).await["adit"].clone();
    assert_eq!(
        adit,
        json!({"connectTimeoutInSeconds": 3, "firstByteTimeoutInSeconds": null, "idleTimeoutInSeconds": null,
            "totalTimeoutInSeconds": 3600, "upstreamProtocol": "http2", "isInMaintenance": true, "maintenanceText": "Back at ten.",
            "healthProbePath": "/health?full=1", "healthProbeIntervalInSeconds": 10, "healthProbeTimeoutInSeconds": null,
            "healthProbeStatuses": "200-204", "signOnHeaders": [], "isAssertionEnabled": true})
    );
    api.patch(&format!("{path}/onPremisesPublishing"), json!({"adit": {"isInMaintenance": false}})).await.expect(204);
    assert_eq!(shown(&api, &path).await["adit"]["maintenanceText"], "Back at ten.", "the text is kept for next time");
    api.patch(&format!("{path}/onPremisesPublishing"), json!({"adit": null})).await.expect(204);
    assert_eq!(shown(&api, &path).await["adit"], nothing);
}

#[tokio::test]
async fn what_the_upstream_is_told_of_who_asks_is_a_list_that_is_set_as_a_whole() {
    let api = Api::start().await;
    let path = wiki(&api).await;
    let headers =
        json!([{"header": "X-User", "claim": "userPrincipalName"}, {"header": "SM_GROUPS", "claim": "groups"}]);
    let set =
        json!({"singleSignOnSettings": {"singleSignOnMode": "AadHeaderBased"}, "adit": {"signOnHeaders": headers}});
    api.patch(&format!("{path}/onPremisesPublishing"), set).await.expect(204);
    let publishing = shown(&api, &path).await;
    assert_eq!(
        (&publishing["adit"]["signOnHeaders"], &publishing["adit"]["isAssertionEnabled"]),
        (&headers, &json!(true))
    );
    assert_eq!(publishing["singleSignOnSettings"]["singleSignOnMode"], "aadHeaderBased");
    let other = json!([{"header": "X-User", "claim": "id"}]);
    let set = json!({"adit": {"signOnHeaders": other, "isAssertionEnabled": false, "isInMaintenance": true}});
    api.patch(&format!("{path}/onPremisesPublishing"), set).await.expect(204);
    let adit = shown(&api, &path).await["adit"].clone();
    assert_eq!((&adit["signOnHeaders"], &adit["isAssertionEnabled"]), (&other, &json!(false)));
    for nothing in [json!([]), Value::Null] {
        let set = json!({"adit": {"signOnHeaders": nothing, "isAssertionEnabled": null}});
        api.patch(&format!("{path}/onPremisesPublishing"), set).await.expect(204);
        let adit = shown(&api, &path).await["adit"].clone();
        assert_eq!((&adit["signOnHeaders"], &adit["isAssertionEnabled"]), (&json!([]), &json!(true)), "{nothing}");
        assert_eq!(adit["isInMaintenance"], true, "what was not named stays");
    }
    // Kept for clients that set it, as the contract of the API has it.
    let kerberos = json!({"singleSignOnSettings": {"singleSignOnMode": "onPremisesKerberos",
        "kerberosSignOnSettings": {"kerberosServicePrincipalName": "HTTP/wiki.corp"}}});
    api.patch(&format!("{path}/onPremisesPublishing"), kerberos).await.expect(204);
    assert_eq!(shown(&api, &path).await["singleSignOnSettings"]["singleSignOnMode"], "onPremisesKerberos");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_by_name() {
    let api = Api::start().await;
    let path = wiki(&api).await;
    published(
        &api,
        "Other",
        json!({"externalUrl": "https://other.example/", "internalUrl": "http://other/",
        "alternateUrl": "https://second.example/"}),
    )
    .await;
    let header = |number: usize| json!({"header": format!("X-User-{number}"), "claim": "id"});
    let seventeen: Vec<Value> = (0..17).map(header).collect();
    for (publishing, said) in [
        (json!({"adit": {"connectTimeoutInSeconds": 0}}), "adit/connectTimeoutInSeconds"),
        (json!({"adit": {"totalTimeoutInSeconds": 86401}}), "adit/totalTimeoutInSeconds"),
        (json!({"adit": {"idleTimeoutInSeconds": "5"}}), "adit/idleTimeoutInSeconds"),
        (json!({"adit": {"upstreamProtocol": "spdy"}}), "adit/upstreamProtocol"),
        (json!({"adit": {"upstreamProtocol": 2}}), "adit/upstreamProtocol"),
        (json!({"adit": {"maintenanceText": "a\u{7}b"}}), "adit/maintenanceText"),
        (json!({"adit": {"maintenanceText": "x".repeat(501)}}), "adit/maintenanceText"),
        (json!({"adit": {"healthProbePath": "http://metadata.internal/"}}), "adit/healthProbePath"),
        (json!({"adit": {"healthProbePath": "//metadata.internal/"}}), "adit/healthProbePath"),
        (json!({"adit": {"healthProbePath": "health"}}), "begins with one '/'"),
        (json!({"adit": {"healthProbePath": ""}}), "adit/healthProbePath"),
        (json!({"adit": {"healthProbePath": "/a\r\nX-User: root"}}), "adit/healthProbePath"),
        (json!({"adit": {"healthProbePath": "/a/../b"}}), "dot segment"),
        (json!({"adit": {"healthProbePath": 1}}), "adit/healthProbePath"),
        (json!({"adit": {"healthProbeIntervalInSeconds": 4}}), "4 is not a number of seconds from 5 to 3600"),
        (json!({"adit": {"healthProbeIntervalInSeconds": 3601}}), "adit/healthProbeIntervalInSeconds"),
        (json!({"adit": {"healthProbeTimeoutInSeconds": 0}}), "adit/healthProbeTimeoutInSeconds"),
        (json!({"adit": {"healthProbeTimeoutInSeconds": 61}}), "adit/healthProbeTimeoutInSeconds"),
        (json!({"adit": {"healthProbeStatuses": "200-500"}}), "adit/healthProbeStatuses"),
        (json!({"adit": {"healthProbeStatuses": "ok"}}), "adit/healthProbeStatuses"),
        (
            json!({"externalUrl": "https://*.example/", "internalUrl": "http://*.corp/",
                "adit": {"healthProbePath": "/health"}}),
            "adit/healthProbePath",
        ),
        (json!({"adit": {"signOnHeaders": [{"header": "X-User", "claim": "age"}]}}), "userPrincipalName, displayName"),
        (json!({"adit": {"signOnHeaders": [{"header": "X-User"}]}}), "adit/signOnHeaders"),
        (json!({"adit": {"signOnHeaders": [{"claim": "id"}]}}), "adit/signOnHeaders"),
        (json!({"adit": {"signOnHeaders": [{"header": "X-User", "claim": "id", "more": 1}]}}), "more"),
        (json!({"adit": {"signOnHeaders": "X-User"}}), "adit/signOnHeaders"),
        (json!({"adit": {"signOnHeaders": [{"header": "X-User\r\nHost", "claim": "id"}]}}), "is no name of a header"),
        (json!({"adit": {"signOnHeaders": [{"header": "X_Forwarded_For", "claim": "id"}]}}), "cannot be set"),
        (json!({"adit": {"signOnHeaders": [{"header": "Adit-Assertion", "claim": "id"}]}}), "cannot be set"),
        (
            json!({"adit": {"signOnHeaders": [{"header": "X-User", "claim": "id"}, {"header": "x_user", "claim": "mail"}]}}),
            "'X-User' and 'x_user' are the same header",
        ),
        (json!({"adit": {"signOnHeaders": seventeen}}), "17 headers are more than the 16"),
        (json!({"adit": {"isAssertionEnabled": "no"}}), "adit/isAssertionEnabled"),
        (json!({"singleSignOnSettings": {"singleSignOnMode": "saml"}}), "'saml' is not offered here"),
        (json!({"singleSignOnSettings": {"singleSignOnMode": "pingHeaderBased"}}), "singleSignOnMode"),
        (
            json!({"singleSignOnSettings": {"singleSignOnMode": "OAuthToken"}}),
            "none, aadHeaderBased, onPremisesKerberos",
        ),
        (json!({"singleSignOnSettings": {"singleSignOnMode": "magic"}}), "singleSignOnMode"),
        (json!({"adit": {"unknown": 1}}), "adit/unknown"),
        (json!({"adit": "on"}), "adit"),
        (json!({"alternateUrl": "http://portal.example/"}), "alternateUrl"),
        (
            json!({"alternateUrl": "https://wiki.example/"}),
            "The alternateUrl 'https://wiki.example/' is the same place",
        ),
        (
            json!({"alternateUrl": "https://portal.example/%61pp/"}),
            "property 'alternateUrl': 'https://portal.example/%61",
        ),
        (json!({"externalUrl": "https://wiki.example/%61pp/"}), "needs no escape"),
        (json!({"externalUrl": "https://wiki.example/a%21/"}), "property 'externalUrl'"),
        (json!({"alternateUrl": "https://other.example/"}), "already in use"),
        (json!({"alternateUrl": "https://second.example/"}), "already in use"),
        (json!({"externalUrl": "https://second.example/"}), "already in use"),
        (json!({"alternateUrl": "https://*.example/"}), "wildcard"),
        (json!({"externalUrl": "https://*.example/"}), "wildcard"),
        (json!({"externalUrl": "https://*.example/a/", "internalUrl": "http://*.corp/"}), "wildcard"),
        (json!({"externalUrl": "https://a*.example/", "internalUrl": "http://*.corp/"}), "wildcard"),
        (json!({"trafficRoutingMethod": "fastest"}), "trafficRoutingMethod"),
        (json!({"trafficRoutingMethod": null}), "trafficRoutingMethod"),
    ] {
        let refused = api.patch(&path, json!({"onPremisesPublishing": publishing})).await.expect(400);
        assert!(refused.text.contains(said), "{publishing}: {}", refused.text);
    }
    assert_eq!(shown(&api, &path).await["alternateUrl"], Value::Null);
}

#[tokio::test]
async fn a_wildcard_is_published_on_both_sides() {
    let api = Api::start().await;
    let publishing = json!({"externalUrl": "https://*.Apps.example", "internalUrl": "http://*.corp.local:8080/"});
    let path = published(&api, "All", publishing).await;
    let publishing = shown(&api, &path).await;
    assert_eq!(publishing["externalUrl"], "https://*.apps.example/");
    assert_eq!(publishing["internalUrl"], "http://*.corp.local:8080/");
}

#[tokio::test]
async fn settings_can_be_asked_for() {
    let api = Api::start().await;
    wiki(&api).await;
    published(
        &api,
        "Set",
        json!({"externalUrl": "https://set.example/", "internalUrl": "http://set/",
        "alternateUrl": "https://second.example/", "trafficRoutingMethod": "sessionPersistence",
        "isTranslateLinksInBodyEnabled": true, "useAlternateUrlForTranslationAndRedirect": true,
        "adit": {"isInMaintenance": true, "maintenanceText": "Later", "connectTimeoutInSeconds": 5,
            "upstreamProtocol": "http2", "healthProbePath": "/health", "healthProbeIntervalInSeconds": 60,
            "healthProbeTimeoutInSeconds": 9, "healthProbeStatuses": "200", "isAssertionEnabled": false,
            "signOnHeaders": [{"header": "X-User", "claim": "id"}, {"header": "X-Mail", "claim": "mail"}]},
        "singleSignOnSettings": {"singleSignOnMode": "aadHeaderBased"}}),
    )
    .await;
    api.post("/beta/applications", json!({"displayName": "Unpublished"})).await.expect(201);
    for (filter, names) in [
        ("alternateUrl eq 'https://second.example/'", vec!["Set"]),
        ("trafficRoutingMethod eq 'sessionPersistence'", vec!["Set"]),
        ("trafficRoutingMethod eq 'none'", vec!["Wiki"]),
        ("isTranslateLinksInBodyEnabled eq true", vec!["Set"]),
        ("useAlternateUrlForTranslationAndRedirect eq true", vec!["Set"]),
        ("adit/upstreamProtocol eq 'http2'", vec!["Set"]),
        ("adit/upstreamProtocol eq 'automatic'", vec!["Wiki"]),
        ("adit/isInMaintenance eq true", vec!["Set"]),
        ("adit/maintenanceText eq 'Later'", vec!["Set"]),
        ("adit/connectTimeoutInSeconds le 5", vec!["Set"]),
        ("adit/totalTimeoutInSeconds ne null", vec![]),
        ("adit/healthProbePath ne null", vec!["Set"]),
        ("adit/healthProbeIntervalInSeconds ge 60", vec!["Set"]),
        ("adit/healthProbeTimeoutInSeconds eq 9", vec!["Set"]),
        ("adit/healthProbeStatuses eq '200'", vec!["Set"]),
        ("adit/isAssertionEnabled eq false", vec!["Set", "Unpublished"]),
        ("adit/isAssertionEnabled eq true", vec!["Wiki"]),
        ("adit/signOnHeaders/any(own:own/claim eq 'mail')", vec!["Set"]),
        ("adit/signOnHeaders/any(own:own/claim eq 'groups')", vec![]),
        ("singleSignOnSettings/singleSignOnMode eq 'aadHeaderBased'", vec!["Set"]),
    ] {
        let path = format!("/beta/applications?$filter=onPremisesPublishing/{}", filter.replace(' ', "%20"));
        let list = api.get(&path).await.expect(200);
        let found: Vec<&str> =
            list.json["value"].as_array().unwrap().iter().map(|item| item["displayName"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{filter}");
    }
}
