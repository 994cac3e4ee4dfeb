//! Makes expressions by chance, of the right types.

use adit_core::query::{
    ApplicationField, ConnectorField, ConnectorGroupField, Expression, Field, Function, Items, JsonKind, JsonPart,
    Operator, Quantifier, Relation, Value, Variable,
};

/// What a variable stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    Group,
    Connector,
    Application,
    Item,
}

pub(super) struct Generator {
    state: u64,
    variables: Vec<Kind>,
}

impl Generator {
    pub(super) fn new(seed: u64, object: Kind) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, variables: vec![object] }
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) as usize % end
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub(super) fn condition(&mut self, depth: usize) -> Expression {
        if depth == 0 {
            return self.comparison(0);
        }
        let next = depth - 1;
        match self.below(10) {
            0 => Expression::Not(Box::new(self.condition(next))),
            1 => self.condition(next).and(self.condition(next)),
            2 => self.condition(next).or(self.condition(next)),
            3 => {
                let function = self.pick(&[Function::Contains, Function::StartsWith, Function::EndsWith]);
                Expression::Call(function, vec![self.text(next), self.text(next)])
            }
            4 | 5 => self.quantified(next),
            6 => self.one_of(next),
            7 => self.bool_field(),
            _ => self.comparison(next),
        }
    }

    /// Something by which rows can be put in order.
    pub(super) fn key(&mut self, depth: usize) -> Expression {
        match self.below(5) {
            0 | 1 => self.text(depth),
            2 => self.number(depth),
            3 => self.instant(),
            _ => self.bool_field(),
        }
    }

    fn comparison(&mut self, depth: usize) -> Expression {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let operator = self.pick(&[Equal, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual]);
        let (left, right) = match self.below(9) {
            0..=2 => (self.text(depth), self.text(depth)),
            3 | 4 => (self.number(depth), self.number(depth)),
            5 => (self.instant(), self.instant()),
            6 => return binary(self.pick(&[Equal, NotEqual]), self.bool_field(), self.bool_field()),
            7 => (self.text(depth), Expression::Value(Value::Null)),
            _ => {
                let condition = if depth == 0 { self.bool_field() } else { self.condition(depth - 1) };
                let value = Expression::Value(Value::Bool(self.below(2) == 0));
                return binary(self.pick(&[Equal, NotEqual]), condition, value);
            }
        };
        binary(operator, left, right)
    }

    fn one_of(&mut self, depth: usize) -> Expression {
        let texts = self.below(2) == 0;
        let mut values = Vec::new();
        for _ in 0..=self.below(3) {
            values.push(match self.below(6) {
                0 => Expression::Value(Value::Null),
                1 => {
                    if texts {
                        self.text(depth)
                    } else {
                        self.number(depth)
                    }
                }
                _ => {
                    if texts {
                        self.literal_text()
                    } else {
                        self.literal_number()
                    }
                }
            });
        }
        let needle = if texts { self.text(depth) } else { self.number(depth) };
        Expression::In(Box::new(needle), values)
    }

    fn quantified(&mut self, depth: usize) -> Expression {
        let Some((items, kind)) = self.items() else { return self.comparison(depth) };
        let variable = Variable(self.variables.len() as u8);
        self.variables.push(kind);
        let condition = (self.below(6) > 0).then(|| Box::new(self.condition(depth)));
        self.variables.pop();
        let quantifier = if self.below(2) == 0 { Quantifier::Any } else { Quantifier::All };
        Expression::Quantified { quantifier, items, variable, condition }
    }

    fn items(&mut self) -> Option<(Items, Kind)> {
        let (variable, kind) = self.variable();
        let array = |field| Some((Items::Array(variable, field), Kind::Item));
        match kind {
            Kind::Group if self.below(2) == 0 => Some((Items::Related(variable, Relation::Members), Kind::Connector)),
            Kind::Group => Some((Items::Related(variable, Relation::Applications), Kind::Application)),
            Kind::Application => {
                let part = part(&[self.pick(&["tags", "items"])], JsonKind::Array, Value::Null);
                array(Field::Application(self.attribute(part)))
            }
            Kind::Item => {
                let path = self.pick(&[&["tags"][..], &[]]);
                array(Field::Item(part(path, JsonKind::Array, Value::Null)))
            }
            Kind::Connector => None,
        }
    }

    fn variable(&mut self) -> (Variable, Kind) {
        let index = self.below(self.variables.len());
        (Variable(index as u8), self.variables[index])
    }

    fn attribute(&mut self, part: JsonPart) -> ApplicationField {
        if self.below(2) == 0 { ApplicationField::Attribute(part) } else { ApplicationField::Publishing(part) }
    }

    fn text(&mut self, depth: usize) -> Expression {
        match self.below(if depth == 0 { 5 } else { 12 }) {
            0 => self.literal_text(),
            1..=4 => self.text_field(),
            5 => Expression::Call(Function::Concat, vec![self.text(depth - 1), self.text(depth - 1)]),
            6 => {
                let mut arguments = vec![self.text(depth - 1), self.whole(depth - 1)];
                if self.below(2) == 0 {
                    arguments.push(self.whole(depth - 1));
                }
                Expression::Call(Function::Substring, arguments)
            }
            7 => {
                let function = self.pick(&[Function::ToLower, Function::ToUpper, Function::Trim]);
                Expression::Call(function, vec![self.text(depth - 1)])
            }
            8 => Expression::Call(self.pick(&[Function::Date, Function::Time]), vec![self.instant()]),
            _ => self.related(depth - 1, Self::text),
        }
    }

    fn related(&mut self, depth: usize, value: fn(&mut Self, usize) -> Expression) -> Expression {
        let (from, kind) = self.variable();
        let relation = match kind {
            Kind::Connector => Relation::GroupOfConnector,
            Kind::Application => Relation::GroupOfApplication,
            _ => return value(self, depth),
        };
        let variable = Variable(self.variables.len() as u8);
        self.variables.push(Kind::Group);
        let value = Box::new(value(self, depth));
        self.variables.pop();
        Expression::Related { from, relation, variable, value }
    }

    fn literal_text(&mut self) -> Expression {
        let texts = [
            "",
            "wiki",
            "WIKI 100%",
            "%",
            "_",
            "ärger",
            "ÄRG",
            "srv",
            "Default",
            "red",
            "x",
            "1.",
            "active",
            "EUR",
            "https://app",
            "' OR 1=1 --",
            "\\",
            "note",
            "2026-01-31",
            "12:30:00.25",
            "sign_in",
        ];
        Expression::Value(Value::Text(self.pick(&texts).to_owned()))
    }

    fn text_field(&mut self) -> Expression {
        use ApplicationField as A;
        use ConnectorField as C;
        use ConnectorGroupField as G;
        let (variable, kind) = self.variable();
        let field = match kind {
            Kind::Group => Field::ConnectorGroup(self.pick(&[G::Id, G::Name, G::Region, G::Name])),
            Kind::Connector => Field::Connector(self.pick(&[
                C::Id,
                C::MachineName,
                C::ExternalIp,
                C::Status,
                C::Version,
                C::ConnectorGroup,
            ])),
            Kind::Application if self.below(3) == 0 => {
                let default = self.pick(&[Value::Null, Value::Text("Wiki".to_owned())]);
                let path = self.pick(&[&["notes"][..], &["web", "home"], &["nosuch"]]);
                Field::Application(self.attribute(part(path, JsonKind::Text, default)))
            }
            Kind::Application => Field::Application(self.pick(&[
                A::Id,
                A::AppId,
                A::DisplayName,
                A::DisplayName,
                A::ExternalUrl,
                A::InternalUrl,
                A::ConnectorGroup,
                A::PreAuthentication,
                A::Timeout,
            ])),
            Kind::Item => Field::Item(part(self.pick(&[&[][..], &["name"]]), JsonKind::Text, Value::Null)),
        };
        Expression::Field(variable, field)
    }

    fn bool_field(&mut self) -> Expression {
        let (variable, kind) = self.variable();
        let field = match kind {
            Kind::Group => Field::ConnectorGroup(ConnectorGroupField::IsDefault),
            Kind::Connector => return self.comparison_of_status(variable),
            Kind::Application if self.below(3) == 0 => Field::Application(ApplicationField::IsPublished),
            Kind::Application => {
                let default = self.pick(&[Value::Null, Value::Bool(true)]);
                Field::Application(self.attribute(part(&["flag"], JsonKind::Bool, default)))
            }
            Kind::Item => Field::Item(part(&["flag"], JsonKind::Bool, Value::Bool(false))),
        };
        Expression::Field(variable, field)
    }

    fn comparison_of_status(&mut self, variable: Variable) -> Expression {
        let status = Expression::Field(variable, Field::Connector(ConnectorField::Status));
        binary(Operator::Equal, status, Expression::Value(Value::Text("Active".to_owned())))
    }

    fn number(&mut self, depth: usize) -> Expression {
        use Operator::{Add, Divide, DivideBy, Modulo, Multiply, Subtract};
        if depth == 0 || self.below(3) == 0 {
            return if self.below(3) == 0 { self.literal_number() } else { self.number_field() };
        }
        match self.below(6) {
            0 => Expression::Negate(Box::new(self.number(depth - 1))),
            1 => {
                let function = self.pick(&[Function::Round, Function::Floor, Function::Ceiling]);
                Expression::Call(function, vec![self.number(depth - 1)])
            }
            2 => self.whole(depth - 1),
            3 => self.related(depth - 1, Self::number),
            _ => {
                let operator = self.pick(&[Add, Subtract, Multiply, Divide, DivideBy, Modulo]);
                binary(operator, self.number(depth - 1), self.number(depth - 1))
            }
        }
    }

    fn whole(&mut self, depth: usize) -> Expression {
        match self.below(5) {
            0 => Expression::Call(Function::Length, vec![self.text(depth)]),
            1 => Expression::Call(Function::IndexOf, vec![self.text(depth), self.text(depth)]),
            2 => {
                use Function::{Day, Hour, Minute, Month, Second, Year};
                Expression::Call(self.pick(&[Year, Month, Day, Hour, Minute, Second]), vec![self.instant()])
            }
            3 => match self.items() {
                Some((items, _)) => Expression::Count(items),
                None => Expression::Value(Value::Integer(2)),
            },
            _ => Expression::Value(Value::Integer(self.below(8) as i64 - 2)),
        }
    }

    fn literal_number(&mut self) -> Expression {
        Expression::Value(match self.below(2) {
            0 => Value::Integer(self.below(12) as i64 - 4),
            _ => Value::Number(self.pick(&[0.0, 2.5, -0.5, 0.25, 3.0, -7.75])),
        })
    }

    fn number_field(&mut self) -> Expression {
        let (variable, kind) = self.variable();
        let field = match kind {
            Kind::Group => Field::ConnectorGroup(ConnectorGroupField::Revision),
            Kind::Connector => Field::Connector(ConnectorField::Revision),
            Kind::Application => {
                let default = self.pick(&[Value::Null, Value::Integer(3)]);
                let part = match self.below(4) {
                    3 => {
                        let setting =
                            ApplicationField::Setting(part(&["upstream_times", "idle"], JsonKind::Integer, default));
                        return Expression::Field(variable, Field::Application(setting));
                    }
                    0 => return Expression::Field(variable, Field::Application(ApplicationField::Revision)),
                    1 => part(&["count"], JsonKind::Integer, default),
                    _ => part(&["ratio"], JsonKind::Number, default),
                };
                Field::Application(self.attribute(part))
            }
            Kind::Item => Field::Item(part(&["size"], JsonKind::Integer, Value::Null)),
        };
        Expression::Field(variable, field)
    }

    fn instant(&mut self) -> Expression {
        let (variable, kind) = self.variable();
        let field = match kind {
            Kind::Application if self.below(3) == 0 => Field::Application(ApplicationField::Created),
            Kind::Application => {
                let default = self.pick(&[Value::Null, Value::Instant("2026-01-31T23:59:59Z".parse().unwrap())]);
                Field::Application(self.attribute(part(&["at"], JsonKind::Instant, default)))
            }
            Kind::Item => Field::Item(part(&["at"], JsonKind::Instant, Value::Null)),
            _ => {
                let moments = ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00.5Z", "2025-06-30T12:30:00.25Z"];
                return Expression::Value(Value::Instant(self.pick(&moments).parse().unwrap()));
            }
        };
        Expression::Field(variable, field)
    }
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}

fn part(path: &[&str], kind: JsonKind, default: Value) -> JsonPart {
    JsonPart { path: path.iter().map(|name| (*name).to_owned()).collect(), kind, default }
}
