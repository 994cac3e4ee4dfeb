//! The schemas against values that they must take and values that they must not.

use jsonschema::Validator;
use proptest::prelude::*;

use super::*;
use crate::model::SetBy;
use crate::sample::{APPLICATION, CONNECTOR_GROUP, DIRECTORY_OBJECT, MODEL};

/// A validator of one schema, with all components to refer to and with formats checked.
fn validator(schema: Value) -> Validator {
    let document = json!({ "allOf": [schema], "components": { "schemas": schemas(&MODEL) } });
    jsonschema::draft202012::options().should_validate_formats(true).build(&document).unwrap()
}

fn named(name: &str) -> Validator {
    validator(to(&format!("microsoft.graph.{name}")))
}

#[track_caller]
fn assert_takes(validator: &Validator, value: &Value) {
    let faults: Vec<_> = validator.iter_errors(value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{value}: {faults:?}");
}

#[track_caller]
fn assert_refuses(validator: &Validator, values: &[Value]) {
    for value in values {
        assert!(!validator.is_valid(value), "{value}");
    }
}

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_schema_is_one_and_every_reference_leads_to_one() {
    let all = schemas(&MODEL);
    for (name, schema) in &all {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}: {schema}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{name} is no component name");
    }
    let whole = Value::Object(all.clone());
    let mut found = Vec::new();
    references(&whole, &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for reference in found {
        assert!(all.contains_key(reference.strip_prefix("#/components/schemas/").unwrap()), "{reference}");
    }
}

#[test]
fn every_type_has_its_schemas_with_every_property() {
    let all = schemas(&MODEL);
    for kind in MODEL.entity_types {
        let read = &all[&format!("microsoft.graph.{}", kind.name)]["properties"];
        let write = &all[&format!("microsoft.graph.{}.write", kind.name)]["properties"];
        for property in kind.all_properties() {
            assert!(read.get(property.name).is_some(), "{}/{}", kind.name, property.name);
            assert!(write.get(property.name).is_some(), "{}/{}", kind.name, property.name);
            assert_eq!(read[property.name]["readOnly"] == true, property.set_by == SetBy::System, "{}", property.name);
        }
        assert!(all.contains_key(&format!("microsoft.graph.{}CollectionResponse", kind.name)), "{}", kind.name);
    }
    for name in ["adit.registrationToken", "microsoft.graph.keyCredential.write", "microsoft.graph.connectorStatus"] {
        assert!(all.contains_key(name), "{name}");
    }
}

fn application() -> Value {
    json!({
        "@odata.context": "https://h/beta/$metadata#applications/$entity",
        "@odata.etag": "W/\"1\"",
        "id": "7", "deletedDateTime": null, "appId": "aaaaaaaa-0000-0000-0000-00000000000a", "uniqueName": null,
        "displayName": "x", "tags": ["a"], "logo": "_-8", "weight": "NaN", "size": 9_007_199_254_740_993_i64,
        "api": { "any": [1, null] }, "keyCredentials": [{ "keyId": null }],
        "onPremisesPublishing": {
            "externalUrl": "https://x.example/", "isEnabled": true, "protocol": "tcp,udp", "startsAt": "00:30:00",
            "lasts": "PT1H30M", "headers": { "X-Any": ["b"] },
            "segmentsConfiguration": {
                "@odata.type": "#microsoft.graph.webSegmentConfiguration",
                "applicationSegments": [{ "id": "1", "expires": "2026-01-31" }],
            },
        },
        "connectorGroup": { "id": "aaaaaaaa-0000-0000-0000-00000000000b", "name": "Default", "region": null },
        "owners@odata.context": "https://h/beta/$metadata#directoryObjects",
        "owners": [{ "id": "9", "displayName": "an application is a directory object" }, { "@odata.id": "https://h/x" }],
    })
}

#[test]
fn an_answer_with_everything_fits_the_schema_of_its_type() {
    let schema = named("application");
    assert_takes(&schema, &application());
    assert_takes(&schema, &json!({}));
    assert_takes(&schema, &json!({ "connectorGroup": null, "weight": 1.5, "onPremisesPublishing": null }));
    assert_takes(&validator(entity(&MODEL, &DIRECTORY_OBJECT)), &application());
}

#[test]
fn an_answer_with_a_wrong_value_does_not_fit() {
    assert_refuses(
        &named("application"),
        &[
            json!([]),
            json!({ "nosuch": 1 }),
            json!({ "displayName": null }),
            json!({ "id": 7 }),
            json!({ "appId": "x" }),
            json!({ "deletedDateTime": "yesterday" }),
            json!({ "tags": null }),
            json!({ "tags": [1] }),
            json!({ "logo": "+/" }),
            json!({ "weight": "much" }),
            json!({ "size": 1.5 }),
            json!({ "size": "1" }),
            json!({ "keyCredentials": [{ "key": "AA" }] }),
            json!({ "connectorGroup": { "region": "nosuch" } }),
            json!({ "connectorGroup": { "displayName": "x" } }),
            json!({ "owners": null }),
            json!({ "onPremisesPublishing": { "certificate": null } }),
            json!({ "onPremisesPublishing": { "protocol": "tcp, icmp" } }),
            json!({ "onPremisesPublishing": { "startsAt": "24:00:00" } }),
            json!({ "onPremisesPublishing": { "lasts": "1 hour" } }),
            json!({ "onPremisesPublishing": { "segmentsConfiguration": { "x": 1 } } }),
        ],
    );
}

#[test]
fn a_page_has_a_value_and_may_go_on() {
    let page = validator(entity_page(&MODEL, &APPLICATION));
    assert_takes(&page, &json!({ "@odata.context": "x", "@odata.count": 1, "value": [application()] }));
    assert_takes(&page, &json!({ "@odata.nextLink": "https://h/beta/applications?$skiptoken=x", "value": [] }));
    assert_takes(&page, &json!({ "value": [{ "id": "1", "@removed": { "reason": "deleted" } }] }));
    assert_refuses(
        &page,
        &[json!({}), json!({ "value": null }), json!({ "value": [], "next": 1 }), json!({ "value": [1] })],
    );
    assert_refuses(&page, &[json!({ "value": [], "@odata.count": -1 })]);
}

#[test]
fn a_body_may_have_what_is_ignored_and_what_is_secret_but_nothing_unknown() {
    let body = validator(write(&MODEL, &APPLICATION, &["displayName"]));
    assert_takes(
        &body,
        &json!({ "@odata.type": "#microsoft.graph.application", "displayName": "x", "id": [7], "appId": null }),
    );
    let secret = json!({ "certificate": { "key": "AQ" }, "startsAt": "0:30", "headers": { "X": 1 } });
    assert_takes(&body, &json!({ "displayName": "x", "onPremisesPublishing": secret }));
    assert_takes(&body, &json!({ "displayName": "x", "keyCredentials": [{ "value": "AQID" }], "x@y": 1 }));
    let web = json!({ "@odata.type": "#microsoft.graph.webSegmentConfiguration" });
    assert_takes(&body, &json!({ "displayName": "x", "onPremisesPublishing": { "segmentsConfiguration": web } }));
    assert_refuses(
        &body,
        &[
            json!({}),
            json!({ "displayName": null }),
            json!({ "displayName": "x", "nosuch": 1 }),
            json!({ "displayName": "x", "connectorGroup": {} }),
            json!({ "displayName": "x", "@odata.type": "#microsoft.graph.connector" }),
            json!({ "displayName": "x\0" }),
            json!({ "displayName": "x", "keyCredentials": [{ "key": "A" }] }),
            json!({ "displayName": "x", "keyCredentials": [{ "key": "AQID", "value": "AQID" }] }),
        ],
    );
    assert_takes(&named("application.write"), &json!({}));
}

#[test]
fn actions_take_their_parameters_and_answer_with_their_result() {
    let operation = |name: &str| MODEL.operations.iter().find(|operation| operation.name == name).unwrap();
    let create = operation("createRegistrationToken");
    let body = validator(parameters(&MODEL, create));
    assert_takes(&body, &json!({}));
    assert_takes(&body, &json!({ "lifetimeInSeconds": 60 }));
    assert_refuses(&body, &[json!({ "lifetimeInSeconds": 3_000_000_000_u32 }), json!({ "x": 1 })]);
    let answer = validator(result(&MODEL, create).unwrap());
    assert_takes(&answer, &json!({ "@odata.context": "x", "token": "t" }));
    assert_refuses(&answer, &[json!({ "token": null })]);
    assert_eq!(result(&MODEL, operation("instantiate")), None);
    let between = operation("between");
    assert_refuses(&validator(parameters(&MODEL, between)), &[json!({ "to": "2026-01-31" })]);
    assert_takes(&validator(result(&MODEL, between).unwrap()), &json!({ "value": [1] }));
    assert_eq!(result(&MODEL, operation("delta")), Some(entity_page(&MODEL, &APPLICATION)));
}

#[test]
fn a_property_alone_is_an_object_or_stands_in_a_value() {
    let answer = |name: &str| validator(property(&MODEL, APPLICATION.property(name).unwrap()));
    assert_takes(&answer("displayName"), &json!({ "@odata.context": "x", "value": "y" }));
    assert_takes(&answer("tags"), &json!({ "value": [] }));
    assert_takes(&answer("onPremisesPublishing"), &json!({ "@odata.context": "x", "isEnabled": false }));
    assert_refuses(&answer("displayName"), &[json!("y"), json!({ "value": 1 })]);
    assert_refuses(&answer("onPremisesPublishing"), &[json!({ "value": {} })]);
}

#[test]
fn errors_and_references_have_their_form() {
    let error = validator(error_answer(&MODEL));
    let inner = json!({ "date": "2026-11-20T17:00:00", "request-id": "x", "client-request-id": "x" });
    assert_takes(&error, &json!({ "error": { "code": "BadRequest", "message": "m", "innerError": inner } }));
    assert_refuses(
        &error,
        &[json!({}), json!({ "error": { "code": "x" } }), json!({ "error": { "code": "x", "message": "" } })],
    );
    let body = validator(reference_request(&MODEL));
    for member in ["@odata.id", "@id", "id"] {
        assert_takes(&body, &json!({ member: "connectors/1" }));
        assert_refuses(&body, &[json!({ member: 1 })]);
    }
    assert_refuses(&body, &[json!({}), json!({ "name": "x" })]);
    assert_takes(&validator(reference_answer(&MODEL)), &json!({ "@odata.context": "x", "@odata.id": "https://h/x" }));
    assert_takes(&validator(reference_page(&MODEL)), &json!({ "value": [{ "@odata.id": "https://h/x" }] }));
    assert_refuses(&validator(reference_page(&MODEL)), &[json!({ "value": [{}] })]);
}

#[test]
fn a_value_of_each_type_takes_what_is_of_it() {
    let group = named("connectorGroup.write");
    assert_takes(&group, &json!({ "name": "x", "region": null }));
    assert_takes(&group, &json!({ "region": "active" }));
    assert_refuses(&group, &[json!({ "region": 1 }), json!({ "name": null })]);
    assert_eq!(CONNECTOR_GROUP.property("region").map(|property| property.nullable), Some(true));
    assert_eq!(value(&MODEL, &Type::Untyped, Form::Read), json!({}));
    assert_eq!(super::value::nullable(json!({})), json!({}));
}

#[test]
fn durations_have_days_and_smaller_parts_in_order() {
    let duration = validator(value(&MODEL, &Type::Duration, Form::Write));
    for text in ["P1D", "PT1H", "-P1DT2H3M4.5S", "PT5M", "PT0.000001S", "P1DT4S", "P2DT3M1S", "PT1H1S"] {
        assert_takes(&duration, &json!(text));
    }
    let wrong = ["", "P", "PT", "P1DT", "P1Y", "P1M", "PT1.5H", "PT1", "1H", "PT1S1M", "PT1.S", "P1H"];
    assert_refuses(&duration, &wrong.map(Value::from));
}

proptest! {
    #[test]
    fn members_that_are_not_declared_fit_only_as_annotations(name in "[a-z]{1,8}@?[a-z]{0,8}") {
        prop_assume!(CONNECTOR_GROUP.property(&name).is_none() && CONNECTOR_GROUP.navigation(&name).is_none());
        let schema = named("connectorGroup");
        prop_assert_eq!(schema.is_valid(&json!({ &name: 1 })), name.contains('@'));
    }
}
