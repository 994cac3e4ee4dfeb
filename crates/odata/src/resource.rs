//! Resolves the parts of a path against the model: which entity, property, reference or operation a URL means.
//!
//! The rules are those of OData 4.01, part 2: keys as segments and in parentheses, alternate keys by name, type casts,
//! `$ref`, `$count`, `$value`, and operations bound to an entity or a collection. Names match in any case. A name that
//! the model knows goes before a key, so a key that is also the name of an operation must stand in parentheses.
//!
//! Invariant: each segment of a [`ResourcePath`] is allowed where it stands. Whether the things exist is not asked here.

mod argument;
mod key;
mod spelling;
#[cfg(test)]
mod tests;
mod walk;

pub use self::argument::ArgumentFault;
pub use self::key::Key;
use self::walk::Walk;
use crate::limit::PATH_SEGMENTS;
use crate::model::{
    ComplexType, EntitySet, EntityType, Model, Navigation, Operation, Property, Returns, RootAlias, Singleton,
};
use crate::path::{self, Part};

/// The most parts: each segment may bring a key in parentheses.
const PARTS: usize = 2 * PATH_SEGMENTS;

/// How much of a segment an error repeats, in characters.
const SHOWN: usize = 100;

/// One segment of a resolved path.
#[derive(Debug, Clone)]
pub enum Segment {
    /// A collection at the start.
    EntitySet(&'static EntitySet),
    /// One entity at the start.
    Singleton(&'static Singleton),
    /// From an entity or a structured value to entities.
    Navigation(&'static Navigation),
    /// A property of an entity or a structured value.
    Property(&'static Property),
    /// One entity of the collection before.
    Key(Key),
    /// The entities or the entity before, as that type.
    EntityCast(&'static EntityType),
    /// The structured value before, as that type.
    ComplexCast(&'static ComplexType),
    /// An action or a function on what is before.
    Operation {
        /// Which.
        operation: &'static Operation,
        /// The names, as declared, and the values that are passed to a function in the URL.
        arguments: Vec<(String, String)>,
    },
    /// `$ref`: the reference instead of the entity.
    Ref,
    /// `$count`: the number instead of the items.
    Count,
    /// `$value`: the bare value of a property.
    Value,
}

/// A path that the model has.
#[derive(Debug, Clone)]
pub struct ResourcePath {
    /// What it goes through, the declared names only.
    pub segments: Vec<Segment>,
    /// The alias it started with, if any; the segments have the whole path.
    pub alias: Option<&'static RootAlias>,
    /// The model that has it.
    pub model: &'static Model,
}

impl ResourcePath {
    /// The keys in the order of the path.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key),
            _ => None,
        })
    }

    /// The type of the entity, or of the entities, at the end; `None` behind a property. `$ref`, `$count` and a cast
    /// change nothing but the type; for an operation it is the type of what it answers with.
    #[must_use]
    pub fn entity_type(&self) -> Option<&'static EntityType> {
        self.segments.iter().fold(None, |before, segment| match segment {
            Segment::EntitySet(set) => Some(set.entity_type),
            Segment::Singleton(singleton) => Some(singleton.entity_type),
            Segment::Navigation(navigation) => Some(navigation.target),
            Segment::EntityCast(kind) => Some(kind),
            Segment::Key(_) | Segment::Ref | Segment::Count => before,
            Segment::Property(_) | Segment::ComplexCast(_) | Segment::Value => None,
            Segment::Operation { operation, .. } => match operation.returns {
                Returns::Entity(kind) | Returns::Entities(kind) => Some(kind),
                Returns::Nothing | Returns::Value(_) => None,
            },
        })
    }
}

/// Why a path is none of the model's. The texts of clients are shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing of that name can stand there.
    #[error("Resource not found for the segment '{segment}'.")]
    NotFound {
        /// The segment.
        segment: String,
    },
    /// A key named by a property that is none.
    #[error("Resource not found for the segment '{segment}': '{property}' is not a key of type '{on}'.")]
    NoSuchKey {
        /// The segment before the parentheses.
        segment: String,
        /// The property that was named.
        property: String,
        /// The type without namespace.
        on: &'static str,
    },
    /// Arguments that do not fit the parameters of a function.
    #[error("The arguments of '{operation}' do not fit: {fault}.")]
    Arguments {
        /// The operation.
        operation: &'static str,
        /// What is wrong.
        fault: ArgumentFault,
    },
    /// More segments than [`PATH_SEGMENTS`].
    #[error("The path is too long.")]
    TooLong,
}

/// Resolves the parts of a path. No parts are the root: a path without segments.
///
/// # Errors
/// [`ResolveError`], for the first segment that cannot stand where it stands.
pub fn resolve(model: &'static Model, parts: &[Part]) -> Result<ResourcePath, ResolveError> {
    if parts.len() > PARTS {
        return Err(ResolveError::TooLong);
    }
    let alias = root_alias(model, parts);
    let expanded = alias.map(|alias| expand(alias, parts));
    let mut walk = Walk::new(model);
    let mut rest = expanded.as_deref().unwrap_or(parts).iter().peekable();
    while let Some(part) = rest.next() {
        match part {
            Part::Word(word) => {
                let brackets = rest.next_if(|next| !matches!(next, Part::Word(_)));
                walk.segment(word, brackets)?;
            }
            bare => return Err(not_found(bare.text())),
        }
    }
    Ok(ResourcePath { segments: walk.finish(), alias, model })
}

/// A declared name goes before an alias.
fn root_alias(model: &'static Model, parts: &[Part]) -> Option<&'static RootAlias> {
    let Some(Part::Word(word)) = parts.first() else { return None };
    let declared = model.entity_set(word).is_some() || model.singleton(word).is_some();
    if declared { None } else { model.root_alias(word) }
}

fn expand(alias: &'static RootAlias, parts: &[Part]) -> Vec<Part> {
    let mut expanded = path::parse(alias.path).unwrap_or_default();
    expanded.extend(parts.iter().skip(1).cloned());
    expanded
}

fn not_found(segment: &str) -> ResolveError {
    ResolveError::NotFound { segment: shown(segment) }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
