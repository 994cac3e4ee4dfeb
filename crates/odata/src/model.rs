//! The entity model: what types, properties, navigations, entity sets and actions a server has. It is declared once, as
//! constants; paths, filters, projections, bodies and answers are all checked against the same declaration.
//!
//! Names are found without regard to case, because real clients are loose with it; the declared spelling is what is
//! written.

use std::fmt;

/// The type of a property.
#[derive(Clone, Copy)]
pub enum Type {
    /// `Edm.String`.
    String,
    /// A text that holds a UUID; compared with quoted and with bare literals.
    Guid,
    /// `Edm.Boolean`.
    Boolean,
    /// `Edm.Int32`.
    Int32,
    /// `Edm.DateTimeOffset`.
    DateTimeOffset,
    /// One member of an enumeration.
    Enum(&'static EnumType),
    /// A structured value.
    Complex(&'static ComplexType),
    /// Several values of one type.
    Collection(&'static Type),
    /// Any JSON object: kept and given back as it came.
    Object,
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Type {
    /// The properties of a structured type; none of any other.
    #[must_use]
    pub const fn properties(&self) -> &'static [Property] {
        match self {
            Self::Complex(kind) => kind.properties,
            _ => &[],
        }
    }

    /// The name of a declared type.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Complex(kind) => Some(kind.name),
            Self::Enum(kind) => Some(kind.name),
            _ => None,
        }
    }

    /// What a value of this type looks like in JSON, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::String => "a string".to_owned(),
            Self::Guid => "a string that holds a UUID".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Int32 => "a 32-bit integer".to_owned(),
            Self::DateTimeOffset => "a date and time such as 2026-01-31T12:00:00Z".to_owned(),
            Self::Enum(kind) => format!("one of {}", kind.members.join(", ")),
            Self::Complex(kind) => format!("an object ({})", kind.name),
            Self::Collection(item) => format!("an array whose items are {}", item.describe()),
            Self::Object => "an object".to_owned(),
        }
    }
}

/// An enumeration.
#[derive(Debug)]
pub struct EnumType {
    /// Its name without namespace.
    pub name: &'static str,
    /// Its members in the order of the schema.
    pub members: &'static [&'static str],
}

impl EnumType {
    /// Finds a member without regard to case, and gives its declared spelling.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<&'static str> {
        self.members.iter().copied().find(|member| member.eq_ignore_ascii_case(word))
    }
}

/// A structured value without a key.
pub struct ComplexType {
    /// Its name without namespace.
    pub name: &'static str,
    /// Its properties.
    pub properties: &'static [Property],
}

impl fmt::Debug for ComplexType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Who sets a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBy {
    /// The client; checked and kept.
    Client,
    /// The system; what a client sends for it is ignored without a look.
    System,
}

/// Whether a property is part of an answer that was not asked for particular properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// It is.
    Always,
    /// Only when `$select` names it.
    WhenSelected,
    /// Never: it holds a secret.
    Never,
}

/// A property of an entity or a structured value.
#[derive(Debug)]
pub struct Property {
    /// Its name, in the spelling that is written.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Whether `null` is a value.
    pub nullable: bool,
    /// Who sets it.
    pub set_by: SetBy,
    /// When it is returned.
    pub returned: Returned,
}

impl Property {
    /// A nullable property that the client sets and that is always returned.
    #[must_use]
    pub const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, nullable: true, set_by: SetBy::Client, returned: Returned::Always }
    }

    /// The same, never `null`.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// The same, set by the system.
    #[must_use]
    pub const fn system(mut self) -> Self {
        self.set_by = SetBy::System;
        self
    }

    /// The same, returned only on `$select`.
    #[must_use]
    pub const fn when_selected(mut self) -> Self {
        self.returned = Returned::WhenSelected;
        self
    }

    /// The same, never returned.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.returned = Returned::Never;
        self
    }
}

/// Whether a navigation leads to one entity or to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplicity {
    /// At most one.
    One,
    /// Any number.
    Many,
}

/// A navigation from one entity to others.
#[derive(Debug)]
pub struct Navigation {
    /// Its name, in the spelling that is written.
    pub name: &'static str,
    /// Where it leads.
    pub target: &'static EntityType,
    /// To how many.
    pub multiplicity: Multiplicity,
}

