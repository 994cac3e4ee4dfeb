//! Checks an unchecked tree against an entity type: every property exists, every value fits its type, and the whole is
//! a condition.

use super::lexer::is_guid;
use super::parser::{Constant, Node, NodeKind};
use super::{Comparison, Filter, FilterError, Literal, Problem, PropertyPath, TextFunction};
use crate::model::{EntityType, Property, Type, find_property};

/// Makes a condition of `node`.
pub(super) fn condition(node: &Node, on: &'static EntityType) -> Result<Filter, FilterError> {
    let boxed = |node: &Node| condition(node, on).map(Box::new);
    match &node.kind {
        NodeKind::Or(left, right) => Ok(Filter::Or(boxed(left)?, boxed(right)?)),
        NodeKind::And(left, right) => Ok(Filter::And(boxed(left)?, boxed(right)?)),
        NodeKind::Not(inner) => Ok(Filter::Not(boxed(inner)?)),
        NodeKind::Compare(how, left, right) => comparison(*how, left, right, on),
        NodeKind::In(left, values) => one_of(left, values, on),
        NodeKind::Call(name, arguments) => call(name, arguments, node.position, on),
        NodeKind::Path(_) => boolean_property(node, on),
        NodeKind::Literal(_) => Err(not_a_condition(node)),
    }
}

fn comparison(how: Comparison, left: &Node, right: &Node, on: &'static EntityType) -> Result<Filter, FilterError> {
    match (&left.kind, &right.kind) {
        (NodeKind::Path(_), NodeKind::Literal(constant)) => compare(left, how, constant, right, on),
        (NodeKind::Literal(constant), NodeKind::Path(_)) => compare(right, mirrored(how), constant, left, on),
        (_, NodeKind::Literal(Constant::Boolean(wanted))) => truth(how, left, *wanted, right, on),
        (NodeKind::Literal(Constant::Boolean(wanted)), _) => truth(how, right, *wanted, left, on),
        (NodeKind::Path(_), NodeKind::Path(_)) => {
            Err(FilterError::at(right.position, Problem::Unsupported("a comparison of two properties")))
        }
        _ => Err(not_a_condition(right)),
    }
}

/// `startswith(name,'a') eq true`, as several clients write it.
fn truth(
    how: Comparison,
    inner: &Node,
    wanted: bool,
    constant: &Node,
    on: &'static EntityType,
) -> Result<Filter, FilterError> {
    let holds = match how {
        Comparison::Equal => wanted,
        Comparison::NotEqual => !wanted,
        _ => return Err(not_a_condition(constant)),
    };
    let inner = condition(inner, on)?;
    Ok(if holds { inner } else { Filter::Not(Box::new(inner)) })
}

const fn mirrored(how: Comparison) -> Comparison {
    match how {
        Comparison::Equal | Comparison::NotEqual => how,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
    }
}

fn compare(
    path: &Node,
    comparison: Comparison,
    constant: &Constant,
    at: &Node,
    on: &'static EntityType,
) -> Result<Filter, FilterError> {
    let (path, property) = resolve(path, on)?;
    let value = fit(property, constant, at.position)?;
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let ordered = matches!(property.kind, Type::String | Type::Guid | Type::Int32 | Type::DateTimeOffset);
    if !equality && (!ordered || value == Literal::Null) {
        return Err(FilterError::at(at.position, Problem::Unsupported("an order between these values")));
    }
    Ok(Filter::Compare { path, comparison, value })
}

