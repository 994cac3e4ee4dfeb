//! `$select`: names, paths, qualified names and `*`; first the grammar, then the names against a type.

use super::error::{Problem, QueryError};
use super::source::{Source, shown, text_of};
use crate::expression::check::{complex_name, entity_name};
use crate::limit::SELECTED;
use crate::model::{ComplexType, EntityType, Model, Property, Returned};
use crate::projection::Projection;

/// One name or path, in parts, and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    parts: Vec<String>,
    position: usize,
}

/// Parses all of a text as a list of names.
pub(crate) fn parse(mut source: Source<'_>) -> Result<Vec<Item>, QueryError> {
    if source.rest().iter().filter(|c| **c == ',').count() >= SELECTED {
        return Err(source.error(Problem::TooManySelected));
    }
    let mut items = Vec::new();
    loop {
        source.skip_spaces();
        items.push(item(&mut source)?);
        source.skip_spaces();
        if source.is_empty() {
            return Ok(items);
        }
        if !source.eat(',') {
            return Err(source.unexpected("',' or the end"));
        }
    }
}

fn item(source: &mut Source<'_>) -> Result<Item, QueryError> {
    let position = source.position();
    let mut parts = vec![part(source)?];
    while source.eat('/') {
        parts.push(part(source)?);
    }
    if source.peek() == Some('(') {
        return Err(source.error(Problem::Unsupported("A name with parentheses")));
    }
    Ok(Item { parts, position })
}

fn part(source: &mut Source<'_>) -> Result<String, QueryError> {
    let start = *source;
    if source.eat('*') {
        return Ok("*".to_owned());
    }
    if source.peek() == Some('@') {
        return Err(source.error(Problem::Unsupported("An annotation")));
    }
    let name = text_of(source.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')));
    // `namespace.*`: all operations of a namespace.
    let name = if name.ends_with('.') && source.eat('*') { name + "*" } else { name };
    let bad = |name: &str| name != "*" && !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if name.split('.').any(bad) {
        return Err(start.unexpected("A name"));
    }
    Ok(name)
}

/// What the names mean on entities of a type. Navigations and operations may be named; they add no property.
pub(crate) fn check(
    items: &[Item],
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Projection, QueryError> {
    let mut selected: Vec<Vec<&'static str>> = Vec::new();
    let mut star = false;
    for item in items {
        let path = match item.parts.as_slice() {
            [only] if only == "*" => {
                star = true;
                continue;
            }
            [only] if only.contains('.') && is_operation(only, model) => continue,
            parts => resolve(parts, on, model).map_err(|problem| source.error_at(item.position, problem))?,
        };
        if !path.is_empty() && !selected.contains(&path) {
            selected.push(path);
        }
    }
    if !star {
        return Ok(Projection::Selected(selected));
    }
    let always = on.all_properties().into_iter().filter(|property| property.returned == Returned::Always);
    let all: Vec<Vec<&'static str>> = always.map(|property| vec![property.name]).collect();
    let more: Vec<_> =
        selected.into_iter().filter(|path| path.first().is_some_and(|name| !all.contains(&vec![*name]))).collect();
    if more.is_empty() {
        return Ok(Projection::Default);
    }
    Ok(Projection::Selected(all.into_iter().chain(more).collect()))
}

fn is_operation(name: &str, model: &Model) -> bool {
    let Some((namespace, own)) = name.rsplit_once('.') else { return false };
    let expanded = if namespace.eq_ignore_ascii_case(model.alias) { model.namespace } else { namespace };
    model.operations.iter().any(|operation| {
        operation.namespace.eq_ignore_ascii_case(expanded) && (own == "*" || operation.name.eq_ignore_ascii_case(own))
    })
}

/// Where a path is: what the next name is looked up in.
#[derive(Clone, Copy)]
enum Place {
    Entity(&'static EntityType),
    Complex(&'static ComplexType),
    /// A value without parts.
    End,
}

/// The declared names of a path without its casts; none for one that ends at a navigation.
fn resolve(parts: &[String], on: &'static EntityType, model: &'static Model) -> Result<Vec<&'static str>, Problem> {
    let mut place = Place::Entity(on);
    let mut owner = entity_name(model, on);
    let mut path = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        if let Some(cast) = cast(part, place, model) {
            place = cast;
            owner.clone_from(part);
            continue;
        }
        if last && is_navigation(part, place) {
            return Ok(Vec::new());
        }
        let property =
            property(part, place).ok_or_else(|| Problem::UnknownProperty { name: shown(part), on: shown(&owner) })?;
        path.push(property.name);
        place = property.kind.complex().map_or(Place::End, Place::Complex);
        owner = property.kind.complex().map_or_else(|| property.name.to_owned(), |kind| complex_name(model, kind));
    }
    if path.is_empty() {
        return Err(Problem::Unexpected { expected: "A property of the type", found: "the end".to_owned() });
    }
    Ok(path)
}

fn property(name: &str, place: Place) -> Option<&'static Property> {
    match place {
        Place::Entity(on) => on.property(name),
        Place::Complex(on) => on.property(name),
        Place::End => None,
    }
}

fn is_navigation(name: &str, place: Place) -> bool {
    match place {
        Place::Entity(on) => on.navigation(name).is_some(),
        Place::Complex(on) => on.navigation(name).is_some(),
        Place::End => false,
    }
}

/// A type's name as a step: to the same type or to one derived from it.
fn cast(name: &str, from: Place, model: &'static Model) -> Option<Place> {
    if !name.contains('.') {
        return None;
    }
    match from {
        Place::Entity(on) => model.entity_type(name).filter(|kind| kind.is_a(on) || on.is_a(kind)).map(Place::Entity),
        Place::Complex(on) => {
            model.any_complex_type(name).filter(|kind| kind.is_a(on) || on.is_a(kind)).map(Place::Complex)
        }
        Place::End => None,
    }
}
