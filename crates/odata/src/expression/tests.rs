//! Filters as clients write them: how they group, what they are compared with, and what is refused where.

use proptest::prelude::*;

use super::*;
use crate::model::EntityType;
use crate::query::{Problem, Query};
use crate::query_option::QueryOptions;
use crate::sample::{APPLICATION, CONNECTOR_GROUP, MODEL, SEGMENT};

/// The tree in a form that is easy to compare; variables below a lambda are `$1`, `$2`.
pub(crate) fn shown(expression: &Expression) -> String {
    let all = |several: &[Expression]| several.iter().map(shown).collect::<Vec<_>>().join(", ");
    match expression {
        Expression::Literal(literal) => literal_shown(literal),
        Expression::Path(path) => path_shown(path),
        Expression::Count(path) => format!("#{}", path_shown(path)),
        Expression::Not(inner) => format!("!{}", shown(inner)),
        Expression::Negate(inner) => format!("-{}", shown(inner)),
        Expression::Binary { operator, left, right } => format!("({} {operator:?} {})", shown(left), shown(right)),
        Expression::In { value, among } => format!("({} In [{}])", shown(value), all(among)),
        Expression::Call { function, arguments } => format!("{function:?}({})", all(arguments)),
        Expression::Lambda { quantifier, over, variable, condition } => {
            let condition = condition.as_deref().map(shown).unwrap_or_default();
            format!("{quantifier:?}({} ${}: {condition})", path_shown(over), variable.0)
        }
    }
}

fn path_shown(path: &Path) -> String {
    match (path.from, path.name()) {
        (IT, name) if !name.is_empty() => name,
        (Variable(at), name) if name.is_empty() => format!("${at}"),
        (Variable(at), name) => format!("${at}/{name}"),
    }
}

fn literal_shown(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(truth) => truth.to_string(),
        Literal::Integer(number) => number.to_string(),
        Literal::Number(number) => format!("{number:?}"),
        Literal::Text(text) => format!("'{text}'"),
        Literal::Guid(text) => text.clone(),
        Literal::DateTimeOffset(at) => at.to_string(),
        Literal::Date(date) => date.to_string(),
        Literal::TimeOfDay(time) => time.to_string(),
        Literal::Duration(span) => format!("{}ms", span.as_millis()),
        Literal::Members(members) => members.join("+"),
    }
}

fn on(kind: &'static EntityType, text: &str) -> Result<Expression, QueryError> {
    let options = QueryOptions { filter: Some(text.to_owned()), ..QueryOptions::default() };
    Query::parse(&options, kind, &MODEL).map(|query| query.filter.unwrap())
}

