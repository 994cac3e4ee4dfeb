//! The ends of what can be stored and asked for: no engine fails there, and each answers as the other does.

use std::time::Duration;

use adit_core::Application;
use adit_core::application::Attributes;
use adit_core::query::{
    ApplicationField, Counting, Direction, Expression, Field, Function, JsonKind, JsonPart, OBJECT, Operator, Order,
    Query, Value,
};
use serde_json::{Value as Json, json};

use super::world::insert_application;
use crate::Store;
use crate::testing;

/// What is written under `at`, and the moment that it is.
const MOMENTS: [(&str, Option<&str>); 42] = [
    ("2026-02-01T00:00:00Z", Some("2026-02-01T00:00:00Z")),
    ("2026-02-01t01:00:00.5+01:00", Some("2026-02-01T00:00:00.5Z")),
    ("2026-02-01T00:00:00.25-00:00", Some("2026-02-01T00:00:00.25Z")),
    ("2024-02-29T23:59:59.1234567891Z", Some("2024-02-29T23:59:59.123456789Z")),
    ("2000-02-29T00:00:00-14:59", Some("2000-02-29T14:59:00Z")),
    ("2025-12-31T23:30:00-00:45", Some("2026-01-01T00:15:00Z")),
    ("0000-02-29T12:00:00Z", Some("0000-02-29T12:00:00Z")),
    ("0000-12-31T23:30:00-01:00", Some("0001-01-01T00:30:00Z")),
    ("0001-01-01T00:00:00+00:30", Some("0000-12-31T23:30:00Z")),
    ("9999-12-30T22:00:00.9Z", Some("9999-12-30T22:00:00.9Z")),
    ("2023-02-29T00:00:00Z", None),
    ("1900-02-29T00:00:00Z", None),
    ("2026-02-30T00:00:00Z", None),
    ("2026-04-31T00:00:00+01:00", None),
    ("2026-13-01T00:00:00Z", None),
    ("2026-00-10T00:00:00Z", None),
    ("2026-01-00T00:00:00Z", None),
    ("2026-02-01T24:00:00Z", None),
    ("2026-02-01T00:60:00Z", None),
    ("2026-02-01T00:00:60Z", None),
    ("2026-02-01T00:00:00+15:00", None),
    ("2026-02-01T00:00:00+01:60", None),
    ("2026-02-01T00:00:00+0100", None),
    ("2026-02-01T00:00:00", None),
    ("2026-02-01T00:00Z", None),
    ("2026-02-01T00:00:00.Z", None),
    ("2026-02-01T00:00:00..5Z", None),
    ("2026-02-01T00:00:00.5.5Z", None),
    ("2026-02-01T00:00:001Z", None),
    ("2026-02-01T00:00:00ZZ", None),
    ("2026-02-01T00:00:00Z ", None),
    (" 2026-02-01T00:00:00Z", None),
    ("2026-02-01 00:00:00Z", None),
    ("2026-02-01", None),
    ("-2026-02-01T00:00:00Z", None),
    ("20260201T000000Z", None),
    ("٢٠٢٦-02-01T00:00:00Z", None),
    ("10:20:30", None),
    ("2451545.0", None),
    ("now", None),
    ("infinity", None),
    ("", None),
];

#[tokio::test]
async fn what_is_no_moment_is_nothing() {
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, MOMENTS.iter().map(|(text, _)| json!({ "at": text }))).await;
        let at = || attribute("at", JsonKind::Instant);
        let expected = |wanted: Option<&str>| -> Vec<usize> {
            let written = MOMENTS.iter().enumerate().filter(|(_, (_, moment))| *moment == wanted);
            written.map(|(number, _)| number).collect()
        };
        for (text, moment) in MOMENTS {
            let value = moment.map_or(Value::Null, |moment| Value::Instant(moment.parse().unwrap()));
            let found = found(store, binary(Operator::Equal, at(), Expression::Value(value))).await;
            assert_eq!(found, expected(moment), "{text}");
        }
        for function in [Function::Date, Function::Time, Function::Year, Function::Second, Function::FractionalSeconds]
        {
            walk(store, Expression::Call(function, vec![at()]), Direction::Ascending).await;
        }
    }
}

