//! Evaluates expressions in memory, in the plainest way: what the database must agree with.

use adit_core::name::fold;
use adit_core::query::{
    ApplicationField, ConnectorField, ConnectorGroupField, Expression, Field, Function, Items, JsonKind, JsonPart,
    Operator, Quantifier, Relation, Value, Variable,
};
use adit_core::{Application, Connector, ConnectorGroup, Region};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::world::World;

#[derive(Clone, Copy)]
pub(super) enum Object<'w> {
    Group(&'w ConnectorGroup),
    Connector(&'w Connector),
    Application(&'w Application),
    Item(&'w Json),
}

pub(super) struct Evaluation<'w> {
    pub(super) world: &'w World,
    pub(super) variables: Vec<(Variable, Object<'w>)>,
}

impl<'w> Evaluation<'w> {
    pub(super) fn of(world: &'w World, object: Object<'w>) -> Self {
        Self { world, variables: vec![(Variable(0), object)] }
    }

    pub(super) fn holds(&mut self, expression: &Expression) -> bool {
        self.value(expression) == Value::Bool(true)
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Value {
        match expression {
            Expression::Value(value) => value.clone(),
            Expression::Field(variable, field) => field_of(self.object(*variable), field),
            Expression::Not(inner) => Value::Bool(!self.holds(inner)),
            Expression::Negate(inner) => match self.value(inner) {
                Value::Integer(number) => Value::Integer(-number),
                Value::Number(number) => Value::Number(-number),
                _ => Value::Null,
            },
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::In(needle, values) => {
                let all: Vec<&Expression> = std::iter::once(&**needle).chain(values).collect();
                let folding = folding(&all);
                let needle = self.value(needle);
                Value::Bool(values.iter().any(|value| equal(&needle, &self.value(value), folding)))
            }
            Expression::Call(function, arguments) => {
                let folding = folding(&arguments.iter().collect::<Vec<_>>());
                let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument)).collect();
                if values.contains(&Value::Null) { Value::Null } else { call(*function, &values, folding) }
            }
            Expression::Quantified { quantifier, items, variable, condition } => {
                let items = self.items(items);
                let mut holds = |item: &Object<'w>| {
                    self.variables.push((*variable, *item));
                    let holds = condition.as_ref().is_none_or(|condition| self.holds(condition));
                    self.variables.pop();
                    holds
                };
                Value::Bool(match quantifier {
                    Quantifier::Any => items.iter().any(&mut holds),
                    Quantifier::All => items.iter().all(&mut holds),
                })
            }
            Expression::Count(items) => Value::Integer(self.items(items).len() as i64),
            Expression::Related { from, relation, variable, value } => {
                let Some(target) = self.related(*from, *relation).first().copied() else { return Value::Null };
                self.variables.push((*variable, target));
                let value = self.value(value);
                self.variables.pop();
                value
            }
        }
    }

    fn object(&self, variable: Variable) -> Object<'w> {
        self.variables.iter().rev().find(|(bound, _)| *bound == variable).unwrap().1
    }

    fn binary(&mut self, operator: Operator, left: &Expression, right: &Expression) -> Value {
        let folding = folding(&[left, right]);
        match operator {
            Operator::Or => return Value::Bool(self.holds(left) || self.holds(right)),
            Operator::And => return Value::Bool(self.holds(left) && self.holds(right)),
            _ => {}
        }
        let (left, right) = (self.value(left), self.value(right));
        let ordered =
            |wanted: fn(std::cmp::Ordering) -> bool| Value::Bool(order(&left, &right, folding).is_some_and(wanted));
        match operator {
            Operator::Equal => Value::Bool(equal(&left, &right, folding)),
            Operator::NotEqual => Value::Bool(!equal(&left, &right, folding)),
            Operator::Greater => ordered(std::cmp::Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Operator::Less => ordered(std::cmp::Ordering::is_lt),
            Operator::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            operator => arithmetic(operator, &left, &right),
        }
    }

    fn items(&self, items: &Items) -> Vec<Object<'w>> {
        match items {
            Items::Related(from, relation) => self.related(*from, *relation),
            Items::Array(variable, field) => {
                let (document, part) = document_of(self.object(*variable), field);
                let found = document.and_then(|document| at(document, &part.path));
                found.and_then(Json::as_array).into_iter().flatten().map(Object::Item).collect()
            }
        }
    }

    fn related(&self, from: Variable, relation: Relation) -> Vec<Object<'w>> {
        let world = self.world;
        match (relation, self.object(from)) {
            (Relation::Members, Object::Group(group)) => {
                let members = world.connectors.iter().filter(|connector| connector.connector_group == group.id);
                members.map(Object::Connector).collect()
            }
            (Relation::Applications, Object::Group(group)) => {
                let assigned = world.applications.iter().filter(|app| app.connector_group() == Some(group.id));
                assigned.map(Object::Application).collect()
            }
            (Relation::GroupOfConnector, Object::Connector(connector)) => {
                let found = world.groups.iter().filter(|group| group.id == connector.connector_group);
                found.map(Object::Group).collect()
            }
            (Relation::GroupOfApplication, Object::Application(application)) => {
                let found = world.groups.iter().filter(|group| Some(group.id) == application.connector_group());
                found.map(Object::Group).collect()
            }
            _ => unreachable!("{relation:?}"),
        }
    }
}

