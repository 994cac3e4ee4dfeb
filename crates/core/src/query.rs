//! Questions about a collection of the directory: a typed tree over its fields.
//!
//! The API layer parses and type-checks its own query language into this; only the store makes SQL of it, with every
//! value bound. No layer below the API sees a query string, no layer above the store sees SQL.
//!
//! Texts are compared without case: names with all their letters, other texts, such as parts of JSON documents, with the
//! case of ASCII letters only. Nothing equals nothing; an order with nothing is false; a condition without a value does
//! not hold, so its opposite does. Values of different kinds are never equal, but whole numbers are numbers.

use jiff::Timestamp;

/// The largest page, in items: what directory objects in Graph allow (contract section 4.2).
pub const LARGEST_PAGE: u32 = 999;

/// The page size when none was asked for.
pub const DEFAULT_PAGE: u32 = 100;

/// A value to compare with, and a value by which a page is ordered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    #[serde(with = "exact")]
    Number(f64),
    /// Text; compared without case. Dates (`2026-01-31`) and times are text too, times in their shortest form
    /// (`12:00:00`, `12:00:00.5`).
    Text(String),
    /// A moment.
    Instant(Timestamp),
}

/// Numbers are written by their bits: decimal digits that are read again can be another number, and infinity has none.
mod exact {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(number.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// What a field belongs to: 0 is the object of the collection, every [`Expression::Quantified`] and
/// [`Expression::Related`] binds the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(pub u8);

/// The object of the collection that is asked.
pub const OBJECT: Variable = Variable(0);

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Add,
    Subtract,
    Multiply,
    /// Of two whole numbers it is a whole number, rounded towards zero.
    Divide,
    /// Never a whole number.
    DivideBy,
    Modulo,
}

/// A function of values. Positions in texts count characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Length,
    /// -1 when it is not there.
    IndexOf,
    /// Text, start, and length if given; below zero counts as zero.
    Substring,
    /// No comparison sees a difference.
    ToLower,
    /// No comparison sees a difference.
    ToUpper,
    Trim,
    Concat,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    FractionalSeconds,
    /// The date of a moment, as text.
    Date,
    /// The time of a moment, as text in its shortest form.
    Time,
    /// Halves away from zero.
    Round,
    Floor,
    Ceiling,
}

/// Whether one item is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Quantifier {
    Any,
    All,
}

/// What kind of value a part of a JSON document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum JsonKind {
    Text,
    Bool,
    Integer,
    Number,
    /// RFC 3339.
    Instant,
    /// An array, for [`Items::Array`].
    Array,
}

/// A part of a JSON document that the directory keeps and does not look into.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPart {
    /// The names on the way, outermost first; none of them holds anything but ASCII letters, digits, `_` and `@.`.
    pub path: Vec<String>,
    /// What is there.
    pub kind: JsonKind,
    /// What holds where nothing is there.
    pub default: Value,
}

/// What can be asked about. Each belongs to one kind of object.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Of a connector.
    Connector(ConnectorField),
    /// Of a connector group.
    ConnectorGroup(ConnectorGroupField),
    /// Of an application, live or deleted.
    Application(ApplicationField),
    /// Of a service principal.
    ServicePrincipal(ServicePrincipalField),
    /// Of a user of this directory.
    User(UserField),
    /// Of a group of such users.
    UserGroup(UserGroupField),
    /// Of an app role assignment.
    AppRoleAssignment(AppRoleAssignmentField),
    /// Of an audit record.
    Audit(AuditField),
    /// Of an item of an array ([`Items::Array`]): the item itself where the path is empty.
    Item(JsonPart),
}

/// Objects that are reached from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The connectors of a connector group.
    Members,
    /// The applications of a connector group.
    Applications,
    /// The one connector group of a connector.
    GroupOfConnector,
    /// The connector group of an application, if it is published.
    GroupOfApplication,
    /// The assignments to a service principal as the resource.
    AssignedTo,
}

/// What a quantifier or a count goes over.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// The items of an array in a JSON document.
    Array(Variable, Field),
    /// Other objects.
    Related(Variable, Relation),
}

/// A value or a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A value.
    Value(Value),
    /// A field of an object.
    Field(Variable, Field),
    /// The opposite.
    Not(Box<Expression>),
    /// The number below zero.
    Negate(Box<Expression>),
    /// Two operands.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// The first is one of the others.
    In(Box<Expression>, Vec<Expression>),
    /// A function of values; the number of arguments has been checked.
    Call(Function, Vec<Expression>),
    /// A condition on some or all of several items.
    Quantified {
        /// How many it must hold for.
        quantifier: Quantifier,
        /// The items.
        items: Items,
        /// The item in the condition.
        variable: Variable,
        /// The condition; without one, any item will do.
        condition: Option<Box<Expression>>,
    },
    /// How many items there are.
    Count(Items),
    /// A value of the one object that a relation leads to; nothing where it leads nowhere.
    Related {
        /// Where it starts.
        from: Variable,
        /// To what.
        relation: Relation,
        /// That object in the value.
        variable: Variable,
        /// The value.
        value: Box<Expression>,
    },
}

