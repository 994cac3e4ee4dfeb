//! Makes SQL of an [`Expression`].
//!
//! Invariants: values are bound. A comparison and a quantifier are true or false, never unknown, so that the
//! three-valued logic of SQL does not reach a `not`. Every part of the tree becomes SQL once, so that the statement is
//! as large as the tree.
//!
//! Texts are compared folded: in the stored folded form where all sides have one, else with the case of ASCII letters
//! only, which is the limit of parts of JSON documents.

mod call;
mod operator;

use adit_core::name::fold;
use adit_core::query::{Expression, Field, Items, OBJECT, Operator, Quantifier, Relation, Value, Variable};
use sea_query::{Expr, ExprTrait as _, Func, SelectStatement};

use self::operator::{among, arithmetic, comparison, is_comparison, is_logical, or_false};
use super::dialect::{self, Dialect, scalar, whole};
use super::source::{Column, Kind, Source};
use super::{Collection, relation};
use crate::engine::Engine;
use crate::error::Error;

/// How deep a tree may be: callers allow 100 nodes, and what they add themselves stays below this.
const DEEPEST: u32 = 160;

/// In which form a text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it was stored.
    Plain,
    /// Folded with all its letters.
    Folded,
    /// Folded with its ASCII letters.
    FoldedAscii,
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where unknown is as good as false.
    Filter,
    /// Where it must be true or false.
    Value,
}

/// An expression as SQL, and what is known of its value.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) sql: Expr,
    pub(crate) kind: Kind,
    /// Whether it can be without a value.
    pub(crate) optional: bool,
    /// Whether it is a sum of whole numbers that is yet to be [`Dialect::bounded`].
    unbounded: bool,
}

impl Term {
    const fn new(sql: Expr, kind: Kind, optional: bool) -> Self {
        Self { sql, kind, optional, unbounded: false }
    }

    fn bounded(self, dialect: &dyn Dialect) -> Self {
        let sql = if self.unbounded { dialect.bounded(self.sql) } else { self.sql };
        Self { sql, unbounded: false, ..self }
    }

    const fn condition(sql: Expr) -> Self {
        Self::new(sql, Kind::Bool, false)
    }
}

/// The variables in sight, and how deep in the tree we are.
#[derive(Debug)]
pub(crate) struct Scope {
    variables: Vec<(Variable, Source)>,
    engine: Engine,
    depth: u32,
}

impl Scope {
    /// Only the object of a collection is in sight.
    pub(crate) fn of<C: Collection>(engine: Engine) -> Self {
        Self { variables: vec![(OBJECT, Source::of::<C>(OBJECT, engine))], engine, depth: 0 }
    }