/// It means never, and is later than any [`jiff::Timestamp`].
#[tokio::test]
async fn the_last_second_of_the_year_9999_has_its_place_in_an_order() {
    let moments =
        ["9999-12-31T23:59:59Z", "2026-02-01T00:00:00Z", "9999-12-31T23:59:59.5Z", "9999-12-31T23:00:00-01:00"];
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, moments.iter().map(|text| json!({ "at": text }))).await;
        let at = || attribute("at", JsonKind::Instant);
        assert_eq!(walk(store, at(), Direction::Ascending).await, [3, 1, 0, 2]);
        assert_eq!(walk(store, at(), Direction::Descending).await, [2, 0, 1, 3]);
    }
}

#[tokio::test]
async fn no_arithmetic_fails_and_every_engine_has_the_same_result() {
    use Operator::{Add, Divide, DivideBy, Modulo, Multiply, Subtract};
    let numbers = || {
        let numbers = [json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e308), json!(-1e308), json!(5e-324)];
        let small =
            [json!(1e16), json!(0.49), json!(2.5), json!(-2.5), json!(-3.5), json!(4503599627370497.0), json!(0)];
        let others = [json!(-0.0), json!(7), json!(true), json!("7"), json!(null), json!([7]), json!({ "n": 7 })];
        numbers.into_iter().chain(small).chain(others).map(|number| json!({ "n": number }))
    };
    let constants = [
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Integer(-1),
        Value::Integer(0),
        Value::Integer(3),
        Value::Number(1e308),
        Value::Number(-1e308),
        Value::Number(5e-324),
        Value::Number(0.0),
        Value::Number(2.5),
        Value::Null,
    ];
    let (mut keys, mut remainders) = (Vec::new(), Vec::new());
    for field in [attribute("n", JsonKind::Integer), attribute("n", JsonKind::Number)] {
        keys.extend(
            [Function::Round, Function::Floor, Function::Ceiling]
                .map(|function| Expression::Call(function, vec![field.clone()])),
        );
        keys.push(Expression::Negate(Box::new(field.clone())));
        for constant in &constants {
            for operator in [Add, Subtract, Multiply, Divide, DivideBy, Modulo] {
                let constant = Expression::Value(constant.clone());
                let key = binary(operator, field.clone(), constant.clone());
                // Of very large numbers they are no more than what rounding left.
                let list = if operator == Modulo { &mut remainders } else { &mut keys };
                list.push(binary(Multiply, key.clone(), key.clone()));
                list.push(key);
                list.push(binary(operator, constant, field.clone()));
            }
        }
    }
    let mut answers: Vec<Vec<Vec<usize>>> = Vec::new();
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, numbers()).await;
        let mut of_engine = Vec::new();
        for key in &keys {
            of_engine.push(walk(store, key.clone(), Direction::Ascending).await);
            let zero = Expression::Value(Value::Integer(0));
            of_engine.push(found(store, binary(Operator::Greater, key.clone(), zero)).await);
            of_engine.push(found(store, binary(Operator::Equal, key.clone(), Expression::Value(Value::Null))).await);
        }
        for key in &remainders {
            walk(store, key.clone(), Direction::Descending).await;
        }
        answers.push(of_engine);
    }
    same_answers(&answers, |number| format!("{:?}", keys[number / 3]));
}

