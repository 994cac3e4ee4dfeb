//! The audit log: who did what, newest first, and the questions that can be asked of it.

use adit_control::{Error, NewConnectorGroup};
use adit_core::OperationContext;
use adit_core::audit::{Activity, ActorKind, AuditActor};
use adit_core::id::AuditId;
use adit_core::operation::Actor;
use adit_core::query::{
    AuditField, Counting, Direction, Expression, Field, Function, JsonKind, JsonPart, OBJECT, Operator, Order, Query,
    Value,
};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused};

fn is(field: AuditField, text: &str) -> Expression {
    Expression::equal(Field::Audit(field), Value::Text(text.to_owned()))
}

async fn activities(directory: &Directory, filter: Expression) -> Vec<Activity> {
    let page = directory.control.list_audit(&Query::default().narrowed(filter)).await.unwrap();
    page.items.iter().map(|record| record.activity).collect()
}

#[tokio::test]
async fn a_record_names_its_actor_in_parts() {
    let directory = Directory::new().await;
    for (actor, kind, id, shown) in [
        (
            Actor::User { subject: "sub-1".to_owned(), name: Some("Alice (Ops)".to_owned()) },
            ActorKind::User,
            Some("sub-1"),
            Some("Alice (Ops)"),
        ),
        (Actor::Program { client: "terraform".to_owned() }, ActorKind::Program, Some("terraform"), None),
        (Actor::System, ActorKind::System, None, None),
    ] {
        let context = OperationContext { actor, request_id: Uuid::new_v4() };
        let new = NewConnectorGroup { name: name(&context.request_id.to_string()), region: None };
        directory.control.create_connector_group(&context, new).await.unwrap();
        let record = directory.audit().await.remove(0);
        let (id, name) = (id.map(ToOwned::to_owned), shown.map(ToOwned::to_owned));
        assert_eq!(record.actor, AuditActor { kind, id, name, ip: None });
        assert_eq!(record.request_id, context.request_id);
        assert_eq!(directory.control.audit_record(record.id).await.unwrap(), record);
    }
}

#[tokio::test]
async fn the_newest_come_first_in_pages_that_hold_every_record_once() {
    let directory = Directory::new().await;
    for number in 0..6 {
        directory.group(&format!("group {number}")).await;
        directory.pass(SignedDuration::from_secs(if number < 3 { 0 } else { 60 }));
    }
    let mut query = Query { limit: 2, counting: Counting::Wanted, ..Query::default() };
    let mut seen = Vec::new();
    loop {
        let page = directory.control.list_audit(&query).await.unwrap();
        assert_eq!(page.total, Some(7), "six groups and the default group");
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|pair| (pair[0].at, pair[0].id) > (pair[1].at, pair[1].id)));
    assert_eq!(seen[0].target_name(), Some("group 5"));
}

#[tokio::test]
async fn another_order_can_be_asked_for() {
    let directory = Directory::new().await;
    directory.group("Berlin").await;
    directory.unpublished("wiki").await;
    let by = |field, direction| Query {
        order: vec![Order { by: Expression::Field(OBJECT, Field::Audit(field)), direction }],
        ..Query::default()
    };
    let oldest = directory.control.list_audit(&by(AuditField::At, Direction::Ascending)).await.unwrap();
    assert_eq!(oldest.items[0].target_name(), Some("Default"));
    let named = directory.control.list_audit(&by(AuditField::ActivityName, Direction::Ascending)).await.unwrap();
    let names: Vec<&str> = named.items.iter().map(|record| record.activity.display_name()).collect();
    assert_eq!(names, ["Add application", "Add connector Group", "Add connector Group"]);
}

#[tokio::test]
async fn records_are_found_by_what_clients_ask_for() {
    let directory = Directory::new().await;
    let before = jiff::Timestamp::now();
    let wiki = directory.unpublished("wiki").await;
    directory.control.delete_application(administrator(), wiki.id).await.unwrap();
    directory.group("Berlin").await;

    assert_eq!(
        activities(&directory, is(AuditField::ActivityName, "add application")).await,
        [Activity::AddApplication]
    );
    assert_eq!(
        activities(&directory, is(AuditField::Activity, "delete_application")).await,
        [Activity::DeleteApplication]
    );
    assert_eq!(
        activities(&directory, is(AuditField::Category, "ApplicationManagement")).await,
        [Activity::DeleteApplication, Activity::AddApplication]
    );
    assert_eq!(activities(&directory, is(AuditField::OperationType, "Delete")).await, [Activity::DeleteApplication]);
    assert_eq!(activities(&directory, is(AuditField::Result, "success")).await.len(), 4);
    assert_eq!(activities(&directory, is(AuditField::Result, "failure")).await, [] as [Activity; 0]);
    assert_eq!(activities(&directory, is(AuditField::Target, &wiki.id.to_string())).await.len(), 2);
    assert_eq!(activities(&directory, is(AuditField::ActorKind, "system")).await, [Activity::AddConnectorGroup]);
    assert_eq!(activities(&directory, is(AuditField::ActorId, "alice")).await.len(), 3);
    let request = administrator().request_id.to_string();
    assert_eq!(activities(&directory, is(AuditField::RequestId, &request)).await.len(), 3);
    let part = JsonPart { path: vec!["new".to_owned(), "name".to_owned()], kind: JsonKind::Text, default: Value::Null };
    assert_eq!(activities(&directory, is(AuditField::Detail(part), "Berlin")).await, [Activity::AddConnectorGroup]);

    let at = || Box::new(Expression::Field(OBJECT, Field::Audit(AuditField::At)));
    let since = |at_least| Expression::Binary(Operator::GreaterOrEqual, at(), Box::new(Expression::Value(at_least)));
    assert_eq!(activities(&directory, since(Value::Instant(before))).await.len(), 3);
    let starts = Expression::Call(
        Function::StartsWith,
        vec![
            Expression::Field(OBJECT, Field::Audit(AuditField::ActivityName)),
            Expression::Value(Value::Text("Add connector".to_owned())),
        ],
    );
    assert_eq!(activities(&directory, starts).await.len(), 2);
}

#[tokio::test]
async fn an_unknown_record_is_not_found() {
    let directory = Directory::new().await;
    let nobody = AuditId::new(Uuid::new_v4());
    let error = refused(&directory, directory.control.audit_record(nobody)).await;
    assert!(matches!(error, Error::AuditRecordNotFound(id) if id == nobody), "{error}");
}
