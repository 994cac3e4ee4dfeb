//! Requests that must be refused, each with the right status, and without a change.

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, Request};
use serde_json::{Value, json};
use std::io::Write as _;

use super::harness::{Api, P};

async fn raw(api: &Api, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> super::harness::Reply {
    let mut request =
        Request::post(path).header("authorization", format!("Bearer {}", api.token("Directory.ReadWrite.All")));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.exchange(request.body(Body::from(body)).unwrap()).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_that_are_not_json_objects_are_400() {
    let api = Api::start().await;
    let path = format!("{P}/connectorGroups");
    for body in
        ["", "{bad", "[]", "5", "null", "\"x\"", r#"{"name":"a","name":"b"}"#, "{\"name\":\"a\"}x", "\u{feff}{}"]
    {
        let reply = raw(&api, &path, &[("content-type", "application/json")], body.into()).await.expect(400);
        assert_eq!(reply.code(), "BadRequest", "{body}");
        assert!(reply.message().starts_with("Unable to read JSON request payload."), "{body}");
    }
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(100), "]".repeat(100));
    raw(&api, &path, &[], deep.into()).await.expect(400);
    assert_eq!(api.get(&path).await.json["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn content_types_that_end_in_json_are_read_and_others_are_415() {
    let api = Api::start().await;
    let path = format!("{P}/connectorGroups");
    for (number, kind) in
        ["application/json", "connectorGroup/json", "appplication/json; charset=UTF-8", "Application/JSON;odata=x", ""]
            .iter()
            .enumerate()
    {
        let body = json!({"name": format!("group {number}")}).to_string();
        raw(&api, &path, &[("content-type", kind)], body.into()).await.expect(201);
    }
    raw(&api, &path, &[], json!({"name": "no type"}).to_string().into()).await.expect(201);
    for kind in ["text/plain", "application/xml", "application/json;charset=utf-16", "multipart/form-data"] {
        let body = json!({"name": "x"}).to_string();
        raw(&api, &path, &[("content-type", kind)], body.into()).await.expect(415);
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_are_413_also_when_compressed() {
    let api = Api::start().await;
    let path = format!("{P}/connectorGroups");
    let large = vec![b' '; 1024 * 1024 + 1];
    raw(&api, &path, &[], large.clone()).await.expect(413);
    let bomb = gzip(&vec![b' '; 50 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    raw(&api, &path, &[("content-encoding", "gzip")], bomb).await.expect(413);
    raw(&api, &path, &[("content-length", "99999999")], b"{}".to_vec()).await.expect(413);
}

#[tokio::test]
async fn gzip_bodies_are_read_and_other_encodings_are_415() {
    let api = Api::start().await;
    let path = format!("{P}/connectorGroups");
    let body = gzip(json!({"name": "Berlin"}).to_string().as_bytes());
    raw(&api, &path, &[("content-encoding", "gzip")], body.clone()).await.expect(201);
    raw(&api, &path, &[("content-encoding", "br")], body.clone()).await.expect(415);
    raw(&api, &path, &[("content-encoding", "gzip")], body[..body.len() - 12].to_vec()).await.expect(400);
    raw(&api, &path, &[("content-encoding", "gzip")], b"not gzip".to_vec()).await.expect(400);
}

#[tokio::test]
async fn unknown_properties_and_wrong_values_are_400_and_named() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let group = api.group("Berlin").await;
    let groups = format!("{P}/connectorGroups");
    let one = format!("{groups}/{group}");
    let app = format!("/beta/applications/{application}");
    for (method, path, body, named) in [
        (Method::POST, groups.as_str(), json!({"name": "x", "nosuch": 1}), "'nosuch'"),
        (Method::POST, &groups, json!({"region": "eur"}), "'name'"),
        (Method::POST, &groups, json!({"name": ""}), "'name'"),
        (Method::POST, &groups, json!({"name": 5}), "'name'"),
        (Method::POST, &groups, json!({"name": null}), "'name'"),
        (Method::POST, &groups, json!({"name": "x", "region": "mars"}), "nam, eur, aus, asia, ind, japan"),
        (Method::POST, &groups, json!({"name": "BERLIN"}), "Berlin"),
        (Method::PATCH, &one, json!({"members": []}), "'members'"),
        (
            Method::PATCH,
            &one,
            json!({"@odata.type": "#microsoft.graph.connector", "name": "x"}),
            "microsoft.graph.connectorGroup",
        ),
        (Method::POST, "/beta/applications", json!({"signInAudience": "AzureADMyOrg"}), "'displayName'"),
        (Method::POST, "/beta/applications", json!({"displayName": "x", "signInAudience": "Me"}), "AzureADMyOrg"),
        (Method::PATCH, &app, json!({"nosuch": 1}), "'nosuch'"),
        (Method::PATCH, &app, json!({"tags": "x"}), "'tags'"),
        (Method::PATCH, &app, json!({"web": {"nosuch": 1}}), "'web/nosuch'"),
        (Method::PATCH, &app, json!({"info": 5}), "'info': an object (informationalUrl) is expected, but found 5"),
        (Method::PATCH, &app, json!({"api": "x"}), "'api'"),
        (Method::PATCH, &app, json!({"spa": [1]}), "'spa'"),
        (Method::PATCH, &app, json!({"keyCredentials": [5]}), "'keyCredentials'"),
        (Method::PATCH, &app, json!({"identifierUris": ["api://a", "API://A"]}), "'identifierUris'"),
        (Method::PATCH, &app, json!({"onPremisesPublishing": {"nosuch": 1}}), "'onPremisesPublishing/nosuch'"),
        (
            Method::PATCH,
            &app,
            json!({"onPremisesPublishing": {"externalAuthenticationType": "open"}}),
            "passthru, aadPreAuthentication",
        ),
        (
            Method::PATCH,
            &app,
            json!({"onPremisesPublishing": {"applicationServerTimeout": "forever"}}),
            "default, long",
        ),
        (
            Method::PATCH,
            &app,
            json!({"onPremisesPublishing": {"isSecureCookieEnabled": "yes"}}),
            "isSecureCookieEnabled",
        ),
        (Method::PATCH, &app, json!({"onPremisesPublishing": {"internalUrl": "ftp://x/"}}), "http"),
        (Method::PATCH, &app, json!({"onPremisesPublishing": {"externalUrl": "http://x/"}}), "https"),
        (Method::PATCH, &app, json!({"onPremisesPublishing": {"externalUrl": null}}), "'externalUrl'"),
        (
            Method::PATCH,
            &app,
            json!({"onPremisesPublishing": {"verifiedCustomDomainKeyCredential": {"value": "x"}}}),
            "verifiedCustomDomainKeyCredential",
        ),
    ] {
        let reply = api.send(method, path, body.clone(), &[]).await.expect(400);
        let message = reply.message().to_lowercase();
        assert!(message.contains(&named.to_lowercase()), "{body}: {message}");
    }
    let read = api.get(&format!("{app}/onPremisesPublishing")).await.expect(200);
    assert_eq!(read.json["internalUrl"], "http://wiki.internal/");
    assert_eq!(api.get(&one).await.json["name"], "Berlin");
}

#[tokio::test]
async fn references_to_missing_or_wrong_objects_are_refused_and_never_fetched() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group("Berlin").await;
    let home = api.group_of_connector(&connector).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let members = format!("{P}/connectorGroups/{group}/members/$ref");
    let unknown = "aaaaaaaa-0000-0000-0000-000000000000";
    for (body, status) in [
        (json!({"@odata.id": format!("{own}/connectors/{unknown}")}), 404),
        (json!({"@odata.id": format!("{own}/connectorGroups/{group}")}), 400),
        (json!({"@odata.id": format!("{own}/applications/{application}")}), 400),
        (json!({"@odata.id": format!("{own}/{connector}")}), 400),
        (json!({"@odata.id": format!("file:///connectors/{connector}")}), 400),
        (json!({"@odata.id": format!("http://u:p@127.0.0.1/connectors/{connector}")}), 400),
        (json!({"@odata.id": 5}), 400),
        (json!({"@odata.id": null}), 400),
        (json!({"@odata.id": ["/connectors/x"]}), 400),
        (json!({"@odata.id": ""}), 400),
        (json!({}), 400),
        (json!({"machineName": "alpha"}), 400),
        (json!({"id": unknown}), 404),
        (json!({"id": 5}), 400),
    ] {
        let reply = api.post(&members, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
    }
    let path = format!("{P}/connectorGroups/{unknown}/members/$ref");
    let reply = api.post(&path, json!({"id": connector})).await.expect(404);
    assert_eq!(reply.code(), "ConnectorGroup_NotFound");
    let path = format!("/beta/applications/{application}/connectorGroup/$ref");
    for body in [json!([]), json!(5), json!("x"), json!(true), json!({"@odata.id": {}})] {
        api.put(&path, body.clone()).await.expect(400);
        api.post(&members, body).await.expect(400);
    }
    api.put(&path, json!({"@odata.id": format!("{own}/connectors/{connector}")})).await.expect(400);
    api.put(&path, json!({"@odata.id": format!("{own}/connectorGroups/{unknown}")})).await.expect(404);
    let path = format!("{P}/connectorGroups/{group}/applications/$ref");
    for (body, status) in [
        (json!({"@odata.id": format!("http://u:p@127.0.0.1/applications/{application}")}), 400),
        (json!({"@odata.id": format!("file:///applications/{application}")}), 400),
        (json!({"@odata.id": format!("{own}/applications/x/connectors/{application}")}), 400),
        (json!({"@odata.id": format!("{own}/applications/{unknown}")}), 404),
        (json!({"id": format!("{own}/{application}")}), 404),
        (json!({"id": null}), 400),
    ] {
        let reply = api.post(&path, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
    }
    assert_eq!(api.group_of_application(&application).await, home, "nothing was assigned");
    assert_eq!(api.group_of_connector(&connector).await, home, "nothing moved");
    assert!(listener.accept().is_err(), "nothing was fetched");
}

#[tokio::test]
async fn groups_in_use_and_the_default_group_are_not_deleted() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let default = api.default_group().await;
    let reply = api.delete(&format!("{P}/connectorGroups/{default}")).await.expect(400);
    assert!(reply.message().contains("default"), "{}", reply.message());
    let group = api.group("Berlin").await;
    api.put(&format!("/beta/applications/{application}/connectorGroup/$ref"), json!({"id": group})).await.expect(204);
    let reply = api.delete(&format!("{P}/connectorGroups/{group}")).await.expect(400);
    assert!(reply.message().contains("1 application (wiki)"), "{}", reply.message());
    let reply = api.patch(&format!("{P}/connectorGroups/{group}"), json!({"region": "eur"})).await.expect(400);
    assert!(reply.message().contains("region"), "{}", reply.message());
    api.delete(&format!("/beta/applications/{application}/connectorGroup/$ref")).await.expect(204);
    api.delete(&format!("{P}/connectorGroups/{group}")).await.expect(204);
    api.get(&format!("{P}/connectorGroups/{group}")).await.expect(404);
}

#[tokio::test]
async fn urls_that_are_taken_are_400_with_their_own_codes() {
    let api = Api::start().await;
    api.published("wiki").await;
    let other = api.published("other").await;
    let path = format!("/beta/applications/{other}");
    let reply =
        api.patch(&path, json!({"onPremisesPublishing": {"externalUrl": "https://WIKI.example"}})).await.expect(400);
    assert_eq!(reply.code(), "ExternalUrl_Duplicate");
    let reply =
        api.patch(&path, json!({"onPremisesPublishing": {"internalUrl": "http://wiki.internal/"}})).await.expect(400);
    assert_eq!(reply.code(), "InternalUrl_Duplicate");
    assert_eq!(reply.message(), "Internal url 'http://wiki.internal/' is invalid since it is already in use.");
    let read = api.get(&format!("{path}/onPremisesPublishing")).await.expect(200);
    assert_eq!(read.json["externalUrl"], "https://other.example/");
}

#[tokio::test]
async fn paths_methods_and_ids_that_do_not_exist_have_their_own_answers() {
    let api = Api::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/beta/nosuch", 400, "BadRequest"),
        (Method::GET, "/v2.0/applications", 400, "BadRequest"),
        (Method::GET, "/", 400, "BadRequest"),
        (Method::GET, "/beta//applications", 400, "BadRequest"),
        (Method::GET, "/beta/applications/%ff", 400, "BadRequest"),
        (Method::GET, "/beta/connectors/nosuch", 404, "Connector_NotFound"),
        (Method::GET, "/beta/connectorGroups/nosuch", 404, "ConnectorGroup_NotFound"),
        (Method::GET, "/beta/connectorGroups/nosuch/members", 404, "ConnectorGroup_NotFound"),
        (Method::GET, "/beta/applications/nosuch", 404, "Request_ResourceNotFound"),
        (
            Method::GET,
            "/beta/applications(appId='aaaaaaaa-0000-0000-0000-000000000000')",
            404,
            "Request_ResourceNotFound",
        ),
        (Method::GET, "/beta/applications(nosuch='x')", 400, "BadRequest"),
        (Method::GET, "/beta/onPremisesPublishingProfiles/nosuch/connectors", 404, "Request_ResourceNotFound"),
        (Method::DELETE, "/beta/connectors", 405, "Request_BadRequest"),
        (Method::POST, "/beta/connectors", 405, "Request_BadRequest"),
        (Method::TRACE, "/beta/connectors", 405, "Request_BadRequest"),
    ] {
        let reply = api.send(method.clone(), path, Value::Null, &[]).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{method} {path}: {}", reply.text);
        assert_eq!(reply.header("allow").is_some(), status == 405);
    }
}

#[tokio::test]
async fn query_options_that_cannot_be_answered_are_400() {
    let api = Api::start().await;
    for query in [
        "$nosuch=1",
        "$top=-1",
        "$top=1.5",
        "$top=1&$top=2",
        "$filter=name%20eq",
        "$filter=nosuch%20eq%20'x'",
        "$orderby=nosuch",
        "$orderby=members",
        "$search=%22nosuch:x%22",
        "$skip=-1",
        "$apply=x",
        "$expand=nosuch",
        "$expand=members($nosuch=1)",
        "$expand=members($expand=memberOf($expand=members))",
        "$select=nosuch",
        "$count=maybe",
        "$skiptoken=7",
        "$skiptoken=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$filter=name%20eq%20'%00'",
        "$filter=region%20eq%20'mars'",
        "$filter=connectorGroupType%20eq%20'other'",
        "$filter=region%20has%20'eur'",
    ] {
        let reply = api.get(&format!("{P}/connectorGroups?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text);
        assert!(!reply.message().is_empty());
    }
    for filter in [format!("{}isDefault", "not%20".repeat(900)), "(".repeat(4000), "isDefault%20or%20".repeat(300)] {
        api.get(&format!("{P}/connectorGroups?$filter={filter}")).await.expect(400);
    }
    let reply =
        api.send(Method::GET, "/beta/connectors", Value::Null, &[("accept", "application/xml")]).await.expect(406);
    assert_eq!(reply.code(), "NotAcceptable");
    api.get("/beta/connectors?$format=xml").await.expect(406);
    api.get("/beta/connectors?$format=json").await.expect(200);
}

#[tokio::test]
async fn a_write_whose_answer_cannot_be_shaped_as_asked_is_not_carried_out() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group("Berlin").await;
    let home = api.group_of_connector(&connector).await;
    let app = format!("/beta/applications/{application}");
    let prefer = [("prefer", "return=representation")];
    for options in ["$select=nosuch", "$expand=nosuch"] {
        for (method, path, body) in [
            (Method::POST, format!("{P}/connectorGroups"), json!({"name": "Paris"})),
            (Method::PATCH, format!("{P}/connectorGroups/{group}"), json!({"name": "Paris"})),
            (Method::POST, format!("/beta/connectorGroups/{group}/members/$ref"), json!({"id": connector})),
            (Method::POST, format!("{P}/connectors/{connector}/memberOf/$ref"), json!({"id": group})),
            (Method::POST, "/beta/applications".to_owned(), json!({"displayName": "Paris"})),
            (Method::PATCH, app.clone(), json!({"displayName": "Paris"})),
            (Method::PUT, format!("{app}/connectorGroup/$ref"), json!({"id": group})),
            (Method::POST, format!("{P}/connectorGroups/{group}/applications/$ref"), json!({"id": application})),
            (Method::POST, format!("{app}/connectorGroup/members/$ref"), json!({"machineName": "paris"})),
            (Method::POST, format!("{app}/connectorGroup/members/{connector}/memberOf/$ref"), json!({"name": "Paris"})),
        ] {
            let reply = api.send(method, &format!("{path}?{options}"), body, &prefer).await;
            assert_eq!(reply.status, 400, "{path}?{options}: {}", reply.text);
        }
    }
    assert_eq!(api.group_of_connector(&connector).await, home);
    assert_eq!(api.group_of_application(&application).await, home);
    for path in [format!("{P}/connectorGroups"), format!("{P}/connectors"), "/beta/applications".to_owned()] {
        let text = api.get(&path).await.expect(200).text.to_lowercase();
        assert!(!text.contains("paris"), "{text}");
    }
}
