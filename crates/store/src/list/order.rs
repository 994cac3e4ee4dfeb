//! The order of a list, and where its pages start.
//!
//! Every row has a place of its own: the values of the order's keys, then its id. The next page is what comes after the
//! place of the last row, written so that an index finds the place without reading what is before it.
//!
//! The id goes the way of the last key, so that one index over key and id serves both directions.

use adit_core::query::{
    AppRoleAssignmentField, ApplicationField, AuditField, ConnectorField, ConnectorGroupField, Cursor, Direction,
    Expression, Field, Function, OBJECT, Operator, Query, ServicePrincipalField, UserField, UserGroupField, Value,
};
use sea_query::{Expr, ExprTrait as _, NullOrdering, Order, SelectStatement};

use super::dialect::Dialect;
use super::expression::Scope;
use super::source::Kind;
use crate::engine::Row;
use crate::error::Error;
use crate::row;

/// The order of a list.
#[derive(Debug)]
pub(crate) struct Ordering {
    keys: Vec<Key>,
    id: Key,
}

/// One thing by which rows are put in order.
#[derive(Debug)]
struct Key {
    sql: Expr,
    kind: Kind,
    optional: bool,
    direction: Direction,
    dialect: &'static dyn Dialect,
}

impl Ordering {
    /// The order that `query` asks for. Where it asks for none and its filter says what an indexed text starts with,
    /// the rows come in the order of that text: the index gives them so.
    pub(crate) fn of(query: &Query, scope: &mut Scope) -> Result<Self, Error> {
        let mut keys = Vec::new();
        let mut direction = Direction::Ascending;
        for order in &query.order {
            direction = order.direction;
            if is_id(&order.by) {
                break;
            }
            keys.push(Key::of(&order.by, direction, scope)?);
        }
        if query.order.is_empty()
            && let Some(field) = query.filter.as_ref().and_then(|filter| prefixed_field(filter, scope))
        {
            keys.push(Key::of(field, direction, scope)?);
        }
        let (sql, dialect) = (scope.object_column("id")?, scope.dialect());
        let id = Key { sql, kind: Kind::Text, optional: false, direction, dialect };
        Ok(Self { keys, id })
    }

    /// Selects the keys, and puts the rows in order.
    pub(crate) fn apply(&self, select: &mut SelectStatement) {
        for (number, key) in self.keys.iter().enumerate() {
            select.expr_as(key.dialect.readable(key.sql.clone(), key.kind), key_name(number));
        }
        for key in self.keys.iter().chain([&self.id]) {
            key.apply(select);
        }
    }

    /// The place of a row.
    pub(crate) fn cursor(&self, row: &Row) -> Result<Cursor, Error> {
        let values = self.keys.iter().enumerate().map(|(number, key)| value(row, &key_name(number), key.kind));
        Ok(Cursor { keys: values.collect::<Result<_, _>>()?, id: row.try_get("id")? })
    }

    /// What comes after a place.
    pub(crate) fn after(&self, cursor: &Cursor) -> Result<Expr, Error> {
        if cursor.keys.len() != self.keys.len() {
            let reason = format!("its cursor has {} keys, its order {}", cursor.keys.len(), self.keys.len());
            return Err(Error::BadQuestion { reason });
        }
        let id = Value::Text(cursor.id.clone());
        let places: Vec<(&Key, &Value)> = self.keys.iter().zip(&cursor.keys).chain([(&self.id, &id)]).collect();
        if let Some((key, value)) = places.iter().find(|(key, value)| !key.can_be(value)) {
            return Err(Error::BadQuestion { reason: format!("its cursor has {value:?} for {:?}", key.kind) });
        }
        if self.is_uniform() && places.iter().all(|(_, value)| **value != Value::Null) {
            return Ok(self.after_uniform(&places));
        }
        let after = places.iter().rev().fold(None, |rest: Option<Expr>, (key, value)| {
            Some(match rest {
                Some(rest) => key.after(value).or(key.same(value).and(rest)),
                None => key.after(value),
            })
        });
        let bound = places.first().and_then(|(key, value)| key.not_before(value));
        Ok(after.into_iter().chain(bound).reduce(|all, next| next.and(all)).unwrap_or_else(|| Expr::val(true)))
    }

    /// Whether all keys go one way and have values, so that a place is one comparison of several values at once.
    fn is_uniform(&self) -> bool {
        self.keys.iter().all(|key| !key.optional && key.direction == self.id.direction)
    }

    fn after_uniform(&self, places: &[(&Key, &Value)]) -> Expr {
        let [(key, value)] = places else {
            let columns = Expr::tuple(places.iter().map(|(key, _)| key.sql.clone()));
            let values = Expr::tuple(places.iter().map(|(key, value)| key.dialect.literal(value)));
            return match self.id.direction {
                Direction::Ascending => columns.gt(values),
                Direction::Descending => columns.lt(values),
            };
        };
        key.after(value)
    }
}

impl Key {
    fn of(by: &Expression, direction: Direction, scope: &mut Scope) -> Result<Self, Error> {
        let term = scope.key(by)?;
        if term.kind == Kind::Array {
            return Err(Error::BadQuestion { reason: "an array has no order".to_owned() });
        }
        let dialect = scope.dialect();
        let sql = if term.kind == Kind::Nothing { dialect.nothing(Kind::Text) } else { term.sql };
        Ok(Self { sql, kind: term.kind, optional: term.optional, direction, dialect })
    }

