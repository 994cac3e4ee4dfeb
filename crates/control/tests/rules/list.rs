//! Lists: pages, filters and counts, on a real database.

use adit_control::{ApplicationChange, PublishingChange};
use adit_core::query::{
    ApplicationField, ConnectorGroupField, Counting, Expression, Field, Function, OBJECT, Operator, Query, Value,
};
use jiff::Timestamp;

use crate::directory::{Directory, administrator, urls};

const NAME: Field = Field::ConnectorGroup(ConnectorGroupField::Name);
const EXTERNAL_URL: Field = Field::Application(ApplicationField::ExternalUrl);

fn text(field: Field, function: Function, text: &str) -> Expression {
    Expression::Call(function, vec![Expression::Field(OBJECT, field), Expression::Value(Value::Text(text.to_owned()))])
}

fn compare(field: Field, operator: Operator, value: Value) -> Expression {
    Expression::Binary(operator, Box::new(Expression::Field(OBJECT, field)), Box::new(Expression::Value(value)))
}

fn not(condition: Expression) -> Expression {
    Expression::Not(Box::new(condition))
}

async fn groups(directory: &Directory, filter: Expression) -> Vec<String> {
    let query = Query::default().narrowed(filter);
    let mut names: Vec<String> = directory
        .control
        .list_connector_groups(&query)
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|group| group.name.as_str().to_owned())
        .collect();
    names.sort();
    names
}

