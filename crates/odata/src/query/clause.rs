//! The query options of a collection between grammar and model: everything is parsed, no name is looked up. The same
//! for a request and for the parentheses of `$expand`.

use super::error::{Clause, Problem, QueryError};
use super::source::{Source, shown, text_of};
use super::{ExpandedPart, Query, expand, search, select};
use crate::expression::check;
use crate::expression::syntax::{self, Node};
use crate::expression::{Direction, OrderItem};
use crate::model::{EntityType, Model};
use crate::projection::Projection;
use crate::query_option::{number, truth};

/// Parsed options, each with the text it came from, which knows where errors are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clauses<'t> {
    select: Option<(Source<'t>, Vec<select::Item>)>,
    expand: Option<(Source<'t>, Vec<expand::Item<'t>>)>,
    filter: Option<(Source<'t>, Node)>,
    search: Option<(Source<'t>, search::Unchecked)>,
    orderby: Option<(Source<'t>, Vec<(Node, bool)>)>,
    top: Option<u32>,
    skip: Option<u32>,
    count: Option<bool>,
}

/// An option that can stand in the parentheses of `$expand`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NestedOption {
    Clause(Clause),
    Top,
    Skip,
    Count,
    Levels,
}

impl NestedOption {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "select" => Self::Clause(Clause::Select),
            "expand" => Self::Clause(Clause::Expand),
            "filter" => Self::Clause(Clause::Filter),
            "search" => Self::Clause(Clause::Search),
            "orderby" => Self::Clause(Clause::OrderBy),
            "top" => Self::Top,
            "skip" => Self::Skip,
            "count" => Self::Count,
            "levels" => Self::Levels,
            _ => return None,
        })
    }

    const fn option(self) -> &'static str {
        match self {
            Self::Clause(clause) => clause.option(),
            Self::Top => "$top",
            Self::Skip => "$skip",
            Self::Count => "$count",
            Self::Levels => "$levels",
        }
    }

    /// What its value quotes texts with.
    pub(super) const fn quote(self) -> char {
        match self {
            Self::Clause(Clause::Search) => '"',
            _ => '\'',
        }
    }

    /// References have no properties, and a number has no pages.
    pub(super) fn allowed_on(self, what: ExpandedPart) -> Result<(), Problem> {
        let (allowed, on) = match (what, self) {
            (ExpandedPart::Entities, _) => (true, ""),
            (_, Self::Clause(Clause::Filter | Clause::Search)) => (true, ""),
            (ExpandedPart::References, Self::Clause(Clause::OrderBy) | Self::Top | Self::Skip | Self::Count) => {
                (true, "")
            }
            (ExpandedPart::References, _) => (false, "$ref"),
            (ExpandedPart::Count, _) => (false, "$count"),
        };
        if allowed { Ok(()) } else { Err(Problem::Misplaced { option: self.option(), on }) }
    }
}

impl<'t> Clauses<'t> {
    /// No clause yet; the numbers are read with the query string.
    pub(super) fn of_numbers(top: Option<u32>, skip: Option<u32>, count: Option<bool>) -> Self {
        Self { top, skip, count, ..Self::default() }
    }

    /// Parses one clause of a request or of the parentheses of `$expand`; `depth` counts how deep `$expand` is.
    pub(super) fn read(
        &mut self,
        source: Source<'t>,
        clause: Clause,
        depth: usize,
        total: &mut usize,
    ) -> Result<(), QueryError> {
        let repeated = || source.error(Problem::Repeated(clause.option().to_owned()));
        let first = match clause {
            Clause::Select => self.select.replace((source, select::parse(source)?)).is_none(),
            Clause::Expand => self.expand.replace((source, expand::parse(source, depth, total)?)).is_none(),
            Clause::Filter => self.filter.replace((source, syntax::parse(source)?)).is_none(),
            Clause::Search => self.search.replace((source, search::parse(source)?)).is_none(),
            Clause::OrderBy => self.orderby.replace((source, syntax::parse_keys(source)?)).is_none(),
        };
        first.then_some(()).ok_or_else(repeated)
    }

    /// Parses one option in the parentheses of `$expand`.
    pub(super) fn read_nested(
        &mut self,
        option: NestedOption,
        value: Source<'t>,
        depth: usize,
        total: &mut usize,
    ) -> Result<(), QueryError> {
        let text = || text_of(value.rest());
        let invalid = |expected| value.error(Problem::Unexpected { expected, found: format!("'{}'", shown(&text())) });
        let natural = || number(&text()).ok_or_else(|| invalid("A non-negative integer"));
        let first = match option {
            NestedOption::Clause(clause) => return self.read(value.nested(clause), clause, depth + 1, total),
            NestedOption::Levels => return Err(value.error(Problem::Unsupported("'$levels'"))),
            NestedOption::Top => self.top.replace(natural()?).is_none(),
            NestedOption::Skip => self.skip.replace(natural()?).is_none(),
            NestedOption::Count => {
                self.count.replace(truth(&text()).ok_or_else(|| invalid("true or false"))?).is_none()
            }
        };
        first.then_some(()).ok_or_else(|| value.error(Problem::Repeated(option.option().to_owned())))
    }

    /// The first option that means nothing for a single entity.
    pub(super) fn of_collections(&self) -> Option<&'static str> {
        [
            (self.filter.is_some(), "$filter"),
            (self.search.is_some(), "$search"),
            (self.orderby.is_some(), "$orderby"),
            (self.top.is_some(), "$top"),
            (self.skip.is_some(), "$skip"),
            (self.count.is_some(), "$count"),
        ]
        .into_iter()
        .find_map(|(given, option)| given.then_some(option))
    }

    /// Checks all names and types against entities of the type `on`.
    pub(super) fn check(&self, on: &'static EntityType, model: &'static Model) -> Result<Query, QueryError> {
        Ok(Query {
            select: match &self.select {
                Some((source, items)) => select::check(items, *source, on, model)?,
                None => Projection::Default,
            },
            expand: match &self.expand {
                Some((source, items)) => expand::check(items, *source, on, model)?,
                None => Vec::new(),
            },
            filter: match &self.filter {
                Some((source, node)) => Some(check::condition(node, *source, on, model)?),
                None => None,
            },
            search: match &self.search {
                Some((source, search)) => Some(search.check(*source, on, model)?),
                None => None,
            },
            orderby: match &self.orderby {
                Some((source, keys)) => order(keys, *source, on, model)?,
                None => Vec::new(),
            },
            top: self.top,
            skip: self.skip,
            count: self.count.unwrap_or(false),
        })
    }
}

fn order(
    keys: &[(Node, bool)],
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Vec<OrderItem>, QueryError> {
    keys.iter()
        .map(|(key, descends)| {
            let direction = if *descends { Direction::Descending } else { Direction::Ascending };
            Ok(OrderItem { by: check::order_key(key, source, on, model)?, direction })
        })
        .collect()
}
