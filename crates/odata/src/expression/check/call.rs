//! The arguments of functions, and what comes out of them.

use super::super::literal::{midnight, moment};
use super::super::syntax::Node;
use super::super::{Expression, Function, Literal};
use super::Checker;
use super::operand::{Kind, Operand};
use crate::model::Type;
use crate::query::error::{Problem, QueryError};

/// What a function takes as one argument.
#[derive(Clone, Copy)]
enum Wanted {
    Text,
    Whole,
    Number,
    Moment,
    /// A moment or a date.
    Day,
    /// A moment or a time.
    Clock,
}

impl Wanted {
    const fn describe(self) -> &'static str {
        match self {
            Self::Text => "A text",
            Self::Whole => "A whole number",
            Self::Number => "A number",
            Self::Moment => "A date and time",
            Self::Day => "A date",
            Self::Clock => "A time",
        }
    }

    const fn takes(self, kind: &Type) -> bool {
        matches!(
            (self, kind),
            (_, Type::Untyped)
                | (Self::Text, Type::String | Type::Guid)
                | (Self::Whole, Type::Int32 | Type::Int64)
                | (Self::Number, Type::Int32 | Type::Int64 | Type::Double)
                | (Self::Moment | Self::Day | Self::Clock, Type::DateTimeOffset)
                | (Self::Day, Type::Date)
                | (Self::Clock, Type::TimeOfDay)
        )
    }
}

impl Checker<'_> {
    pub(super) fn call(&mut self, function: Function, given: &[Node]) -> Result<(Expression, Kind), QueryError> {
        let mut arguments = Vec::new();
        let mut first = Kind::Null;
        for (at, node) in given.iter().enumerate() {
            let argument = self.argument(node, wanted(function, at))?;
            if at == 0 {
                first = argument.kind;
            }
            arguments.push(argument.expression);
        }
        Ok((Expression::Call { function, arguments }, Kind::Value(returned(function, first))))
    }

    fn argument(&mut self, node: &Node, wanted: Wanted) -> Result<Operand, QueryError> {
        let operand = as_moment(self.operand(node)?, wanted);
        let takes = match operand.kind {
            Kind::Null => true,
            Kind::Value(kind) => wanted.takes(&kind),
            Kind::Entity(_) | Kind::Items(_) => false,
        };
        if !takes {
            let problem = Problem::Unexpected { expected: wanted.describe(), found: operand.describe() };
            return Err(self.error(node, problem));
        }
        Ok(operand)
    }
}

/// Dates stand in quotes in many scripts.
fn as_moment(mut operand: Operand, wanted: Wanted) -> Operand {
    let at = match (&operand.expression, wanted) {
        (Expression::Literal(Literal::Text(text)), Wanted::Moment | Wanted::Day | Wanted::Clock) => moment(text),
        (Expression::Literal(Literal::Date(date)), Wanted::Moment | Wanted::Clock) => midnight(*date),
        _ => None,
    };
    if let Some(at) = at {
        operand.expression = Expression::Literal(Literal::DateTimeOffset(at));
        operand.kind = Kind::Value(Type::DateTimeOffset);
    }
    operand
}

const fn wanted(function: Function, at: usize) -> Wanted {
    match function {
        Function::Substring if at > 0 => Wanted::Whole,
        Function::Year | Function::Month | Function::Day => Wanted::Day,
        Function::Hour | Function::Minute | Function::Second | Function::FractionalSeconds => Wanted::Clock,
        Function::Date | Function::Time => Wanted::Moment,
        Function::Round | Function::Floor | Function::Ceiling => Wanted::Number,
        _ => Wanted::Text,
    }
}

const fn returned(function: Function, first: Kind) -> Type {
    match function {
        Function::Contains | Function::StartsWith | Function::EndsWith => Type::Boolean,
        Function::Substring | Function::ToLower | Function::ToUpper | Function::Trim | Function::Concat => Type::String,
        Function::FractionalSeconds => Type::Double,
        Function::Date => Type::Date,
        Function::Time => Type::TimeOfDay,
        Function::Now | Function::MinDateTime | Function::MaxDateTime => Type::DateTimeOffset,
        Function::Round | Function::Floor | Function::Ceiling => match first {
            Kind::Value(Type::Int32 | Type::Int64) => Type::Int64,
            _ => Type::Double,
        },
        _ => Type::Int64,
    }
}
