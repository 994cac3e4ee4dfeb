//! Expressions of `$filter` and `$orderby` after they were checked: every path exists, every operator and function has
//! operands of types that fit.
//!
//! Whoever answers a query walks this tree; it is small on purpose. What it means for values that are missing is
//! this: nothing equals nothing, an order with nothing is false, a condition without a value does not hold, and `not` of
//! one holds.

pub(crate) mod check;
mod fold;
pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod syntax;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};

use crate::model::{Navigation, Property};
use crate::query::error::{Clause, QueryError};
use crate::query::source::{Source, characters, shown};

/// Checks the grammar of a condition or value, without a model: names may be anything.
///
/// # Errors
/// [`QueryError`], the first thing that is wrong; also what this server does not support of the language.
pub fn syntax(text: &str) -> Result<(), QueryError> {
    let characters = characters(Clause::Filter, text)?;
    syntax::parse(Source::new(Clause::Filter, &characters)).map(drop)
}

/// What a path starts from: 0 is the item of the collection, every lambda adds the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(pub u8);

/// The item of the collection that is asked.
pub const IT: Variable = Variable(0);

/// A value in an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A UUID, in lower case.
    Guid(String),
    /// A date and time.
    DateTimeOffset(Timestamp),
    /// A date.
    Date(Date),
    /// A time.
    TimeOfDay(Time),
    /// A duration.
    Duration(SignedDuration),
    /// Members of an enumeration in their declared spelling: one, or several of one with flags.
    Members(Vec<&'static str>),
}

impl Literal {
    /// The value as a reader of a message knows it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Integer(number) => format!("the number {number}"),
            Self::Number(number) => format!("the number {number}"),
            Self::Text(text) => format!("the string '{}'", shown(text)),
            Self::Guid(text) => format!("the UUID {text}"),
            Self::DateTimeOffset(at) => format!("the date and time {at}"),
            Self::Date(date) => format!("the date {date}"),
            Self::TimeOfDay(time) => format!("the time {time}"),
            Self::Duration(duration) => format!("the duration {duration}"),
            Self::Members(members) => format!("'{}'", members.join(",")),
        }
    }
}

/// One step of a path.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// To a property.
    Property(&'static Property),
    /// To an entity or to entities.
    Navigation(&'static Navigation),
}

impl Step {
    /// The name in its declared spelling.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Property(property) => property.name,
            Self::Navigation(navigation) => navigation.name,
        }
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Property(one), Self::Property(two)) => std::ptr::eq(*one, *two),
            (Self::Navigation(one), Self::Navigation(two)) => std::ptr::eq(*one, *two),
            _ => false,
        }
    }
}

/// A path from a variable; without steps it is the variable itself, which is an item of a collection of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// What it starts from.
    pub from: Variable,
    /// The way.
    pub steps: Vec<Step>,
}

impl Path {
    /// The path in its declared spelling, with slashes.
    #[must_use]
    pub fn name(&self) -> String {
        self.steps.iter().map(Step::name).collect::<Vec<_>>().join("/")
    }
}

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
    /// All flags of the right side are set on the left.
    Has,
    Add,
    Subtract,
    Multiply,
    /// Of two whole numbers it is a whole number.
    Divide,
    /// Never a whole number.
    DivideBy,
    Modulo,
}

/// A function of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the OData function of that name (URL conventions, section 5.1.1)")]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Length,
    IndexOf,
    Substring,
    ToLower,
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
    Date,
    Time,
    Now,
    MinDateTime,
    MaxDateTime,
    Round,
    Floor,
    Ceiling,
}

impl Function {
    /// Finds a function by its name in OData, without regard to case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "contains" => Self::Contains,
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            "length" => Self::Length,
            "indexof" => Self::IndexOf,
            "substring" => Self::Substring,
            "tolower" => Self::ToLower,
            "toupper" => Self::ToUpper,
            "trim" => Self::Trim,
            "concat" => Self::Concat,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            "fractionalseconds" => Self::FractionalSeconds,
            "date" => Self::Date,
            "time" => Self::Time,
            "now" => Self::Now,
            "mindatetime" => Self::MinDateTime,
            "maxdatetime" => Self::MaxDateTime,
            "round" => Self::Round,
            "floor" => Self::Floor,
            "ceiling" => Self::Ceiling,
            _ => return None,
        })
    }

    /// The fewest and the most arguments, and both in words.
    const fn arity(self) -> (usize, usize, &'static str) {
        match self {
            Self::Now | Self::MinDateTime | Self::MaxDateTime => (0, 0, "no arguments"),
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::IndexOf | Self::Concat => (2, 2, "2 arguments"),
            Self::Substring => (2, 3, "2 or 3 arguments"),
            _ => (1, 1, "1 argument"),
        }
    }
}

/// Whether one item is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one.
    All,
}

/// A checked expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A value.
    Literal(Literal),
    /// The value at a path.
    Path(Path),
    /// How many items a collection has: `members/$count`.
    Count(Path),
    /// The opposite.
    Not(Box<Expression>),
    /// The number below zero.
    Negate(Box<Expression>),
    /// Two operands.
    Binary {
        /// What is done with them.
        operator: Operator,
        /// The left one.
        left: Box<Expression>,
        /// The right one.
        right: Box<Expression>,
    },
    /// A value that is one of several.
    In {
        /// The value.
        value: Box<Expression>,
        /// The several; may be none.
        among: Vec<Expression>,
    },
    /// A function of values; the number of arguments has been checked.
    Call {
        /// The function.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expression>,
    },
    /// `any` or `all` over a collection of values or entities.
    Lambda {
        /// Which of the two.
        quantifier: Quantifier,
        /// The collection.
        over: Path,
        /// The item in the condition.
        variable: Variable,
        /// The condition; `any()` alone has none.
        condition: Option<Box<Expression>>,
    },
}

/// In which direction a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// One key of `$orderby`. Nothing comes before everything when ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// By what.
    pub by: Expression,
    /// Which way.
    pub direction: Direction,
}

/// A `$search`, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// A word or phrase that a text property contains; without one, any text property of the type.
    Term {
        /// The property that Graph's `"name:value"` form names.
        property: Option<&'static str>,
        /// The word or phrase.
        text: String,
    },
    /// Both.
    And(Box<Search>, Box<Search>),
    /// At least one.
    Or(Box<Search>, Box<Search>),
    /// Not.
    Not(Box<Search>),
}

#[cfg(test)]
pub(crate) mod tests;
