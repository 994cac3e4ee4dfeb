//! Tests of batches.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(requests: Value) -> Result<Vec<BatchRequest>, BatchError> {
    parse(&json!({ "requests": requests }))
}

fn get(id: &str, depends_on: &[&str]) -> Value {
    json!({"id": id, "method": "GET", "url": "/applications", "dependsOn": depends_on})
}

fn ids(requests: &[BatchRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.id.as_str()).collect()
}

#[test]
fn what_two_sdks_send_is_read() {
    let requests = read(json!([
        {"id": "1", "method": "GET", "url": "http://127.0.0.1:8080/beta/applications", "depends_on": [],
            "headers": {"accept": "application/json"}},
        {"url": "/applications/1", "method": "patch", "headers": {"Content-Type": "application/json"},
            "body": {"displayName": "a"}, "id": "2", "dependsOn": ["1"]},
    ]))
    .unwrap();
    assert_eq!(requests[0].url, "http://127.0.0.1:8080/beta/applications");
    assert_eq!(requests[0].headers, [("accept".to_owned(), "application/json".to_owned())]);
    let second = BatchRequest {
        id: "2".to_owned(),
        method: "PATCH".to_owned(),
        url: "/applications/1".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some(BatchBody::Json(json!({"displayName": "a"}))),
        depends_on: vec!["1".to_owned()],
    };
    assert_eq!(requests[1], second);
}

#[test]
fn a_batch_has_one_to_twenty_requests() {
    for body in [json!({}), json!([]), json!({"requests": {}}), json!({"requests": null}), json!("x")] {
        assert_eq!(parse(&body), Err(BatchError::NoRequests), "{body}");
    }
    let many = |number: usize| (0..number).map(|id| get(&id.to_string(), &[])).collect::<Value>();
    assert_eq!(read(many(0)), Err(BatchError::WrongNumber(0)));
    assert_eq!(read(many(20)).unwrap().len(), 20);
    assert_eq!(read(many(21)), Err(BatchError::WrongNumber(21)));
}

#[test]
fn ids_are_texts_that_differ_in_more_than_case() {
    assert_eq!(read(json!([get("a", &[]), get("A", &[])])), Err(BatchError::RepeatedId("A".to_owned())));
    for id in [json!(null), json!(1), json!(""), json!("x".repeat(257))] {
        assert_eq!(read(json!([{"id": id, "method": "GET", "url": "/a"}])), Err(BatchError::NoId { at: 1 }), "{id}");
    }
    assert_eq!(read(json!([get("a", &[]), 5])), Err(BatchError::NotAnObject { at: 2 }));
}

#[test]
fn what_a_request_cannot_be_without_is_named_when_it_is_wrong() {
    for (member, value) in [
        ("method", json!("TRACE")),
        ("method", json!(null)),
        ("method", json!(1)),
        ("url", json!("")),
        ("url", json!(null)),
        ("url", json!(["a"])),
        ("headers", json!("x")),
        ("headers", json!({"a": 1})),
        ("headers", json!({"a b": "1"})),
        ("headers", json!({"a": "1\r\nb: 2"})),
        ("dependsOn", json!("1")),
        ("dependsOn", json!([1])),
        ("dependsOn", json!(vec!["1"; 21])),
        ("body", json!("text")),
        ("body", json!(5)),
    ] {
        let mut request = get("1", &[]);
        request[member] = value.clone();
        assert!(
            matches!(read(json!([request])), Err(BatchError::Member { member: named, .. }) if named == member),
            "{member} {value}"
        );
    }
    let twice = json!([{"id": "1", "method": "GET", "url": "/a", "URL": "/b"}]);
    assert!(matches!(read(twice), Err(BatchError::RepeatedMember { .. })));
    let twice = json!([{"id": "1", "method": "GET", "url": "/a", "headers": {"If-Match": "1", "if-match": "2"}}]);
    assert!(matches!(read(twice), Err(BatchError::RepeatedMember { .. })));
}

#[test]
fn what_would_change_the_meaning_is_refused_and_not_ignored() {
    for member in ["atomicityGroup", "AtomicityGroup", "if"] {
        let mut request = get("1", &[]);
        request[member] = json!("g1");
        assert!(matches!(read(json!([request])), Err(BatchError::Unsupported { .. })), "{member}");
    }
    let mut request = get("1", &[]);
    request["atomicityGroup"] = Value::Null;
    assert!(read(json!([request])).is_ok());
}

#[test]
fn a_batch_in_a_batch_is_refused_however_it_is_spelt() {
    for url in ["/$batch", "$batch", "https://h/beta/$batch", "/%24batch/", "/$BATCH?x=1", "/%24%62atch#x", " /$batch "]
    {
        let request = json!([{"id": "1", "method": "POST", "url": url, "body": {"requests": []}}]);
        assert_eq!(read(request), Err(BatchError::Nested { id: "1".to_owned() }), "{url}");
    }
    assert!(read(json!([{"id": "1", "method": "GET", "url": "/applications?$filter=a eq '/$batch'"}])).is_ok());
}

