//! The entity model: what types, properties, navigations, entity sets and operations a server has. It is declared once,
//! as constants; paths, queries, bodies, answers, `$metadata` and OpenAPI are all made from the same declaration.
//!
//! Names are found without regard to case, because real clients are loose with it; the declared spelling is what is
//! written.

mod property;

use std::fmt;

use self::property::find_navigation;
pub use self::property::{Multiplicity, Navigation, Property, Returned, SetBy, find_property};

/// The type of a value.
#[derive(Clone, Copy)]
pub enum Type {
    /// `Edm.String`.
    String,
    /// `Edm.Guid`; written in lower case, compared without case.
    Guid,
    /// `Edm.Boolean`.
    Boolean,
    /// `Edm.Int32`.
    Int32,
    /// `Edm.Int64`.
    Int64,
    /// `Edm.Double`.
    Double,
    /// `Edm.DateTimeOffset`.
    DateTimeOffset,
    /// `Edm.Date`.
    Date,
    /// `Edm.TimeOfDay`.
    TimeOfDay,
    /// `Edm.Duration`.
    Duration,
    /// `Edm.Binary`; base64url when written, both alphabets when read.
    Binary,
    /// One member of an enumeration, or several of one with flags.
    Enum(&'static EnumType),
    /// A structured value.
    Complex(&'static ComplexType),
    /// Several values of one type.
    Collection(&'static Type),
    /// `Edm.Untyped`: any JSON value, kept and given back as it came.
    Untyped,
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Type {
    /// The structured type of the value or of its items.
    #[must_use]
    pub const fn complex(&self) -> Option<&'static ComplexType> {
        match self {
            Self::Complex(kind) => Some(kind),
            Self::Collection(item) => item.complex(),
            _ => None,
        }
    }

    /// The type of the items of a collection; any other type itself.
    #[must_use]
    pub const fn item(&self) -> &Self {
        match self {
            Self::Collection(item) => item,
            other => other,
        }
    }

    /// Whether it is a collection.
    #[must_use]
    pub const fn is_collection(&self) -> bool {
        matches!(self, Self::Collection(_))
    }

    /// What a value of this type looks like in JSON, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::String => "a string".to_owned(),
            Self::Guid => "a string that holds a UUID".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Int32 => "a 32-bit integer".to_owned(),
            Self::Int64 => "a 64-bit integer".to_owned(),
            Self::Double => "a number".to_owned(),
            Self::DateTimeOffset => "a date and time such as 2026-01-31T12:00:00Z".to_owned(),
            Self::Date => "a date such as 2026-01-31".to_owned(),
            Self::TimeOfDay => "a time such as 12:00:00".to_owned(),
            Self::Duration => "a duration such as PT1H".to_owned(),
            Self::Binary => "a string in base64".to_owned(),
            Self::Enum(kind) if kind.flags => format!("one or more of {}, with commas between", kind.listed()),
            Self::Enum(kind) => format!("one of {}", kind.listed()),
            Self::Complex(kind) => format!("an object ({})", kind.name),
            Self::Collection(item) => format!("an array whose items are {}", item.describe()),
            Self::Untyped => "any value".to_owned(),
        }
    }
}

/// A member of an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its name, in the spelling that is written.
    pub name: &'static str,
    /// Its number.
    pub value: i64,
}

/// An enumeration.
#[derive(Debug)]
pub struct EnumType {
    /// Its name without namespace.
    pub name: &'static str,
    /// Its members in the order of the schema.
    pub members: &'static [Member],
    /// Whether a value may be several members at once.
    pub flags: bool,
}

impl EnumType {
    /// An enumeration of one member at a time.
    #[must_use]
    pub const fn new(name: &'static str, members: &'static [Member]) -> Self {
        Self { name, members, flags: false }
    }

    /// Finds a member without regard to case, and gives its declared spelling.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<&'static str> {
        self.members.iter().find(|member| member.name.eq_ignore_ascii_case(word)).map(|member| member.name)
    }

    fn listed(&self) -> String {
        self.members.iter().map(|member| member.name).collect::<Vec<_>>().join(", ")
    }
}

/// A member of an enumeration.
#[must_use]
pub const fn member(name: &'static str, value: i64) -> Member {
    Member { name, value }
}

