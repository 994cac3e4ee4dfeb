//! From a checked `$filter` to a condition on fields of the directory.

use adit_core::query::{Comparison, Filter, TextMatch, Value};
use adit_odata::filter::{Comparison as ODataComparison, Literal, PropertyPath, TextFunction};
use adit_odata::{EntityType, Filter as ODataFilter};

use crate::error::GraphError;

/// Which field a property path is; `None` for what cannot be asked.
pub(crate) type Fields<F> = fn(&str) -> Option<F>;

/// Parses the text of a `$filter` on entities of the type `on`.
pub(crate) fn parse<F: Copy>(text: &str, on: &'static EntityType, fields: Fields<F>) -> Result<Filter<F>, GraphError> {
    convert(ODataFilter::parse(text, on)?, fields)
}

fn convert<F: Copy>(filter: ODataFilter, fields: Fields<F>) -> Result<Filter<F>, GraphError> {
    let boxed = |inner: Box<ODataFilter>| convert(*inner, fields).map(Box::new);
    match filter {
        ODataFilter::And(left, right) => Ok(Filter::And(boxed(left)?, boxed(right)?)),
        ODataFilter::Or(left, right) => Ok(Filter::Or(boxed(left)?, boxed(right)?)),
        ODataFilter::Not(inner) => Ok(Filter::Not(boxed(inner)?)),
        ODataFilter::Compare { path, comparison, value } => {
            Ok(Filter::Compare { field: field(&path, fields)?, comparison: how(comparison), value: literal(value) })
        }
        ODataFilter::In { path, values } => one_of(field(&path, fields)?, values),
        ODataFilter::Match { path, function, text } => {
            let matching = match function {
                TextFunction::StartsWith => TextMatch::StartsWith,
                TextFunction::EndsWith => TextMatch::EndsWith,
                TextFunction::Contains => TextMatch::Contains,
            };
            Ok(Filter::Text { field: field(&path, fields)?, matching, text })
        }
    }
}

fn field<F>(path: &PropertyPath, fields: Fields<F>) -> Result<F, GraphError> {
    let name = path.name();
    fields(&name).ok_or_else(|| {
        GraphError::unsupported_query(format!("The request uses a filter property that is not indexed: '{name}'."))
    })
}

fn one_of<F: Copy>(field: F, values: Vec<Literal>) -> Result<Filter<F>, GraphError> {
    let equals = values.into_iter().map(|value| Filter::equal(field, literal(value)));
    equals
        .reduce(|left, right| Filter::Or(Box::new(left), Box::new(right)))
        .ok_or_else(|| GraphError::bad_request("Invalid filter clause: 'in' needs at least one value."))
}

const fn how(comparison: ODataComparison) -> Comparison {
    match comparison {
        ODataComparison::Equal => Comparison::Equal,
        ODataComparison::NotEqual => Comparison::NotEqual,
        ODataComparison::Greater => Comparison::Greater,
        ODataComparison::GreaterOrEqual => Comparison::GreaterOrEqual,
        ODataComparison::Less => Comparison::Less,
        ODataComparison::LessOrEqual => Comparison::LessOrEqual,
    }
}

fn literal(literal: Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Boolean(truth) => Value::Bool(truth),
        Literal::Text(text) | Literal::Number(text) => Value::Text(text),
        Literal::Member(member) => Value::Text(member.to_owned()),
    }
}
