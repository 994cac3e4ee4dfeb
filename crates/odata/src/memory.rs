//! Answers a query on entities that are held as JSON maps under their declared names: which of them it finds, and in
//! which order.
//!
//! It means what the same tree means to a database. Texts and UUIDs are compared without case, moments as moments.
//! Nothing equals nothing, an order with nothing is false, anything else about nothing has no value; a condition without
//! a value does not hold, and `not` of one holds. An expanded navigation is found in the map under its name. `now()` is unknown here: whoever has a
//! clock puts the time in with [`Query::at`].

mod call;
mod datum;
mod number;

use std::cmp::Ordering;

use serde_json::{Map, Value};

pub(crate) use datum::Datum;

use crate::expression::{Direction, Expression, Operator, OrderItem, Path, Quantifier, Search, Step};
use crate::model::{EntityType, Returned, Type};
use crate::query::Query;

/// The entities of `items` that the query finds, in its order; `$top` and `$skip` are left to the caller.
#[must_use]
pub fn evaluate(query: &Query, on: &'static EntityType, mut items: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    if let Some(filter) = &query.filter {
        items.retain(|item| holds(filter, item));
    }
    if let Some(search) = &query.search {
        items.retain(|item| finds(search, on, item));
    }
    if query.orderby.is_empty() {
        return items;
    }
    ordered(&query.orderby, items)
}

/// Whether a condition holds for an entity.
#[must_use]
pub fn holds(condition: &Expression, item: &Map<String, Value>) -> bool {
    Scope::of(item).holds(condition)
}

/// Each entity's keys are calculated once; the id decides between equals.
fn ordered(keys: &[OrderItem], mut items: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    let mut places: Vec<Place<'_>> = items.iter().enumerate().map(|(at, item)| Place::of(at, item, keys)).collect();
    places.sort_by(|left, right| left.compare(right, keys));
    let order: Vec<usize> = places.into_iter().map(|place| place.at).collect();
    order.into_iter().filter_map(|at| items.get_mut(at).map(std::mem::take)).collect()
}

/// An entity among others: where it was, and what it is ordered by.
struct Place<'e> {
    at: usize,
    keys: Vec<Datum<'e>>,
    id: Datum<'e>,
}

impl<'e> Place<'e> {
    fn of(at: usize, item: &'e Map<String, Value>, keys: &[OrderItem]) -> Self {
        let scope = Scope::of(item);
        let keys = keys.iter().map(|key| scope.value(&key.by)).collect();
        Self { at, keys, id: item.get("id").map_or(Datum::Null, Datum::untyped) }
    }

    fn compare(&self, other: &Self, keys: &[OrderItem]) -> Ordering {
        let each = keys.iter().zip(self.keys.iter().zip(&other.keys));
        each.map(|(key, (left, right))| match key.direction {
            Direction::Ascending => left.listed(right),
            Direction::Descending => right.listed(left),
        })
        .find(|ordering| *ordering != Ordering::Equal)
        .unwrap_or_else(|| self.id.listed(&other.id))
    }
}

/// Whether a search finds an entity.
fn finds(search: &Search, on: &'static EntityType, item: &Map<String, Value>) -> bool {
    match search {
        Search::And(left, right) => finds(left, on, item) && finds(right, on, item),
        Search::Or(left, right) => finds(left, on, item) || finds(right, on, item),
        Search::Not(inner) => !finds(inner, on, item),
        Search::Term { property, text } => {
            let text = datum::folded(text);
            on.all_properties().into_iter().any(|known| {
                let asked = match property {
                    Some(name) => *name == known.name,
                    None => matches!(known.kind, Type::String) && known.returned != Returned::Never,
                };
                let value = item.get(known.name).and_then(Value::as_str);
                asked && value.is_some_and(|value| datum::folded(value).contains(&text))
            })
        }
    }
}

/// What the variables of an expression are: the entity, and an item for every lambda around.
pub(crate) struct Scope<'e> {
    variables: Vec<Variable<'e>>,
}

