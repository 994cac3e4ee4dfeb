//! `now()` becomes a moment, and what can be calculated without an entity is calculated, once for all entities.

use jiff::Timestamp;

use super::{Expression, Function, Literal, Operator};
use crate::memory::Scope;

impl Expression {
    /// The same expression at a time: `now()` is that time, and sums and functions of values alone are their results.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let boxed = |inner: Box<Self>| Box::new(inner.at(now));
        match self {
            Self::Call { function: Function::Now, .. } => Self::Literal(Literal::DateTimeOffset(now)),
            Self::Call { function, arguments } => {
                let arguments = arguments.into_iter().map(|argument| argument.at(now)).collect();
                Self::Call { function, arguments }.calculated()
            }
            Self::Binary { operator, left, right } => {
                Self::Binary { operator, left: boxed(left), right: boxed(right) }.calculated()
            }
            Self::Not(inner) => Self::Not(boxed(inner)),
            Self::Negate(inner) => Self::Negate(boxed(inner)).calculated(),
            Self::In { value, among } => {
                Self::In { value: boxed(value), among: among.into_iter().map(|one| one.at(now)).collect() }
            }
            Self::Lambda { quantifier, over, variable, condition } => {
                Self::Lambda { quantifier, over, variable, condition: condition.map(boxed) }
            }
            other @ (Self::Literal(_) | Self::Path(_) | Self::Count(_)) => other,
        }
    }

    /// Its result, if all its operands are values.
    fn calculated(self) -> Self {
        let is_value = |operand: &Self| matches!(operand, Self::Literal(_));
        let constant = match &self {
            Self::Call { arguments, .. } => arguments.iter().all(is_value),
            Self::Binary { operator, left, right } => is_sum(*operator) && is_value(left) && is_value(right),
            Self::Negate(inner) => is_value(inner),
            _ => false,
        };
        let result = constant.then(|| Scope::empty().value(&self).into_literal()).flatten();
        result.map_or(self, Self::Literal)
    }
}

const fn is_sum(operator: Operator) -> bool {
    use Operator::{Add, Divide, DivideBy, Modulo, Multiply, Subtract};
    matches!(operator, Add | Subtract | Multiply | Divide | DivideBy | Modulo)
}
