//! Paths in every spelling, and those that lead nowhere.

use proptest::prelude::*;

use super::*;
use crate::sample::MODEL;

const PROFILE: &str = "onPremisesPublishingProfiles/applicationProxy";

fn resolved(path: &str) -> Result<ResourcePath, ResolveError> {
    resolve(&MODEL, &path::parse(path).unwrap())
}

#[track_caller]
fn found(path: &str) -> ResourcePath {
    resolved(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn keys(path: &ResourcePath) -> Vec<String> {
    let text = |key: &Key| match key {
        Key::Id(id) => id.clone(),
        Key::Alternate { property, value } => format!("{}={value}", property.name),
    };
    path.keys().map(text).collect()
}

#[test]
fn keys_in_every_form_and_names_in_any_case_lead_to_the_same_template() {
    for path in [
        "onPremisesPublishingProfiles/applicationProxy/connectorGroups/7/members/8/$ref",
        "ONPREMISESPUBLISHINGPROFILES('applicationProxy')/connectorgroups('7')/MEMBERS('8')/%24REF/",
        "onPremisesPublishingProfiles(applicationProxy)/connectorGroups(7)/members(id='8')/$ref",
        "onPremisesPublishingProfiles/'applicationProxy'/connectorGroups/'7'/members/8/$ref",
        "onPremisesPublishingProfiles%28%27applicationProxy%27%29/connectorGroups(Id=7)/members/8/$ref",
        "connectorGroups/7/members/8/$ref",
    ] {
        let resolved = found(path);
        let template = "onPremisesPublishingProfiles/{}/connectorGroups/{}/members/{}/$ref";
        assert_eq!(resolved.template(), template, "{path}");
        assert_eq!(keys(&resolved), ["applicationProxy", "7", "8"], "{path}");
    }
}

#[test]
fn everything_that_a_path_can_go_through_has_its_template() {
    for (path, template) in [
        ("", ""),
        ("applications", "applications"),
        ("applications/$count", "applications/$count"),
        ("applications/delta", "applications/delta()"),
        ("applications/graph.Delta()", "applications/delta()"),
        ("applications/microsoft.graph.delta()", "applications/delta()"),
        ("applications/between(to=2026-01-31,From=2026-01-01)", "applications/between(from={},to={})"),
        ("applications('delta')", "applications/{}"),
        ("applications/1/displayName/$value", "applications/{}/displayName/$value"),
        ("applications/1/tags/$count", "applications/{}/tags/$count"),
        ("applications/1/api", "applications/{}/api"),
        ("applications/1/connectorGroup", "applications/{}/connectorGroup"),
        ("applications/1/connectorGroup/$ref", "applications/{}/connectorGroup/$ref"),
        (
            "applications/1/connectorGroup/members/2/memberOf/$ref",
            "applications/{}/connectorGroup/members/{}/memberOf/$ref",
        ),
        ("applications/1/onPremisesPublishing/externalUrl", "applications/{}/onPremisesPublishing/externalUrl"),
        (
            "applications/1/onPremisesPublishing/segmentsConfiguration/graph.WEBsegmentConfiguration/applicationSegments/3",
            "applications/{}/onPremisesPublishing/segmentsConfiguration/microsoft.graph.webSegmentConfiguration/\
             applicationSegments/{}",
        ),
        ("applicationTemplates/1/instantiate", "applicationTemplates/{}/instantiate"),
        (
            "connectorGroups/1/adit.createRegistrationToken",
            "onPremisesPublishingProfiles/{}/connectorGroups/{}/adit.createRegistrationToken",
        ),
        ("directory/deletedItems/microsoft.graph.application", "directory/deletedItems/microsoft.graph.application"),
        (
            "directory/deletedItems/graph.application/1/appId",
            "directory/deletedItems/microsoft.graph.application/{}/appId",
        ),
        ("directory/deletedItems/1/graph.application", "directory/deletedItems/{}/microsoft.graph.application"),
        (
            "directory/deletedItems/graph.application/1/restore",
            "directory/deletedItems/microsoft.graph.application/{}/restore",
        ),
    ] {
        assert_eq!(found(path).template(), template, "{path}");
    }
}

#[test]
fn alternate_keys_stand_in_parentheses_by_their_name() {
    let path = found("applications(APPID='AAAAAAAA-0000-0000-0000-00000000000A')/owners");
    assert_eq!(path.template(), "applications/{}/owners");
    assert_eq!(keys(&path), ["appId=aaaaaaaa-0000-0000-0000-00000000000a"], "GUIDs are in lower case");
    assert_eq!(keys(&found("applications(uniqueName='O''Neil %2F X')")), ["uniqueName=O'Neil / X"]);
    let refused = resolved("applications(displayName='x')").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Resource not found for the segment 'applications': 'displayName' is not a key of type 'application'."
    );
    assert!(resolved("applications(nosuch='x')").is_err());
    assert!(resolved("applications(id='x',appId='y')").is_err());
}

#[test]
fn a_root_alias_is_expanded_and_remembered() {
    let alias = found("Connector/ABCDEF00-0000-0000-0000-000000000001/memberOf");
    assert_eq!(alias.alias.unwrap().segment, "connector");
    assert_eq!(alias.template(), "onPremisesPublishingProfiles/{}/connectors/{}/memberOf");
    assert_eq!(keys(&alias), ["applicationProxy", "abcdef00-0000-0000-0000-000000000001"]);
    assert!(found("connectors('1')").alias.is_some());
    assert!(found(&format!("{PROFILE}/connectors/1")).alias.is_none());
    assert!(resolved("applications/1/connectors").is_err(), "an alias is one at the start only");
}

#[test]
fn what_cannot_stand_where_it_stands_is_named() {
    for (path, segment) in [
        ("nosuch", "nosuch"),
        ("$count", "$count"),
        ("applications/1/2", "2"),
        ("applications/1/nosuch", "nosuch"),
        ("applications/1/$count", "$count"),
        ("applications/1/$value", "$value"),
        ("applications/$value", "$value"),
        ("applications/$nosuch", "$nosuch"),
        ("applications/1('2')", "1"),
        ("applications/1/displayName('x')", "displayName"),
        ("applications/1/displayName/x", "x"),
        ("applications/1/displayName/$ref", "$ref"),
        ("applications/1/tags/0", "0"),
        ("applications/1/api/x", "x"),
        ("applications/1/connectorGroup('2')", "connectorGroup"),
        ("applications/1/connectorGroup/$ref/x", "x"),
        ("applications/$count/x", "x"),
        ("applications/delta()/x", "x"),
        ("applications/1/delta", "delta"),
        ("applications/microsoft.graph.nosuch", "microsoft.graph.nosuch"),
        ("applications/microsoft.graph.connector", "microsoft.graph.connector"),
        ("applications/1/graph.directoryObject", "graph.directoryObject"),
        ("applications/1/onPremisesPublishing/graph.webSegmentConfiguration", "graph.webSegmentConfiguration"),
        ("applications/1/onPremisesPublishing/$value", "$value"),
        ("applications/1/onPremisesPublishing/headers/anything", "anything"),
        ("applications/..", ".."),
        ("applications/./displayName", "."),
        ("applications('..')", "applications"),
        ("applications/'x", "'x"),
        ("directory('x')", "directory"),
        ("adit.createRegistrationToken", "adit.createRegistrationToken"),
    ] {
        let refused = resolved(path).map(|found| found.template());
        assert_eq!(refused, Err(ResolveError::NotFound { segment: segment.to_owned() }), "{path}");
    }
    let message = resolved("applications/1/nosuch").unwrap_err().to_string();
    assert_eq!(message, "Resource not found for the segment 'nosuch'.");
}

#[test]
fn a_secret_has_no_address() {
    assert!(resolved("applications/1/onPremisesPublishing/certificate").is_err());
    assert!(resolved("applications/1/onPremisesPublishing/certificate/keyId").is_err());
}

#[test]
fn arguments_must_fit_the_parameters() {
    for (path, fault) in [
        ("applications/between('x')", ArgumentFault::Unnamed),
        ("applications/between(from=1,until=2)", ArgumentFault::Unknown("until".to_owned())),
        ("applications/between(from=1,FROM=2)", ArgumentFault::Repeated("from")),
        ("applications/between(to=1)", ArgumentFault::Missing("from")),
        ("applications/between", ArgumentFault::Missing("from")),
        ("applications/delta(token='x')", ArgumentFault::Unknown("token".to_owned())),
        ("applicationTemplates/1/instantiate(displayName='x')", ArgumentFault::Unknown("displayName".to_owned())),
    ] {
        let refused = resolved(path).map(|found| found.template()).unwrap_err();
        assert!(
            matches!(&refused, ResolveError::Arguments { fault: found, .. } if *found == fault),
            "{path}: {refused}"
        );
    }
    let path = found("applications/between(From='2026-01-01')");
    let Some(Segment::Operation { arguments, .. }) = path.segments.last() else { panic!("no operation") };
    assert_eq!(arguments.as_slice(), [("from".to_owned(), "2026-01-01".to_owned())]);
}

#[test]
fn too_many_parts_are_refused_before_a_look_at_them() {
    let many = vec![Part::Word("applications".to_owned()); PARTS + 1];
    assert_eq!(resolve(&MODEL, &many).map(|found| found.template()), Err(ResolveError::TooLong));
    let long = format!("applications/1/{}", "x".repeat(5000));
    assert!(resolved(&long).unwrap_err().to_string().len() < 200);
}

#[test]
fn the_context_path_has_keys_in_parentheses_and_says_nothing_of_how_it_was_asked_for() {
    for (path, context) in [
        (
            "connectorGroups/7/members/$ref",
            "onPremisesPublishingProfiles('applicationProxy')/connectorGroups('7')/members",
        ),
        ("applications/1/tags/$count", "applications('1')/tags"),
        ("applications/delta", "applications"),
        ("applications(uniqueName='a b''c')/displayName/$value", "applications(uniqueName='a%20b''c')/displayName"),
    ] {
        assert_eq!(found(path).context_path(), context, "{path}");
    }
}

#[test]
fn the_canonical_url_has_keys_as_segments_where_they_can_be() {
    for (path, url) in [
        ("CONNECTORS('7')/memberof/$REF", "onPremisesPublishingProfiles/applicationProxy/connectors/7/memberOf/$ref"),
        ("applications('a b%2Fc')", "applications/a%20b%2Fc"),
        ("applications('$count')", "applications('%24count')"),
        ("applications('a.b')", "applications('a.b')"),
        ("applications('Delta')", "applications('Delta')"),
        ("applications(appId=1)/graph.application", "applications(appId='1')/microsoft.graph.application"),
        ("applications/between(from='2026-01-01')", "applications/between(from='2026-01-01')"),
    ] {
        assert_eq!(found(path).url_path(), url, "{path}");
        assert_eq!(found(url).url_path(), url, "{path}");
    }
}

#[test]
fn the_type_of_the_entities_at_the_end_is_known() {
    let name = |path| found(path).entity_type().map(|kind| kind.name);
    assert_eq!(name("applications"), Some("application"));
    assert_eq!(name("applications/1/connectorGroup/members/$ref"), Some("connector"));
    assert_eq!(name("directory/deletedItems/graph.application/$count"), Some("application"));
    assert_eq!(name("directory/deletedItems/1/restore"), Some("directoryObject"));
    assert_eq!(name("applications/1/displayName/$value"), None);
    assert_eq!(name("applicationTemplates/1/instantiate"), None);
}

proptest! {
    #[test]
    fn no_path_makes_the_resolution_panic(path in "\\PC{0,120}") {
        for start in ["", "applications/", "applications(", "applications/1/onPremisesPublishing/"] {
            if let Ok(parts) = path::parse(&format!("{start}{path}")) {
                let _ = resolve(&MODEL, &parts).map(|found| (found.template(), found.context_path(), found.url_path()));
            }
        }
    }

    #[test]
    fn paths_of_known_words_are_resolved_or_refused_without_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "applications", "connectors", "connectorGroup", "members", "memberOf", "$ref", "$count", "$value", "delta()",
            "('x')", "graph.application", "directory", "deletedItems", "onPremisesPublishing", "segmentsConfiguration",
            "graph.webSegmentConfiguration", "applicationSegments", "1", "tags", "id", "(id='1',x=2)", "between(from=1)",
        ]), 0..12),
    ) {
        let path = words.join("/").replace("/(", "(");
        if let Ok(parts) = path::parse(&path)
            && let Ok(found) = resolve(&MODEL, &parts)
        {
            let again = resolved(&found.url_path()).unwrap();
            prop_assert_eq!(again.template(), found.template());
            prop_assert_eq!(again.url_path(), found.url_path());
        }
    }

    #[test]
    fn a_key_survives_the_canonical_url(key in "[\\PC&&[^./]]{1,40}") {
        let parts = [Part::Word("applications".to_owned()), Part::Key(key.clone())];
        let url = resolve(&MODEL, &parts).unwrap().url_path();
        prop_assert_eq!(keys(&found(&url)), [key], "{}", url);
    }
}
