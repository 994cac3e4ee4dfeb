//! From a checked OData query to a question about the directory: every path becomes a field, a part of a kept JSON
//! document, or a relation to other objects. Which is which is said in [`crate::field`].

use adit_core::query::{
    Direction, Expression, Field, Function, Items, JsonKind, JsonPart, OBJECT, Operator, Order, Quantifier, Value,
    Variable,
};
use adit_odata::expression::{self as odata, Literal, Path, Search, Step};
use adit_odata::model::Multiplicity;
use adit_odata::{EntityType, Query, Type};
use jiff::Timestamp;

use crate::error::GraphError;
use crate::field;

/// What `$filter` and `$search` ask together.
pub(crate) fn condition(query: &Query, on: &'static EntityType) -> Result<Option<Expression>, GraphError> {
    let mut translation = Translation::new(on);
    let filter = query.filter.as_ref().map(|filter| translation.expression(filter)).transpose()?;
    let search = query.search.as_ref().map(|search| searched(search, on)).transpose()?;
    Ok(match (filter, search) {
        (Some(filter), Some(search)) => Some(filter.and(search)),
        (filter, search) => filter.or(search),
    })
}

/// What `$orderby` asks.
pub(crate) fn order(query: &Query, on: &'static EntityType) -> Result<Vec<Order>, GraphError> {
    let mut translation = Translation::new(on);
    let translated = |item: &odata::OrderItem| {
        let direction = match item.direction {
            odata::Direction::Ascending => Direction::Ascending,
            odata::Direction::Descending => Direction::Descending,
        };
        Ok(Order { by: translation.expression(&item.by)?, direction })
    };
    query.orderby.iter().map(translated).collect()
}