/// A type of things with a key.
pub struct EntityType {
    /// Its name without namespace.
    pub name: &'static str,
    /// Its properties, in the order in which they are written; the key is `id`.
    pub properties: &'static [Property],
    /// Its navigations.
    pub navigations: &'static [Navigation],
    /// Properties that can stand for the key, by name, in parentheses.
    pub alternate_keys: &'static [&'static str],
}

impl fmt::Debug for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl EntityType {
    /// Finds a property without regard to case.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        find_property(self.properties, name)
    }

    /// Finds a navigation without regard to case.
    #[must_use]
    pub fn navigation(&self, name: &str) -> Option<&'static Navigation> {
        self.navigations.iter().find(|navigation| navigation.name.eq_ignore_ascii_case(name))
    }
}

/// Finds a property without regard to case.
#[must_use]
pub fn find_property(properties: &'static [Property], name: &str) -> Option<&'static Property> {
    properties.iter().find(|property| property.name.eq_ignore_ascii_case(name))
}

/// A collection of entities that a path can start with, or that is contained in another.
#[derive(Debug)]
pub struct EntitySet {
    /// The segment, in the spelling that is written.
    pub name: &'static str,
    /// Other spellings of the segment that are understood.
    pub aliases: &'static [&'static str],
    /// The type of its entities.
    pub entity_type: &'static EntityType,
    /// Its path below the version, as it is written in context URLs and locations.
    pub path: &'static str,
}

/// An operation bound to an entity.
#[derive(Debug)]
pub struct Action {
    /// Its name with namespace, as it stands in a path.
    pub name: &'static str,
    /// What it is bound to.
    pub bound_to: &'static EntityType,
    /// What can be passed to it.
    pub parameters: &'static [Property],
}

/// All that a server has.
#[derive(Debug)]
pub struct Model {
    /// The namespace of its types.
    pub namespace: &'static str,
    /// Its entity types.
    pub entity_types: &'static [&'static EntityType],
    /// Its entity sets.
    pub entity_sets: &'static [EntitySet],
    /// Its actions.
    pub actions: &'static [Action],
}

impl Model {
    /// Finds the entity set that a path segment names, without regard to case.
    #[must_use]
    pub fn entity_set(&self, segment: &str) -> Option<&'static EntitySet> {
        let sets: &'static [EntitySet] = self.entity_sets;
        sets.iter().find(|set| {
            set.name.eq_ignore_ascii_case(segment)
                || set.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(segment))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) static COLOUR: EnumType = EnumType { name: "colour", members: &["red", "darkGreen"] };
    pub(crate) static PLACE: ComplexType = ComplexType {
        name: "place",
        properties: &[
            Property::new("url", Type::String),
            Property::new("colour", Type::Enum(&COLOUR)),
            Property::new("secret", Type::String).secret(),
        ],
    };
    pub(crate) static THING: EntityType = EntityType {
        name: "thing",
        properties: &[
            Property::new("id", Type::Guid).required().system(),
            Property::new("name", Type::String).required(),
            Property::new("isDefault", Type::Boolean).required().system(),
            Property::new("colour", Type::Enum(&COLOUR)),
            Property::new("size", Type::Int32),
            Property::new("created", Type::DateTimeOffset).system(),
            Property::new("tags", Type::Collection(&Type::String)).required(),
            Property::new("place", Type::Complex(&PLACE)).when_selected(),
            Property::new("rest", Type::Object),
        ],
        navigations: &[Navigation { name: "parts", target: &THING, multiplicity: Multiplicity::Many }],
        alternate_keys: &["name"],
    };

    static MODEL: Model = Model {
        namespace: "example",
        entity_types: &[&THING],
        entity_sets: &[EntitySet { name: "things", aliases: &["thing"], entity_type: &THING, path: "things" }],
        actions: &[],
    };

    #[test]
    fn names_are_found_without_case_and_keep_their_spelling() {
        assert_eq!(THING.property("ISDEFAULT").unwrap().name, "isDefault");
        assert_eq!(THING.navigation("Parts").unwrap().name, "parts");
        assert_eq!(MODEL.entity_set("Thing").unwrap().name, "things");
        assert_eq!(COLOUR.find("DARKGREEN"), Some("darkGreen"));
        assert!(MODEL.entity_set("nothing").is_none());
    }
}