/// Whether all texts that are compared with each other are folded with all letters, or with the ASCII ones only.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Folding {
    Full,
    Ascii,
}

pub(super) fn folding(expressions: &[&Expression]) -> Folding {
    if expressions.iter().all(|expression| is_folded(expression)) { Folding::Full } else { Folding::Ascii }
}

fn is_folded(expression: &Expression) -> bool {
    match expression {
        Expression::Field(_, field) => !matches!(
            field,
            Field::Application(
                ApplicationField::ExternalUrl
                    | ApplicationField::InternalUrl
                    | ApplicationField::PreAuthentication
                    | ApplicationField::Timeout
                    | ApplicationField::Attribute(JsonPart { kind: JsonKind::Text, .. })
                    | ApplicationField::Publishing(JsonPart { kind: JsonKind::Text, .. })
                    | ApplicationField::Setting(JsonPart { kind: JsonKind::Text, .. })
            ) | Field::Connector(ConnectorField::ExternalIp | ConnectorField::Version)
                | Field::Item(JsonPart { kind: JsonKind::Text, .. })
        ),
        Expression::Call(Function::Concat, arguments) => arguments.iter().all(is_folded),
        Expression::Call(Function::Substring | Function::ToLower | Function::ToUpper | Function::Trim, arguments) => {
            is_folded(&arguments[0])
        }
        Expression::Related { value, .. } => is_folded(value),
        _ => true,
    }
}

pub(super) fn folded(text: &str, folding: Folding) -> String {
    match folding {
        Folding::Full => fold(text),
        Folding::Ascii => text.to_ascii_lowercase(),
    }
}

fn equal(left: &Value, right: &Value, folding: Folding) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        _ => order(left, right, folding).is_some_and(std::cmp::Ordering::is_eq),
    }
}

fn order(left: &Value, right: &Value, folding: Folding) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(folded(left, folding).cmp(&folded(right, folding))),
        (Value::Instant(left), Value::Instant(right)) => Some(left.cmp(right)),
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Value {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        return match operator {
            Operator::Add => Value::Integer(left + right),
            Operator::Subtract => Value::Integer(left - right),
            Operator::Multiply => Value::Integer(left * right),
            _ if *right == 0 => Value::Null,
            Operator::Divide => Value::Integer(left / right),
            Operator::Modulo => Value::Integer(left % right),
            _ => Value::Number(*left as f64 / *right as f64),
        };
    }
    let (Some(left), Some(right)) = (number(left), number(right)) else { return Value::Null };
    match operator {
        Operator::Add => Value::Number(left + right),
        Operator::Subtract => Value::Number(left - right),
        Operator::Multiply => Value::Number(left * right),
        _ if right == 0.0 => Value::Null,
        Operator::Modulo => Value::Number(left - right * (left / right).trunc()),
        _ => Value::Number(left / right),
    }
}