    /// How the engine writes.
    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        dialect::of(self.engine)
    }

    /// A condition for a `WHERE`.
    pub(crate) fn condition(&mut self, expression: &Expression) -> Result<Expr, Error> {
        self.holds(expression, Place::Filter)
    }

    /// A value by which rows are put in order, texts in their folded form.
    pub(crate) fn key(&mut self, expression: &Expression) -> Result<Term, Error> {
        let form = self.form_of(&[expression])?;
        self.term(expression, form)
    }

    /// A column of the object.
    pub(crate) fn object_column(&self, name: &'static str) -> Result<Expr, Error> {
        Ok(self.source(OBJECT)?.column(name))
    }

    /// A field of what a variable stands for.
    pub(crate) fn column(&self, variable: Variable, field: &Field) -> Result<Column, Error> {
        self.source(variable)?.field(field)
    }

    fn source(&self, variable: Variable) -> Result<&Source, Error> {
        let found = self.variables.iter().rev().find(|(bound, _)| *bound == variable);
        found.map(|(_, source)| source).ok_or_else(|| bad(format!("variable {} stands for nothing", variable.0)))
    }

    /// Whether a condition holds.
    fn holds(&mut self, expression: &Expression, place: Place) -> Result<Expr, Error> {
        self.deeper(|scope| match expression {
            Expression::Binary(Operator::And, left, right) => {
                Ok(scope.holds(left, place)?.and(scope.holds(right, place)?))
            }
            Expression::Binary(Operator::Or, left, right) => {
                Ok(scope.holds(left, place)?.or(scope.holds(right, place)?))
            }
            Expression::Not(inner) => Ok(scope.holds(inner, Place::Value)?.not()),
            Expression::Binary(operator, left, right) if is_comparison(*operator) => {
                scope.compared(*operator, left, right, place)
            }
            value => scope.value_holds(value, place),
        })
    }

    fn value_holds(&mut self, value: &Expression, place: Place) -> Result<Expr, Error> {
        let term = self.term(value, Form::Plain)?;
        match term.kind {
            Kind::Bool if term.optional && place == Place::Value => Ok(or_false(term.sql)),
            Kind::Bool => Ok(term.sql),
            Kind::Nothing => Ok(Expr::val(false)),
            kind => Err(bad(format!("{kind:?} is no condition"))),
        }
    }

    /// The value of an expression; texts in `form`.
    fn term(&mut self, expression: &Expression, form: Form) -> Result<Term, Error> {
        Ok(self.unbounded_term(expression, form)?.bounded(self.dialect()))
    }

    /// The same, where sums of whole numbers are an operand of further ones.
    fn unbounded_term(&mut self, expression: &Expression, form: Form) -> Result<Term, Error> {
        self.deeper(|scope| match expression {
            Expression::Value(value) => Ok(constant(scope.dialect(), value, form)),
            Expression::Field(variable, field) => Ok(in_form(scope.dialect(), scope.column(*variable, field)?, form)),
            Expression::Not(_) => scope.holds(expression, Place::Value).map(Term::condition),
            Expression::Negate(inner) => scope.negated(inner),
            Expression::Binary(operator, left, right) => scope.binary(expression, *operator, left, right),
            Expression::In(needle, values) => scope.one_of(needle, values).map(Term::condition),
            Expression::Call(function, arguments) => call::term(scope, *function, arguments, form),
            Expression::Quantified { quantifier, items, variable, condition } => {
                scope.quantified(*quantifier, items, *variable, condition.as_deref()).map(Term::condition)
            }
            Expression::Count(items) => scope.count(items),
            Expression::Related { from, relation, variable, value } => {
                scope.related(*from, *relation, *variable, value, form)
            }
        })
    }

    fn negated(&mut self, inner: &Expression) -> Result<Term, Error> {
        let zero = Term::new(whole(0), Kind::Integer, false);
        let term = self.operand(inner)?;
        Ok(arithmetic(self.dialect(), Operator::Subtract, zero, term))
    }

    fn binary(
        &mut self,
        whole: &Expression,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Term, Error> {
        if is_logical(operator) || is_comparison(operator) {
            return self.holds(whole, Place::Value).map(Term::condition);
        }
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        Ok(arithmetic(self.dialect(), operator, left, right))
    }

    /// An operand of arithmetic.
    fn operand(&mut self, expression: &Expression) -> Result<Term, Error> {
        let term = self.unbounded_term(expression, Form::Plain)?;
        numeric(self.dialect(), term)
    }

    /// A comparison; without a value on one side it is unknown only where that is as good as false.
    fn compared(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        place: Place,
    ) -> Result<Expr, Error> {
        let form = self.form_of(&[left, right])?;
        let (left, right) = (self.term(left, form)?, self.term(right, form)?);
        Ok(comparison(operator, left, right, place))
    }

    fn one_of(&mut self, needle: &Expression, values: &[Expression]) -> Result<Expr, Error> {
        let all: Vec<&Expression> = std::iter::once(needle).chain(values).collect();
        let form = self.form_of(&all)?;
        let needle = self.term(needle, form)?;
        let values: Vec<Term> = values.iter().map(|value| self.term(value, form)).collect::<Result<_, _>>()?;
        Ok(among(self.dialect(), needle, values))
    }

    fn quantified(
        &mut self,
        quantifier: Quantifier,
        items: &Items,
        variable: Variable,
        condition: Option<&Expression>,
    ) -> Result<Expr, Error> {
        let (mut select, source) = self.items(items, variable)?;
        select.expr(whole(1));
        match (quantifier, condition) {
            (Quantifier::Any, None) => Ok(self.dialect().exists(select)),
            (Quantifier::All, None) => Ok(Expr::val(true)),
            (Quantifier::Any, Some(condition)) => {
                let condition = self.with(variable, source, |scope| scope.holds(condition, Place::Filter))?;
                Ok(self.dialect().exists(select.and_where(condition).take()))
            }
            (Quantifier::All, Some(condition)) => {
                let condition = self.with(variable, source, |scope| scope.holds(condition, Place::Value))?;
                Ok(self.dialect().exists(select.and_where(condition.not()).take()).not())
            }
        }
    }

    fn count(&mut self, items: &Items) -> Result<Term, Error> {
        let deepest = self.variables.iter().map(|(variable, _)| variable.0).max().unwrap_or_default();
        let (mut select, _) = self.items(items, Variable(deepest.saturating_add(1)))?;
        select.expr(Expr::cust("COUNT(*)"));
        Ok(Term::new(scalar(select), Kind::Integer, false))
    }

    fn related(
        &mut self,
        from: Variable,
        relation: Relation,
        variable: Variable,
        value: &Expression,
        form: Form,
    ) -> Result<Term, Error> {
        if !relation::leads_to_one(relation) {
            return Err(bad(format!("{relation:?} leads to more than one object")));
        }
        let (mut select, target) = relation::rows(relation, self.source(from)?, variable)?;
        let term = self.with(variable, target, |scope| scope.term(value, form))?;
        select.expr(term.sql);
        Ok(Term::new(scalar(select), term.kind, true))
    }

    /// The items as a statement that selects nothing yet.
    fn items(&self, items: &Items, variable: Variable) -> Result<(SelectStatement, Source), Error> {
        match items {
            Items::Related(from, relation) => relation::rows(*relation, self.source(*from)?, variable),
            Items::Array(of, field) => {
                let array = self.column(*of, field)?;
                if array.kind != Kind::Array {
                    return Err(bad(format!("{field:?} is no array")));
                }
                let source = Source::items(variable, self.engine);
                let mut select = sea_query::Query::select();
                select.from_function(self.dialect().items_of(array.plain), source.alias().to_owned());
                Ok((select, source))
            }
        }
    }

    /// The form in which the texts among `expressions` can be compared with each other.
    fn form_of(&mut self, expressions: &[&Expression]) -> Result<Form, Error> {
        for expression in expressions {
            if !self.is_folded(expression)? {
                return Ok(Form::FoldedAscii);
            }
        }
        Ok(Form::Folded)
    }

    /// Whether every text that the value of `expression` is made of has a folded form of its own.
    fn is_folded(&mut self, expression: &Expression) -> Result<bool, Error> {
        self.deeper(|scope| match expression {
            Expression::Field(variable, field) => {
                let column = scope.column(*variable, field)?;
                Ok(column.kind != Kind::Text || column.folded.is_some())
            }
            Expression::Call(function, arguments) => {
                let mut texts = call::texts_of(*function, arguments).iter();
                texts.try_fold(true, |all, text| Ok(all && scope.is_folded(text)?))
            }
            Expression::Related { from, relation, variable, value } => {
                let (_, target) = relation::rows(*relation, scope.source(*from)?, *variable)?;
                scope.with(*variable, target, |scope| scope.is_folded(value))
            }
            _ => Ok(true),
        })
    }

    fn with<T>(
        &mut self,
        variable: Variable,
        source: Source,
        inside: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.variables.push((variable, source));
        let result = inside(self);
        self.variables.pop();
        result
    }

    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= DEEPEST {
            return Err(bad(format!("it is deeper than {DEEPEST}")));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }
}

