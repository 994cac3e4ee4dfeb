//! The query string of a request, against several entity types. What is a query of a type is also grammatical; it finds
//! some of the entities there are, the same ones again among those, and in an order that does not depend on theirs.

use adit_graph::MODEL;
use adit_odata::expression::Expression;
use adit_odata::query::{self, Query};
use adit_odata::{EntityType, QueryOptions, memory};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::directory::entities;

/// The types that are asked.
const ASKED: [&str; 6] =
    ["application", "connectorGroup", "connector", "servicePrincipal", "appRoleAssignment", "directoryAudit"];

/// Takes the query string of a request.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(options) = QueryOptions::parse(text).inspect_err(crate::check_message) else { return };
    for name in ASKED {
        let Some(on) = MODEL.entity_type(&format!("{}.{name}", MODEL.namespace)) else { panic!("no type {name}") };
        let Ok(query) = Query::parse(&options, on, &MODEL).inspect_err(crate::check_message) else { continue };
        assert_eq!(query::syntax(&options), Ok(()), "what has a meaning is grammatical");
        check(query.at(Timestamp::UNIX_EPOCH), on);
    }
}

fn check(query: Query, on: &'static EntityType) {
    // A text that context URLs repeat.
    drop(query.describe());
    let all = entities(on);
    let found = memory::evaluate(&query, on, all.to_vec());
    assert!(found.iter().all(|entity| all.contains(entity)), "only what there is can be found");
    assert_eq!(memory::evaluate(&query, on, found.clone()), found, "what was found is found again");
    check_order(&query, on, all, &found);
    if let Some(filter) = query.filter {
        check_opposite(filter, all);
    }
    for expansion in query.expand {
        check(expansion.query, expansion.navigation.target);
    }
}

/// The order is a total one; without one, everything stays where it was.
fn check_order(query: &Query, on: &'static EntityType, all: &[Map<String, Value>], found: &[Map<String, Value>]) {
    let mut turned = memory::evaluate(query, on, all.iter().rev().cloned().collect());
    if query.orderby.is_empty() {
        turned.reverse();
    }
    assert_eq!(turned, found, "an order says where each entity is");
}

/// Nothing satisfies a condition and its opposite.
fn check_opposite(condition: Expression, all: &[Map<String, Value>]) {
    let satisfying: Vec<bool> = all.iter().map(|entity| memory::holds(&condition, entity)).collect();
    let opposite = Expression::Not(Box::new(condition));
    let both = |(satisfies, entity): (bool, &Map<String, Value>)| satisfies && memory::holds(&opposite, entity);
    assert!(!satisfying.into_iter().zip(all).any(both), "a condition and its opposite");
}
