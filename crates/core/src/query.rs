//! Questions about a collection of the directory: a typed tree over its fields.
//!
//! The API layer parses and type-checks its own query language into this; only the store makes SQL of it, with every
//! value bound. No layer below the API sees a query string, no layer above the store sees SQL.

use uuid::Uuid;

/// The largest page, in items: what directory objects in Graph allow (contract section 4.2).
pub const LARGEST_PAGE: u32 = 999;

/// The page size when none was asked for.
pub const DEFAULT_PAGE: u32 = 100;

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; compared without case, as Graph does.
    Text(String),
    /// True or false.
    Bool(bool),
    /// No value.
    Null,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// How a text field is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum TextMatch {
    StartsWith,
    EndsWith,
    Contains,
}

/// A condition over the fields `F` of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<F> {
    /// Both hold.
    And(Box<Filter<F>>, Box<Filter<F>>),
    /// At least one holds.
    Or(Box<Filter<F>>, Box<Filter<F>>),
    /// It does not hold.
    Not(Box<Filter<F>>),
    /// A field compared with a value.
    Compare {
        /// The field.
        field: F,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Value,
    },
    /// A text field matched with a text, without case.
    Text {
        /// The field.
        field: F,
        /// How.
        matching: TextMatch,
        /// The text.
        text: String,
    },
}

impl<F> Filter<F> {
    /// `field` equals `value`.
    pub const fn equal(field: F, value: Value) -> Self {
        Self::Compare { field, comparison: Comparison::Equal, value }
    }

    /// Both `self` and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }
}

/// Where the next page starts: after the object with this id (collections are ordered by id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub Uuid);

/// Whether the number of all matching objects is wanted as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// Only the items.
    #[default]
    Skipped,
    /// Items and number.
    Wanted,
}

/// A question about a collection with the fields `F`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<F> {
    /// Which objects; all without.
    pub filter: Option<Filter<F>>,
    /// How many at most, 1 to [`LARGEST_PAGE`].
    pub limit: u32,
    /// Where to go on.
    pub after: Option<Cursor>,
    /// Whether to count.
    pub counting: Counting,
}

impl<F> Default for Query<F> {
    fn default() -> Self {
        Self { filter: None, limit: DEFAULT_PAGE, after: None, counting: Counting::Skipped }
    }
}

impl<F> Query<F> {
    /// Narrows the question to what also satisfies `filter`.
    #[must_use]
    pub fn narrowed(mut self, filter: Filter<F>) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(own) => own.and(filter),
            None => filter,
        });
        self
    }
}

/// One page of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The objects.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Cursor>,
    /// How many match in all, if it was asked.
    pub total: Option<u64>,
}

/// What can be asked of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `Connector`")]
pub enum ConnectorField {
    Id,
    MachineName,
    ExternalIp,
    Status,
    Version,
    ConnectorGroup,
}

/// What can be asked of a connector group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `ConnectorGroup`")]
pub enum ConnectorGroupField {
    Id,
    Name,
    Region,
    IsDefault,
}

/// What can be asked of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `Application`")]
pub enum ApplicationField {
    Id,
    AppId,
    DisplayName,
    Created,
    ExternalUrl,
    InternalUrl,
    ConnectorGroup,
}
