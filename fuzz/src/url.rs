//! The path of a request. What the model has at a path has one canonical URL, which leads there again, and a context
//! path, which leads to what the answer describes. Names match in any case.

use adit_graph::MODEL;
use adit_odata::limit::{PATH_BYTES, PATH_SEGMENTS};
use adit_odata::{Key, ResourcePath, Segment, path, resource};

/// Takes the path of a request, without the version.
pub fn url(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some(found) = resolved(text) else { return };
    check_canonical_url(&found);
    check_context(&found);
    check_any_case(text, &found);
}

fn resolved(text: &str) -> Option<ResourcePath> {
    let parts = path::parse(text).inspect_err(crate::check_message).ok()?;
    resource::resolve(&MODEL, &parts).inspect_err(crate::check_message).ok()
}

fn check_canonical_url(found: &ResourcePath) {
    let canonical = found.url_path();
    // Encoding and aliases can make it longer than a request may be.
    if !fits(&canonical) {
        return;
    }
    let again = resolved(&canonical).unwrap_or_else(|| panic!("the canonical URL {canonical} leads nowhere"));
    assert_eq!(again.url_path(), canonical);
    assert_eq!(again.template(), found.template(), "{canonical}");
    assert_eq!(again.context_path(), found.context_path(), "{canonical}");
    assert_eq!(keys(&again), keys(found), "{canonical}");
    assert_eq!(type_name(&again), type_name(found), "{canonical}");
    assert!(again.alias.is_none(), "{canonical}");
}

fn check_context(found: &ResourcePath) {
    let context = found.context_path();
    if !fits(&context) {
        return;
    }
    let again = resolved(&context).unwrap_or_else(|| panic!("the context path {context} leads nowhere"));
    assert_eq!(again.context_path(), context);
    let ends_in_operation = matches!(found.segments.last(), Some(Segment::Operation { .. } | Segment::Value));
    assert!(ends_in_operation || type_name(&again) == type_name(found), "{context}");
}

fn check_any_case(text: &str, found: &ResourcePath) {
    let shouted = text.to_ascii_uppercase();
    let again = resolved(&shouted).unwrap_or_else(|| panic!("{text} leads somewhere, but {shouted} nowhere"));
    assert_eq!(again.template(), found.template(), "{shouted}");
}

fn fits(path: &str) -> bool {
    path.len() <= PATH_BYTES && path.split('/').count() <= PATH_SEGMENTS
}

fn keys(path: &ResourcePath) -> Vec<(&'static str, String)> {
    let key = |key: &Key| match key {
        Key::Id(id) => ("id", id.clone()),
        Key::Alternate { property, value } => (property.name, value.clone()),
    };
    path.keys().map(key).collect()
}

fn type_name(path: &ResourcePath) -> Option<&'static str> {
    path.entity_type().map(|kind| kind.name)
}