/// A structured value without a key.
pub struct ComplexType {
    /// Its name without namespace.
    pub name: &'static str,
    /// The type whose properties it has as well.
    pub base: Option<&'static ComplexType>,
    /// Whether it may have properties that are not declared: kept and given back as they came.
    pub open: bool,
    /// Its own properties, in the order in which they are written.
    pub properties: &'static [Property],
    /// Its own navigations.
    pub navigations: &'static [Navigation],
}

impl fmt::Debug for ComplexType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl ComplexType {
    /// A closed type without base and navigations.
    #[must_use]
    pub const fn new(name: &'static str, properties: &'static [Property]) -> Self {
        Self { name, base: None, open: false, properties, navigations: &[] }
    }

    /// Its properties with those of its bases, the base's first.
    #[must_use]
    pub fn all_properties(&'static self) -> Vec<&'static Property> {
        let mut all = self.base.map(Self::all_properties).unwrap_or_default();
        all.extend(self.properties);
        all
    }

    /// Its navigations with those of its bases, the base's first.
    #[must_use]
    pub fn all_navigations(&'static self) -> Vec<&'static Navigation> {
        let mut all = self.base.map(Self::all_navigations).unwrap_or_default();
        all.extend(self.navigations);
        all
    }

    /// Finds a property without regard to case, in its bases too.
    #[must_use]
    pub fn property(&'static self, name: &str) -> Option<&'static Property> {
        find_property(self.properties, name).or_else(|| self.base.and_then(|base| base.property(name)))
    }

    /// Finds a navigation without regard to case, in its bases too.
    #[must_use]
    pub fn navigation(&'static self, name: &str) -> Option<&'static Navigation> {
        find_navigation(self.navigations, name).or_else(|| self.base.and_then(|base| base.navigation(name)))
    }

    /// Whether it or one of its bases may have properties that are not declared.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open || self.base.is_some_and(Self::is_open)
    }

    /// Whether it is `other` or derived from it.
    #[must_use]
    pub fn is_a(&'static self, other: &'static Self) -> bool {
        std::ptr::eq(self, other) || self.base.is_some_and(|base| base.is_a(other))
    }
}

/// A type of things with a key. The key of every entity is its property `id`.
pub struct EntityType {
    /// Its name without namespace.
    pub name: &'static str,
    /// The type whose properties it has as well; `id` is declared by the type itself.
    pub base: Option<&'static EntityType>,
    /// Its own properties, in the order in which they are written.
    pub properties: &'static [Property],
    /// Its own navigations.
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
    /// Its properties with those of its bases, the base's first.
    #[must_use]
    pub fn all_properties(&'static self) -> Vec<&'static Property> {
        let mut all = self.base.map(Self::all_properties).unwrap_or_default();
        all.extend(self.properties);
        all
    }

    /// Its navigations with those of its bases, the base's first.
    #[must_use]
    pub fn all_navigations(&'static self) -> Vec<&'static Navigation> {
        let mut all = self.base.map(Self::all_navigations).unwrap_or_default();
        all.extend(self.navigations);
        all
    }

    /// Finds a property without regard to case, in its bases too.
    #[must_use]
    pub fn property(&'static self, name: &str) -> Option<&'static Property> {
        find_property(self.properties, name).or_else(|| self.base.and_then(|base| base.property(name)))
    }

    /// Finds a navigation without regard to case, in its bases too.
    #[must_use]
    pub fn navigation(&'static self, name: &str) -> Option<&'static Navigation> {
        find_navigation(self.navigations, name).or_else(|| self.base.and_then(|base| base.navigation(name)))
    }

    /// Whether it is `other` or derived from it.
    #[must_use]
    pub fn is_a(&'static self, other: &'static Self) -> bool {
        std::ptr::eq(self, other) || self.base.is_some_and(|base| base.is_a(other))
    }
}

/// A collection of entities that a path can start with.
#[derive(Debug)]
pub struct EntitySet {
    /// The segment, in the spelling that is written.
    pub name: &'static str,
    /// The type of its entities.
    pub entity_type: &'static EntityType,
}

/// One entity that a path can start with.
#[derive(Debug)]
pub struct Singleton {
    /// The segment, in the spelling that is written.
    pub name: &'static str,
    /// Its type.
    pub entity_type: &'static EntityType,
}

/// A word that stands for the start of a longer path.
#[derive(Debug)]
pub struct RootAlias {
    /// The word.
    pub segment: &'static str,
    /// The path it stands for: declared names and keys as segments.
    pub path: &'static str,
}

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// It may; called with POST.
    Action,
    /// It does not; called with GET.
    Function,
}

/// What an operation is called on.
#[derive(Debug, Clone, Copy)]
pub enum BoundTo {
    /// One entity.
    Entity(&'static EntityType),
    /// A collection of entities.
    Collection(&'static EntityType),
}

/// What an operation answers with.
#[derive(Debug, Clone, Copy)]
pub enum Returns {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Type),
    /// One entity.
    Entity(&'static EntityType),
    /// Several entities.
    Entities(&'static EntityType),
}

/// An action or a function bound to an entity or a collection.
#[derive(Debug)]
pub struct Operation {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name without namespace.
    pub name: &'static str,
    /// Action or function.
    pub kind: OperationKind,
    /// What it is called on.
    pub bound_to: BoundTo,
    /// What can be passed to it.
    pub parameters: &'static [Property],
    /// What it answers with.
    pub returns: Returns,
}

/// All that a server has.
#[derive(Debug)]
pub struct Model {
    /// The namespace of its types.
    pub namespace: &'static str,
    /// A short name that stands for the namespace.
    pub alias: &'static str,
    /// Its enumerations.
    pub enum_types: &'static [&'static EnumType],
    /// Its structured types.
    pub complex_types: &'static [&'static ComplexType],
    /// Its entity types.
    pub entity_types: &'static [&'static EntityType],
    /// Types of other namespaces, each with its namespace.
    pub foreign_complex_types: &'static [(&'static str, &'static ComplexType)],
    /// Its entity sets.
    pub entity_sets: &'static [EntitySet],
    /// Its singletons.
    pub singletons: &'static [Singleton],
    /// Its operations.
    pub operations: &'static [Operation],
    /// Words that stand for the start of a longer path.
    pub root_aliases: &'static [RootAlias],
}

impl Model {
    /// Finds the entity set that a path segment names, without regard to case.
    #[must_use]
    pub fn entity_set(&'static self, segment: &str) -> Option<&'static EntitySet> {
        self.entity_sets.iter().find(|set| set.name.eq_ignore_ascii_case(segment))
    }

    /// Finds the singleton that a path segment names, without regard to case.
    #[must_use]
    pub fn singleton(&'static self, segment: &str) -> Option<&'static Singleton> {
        self.singletons.iter().find(|singleton| singleton.name.eq_ignore_ascii_case(segment))
    }

    /// Finds the path that a word at the start stands for, without regard to case.
    #[must_use]
    pub fn root_alias(&'static self, segment: &str) -> Option<&'static RootAlias> {
        self.root_aliases.iter().find(|alias| alias.segment.eq_ignore_ascii_case(segment))
    }

    /// Takes the namespace, or the word that stands for it, off a qualified name; `None` for one of another namespace.
    #[must_use]
    pub fn unqualified<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (namespace, own) = name.rsplit_once('.')?;
        [self.namespace, self.alias].iter().any(|known| known.eq_ignore_ascii_case(namespace)).then_some(own)
    }

    /// Finds an entity type by its qualified name, without regard to case; a `#` before it means nothing.
    #[must_use]
    pub fn entity_type(&'static self, qualified: &str) -> Option<&'static EntityType> {
        let name = self.unqualified(qualified.trim_start_matches('#'))?;
        self.entity_types.iter().copied().find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    /// Finds a structured type by its qualified name, without regard to case; a `#` before it means nothing.
    #[must_use]
    pub fn complex_type(&'static self, qualified: &str) -> Option<&'static ComplexType> {
        let name = self.unqualified(qualified.trim_start_matches('#'))?;
        self.complex_types.iter().copied().find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    /// The same among the types of other namespaces too.
    #[must_use]
    pub fn any_complex_type(&'static self, qualified: &str) -> Option<&'static ComplexType> {
        let (namespace, name) = qualified.trim_start_matches('#').rsplit_once('.')?;
        let named = |(own, kind): &&(&str, &ComplexType)| {
            own.eq_ignore_ascii_case(namespace) && kind.name.eq_ignore_ascii_case(name)
        };
        let foreign = || self.foreign_complex_types.iter().find(named).map(|(_, kind)| *kind);
        self.complex_type(qualified).or_else(foreign)
    }

    /// The namespace of a structured type: the model's own, unless it is declared under another one.
    #[must_use]
    pub fn namespace_of(&self, kind: &ComplexType) -> &'static str {
        let foreign = self.foreign_complex_types.iter().find(|(_, other)| std::ptr::eq(*other, kind));
        foreign.map_or(self.namespace, |(namespace, _)| namespace)
    }
}
