//! The model against the names of Graph's schema, and the reference page against the model.
//!
//! What the schema has is either served or listed with a reason, and `docs/graph-coverage.md` says so to users. Its part
//! about properties is written by these tests: `UPDATE_REFERENCE=1 cargo test -p adit-graph coverage`.

mod effect;
mod page;
mod routes;
mod served;

use std::collections::HashSet;

use adit_odata::model::{ComplexType, Property, Type};

use crate::model::not_served::NOT_SERVED;
use crate::model::{APPLICATION_SERVICE_PRINCIPAL, MODEL};

/// The names of the schema, one per line.
const SCHEMA_MEMBERS: &str = include_str!("schema_members.txt");

#[test]
fn every_name_of_the_schema_is_either_served_or_listed_with_a_reason() {
    let names: Vec<&str> = SCHEMA_MEMBERS.lines().filter(|line| !line.starts_with('#')).collect();
    let wrong: Vec<&&str> = names.iter().filter(|name| served::has(name) == is_not_served(name)).collect();
    assert!(names.len() > 700, "the list of names is not complete");
    assert_eq!(wrong, Vec::<&&str>::new(), "these are in neither or in both");
}

fn is_not_served(name: &str) -> bool {
    let (kind, member) = name.split_once('/').unwrap_or((name, ""));
    let stands_for = |what: &str| what == name || what == kind || what.strip_prefix("*/") == Some(member);
    NOT_SERVED.iter().any(|(what, _)| stands_for(what))
}

#[test]
fn what_is_not_served_is_named_once_and_is_not_in_the_model() {
    let mut seen = HashSet::new();
    for (what, reason) in NOT_SERVED {
        assert!(seen.insert(what), "{what} is named twice");
        assert!(!served::has(what), "{what} is in the model");
        assert!(!reason.is_empty(), "{what} has no reason");
    }
}

#[test]
fn every_type_of_a_property_is_declared_in_the_model() {
    for (path, property) in all_properties() {
        let declared = match property.kind.item() {
            Type::Enum(kind) => MODEL.enum_types.iter().any(|own| std::ptr::eq(*own, *kind)),
            Type::Complex(kind) => served::complex_types().any(|own| std::ptr::eq(own, *kind)),
            _ => true,
        };
        assert!(declared, "the type of {path} is not in the model");
    }
}

#[test]
fn every_base_and_every_target_of_a_navigation_is_declared_in_the_model() {
    let declared = |kind| MODEL.entity_types.iter().any(|own| std::ptr::eq(*own, kind));
    for kind in MODEL.entity_types {
        let targets = kind.navigations.iter().map(|navigation| navigation.target);
        for needed in kind.base.into_iter().chain(targets) {
            assert!(declared(needed), "{} needs {}", kind.name, needed.name);
        }
    }
    for kind in MODEL.complex_types {
        let known = |base: &ComplexType| MODEL.complex_types.iter().any(|own| std::ptr::eq(*own, base));
        assert!(kind.base.is_none_or(known), "the base of {} is not in the model", kind.name);
        assert!(kind.navigations.iter().all(|navigation| declared(navigation.target)), "{}", kind.name);
    }
}

#[test]
fn names_are_unique_without_regard_to_case() {
    let mut types = HashSet::new();
    let enums = MODEL.enum_types.iter().map(|kind| kind.name);
    let structured = MODEL.complex_types.iter().map(|kind| kind.name);
    for name in enums.chain(structured).chain(MODEL.entity_types.iter().map(|kind| kind.name)) {
        assert!(types.insert(name.to_ascii_lowercase()), "two types are called {name}");
    }
    let mut members = HashSet::new();
    for (path, property) in all_properties() {
        let kind = path.split('/').next().unwrap();
        for name in [property.name].iter().chain(property.aliases) {
            assert!(members.insert(format!("{kind}/{name}").to_ascii_lowercase()), "{kind} has {name} twice");
        }
    }
    for kind in MODEL.entity_types {
        for navigation in kind.navigations {
            let name = format!("{}/{}", kind.name, navigation.name);
            assert!(members.insert(name.to_ascii_lowercase()), "{name} is a property and a navigation");
        }
    }
}

/// Every property of every type, its own and those of its bases, each with its path.
fn all_properties() -> Vec<(String, &'static Property)> {
    let entities = MODEL.entity_types.iter().map(|kind| (kind.name, kind.all_properties()));
    let structured = served::complex_types().map(|kind| (kind.name, kind.all_properties()));
    let named = |(kind, properties): (&'static str, Vec<&'static Property>)| {
        properties.into_iter().map(move |property| (format!("{kind}/{}", property.name), property))
    };
    entities.chain(structured).flat_map(named).collect()
}

#[test]
fn every_navigation_leads_somewhere_that_is_served() {
    let of_entities = MODEL.entity_types.iter().map(|kind| (kind.name, kind.navigations));
    // What an operation answers with has its parts in it; no path leads over them.
    let values = MODEL.complex_types.iter().filter(|kind| !std::ptr::eq(**kind, &APPLICATION_SERVICE_PRINCIPAL));
    let of_values = values.map(|kind| (kind.name, kind.navigations));
    let reached = served::navigations();
    for (kind, navigations) in of_entities.chain(of_values) {
        for navigation in navigations {
            let is_reached = reached.iter().any(|own| std::ptr::eq(*own, navigation));
            assert!(is_reached, "no path of the surface goes over {kind}/{}", navigation.name);
        }
    }
}

#[test]
fn the_reference_page_says_what_the_model_has() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/graph-coverage.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(page::START).expect("the page has a generated part");
    let (_, after) = rest.split_once(page::END).expect("the generated part has an end");
    let wanted = format!("{before}{}{}{}{after}", page::START, page::generated(), page::END);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, &wanted).unwrap();
    } else {
        assert!(page == wanted, "{path} is out of date; UPDATE_REFERENCE=1 writes it anew");
    }
}