fn call(function: Function, values: &[Value], folding: Folding) -> Value {
    let text = |index: usize| match &values[index] {
        Value::Text(text) => text.clone(),
        other => unreachable!("{other:?}"),
    };
    let compared = |index: usize| folded(&text(index), folding);
    let whole = |index: usize| match values[index] {
        Value::Integer(number) => usize::try_from(number).unwrap_or(0),
        _ => unreachable!(),
    };
    let rounded = |round: fn(f64) -> f64| match values[0] {
        Value::Number(number) => Value::Number(round(number)),
        ref other => other.clone(),
    };
    let civil = || match values[0] {
        Value::Instant(at) => TimeZone::UTC.to_datetime(at),
        _ => unreachable!(),
    };
    match function {
        Function::Contains => Value::Bool(compared(0).contains(&compared(1))),
        Function::StartsWith => Value::Bool(compared(0).starts_with(&compared(1))),
        Function::EndsWith => Value::Bool(compared(0).ends_with(&compared(1))),
        Function::Length => Value::Integer(text(0).chars().count() as i64),
        Function::IndexOf => {
            let found = compared(0).find(&compared(1)).map(|byte| compared(0)[..byte].chars().count() as i64);
            Value::Integer(found.unwrap_or(-1))
        }
        Function::Substring => {
            let length = if values.len() > 2 { whole(2) } else { usize::MAX };
            Value::Text(text(0).chars().skip(whole(1)).take(length).collect())
        }
        Function::ToLower | Function::ToUpper => Value::Text(text(0)),
        Function::Trim => Value::Text(text(0).trim().to_owned()),
        Function::Concat => Value::Text(text(0) + &text(1)),
        Function::Year => Value::Integer(civil().year().into()),
        Function::Month => Value::Integer(civil().month().into()),
        Function::Day => Value::Integer(civil().day().into()),
        Function::Hour => Value::Integer(civil().hour().into()),
        Function::Minute => Value::Integer(civil().minute().into()),
        Function::Second => Value::Integer(civil().second().into()),
        Function::FractionalSeconds => Value::Number(f64::from(civil().subsec_nanosecond()) / 1e9),
        Function::Date => Value::Text(civil().date().to_string()),
        Function::Time => Value::Text(civil().time().to_string()),
        Function::Round => rounded(f64::round),
        Function::Floor => rounded(f64::floor),
        Function::Ceiling => rounded(f64::ceil),
    }
}

fn field_of(object: Object<'_>, field: &Field) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    match (object, field) {
        (Object::Group(group), Field::ConnectorGroup(field)) => match field {
            ConnectorGroupField::Id => text(&group.id.to_string()),
            ConnectorGroupField::Name => text(group.name.as_str()),
            ConnectorGroupField::Region => group.region.map(Region::as_str).map_or(Value::Null, text),
            ConnectorGroupField::IsDefault => Value::Bool(group.is_default()),
            ConnectorGroupField::Revision => Value::Integer(group.revision.0 as i64),
        },
        (Object::Connector(connector), Field::Connector(field)) => match field {
            ConnectorField::Id => text(&connector.id.to_string()),
            ConnectorField::MachineName => text(connector.machine_name.as_str()),
            ConnectorField::ExternalIp => text(&connector.external_ip),
            ConnectorField::Status => text(connector.status.as_str()),
            ConnectorField::Version => text(&connector.version),
            ConnectorField::ConnectorGroup => text(&connector.connector_group.to_string()),
            ConnectorField::Revision => Value::Integer(connector.revision.0 as i64),
        },
        (Object::Application(application), Field::Application(field)) => application_field(application, field),
        (Object::Item(item), Field::Item(part)) => part_of(Some(item), part),
        _ => unreachable!("{field:?}"),
    }
}

