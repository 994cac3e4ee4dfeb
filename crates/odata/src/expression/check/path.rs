//! Paths and the variables they start from.

use super::super::syntax::{Name, Node};
use super::super::{Expression, IT, Path, Quantifier, Step, Variable};
use super::Checker;
use super::operand::{Kind, Subject};
use crate::limit::LAMBDA_DEPTH;
use crate::model::{ComplexType, EntityType, Model, Multiplicity, Navigation, Property, Returned, Type};
use crate::query::error::{Problem, QueryError};
use crate::query::source::shown;

/// The variables that a path can start from.
pub(super) struct Scope {
    on: &'static EntityType,
    lambdas: Vec<(String, Subject)>,
}

impl Scope {
    pub(super) const fn new(on: &'static EntityType) -> Self {
        Self { on, lambdas: Vec::new() }
    }

    /// A lambda's variable; the innermost of that name.
    fn variable(&self, name: &str) -> Option<(Variable, Subject)> {
        let at = self.lambdas.iter().rposition(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let (_, subject) = self.lambdas.get(at)?;
        Some((number(at + 1), *subject))
    }
}

/// [`LAMBDA_DEPTH`] is far below what the number holds.
fn number(at: usize) -> Variable {
    Variable(u8::try_from(at).unwrap_or(u8::MAX))
}

impl Checker<'_> {
    pub(super) fn path(&self, names: &[Name]) -> Result<(Expression, Kind), QueryError> {
        let (path, kind) = self.resolve(names)?;
        Ok((Expression::Path(path), kind))
    }

    /// A path that leads to several items, and what one of them is.
    pub(super) fn collection(&self, names: &[Name]) -> Result<(Path, Subject), QueryError> {
        let (path, kind) = self.resolve(names)?;
        let Kind::Items(subject) = kind else {
            let problem = Problem::Unexpected { expected: "A collection", found: format!("'{}'", written(names)) };
            return Err(self.source.error_at(position(names), problem));
        };
        Ok((path, subject))
    }

    pub(super) fn lambda(
        &mut self,
        quantifier: Quantifier,
        over: &[Name],
        inside: Option<(&str, &Node)>,
    ) -> Result<(Expression, Kind), QueryError> {
        if self.scope.lambdas.len() >= LAMBDA_DEPTH {
            return Err(self.source.error_at(position(over), Problem::LambdaTooDeep));
        }
        let (over, subject) = self.collection(over)?;
        let variable = number(self.scope.lambdas.len() + 1);
        let condition = match inside {
            None => None,
            Some((name, node)) => {
                self.scope.lambdas.push((name.to_owned(), subject));
                let condition = self.condition(node)?;
                self.scope.lambdas.pop();
                Some(Box::new(condition))
            }
        };
        Ok((Expression::Lambda { quantifier, over, variable, condition }, Kind::Value(Type::Boolean)))
    }

    fn resolve(&self, names: &[Name]) -> Result<(Path, Kind), QueryError> {
        let (from, mut kind, names) = self.start(names)?;
        let mut steps = Vec::new();
        for name in names {
            let step = self.step(kind, name)?;
            kind = arrival(step);
            steps.push(step);
        }
        Ok((Path { from, steps }, kind))
    }

    fn start<'n>(&self, names: &'n [Name]) -> Result<(Variable, Kind, &'n [Name]), QueryError> {
        let it = Kind::Entity(self.scope.on);
        let Some((first, rest)) = names.split_first() else { return Ok((IT, it, names)) };
        if first.text.eq_ignore_ascii_case("$this") {
            return Ok((IT, it, rest));
        }
        if first.text.eq_ignore_ascii_case("$it") {
            // In the parentheses of $expand it is the outer entity, which the expanded one does not know.
            if self.source.is_nested() {
                let problem = Problem::Unsupported("'$it' inside of $expand");
                return Err(self.source.error_at(first.position, problem));
            }
            return Ok((IT, it, rest));
        }
        match self.scope.variable(&first.text) {
            Some((variable, Subject::Entity(on))) => Ok((variable, Kind::Entity(on), rest)),
            Some((variable, Subject::Value(kind))) => Ok((variable, Kind::Value(kind), rest)),
            None => Ok((IT, it, names)),
        }
    }

    fn step(&self, from: Kind, name: &Name) -> Result<Step, QueryError> {
        let error = |problem| self.source.error_at(name.position, problem);
        let (property, navigation, on) = match from {
            Kind::Entity(on) => (on.property(&name.text), on.navigation(&name.text), entity_name(self.model, on)),
            Kind::Value(Type::Complex(on)) => {
                (on.property(&name.text), on.navigation(&name.text), complex_name(self.model, on))
            }
            Kind::Items(_) => {
                return Err(error(Problem::Unsupported("A path through a collection without 'any' or 'all'")));
            }
            Kind::Value(kind) => (None, None, edm_name(&kind)),
            Kind::Null => (None, None, "null".to_owned()),
        };
        match (property, navigation) {
            (Some(property), _) if property.returned == Returned::Never => Err(error(Problem::Secret(property.name))),
            (Some(property), _) => Ok(Step::Property(property)),
            (None, Some(navigation)) => Ok(Step::Navigation(navigation)),
            (None, None) => Err(error(Problem::UnknownProperty { name: shown(&name.text), on })),
        }
    }
}

fn arrival(step: Step) -> Kind {
    match step {
        Step::Property(Property { kind: Type::Collection(item), .. }) => Kind::Items(Subject::Value(**item)),
        Step::Property(property) => Kind::Value(property.kind),
        Step::Navigation(Navigation { multiplicity: Multiplicity::One, target, .. }) => Kind::Entity(target),
        Step::Navigation(navigation) => Kind::Items(Subject::Entity(navigation.target)),
    }
}

fn written(names: &[Name]) -> String {
    shown(&names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("/"))
}

fn position(names: &[Name]) -> usize {
    names.first().map_or(1, |name| name.position)
}

/// An entity type with its namespace.
pub(crate) fn entity_name(model: &Model, on: &EntityType) -> String {
    format!("{}.{}", model.namespace, on.name)
}

/// A structured type with its namespace.
pub(crate) fn complex_name(model: &Model, on: &'static ComplexType) -> String {
    format!("{}.{}", model.namespace_of(on), on.name)
}

fn edm_name(kind: &Type) -> String {
    match kind {
        Type::String => "Edm.String",
        Type::Guid => "Edm.Guid",
        Type::Boolean => "Edm.Boolean",
        Type::Int32 => "Edm.Int32",
        Type::Int64 => "Edm.Int64",
        Type::Double => "Edm.Double",
        Type::DateTimeOffset => "Edm.DateTimeOffset",
        Type::Date => "Edm.Date",
        Type::TimeOfDay => "Edm.TimeOfDay",
        Type::Duration => "Edm.Duration",
        Type::Binary => "Edm.Binary",
        Type::Untyped | Type::Complex(_) | Type::Collection(_) => "Edm.Untyped",
        Type::Enum(kind) => kind.name,
    }
    .to_owned()
}
