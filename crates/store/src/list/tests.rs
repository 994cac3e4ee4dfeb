//! Lists answer as a plain evaluation in memory does, page after page, and find their place by index.

mod evaluate;
mod extreme;
mod generate;
mod plan;
mod world;

use adit_core::query::{
    Counting, Cursor, Direction, Expression, Field, JsonKind, JsonPart, OBJECT, Operator, Order, Query, Value, Variable,
};

use self::evaluate::{Evaluation, Object};
use self::generate::{Generator, Kind};
use self::world::World;
use super::*;
use crate::application::Applications;
use crate::connector::Connectors;
use crate::connector_group::ConnectorGroups;

const FILTERS_OF_EACH: u64 = 500;
const ORDERS_OF_EACH: u64 = 80;

fn objects(world: &World, kind: Kind) -> Vec<(String, Object<'_>)> {
    match kind {
        Kind::Group => world.groups.iter().map(|it| (it.id.to_string(), Object::Group(it))).collect(),
        Kind::Connector => world.connectors.iter().map(|it| (it.id.to_string(), Object::Connector(it))).collect(),
        _ => world.applications.iter().map(|it| (it.id.to_string(), Object::Application(it))).collect(),
    }
}

async fn listed(world: &World, kind: Kind, query: &Query) -> Result<(Vec<String>, Option<Cursor>, Option<u64>), Error> {
    let store = world.store();
    Ok(match kind {
        Kind::Group => {
            let page = store.list::<ConnectorGroups>(query).await?;
            (page.items.iter().map(|it| it.id.to_string()).collect(), page.next, page.total)
        }
        Kind::Connector => {
            let page = store.list::<Connectors>(query).await?;
            (page.items.iter().map(|it| it.id.to_string()).collect(), page.next, page.total)
        }
        _ => {
            let page = store.list::<Applications>(query).await?;
            (page.items.iter().map(|it| it.id.to_string()).collect(), page.next, page.total)
        }
    })
}

#[tokio::test]
async fn what_the_database_finds_is_what_an_evaluation_in_memory_finds() {
    for world in World::on_each_engine().await {
        finds_what_an_evaluation_finds(&world).await;
    }
}