fn application_field(application: &Application, field: &ApplicationField) -> Value {
    let published = application.publishing();
    let text = |text: String| Value::Text(text);
    let of_publishing = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    match field {
        ApplicationField::Id => text(application.id.to_string()),
        ApplicationField::AppId => text(application.app_id.to_string()),
        ApplicationField::DisplayName => text(application.display_name.to_string()),
        ApplicationField::Created => Value::Instant(application.created),
        ApplicationField::Deleted => Value::Null,
        ApplicationField::ExternalUrl => of_publishing(published.map(|it| it.external_url.to_string())),
        ApplicationField::InternalUrl => of_publishing(published.map(|it| it.internal_url.to_string())),
        ApplicationField::IsPublished => Value::Bool(published.is_some()),
        ApplicationField::ConnectorGroup => of_publishing(application.connector_group().map(|id| id.to_string())),
        ApplicationField::Revision => Value::Integer(application.revision.0 as i64),
        ApplicationField::Setting(part) => match published.map(|it| serde_json::to_value(it).unwrap()) {
            Some(stored) => part_of_found(at(&stored, &part.path), part),
            None => Value::Null,
        },
        ApplicationField::PreAuthentication => of_publishing(published.map(|it| word(&it.pre_authentication))),
        ApplicationField::HostHeader => of_publishing(published.map(|it| word(&it.host_header))),
        ApplicationField::UpstreamCertificate => of_publishing(published.map(|it| word(&it.upstream_certificate))),
        ApplicationField::Timeout => of_publishing(published.map(|it| word(&it.timeout))),
        ApplicationField::Attribute(part) => {
            let found = application.attributes.get(&part.path[0]).and_then(|json| at(json, &part.path[1..]));
            part_of_found(found, part)
        }
        ApplicationField::Publishing(part) => {
            let Some(published) = published else { return Value::Null };
            let found = published.attributes.get(&part.path[0]).and_then(|json| at(json, &part.path[1..]));
            part_of_found(found, part)
        }
    }
}

/// The document and the part of it; of attributes the first name is gone already.
fn document_of<'w>(object: Object<'w>, field: &Field) -> (Option<&'w Json>, JsonPart) {
    let rest = |part: &JsonPart| JsonPart { path: part.path[1..].to_vec(), ..part.clone() };
    match (object, field) {
        (Object::Application(application), Field::Application(ApplicationField::Attribute(part))) => {
            (application.attributes.get(&part.path[0]), rest(part))
        }
        (Object::Application(application), Field::Application(ApplicationField::Publishing(part))) => {
            let found = application.publishing().and_then(|published| published.attributes.get(&part.path[0]));
            (found, rest(part))
        }
        (Object::Item(item), Field::Item(part)) => (Some(item), part.clone()),
        _ => unreachable!("{field:?}"),
    }
}

fn word(setting: &impl serde::Serialize) -> String {
    serde_json::to_value(setting).unwrap().as_str().unwrap().to_owned()
}

fn at<'j>(json: &'j Json, path: &[String]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, name| json.as_object()?.get(name))
}

fn part_of(document: Option<&Json>, part: &JsonPart) -> Value {
    part_of_found(document.and_then(|document| at(document, &part.path)), part)
}

fn part_of_found(found: Option<&Json>, part: &JsonPart) -> Value {
    let found = found.and_then(|json| match part.kind {
        JsonKind::Text => json.as_str().map(|text| Value::Text(text.to_owned())),
        JsonKind::Bool => json.as_bool().map(Value::Bool),
        JsonKind::Integer => json.as_i64().map(Value::Integer),
        JsonKind::Number => json.as_f64().map(Value::Number),
        JsonKind::Instant => moment(json.as_str()?).map(Value::Instant),
        JsonKind::Array => None,
    });
    match (found.unwrap_or_else(|| part.default.clone()), part.kind) {
        (Value::Integer(number), JsonKind::Number) => Value::Number(number as f64),
        (value, _) => value,
    }
}

/// What is behind the ninth digit is left out.
fn moment(text: &str) -> Option<Timestamp> {
    let digits = text.find('.').map_or(0, |dot| text[dot + 1..].chars().take_while(char::is_ascii_digit).count());
    let text = if digits > 9 {
        let dot = text.find('.').unwrap();
        format!("{}{}", &text[..dot + 10], &text[dot + 1 + digits..])
    } else {
        text.to_owned()
    };
    text.parse().ok()
}