    /// Whether `value` can be one of this key.
    fn can_be(&self, value: &Value) -> bool {
        match Kind::from(value) {
            Kind::Nothing => true,
            Kind::Integer | Kind::Number => matches!(self.kind, Kind::Integer | Kind::Number),
            Kind::Text => matches!(self.kind, Kind::Text | Kind::Instant),
            kind => kind == self.kind,
        }
    }

    fn apply(&self, select: &mut SelectStatement) {
        let (order, nulls) = match self.direction {
            Direction::Ascending => (Order::Asc, NullOrdering::First),
            Direction::Descending => (Order::Desc, NullOrdering::Last),
        };
        if self.optional {
            select.order_by_expr_with_nulls(self.sql.clone(), order, nulls);
        } else {
            select.order_by_expr(self.sql.clone(), order);
        }
    }

    /// What comes after `value` by this key.
    fn after(&self, value: &Value) -> Expr {
        match (self.direction, value) {
            (Direction::Ascending, Value::Null) => self.sql.clone().is_not_null(),
            (Direction::Descending, Value::Null) => Expr::val(false),
            (Direction::Ascending, value) => self.sql.clone().gt(self.dialect.literal(value)),
            (Direction::Descending, value) if self.optional => {
                self.sql.clone().lt(self.dialect.literal(value)).or(self.sql.clone().is_null())
            }
            (Direction::Descending, value) => self.sql.clone().lt(self.dialect.literal(value)),
        }
    }

    /// What has the place of `value` by this key.
    fn same(&self, value: &Value) -> Expr {
        match value {
            Value::Null => self.sql.clone().is_null(),
            value => self.sql.clone().eq(self.dialect.literal(value)),
        }
    }

    /// A bound that follows from the rest, for the index; `None` where there is none that it could use.
    fn not_before(&self, value: &Value) -> Option<Expr> {
        match (self.direction, value) {
            (_, Value::Null) => None,
            (Direction::Ascending, value) => Some(self.sql.clone().gte(self.dialect.literal(value))),
            (Direction::Descending, _) if self.optional => None,
            (Direction::Descending, value) => Some(self.sql.clone().lte(self.dialect.literal(value))),
        }
    }
}

/// The indexed text that a row must start with a given text in, if `filter` demands that.
fn prefixed_field<'e>(filter: &'e Expression, scope: &Scope) -> Option<&'e Expression> {
    let mut conditions = vec![filter];
    while let Some(condition) = conditions.pop() {
        match condition {
            Expression::Binary(Operator::And, left, right) => conditions.extend([right.as_ref(), left.as_ref()]),
            Expression::Call(Function::StartsWith, arguments) => {
                if let [text @ Expression::Field(OBJECT, field), Expression::Value(Value::Text(_))] =
                    arguments.as_slice()
                    && scope.column(OBJECT, field).is_ok_and(|column| column.indexed)
                {
                    return Some(text);
                }
            }
            _ => {}
        }
    }
    None
}

fn is_id(by: &Expression) -> bool {
    matches!(
        by,
        Expression::Field(
            OBJECT,
            Field::Connector(ConnectorField::Id)
                | Field::ConnectorGroup(ConnectorGroupField::Id)
                | Field::Application(ApplicationField::Id)
                | Field::ServicePrincipal(ServicePrincipalField::Id)
                | Field::User(UserField::Id)
                | Field::UserGroup(UserGroupField::Id)
                | Field::AppRoleAssignment(AppRoleAssignmentField::Id)
                | Field::Audit(AuditField::Id)
        )
    )
}

fn key_name(number: usize) -> String {
    format!("key_{number}")
}

/// Reads a key.
fn value(row: &Row, name: &str, kind: Kind) -> Result<Value, Error> {
    let found = match kind {
        Kind::Nothing | Kind::Array => None,
        Kind::Bool => row.try_get::<Option<bool>, _>(name)?.map(Value::Bool),
        Kind::Integer | Kind::Number => number(row, name)?,
        Kind::Text => row.try_get::<Option<String>, _>(name)?.map(Value::Text),
        Kind::Instant => row.try_get::<Option<String>, _>(name)?.map(moment),
    };
    Ok(found.unwrap_or(Value::Null))
}

/// What kind of number it is follows from the row as much as from the expression: sums of whole numbers can outgrow
/// them. Where an engine has numbers that are no kind of ours they come as text.
fn number(row: &Row, name: &str) -> Result<Option<Value>, Error> {
    if let Ok(whole) = row.try_get::<Option<i64>, _>(name) {
        return Ok(whole.map(Value::Integer));
    }
    if let Ok(number) = row.try_get::<Option<f64>, _>(name) {
        return Ok(number.map(Value::Number));
    }
    let Some(text) = row.try_get::<Option<String>, _>(name)? else { return Ok(None) };
    let number = text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Number));
    number.map(Some).map_err(|reason| row::unreadable("number", &text, &reason))
}

/// A moment; as text if it is later than any that can be told, such as the end of the year 9999, which means never.
fn moment(text: String) -> Value {
    text.parse().map_or(Value::Text(text), Value::Instant)
}