#[tokio::test]
async fn no_text_fails_and_every_engine_has_the_same_result() {
    let texts = [
        "",
        " ",
        "a",
        "A",
        "b",
        "Z",
        "_",
        "é",
        "É",
        "ss",
        "ß",
        "𝄞 clef",
        "\\u0000",
        "\\\\u0000",
        "a\\",
        "'",
        "\"",
        "%",
        "_x",
        "x\ny",
        "\t x \r\n",
        "12",
        "-12",
        "1e400",
        "NaN",
        "true",
        "[]",
        "{\"t\":1}",
        "\u{fffd}",
        "\u{e000}",
        "\u{10ffff}",
        "e\u{301}",
    ];
    let text = || attribute("t", JsonKind::Text);
    let value = |text: &str| Expression::Value(Value::Text(text.to_owned()));
    let mut keys = vec![text(), Expression::Call(Function::Trim, vec![text()])];
    keys.push(Expression::Call(Function::Length, vec![text()]));
    let starts = [-5, 0, 1, 2, i64::MAX, i64::MIN].map(Value::Integer);
    let numbers = [2.7, -0.5, 1e300, -1e300].map(Value::Number);
    for start in starts.iter().chain(&numbers).chain([&Value::Null]) {
        let start = Expression::Value(start.clone());
        keys.push(Expression::Call(Function::Substring, vec![text(), start.clone()]));
        keys.push(Expression::Call(Function::Substring, vec![text(), Expression::Value(Value::Integer(1)), start]));
    }
    for asked in ["", "a", "É", "\\", "\\u", "%", "_", "'", "\u{10ffff}"] {
        for function in [Function::Concat, Function::IndexOf] {
            keys.push(Expression::Call(function, vec![text(), value(asked)]));
            keys.push(Expression::Call(function, vec![value(asked), text()]));
        }
        for function in [Function::Contains, Function::StartsWith, Function::EndsWith] {
            keys.push(Expression::Call(function, vec![text(), value(asked)]));
        }
        for operator in [Operator::Equal, Operator::Greater, Operator::LessOrEqual] {
            keys.push(binary(operator, text(), value(asked)));
        }
    }
    let nothing = Expression::Value(Value::Null);
    keys.push(Expression::Call(Function::Concat, vec![nothing.clone(), nothing.clone()]));
    keys.push(Expression::Call(Function::Year, vec![nothing.clone()]));
    keys.push(Expression::In(
        Box::new(nothing.clone()),
        vec![value("a"), Expression::Value(Value::Integer(1)), text()],
    ));
    keys.push(Expression::In(Box::new(text()), vec![value("a"), nothing.clone(), text()]));
    let array = attribute("t", JsonKind::Array);
    keys.push(binary(Operator::Equal, array.clone(), nothing.clone()));
    keys.push(binary(Operator::LessOrEqual, array.clone(), array));
    keys.push(nothing);
    let mut answers: Vec<Vec<Vec<usize>>> = Vec::new();
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, texts.iter().map(|text| json!({ "t": text, "u": ["x"] })).chain([json!({ "t": ["y"] })])).await;
        let mut of_engine = Vec::new();
        for key in &keys {
            of_engine.push(walk(store, key.clone(), Direction::Ascending).await);
            of_engine.push(walk(store, key.clone(), Direction::Descending).await);
        }
        answers.push(of_engine);
    }
    same_answers(&answers, |number| format!("{:?}", keys[number / 2]));
}

/// Bodies and queries with it are refused; what was stored by other ways is no obstacle.
#[tokio::test]
async fn the_character_zero_is_found_where_it_is() {
    let texts = ["a\u{0}b", "\\\u{0}\u{0}", "\\u0000", "\\\\u0000", "ab", "\u{0}"];
    let text = || attribute("t", JsonKind::Text);
    let value = |text: &str| Expression::Value(Value::Text(text.to_owned()));
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, texts.iter().map(|text| json!({ "t": text }))).await;
        for (number, asked) in texts.iter().enumerate() {
            assert_eq!(found(store, binary(Operator::Equal, text(), value(asked))).await, [number], "{asked:?}");
        }
        for (asked, expected) in [("\u{0}", vec![0, 1, 5]), ("\\\u{0}", vec![1]), ("\\u0000", vec![2, 3])] {
            let contains = Expression::Call(Function::Contains, vec![text(), value(asked)]);
            assert_eq!(found(store, contains).await, expected, "{asked:?}");
        }
        assert_eq!(walk(store, text(), Direction::Ascending).await, [5, 1, 3, 2, 0, 4]);
    }
}

