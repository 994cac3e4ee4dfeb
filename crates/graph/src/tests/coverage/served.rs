//! Whether the model has a name of the schema, and over which navigations the paths of the surface go.

use adit_odata::model::{BoundTo, ComplexType, EntityType, Navigation, Operation};
use adit_odata::{Segment, path, resource};

use crate::model::MODEL;
use crate::surface::{ROWS, Row};

/// Whether the model has what is called `name`: a type, `type/member`, `type/operation()`,
/// `type/operation()/parameter`, or `/` and what a path starts with.
pub(super) fn has(name: &str) -> bool {
    match name.split_once('/') {
        None => has_type(name),
        Some(("", root)) => MODEL.entity_set(root).is_some() || MODEL.singleton(root).is_some(),
        Some((kind, member)) => match member.split_once("()") {
            None => has_member(kind, member),
            Some((operation, parameter)) => has_operation(kind, operation, parameter.trim_start_matches('/')),
        },
    }
}

fn has_type(name: &str) -> bool {
    let is_enum = MODEL.enum_types.iter().any(|kind| kind.name == name);
    is_enum || entity(name).is_some() || complex(name).is_some()
}

fn entity(name: &str) -> Option<&'static EntityType> {
    MODEL.entity_types.iter().copied().find(|kind| kind.name == name)
}

fn complex(name: &str) -> Option<&'static ComplexType> {
    complex_types().find(|kind| kind.name == name)
}

/// The types of structured values, those of Adit's own among them.
pub(super) fn complex_types() -> impl Iterator<Item = &'static ComplexType> {
    MODEL.complex_types.iter().copied().chain(MODEL.foreign_complex_types.iter().map(|(_, kind)| *kind))
}

fn has_member(kind: &str, member: &str) -> bool {
    let of_enum = MODEL.enum_types.iter().filter(|own| own.name == kind);
    let of_entity = |own: &'static EntityType| own.property(member).is_some() || own.navigation(member).is_some();
    let of_complex = |own: &'static ComplexType| own.property(member).is_some() || own.navigation(member).is_some();
    of_enum.flat_map(|own| own.members).any(|own| own.name == member)
        || entity(kind).is_some_and(of_entity)
        || complex(kind).is_some_and(of_complex)
}

fn has_operation(kind: &str, name: &str, parameter: &str) -> bool {
    let bound = |operation: &&Operation| {
        let (BoundTo::Entity(own) | BoundTo::Collection(own)) = operation.bound_to;
        own.name == kind && operation.name == name
    };
    let has_parameter = |operation: &Operation| operation.parameters.iter().any(|own| own.name == parameter);
    MODEL.operations.iter().find(bound).is_some_and(|operation| parameter.is_empty() || has_parameter(operation))
}

/// The navigations that the paths of the surface go over.
pub(super) fn navigations() -> Vec<&'static Navigation> {
    let paths = ROWS.iter().map(|row| match row {
        Row::Entities { path, .. } | Row::Operation { path, .. } => *path,
    });
    paths.flat_map(navigations_on).collect()
}

fn navigations_on(path: &str) -> Vec<&'static Navigation> {
    let path = match path.strip_prefix("P/") {
        Some(rest) => format!("onPremisesPublishingProfiles/applicationProxy/{rest}"),
        None => path.to_owned(),
    };
    let word = |word: &str| if word.starts_with('{') { "7".to_owned() } else { word.to_owned() };
    let path = path.split('/').map(word).collect::<Vec<_>>().join("/");
    let resolved = resource::resolve(&MODEL, &path::parse(&path).unwrap()).unwrap();
    let over = |segment: Segment| match segment {
        Segment::Navigation(navigation) => Some(navigation),
        _ => None,
    };
    resolved.segments.into_iter().filter_map(over).collect()
}
