//! A reference to an entity. It means the same in its canonical form, behind any host and version, and in a body.

use adit_graph::MODEL;
use adit_odata::EntityType;
use adit_odata::limit::{PATH_SEGMENTS, REFERENCE_BYTES};
use adit_odata::reference::{self, Reference, ReferenceError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// The collection in which the entities of a type are found.
const COLLECTIONS: [(&str, &str); 13] = [
    ("onPremisesPublishingProfile", "onPremisesPublishingProfiles"),
    ("connector", "onPremisesPublishingProfiles('applicationProxy')/connectors"),
    ("connectorGroup", "onPremisesPublishingProfiles('applicationProxy')/connectorGroups"),
    ("application", "applications"),
    ("webApplicationSegment", SEGMENTS),
    ("corsConfiguration_v2", CORS_CONFIGURATIONS),
    ("servicePrincipal", "servicePrincipals"),
    ("appRoleAssignment", "servicePrincipals('x')/appRoleAssignedTo"),
    ("applicationTemplate", "applicationTemplates"),
    ("directoryAudit", "auditLogs/directoryAudits"),
    ("directoryObject", "directoryObjects"),
    ("user", "users"),
    ("group", "groups"),
];

const SEGMENTS: &str = "applications('x')/onPremisesPublishing/segmentsConfiguration/\
    microsoft.graph.webSegmentConfiguration/applicationSegments";

const CORS_CONFIGURATIONS: &str = "applications('x')/onPremisesPublishing/segmentsConfiguration/\
    microsoft.graph.webSegmentConfiguration/applicationSegments('x')/corsConfigurations";

/// What may come before a path that has no host: the version, and whatever the host has before it.
const BEFORE: &str = "https://graph.example/beta/";

/// Takes the text of a reference.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let found = parsed(text);
    check_in_body(text, &found);
    let Ok(found) = found.inspect_err(crate::check_message) else { return };
    for expected in MODEL.entity_types {
        drop(found.clone().expect(expected).inspect_err(crate::check_message));
    }
    check_canonical(text, &found);
    check_host(text, &found);
}

fn parsed(text: &str) -> Result<Reference, ReferenceError> {
    reference::parse(&MODEL, text)
}

fn check_canonical(text: &str, found: &Reference) {
    let collection = COLLECTIONS.iter().find(|(name, _)| *name == found.entity_type.name).map(|(_, path)| *path);
    let collection = collection.unwrap_or_else(|| panic!("{text}: where are those of type {:?}?", found.entity_type));
    let quoted = found.key.replace('\'', "''");
    let canonical = format!("{collection}('{}')", utf8_percent_encode(&quoted, NON_ALPHANUMERIC));
    assert_same(&canonical, found);
}

/// Host, version and what is before them say nothing.
fn check_host(text: &str, found: &Reference) {
    let text = text.trim();
    let is_absolute = text.contains("://") || text.starts_with("//");
    // One more segment can be one too many.
    let is_full = text.split('/').count() >= PATH_SEGMENTS;
    if !is_absolute && !is_full {
        assert_same(&format!("{BEFORE}{}", text.strip_prefix('/').unwrap_or(text)), found);
    }
}

fn check_in_body(text: &str, found: &Result<Reference, ReferenceError>) {
    let body: Map<String, Value> = [("@odata.id".to_owned(), Value::from(text))].into_iter().collect();
    let in_body = reference::in_body(&MODEL, &body).map(|found| found.as_ref().map(meaning));
    assert_eq!(in_body, found.as_ref().map(|found| Some(meaning(found))).map_err(Clone::clone));
}

fn assert_same(text: &str, found: &Reference) {
    // Encoding and a host can make it longer than a reference may be.
    if text.len() > REFERENCE_BYTES {
        return;
    }
    let again = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(meaning(&again), meaning(found), "{text}");
}

fn meaning(reference: &Reference) -> (&'static str, String) {
    let EntityType { name, .. } = reference.entity_type;
    (name, reference.key.clone())
}
