//! Tests of bodies.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sample::{APPLICATION, CREDENTIAL, DIRECTORY_OBJECT, MODEL, PUBLISHING, SEGMENTS};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { unreachable!() };
    object
}

fn application(body: Value) -> Result<Value, BodyError> {
    entity(&MODEL, &APPLICATION, object(body)).map(Value::Object)
}

fn publishing(body: Value) -> Result<Value, BodyError> {
    complex(&MODEL, &PUBLISHING, object(body), "onPremisesPublishing").map(Value::Object)
}

fn operation(name: &str) -> &'static Operation {
    MODEL.operations.iter().find(|operation| operation.name == name).unwrap()
}

fn message<T: std::fmt::Debug>(result: Result<T, BodyError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn names_and_values_come_out_in_their_canonical_form() {
    let body = json!({
        "@odata.type": "#microsoft.graph.application", "@odata.context": "x", "tags@odata.type": "#Collection(String)",
        "UNIQUENAME": "A", "Tags": ["t"], "logo": "-_8=", "weight": 5, "size": "-9007199254740993",
        "onpremisespublishing": {
            "externalURL": "u", "PROTOCOL": "UDP, tcp,udp", "startsAt": "0:00", "lasts": "PT90M",
            "headers": {"X-One": 1, "@odata.type": "#microsoft.graph.headersDictionary"},
        },
    });
    let checked = json!({
        "uniqueName": "A", "tags": ["t"], "logo": "-_8=", "weight": 5, "size": -9_007_199_254_740_993_i64,
        "onPremisesPublishing": {
            "externalUrl": "u", "protocol": "tcp,udp", "startsAt": "00:00:00", "lasts": "PT1H30M",
            "headers": {"X-One": 1},
        },
    });
    assert_eq!(application(body), Ok(checked));
}

#[test]
fn a_property_is_understood_under_its_other_names() {
    let body = object(json!({"Value": "+/8", "KEYID": "0A0B0C0D-0000-4000-8000-00000000000F"}));
    assert_eq!(
        complex(&MODEL, &CREDENTIAL, body, "").map(Value::Object),
        Ok(json!({"key": "-_8=", "keyId": "0a0b0c0d-0000-4000-8000-00000000000f"}))
    );
    let twice = object(json!({"key": "AAAA", "value": "AAAA"}));
    assert_eq!(complex(&MODEL, &CREDENTIAL, twice, "at"), Err(BodyError::Repeated("at/value".to_owned())));
}

#[test]
fn what_the_system_sets_is_dropped_whatever_its_type() {
    assert_eq!(application(json!({"id": 5, "ID": [], "deletedDateTime": {}, "appId": "Guid"})), Ok(json!({})));
}

#[test]
fn unknown_and_repeated_properties_are_refused_by_name() {
    assert_eq!(application(json!({"nosuch": 1})), Err(BodyError::UnknownProperty("nosuch".to_owned())));
    assert_eq!(
        application(json!({"onPremisesPublishing": {"x": 1}})),
        Err(BodyError::UnknownProperty("onPremisesPublishing/x".to_owned()))
    );
    assert_eq!(
        application(json!({"displayName": "a", "DisplayName": "b"})),
        Err(BodyError::Repeated("DisplayName".to_owned()))
    );
    assert_eq!(message(application(json!({"nosuch": 1}))), "Invalid property 'nosuch'.");
    let long = "x".repeat(5000);
    assert!(message(application(json!({ long: 1 }))).len() < 200);
}

#[test]
fn an_open_type_keeps_what_is_not_declared_but_not_in_two_spellings() {
    let headers = json!({"X-One": {"any": [1, null]}, "X-Two": null});
    assert_eq!(publishing(json!({ "headers": headers })), Ok(json!({ "headers": headers })));
    assert_eq!(
        publishing(json!({"headers": {"x-one": 1, "X-One": 2}})),
        Err(BodyError::Repeated("onPremisesPublishing/headers/X-One".to_owned()))
    );
    assert!(publishing(json!({"headers": {"": 1}})).is_err());
}

#[test]
fn wrong_values_are_refused_and_the_message_says_what_fits() {
    let error = message(publishing(json!({"protocol": "sctp"})));
    assert_eq!(
        error,
        "Invalid value specified for property 'onPremisesPublishing/protocol': one or more of tcp, udp, with commas \
         between is expected, but found 'sctp'."
    );
    for body in [
        json!({"displayName": null}),
        json!({"displayName": 5}),
        json!({"tags": "t"}),
        json!({"tags": null}),
        json!({"tags": [1]}),
        json!({"tags": [null]}),
        json!({"size": 1.5}),
        json!({"size": -0.0}),
        json!({"size": "1.5"}),
        json!({"size": "+1"}),
        json!({"size": 9_223_372_036_854_775_808_u64}),
        json!({"weight": "5"}),
        json!({"logo": "a"}),
        json!({"logo": "??"}),
        json!({"keyCredentials": [5]}),
        json!({"keyCredentials": [{"keyId": "5"}]}),
        json!({"keyCredentials": [{"keyId": "0a0b0c0d00004000800000000000000f0000"}]}),
        json!({"onPremisesPublishing": "x"}),
        json!({"onPremisesPublishing": {"isEnabled": "true"}}),
        json!({"onPremisesPublishing": {"protocol": ""}}),
        json!({"onPremisesPublishing": {"protocol": 1}}),
        json!({"onPremisesPublishing": {"protocol": "tcp,,udp"}}),
        json!({"onPremisesPublishing": {"startsAt": "24:00"}}),
        json!({"onPremisesPublishing": {"lasts": "1h"}}),
    ] {
        assert!(matches!(application(body.clone()), Err(BodyError::WrongType { .. })), "{body}");
    }
    assert_eq!(
        application(json!({"uniqueName": null, "weight": "INF"})),
        Ok(json!({"uniqueName": null, "weight": "INF"}))
    );
}

#[test]
fn text_with_a_nul_is_refused_wherever_it_stands() {
    for body in [
        json!({"displayName": "a\0b"}),
        json!({"tags": ["\0"]}),
        json!({"api": {"a": [{"b": "\0"}]}}),
        json!({"api": {"a\0": 1}}),
        json!({"onPremisesPublishing": {"headers": {"a": "\0"}}}),
        json!({"onPremisesPublishing": {"headers": {"a\0": 1}}}),
    ] {
        assert!(application(body.clone()).is_err(), "{body}");
    }
    assert!(message(application(json!({"displayName": "\0"}))).contains("without the character U+0000"));
}

#[test]
fn a_body_may_say_its_own_type_or_one_that_is_related() {
    for declared in [
        "#microsoft.graph.application",
        "microsoft.graph.APPLICATION",
        "#graph.application",
        "#microsoft.graph.directoryObject",
    ] {
        assert_eq!(application(json!({ "@odata.type": declared, "tags": [] })), Ok(json!({"tags": []})), "{declared}");
    }
    for declared in [json!("#microsoft.graph.connector"), json!("application"), json!("#x.application"), json!(5)] {
        let refused = application(json!({ "@Odata.Type": declared }));
        assert!(matches!(refused, Err(BodyError::UnrelatedType { .. })), "{declared}");
    }
    assert_eq!(
        message(application(json!({"@odata.type": "#microsoft.graph.connector"}))),
        "The request body is of type '#microsoft.graph.connector', but 'microsoft.graph.application' is expected."
    );
    assert!(application(json!({"@odata.type": "#graph.application", "@type": "#graph.application"})).is_err());
    assert_eq!(application(json!({"@odata.type": null})), Ok(json!({})));
}

#[test]
fn a_derived_type_brings_its_properties_and_is_kept_in_the_declared_spelling() {
    let body = object(json!({"displayName": "a", "@odata.type": "#Microsoft.Graph.Application"}));
    assert_eq!(
        entity(&MODEL, &DIRECTORY_OBJECT, body).map(Value::Object),
        Ok(json!({"@odata.type": "#microsoft.graph.application", "displayName": "a"}))
    );
    let segments = |declared: &str| publishing(json!({"segmentsConfiguration": {"@odata.type": declared}}));
    assert_eq!(
        segments("microsoft.graph.WEBSegmentConfiguration"),
        Ok(json!({"segmentsConfiguration": {"@odata.type": "#microsoft.graph.webSegmentConfiguration"}}))
    );
    assert_eq!(segments("#microsoft.graph.segmentConfiguration"), Ok(json!({"segmentsConfiguration": {}})));
    assert_eq!(
        message(segments("#microsoft.graph.keyCredential")),
        "The value of property 'onPremisesPublishing/segmentsConfiguration' is of type \
         '#microsoft.graph.keyCredential', but 'microsoft.graph.segmentConfiguration' is expected."
    );
}

#[test]
fn navigations_are_refused_because_nothing_would_be_linked() {
    for body in [
        json!({"owners": []}),
        json!({"connectorGroup": {"id": "1"}}),
        json!({"OWNERS@odata.bind": []}),
        json!({"owners@bind": []}),
    ] {
        assert!(matches!(application(body.clone()), Err(BodyError::Navigation(_))), "{body}");
    }
    let web = object(json!({"@odata.type": "#graph.webSegmentConfiguration", "applicationSegments": []}));
    assert!(matches!(complex(&MODEL, &SEGMENTS, web, ""), Err(BodyError::Navigation(_))));
    assert_eq!(application(json!({"owners@odata.context": "x", "owners@delta": []})), Ok(json!({})));
}

#[test]
fn links_can_be_taken_out_by_whoever_makes_them() {
    let mut body = object(json!({"Owners@odata.bind": ["a", "b"], "tags": [], "connectorGroup@odata.bind": "c"}));
    let binds = binds(&APPLICATION, &mut body).unwrap();
    let taken: Vec<_> = binds.iter().map(|bind| (bind.navigation.name, bind.references.join(" "))).collect();
    assert_eq!(taken, [("owners", "a b".to_owned()), ("connectorGroup", "c".to_owned())]);
    assert_eq!(Value::Object(body), json!({"tags": []}));
    for body in [
        json!({"nosuch@odata.bind": "a"}),
        json!({"owners@odata.bind": "a"}),
        json!({"owners@odata.bind": [1]}),
        json!({"owners@odata.bind": vec!["a"; 21]}),
        json!({"connectorGroup@odata.bind": ["a"]}),
        json!({"owners@odata.bind": [], "owners@bind": []}),
    ] {
        assert!(super::binds(&APPLICATION, &mut object(body.clone())).is_err(), "{body}");
    }
}

#[test]
fn parameters_are_checked_like_properties_and_must_be_there_when_they_cannot_be_null() {
    let token = operation("createRegistrationToken");
    let checked = parameters(&MODEL, token, object(json!({"LifetimeInSeconds": 60, "@odata.type": "#x.y"})));
    assert_eq!(checked.map(Value::Object), Ok(json!({"lifetimeInSeconds": 60})));
    for body in [json!({"lifetimeInSeconds": "60"}), json!({"lifetimeInSeconds": 2_147_483_648_u32}), json!({"x": 1})] {
        assert!(parameters(&MODEL, token, object(body.clone())).is_err(), "{body}");
    }
    let between = operation("between");
    assert_eq!(
        message(parameters(&MODEL, between, object(json!({"to": "2026-01-31"})))),
        "Parameter 'from' is missing."
    );
    assert!(parameters(&MODEL, between, object(json!({"from": "2026-01-31T00:00:00Z"}))).is_err());
}

/// Any JSON, with names and values that mean something here among it.
fn bodies() -> impl Strategy<Value = Value> {
    let word =
        prop_oneof![Just("#microsoft.graph.webSegmentConfiguration".to_owned()), Just("tcp,udp".to_owned()), ".{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("@odata.type".to_owned()),
        Just("onPremisesPublishing".to_owned()),
        Just("segmentsConfiguration".to_owned()),
        Just("headers".to_owned()),
        Just("keyCredentials".to_owned()),
        Just("owners@odata.bind".to_owned()),
        Just("tags".to_owned()),
        ".{0,8}"
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_the_checks_panic_and_what_passed_once_passes_unchanged(body in bodies()) {
        let Value::Object(mut body) = body else { return Ok(()) };
        let _ = binds(&APPLICATION, &mut body);
        if let Ok(checked) = entity(&MODEL, &APPLICATION, body) {
            prop_assert_eq!(entity(&MODEL, &APPLICATION, checked.clone()), Ok(checked));
        }
    }
}