#[tokio::test]
async fn what_is_nested_as_deep_as_callers_allow_is_answered() {
    let number = || attribute("n", JsonKind::Number);
    let half = || Expression::Value(Value::Number(0.5));
    let text = || attribute("t", JsonKind::Text);
    let of = |function, argument| Expression::Call(function, vec![argument]);
    let sum = (0..48).fold(number(), |sum, _| binary(Operator::Add, sum, half()));
    let left_over = (0..48).fold(number(), |number, _| binary(Operator::Modulo, number, half()));
    let whole = (0..48).fold(attribute("n", JsonKind::Integer), |sum, _| {
        binary(Operator::Multiply, sum, Expression::Value(Value::Integer(i64::MAX)))
    });
    let negated = (0..95).fold(number(), |number, _| Expression::Negate(Box::new(number)));
    let rounded = (0..95).fold(number(), |number, _| of(Function::Round, number));
    let cut = (0..47).fold(text(), |text, _| {
        Expression::Call(Function::Substring, vec![text, Expression::Value(Value::Integer(0))])
    });
    let counted = (0..31).fold(of(Function::Length, text()), |length, _| {
        of(Function::Length, Expression::Call(Function::Substring, vec![text(), length]))
    });
    let among = (0..24).fold(binary(Operator::Equal, text(), text()), |needle, _| {
        Expression::In(Box::new(needle), vec![binary(Operator::Equal, text(), text()), Expression::Value(Value::Null)])
    });
    let years = (0..45).fold(text(), |text, _| {
        Expression::Call(Function::Concat, vec![text, Expression::Value(Value::Text("x".to_owned()))])
    });
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, [json!({ "n": 1, "t": "abc" }), json!({ "n": 2.5, "t": "b" }), json!({})].into_iter()).await;
        for key in [&sum, &left_over, &whole, &negated, &rounded, &cut, &counted, &among, &years] {
            let walked = walk(store, key.clone(), Direction::Ascending).await;
            assert_eq!(walked.len(), 3, "{key:#?}");
        }
    }
}

#[tokio::test]
async fn lists_for_which_nobody_waits_any_more_take_no_connection_away() {
    for directory in testing::each_engine().await {
        let store = &directory.store;
        fill(store, (0..8).map(|number| json!({ "t": number.to_string() }))).await;
        for turn in 0..60 {
            let query = Query { counting: Counting::Wanted, ..Query::default() };
            let patience = Duration::from_micros(turn * 50);
            let _ = tokio::time::timeout(patience, store.list_applications(&query)).await;
        }
        let query = Query { counting: Counting::Wanted, ..Query::default() };
        assert_eq!(store.list_applications(&query).await.unwrap().total, Some(8));
    }
}

/// Applications with these attributes, which are told apart by their numbers.
async fn fill(store: &Store, documents: impl Iterator<Item = Json>) {
    for (number, document) in documents.enumerate() {
        let document: Attributes = document.as_object().unwrap().clone();
        insert_application(store, number * 3, document).await;
    }
}

fn number_of(application: &Application) -> usize {
    usize::try_from((application.id.uuid().as_u128() & 0xffff_ffff) / 7919).unwrap() / 3
}

/// The numbers of the applications that satisfy a condition.
async fn found(store: &Store, filter: Expression) -> Vec<usize> {
    let query = Query { filter: Some(filter), limit: 999, counting: Counting::Wanted, ..Query::default() };
    let page = store.list_applications(&query).await.unwrap_or_else(|error| panic!("{error}\n{query:#?}"));
    assert_eq!(page.total, Some(page.items.len() as u64));
    let mut numbers: Vec<usize> = page.items.iter().map(number_of).collect();
    numbers.sort_unstable();
    numbers
}

/// The numbers of all applications in an order, over pages as clients turn them.
async fn walk(store: &Store, by: Expression, direction: Direction) -> Vec<usize> {
    let mut query = Query { order: vec![Order { by, direction }], limit: 5, ..Query::default() };
    let mut numbers = Vec::new();
    loop {
        let page = store.list_applications(&query).await.unwrap_or_else(|error| panic!("{error}\n{query:#?}"));
        numbers.extend(page.items.iter().map(number_of));
        assert!(numbers.len() < 1000, "{query:#?}");
        let Some(next) = page.next else { return numbers };
        query.after = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap());
    }
}

fn same_answers(answers: &[Vec<Vec<usize>>], question: impl Fn(usize) -> String) {
    let pairs = answers[0].iter().zip(&answers[1]).enumerate();
    let others: Vec<String> = pairs
        .filter(|(_, (left, right))| left != right)
        .map(|(number, (left, right))| format!("{left:?} and {right:?}: {}", question(number)))
        .collect();
    assert!(others.is_empty(), "{} of {}\n{}", others.len(), answers[0].len(), others.join("\n"));
}

fn attribute(name: &str, kind: JsonKind) -> Expression {
    let part = JsonPart { path: vec![name.to_owned()], kind, default: Value::Null };
    Expression::Field(OBJECT, Field::Application(ApplicationField::Attribute(part)))
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}