fn constant(dialect: &dyn Dialect, value: &Value, form: Form) -> Term {
    let sql = match (value, form) {
        (Value::Text(text), Form::Folded) => dialect.literal(&Value::Text(fold(text))),
        (Value::Text(text), Form::FoldedAscii) => dialect.literal(&Value::Text(text.to_ascii_lowercase())),
        _ => dialect.literal(value),
    };
    Term::new(sql, Kind::from(value), *value == Value::Null)
}

fn in_form(dialect: &dyn Dialect, column: Column, form: Form) -> Term {
    let Column { plain, folded, kind, optional, .. } = column;
    let sql = match (kind, form, folded) {
        (Kind::Text, Form::Folded, Some(folded)) => dialect.by_bytes(folded),
        (Kind::Text, Form::Folded | Form::FoldedAscii, _) => Func::lower(dialect.by_bytes(plain)).into(),
        (Kind::Text, Form::Plain, _) => dialect.by_bytes(plain),
        (Kind::Array, _, _) => dialect.array_text(plain),
        _ => plain,
    };
    Term::new(sql, kind, optional)
}

fn numeric(dialect: &dyn Dialect, term: Term) -> Result<Term, Error> {
    match term.kind {
        Kind::Integer | Kind::Number => Ok(term),
        Kind::Nothing => Ok(Term { sql: dialect.nothing(Kind::Number), ..term }),
        kind => Err(bad(format!("{kind:?} is no number"))),
    }
}

fn bad(reason: String) -> Error {
    Error::BadQuestion { reason }
}
