//! The walk along a path: what may follow what.
//!
//! One segment is taken at a time. Where the walk stands says which names the model has there; only after a collection
//! can a word be a key.

use super::argument::arguments;
use super::key::{Key, is_key, unquoted};
use super::{ResolveError, Segment, not_found, shown};
use crate::model::{
    BoundTo, ComplexType, EntityType, Model, Multiplicity, Navigation, Operation, Property, Returned, Type,
};
use crate::path::Part;

/// Where the walk along a path stands.
#[derive(Clone, Copy)]
enum Place {
    /// Before the first segment.
    Root,
    /// At several entities.
    Collection(&'static EntityType),
    /// At one entity.
    Entity(&'static EntityType),
    /// At a structured value.
    Complex(&'static ComplexType),
    /// At a primitive value.
    Value,
    /// At several values.
    Values,
    /// Where nothing can follow.
    End,
}

/// A walk along a path: the segments it went through, and where it stands.
pub(super) struct Walk {
    model: &'static Model,
    segments: Vec<Segment>,
    at: Place,
}

impl Walk {
    pub(super) fn new(model: &'static Model) -> Self {
        Self { model, segments: Vec::new(), at: Place::Root }
    }

    pub(super) fn finish(self) -> Vec<Segment> {
        self.segments
    }

    /// Takes one segment of the URL: a word, and what stands in parentheses behind it.
    pub(super) fn segment(&mut self, word: &str, brackets: Option<&Part>) -> Result<(), ResolveError> {
        if let Some(operation) = self.operation(word) {
            return self.call(operation, brackets);
        }
        if matches!(brackets, Some(Part::Arguments(arguments)) if arguments.is_empty()) {
            // Empty parentheses call an operation, or mean nothing behind a name; a key has none.
            let (segment, place) = self.declared(word).ok_or_else(|| not_found(word))?;
            self.go(segment, place);
            return Ok(());
        }
        self.word(word)?;
        brackets.map_or(Ok(()), |key| self.bracketed_key(word, key))
    }

    fn word(&mut self, word: &str) -> Result<(), ResolveError> {
        let found = if word.starts_with('$') { self.system(word) } else { self.declared(word) };
        let (segment, place) = found.or_else(|| self.key_segment(word)).ok_or_else(|| not_found(word))?;
        self.go(segment, place);
        Ok(())
    }

    fn go(&mut self, segment: Segment, place: Place) {
        self.segments.push(segment);
        self.at = place;
    }

    /// `$ref`, `$count` and `$value`.
    fn system(&self, word: &str) -> Option<(Segment, Place)> {
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        let segment = match self.at {
            Place::Collection(_) | Place::Values if is("$count") => Segment::Count,
            Place::Collection(_) | Place::Entity(_) if is("$ref") => Segment::Ref,
            Place::Value if is("$value") => Segment::Value,
            _ => return None,
        };
        Some((segment, Place::End))
    }

    /// A name that the model has at this place.
    fn declared(&self, word: &str) -> Option<(Segment, Place)> {
        match self.at {
            Place::Root => self.start(word),
            Place::Collection(kind) => {
                self.entity_cast(kind, word).map(|cast| (Segment::EntityCast(cast), Place::Collection(cast)))
            }
            Place::Entity(kind) => property(kind.property(word))
                .or_else(|| navigation(kind.navigation(word)))
                .or_else(|| self.entity_cast(kind, word).map(|cast| (Segment::EntityCast(cast), Place::Entity(cast)))),
            Place::Complex(kind) => property(kind.property(word))
                .or_else(|| navigation(kind.navigation(word)))
                .or_else(|| self.complex_cast(kind, word)),
            Place::Value | Place::Values | Place::End => None,
        }
    }

    fn start(&self, word: &str) -> Option<(Segment, Place)> {
        if let Some(set) = self.model.entity_set(word) {
            return Some((Segment::EntitySet(set), Place::Collection(set.entity_type)));
        }
        let singleton = self.model.singleton(word)?;
        Some((Segment::Singleton(singleton), Place::Entity(singleton.entity_type)))
    }

    fn entity_cast(&self, from: &'static EntityType, word: &str) -> Option<&'static EntityType> {
        if self.is_cast() {
            return None;
        }
        self.model.entity_type(word).filter(|kind| kind.is_a(from))
    }

    fn complex_cast(&self, from: &'static ComplexType, word: &str) -> Option<(Segment, Place)> {
        if self.is_cast() {
            return None;
        }
        let kind = self.model.complex_type(word).filter(|kind| kind.is_a(from))?;
        Some((Segment::ComplexCast(kind), Place::Complex(kind)))
    }

    /// One cast says it all; the grammar has no second one behind it.
    fn is_cast(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::EntityCast(_) | Segment::ComplexCast(_)))
    }

    /// A key as a segment. A qualified name of the model's own namespace is a cast that failed, never a key.
    fn key_segment(&self, word: &str) -> Option<(Segment, Place)> {
        let Place::Collection(kind) = self.at else { return None };
        let no_key = word.starts_with('$') || self.model.unqualified(word).is_some();
        let text = if no_key { None } else { unquoted(word) };
        text.filter(|text| is_key(text)).map(|text| (Segment::Key(Key::id(kind, text)), Place::Entity(kind)))
    }

    fn bracketed_key(&mut self, word: &str, brackets: &Part) -> Result<(), ResolveError> {
        let Place::Collection(kind) = self.at else { return Err(not_found(word)) };
        let key = match brackets {
            Part::Key(text) if is_key(text) => Key::id(kind, text),
            Part::NamedKey { name, value } if is_key(value) => Key::named(kind, name, value).ok_or_else(|| {
                ResolveError::NoSuchKey { segment: shown(word), property: shown(name), on: kind.name }
            })?,
            _ => return Err(not_found(word)),
        };
        self.go(Segment::Key(key), Place::Entity(kind));
        Ok(())
    }

    /// The operation of that name that is bound to what the walk stands at. The namespace may be left out for those of
    /// the model's own.
    fn operation(&self, word: &str) -> Option<&'static Operation> {
        let bound = |operation: &&Operation| match (self.at, operation.bound_to) {
            (Place::Collection(kind), BoundTo::Collection(to)) | (Place::Entity(kind), BoundTo::Entity(to)) => {
                kind.is_a(to)
            }
            _ => false,
        };
        self.model.operations.iter().filter(bound).find(|operation| self.is_named(operation, word))
    }

    fn is_named(&self, operation: &Operation, word: &str) -> bool {
        let own = operation.namespace == self.model.namespace;
        let (namespace, name) = match word.rsplit_once('.') {
            Some((namespace, name)) => (namespace, name),
            None => (self.model.namespace, word),
        };
        let known = namespace.eq_ignore_ascii_case(operation.namespace)
            || own && namespace.eq_ignore_ascii_case(self.model.alias);
        known && name.eq_ignore_ascii_case(operation.name)
    }

    fn call(&mut self, operation: &'static Operation, brackets: Option<&Part>) -> Result<(), ResolveError> {
        let arguments = arguments(operation, brackets)
            .map_err(|fault| ResolveError::Arguments { operation: operation.name, fault })?;
        self.go(Segment::Operation { operation, arguments }, Place::End);
        Ok(())
    }
}

/// A secret has no address: it can be sent with its owner, and is never read.
fn property(found: Option<&'static Property>) -> Option<(Segment, Place)> {
    let property = found.filter(|property| property.returned != Returned::Never)?;
    let place = match &property.kind {
        Type::Collection(_) => Place::Values,
        Type::Complex(kind) => Place::Complex(kind),
        Type::Untyped => Place::End,
        _ => Place::Value,
    };
    Some((Segment::Property(property), place))
}

fn navigation(found: Option<&'static Navigation>) -> Option<(Segment, Place)> {
    let navigation = found?;
    let place = match navigation.multiplicity {
        Multiplicity::One => Place::Entity(navigation.target),
        Multiplicity::Many => Place::Collection(navigation.target),
    };
    Some((Segment::Navigation(navigation), place))
}
