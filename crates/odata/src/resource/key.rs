//! Keys: which entity of a collection is meant, by its own key or by an alternate one.

use crate::model::{EntityType, Property, Type};

/// Which entity of a collection.
#[derive(Debug, Clone)]
pub enum Key {
    /// By its `id`; in lower case if that is a GUID.
    Id(String),
    /// By another property that can stand for it.
    Alternate {
        /// The property.
        property: &'static Property,
        /// Its value.
        value: String,
    },
}

impl Key {
    pub(super) fn id(kind: &'static EntityType, text: &str) -> Self {
        Self::Id(written(kind.property("id"), text))
    }

    pub(super) fn named(kind: &'static EntityType, name: &str, value: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("id") {
            return Some(Self::id(kind, value));
        }
        let property = kind.property(name).filter(|property| is_alternate(kind, property))?;
        Some(Self::Alternate { property, value: written(Some(property), value) })
    }
}

/// Whether the property can stand for the key, by the type itself or one of its bases.
fn is_alternate(kind: &'static EntityType, property: &Property) -> bool {
    kind.alternate_keys.contains(&property.name) || kind.base.is_some_and(|base| is_alternate(base, property))
}

/// GUIDs are written in lower case.
fn written(property: Option<&Property>, text: &str) -> String {
    match property.map(|property| &property.kind) {
        Some(Type::Guid) => text.to_ascii_lowercase(),
        _ => text.to_owned(),
    }
}

/// Whether a text can be a key. Dots alone are the steps of a file system, which some clients resolve and others send.
pub(super) fn is_key(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

/// Takes off the quotes that some clients put around a key that stands as a segment.
pub(super) fn unquoted(word: &str) -> Option<&str> {
    match word.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\''),
        None => Some(word),
    }
}