#[derive(Clone, Copy)]
enum Variable<'e> {
    Entity(&'e Map<String, Value>),
    Item(&'e Value, Type),
}

impl<'e> Scope<'e> {
    fn of(item: &'e Map<String, Value>) -> Self {
        Self { variables: vec![Variable::Entity(item)] }
    }

    /// For expressions that ask about no entity.
    pub(crate) const fn empty() -> Self {
        Self { variables: Vec::new() }
    }

    fn holds(&self, condition: &Expression) -> bool {
        self.value(condition) == Datum::Boolean(true)
    }

    pub(crate) fn value(&self, expression: &Expression) -> Datum<'e> {
        match expression {
            Expression::Literal(literal) => Datum::of_literal(literal),
            Expression::Path(path) => self.at(path).map_or(Datum::Null, |(value, kind)| Datum::typed(value, kind)),
            Expression::Count(path) => Datum::Integer(i64::try_from(self.items(path).0.len()).unwrap_or(i64::MAX)),
            Expression::Not(inner) => match self.value(inner) {
                Datum::Boolean(truth) => Datum::Boolean(!truth),
                // A condition without a value does not hold, so its opposite does.
                _ => Datum::Boolean(true),
            },
            Expression::Negate(inner) => number::negated(self.value(inner)),
            Expression::Binary { operator, left, right } => self.binary(*operator, left, right),
            Expression::In { value, among } => {
                let value = self.value(value);
                Datum::Boolean(among.iter().any(|one| value.equals(&self.value(one))))
            }
            Expression::Call { function, arguments } => {
                call::value(*function, arguments.iter().map(|argument| self.value(argument)).collect())
            }
            Expression::Lambda { quantifier, over, variable, condition } => {
                Datum::Boolean(self.lambda(*quantifier, over, usize::from(variable.0), condition.as_deref()))
            }
        }
    }

    fn binary(&self, operator: Operator, left: &Expression, right: &Expression) -> Datum<'e> {
        let left = self.value(left);
        // What the other side says cannot change these any more.
        match (operator, &left) {
            (Operator::And, Datum::Boolean(false)) | (Operator::Or, Datum::Boolean(true)) => return left,
            _ => {}
        }
        let right = self.value(right);
        let compared = |holds: fn(Ordering) -> bool| Datum::Boolean(left.ordered(&right).is_some_and(holds));
        match operator {
            Operator::And => match (left, right) {
                (_, Datum::Boolean(false)) => Datum::Boolean(false),
                (Datum::Boolean(true), Datum::Boolean(true)) => Datum::Boolean(true),
                _ => Datum::Null,
            },
            Operator::Or => match (left, right) {
                (_, Datum::Boolean(true)) => Datum::Boolean(true),
                (Datum::Boolean(false), Datum::Boolean(false)) => Datum::Boolean(false),
                _ => Datum::Null,
            },
            Operator::Equal => Datum::Boolean(left.equals(&right)),
            Operator::NotEqual => Datum::Boolean(!left.equals(&right)),
            Operator::Greater => compared(Ordering::is_gt),
            Operator::GreaterOrEqual => compared(Ordering::is_ge),
            Operator::Less => compared(Ordering::is_lt),
            Operator::LessOrEqual => compared(Ordering::is_le),
            Operator::Has => left.has(&right),
            _ => number::calculated(operator, left, right),
        }
    }

    fn lambda(&self, quantifier: Quantifier, over: &Path, variable: usize, condition: Option<&Expression>) -> bool {
        let (items, kind) = self.items(over);
        let Some(condition) = condition else { return !items.is_empty() };
        let holds = |item: &'e Value| {
            let mut variables = self.variables.clone();
            variables.truncate(variable);
            variables.push(Variable::Item(item, kind));
            Scope { variables }.holds(condition)
        };
        match quantifier {
            Quantifier::Any => items.iter().any(holds),
            Quantifier::All => items.iter().all(holds),
        }
    }

    /// The items of a collection and their type; none where there is no collection.
    fn items(&self, path: &Path) -> (&'e [Value], Type) {
        match self.at(path) {
            Some((Value::Array(items), kind)) => (items, *kind.item()),
            _ => (&[], Type::Untyped),
        }
    }

    /// The value at a path and its type; entities and what is not declared have any type.
    fn at(&self, path: &Path) -> Option<(&'e Value, Type)> {
        let mut steps = path.steps.iter();
        let (mut value, mut kind) = match self.variables.get(usize::from(path.from.0))? {
            Variable::Item(item, kind) => (*item, *kind),
            Variable::Entity(entity) => {
                let first = steps.next()?;
                (entity.get(first.name())?, arrival(first))
            }
        };
        for step in steps {
            value = value.get(step.name())?;
            kind = arrival(step);
        }
        Some((value, kind))
    }
}

const fn arrival(step: &Step) -> Type {
    match step {
        Step::Property(property) => property.kind,
        Step::Navigation(_) => Type::Untyped,
    }
}

#[cfg(test)]
mod tests;
