//! Bodies that are no JSON, not the JSON that was asked for, too large, or declared as something else.

use std::io::Write as _;

use adit_tests::Directory;
use adit_tests::graph::{PROFILE, id_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::Refusals;

pub(crate) const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

const UNREADABLE: &str = "Unable to read JSON request payload";

fn groups() -> String {
    format!("/beta{PROFILE}/connectorGroups")
}

#[test]
fn what_is_not_json_is_refused_and_changes_nothing() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let deep = |depth: usize| format!("{{\"name\":\"a\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let bodies: Vec<Vec<u8>> = vec![
        b"{\"name\": ".to_vec(),
        b"{\"name\": \"a\"} and more".to_vec(),
        b"{\"name\": \"a\"}{\"name\": \"b\"}".to_vec(),
        b"{\"name\": \"a\", \"name\": \"b\"}".to_vec(),
        b"{\"name\": \"a\",}".to_vec(),
        b"{name: \"a\"}".to_vec(),
        b"{'name': 'a'}".to_vec(),
        b"{\"name\": \"a\" /* why */}".to_vec(),
        b"{\"name\": \"a\"} // why".to_vec(),
        b"\xef\xbb\xbf{\"name\": \"a\"}".to_vec(),
        b"{\"name\": \"\\uD800\"}".to_vec(),
        b"{\"name\": \"\\uDC00\\uD800\"}".to_vec(),
        b"{\"name\": \"\xed\xa0\x80\"}".to_vec(),
        b"{\"name\": \"a\tb\"}".to_vec(),
        b"{\"name\": \"\xff\"}".to_vec(),
        b"{\"name\": \"\\x41\"}".to_vec(),
        b"{\"name\": \"a\", \"n\": 1e400}".to_vec(),
        b"{\"name\": \"a\", \"n\": 01}".to_vec(),
        b"{\"name\": \"a\", \"n\": +1}".to_vec(),
        b"{\"name\": \"a\", \"n\": .5}".to_vec(),
        b"{\"name\": \"a\", \"n\": NaN}".to_vec(),
        b"{\"name\": \"a\", \"n\": Infinity}".to_vec(),
        b"{\"name\": \"a\", \"n\": 123456789012345678901234567890}".to_vec(),
        deep(65).into_bytes(),
        deep(129).into_bytes(),
        deep(100_000).into_bytes(),
        "[".repeat(100_000).into_bytes(),
        "{\"a\":".repeat(100_000).into_bytes(),
        b"   ".to_vec(),
        b"True".to_vec(),
    ];
    for body in &bodies {
        refusals.demand("POST", &groups(), &JSON, body, &[400], UNREADABLE);
    }
    refusals.done();
}

#[test]
fn json_of_another_kind_than_asked_for_is_refused_by_name() {
    let directory = Directory::start();
    let graph = directory.graph();
    let application = graph.send("POST", "/applications", Some(&json!({"displayName": "Kept"})));
    let one = format!("/beta/applications/{}", id_of(&application.json()));
    let refusals = Refusals::of(graph);
    for (body, names) in [
        ("", ""),
        ("[]", ""),
        ("null", ""),
        ("7", ""),
        ("\"name\"", ""),
        ("[{\"name\": \"a\"}]", ""),
        ("{\"name\": 7}", "name"),
        ("{\"name\": -0}", "name"),
        ("{\"name\": null}", "name"),
        ("{\"name\": [\"a\"]}", "name"),
        ("{\"name\": {\"a\": \"b\"}}", "name"),
        ("{\"name\": \"\"}", "name"),
        ("{\"name\": \"a\\u0000b\"}", "name"),
        ("{\"name\": \"a\", \"Name\": \"b\"}", "name"),
        ("{\"name\": \"a\", \"region\": 3}", "region"),
        ("{\"name\": \"a\", \"region\": \"moon\"}", "nam"),
        ("{\"name\": \"a\", \"colour\": \"red\"}", "colour"),
        ("{\"name\": \"a\", \"@odata.type\": \"#microsoft.graph.connector\"}", "connector"),
        ("{\"name\": \"a\", \"@odata.type\": 7}", "connectorGroup"),
    ] {
        refusals.demand("POST", &groups(), &JSON, body.as_bytes(), &[400], names);
    }
    for (body, names) in [
        (json!({"displayName": null}), "displayName"),
        (json!({"tags": "one"}), "tags"),
        (json!({"tags": [1]}), "tags"),
        (json!({"tags": [null]}), "tags"),
        (json!({"web": {"redirectUris": "https://a.example"}}), "redirectUris"),
        (json!({"web": {"nosuch": 1}}), "nosuch"),
        (json!({"web": []}), "web"),
        (json!({"signInAudience": "Everybody"}), "AzureADMyOrg"),
        (json!({"appRoles": [{"id": "no uuid"}]}), "id"),
        (json!({"nosuch": true}), "nosuch"),
        (json!({"onPremisesPublishing": "yes"}), "onPremisesPublishing"),
        (json!({"onPremisesPublishing": {"nosuch": 1}}), "nosuch"),
        (json!({"onPremisesPublishing": {"isHttpOnlyCookieEnabled": "yes"}}), "isHttpOnlyCookieEnabled"),
        (json!({"onPremisesPublishing": {"singleSignOnSettings": {"singleSignOnMode": "magic"}}}), "aadHeaderBased"),
    ] {
        refusals.demand("PATCH", &one, &JSON, body.to_string().as_bytes(), &[400], names);
    }
    refusals.done();
}