async fn finds_what_an_evaluation_finds(world: &World) {
    let mut some_but_not_all = 0;
    for kind in [Kind::Group, Kind::Connector, Kind::Application] {
        let objects = objects(world, kind);
        for seed in 1..=FILTERS_OF_EACH {
            let filter = Generator::new(seed, kind).condition(4);
            let mut expected: Vec<String> = Vec::new();
            for (id, object) in &objects {
                if Evaluation::of(world, *object).holds(&filter) {
                    expected.push(id.clone());
                }
            }
            let counting = Counting::Wanted;
            let query = Query { filter: Some(filter.clone()), limit: LARGEST_PAGE, counting, ..Query::default() };
            let (mut found, next, total) = listed(world, kind, &query).await.unwrap_or_else(|error| {
                panic!("{kind:?} {seed}: {error}\n{filter:#?}");
            });
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{kind:?} {seed}\n{filter:#?}");
            assert_eq!((next, total), (None, Some(expected.len() as u64)));
            some_but_not_all += u64::from(!expected.is_empty() && expected.len() < objects.len());
        }
    }
    assert!(some_but_not_all > FILTERS_OF_EACH / 2, "only {some_but_not_all} filters divided the objects");
}

#[tokio::test]
async fn pages_in_any_order_follow_each_other_without_gap_or_double() {
    for world in World::on_each_engine().await {
        pages_follow_each_other(&world).await;
    }
}

async fn pages_follow_each_other(world: &World) {
    for kind in [Kind::Group, Kind::Connector, Kind::Application] {
        for seed in 1..=ORDERS_OF_EACH {
            let mut generator = Generator::new(seed * 31, kind);
            let order: Vec<Order> = (0..generator.below(4))
                .map(|_| Order {
                    by: generator.key(2),
                    direction: if generator.below(2) == 0 { Direction::Ascending } else { Direction::Descending },
                })
                .collect();
            let limit = 1 + generator.below(5) as u32;
            let filter = (generator.below(2) == 0).then(|| generator.condition(1));
            let expected = in_memory(world, kind, &order, filter.as_ref());
            let mut query = Query { filter, order, limit, ..Query::default() };
            let mut found = Vec::new();
            loop {
                let (items, next, _) = listed(world, kind, &query).await.unwrap();
                assert!(next.is_none() || items.len() == limit as usize);
                found.extend(items);
                assert!(found.len() <= expected.len(), "{kind:?} {seed}\n{query:#?}");
                let Some(next) = next else { break };
                // As a client brings it back.
                let written = serde_json::to_string(&next).unwrap();
                query.after = Some(serde_json::from_str(&written).unwrap());
            }
            if query.order.is_empty() {
                found.sort_unstable();
            }
            assert_eq!(found, expected, "{kind:?} {seed}\n{query:#?}");
            skipping_gives_the_rest(world, kind, &query, &expected).await;
        }
    }
}

async fn skipping_gives_the_rest(world: &World, kind: Kind, query: &Query, expected: &[String]) {
    if query.order.is_empty() {
        return;
    }
    let query = Query { skip: 3, after: None, limit: LARGEST_PAGE, ..query.clone() };
    let (found, _, _) = listed(world, kind, &query).await.unwrap();
    assert_eq!(found, expected.get(3..).unwrap_or_default());
}

/// The ids in order. Nothing comes first; the id goes the way of the last key.
fn in_memory(world: &World, kind: Kind, order: &[Order], filter: Option<&Expression>) -> Vec<String> {
    let mut rows: Vec<(Vec<Value>, String)> = Vec::new();
    for (id, object) in objects(world, kind) {
        let mut evaluation = Evaluation::of(world, object);
        if filter.is_some_and(|filter| !evaluation.holds(filter)) {
            continue;
        }
        let keys = order.iter().map(|order| match evaluation.value(&order.by) {
            Value::Text(text) => Value::Text(evaluate::folded(&text, evaluate::folding(&[&order.by]))),
            other => other,
        });
        rows.push((keys.collect(), id));
    }
    let last = order.last().map(|order| order.direction).unwrap_or_default();
    rows.sort_by(|(left, left_id), (right, right_id)| {
        let keys = order.iter().zip(left.iter().zip(right));
        let by_keys = keys.map(|(order, (left, right))| directed(place(left, right), order.direction));
        by_keys
            .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            .then_with(|| directed(left_id.cmp(right_id), last))
    });
    rows.into_iter().map(|(_, id)| id).collect()
}

fn directed(ordering: std::cmp::Ordering, direction: Direction) -> std::cmp::Ordering {
    match direction {
        Direction::Ascending => ordering,
        Direction::Descending => ordering.reverse(),
    }
}

fn place(left: &Value, right: &Value) -> std::cmp::Ordering {
    let number = |value: &Value| match value {
        Value::Integer(number) => *number as f64,
        Value::Number(number) => *number,
        other => unreachable!("{other:?}"),
    };
    match (left, right) {
        (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
        (Value::Null, _) => std::cmp::Ordering::Less,
        (_, Value::Null) => std::cmp::Ordering::Greater,
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Instant(left), Value::Instant(right)) => left.cmp(right),
        // Zero is zero, whatever its sign.
        _ => number(left).partial_cmp(&number(right)).unwrap(),
    }
}

fn part(path: &[&str]) -> JsonPart {
    let path = path.iter().map(|name| (*name).to_owned()).collect();
    JsonPart { path, kind: JsonKind::Text, default: Value::Null }
}

fn attribute(path: &[&str]) -> Expression {
    Expression::Field(OBJECT, Field::Application(adit_core::query::ApplicationField::Attribute(part(path))))
}

fn is(left: Expression, value: Value) -> Expression {
    Expression::Binary(Operator::Equal, Box::new(left), Box::new(Expression::Value(value)))
}

#[tokio::test]
async fn a_name_that_could_change_the_path_is_refused() {
    for world in World::on_each_engine().await {
        for name in ["a\".\"b", "", "a b", "$", "a[0]", "ä", "a'", "a\\", "a-b", "a\u{0}"] {
            let query = Query { filter: Some(is(attribute(&[name]), Value::Null)), ..Query::default() };
            let refused = world.store().list_applications(&query).await.unwrap_err();
            assert!(matches!(refused, Error::BadQuestion { .. }), "{name}: {refused}");
        }
        let query = Query { filter: Some(is(attribute(&["a@odata.type_1"]), Value::Null)), ..Query::default() };
        assert_eq!(world.store().list_applications(&query).await.unwrap().items.len(), 24);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_it_reaches_the_database() {
    for world in World::on_each_engine().await {
        let connector = Expression::Field(OBJECT, Field::Connector(adit_core::query::ConnectorField::Id));
        let unbound = Expression::Field(Variable(3), Field::Item(part(&["a"])));
        let nested = (0..400).fold(is(attribute(&["notes"]), Value::Null), |inner, _| Expression::Not(Box::new(inner)));
        let many = Expression::Related {
            from: OBJECT,
            relation: adit_core::query::Relation::Members,
            variable: Variable(1),
            value: Box::new(Expression::Value(Value::Bool(true))),
        };
        for filter in [is(connector, Value::Null), is(unbound, Value::Null), nested, attribute(&["notes"]), many] {
            let query = Query { filter: Some(filter), ..Query::default() };
            let refused = world.store().list_applications(&query).await.unwrap_err();
            assert!(matches!(refused, Error::BadQuestion { .. }), "{refused}");
        }
        let by_name = vec![Order { by: attribute(&["notes"]), direction: Direction::Ascending }];
        for (order, key) in [(vec![], Value::Null), (by_name, Value::Bool(true))] {
            let query = Query { after: Some(Cursor { keys: vec![key], id: String::new() }), order, ..Query::default() };
            let refused = world.store().list_applications(&query).await.unwrap_err();
            assert!(matches!(refused, Error::BadQuestion { .. }), "{refused}");
        }
    }
}

#[tokio::test]
async fn the_largest_tree_that_callers_allow_is_answered() {
    for world in World::on_each_engine().await {
        let one = || is(attribute(&["notes"]), Value::Text("First note".to_owned()));
        let wide = (0..32).fold(one(), |all, _| all.or(one()));
        let deep = (0..97).fold(one(), |inner, _| Expression::Not(Box::new(inner)));
        for (filter, expected) in [(wide, 4), (deep, 20)] {
            let query = Query { filter: Some(filter), ..Query::default() };
            assert_eq!(world.store().list_applications(&query).await.unwrap().items.len(), expected);
        }
    }
}
