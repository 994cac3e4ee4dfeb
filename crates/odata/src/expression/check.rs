//! Checks an unchecked tree against an entity type: every path exists, every operator and function has operands of
//! types that fit, and no secret is asked about.

mod call;
mod operand;
mod path;

pub(crate) use path::{complex_name, entity_name};

use self::operand::{Kind, Operand, Order};
use self::path::Scope;
use super::syntax::{Node, NodeKind};
use super::{Expression, Literal, Operator};
use crate::model::{EntityType, Model, Type};
use crate::query::error::{Problem, QueryError};
use crate::query::source::{Source, shown};

/// Makes a condition on entities of the type `on` of `node`. `source` is the text it came from.
pub(crate) fn condition(
    node: &Node,
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Expression, QueryError> {
    Checker { source, model, scope: Scope::new(on) }.condition(node)
}

/// Makes a value that entities can be ordered by of `node`.
pub(crate) fn order_key(
    node: &Node,
    source: Source<'_>,
    on: &'static EntityType,
    model: &'static Model,
) -> Result<Expression, QueryError> {
    let operand = Checker { source, model, scope: Scope::new(on) }.operand(node)?;
    let orderable = matches!(operand.kind, Kind::Value(kind) if operand::class(&kind).orders() != Order::None);
    if !orderable {
        let found = operand.describe();
        let expected = "A text, a number, a date, a time, a choice or a truth value to order by";
        return Err(source.error_at(node.position, Problem::Unexpected { expected, found }));
    }
    Ok(operand.expression)
}

pub(super) struct Checker<'t> {
    source: Source<'t>,
    model: &'static Model,
    scope: Scope,
}