#[test]
fn what_is_declared_as_something_else_is_refused_unread() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let good = b"{\"name\": \"a\"}";
    for kind in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ] {
        refusals.demand("POST", &groups(), &[("content-type", kind)], good, &[415], "");
    }
    for (encoding, status) in [("br", 415), ("deflate", 415), ("zstd", 415), ("gzip, gzip", 415), ("gzip", 400)] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        refusals.demand("POST", &groups(), &headers, good, &[status], "");
    }
    refusals.done();
}

#[test]
fn a_body_that_is_too_large_is_refused_before_and_after_it_is_unpacked() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let mebibyte = 1024 * 1024;
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(mebibyte));
    refusals.demand("POST", &groups(), &JSON, long.as_bytes(), &[413], "");
    let packed = [JSON[0], ("content-encoding", "gzip")];
    let padded = format!("{{\"name\": \"a\"}}{}", " ".repeat(64 * mebibyte));
    refusals.demand("POST", &groups(), &packed, &gzip(padded.as_bytes()), &[413], "");
    let cut_off = gzip(b"{\"name\": \"a\"}");
    refusals.demand("POST", &groups(), &packed, &cut_off[..cut_off.len() / 2], &[400], UNREADABLE);
    refusals.done();

    let answer = directory.graph().send_as_spelled("POST", &groups(), &packed, &gzip(b"{\"name\": \"Packed\"}"));
    assert_eq!(answer.status, 201, "a good one is unpacked: {}", answer.text());
    assert_eq!(answer.json()["name"], "Packed");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn a_header_does_not_make_another_method_of_one() {
    let directory = Directory::start();
    let graph = directory.graph();
    let group = format!("{}/{}", groups(), graph.create_group("Stays"));
    let refusals = Refusals::of(graph.clone());
    let headers = [("x-http-method-override", "DELETE"), ("x-http-method", "DELETE"), ("x-method-override", "DELETE")];
    refusals.demand("POST", &group, &headers, b"", &[405], "method");
    let answer = graph.send_as_spelled("GET", &group, &headers, b"");
    assert_eq!(answer.json()["name"], "Stays", "{}", answer.text());
    refusals.demand("TRACE", &group, &[], b"", &[405], "");
    refusals.done();
}

#[test]
fn what_only_the_system_sets_is_accepted_and_never_stored() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("its-own-name");
    let body = json!({"id": crate::NOBODY, "name": "Given", "isDefault": true, "connectorGroupType": 7});
    let group = graph.send("POST", &format!("{PROFILE}/connectorGroups"), Some(&body));
    assert_eq!(group.status, 201, "{}", group.text());
    let read = graph.get(&format!("{PROFILE}/connectorGroups/{}", id_of(&group.json())));
    assert_ne!(read["id"], crate::NOBODY);
    assert_eq!((&read["isDefault"], &read["connectorGroupType"]), (&json!(false), &json!("applicationProxy")));

    let body = json!({"id": crate::NOBODY, "appId": crate::NOBODY, "displayName": "Given",
        "createdDateTime": "1999-01-01T00:00:00Z", "deletedDateTime": "1999-01-01T00:00:00Z", "publisherDomain": "a.b"});
    let made = graph.send("POST", "/applications", Some(&body));
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/applications/{}", id_of(&made.json()));
    let read = graph.get(&path);
    assert_ne!(read["id"], crate::NOBODY);
    assert_ne!(read["appId"], crate::NOBODY);
    assert_ne!(read["createdDateTime"], "1999-01-01T00:00:00Z");
    assert_eq!(read["deletedDateTime"], Value::Null);
    let publishing = json!({"internalUrl": "http://a.internal.example/", "externalUrl": "https://a.apps.example/",
        "isOnPremPublishingEnabled": false});
    let published = graph.send("PATCH", &path, Some(&json!({"onPremisesPublishing": publishing})));
    assert_eq!(published.status, 204, "{}", published.text());
    let read = graph.get(&format!("{path}?$select=onPremisesPublishing"));
    assert_eq!(read["onPremisesPublishing"]["isOnPremPublishingEnabled"], true);
    assert_eq!(graph.status_of(connector.id()), "active");
}
