//! The generated part of the reference page: what each property does, and what is not served.

use adit_odata::model::{BoundTo, ComplexType, Navigation, Property};

use super::effect::{self, EFFECTS};
use super::routes;
use super::served;
use crate::model::not_served::NOT_SERVED;
use crate::model::{MODEL, PUBLISHING};

/// The line before the generated part.
pub(super) const START: &str =
    "<!-- The rest is generated from the model: UPDATE_REFERENCE=1 cargo test -p adit-graph coverage -->\n";

/// The line after it.
pub(super) const END: &str = "<!-- End of the generated part -->\n";

#[test]
fn every_effect_is_that_of_something_in_the_model() {
    for name in EFFECTS.iter().flat_map(|(paths, _)| *paths) {
        assert!(served::has(name), "{name} is not in the model");
    }
}

/// The generated part, from the heading of its first section to its end.
pub(super) fn generated() -> String {
    let mut text = routes::generated();
    text.push_str("\n## Properties\n");
    for kind in MODEL.entity_types {
        section(&mut text, kind.name, &kind.all_properties(), kind.navigations);
        if kind.property(PUBLISHING.name).is_some() {
            section(&mut text, PUBLISHING.name, &PUBLISHING.all_properties(), PUBLISHING.navigations);
        }
    }
    structured_values(&mut text);
    enumerations(&mut text);
    operations(&mut text);
    not_served(&mut text);
    text
}

fn section(text: &mut String, kind: &str, properties: &[&'static Property], navigations: &[Navigation]) {
    text.push_str(&format!("\n### {kind}\n"));
    if !properties.is_empty() {
        text.push_str("\n| Properties | What they do |\n|---|---|\n");
    }
    for (effect, names) in by_effect(kind, properties) {
        text.push_str(&format!("| {} | {effect} |\n", names.join(", ")));
    }
    if !navigations.is_empty() {
        text.push_str(&format!("\nNavigations: {}.\n", names_of(navigations)));
    }
}

fn names_of(navigations: &[Navigation]) -> String {
    quoted(navigations.iter().map(|navigation| navigation.name))
}

/// The types of values in properties; a property of such a type does what its own section or table says.
fn structured_values(text: &mut String) {
    text.push_str("\n### Structured values\n\n| Type | Properties | What they do |\n|---|---|---|\n");
    let mut kinds: Vec<_> = served::complex_types().filter(|kind| !std::ptr::eq(*kind, &PUBLISHING)).collect();
    kinds.sort_by_key(|kind| kind.name.to_ascii_lowercase());
    for kind in kinds {
        for (effect, names) in by_effect(kind.name, &kind.all_properties()) {
            text.push_str(&format!("| {} | {} | {effect} |\n", kind.name, names.join(", ")));
        }
        if kind.all_properties().is_empty() {
            text.push_str(&format!("| {} | | {} |\n", kind.name, without_properties(kind)));
        }
    }
}

/// What there is to say about a type that declares no properties.
fn without_properties(kind: &'static ComplexType) -> String {
    match (kind.navigations, kind.open) {
        ([], true) => "takes properties of any name; kept and given back, without effect".to_owned(),
        ([], false) => "what others are derived from".to_owned(),
        (navigations, _) => format!("navigations: {}", names_of(navigations)),
    }
}

fn enumerations(text: &mut String) {
    text.push_str(
        "\n### Enumerations\n\nOther members are refused, in properties that the schema calls strings too.\n\n",
    );
    text.push_str("| Type | Members |\n|---|---|\n");
    for kind in MODEL.enum_types {
        let several = if kind.flags { "; several at once" } else { "" };
        let members = quoted(kind.members.iter().map(|member| member.name));
        text.push_str(&format!("| {} | {members}{several} |\n", kind.name));
    }
}

fn operations(text: &mut String) {
    text.push_str("\n### Operations\n\n| On | Operation | Parameters |\n|---|---|---|\n");
    for operation in MODEL.operations {
        let on = match operation.bound_to {
            BoundTo::Entity(kind) => kind.name.to_owned(),
            BoundTo::Collection(kind) => format!("collection of {}", kind.name),
        };
        let name = if operation.namespace == MODEL.namespace {
            operation.name.to_owned()
        } else {
            format!("{}.{}", operation.namespace, operation.name)
        };
        let parameters = quoted(operation.parameters.iter().map(|parameter| parameter.name));
        text.push_str(&format!("| {on} | `{name}` | {parameters} |\n"));
    }
}

/// The names of properties that do the same, in the order in which the first of them is declared.
fn by_effect(kind: &str, properties: &[&'static Property]) -> Vec<(&'static str, Vec<String>)> {
    let named = |property: &&'static Property| match property.aliases {
        [] => format!("`{}`", property.name),
        aliases => format!("`{}` (taken as {} too)", property.name, quoted(aliases.iter().copied())),
    };
    grouped(properties.iter().map(|property| (effect::of(kind, property), named(property))))
}

fn not_served(text: &mut String) {
    text.push_str("\n## Not served\n\nIn Graph's schema around application proxy, and unknown to this server.\n\n");
    text.push_str("| What | Why |\n|---|---|\n");
    for (reason, names) in grouped(NOT_SERVED.iter().map(|(what, reason)| (*reason, format!("`{what}`")))) {
        text.push_str(&format!("| {} | {reason} |\n", names.join(", ")));
    }
    text.push('\n');
}

fn grouped(pairs: impl Iterator<Item = (&'static str, String)>) -> Vec<(&'static str, Vec<String>)> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, name) in pairs {
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, names)) => names.push(name),
            None => groups.push((key, vec![name])),
        }
    }
    groups
}

fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