fn one_of(left: &Node, values: &[Node], on: &'static EntityType) -> Result<Filter, FilterError> {
    let (path, property) = resolve(left, on)?;
    let values = values
        .iter()
        .map(|value| match &value.kind {
            NodeKind::Literal(constant) => fit(property, constant, value.position),
            _ => Err(unexpected(value, "a value")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Filter::In { path, values })
}

fn call(name: &str, arguments: &[Node], position: usize, on: &'static EntityType) -> Result<Filter, FilterError> {
    let function = match name.to_ascii_lowercase().as_str() {
        "startswith" => TextFunction::StartsWith,
        "endswith" => TextFunction::EndsWith,
        "contains" => TextFunction::Contains,
        _ => return Err(FilterError::at(position, Problem::UnknownFunction(name.chars().take(60).collect()))),
    };
    let [subject, text] = arguments else {
        let found = format!("{} arguments", arguments.len());
        return Err(FilterError::at(position, Problem::Unexpected { expected: "a property and a string", found }));
    };
    let (path, property) = resolve(subject, on)?;
    let NodeKind::Literal(Constant::Text(text)) = &text.kind else {
        return Err(unexpected(text, "a string"));
    };
    if !matches!(property.kind, Type::String | Type::Guid) {
        return Err(unexpected(subject, "a property that is a string"));
    }
    Ok(Filter::Match { path, function, text: text.clone() })
}

fn boolean_property(node: &Node, on: &'static EntityType) -> Result<Filter, FilterError> {
    let (path, property) = resolve(node, on)?;
    if !matches!(property.kind, Type::Boolean) {
        return Err(not_a_condition(node));
    }
    Ok(Filter::Compare { path, comparison: Comparison::Equal, value: Literal::Boolean(true) })
}

/// Finds the property that a path names.
fn resolve(node: &Node, on: &'static EntityType) -> Result<(PropertyPath, &'static Property), FilterError> {
    let NodeKind::Path(names) = &node.kind else { return Err(unexpected(node, "a property")) };
    let (mut properties, mut owner) = (on.properties, on.name);
    let mut found: Vec<&'static Property> = Vec::new();
    for name in names {
        let unknown = || Problem::UnknownProperty { name: name.chars().take(100).collect(), on: owner };
        let property = find_property(properties, name).ok_or_else(|| FilterError::at(node.position, unknown()))?;
        found.push(property);
        (properties, owner) = (property.kind.properties(), property.kind.name().unwrap_or(property.name));
    }
    match found.last().copied() {
        Some(property) => Ok((PropertyPath(found), property)),
        None => Err(unexpected(node, "a property")),
    }
}

/// The literal as a value of the property's type.
fn fit(property: &'static Property, constant: &Constant, position: usize) -> Result<Literal, FilterError> {
    let literal = match (&property.kind, constant) {
        (_, Constant::Null) => Some(Literal::Null),
        (Type::String, Constant::Text(text)) => Some(Literal::Text(text.clone())),
        // A text that is no UUID equals no id; that is an answer, not an error.
        (Type::Guid, Constant::Text(text)) if is_guid(text) => Some(Literal::Text(text.to_ascii_lowercase())),
        (Type::Guid, Constant::Text(text) | Constant::Guid(text)) => Some(Literal::Text(text.clone())),
        (Type::Boolean, Constant::Boolean(truth)) => Some(Literal::Boolean(*truth)),
        (Type::Int32, Constant::Number(number)) => Some(Literal::Number(number.clone())),
        (Type::DateTimeOffset, Constant::Date(date) | Constant::Text(date)) => instant(date).map(Literal::Text),
        (Type::Enum(kind), Constant::Text(word)) => kind.find(word).map(Literal::Member),
        _ => None,
    };
    literal.ok_or_else(|| {
        let expected = property.kind.describe();
        FilterError::at(
            position,
            Problem::WrongType { property: property.name.to_owned(), found: shown(constant), expected },
        )
    })
}

/// A date and time in UTC; a date alone is its midnight. `None` for what is in no calendar, which would otherwise be
/// compared as text and find the wrong entities.
fn instant(text: &str) -> Option<String> {
    let at: jiff::Timestamp = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok()?;
    Some(at.to_string())
}

fn shown(constant: &Constant) -> String {
    match constant {
        Constant::Null => "null".to_owned(),
        Constant::Boolean(truth) => truth.to_string(),
        Constant::Text(text) => format!("the string '{}'", text.chars().take(60).collect::<String>()),
        Constant::Number(text) | Constant::Guid(text) | Constant::Date(text) => format!("'{text}'"),
    }
}

fn not_a_condition(node: &Node) -> FilterError {
    unexpected(node, "a condition")
}

fn unexpected(node: &Node, expected: &'static str) -> FilterError {
    let found = match &node.kind {
        NodeKind::Literal(constant) => shown(constant),
        NodeKind::Path(names) => format!("'{}'", names.join("/").chars().take(60).collect::<String>()),
        NodeKind::Call(name, _) => format!("'{}(...)'", name.chars().take(60).collect::<String>()),
        _ => "an expression".to_owned(),
    };
    FilterError::at(node.position, Problem::Unexpected { expected, found })
}
