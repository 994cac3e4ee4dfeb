//! Where the values of a question come from: rows under an alias, one for each variable, and their columns with what is
//! known of them.
//!
//! Invariant: text has two forms. The plain one is what was stored; the folded one is what is compared. Where a column
//! has no folded neighbour it is folded by the engine, which knows the case of ASCII letters only.

use adit_core::query::{Field, JsonKind, JsonPart, Value, Variable};
use sea_query::{Expr, ExprTrait as _, Func};

use super::Collection;
use super::dialect::{self, Dialect};
use crate::engine::Engine;
use crate::error::Error;

/// What stands for a table where the rows are the items of an array.
const ITEMS: &str = "array";

/// What kind of value an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No value, ever.
    Nothing,
    Bool,
    Integer,
    Number,
    Text,
    /// Text with nine fractional digits, in UTC, so that text order is time order.
    Instant,
    /// The text of a JSON array, or nothing.
    Array,
}

impl From<JsonKind> for Kind {
    fn from(kind: JsonKind) -> Self {
        match kind {
            JsonKind::Text => Self::Text,
            JsonKind::Bool => Self::Bool,
            JsonKind::Integer => Self::Integer,
            JsonKind::Number => Self::Number,
            JsonKind::Instant => Self::Instant,
            JsonKind::Array => Self::Array,
        }
    }
}

impl From<&Value> for Kind {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Integer(_) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::Instant(_) => Self::Instant,
        }
    }
}

/// A field as SQL, and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// As it was stored.
    pub(crate) plain: Expr,
    /// Folded as [`adit_core::name::fold`] does, where that was stored too.
    pub(crate) folded: Option<Expr>,
    pub(crate) kind: Kind,
    /// Whether it can be without a value.
    pub(crate) optional: bool,
    /// Whether there is an index over the folded form and the id.
    pub(crate) indexed: bool,
}

impl Column {
    /// Text that is compared by the case of its ASCII letters only.
    pub(crate) const fn text(plain: Expr) -> Self {
        Self::new(plain, Kind::Text)
    }

    /// Text with a folded neighbour.
    pub(crate) fn folded(plain: Expr, folded: Expr) -> Self {
        Self { folded: Some(folded), ..Self::text(plain) }
    }

    /// Text whose letters are all small already: ids and the words of this program.
    pub(crate) fn word(plain: Expr) -> Self {
        Self::folded(plain.clone(), plain)
    }

    /// True or false.
    pub(crate) const fn condition(plain: Expr) -> Self {
        Self::new(plain, Kind::Bool)
    }

    /// A whole number.
    pub(crate) const fn integer(plain: Expr) -> Self {
        Self::new(plain, Kind::Integer)
    }

    /// A moment as [`crate::row::instant`] writes it.
    pub(crate) const fn instant(plain: Expr) -> Self {
        Self::new(plain, Kind::Instant)
    }

    /// No value, ever.
    pub(crate) fn nothing() -> Self {
        Self::new(Expr::null(), Kind::Nothing).optional()
    }

    /// It can be without a value.
    #[must_use]
    pub(crate) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// There is an index over the folded form and the id, which serves to find what a text starts with.
    #[must_use]
    pub(crate) const fn indexed(mut self) -> Self {
        self.indexed = true;
        self
    }

    /// No value where `condition` does not hold.
    #[must_use]
    pub(crate) fn only_if(mut self, condition: &Expr) -> Self {
        self.plain = where_holds(condition, self.plain);
        self.folded = self.folded.map(|folded| where_holds(condition, folded));
        self.optional()
    }

    /// A part of the JSON text in a column of `source`.
    pub(crate) fn json(source: &Source, document: &'static str, part: &JsonPart) -> Result<Self, Error> {
        source.dialect().json_part(source.column(document), part)
    }

    pub(super) const fn new(plain: Expr, kind: Kind) -> Self {
        Self { plain, folded: None, kind, optional: false, indexed: false }
    }

    /// What holds where it has no value.
    pub(super) fn or(self, default: Expr) -> Self {
        Self { plain: Func::coalesce([self.plain, default]).into(), optional: false, ..self }
    }
}

/// What one variable stands for: the rows of a table, or the items of an array, under the variable's alias.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    alias: String,
    table: &'static str,
    engine: Engine,
    column: fn(&Self, &Field) -> Result<Column, Error>,
}

impl Source {
    /// The objects of a collection.
    pub(crate) fn of<C: Collection>(variable: Variable, engine: Engine) -> Self {
        Self { alias: alias(variable), table: C::TABLE, engine, column: C::column }
    }

    /// The items of an array.
    pub(super) fn items(variable: Variable, engine: Engine) -> Self {
        Self { alias: alias(variable), table: ITEMS, engine, column: item_column }
    }

    /// The column of that name.
    pub(crate) fn column(&self, name: &'static str) -> Expr {
        Expr::col((self.alias.clone(), name))
    }

    /// The alias under which it stands in the statement.
    pub(crate) fn alias(&self) -> &str {
        &self.alias
    }

    /// The table it comes from.
    pub(crate) const fn table(&self) -> &'static str {
        self.table
    }

    /// Which engine it is on.
    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    /// How that engine writes.
    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        dialect::of(self.engine)
    }

    /// A field of it.
    pub(super) fn field(&self, field: &Field) -> Result<Column, Error> {
        (self.column)(self, field)
    }
}

fn item_column(source: &Source, field: &Field) -> Result<Column, Error> {
    match field {
        Field::Item(part) => source.dialect().item_part(source, part),
        foreign => Err(foreign_field(source, foreign)),
    }
}

/// The answer of [`Collection::column`] to a field of another kind of object.
pub(crate) fn foreign_field(source: &Source, field: &Field) -> Error {
    Error::BadQuestion { reason: format!("{} has no field {field:?}", source.table()) }
}

/// Whether the row has a value there.
pub(crate) fn present(column: Expr) -> Expr {
    column.is_not_null()
}

fn where_holds(condition: &Expr, sql: Expr) -> Expr {
    Expr::case(condition.clone(), sql).into()
}

fn alias(Variable(number): Variable) -> String {
    format!("v{number}")
}