#[test]
fn a_body_that_is_not_json_is_base64() {
    let body = |kind: Value, body: Value| {
        let request =
            json!([{"id": "1", "method": "PUT", "url": "/a", "headers": {"Content-Type": kind}, "body": body}]);
        read(request).map(|mut requests| requests.remove(0).body)
    };
    assert_eq!(body(json!("text/plain"), json!("aGk=")), Ok(Some(BatchBody::Bytes(b"hi".to_vec()))));
    assert_eq!(body(json!("image/png"), json!("_-8")), Ok(Some(BatchBody::Bytes(vec![0xff, 0xef]))));
    assert_eq!(body(json!("application/json;charset=utf-8"), json!("x")), Ok(Some(BatchBody::Json(json!("x")))));
    assert_eq!(body(json!(null), json!({"a": 1})), Ok(Some(BatchBody::Json(json!({"a": 1})))));
    assert_eq!(body(json!("application/json"), json!(null)), Ok(None));
    assert!(body(json!("text/plain"), json!({"a": 1})).is_err());
    assert!(body(json!("text/plain"), json!("not base64")).is_err());
}

#[test]
fn requests_come_after_those_that_they_depend_on() {
    let requests = read(json!([get("d", &["B", "c", "b"]), get("b", &["a"]), get("a", &[]), get("c", &[])])).unwrap();
    assert_eq!(ids(&requests), ["a", "b", "c", "d"]);
    assert_eq!(requests[3].depends_on, ["b", "c"]);
    let independent = read(json!([get("2", &[]), get("1", &[]), get("3", &[])])).unwrap();
    assert_eq!(ids(&independent), ["2", "1", "3"]);
}

#[test]
fn dependencies_that_cannot_be_kept_are_refused() {
    assert!(matches!(read(json!([get("a", &["x"])])), Err(BatchError::UnknownDependency { .. })));
    assert_eq!(read(json!([get("a", &["a"])])), Err(BatchError::Cycle { id: "a".to_owned() }));
    let circle = json!([get("x", &[]), get("a", &["c"]), get("b", &["a"]), get("c", &["b"])]);
    assert_eq!(read(circle), Err(BatchError::Cycle { id: "a".to_owned() }));
}

#[test]
fn a_request_fails_with_what_it_depends_on_directly_or_through_others() {
    let requests = read(json!([get("a", &[]), get("b", &["a"]), get("c", &["b"]), get("d", &[])])).unwrap();
    let mut done: Vec<BatchResponse> = Vec::new();
    for request in &requests {
        let status = match (request.failed_dependency(&done), request.id.as_str()) {
            (Some(_), _) => 424,
            (None, "a") => 404,
            (None, _) => 200,
        };
        done.push(BatchResponse { id: request.id.clone(), status, headers: Vec::new(), body: None });
    }
    assert_eq!(done.iter().map(|response| response.status).collect::<Vec<_>>(), [404, 424, 424, 200]);
    assert_eq!(requests[1].failed_dependency(&done), Some("a"));
    assert_eq!(requests[1].failed_dependency(&[]), Some("a"));
}

#[test]
fn answers_have_id_status_headers_and_a_body_if_there_is_one() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let responses = vec![
        BatchResponse {
            id: "1".to_owned(),
            status: 200,
            headers: vec![header("Vary", "Accept"), header("Vary", "Origin"), header("OData-Version", "4.0")],
            body: Some(BatchBody::Json(json!({"value": []}))),
        },
        BatchResponse { id: "2".to_owned(), status: 204, headers: Vec::new(), body: None },
        BatchResponse {
            id: "3".to_owned(),
            status: 200,
            headers: Vec::new(),
            body: Some(BatchBody::Bytes(b"hi".into())),
        },
    ];
    assert_eq!(
        write(responses),
        json!({"responses": [
            {"id": "1", "status": 200, "headers": {"Vary": "Accept, Origin", "OData-Version": "4.0"},
                "body": {"value": []}},
            {"id": "2", "status": 204, "headers": {}},
            {"id": "3", "status": 200, "headers": {}, "body": "aGk="},
        ]})
    );
}

/// Requests with few ids, so that they often depend on each other.
fn requests() -> impl Strategy<Value = Value> {
    let id = || "[abAB]{0,2}";
    let value = prop_oneof![Just(Value::Null), ".{0,10}".prop_map(Value::from), Just(json!({})), Just(json!([1]))];
    let request =
        (id(), prop::collection::vec(id(), 0..3), "[a-zA-Z]{1,10}", value).prop_map(|(id, on, name, value)| {
            let mut request = json!({"id": id, "method": "GET", "url": "/a", "dependsOn": on});
            request[name] = value;
            request
        });
    prop::collection::vec(request, 0..8).prop_map(Value::from)
}

proptest! {
    #[test]
    fn no_batch_makes_the_reader_panic_and_order_is_kept(requests in requests()) {
        if let Ok(read) = read(requests) {
            for (at, request) in read.iter().enumerate() {
                let before = ids(&read[..at]);
                prop_assert!(request.depends_on.iter().all(|on| before.contains(&on.as_str())));
            }
        }
    }
}