impl Checker<'_> {
    fn error(&self, node: &Node, problem: Problem) -> QueryError {
        self.source.error_at(node.position, problem)
    }

    fn condition(&mut self, node: &Node) -> Result<Expression, QueryError> {
        let operand = self.operand(node)?;
        if !operand.kind.is_condition() {
            let problem = Problem::Unexpected { expected: "A condition", found: operand.describe() };
            return Err(self.error(node, problem));
        }
        Ok(operand.expression)
    }

    fn operand(&mut self, node: &Node) -> Result<Operand, QueryError> {
        let (expression, kind) = match &node.kind {
            NodeKind::Literal(literal) => (Expression::Literal(literal.clone()), Kind::of_literal(literal)),
            NodeKind::Enumeration { type_name, members } => self.enumeration(node, type_name, members)?,
            NodeKind::Path(names) => self.path(names)?,
            NodeKind::Count(names) => (Expression::Count(self.collection(names)?.0), Kind::Value(Type::Int64)),
            NodeKind::Not(inner) => (Expression::Not(Box::new(self.condition(inner)?)), Kind::Value(Type::Boolean)),
            NodeKind::Negate(inner) => self.negate(inner)?,
            NodeKind::Binary(operator, left, right) => self.binary(*operator, left, right)?,
            NodeKind::In(value, among) => self.one_of(value, among)?,
            NodeKind::Call(function, arguments) => self.call(*function, arguments)?,
            NodeKind::Lambda { quantifier, over, inside } => {
                self.lambda(*quantifier, over, inside.as_ref().map(|(name, node)| (name.as_str(), &**node)))?
            }
        };
        Ok(Operand { expression, kind, position: node.position })
    }

    fn enumeration(&self, node: &Node, type_name: &str, members: &str) -> Result<(Expression, Kind), QueryError> {
        let found = self
            .model
            .unqualified(type_name)
            .and_then(|name| self.model.enum_types.iter().copied().find(|kind| kind.name.eq_ignore_ascii_case(name)));
        let kind = found.ok_or_else(|| self.error(node, Problem::UnknownType(shown(type_name))))?;
        let literal = operand::members(kind, members).ok_or_else(|| {
            let (operand, found) = (kind.name.to_owned(), Literal::Text(members.to_owned()).describe());
            self.error(node, Problem::WrongType { operand, found, expected: Type::Enum(kind).describe() })
        })?;
        Ok((Expression::Literal(literal), Kind::Value(Type::Enum(kind))))
    }

    fn negate(&mut self, inner: &Node) -> Result<(Expression, Kind), QueryError> {
        let operand = self.operand(inner)?;
        if !operand.kind.is_number() && !matches!(operand.kind, Kind::Value(Type::Duration)) {
            let found = operand.describe();
            return Err(self.error(inner, Problem::Unexpected { expected: "A number", found }));
        }
        let (expression, kind) = (operand.expression, operand.kind);
        Ok((
            match expression {
                Expression::Literal(Literal::Integer(number)) if number != i64::MIN => {
                    Expression::Literal(Literal::Integer(-number))
                }
                Expression::Literal(Literal::Number(number)) => Expression::Literal(Literal::Number(-number)),
                other => Expression::Negate(Box::new(other)),
            },
            kind,
        ))
    }

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node) -> Result<(Expression, Kind), QueryError> {
        use Operator::{And, Equal, Greater, GreaterOrEqual, Has, Less, LessOrEqual, NotEqual, Or};
        let boolean = Kind::Value(Type::Boolean);
        let (left, right, kind) = match operator {
            And | Or => (self.condition(left)?, self.condition(right)?, boolean),
            Equal | NotEqual => {
                let (left, right) = self.compared(left, right, false)?;
                (left, right, boolean)
            }
            Greater | GreaterOrEqual | Less | LessOrEqual => {
                let (left, right) = self.compared(left, right, true)?;
                (left, right, boolean)
            }
            Has => {
                let (left, right) = self.flags(left, right)?;
                (left, right, boolean)
            }
            _ => self.arithmetic(operator, left, right)?,
        };
        Ok((Expression::Binary { operator, left: Box::new(left), right: Box::new(right) }, kind))
    }

    fn compared(&mut self, left: &Node, right: &Node, ordered: bool) -> Result<(Expression, Expression), QueryError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let (left, right) = operand::fitted(left, right).map_err(|misfit| misfit.at(&self.source))?;
        if ordered && (left.kind.order() < Order::Full || right.kind.order() < Order::Full) {
            let problem = Problem::Unsupported("An order between these values");
            return Err(self.source.error_at(right.position, problem));
        }
        Ok((left.expression, right.expression))
    }

    fn flags(&mut self, left: &Node, right: &Node) -> Result<(Expression, Expression), QueryError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        if !matches!(left.kind, Kind::Value(Type::Enum(_))) {
            let problem = Problem::Unexpected { expected: "A property of an enumeration", found: left.describe() };
            return Err(self.source.error_at(left.position, problem));
        }
        let (left, right) = operand::fitted(left, right).map_err(|misfit| misfit.at(&self.source))?;
        Ok((left.expression, right.expression))
    }

    fn one_of(&mut self, value: &Node, among: &[Node]) -> Result<(Expression, Kind), QueryError> {
        let mut value = self.operand(value)?;
        let mut several = Vec::new();
        for item in among {
            let item = self.operand(item)?;
            let (fitted, item) = operand::fitted(value, item).map_err(|misfit| misfit.at(&self.source))?;
            value = fitted;
            several.push(item.expression);
        }
        let expression = Expression::In { value: Box::new(value.expression), among: several };
        Ok((expression, Kind::Value(Type::Boolean)))
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &Node,
        right: &Node,
    ) -> Result<(Expression, Expression, Kind), QueryError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let (left, right) = operand::spanned(left, right);
        let Some(kind) = operand::result(operator, left.kind, right.kind) else {
            let problem = Problem::WrongType {
                operand: left.describe(),
                found: right.describe(),
                expected: "a number, or a duration beside a date".to_owned(),
            };
            return Err(self.source.error_at(right.position, problem));
        };
        Ok((left.expression, right.expression, kind))
    }
}