fn parsed(text: &str) -> String {
    shown(&on(&APPLICATION, text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn refused(text: &str) -> QueryError {
    match on(&APPLICATION, text) {
        Ok(filter) => panic!("{text} was accepted as {}", shown(&filter)),
        Err(error) => error,
    }
}

#[test]
fn operators_group_by_their_precedence_and_to_the_left() {
    for (text, tree) in [
        ("size eq 1 or size eq 2 and size eq 3", "((size Equal 1) Or ((size Equal 2) And (size Equal 3)))"),
        ("size eq 1 and size eq 2 or size eq 3", "(((size Equal 1) And (size Equal 2)) Or (size Equal 3))"),
        ("(size eq 1 or size eq 2) and size eq 3", "(((size Equal 1) Or (size Equal 2)) And (size Equal 3))"),
        ("size sub 1 sub 2 eq 3", "(((size Subtract 1) Subtract 2) Equal 3)"),
        ("size add 2 mul 3 lt 4", "((size Add (2 Multiply 3)) Less 4)"),
        ("size div 2 mod 3 divby 4 gt -1", "((((size Divide 2) Modulo 3) DivideBy 4) Greater -1)"),
        ("-size mul 2 ge - 5", "((-size Multiply 2) GreaterOrEqual -5)"),
        ("size gt 1 eq true", "((size Greater 1) Equal true)"),
        ("not size eq 1 and size le 2", "(!(size Equal 1) And (size LessOrEqual 2))"),
        ("not not(size eq 1)", "!!(size Equal 1)"),
        ("not displayName in ('a','b')", "!(displayName In ['a', 'b'])"),
        ("displayName in ()", "(displayName In [])"),
        ("( ( size ) ) eq ( 1 )", "(size Equal 1)"),
        ("size\teq\t1", "(size Equal 1)"),
    ] {
        assert_eq!(parsed(text), tree, "{text}");
    }
}

#[test]
fn keywords_functions_names_and_members_are_read_in_any_case() {
    for (text, tree) in [
        ("DISPLAYNAME EQ 'O''Neil & 1'", "(displayName Equal 'O'Neil & 1')"),
        (
            "StartsWith(DisplayName,'a') OR EndsWith(displayname,'b')",
            "(StartsWith(displayName, 'a') Or EndsWith(displayName, 'b'))",
        ),
        ("displayName Eq NULL aNd TRUE", "((displayName Equal null) And true)"),
        ("onPremisesPublishing/Protocol HAS 'TCP'", "(onPremisesPublishing/protocol Has tcp)"),
        ("Tags/ANY(t:T eq 'x')", "Any(tags $1: ($1 Equal 'x'))"),
        ("Owners/$COUNT gt 1", "(#owners Greater 1)"),
    ] {
        assert_eq!(parsed(text), tree, "{text}");
    }
}

#[test]
fn every_kind_of_literal_is_understood() {
    for (text, tree) in [
        ("size eq 9223372036854775807", "(size Equal 9223372036854775807)"),
        ("size eq -9223372036854775808", "(size Equal -9223372036854775808)"),
        ("size eq +5", "(size Equal 5)"),
        ("size eq 5.0", "(size Equal 5.0)"),
        ("weight eq 1e3", "(weight Equal 1000.0)"),
        ("weight eq -0.314E1", "(weight Equal -3.14)"),
        ("weight eq 5", "(weight Equal 5)"),
        ("deletedDateTime ge 2026-01-31T12:00:00Z", "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00Z)"),
        ("deletedDateTime ge 2026-01-31T12:00z", "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00Z)"),
        ("deletedDateTime ge 2026-01-31T13:00:00+01:00", "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00Z)"),
        (
            "deletedDateTime ge 2026-01-31T12:00:00.1234567Z",
            "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00.1234567Z)",
        ),
        ("deletedDateTime eq 1972-06-30T23:59:60Z", "(deletedDateTime Equal 1972-06-30T23:59:59Z)"),
        ("deletedDateTime ge 2026-01-31", "(deletedDateTime GreaterOrEqual 2026-01-31T00:00:00Z)"),
        ("deletedDateTime ge '2026-01-31T13:00:00+01:00'", "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00Z)"),
        ("deletedDateTime lt 9999-12-31T23:59:59.9999999Z", "(deletedDateTime Less 9999-12-30T22:00:00.999999999Z)"),
        ("date(deletedDateTime) eq 2026-01-31", "(Date(deletedDateTime) Equal 2026-01-31)"),
        ("onPremisesPublishing/startsAt lt 12:30", "(onPremisesPublishing/startsAt Less 12:30:00)"),
        ("onPremisesPublishing/startsAt lt '12:30:00.5'", "(onPremisesPublishing/startsAt Less 12:30:00.5)"),
        ("onPremisesPublishing/lasts gt duration'P1DT2H3M4.5S'", "(onPremisesPublishing/lasts Greater 93784500ms)"),
        ("onPremisesPublishing/lasts gt '-PT1M'", "(onPremisesPublishing/lasts Greater -60000ms)"),
        ("onPremisesPublishing/protocol eq 'udp,TCP'", "(onPremisesPublishing/protocol Equal udp+tcp)"),
        ("onPremisesPublishing/protocol eq '3'", "(onPremisesPublishing/protocol Equal tcp+udp)"),
        ("onPremisesPublishing/protocol has microsoft.graph.protocol'tcp'", "(onPremisesPublishing/protocol Has tcp)"),
        ("onPremisesPublishing/protocol has graph.protocol'tcp'", "(onPremisesPublishing/protocol Has tcp)"),
        ("onPremisesPublishing/isEnabled ne FALSE", "(onPremisesPublishing/isEnabled NotEqual false)"),
        ("api eq 'x' or api gt 5", "((api Equal 'x') Or (api Greater 5))"),
        ("displayName eq ''", "(displayName Equal '')"),
    ] {
        assert_eq!(parsed(text), tree, "{text}");
    }
}

#[test]
fn a_uuid_may_stand_with_or_without_quotes_beside_a_uuid_or_a_text() {
    let id = "AAAAAAAA-0000-0000-0000-00000000000A";
    let lower = id.to_lowercase();
    assert_eq!(parsed(&format!("appId eq {id}")), format!("(appId Equal {lower})"));
    assert_eq!(parsed(&format!("appId eq '{id}'")), format!("(appId Equal {lower})"));
    assert_eq!(parsed(&format!("'{id}' eq appId")), format!("({lower} Equal appId)"));
    assert_eq!(parsed(&format!("id eq {id}")), format!("(id Equal '{lower}')"));
    assert_eq!(parsed("appId eq 'no id'"), "(appId Equal 'no id')");
    assert_eq!(parsed(&format!("appId in ({id},'x')")), format!("(appId In [{lower}, 'x'])"));
    assert_eq!(parsed("startswith(appId,'aaaa')"), "StartsWith(appId, 'aaaa')");
}

#[test]
fn conditions_are_values_too() {
    for (text, tree) in [
        ("startswith(displayName,'a') eq true", "(StartsWith(displayName, 'a') Equal true)"),
        ("true ne contains(displayName,'a')", "(true NotEqual Contains(displayName, 'a'))"),
        ("onPremisesPublishing/isEnabled", "onPremisesPublishing/isEnabled"),
        ("not onPremisesPublishing/isEnabled", "!onPremisesPublishing/isEnabled"),
        ("true", "true"),
        ("null", "null"),
        ("null eq null", "(null Equal null)"),
        ("displayName gt null", "(displayName Greater null)"),
        ("onPremisesPublishing ne null", "(onPremisesPublishing NotEqual null)"),
        ("connectorGroup eq null", "(connectorGroup Equal null)"),
        ("displayName eq uniqueName", "(displayName Equal uniqueName)"),
        ("5 lt size", "(5 Less size)"),
        ("1 eq 1.0", "(1 Equal 1.0)"),
    ] {
        assert_eq!(parsed(text), tree, "{text}");
    }
}

#[test]
fn paths_lead_through_structures_and_single_navigations_and_lambdas_through_collections() {
    for (text, tree) in [
        ("connectorGroup/name eq 'x'", "(connectorGroup/name Equal 'x')"),
        ("$it/displayName eq 'x'", "(displayName Equal 'x')"),
        ("$this/displayName eq 'x'", "(displayName Equal 'x')"),
        ("tags/any()", "Any(tags $1: )"),
        ("tags/any(t:t eq 'x' and t ne displayName)", "Any(tags $1: (($1 Equal 'x') And ($1 NotEqual displayName)))"),
        ("tags/all(t:startswith(t,'x'))", "All(tags $1: StartsWith($1, 'x'))"),
        ("keyCredentials/any(k:k/keyId eq null)", "Any(keyCredentials $1: ($1/keyId Equal null))"),
        (
            "connectorGroup/applications/any(a:a/tags/any(t:t eq a/displayName and t eq $it/displayName))",
            "Any(connectorGroup/applications $1: Any($1/tags $2: (($2 Equal $1/displayName) And ($2 Equal displayName))))",
        ),
        (
            "owners/any(x:x/id eq 'a') and owners/all(x:x/id ne 'b')",
            "(Any(owners $1: ($1/id Equal 'a')) And All(owners $1: ($1/id NotEqual 'b')))",
        ),
        ("tags/any(t:tags/any(t:t eq 'inner'))", "Any(tags $1: Any(tags $2: ($2 Equal 'inner')))"),
        ("tags/$count eq 0", "(#tags Equal 0)"),
        ("connectorGroup/members/$count div 2 eq 1", "((#connectorGroup/members Divide 2) Equal 1)"),
        ("tags/any(t:true)", "Any(tags $1: true)"),
    ] {
        assert_eq!(parsed(text), tree, "{text}");
    }
    let members = on(&CONNECTOR_GROUP, "members/any(m:m/status eq 'ACTIVE' and m/memberOf/$count gt 1)").unwrap();
    assert_eq!(shown(&members), "Any(members $1: (($1/status Equal active) And (#$1/memberOf Greater 1)))");
}

#[test]
fn every_function_is_understood() {
    for (text, tree) in [
        ("contains(displayName,'a')", "Contains(displayName, 'a')"),
        ("length(displayName) gt 3", "(Length(displayName) Greater 3)"),
        ("indexof(displayName,'a') eq -1", "(IndexOf(displayName, 'a') Equal -1)"),
        ("substring(displayName,1) eq 'a'", "(Substring(displayName, 1) Equal 'a')"),
        ("substring(displayName, 1 , size) eq 'a'", "(Substring(displayName, 1, size) Equal 'a')"),
        ("tolower(toupper(trim(displayName))) eq 'a'", "(ToLower(ToUpper(Trim(displayName))) Equal 'a')"),
        ("concat(concat(displayName,'-'),appId) eq 'a'", "(Concat(Concat(displayName, '-'), appId) Equal 'a')"),
        ("year(deletedDateTime) eq 2026", "(Year(deletedDateTime) Equal 2026)"),
        ("month(2026-01-31) eq day('2026-01-31')", "(Month(2026-01-31) Equal Day(2026-01-31T00:00:00Z))"),
        (
            "hour(onPremisesPublishing/startsAt) eq minute(now())",
            "(Hour(onPremisesPublishing/startsAt) Equal Minute(Now()))",
        ),
        ("second(now()) lt fractionalseconds(now())", "(Second(Now()) Less FractionalSeconds(Now()))"),
        ("time(deletedDateTime) gt 12:00:00", "(Time(deletedDateTime) Greater 12:00:00)"),
        ("deletedDateTime gt mindatetime()", "(deletedDateTime Greater MinDateTime())"),
        ("deletedDateTime lt maxdatetime( )", "(deletedDateTime Less MaxDateTime())"),
        (
            "round(weight) eq floor(weight) or ceiling(size) eq 1",
            "((Round(weight) Equal Floor(weight)) Or (Ceiling(size) Equal 1))",
        ),
        (
            "deletedDateTime ge now() sub duration'P30D'",
            "(deletedDateTime GreaterOrEqual (Now() Subtract 2592000000ms))",
        ),
        ("now() sub deletedDateTime gt 'P30D'", "((Now() Subtract deletedDateTime) Greater 2592000000ms)"),
        ("deletedDateTime add 'PT1H' mul 2 lt now()", ""),
        (
            "onPremisesPublishing/lasts mul 2 gt duration'PT1H'",
            "((onPremisesPublishing/lasts Multiply 2) Greater 3600000ms)",
        ),
        ("contains(displayName,null)", "Contains(displayName, null)"),
    ] {
        match tree {
            "" => assert!(matches!(refused(text).problem, Problem::WrongType { .. }), "{text}"),
            tree => assert_eq!(parsed(text), tree, "{text}"),
        }
    }
}

#[test]
fn every_error_says_what_is_wrong_and_where() {
    for (text, position, message) in [
        ("", 1, "A property, a value or a function is expected, but found the end."),
        ("displayName eq", 15, "A property, a value or a function is expected, but found the end."),
        ("eq 'a'", 4, "An operator or the end is expected, but found the string 'a'."),
        ("displayName eq 'a' x", 20, "An operator or the end is expected, but found 'x'."),
        ("displayName eq 'a", 16, "The string is not closed."),
        ("displayName eq 'a')", 19, "An operator or the end is expected, but found ')'."),
        ("(displayName eq 'a'", 20, "')' is expected, but found the end."),
        ("displayName = 'a'", 13, "An operator or the end is expected, but found '='."),
        ("displayName eq \"a\"", 16, "The character '\\\"' is not expected here."),
        ("nosuch eq 'x'", 1, "Could not find a property named 'nosuch' on type 'microsoft.graph.application'."),
        ("connectorGroup/x eq 1", 16, "Could not find a property named 'x' on type 'microsoft.graph.connectorGroup'."),
        (
            "onPremisesPublishing/x eq 1",
            22,
            "Could not find a property named 'x' on type 'microsoft.graph.onPremisesPublishing'.",
        ),
        ("displayName/x eq 1", 13, "Could not find a property named 'x' on type 'Edm.String'."),
        ("tags/any(t:u eq 'x')", 12, "Could not find a property named 'u' on type 'microsoft.graph.application'."),
        ("tags/any(t:t/x eq 'x')", 14, "Could not find a property named 'x' on type 'Edm.String'."),
        (
            "tags/any(t:true) and t eq 'x'",
            22,
            "Could not find a property named 't' on type 'microsoft.graph.application'.",
        ),
        ("displayName eq 5", 16, "'displayName' is compared with the number 5, but a string is expected."),
        ("size eq 'x'", 9, "'size' is compared with the string 'x', but a 64-bit integer is expected."),
        ("ä eq 1", 1, "Could not find a property named 'ä' on type 'microsoft.graph.application'."),
        (
            "displayName eq 'ä' and size eq 'x'",
            32,
            "'size' is compared with the string 'x', but a 64-bit integer is expected.",
        ),
        ("onPremisesPublishing/protocol eq 'blue'", 34, "one or more of tcp, udp, with commas between is expected"),
        ("onPremisesPublishing/protocol eq graph.protocol'blue'", 34, "one or more of tcp, udp"),
        ("onPremisesPublishing/protocol eq graph.nosuch'tcp'", 34, "The type 'graph.nosuch' does not exist."),
        ("onPremisesPublishing/protocol eq graph.connectorStatus'active'", 34, "one or more of tcp, udp"),
        ("displayName has 'x'", 1, "A property of an enumeration is expected, but found the property 'displayName'."),
        ("onPremisesPublishing/isEnabled eq 'true'", 35, "true or false is expected"),
        ("deletedDateTime gt 2026-02-30", 20, "'2026-02-30' is not a valid value."),
        ("deletedDateTime gt 'yesterday'", 20, "a date and time such as 2026-01-31T12:00:00Z is expected"),
        ("size eq 9223372036854775808", 9, "'9223372036854775808' is not a valid value."),
        ("weight eq 1e400", 11, "'1e400' is not a valid value."),
        ("weight eq INF", 11, "A number that is infinite or none is not supported."),
        ("weight eq -NaN", 12, "A number that is infinite or none is not supported."),
        ("logo eq binary'AAAA'", 9, "A binary literal is not supported."),
        ("x'a' eq 1", 1, "'x'a'' is not a valid value."),
        ("duration'1D' eq null", 1, "'1D' is not a valid value."),
        ("displayName", 1, "A condition is expected, but found the property 'displayName'."),
        ("'a' and true", 1, "A condition is expected, but found the string 'a'."),
        ("not size", 5, "A condition is expected, but found the property 'size'."),
        ("tags eq null", 9, "'tags' is compared with null, but a condition with 'any' or 'all' is expected."),
        ("owners/id eq 'x'", 8, "A path through a collection without 'any' or 'all' is not supported."),
        ("displayName/$count gt 1", 1, "A collection is expected, but found 'displayName'."),
        ("displayName/any(d:d eq 'x')", 1, "A collection is expected, but found 'displayName'."),
        ("tags/any(t)", 11, "':' is expected, but found ')'."),
        ("tags/all()", 10, "A variable is expected, but found ')'."),
        ("tags/any(a.b:true)", 10, "A variable is expected, but found 'a.b'."),
        ("any()", 1, "The function 'any' is not supported."),
        ("nosuch(displayName,'a')", 1, "The function 'nosuch' is not supported."),
        ("startswith(displayName)", 1, "The function 'startswith' takes 2 arguments, but found 1."),
        ("now(1) eq null", 1, "The function 'now' takes no arguments, but found 1."),
        ("startswith(displayName,5)", 24, "A text is expected, but found the number 5."),
        ("startswith(size,'1')", 12, "A text is expected, but found the property 'size'."),
        ("year(displayName) eq 1", 6, "A date is expected, but found the property 'displayName'."),
        ("displayName add 1 eq 2", 17, "a number, or a duration beside a date is expected"),
        ("-displayName eq 1", 2, "A number is expected, but found the property 'displayName'."),
        ("displayName in 'a'", 16, "'(' is expected, but found the string 'a'."),
        ("displayName in (displayName,'x')", 17, "A value is expected, but found an expression."),
        ("displayName in (displayName)", 16, "'in' with anything but a list of values is not supported."),
        ("displayName in ('a',5)", 21, "'displayName' is compared with the number 5"),
        ("displayName in ('a'", 20, "')' or ',' is expected, but found the end."),
        ("onPremisesPublishing/isEnabled gt true", 35, "An order between these values is not supported."),
        ("onPremisesPublishing eq onPremisesPublishing", 25, "but null is expected."),
        ("keyCredentials/any(k:k/key eq null)", 24, "The property 'key' holds a secret and cannot be asked about."),
        ("onPremisesPublishing/certificate ne null", 22, "The property 'certificate' holds a secret"),
        ("onPremisesPublishing/microsoft.graph.x/y eq 1", 22, "A type cast is not supported."),
        ("cast(displayName,Edm.String) eq 'x'", 1, "The function 'cast' is not supported."),
        ("$root/applications eq 1", 1, "'$root' is not supported."),
        ("displayName eq @p", 16, "A parameter alias or an annotation is not supported."),
        ("tags in ['a']", 9, "A JSON literal is not supported."),
        ("tags/$filter(true)/$count eq 1", 6, "A function or a key in a path is not supported."),
        ("tags/$count(true) eq 1", 6, "A function or a key in a path is not supported."),
        ("displayName eq 'a\0'", 18, "The character '\\u{0}' is not expected here."),
        ("place/", 7, "A property is expected, but found the end."),
        ("a..b eq 1", 1, "A name is expected, but found 'a..b'."),
        ("a-b eq 1", 2, "An operator or the end is expected, but found '-'."),
        ("displayName eq 'a';drop table x", 19, "The character ';' is not expected here."),
    ] {
        let error = refused(text);
        assert_eq!(error.position, position, "{text}: {error}");
        let whole = error.to_string();
        assert!(whole.contains(message), "{text}: {whole}");
        assert!(whole.starts_with("Invalid filter clause: "), "{whole}");
        assert!(whole.ends_with(&format!("(position {position} of $filter)")), "{whole}");
    }
}

#[test]
fn what_is_well_formed_and_not_supported_is_told_from_what_is_wrong() {
    for text in ["cast(displayName,Edm.String) eq 'x'", "tags in ['a']", "displayName eq @p", "geo.length(size) eq 1"] {
        assert!(refused(text).is_unsupported(), "{text}");
    }
    for text in ["displayName eq", "nosuch eq 1", "size eq 'x'"] {
        assert!(!refused(text).is_unsupported(), "{text}");
    }
}

#[test]
fn dates_alone_are_compared_with_dates() {
    assert_eq!(shown(&on(&SEGMENT, "expires lt 2026-01-31").unwrap()), "(expires Less 2026-01-31)");
    assert_eq!(shown(&on(&SEGMENT, "expires lt '2026-01-31'").unwrap()), "(expires Less 2026-01-31)");
    assert_eq!(
        shown(&on(&SEGMENT, "expires sub 2026-01-31 gt 'P1D'").unwrap()),
        "((expires Subtract 2026-01-31) Greater 86400000ms)"
    );
    on(&SEGMENT, "expires lt 2026-01-31T00:00:00Z").unwrap_err();
}

#[test]
fn hostile_filters_are_refused_before_they_cost_anything() {
    let problem = |text: &str| refused(text).problem;
    let wrapped = |open: &str, count: usize| format!("{}true{}", open.repeat(count), ")".repeat(count));
    assert_eq!(problem(&wrapped("(", 5_000)), Problem::TooLong);
    assert_eq!(problem(&wrapped("(", 4_000)), Problem::TooDeep);
    assert_eq!(problem(&"not ".repeat(10_000)), Problem::TooLong);
    assert_eq!(problem(&"not ".repeat(2_000)), Problem::TooDeep);
    assert_eq!(problem(&"- ".repeat(4_000)), Problem::TooDeep);
    assert_eq!(problem(&wrapped("tags/any(t:", 500)), Problem::TooDeep);
    assert_eq!(problem(&vec!["true"; 500].join(" or ")), Problem::TooMany);
    assert_eq!(problem(&format!("size in ({})", vec!["1"; 4_000].join(","))), Problem::TooMany);
    assert_eq!(problem(&"contains(".repeat(500)), Problem::TooDeep);
    assert_eq!(parsed(&vec!["true"; 50].join(" or ")).matches("Or").count(), 49);
    assert_eq!(parsed(&wrapped("(", 31)), "true");
    assert_eq!(problem("tags/any(a:tags/any(b:tags/any(c:true)))"), Problem::LambdaTooDeep);
    assert_eq!(parsed("tags/any(a:tags/all(b:a eq b))"), "Any(tags $1: All(tags $2: ($1 Equal $2)))");
}

#[test]
fn at_a_time_what_needs_no_entity_is_calculated() {
    let now: jiff::Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    for (text, tree) in [
        ("deletedDateTime ge now()", "(deletedDateTime GreaterOrEqual 2026-01-31T12:00:00Z)"),
        ("deletedDateTime ge now() sub duration'P1D'", "(deletedDateTime GreaterOrEqual 2026-01-30T12:00:00Z)"),
        ("year(now()) eq 2025 add 1", "(2026 Equal 2026)"),
        (
            "tags/any(t:t eq concat('a','b')) or not(size in (1,2))",
            "(Any(tags $1: ($1 Equal 'ab')) Or !(size In [1, 2]))",
        ),
        ("size eq 5 div 0", "(size Equal null)"),
        ("deletedDateTime gt mindatetime()", "(deletedDateTime Greater 0001-01-01T00:00:00Z)"),
        ("size add 1 eq - (2)", "((size Add 1) Equal -2)"),
    ] {
        assert_eq!(shown(&on(&APPLICATION, text).unwrap().at(now)), tree, "{text}");
    }
}

#[test]
fn the_grammar_alone_can_be_checked_with_names_that_do_not_exist() {
    syntax("Products/any(p:p/Price mul 2 gt 5.5) and contains(Name,'x')").unwrap();
    assert_eq!(syntax("Products/any(p:").unwrap_err().position, 16);
}

proptest! {
    #[test]
    fn no_text_makes_the_filter_parser_panic(text in "\\PC{0,300}") {
        let _ = on(&APPLICATION, &text);
    }

    #[test]
    fn no_sequence_of_words_makes_the_filter_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", ",", "/", "'a'", "displayName", "size", "tags", "owners", "eq", "ne", "and", "or", "not", "in",
                "null", "true", "5", "-", "startswith", "any", "all", ":", "t", "onPremisesPublishing", "protocol", "'",
                "2026-01-01T00:00:00Z", "$count", "$it", "has", "add", "div", "now", "duration'P1D'", "weight", "lt",
                "tags/any(t:", "contains(", "graph.protocol'tcp'", "9223372036854775807", "connectorGroup/name",
            ]),
            0..60,
        ),
        separator in prop::sample::select(vec!["", " "]),
    ) {
        if let Ok(filter) = on(&APPLICATION, &words.join(separator)) {
            let filter = filter.at(jiff::Timestamp::UNIX_EPOCH);
            let _ = crate::memory::holds(&filter, &serde_json::Map::new());
        }
    }

    #[test]
    fn a_quoted_string_comes_out_as_it_went_in(text in "[^\\x00]{0,40}") {
        let filter = parsed(&format!("displayName eq '{}'", text.replace('\'', "''")));
        prop_assert_eq!(filter, format!("(displayName Equal '{}')", text));
    }

    #[test]
    fn a_moment_comes_out_as_it_went_in(seconds in -62_135_596_800_i64..253_402_200_000) {
        let at = jiff::Timestamp::from_second(seconds).unwrap();
        prop_assert_eq!(parsed(&format!("deletedDateTime eq {at}")), format!("(deletedDateTime Equal {at})"));
    }
}