/// What a variable stands for.
#[derive(Clone, Copy)]
enum Bound {
    Entity(Variable, &'static EntityType),
    /// An item of an array: a value, or a structured value.
    Item(Variable, &'static Type),
}

/// A translation under way: what the variables of the query stand for.
struct Translation {
    /// By the number of the query's variable.
    bound: Vec<Bound>,
    next: u8,
}

impl Translation {
    fn new(on: &'static EntityType) -> Self {
        Self { bound: vec![Bound::Entity(OBJECT, on)], next: 1 }
    }

    fn fresh(&mut self) -> Variable {
        let variable = Variable(self.next);
        self.next = self.next.saturating_add(1);
        variable
    }

    fn expression(&mut self, expression: &odata::Expression) -> Result<Expression, GraphError> {
        match expression {
            odata::Expression::Literal(literal) => value(literal).map(Expression::Value),
            odata::Expression::Path(path) => self.path(path),
            odata::Expression::Count(path) => Ok(Expression::Count(self.items(path)?.0)),
            odata::Expression::Not(inner) => Ok(Expression::Not(Box::new(self.expression(inner)?))),
            odata::Expression::Negate(inner) => Ok(Expression::Negate(Box::new(self.expression(inner)?))),
            odata::Expression::Binary { operator, left, right } => self.binary(*operator, left, right),
            odata::Expression::In { value, among } => self.among(value, among),
            odata::Expression::Call { function, arguments } => self.call(*function, arguments),
            odata::Expression::Lambda { quantifier, over, condition, .. } => {
                self.lambda(*quantifier, over, condition.as_deref())
            }
        }
    }

    fn binary(
        &mut self,
        operator: odata::Operator,
        left: &odata::Expression,
        right: &odata::Expression,
    ) -> Result<Expression, GraphError> {
        let own = own_operator(operator)?;
        let (one, two) = (self.stored(left, right)?, self.stored(right, left)?);
        Ok(Expression::Binary(own, Box::new(one), Box::new(two)))
    }

    /// An operand; a member of an enumeration becomes the word under which the other operand stores it.
    fn stored(&mut self, operand: &odata::Expression, other: &odata::Expression) -> Result<Expression, GraphError> {
        let (odata::Expression::Literal(Literal::Members(members)), odata::Expression::Path(path)) = (operand, other)
        else {
            return self.expression(operand);
        };
        let name = path.steps.last().map(Step::name).unwrap_or_default();
        let words: Vec<&str> = members.iter().map(|member| field::stored_member(name, member)).collect();
        Ok(Expression::Value(Value::Text(words.join(","))))
    }

    fn among(&mut self, value: &odata::Expression, among: &[odata::Expression]) -> Result<Expression, GraphError> {
        let items: Result<Vec<Expression>, GraphError> = among.iter().map(|item| self.stored(item, value)).collect();
        Ok(Expression::In(Box::new(self.expression(value)?), items?))
    }

    fn call(&mut self, function: odata::Function, arguments: &[odata::Expression]) -> Result<Expression, GraphError> {
        let constant = match function {
            odata::Function::Now => Some(Timestamp::now()),
            odata::Function::MinDateTime => Some(Timestamp::MIN),
            odata::Function::MaxDateTime => Some(Timestamp::MAX),
            _ => None,
        };
        if let Some(instant) = constant {
            return Ok(Expression::Value(Value::Instant(instant)));
        }
        let arguments: Result<Vec<Expression>, GraphError> =
            arguments.iter().map(|argument| self.expression(argument)).collect();
        Ok(Expression::Call(own_function(function)?, arguments?))
    }

    fn lambda(
        &mut self,
        quantifier: odata::Quantifier,
        over: &Path,
        condition: Option<&odata::Expression>,
    ) -> Result<Expression, GraphError> {
        let (items, bound) = self.items(over)?;
        let variable = match bound {
            Bound::Entity(variable, _) | Bound::Item(variable, _) => variable,
        };
        self.bound.push(bound);
        let condition = condition.map(|condition| self.expression(condition).map(Box::new)).transpose();
        self.bound.pop();
        let quantifier = match quantifier {
            odata::Quantifier::Any => Quantifier::Any,
            odata::Quantifier::All => Quantifier::All,
        };
        Ok(Expression::Quantified { quantifier, items, variable, condition: condition? })
    }

    /// What a collection's path leads over, and what its items are bound to.
    fn items(&mut self, path: &Path) -> Result<(Items, Bound), GraphError> {
        let start = self.bound.get(usize::from(path.from.0)).copied();
        match (start, path.steps.as_slice()) {
            (Some(Bound::Entity(from, kind)), [Step::Navigation(navigation)]) => {
                let relation = field::relation(kind, navigation).ok_or_else(|| not_asked(path))?;
                let variable = self.fresh();
                Ok((Items::Related(from, relation), Bound::Entity(variable, navigation.target)))
            }
            (Some(Bound::Entity(from, kind)), steps) => {
                let names = property_names(steps).ok_or_else(|| not_asked(path))?;
                let array = field::array(kind, &names).ok_or_else(|| not_asked(path))?;
                let item = last_type(steps).ok_or_else(|| not_asked(path))?.item();
                Ok((Items::Array(from, array), Bound::Item(self.fresh(), item)))
            }
            (Some(Bound::Item(from, _)), steps) => {
                let names = property_names(steps).ok_or_else(|| not_asked(path))?;
                let item = last_type(steps).ok_or_else(|| not_asked(path))?.item();
                let part = JsonPart { path: owned(&names), kind: JsonKind::Array, default: Value::Null };
                Ok((Items::Array(from, Field::Item(part)), Bound::Item(self.fresh(), item)))
            }
            (None, _) => Err(not_asked(path)),
        }
    }

    fn path(&mut self, path: &Path) -> Result<Expression, GraphError> {
        let start = self.bound.get(usize::from(path.from.0)).copied();
        match start {
            Some(Bound::Entity(variable, kind)) => self.entity_path(variable, kind, &path.steps, path),
            Some(Bound::Item(variable, kind)) => {
                let names = property_names(&path.steps).ok_or_else(|| not_asked(path))?;
                let kind = last_type(&path.steps).unwrap_or(kind);
                let kind = field::json_kind(kind).ok_or_else(|| not_asked(path))?;
                let part = JsonPart { path: owned(&names), kind, default: Value::Null };
                Ok(Expression::Field(variable, Field::Item(part)))
            }
            None => Err(not_asked(path)),
        }
    }

    fn entity_path(
        &mut self,
        from: Variable,
        kind: &'static EntityType,
        steps: &[Step],
        whole: &Path,
    ) -> Result<Expression, GraphError> {
        if let [Step::Navigation(navigation), rest @ ..] = steps {
            let relation = field::relation(kind, navigation).filter(|_| navigation.multiplicity == Multiplicity::One);
            let relation = relation.ok_or_else(|| not_asked(whole))?;
            let variable = self.fresh();
            let value = Box::new(self.entity_path(variable, navigation.target, rest, whole)?);
            return Ok(Expression::Related { from, relation, variable, value });
        }
        let names = property_names(steps).ok_or_else(|| not_asked(whole))?;
        field::value(kind, from, &names, last_type(steps)).ok_or_else(|| not_asked(whole))
    }
}

/// `$search`: a term is looked for anywhere in the text.
fn searched(search: &Search, on: &'static EntityType) -> Result<Expression, GraphError> {
    match search {
        Search::And(left, right) => Ok(searched(left, on)?.and(searched(right, on)?)),
        Search::Or(left, right) => Ok(searched(left, on)?.or(searched(right, on)?)),
        Search::Not(inner) => Ok(Expression::Not(Box::new(searched(inner, on)?))),
        Search::Term { property, text } => {
            let names = match property {
                Some(name) => vec![*name],
                None => field::searched(on).to_vec(),
            };
            let mut any: Option<Expression> = None;
            for name in names {
                let field = field::value(on, OBJECT, &name.split('/').collect::<Vec<_>>(), Some(&Type::String))
                    .ok_or_else(|| not_searched(name))?;
                let found =
                    Expression::Call(Function::Contains, vec![field, Expression::Value(Value::Text(text.clone()))]);
                any = Some(match any {
                    Some(any) => any.or(found),
                    None => found,
                });
            }
            any.ok_or_else(|| not_searched(on.name))
        }
    }
}

fn value(literal: &Literal) -> Result<Value, GraphError> {
    Ok(match literal {
        Literal::Null => Value::Null,
        Literal::Boolean(truth) => Value::Bool(*truth),
        Literal::Integer(number) => Value::Integer(*number),
        Literal::Number(number) => Value::Number(*number),
        Literal::Text(text) | Literal::Guid(text) => Value::Text(text.clone()),
        Literal::DateTimeOffset(at) => Value::Instant(*at),
        Literal::Date(date) => Value::Text(date.to_string()),
        Literal::TimeOfDay(time) => Value::Text(time.to_string()),
        Literal::Members(members) => Value::Text(members.join(",")),
        Literal::Duration(_) => return Err(GraphError::unsupported_query("A duration cannot be compared here.")),
    })
}

fn own_operator(operator: odata::Operator) -> Result<Operator, GraphError> {
    Ok(match operator {
        odata::Operator::Or => Operator::Or,
        odata::Operator::And => Operator::And,
        odata::Operator::Equal => Operator::Equal,
        odata::Operator::NotEqual => Operator::NotEqual,
        odata::Operator::Greater => Operator::Greater,
        odata::Operator::GreaterOrEqual => Operator::GreaterOrEqual,
        odata::Operator::Less => Operator::Less,
        odata::Operator::LessOrEqual => Operator::LessOrEqual,
        odata::Operator::Add => Operator::Add,
        odata::Operator::Subtract => Operator::Subtract,
        odata::Operator::Multiply => Operator::Multiply,
        odata::Operator::Divide => Operator::Divide,
        odata::Operator::DivideBy => Operator::DivideBy,
        odata::Operator::Modulo => Operator::Modulo,
        odata::Operator::Has => {
            return Err(GraphError::unsupported_query("The operator 'has' is not supported for this collection."));
        }
    })
}

fn own_function(function: odata::Function) -> Result<Function, GraphError> {
    Ok(match function {
        odata::Function::Contains => Function::Contains,
        odata::Function::StartsWith => Function::StartsWith,
        odata::Function::EndsWith => Function::EndsWith,
        odata::Function::Length => Function::Length,
        odata::Function::IndexOf => Function::IndexOf,
        odata::Function::Substring => Function::Substring,
        odata::Function::ToLower => Function::ToLower,
        odata::Function::ToUpper => Function::ToUpper,
        odata::Function::Trim => Function::Trim,
        odata::Function::Concat => Function::Concat,
        odata::Function::Year => Function::Year,
        odata::Function::Month => Function::Month,
        odata::Function::Day => Function::Day,
        odata::Function::Hour => Function::Hour,
        odata::Function::Minute => Function::Minute,
        odata::Function::Second => Function::Second,
        odata::Function::FractionalSeconds => Function::FractionalSeconds,
        odata::Function::Date => Function::Date,
        odata::Function::Time => Function::Time,
        odata::Function::Round => Function::Round,
        odata::Function::Floor => Function::Floor,
        odata::Function::Ceiling => Function::Ceiling,
        odata::Function::Now | odata::Function::MinDateTime | odata::Function::MaxDateTime => {
            return Err(GraphError::not_offered());
        }
    })
}

fn property_names(steps: &[Step]) -> Option<Vec<&'static str>> {
    let name = |step: &Step| match step {
        Step::Property(property) => Some(property.name),
        Step::Navigation(_) => None,
    };
    steps.iter().map(name).collect()
}

fn last_type(steps: &[Step]) -> Option<&'static Type> {
    match steps.last() {
        Some(Step::Property(property)) => Some(&property.kind),
        _ => None,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn not_asked(path: &Path) -> GraphError {
    GraphError::unsupported_query(format!("The property '{}' cannot be used in a query.", path.name()))
}

fn not_searched(name: &str) -> GraphError {
    GraphError::unsupported_query(format!("The query option '$search' is not supported for '{name}'."))
}
