//! How SQLite says that it will answer: by index, without sorting.

use adit_core::query::{
    ApplicationField, AuditField, ConnectorField, ConnectorGroupField, Cursor, Direction, Expression, Field, Function,
    OBJECT, Operator, Order, Query, Value,
};
use jiff::Timestamp;
use sea_query::SqliteQueryBuilder;
use sqlx::AssertSqlSafe;

use crate::Store;
use crate::application::Applications;
use crate::audit::Audit;
use crate::connector::Connectors;
use crate::connector_group::ConnectorGroups;
use crate::engine::{self, Engine};
use crate::list::{Collection, statement};
use crate::testing;

async fn plan<C: Collection>(store: &Store, query: &Query) -> String {
    let (select, _) = statement::<C>(query, Engine::Sqlite).unwrap();
    let (sql, values) = select.build(SqliteQueryBuilder);
    let mut explain = engine::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql} LIMIT 101")));
    for value in values {
        explain = match value {
            sea_query::Value::String(text) => explain.bind(text),
            sea_query::Value::BigInt(number) => explain.bind(number),
            other => unreachable!("{other:?}"),
        };
    }
    let rows = explain.fetch_all(&mut store.read().await.unwrap()).await.unwrap();
    rows.iter().map(|row| row.try_get::<String, _>("detail").unwrap()).collect::<Vec<_>>().join("; ")
}

fn application(field: ApplicationField) -> Expression {
    Expression::Field(OBJECT, Field::Application(field))
}

fn is(field: ApplicationField, text: &str) -> Expression {
    Expression::equal(Field::Application(field), Value::Text(text.to_owned()))
}

fn starts(field: ApplicationField, text: &str) -> Expression {
    Expression::Call(Function::StartsWith, vec![application(field), Expression::Value(Value::Text(text.to_owned()))])
}

fn by(field: Field, direction: Direction) -> Vec<Order> {
    vec![Order { by: Expression::Field(OBJECT, field), direction }]
}

fn after(keys: &[Value]) -> Option<Cursor> {
    Some(Cursor { keys: keys.to_vec(), id: "0".to_owned() })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[tokio::test]
async fn a_later_page_starts_at_its_place_in_an_index() {
    let testing::Directory { store, .. } = &testing::on_sqlite().await;
    let moment = Value::Instant(Timestamp::UNIX_EPOCH);
    let name = Field::Application(ApplicationField::DisplayName);
    let created = Field::Application(ApplicationField::Created);
    for direction in [Direction::Ascending, Direction::Descending] {
        let id = Field::Application(ApplicationField::Id);
        for (order, key, index) in [
            (by(id, direction), vec![], "sqlite_autoindex_application_1 (id"),
            (by(name.clone(), direction), vec![text("x")], "application_name ((display_name_folded,id)"),
            (by(created.clone(), direction), vec![moment.clone()], "application_created ((created,id)"),
        ] {
            let query = Query { order, after: after(&key), ..Query::default() };
            let plan = plan::<Applications>(store, &query).await;
            assert!(plan.contains(&format!("SEARCH v0 USING INDEX {index}")), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        let machine = by(Field::Connector(ConnectorField::MachineName), direction);
        let query = Query { order: machine, after: after(&[text("x")]), ..Query::default() };
        let plan = plan::<Connectors>(store, &query).await;
        assert!(plan.contains("connector_machine_name ((machine_name_folded,id)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let group = by(Field::ConnectorGroup(ConnectorGroupField::Name), direction);
        let query = Query { order: group, after: after(&[text("x")]), ..Query::default() };
        let plan = self::plan::<ConnectorGroups>(store, &query).await;
        assert!(plan.contains("SEARCH v0 USING INDEX sqlite_autoindex_connector_group_2 (name_folded"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let audit = by(Field::Audit(AuditField::At), direction);
        let query = Query { order: audit, after: after(std::slice::from_ref(&moment)), ..Query::default() };
        let plan = self::plan::<Audit>(store, &query).await;
        assert!(plan.contains("audit_at ((at,id)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn common_filters_are_answered_by_an_index_and_in_order() {
    use ApplicationField::{AppId, ConnectorGroup, DisplayName, ExternalUrl, Id, InternalUrl};
    let testing::Directory { store, .. } = &testing::on_sqlite().await;
    for (filter, index) in [
        (is(DisplayName, "Wiki"), "application_name (display_name_folded=?"),
        (starts(DisplayName, "Wi"), "application_name (display_name_folded>? AND display_name_folded<?"),
        (is(ConnectorGroup, "0"), "application_by_group (connector_group_id=?"),
        (is(ExternalUrl, "https://a.example/"), "application_external_url (<expr>=?"),
        (starts(ExternalUrl, "https://a."), "application_external_url (<expr>>? AND <expr><?"),
        (is(InternalUrl, "http://a/"), "application_internal_url (<expr>=?"),
        (is(Id, "0"), "sqlite_autoindex_application_1 (id=?"),
        (is(AppId, "0"), "sqlite_autoindex_application_2 (app_id=?"),
    ] {
        for filter in [filter.clone(), filter.and(starts(ApplicationField::HostHeader, "x"))] {
            let query = Query { filter: Some(filter), ..Query::default() };
            let plan = plan::<Applications>(store, &query).await;
            assert!(plan.contains(index), "{index}: {plan}");
        }
    }
}

#[tokio::test]
async fn the_pages_of_what_starts_with_a_text_follow_the_index_too() {
    let testing::Directory { store, .. } = &testing::on_sqlite().await;
    let filter = Some(starts(ApplicationField::DisplayName, "Wi"));
    let query = Query { filter, after: after(&[text("wiki")]), ..Query::default() };
    let plan = plan::<Applications>(store, &query).await;
    assert!(plan.contains("SEARCH v0 USING INDEX application_name"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn members_of_groups_are_counted_and_searched_by_index() {
    use adit_core::query::{Items, Quantifier, Relation, Variable};
    let testing::Directory { store, .. } = &testing::on_sqlite().await;
    let items = || Items::Related(OBJECT, Relation::Members);
    let named = Expression::Binary(
        Operator::Equal,
        Box::new(Expression::Field(Variable(1), Field::Connector(ConnectorField::MachineName))),
        Box::new(Expression::Value(text("srv1"))),
    );
    let any = Expression::Quantified {
        quantifier: Quantifier::Any,
        items: items(),
        variable: Variable(1),
        condition: Some(Box::new(named)),
    };
    let some = Expression::Binary(
        Operator::Greater,
        Box::new(Expression::Count(items())),
        Box::new(Expression::Value(Value::Integer(0))),
    );
    for filter in [any, some] {
        let query = Query { filter: Some(filter), ..Query::default() };
        let plan = plan::<ConnectorGroups>(store, &query).await;
        assert!(plan.contains("SEARCH v1 "), "{plan}");
    }
}
