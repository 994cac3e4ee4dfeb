//! Tests of answers.

use serde_json::json;

use super::*;
use crate::query::{ExpandedPart, Expansion, Query};
use crate::sample::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, DIRECTORY_OBJECT, MODEL, PROFILE, PUBLISHING};

const fn document(metadata: Metadata) -> Document<'static> {
    Document { base: "https://h/beta", metadata, model: &MODEL }
}

const MINIMAL: Document<'static> = document(Metadata::Minimal);
const NONE: Document<'static> = document(Metadata::None);
const FULL: Document<'static> = document(Metadata::Full);

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { unreachable!() };
    object
}

fn entity(kind: &'static EntityType, path: &str, properties: Value) -> Entity {
    Entity {
        kind,
        properties: object(properties),
        etag: Some("W/\"7\"".to_owned()),
        path: path.to_owned(),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

fn connector(id: &str) -> Entity {
    let properties = json!({"id": id, "machineName": "m", "status": "active"});
    entity(&CONNECTOR, &format!("onPremisesPublishingProfiles/applicationProxy/connectors/{id}"), properties)
}

fn group() -> Entity {
    let path = "onPremisesPublishingProfiles/applicationProxy/connectorGroups/g";
    entity(&CONNECTOR_GROUP, path, json!({"id": "g", "name": "n"}))
}

fn application(properties: Value) -> Entity {
    let mut entity = entity(&APPLICATION, "applications/a", properties);
    entity.select = Projection::Selected(vec![vec!["id"], vec!["onPremisesPublishing"]]);
    entity
}

fn navigation(kind: &'static EntityType, name: &str) -> &'static Navigation {
    kind.navigation(name).unwrap()
}

#[test]
fn an_entity_has_context_etag_and_all_its_default_properties() {
    let mut thing = group();
    assert_eq!(
        MINIMAL.entity("connectorGroups", thing.clone()).to_string(),
        concat!(
            r#"{"@odata.context":"https://h/beta/$metadata#connectorGroups/$entity","@odata.etag":"W/\"7\"","#,
            r#""id":"g","name":"n","region":null}"#
        )
    );
    thing.select = Projection::Selected(vec![vec!["name"]]);
    thing.etag = None;
    assert_eq!(
        MINIMAL.entity("connectorGroups", thing),
        json!({"@odata.context": "https://h/beta/$metadata#connectorGroups(name)/$entity", "name": "n"})
    );
    let profile = entity(&PROFILE, "onPremisesPublishingProfiles/applicationProxy", json!({"id": "p"}));
    assert_eq!(
        NONE.singleton("onPremisesPublishingProfiles('applicationProxy')", profile),
        json!({"id": "p"}),
        "what cannot be null is left out when it is not there"
    );
}

#[test]
fn empty_collections_are_arrays_and_other_properties_without_value_are_null() {
    let mut thing = entity(&APPLICATION, "applications/a", json!({"id": "a", "appId": "b", "displayName": "c"}));
    let written = NONE.entity("applications", thing.clone());
    assert_eq!(
        written,
        json!({"id": "a", "deletedDateTime": null, "appId": "b", "uniqueName": null, "displayName": "c", "tags": [],
            "logo": null, "weight": null, "size": null, "api": null, "keyCredentials": []})
    );
    thing.select = Projection::Selected(vec![vec!["onPremisesPublishing"]]);
    assert_eq!(NONE.entity("applications", thing), json!({"onPremisesPublishing": null}));
}

#[test]
fn a_collection_has_count_and_next_link_before_its_values_whatever_metadata_is_wanted() {
    let page = || CollectionPage { items: vec![connector("1")], count: Some(3), next: Some("https://h/n".to_owned()) };
    let path = "onPremisesPublishingProfiles('applicationProxy')/connectors";
    assert_eq!(
        NONE.collection(path, &Projection::Default, page()).to_string(),
        r#"{"@odata.count":3,"@odata.nextLink":"https://h/n","value":[{"id":"1","machineName":"m","status":"active"}]}"#
    );
    let written = MINIMAL.collection(path, &Projection::Default, page());
    assert_eq!(written["@odata.context"], format!("https://h/beta/$metadata#{path}"));
    assert_eq!(written["value"][0]["@odata.etag"], "W/\"7\"");
}

#[test]
fn a_context_names_what_was_selected_and_expanded() {
    let expansion = |what, query| Expansion { navigation: navigation(&CONNECTOR_GROUP, "members"), what, query };
    let selected = |names: &[&'static str]| Query {
        select: Projection::Selected(names.iter().map(|name| vec![*name]).collect()),
        ..Query::default()
    };
    let context = |query: &Query| {
        let written = MINIMAL.collection("connectorGroups", query, CollectionPage::default());
        written["@odata.context"].as_str().unwrap().replace("https://h/beta/$metadata#connectorGroups", "")
    };
    let with = |mut query: Query, expansion| {
        query.expand.push(expansion);
        query
    };
    assert_eq!(context(&Query::default()), "");
    assert_eq!(context(&selected(&["id", "name"])), "(id,name)");
    let whole = expansion(ExpandedPart::Entities, Query::default());
    assert_eq!(context(&with(Query::default(), whole.clone())), "(members())");
    assert_eq!(context(&with(selected(&["id"]), whole)), "(id,members())");
    let part = expansion(ExpandedPart::Entities, selected(&["id", "machineName"]));
    assert_eq!(context(&with(selected(&["id"]), part)), "(id,members(id,machineName))");
    assert_eq!(context(&with(Query::default(), expansion(ExpandedPart::Count, Query::default()))), "");
}

#[test]
fn expanded_navigations_are_nested_each_with_its_own_selection() {
    let mut member = connector("1");
    member.select = Projection::Selected(vec![vec!["id"]]);
    member.etag = None;
    let mut thing = group();
    let many = Expanded::Many { items: vec![member], count: Some(1), next: Some("https://h/n".to_owned()) };
    thing.expanded = vec![(navigation(&CONNECTOR_GROUP, "members"), many)];
    assert_eq!(
        MINIMAL.entity("connectorGroups", thing),
        json!({"@odata.context": "https://h/beta/$metadata#connectorGroups(members(id))/$entity",
            "@odata.etag": "W/\"7\"", "id": "g", "name": "n", "region": null, "members@odata.count": 1,
            "members@odata.nextLink": "https://h/n", "members": [{"id": "1"}]})
    );
    let mut one = application(json!({"id": "a"}));
    one.expanded = vec![(navigation(&APPLICATION, "connectorGroup"), Expanded::One(None))];
    assert_eq!(
        NONE.entity("applications", one),
        json!({"id": "a", "onPremisesPublishing": null, "connectorGroup": null})
    );
}

#[test]
fn an_expansion_may_be_references_or_their_number_alone() {
    let references = |urls: &[&str]| {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Expanded::References { urls, count: None, next: None }
    };
    let mut thing = group();
    thing.expanded = vec![
        (navigation(&CONNECTOR_GROUP, "members"), references(&["https://h/1"])),
        (navigation(&CONNECTOR_GROUP, "applications"), Expanded::Count(4)),
    ];
    assert_eq!(
        NONE.entity("connectorGroups", thing),
        json!({"id": "g", "name": "n", "region": null, "members": [{"@odata.id": "https://h/1"}],
            "applications@odata.count": 4})
    );
    let mut one = application(json!({"id": "a"}));
    one.expanded = vec![(navigation(&APPLICATION, "connectorGroup"), references(&["https://h/2"]))];
    assert_eq!(NONE.entity("applications", one)["connectorGroup"], json!({"@odata.id": "https://h/2"}));
}

#[test]
fn an_entity_says_its_type_where_it_is_not_the_declared_one() {
    let page = || CollectionPage { items: vec![application(json!({"id": "a"}))], ..CollectionPage::default() };
    let shape = || Shape::from(&Projection::Default).of(&DIRECTORY_OBJECT);
    let item =
        |document: Document<'_>, page| document.collection("directory/deletedItems", shape(), page)["value"][0].clone();
    assert_eq!(item(MINIMAL, page())["@odata.type"], "#microsoft.graph.application");
    assert_eq!(item(NONE, page()).get("@odata.type"), None);
    let same = MINIMAL.collection("applications", &Projection::Default, page());
    assert_eq!(same["value"][0].get("@odata.type"), None);
    let one = MINIMAL.derived_entity("directoryObjects", &DIRECTORY_OBJECT, application(json!({"id": "a"})));
    assert_eq!(one["@odata.type"], "#microsoft.graph.application");
    let mut owned = application(json!({"id": "b"}));
    let owners = Expanded::Many { items: vec![application(json!({"id": "a"}))], count: None, next: None };
    owned.expanded = vec![(navigation(&APPLICATION, "owners"), owners)];
    assert_eq!(MINIMAL.entity("applications", owned)["owners"][0]["@odata.type"], "#microsoft.graph.application");
}

#[test]
fn structured_values_are_complete_and_say_their_type_only_where_it_is_derived() {
    let segments = json!({"@odata.type": "#microsoft.graph.webSegmentConfiguration"});
    let publishing = || json!({"externalUrl": "u", "segmentsConfiguration": segments, "headers": {"X-One": 1}});
    let complete = json!({"externalUrl": "u", "isEnabled": null, "protocol": null, "startsAt": null, "lasts": null,
        "segmentsConfiguration": segments, "headers": {"X-One": 1}});
    let written = MINIMAL.structure("applications('a')/onPremisesPublishing", &PUBLISHING, object(publishing()));
    let mut expected = complete.clone();
    expected["@odata.context"] = "https://h/beta/$metadata#applications('a')/onPremisesPublishing".into();
    assert_eq!(written, expected);
    let nested = application(json!({"id": "a", "onPremisesPublishing": publishing()}));
    assert_eq!(MINIMAL.entity("applications", nested.clone())["onPremisesPublishing"], complete);
    assert_eq!(NONE.entity("applications", nested)["onPremisesPublishing"]["segmentsConfiguration"], json!({}));
}

#[test]
fn a_secret_is_never_written_at_any_depth() {
    let credential = json!({"keyId": "k", "key": "secret"});
    let mut thing = application(json!({"id": "a", "keyCredentials": [credential],
        "onPremisesPublishing": {"certificate": credential}}));
    for metadata in [Metadata::None, Metadata::Minimal, Metadata::Full] {
        let document = document(metadata);
        assert!(!document.entity("applications", thing.clone()).to_string().contains("secret"), "{metadata:?}");
        let publishing = object(json!({"certificate": credential}));
        assert!(!document.structure("x", &PUBLISHING, publishing).to_string().contains("secret"));
        let kind = &APPLICATION.property("keyCredentials").unwrap().kind;
        assert_eq!(document.value("x", kind, json!([credential]))["value"][0]["keyId"], "k");
        assert!(!document.value("x", kind, json!([credential])).to_string().contains("secret"));
    }
    thing.select = Projection::Default;
    assert_eq!(NONE.entity("applications", thing)["keyCredentials"], json!([{"keyId": "k"}]));
}

#[test]
fn full_metadata_has_types_and_links() {
    let id = "applications/a";
    let url = format!("https://h/beta/{id}");
    let thing =
        entity(&APPLICATION, id, json!({"id": "a", "appId": "b", "displayName": "c", "size": 5, "tags": ["t"]}));
    assert_eq!(
        FULL.entity("applications", thing),
        json!({
            "@odata.context": "https://h/beta/$metadata#applications/$entity",
            "@odata.type": "#microsoft.graph.application",
            "@odata.id": url,
            "@odata.editLink": url,
            "@odata.etag": "W/\"7\"",
            "id": "a",
            "deletedDateTime": null,
            "appId@odata.type": "#Guid",
            "appId": "b",
            "uniqueName": null,
            "displayName": "c",
            "tags@odata.type": "#Collection(String)",
            "tags": ["t"],
            "logo": null,
            "weight": null,
            "size@odata.type": "#Int64",
            "size": 5,
            "api": null,
            "keyCredentials@odata.type": "#Collection(microsoft.graph.keyCredential)",
            "keyCredentials": [],
            "connectorGroup@odata.associationLink": format!("{url}/connectorGroup/$ref"),
            "connectorGroup@odata.navigationLink": format!("{url}/connectorGroup"),
            "owners@odata.associationLink": format!("{url}/owners/$ref"),
            "owners@odata.navigationLink": format!("{url}/owners"),
        })
    );
}

#[test]
fn full_metadata_describes_structured_values_too() {
    let publishing = json!({"protocol": "tcp", "startsAt": "12:00:00",
        "segmentsConfiguration": {"@odata.type": "#microsoft.graph.webSegmentConfiguration"}});
    let written = FULL.entity("applications", application(json!({"id": "a", "onPremisesPublishing": publishing})));
    let publishing = &written["onPremisesPublishing"];
    assert_eq!(publishing["@odata.type"], "#microsoft.graph.onPremisesPublishing");
    assert_eq!(publishing["protocol@odata.type"], "#microsoft.graph.protocol");
    assert_eq!(publishing["startsAt@odata.type"], "#TimeOfDay");
    let publishing_url = "https://h/beta/applications/a/onPremisesPublishing";
    let cast = format!("{publishing_url}/segmentsConfiguration/microsoft.graph.webSegmentConfiguration");
    assert_eq!(
        publishing["segmentsConfiguration"]["applicationSegments@odata.navigationLink"],
        format!("{cast}/applicationSegments")
    );
    assert_eq!(written.get("owners@odata.navigationLink"), None, "navigations that were not selected have no links");
    assert!(!MINIMAL.entity("applications", application(json!({"id": "a"}))).to_string().contains("odata.type"));
}

#[test]
fn single_values_stand_under_the_name_value() {
    let kind = |name: &str| &APPLICATION.property(name).unwrap().kind;
    assert_eq!(
        MINIMAL.value("applications('a')/tags", kind("tags"), json!(["t"])),
        json!({"@odata.context": "https://h/beta/$metadata#applications('a')/tags", "value": ["t"]})
    );
    assert_eq!(FULL.value("x", kind("appId"), json!("b"))["@odata.type"], "#Guid");
    assert_eq!(NONE.value("x", kind("displayName"), json!("n")), json!({"value": "n"}));
    let publishing = NONE.value("x", kind("onPremisesPublishing"), json!({"externalUrl": "u"}));
    assert_eq!(publishing["externalUrl"], "u");
}

#[test]
fn references_are_ids_only() {
    assert_eq!(
        MINIMAL.references(vec!["https://h/things/1".to_owned()], Some(1), None),
        json!({"@odata.context": "https://h/beta/$metadata#Collection($ref)", "@odata.count": 1,
            "value": [{"@odata.id": "https://h/things/1"}]})
    );
    assert_eq!(
        MINIMAL.reference("https://h/things/1".to_owned()),
        json!({"@odata.context": "https://h/beta/$metadata#$ref", "@odata.id": "https://h/things/1"})
    );
    assert_eq!(NONE.reference("u".to_owned()), json!({"@odata.id": "u"}));
}

#[test]
fn changes_end_with_a_delta_link_and_what_was_removed_is_not_completed() {
    let mut removed = entity(&APPLICATION, "applications/b", json!({"id": "b"}));
    removed.annotations = object(json!({"@removed": {"reason": "changed"}}));
    removed.select = Projection::Selected(vec![vec!["displayName"]]);
    let page = |link| NONE.delta("applications", &Projection::Default, vec![removed.clone()], link);
    assert_eq!(
        page(DeltaLink::Later("https://h/d".to_owned())),
        json!({"@odata.deltaLink": "https://h/d", "value": [{"@removed": {"reason": "changed"}, "id": "b"}]})
    );
    let next = page(DeltaLink::Next("https://h/n".to_owned()));
    assert_eq!((&next["@odata.nextLink"], next.get("@odata.deltaLink")), (&json!("https://h/n"), None));
}