impl Expression {
    /// A field of the object equals `value`.
    #[must_use]
    pub fn equal(field: Field, value: Value) -> Self {
        Self::Binary(Operator::Equal, Box::new(Self::Field(OBJECT, field)), Box::new(Self::Value(value)))
    }

    /// Both `self` and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::Binary(Operator::And, Box::new(self), Box::new(other))
    }

    /// At least one of `self` and `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Binary(Operator::Or, Box::new(self), Box::new(other))
    }
}

/// Which way a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// One key by which a list is ordered. Nothing comes before everything when ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// By what.
    pub by: Expression,
    /// Which way.
    pub direction: Direction,
}

/// Where the next page starts: after the object with these values of the order's keys and this id.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The values of the order's keys, in their order.
    pub keys: Vec<Value>,
    /// The id, which decides between equals.
    pub id: String,
}

/// Whether the number of all matching objects is wanted as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// Only the items.
    #[default]
    Skipped,
    /// Items and number.
    Wanted,
}

/// A question about a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which objects; all without.
    pub filter: Option<Expression>,
    /// In which order; the id decides between equals, in the direction of the last key. Where none is given, the store
    /// chooses one that costs nothing, mostly that of the ids; it is the same for all pages.
    pub order: Vec<Order>,
    /// How many at most, 1 to [`LARGEST_PAGE`].
    pub limit: u32,
    /// How many to leave out at the start; costs time in proportion, and is not combined with `after`.
    pub skip: u32,
    /// Where to go on.
    pub after: Option<Cursor>,
    /// Whether to count.
    pub counting: Counting,
}

impl Default for Query {
    fn default() -> Self {
        Self { filter: None, order: Vec::new(), limit: DEFAULT_PAGE, skip: 0, after: None, counting: Counting::Skipped }
    }
}

impl Query {
    /// Narrows the question to what also satisfies `filter`.
    #[must_use]
    pub fn narrowed(mut self, filter: Expression) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(own) => own.and(filter),
            None => filter,
        });
        self
    }
}

/// One page of a collection.
#[derive(Debug, Clone, PartialEq)]
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
    /// `active` or `inactive`.
    Status,
    Version,
    ConnectorGroup,
    Revision,
}

/// What can be asked of a connector group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `ConnectorGroup`")]
pub enum ConnectorGroupField {
    Id,
    Name,
    Region,
    IsDefault,
    Revision,
}

/// What can be asked of an application, live or deleted.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `Application`")]
pub enum ApplicationField {
    Id,
    AppId,
    DisplayName,
    Created,
    /// Only of a deleted one.
    Deleted,
    ExternalUrl,
    InternalUrl,
    IsPublished,
    ConnectorGroup,
    Revision,
    /// A part of its attributes.
    Attribute(JsonPart),
    /// A part of its publishing's attributes; nothing for one that is not published, whatever the default.
    Publishing(JsonPart),
    /// One of the typed settings of its publishing, where and as it is stored; nothing for one that is not published.
    Setting(JsonPart),
    /// One of the typed settings of its publishing, by the word under which it is stored.
    PreAuthentication,
    HostHeader,
    UpstreamCertificate,
    Timeout,
}

/// What can be asked of a service principal.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `ServicePrincipal`")]
pub enum ServicePrincipalField {
    Id,
    AppId,
    DisplayName,
    Created,
    Revision,
    /// A part of its attributes.
    Attribute(JsonPart),
}

/// What can be asked of a user of this directory. Never anything about the password but when it was set.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `User`")]
pub enum UserField {
    Id,
    PrincipalName,
    DisplayName,
    IsEnabled,
    Created,
    PasswordChanged,
    Revision,
    /// A part of its attributes.
    Attribute(JsonPart),
}

/// What can be asked of a group of such users.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `UserGroup`")]
pub enum UserGroupField {
    Id,
    DisplayName,
    Created,
    Revision,
    /// A part of its attributes.
    Attribute(JsonPart),
}

/// What can be asked of an app role assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `AppRoleAssignment`")]
pub enum AppRoleAssignmentField {
    Id,
    AppRole,
    Principal,
    PrincipalKind,
    PrincipalName,
    Resource,
    ResourceName,
    Created,
    Revision,
}

/// What can be asked of an audit record.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of `AuditRecord`")]
pub enum AuditField {
    Id,
    At,
    /// The word under which it is stored.
    Activity,
    /// The words of the directory audit for the activity.
    ActivityName,
    Category,
    OperationType,
    /// `success` or `failure`.
    Result,
    RequestId,
    /// `user`, `program`, `connector` or `system`.
    ActorKind,
    ActorId,
    ActorName,
    Target,
    /// A part of the detail.
    Detail(JsonPart),
}
