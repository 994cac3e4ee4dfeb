//! What an operand is, what can be compared with what, and literals as values of the type that they are compared with.

use super::super::literal::{date, duration, is_guid, moment, time_of_day};
use super::super::{Expression, Literal, Operator};
use crate::model::{EntityType, EnumType, Type};
use crate::query::error::{Problem, QueryError};
use crate::query::source::Source;

/// What an operand is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Null,
    Value(Type),
    Entity(&'static EntityType),
    /// Several values or entities.
    Items(Subject),
}

/// What one item of several is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    Value(Type),
    Entity(&'static EntityType),
}

/// How far values of a type can be put in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Not at all.
    None,
    /// A list can be ordered by them, but greater and less mean nothing.
    Listed,
    /// Entirely.
    Full,
}

/// Types whose values can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Text,
    Boolean,
    Number,
    Moment,
    Date,
    Time,
    Duration,
    Enumeration(&'static str),
    /// Only with null.
    Opaque,
    /// With anything.
    Any,
}

pub(super) fn class(kind: &Type) -> Class {
    match kind {
        Type::String | Type::Guid => Class::Text,
        Type::Boolean => Class::Boolean,
        Type::Int32 | Type::Int64 | Type::Double => Class::Number,
        Type::DateTimeOffset => Class::Moment,
        Type::Date => Class::Date,
        Type::TimeOfDay => Class::Time,
        Type::Duration => Class::Duration,
        Type::Enum(kind) => Class::Enumeration(kind.name),
        Type::Binary | Type::Complex(_) | Type::Collection(_) => Class::Opaque,
        Type::Untyped => Class::Any,
    }
}

impl Class {
    pub(super) const fn orders(self) -> Order {
        match self {
            Self::Opaque => Order::None,
            Self::Boolean | Self::Enumeration(_) => Order::Listed,
            _ => Order::Full,
        }
    }
}

impl Kind {
    pub(super) const fn of_literal(literal: &Literal) -> Self {
        Self::Value(match literal {
            Literal::Null => return Self::Null,
            Literal::Boolean(_) => Type::Boolean,
            Literal::Integer(_) => Type::Int64,
            Literal::Number(_) => Type::Double,
            Literal::Text(_) | Literal::Members(_) => Type::String,
            Literal::Guid(_) => Type::Guid,
            Literal::DateTimeOffset(_) => Type::DateTimeOffset,
            Literal::Date(_) => Type::Date,
            Literal::TimeOfDay(_) => Type::TimeOfDay,
            Literal::Duration(_) => Type::Duration,
        })
    }

    pub(super) const fn is_condition(self) -> bool {
        matches!(self, Self::Null | Self::Value(Type::Boolean))
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Null | Self::Value(Type::Int32 | Type::Int64 | Type::Double | Type::Untyped))
    }

    pub(super) fn order(self) -> Order {
        match self {
            Self::Null => Order::Full,
            Self::Value(kind) => class(&kind).orders(),
            Self::Entity(_) | Self::Items(_) => Order::None,
        }
    }
}

/// A checked expression, what it is, and where it stands.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) expression: Expression,
    pub(super) kind: Kind,
    pub(super) position: usize,
}

impl Operand {
    pub(super) fn describe(&self) -> String {
        match (&self.expression, self.kind) {
            (Expression::Literal(literal), _) => literal.describe(),
            (Expression::Path(path), Kind::Items(_)) => format!("the collection '{}'", path.name()),
            (Expression::Path(path), _) if !path.steps.is_empty() => format!("the property '{}'", path.name()),
            (_, Kind::Value(kind)) => kind.describe(),
            _ => "an expression".to_owned(),
        }
    }

