//! What a request wants of a collection or an entity: the query options after they were parsed and checked against the
//! type of the entities.

mod clause;
pub(crate) mod error;
mod expand;
mod search;
pub(crate) mod select;
pub(crate) mod source;

pub use error::{Clause, Problem, QueryError};

use jiff::Timestamp;

use self::clause::Clauses;
use self::source::{Source, characters};
use crate::expression::{Expression, OrderItem, Search};
use crate::model::{EntityType, Model, Navigation};
use crate::projection::Projection;
use crate::query_option::QueryOptions;

/// The checked query options of a collection. A request for one entity uses `select` and `expand` only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Which properties.
    pub select: Projection,
    /// Which navigations are answered together with each entity.
    pub expand: Vec<Expansion>,
    /// Which entities.
    pub filter: Option<Expression>,
    /// Which entities, by words.
    pub search: Option<Search>,
    /// In which order; the key decides between equals.
    pub orderby: Vec<OrderItem>,
    /// How many at most on a page.
    pub top: Option<u32>,
    /// How many to leave out at the start.
    pub skip: Option<u32>,
    /// Whether the number of all matching entities is wanted.
    pub count: bool,
}

impl Query {
    /// Parses the options of a collection, or of one entity, of the type `on`.
    ///
    /// # Errors
    /// [`QueryError`], the first thing that is wrong.
    pub fn parse(options: &QueryOptions, on: &'static EntityType, model: &'static Model) -> Result<Self, QueryError> {
        let texts = Texts::of(options)?;
        texts.clauses(options)?.check(on, model)
    }

    /// The same query at a time: what it says of `now()` is said of that time, in expanded navigations too.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.filter = self.filter.map(|filter| filter.at(now));
        self.orderby =
            self.orderby.into_iter().map(|key| OrderItem { by: key.by.at(now), direction: key.direction }).collect();
        self.expand = self
            .expand
            .into_iter()
            .map(|mut expansion| {
                expansion.query = expansion.query.at(now);
                expansion
            })
            .collect();
        self
    }

    /// What a context URL says after the collection: the selected properties and expanded navigations in parentheses;
    /// nothing by default.
    #[must_use]
    pub fn describe(&self) -> String {
        let expanded = self.expand.iter().filter_map(Expansion::describe);
        let names: Vec<String> = self.select.names().into_iter().chain(expanded).collect();
        match (&self.select, names.is_empty()) {
            (Projection::Default, true) => String::new(),
            _ => format!("({})", names.join(",")),
        }
    }
}

impl Expansion {
    /// The navigation with what is selected of its entities, as a context URL writes it.
    fn describe(&self) -> Option<String> {
        let name = self.navigation.name;
        match self.what {
            ExpandedPart::Entities => {
                let inside = self.query.describe();
                Some(if inside.is_empty() { format!("{name}()") } else { format!("{name}{inside}") })
            }
            ExpandedPart::References => Some(format!("{name}/$ref")),
            ExpandedPart::Count => None,
        }
    }
}

/// Checks the grammar of options, without a model: names may be anything.
///
/// # Errors
/// [`QueryError`], the first thing that is wrong; also what this server does not support of the language.
pub fn syntax(options: &QueryOptions) -> Result<(), QueryError> {
    Texts::of(options)?.clauses(options).map(drop)
}

/// The options that are languages of their own, in characters.
struct Texts(Vec<(Clause, Vec<char>)>);

impl Texts {
    fn of(options: &QueryOptions) -> Result<Self, QueryError> {
        let given = [
            (Clause::Select, &options.select),
            (Clause::Expand, &options.expand),
            (Clause::Filter, &options.filter),
            (Clause::Search, &options.search),
            (Clause::OrderBy, &options.orderby),
        ];
        let given = given.into_iter().filter_map(|(clause, text)| Some((clause, text.as_deref()?)));
        Ok(Self(given.map(|(clause, text)| Ok((clause, characters(clause, text)?))).collect::<Result<_, _>>()?))
    }

    fn clauses(&self, options: &QueryOptions) -> Result<Clauses<'_>, QueryError> {
        let mut clauses = Clauses::of_numbers(options.top, options.skip, options.count);
        let mut expanded = 0;
        for (clause, text) in &self.0 {
            clauses.read(Source::new(*clause, text), *clause, 1, &mut expanded)?;
        }
        Ok(clauses)
    }
}

/// One navigation that is answered together with its entity.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// The navigation.
    pub navigation: &'static Navigation,
    /// What of it.
    pub what: ExpandedPart,
    /// The options in its parentheses.
    pub query: Query,
}

impl PartialEq for Expansion {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.navigation, other.navigation) && self.what == other.what && self.query == other.query
    }
}

/// What of a navigation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpandedPart {
    /// The entities.
    #[default]
    Entities,
    /// References to them: `members/$ref`.
    References,
    /// Their number: `members/$count`.
    Count,
}

#[cfg(test)]
mod tests;