async fn applications(directory: &Directory, filter: Expression) -> Vec<String> {
    let query = Query::default().narrowed(filter);
    let mut names: Vec<String> = directory
        .control
        .list_applications(&query)
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|application| application.display_name.as_str().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_list_comes_in_pages_that_hold_every_item_once_with_the_count_if_asked() {
    let directory = Directory::new().await;
    for number in 0..7 {
        directory.group(&format!("group {number}")).await;
    }
    let named = text(NAME, Function::StartsWith, "GROUP");
    let mut query = Query { limit: 3, counting: Counting::Wanted, ..Query::default() }.narrowed(named);
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = directory.control.list_connector_groups(&query).await.unwrap();
        assert_eq!(page.total, Some(7), "the count is that of all pages");
        sizes.push(page.items.len());
        seen.extend(page.items.into_iter().map(|group| group.name.as_str().to_owned()));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(sizes, [3, 3, 1]);
    seen.sort();
    assert_eq!(seen, (0..7).map(|number| format!("group {number}")).collect::<Vec<_>>());
    let uncounted = directory.control.list_connector_groups(&Query::default()).await.unwrap();
    assert_eq!((uncounted.items.len(), uncounted.next, uncounted.total), (8, None, None));
}

#[tokio::test]
async fn a_full_last_page_has_no_next_page() {
    let directory = Directory::new().await;
    directory.group("Berlin").await;
    let page = directory.control.list_connector_groups(&Query { limit: 2, ..Query::default() }).await.unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
}

#[tokio::test]
async fn wildcards_and_quotes_in_a_filter_are_meant_literally() {
    let directory = Directory::new().await;
    for name in ["50% off", "50 off", "a_b", "axb", r"a\b", "o'neil", "x') OR 1=1 --"] {
        directory.group(name).await;
    }
    assert_eq!(groups(&directory, text(NAME, Function::StartsWith, "50%")).await, ["50% off"]);
    assert_eq!(groups(&directory, text(NAME, Function::Contains, "_")).await, ["a_b"]);
    assert_eq!(groups(&directory, text(NAME, Function::EndsWith, r"\b")).await, [r"a\b"]);
    assert_eq!(groups(&directory, text(NAME, Function::Contains, "%")).await, ["50% off"]);
    assert_eq!(groups(&directory, Expression::equal(NAME, Value::Text("O'NEIL".to_owned()))).await, ["o'neil"]);
    let attack = "x') or 1=1 --".to_owned();
    assert_eq!(groups(&directory, Expression::equal(NAME, Value::Text(attack))).await, ["x') OR 1=1 --"]);
    assert_eq!(groups(&directory, text(NAME, Function::StartsWith, "")).await.len(), 8);
}

#[tokio::test]
async fn text_is_compared_without_case_also_beyond_ascii() {
    let directory = Directory::new().await;
    directory.group("Söhne").await;
    let found = groups(&directory, text(NAME, Function::StartsWith, "SÖH")).await;
    assert_eq!(found, ["Söhne"]);
    let default = Expression::equal(Field::ConnectorGroup(ConnectorGroupField::IsDefault), Value::Bool(true));
    assert_eq!(groups(&directory, default).await, ["Default"]);
    let ordinary = Expression::equal(Field::ConnectorGroup(ConnectorGroupField::IsDefault), Value::Bool(false));
    assert_eq!(groups(&directory, ordinary).await, ["Söhne"]);
}

#[tokio::test]
async fn a_missing_value_equals_nothing_and_every_condition_has_an_opposite() {
    let directory = Directory::new().await;
    directory.published("wiki").await;
    directory.unpublished("draft").await;
    let is_wiki = || Expression::equal(EXTERNAL_URL, Value::Text("https://WIKI.example/".to_owned()));
    assert_eq!(applications(&directory, is_wiki()).await, ["wiki"]);
    assert_eq!(applications(&directory, not(is_wiki())).await, ["draft"]);
    let not_wiki = compare(EXTERNAL_URL, Operator::NotEqual, Value::Text("https://wiki.example/".to_owned()));
    assert_eq!(applications(&directory, not_wiki).await, ["draft"]);
    assert_eq!(applications(&directory, Expression::equal(EXTERNAL_URL, Value::Null)).await, ["draft"]);
    let starts = || text(EXTERNAL_URL, Function::StartsWith, "https:");
    assert_eq!(applications(&directory, starts()).await, ["wiki"]);
    assert_eq!(applications(&directory, not(starts())).await, ["draft"]);
    let either = is_wiki().or(Expression::equal(EXTERNAL_URL, Value::Null));
    assert_eq!(applications(&directory, either).await, ["draft", "wiki"]);
    assert_eq!(applications(&directory, is_wiki().and(Expression::equal(EXTERNAL_URL, Value::Null))).await.len(), 0);
}

#[tokio::test]
async fn conditions_group_as_the_tree_says() {
    let directory = Directory::new().await;
    for name in ["a", "b", "c"] {
        directory.group(name).await;
    }
    let is = |name: &str| Expression::equal(NAME, Value::Text(name.to_owned()));
    let either = is("a").or(is("b"));
    assert_eq!(groups(&directory, either.clone().and(is("b"))).await, ["b"]);
    assert_eq!(groups(&directory, not(either)).await, ["Default", "c"]);
}

#[tokio::test]
async fn moments_are_compared_as_moments() {
    let directory = Directory::new().await;
    let wiki = directory.unpublished("wiki").await;
    let created =
        |operator, at: Timestamp| compare(Field::Application(ApplicationField::Created), operator, Value::Instant(at));
    assert_eq!(applications(&directory, created(Operator::Equal, wiki.created)).await, ["wiki"]);
    let long_ago: Timestamp = "2020-01-01T01:00:00+01:00".parse().unwrap();
    assert_eq!(applications(&directory, created(Operator::GreaterOrEqual, long_ago)).await, ["wiki"]);
    assert_eq!(applications(&directory, created(Operator::Less, long_ago)).await.len(), 0);
}

#[tokio::test]
async fn the_applications_of_a_group_are_found_by_the_group() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let wiki = directory.published("wiki").await;
    directory.published("mail").await;
    directory.control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    let of_berlin = || {
        Expression::equal(
            Field::Application(ApplicationField::ConnectorGroup),
            Value::Text(berlin.id.to_string().to_uppercase()),
        )
    };
    assert_eq!(applications(&directory, of_berlin()).await, ["wiki"]);
    let change = ApplicationChange {
        publishing: PublishingChange::Merge(urls("https://wiki.example/2/", "http://wiki2/")),
        ..ApplicationChange::default()
    };
    directory.control.update_application(administrator(), wiki.id, change).await.unwrap();
    assert_eq!(applications(&directory, of_berlin()).await, ["wiki"]);
}