    const fn literal(&self) -> Option<&Literal> {
        match &self.expression {
            Expression::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}

/// Two operands that cannot be compared.
pub(super) struct Misfit {
    position: usize,
    problem: Problem,
}

impl Misfit {
    pub(super) fn at(self, source: &Source<'_>) -> QueryError {
        source.error_at(self.position, self.problem)
    }
}

/// The two operands of a comparison, a literal as a value of the other's type; an error if they cannot be compared.
pub(super) fn fitted(left: Operand, right: Operand) -> Result<(Operand, Operand), Misfit> {
    match (left.literal().is_some(), right.literal().is_some()) {
        (false, true) => fit(&left, right).map(|right| (left, right)),
        (true, false) => fit(&right, left).map(|left| (left, right)),
        _ if comparable(left.kind, right.kind) => Ok((left, right)),
        _ => Err(misfit(&left, &right)),
    }
}

fn comparable(left: Kind, right: Kind) -> bool {
    match (left, right) {
        (Kind::Items(_), _) | (_, Kind::Items(_)) => false,
        (Kind::Null, _) | (_, Kind::Null) => true,
        (Kind::Value(left), Kind::Value(right)) => {
            let (left, right) = (class(&left), class(&right));
            (left == right && left != Class::Opaque) || left == Class::Any || right == Class::Any
        }
        _ => false,
    }
}

fn fit(beside: &Operand, operand: Operand) -> Result<Operand, Misfit> {
    let literal = match (&operand.expression, beside.kind) {
        (_, Kind::Items(_)) => None,
        (Expression::Literal(Literal::Null), _) => Some(Literal::Null),
        (Expression::Literal(literal), Kind::Value(kind)) => as_type(literal, &kind, operand.kind),
        _ => None,
    };
    let Some(literal) = literal else { return Err(misfit(beside, &operand)) };
    let kind = if literal == Literal::Null { Kind::Null } else { beside.kind };
    Ok(Operand { expression: Expression::Literal(literal), kind, position: operand.position })
}

fn misfit(beside: &Operand, operand: &Operand) -> Misfit {
    let expected = match beside.kind {
        Kind::Value(kind) if class(&kind) != Class::Opaque => kind.describe(),
        Kind::Items(_) => "a condition with 'any' or 'all'".to_owned(),
        _ => "null".to_owned(),
    };
    let name = match &beside.expression {
        Expression::Path(path) => path.name(),
        _ => beside.describe(),
    };
    let problem = Problem::WrongType { operand: name, found: operand.describe(), expected };
    Misfit { position: operand.position, problem }
}

/// A literal as a value of a type; `own` is what the literal says of itself, which counts for enumerations.
fn as_type(literal: &Literal, kind: &Type, own: Kind) -> Option<Literal> {
    Some(match (kind, literal) {
        // A text that is no UUID equals no id; that is an answer, not an error.
        (Type::Guid, Literal::Text(text)) if is_guid(text) => Literal::Guid(text.to_ascii_lowercase()),
        (Type::Guid | Type::String, Literal::Text(_)) | (Type::Guid, Literal::Guid(_)) => literal.clone(),
        (Type::String, Literal::Guid(text)) => Literal::Text(text.clone()),
        (Type::Boolean, Literal::Boolean(_)) => literal.clone(),
        (Type::Int32 | Type::Int64 | Type::Double, Literal::Integer(_) | Literal::Number(_)) => literal.clone(),
        (Type::DateTimeOffset, Literal::DateTimeOffset(_)) => literal.clone(),
        (Type::DateTimeOffset, Literal::Text(text)) => Literal::DateTimeOffset(moment(text)?),
        (Type::DateTimeOffset, Literal::Date(date)) => Literal::DateTimeOffset(super::super::literal::midnight(*date)?),
        (Type::Date, Literal::Date(_)) => literal.clone(),
        (Type::Date, Literal::Text(text)) => Literal::Date(date(text)?),
        (Type::TimeOfDay, Literal::TimeOfDay(_)) => literal.clone(),
        (Type::TimeOfDay, Literal::Text(text)) => Literal::TimeOfDay(time_of_day(text)?),
        (Type::Duration, Literal::Duration(_)) => literal.clone(),
        (Type::Duration, Literal::Text(text)) => Literal::Duration(duration(text)?),
        (Type::Enum(kind), Literal::Text(text)) => members(kind, text)?,
        (Type::Enum(kind), Literal::Members(_)) => match own {
            Kind::Value(Type::Enum(other)) if other.name == kind.name => literal.clone(),
            _ => return None,
        },
        (Type::Untyped, _) => literal.clone(),
        _ => return None,
    })
}

/// The members that a text names: one, or several of an enumeration with flags; by name in any case, or by number.
pub(super) fn members(kind: &'static EnumType, text: &str) -> Option<Literal> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if words.len() > 1 && (!kind.flags || words.len() > kind.members.len()) {
        return None;
    }
    let mut found = Vec::new();
    for word in words {
        found.extend(member(kind, word)?);
    }
    Some(Literal::Members(found))
}

fn member(kind: &'static EnumType, word: &str) -> Option<Vec<&'static str>> {
    if let Some(name) = kind.find(word) {
        return Some(vec![name]);
    }
    let number: i64 = word.parse().ok()?;
    if let Some(member) = kind.members.iter().find(|member| member.value == number) {
        return Some(vec![member.name]);
    }
    let set: Vec<_> =
        kind.members.iter().filter(|member| member.value != 0 && number & member.value == member.value).collect();
    let covered = set.iter().fold(0, |sum, member| sum | member.value);
    (kind.flags && number > 0 && covered == number).then(|| set.iter().map(|member| member.name).collect())
}

/// The operands of a sum, a text that is a duration as one where the other is a date or a duration.
pub(super) fn spanned(left: Operand, right: Operand) -> (Operand, Operand) {
    let spans = |kind: Kind| matches!(kind, Kind::Value(Type::DateTimeOffset | Type::Date | Type::Duration));
    let right = match (&right.expression, spans(left.kind)) {
        (Expression::Literal(Literal::Text(text)), true) => match duration(text) {
            Some(span) => {
                let expression = Expression::Literal(Literal::Duration(span));
                Operand { expression, kind: Kind::Value(Type::Duration), position: right.position }
            }
            None => right,
        },
        _ => right,
    };
    (left, right)
}

/// What comes out of a calculation; `None` for operands that cannot be calculated with.
pub(super) fn result(operator: Operator, left: Kind, right: Kind) -> Option<Kind> {
    use Operator::{Add, Divide, DivideBy, Multiply, Subtract};
    if left.is_number() && right.is_number() {
        let whole = |kind: Kind| matches!(kind, Kind::Value(Type::Int32 | Type::Int64));
        let is_whole = operator != DivideBy && whole(left) && whole(right);
        return Some(Kind::Value(if is_whole { Type::Int64 } else { Type::Double }));
    }
    let (Kind::Value(left), Kind::Value(right)) = (left, right) else { return None };
    Some(Kind::Value(match (class(&left), operator, class(&right)) {
        (Class::Moment, Add | Subtract, Class::Duration) => Type::DateTimeOffset,
        (Class::Date, Add | Subtract, Class::Duration) => Type::Date,
        (Class::Duration, Add, Class::Moment) => Type::DateTimeOffset,
        (Class::Duration, Add, Class::Date) => Type::Date,
        (Class::Moment, Subtract, Class::Moment) | (Class::Date, Subtract, Class::Date) => Type::Duration,
        (Class::Duration, Add | Subtract, Class::Duration) => Type::Duration,
        (Class::Duration, Multiply | Divide | DivideBy, Class::Number) => Type::Duration,
        (Class::Number, Multiply, Class::Duration) => Type::Duration,
        _ => return None,
    }))
}
