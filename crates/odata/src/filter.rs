//! `$filter`: from text to a tree whose every comparison has been checked against an entity type.
//!
//! Three steps: the text is cut into tokens (`lexer`), the tokens become an unchecked tree by precedence climbing
//! (`parser`), the tree is checked against the model (`check`). Limits hold before each step descends, and every
//! error says where in the text it is.

mod check;
mod lexer;
mod parser;

use crate::limit::QUERY_BYTES;
use crate::model::{EntityType, Property};

/// How a property is compared with a value.
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

/// How a text is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum TextFunction {
    StartsWith,
    EndsWith,
    Contains,
}

/// A value in a filter, of the type of the property it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// Text; also UUIDs (in lower case) and dates.
    Text(String),
    /// A number, as it was written.
    Number(String),
    /// A member of an enumeration, in its declared spelling.
    Member(&'static str),
}

/// A property, or a property of a structured property: `place/url`.
#[derive(Debug)]
pub struct PropertyPath(Vec<&'static Property>);

impl PropertyPath {
    /// The path in its declared spelling, with slashes.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.iter().map(|property| property.name).collect::<Vec<_>>().join("/")
    }
}

/// A condition on an entity.
#[derive(Debug)]
pub enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// At least one holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A property compared with a value.
    Compare {
        /// The property.
        path: PropertyPath,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Literal,
    },
    /// A property equal to one of several values.
    In {
        /// The property.
        path: PropertyPath,
        /// The values.
        values: Vec<Literal>,
    },
    /// A text property matched with a text.
    Match {
        /// The property.
        path: PropertyPath,
        /// How.
        function: TextFunction,
        /// The text.
        text: String,
    },
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`QUERY_BYTES`].
    #[error("it is longer than {QUERY_BYTES} bytes")]
    TooLong,
    /// Deeper than [`crate::limit::FILTER_DEPTH`].
    #[error("it nests deeper than {} levels", crate::limit::FILTER_DEPTH)]
    TooDeep,
    /// More than [`crate::limit::FILTER_NODES`].
    #[error("it has more than {} operators and operands", crate::limit::FILTER_NODES)]
    TooMany,
    /// A character that starts no token.
    #[error("unexpected character '{}'", .0.escape_default())]
    UnexpectedCharacter(char),
    /// A string without its closing quote.
    #[error("the string is not closed")]
    UnclosedText,
    /// Something else than the grammar has here.
    #[error("{expected} is expected, but found {found}")]
    Unexpected {
        /// What should stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// A name that is no property.
    #[error("could not find a property named '{name}' on type '{on}'")]
    UnknownProperty {
        /// The name.
        name: String,
        /// The type.
        on: &'static str,
    },
    /// A function that does not exist here.
    #[error("the function '{0}' is not supported")]
    UnknownFunction(String),
    /// Something of the language that this server does not do.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// A comparison between things that cannot be compared.
    #[error("'{property}' is compared with {found}, but {expected} is expected")]
    WrongType {
        /// The property.
        property: String,
        /// What it is compared with.
        found: String,
        /// What its type is.
        expected: String,
    },
}

/// Why a filter was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter clause: {problem}, at position {position}.")]
pub struct FilterError {
    /// What is wrong.
    pub problem: Problem,
    /// The character where it is, counted from 1.
    pub position: usize,
}

impl FilterError {
    const fn at(position: usize, problem: Problem) -> Self {
        Self { problem, position }
    }

    /// Whether the filter is well formed, and only asks for what this server does not do.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self.problem, Problem::Unsupported(_) | Problem::UnknownFunction(_))
    }
}

impl Filter {
    /// Parses `text` as a condition on entities of the type `on`.
    ///
    /// # Errors
    /// [`FilterError`], the first thing that is wrong.
    pub fn parse(text: &str, on: &'static EntityType) -> Result<Self, FilterError> {
        if text.len() > QUERY_BYTES {
            return Err(FilterError::at(QUERY_BYTES, Problem::TooLong));
        }
        let tokens = lexer::tokens(text)?;
        let tree = parser::parse(&tokens)?;
        check::condition(&tree, on)
    }
}

#[cfg(test)]
mod tests;
