//! Why a query was refused, and where: every error names the character, counted from 1 in the decoded text of the
//! option.

use std::fmt;

use crate::limit::{
    EXPAND_DEPTH, EXPANDED, EXPRESSION_DEPTH, EXPRESSION_NODES, LAMBDA_DEPTH, ORDER_KEYS, QUERY_BYTES, SELECTED,
};

/// A query option that is a language of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the option of that name")]
pub enum Clause {
    Select,
    Expand,
    Filter,
    Search,
    OrderBy,
}

impl Clause {
    /// The option as it is written.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Select => "$select",
            Self::Expand => "$expand",
            Self::Filter => "$filter",
            Self::Search => "$search",
            Self::OrderBy => "$orderby",
        }
    }

    /// How Graph's messages about it start.
    const fn complaint(self) -> &'static str {
        match self {
            Self::Select | Self::Expand => "Parsing OData Select and Expand failed",
            Self::Filter => "Invalid filter clause",
            Self::Search => "Invalid search clause",
            Self::OrderBy => "Invalid orderby clause",
        }
    }
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`QUERY_BYTES`].
    #[error("It is longer than {QUERY_BYTES} bytes.")]
    TooLong,
    /// Deeper than [`EXPRESSION_DEPTH`].
    #[error("It nests deeper than {EXPRESSION_DEPTH} levels.")]
    TooDeep,
    /// `any` and `all` deeper than [`LAMBDA_DEPTH`].
    #[error("It nests 'any' and 'all' deeper than {LAMBDA_DEPTH} levels.")]
    LambdaTooDeep,
    /// More than [`EXPRESSION_NODES`].
    #[error("It has more than {EXPRESSION_NODES} operators and operands.")]
    TooMany,
    /// More than [`SELECTED`] names.
    #[error("It names more than {SELECTED} properties.")]
    TooManySelected,
    /// More than [`ORDER_KEYS`].
    #[error("It has more than {ORDER_KEYS} keys.")]
    TooManyKeys,
    /// More than [`EXPANDED`].
    #[error("It expands more than {EXPANDED} navigations.")]
    TooManyExpanded,
    /// Deeper than [`EXPAND_DEPTH`].
    #[error("It expands deeper than {EXPAND_DEPTH} levels.")]
    ExpandTooDeep,
    /// A character that starts nothing.
    #[error("The character '{}' is not expected here.", .0.escape_default())]
    UnexpectedCharacter(char),
    /// A string or phrase without its closing quote.
    #[error("The string is not closed.")]
    UnclosedText,
    /// A parenthesis without its closing one.
    #[error("The parenthesis is not closed.")]
    UnclosedParenthesis,
    /// Something else than the grammar has here.
    #[error("{expected} is expected, but found {found}.")]
    Unexpected {
        /// What should stand here, with a capital.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// Something that looks like a value and is none.
    #[error("'{0}' is not a valid value.")]
    InvalidLiteral(String),
    /// A name that is no property.
    #[error("Could not find a property named '{name}' on type '{on}'.")]
    UnknownProperty {
        /// The name.
        name: String,
        /// The type, with its namespace.
        on: String,
    },
    /// A name in `$expand` that is a property and not a navigation.
    #[error(
        "Property '{name}' on type '{on}' is not a navigation property. Only navigation properties can be expanded."
    )]
    NotExpandable {
        /// The name.
        name: String,
        /// The type, with its namespace.
        on: String,
    },
    /// A property that holds a secret.
    #[error("The property '{0}' holds a secret and cannot be asked about.")]
    Secret(&'static str),
    /// A type that does not exist.
    #[error("The type '{0}' does not exist.")]
    UnknownType(String),
    /// The same thing more than once.
    #[error("'{0}' is given more than once.")]
    Repeated(String),
    /// A function that does not exist here.
    #[error("The function '{0}' is not supported.")]
    UnknownFunction(String),
    /// Something of the language that this server does not do.
    #[error("{0} is not supported.")]
    Unsupported(&'static str),
    /// The wrong number of arguments.
    #[error("The function '{function}' takes {takes}, but found {found}.")]
    WrongArguments {
        /// The function.
        function: String,
        /// How many it takes.
        takes: &'static str,
        /// How many were given.
        found: usize,
    },
    /// Two things that cannot be compared.
    #[error("'{operand}' is compared with {found}, but {expected} is expected.")]
    WrongType {
        /// The one.
        operand: String,
        /// The other.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// An option in parentheses that does not fit what it stands on.
    #[error("The option '{option}' cannot be used on {on}.")]
    Misplaced {
        /// The option.
        option: &'static str,
        /// On what it stands.
        on: &'static str,
    },
}

/// Why a query was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// The clause that is wrong.
    pub clause: Clause,
    /// The option of the request in whose text it stands: another one for a clause in the parentheses of `$expand`.
    pub within: Clause,
    /// The character where it is, counted from 1.
    pub position: usize,
    /// What is wrong.
    pub problem: Problem,
}

impl QueryError {
    /// Whether the query is well formed, and only asks for what this server does not do.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self.problem, Problem::Unsupported(_) | Problem::UnknownFunction(_))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (complaint, option) = (self.clause.complaint(), self.within.option());
        write!(f, "{complaint}: {} (position {} of {option})", self.problem, self.position)
    }
}

impl std::error::Error for QueryError {}
