//! Filters as clients write them: how they group, what they are compared with, and what is refused where.

use proptest::prelude::*;

use super::*;
use crate::model::tests::THING;

/// The tree in a form that is easy to compare.
fn shown(filter: &Filter) -> String {
    match filter {
        Filter::And(left, right) => format!("({} & {})", shown(left), shown(right)),
        Filter::Or(left, right) => format!("({} | {})", shown(left), shown(right)),
        Filter::Not(inner) => format!("!{}", shown(inner)),
        Filter::Compare { path, comparison, value } => format!("{}{comparison:?}{value:?}", path.name()),
        Filter::In { path, values } => format!("{}in{values:?}", path.name()),
        Filter::Match { path, function, text } => format!("{}{function:?}{text}", path.name()),
    }
}

fn parsed(text: &str) -> String {
    match Filter::parse(text, &THING) {
        Ok(filter) => shown(&filter),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn refused(text: &str) -> FilterError {
    match Filter::parse(text, &THING) {
        Ok(filter) => panic!("{text} was accepted as {}", shown(&filter)),
        Err(error) => error,
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_takes_a_comparison() {
    assert_eq!(
        parsed("name eq 'a' or name eq 'b' and name ne 'c'"),
        "(nameEqualText(\"a\") | (nameEqualText(\"b\") & nameNotEqualText(\"c\")))"
    );
    assert_eq!(parsed("not name eq 'a' and isDefault"), "(!nameEqualText(\"a\") & isDefaultEqualBoolean(true))");
    assert_eq!(
        parsed("(name eq 'a' or name eq 'b') and not (size gt 5)"),
        "((nameEqualText(\"a\") | nameEqualText(\"b\")) & !sizeGreaterNumber(\"5\"))"
    );
    assert_eq!(parsed("name eq 'a' or name eq 'b' or name eq 'c'").matches('|').count(), 2);
}

#[test]
fn keywords_names_and_members_are_read_in_any_case() {
    assert_eq!(parsed("NAME EQ 'O''Neil & 1'"), "nameEqualText(\"O'Neil & 1\")");
    assert_eq!(parsed("colour eq 'DARKGREEN'"), "colourEqualMember(\"darkGreen\")");
    assert_eq!(parsed("colour eq example.colour'Red'"), "colourEqualMember(\"red\")");
    assert_eq!(parsed("StartsWith(Name,'a') OR endswith(name,'b')"), "(nameStartsWitha | nameEndsWithb)");
    assert_eq!(parsed("isDefault eq FALSE"), "isDefaultEqualBoolean(false)");
}

#[test]
fn values_may_stand_left_and_conditions_may_be_compared_with_true() {
    assert_eq!(parsed("5 lt size"), "sizeGreaterNumber(\"5\")");
    assert_eq!(parsed("contains(name,'x') eq false"), "!nameContainsx");
    assert_eq!(parsed("true ne startswith(name,'x')"), "!nameStartsWithx");
    assert_eq!(parsed("place eq null"), "placeEqualNull");
}

#[test]
fn uuids_dates_lists_and_nested_paths_are_understood() {
    let id = "AAAAAAAA-0000-0000-0000-00000000000A";
    let expected = format!("idEqualText(\"{}\")", id.to_lowercase());
    assert_eq!(parsed(&format!("id eq {id}")), expected);
    assert_eq!(parsed(&format!("id eq '{id}'")), expected);
    assert_eq!(parsed("created ge 2026-01-31T12:00:00Z"), "createdGreaterOrEqualText(\"2026-01-31T12:00:00Z\")");
    assert_eq!(parsed("created ge 2026-01-31"), "createdGreaterOrEqualText(\"2026-01-31T00:00:00Z\")");
    assert_eq!(
        parsed("created ge '2026-01-31T13:00:00%2b01:00'".replace("%2b", "+").as_str()),
        parsed("created ge 2026-01-31T12:00:00Z")
    );
    assert_eq!(parsed("Place/URL eq 'x'"), "place/urlEqualText(\"x\")");
    assert_eq!(parsed("name in ('a', 'b')"), "namein[Text(\"a\"), Text(\"b\")]");
}

#[test]
fn a_date_that_is_in_no_calendar_is_refused_instead_of_compared_as_text() {
    for date in
        ["2026-13-41", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "'yesterday'", "''", "2026-01-31T12:00:00"]
    {
        let error = refused(&format!("created gt {date}"));
        assert!(error.to_string().contains("a date and time such as 2026-01-31T12:00:00Z"), "{date}: {error}");
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let error = refused("name eq");
    assert_eq!(error.position, 8);
    assert!(error.to_string().contains("found the end, at position 8"), "{error}");
    assert!(refused("nosuch eq 'x'").to_string().contains("property named 'nosuch' on type 'thing'"));
    let error = refused("name eq 'a' and size eq 'x'");
    assert_eq!(error.position, 25);
    assert!(error.to_string().contains("a 32-bit integer is expected"), "{error}");
    assert!(refused("colour eq 'blue'").to_string().contains("one of red, darkGreen"));
}

#[test]
fn what_is_no_condition_is_refused() {
    for text in [
        "",
        " ",
        "name",
        "'a'",
        "true",
        "name eq",
        "eq 'a'",
        "name eq 'a",
        "name eq 'a')",
        "(name eq 'a'",
        "name = 'a'",
        "name eq name",
        "name eq 'a' eq 'b'",
        "isDefault gt true",
        "colour lt 'red'",
        "name gt null",
        "name eq 5",
        "isDefault eq 'true'",
        "startswith(name)",
        "startswith(name,5)",
        "startswith('a',name)",
        "startswith(size,'1')",
        "name in 'a'",
        "name in ()",
        "name in (name)",
        "nosuch(name,'a')",
        "tags/any(t:t eq 'x')",
        "name/x eq 'a'",
        "name eq 'a\0'",
        "name eq \"a\"",
        "name eq 1e400",
        "not",
        "place/",
        "name eq 'a';drop table x",
        "a-b eq 1",
    ] {
        refused(text);
    }
    assert!(refused("tags/any(t:t eq 'x')").is_unsupported());
    assert!(!refused("name eq").is_unsupported());
}

#[test]
fn hostile_filters_are_refused_before_they_cost_anything() {
    let parentheses = format!("{}name eq 'a'{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(refused(&parentheses).problem, Problem::TooLong);
    let parentheses = format!("{}name eq 'a'{}", "(".repeat(4_000), ")".repeat(4_000));
    assert_eq!(refused(&parentheses).problem, Problem::TooDeep);
    assert_eq!(refused(&"not ".repeat(10_000)).problem, Problem::TooLong);
    assert_eq!(refused(&"not ".repeat(2_000)).problem, Problem::TooDeep);
    assert_eq!(refused(&vec!["isDefault"; 500].join(" or ")).problem, Problem::TooMany);
    assert_eq!(refused(&format!("size in ({})", vec!["1"; 2_000].join(","))).problem, Problem::TooMany);
    assert_eq!(refused(&"startswith(".repeat(500)).problem, Problem::TooDeep);
    assert_eq!(parsed(&vec!["isDefault"; 50].join(" or ")).matches('|').count(), 49);
    let nested = format!("{}isDefault{}", "(".repeat(31), ")".repeat(31));
    assert_eq!(parsed(&nested), "isDefaultEqualBoolean(true)");
}

proptest! {
    #[test]
    fn no_text_makes_the_filter_parser_panic(text in "\\PC{0,300}") {
        let _ = Filter::parse(&text, &THING);
    }

    #[test]
    fn no_sequence_of_words_makes_the_filter_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", ",", "/", "'a'", "name", "size", "isDefault", "eq", "ne", "and", "or", "not", "in", "null",
                "true", "5", "startswith", "any", ":", "place", "url", "'", "2026-01-01T00:00:00Z",
            ]),
            0..60,
        )
    ) {
        let _ = Filter::parse(&words.join(" "), &THING);
    }

    #[test]
    fn a_quoted_string_comes_out_as_it_went_in(text in "[^\\x00]{0,40}") {
        let filter = Filter::parse(&format!("name eq '{}'", text.replace('\'', "''")), &THING).unwrap();
        prop_assert_eq!(shown(&filter), format!("nameEqual{:?}", Literal::Text(text)));
    }
}
