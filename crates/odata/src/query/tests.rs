//! Selections, expansions, orders and searches as clients write them, and what is refused where.

use proptest::prelude::*;

use super::*;
use crate::expression::Direction;
use crate::expression::tests::shown;
use crate::sample::{APPLICATION, CONNECTOR_GROUP, MODEL, PROFILE};

fn asked(on: &'static EntityType, query: &str) -> Result<Query, QueryError> {
    Query::parse(&QueryOptions::parse(query).unwrap(), on, &MODEL)
}

fn parsed(on: &'static EntityType, query: &str) -> Query {
    asked(on, query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// An expansion with its options, in a form that is easy to compare.
fn expansions(query: &Query) -> String {
    let one = |expansion: &Expansion| {
        let what = match expansion.what {
            ExpandedPart::Entities => "",
            ExpandedPart::References => "/$ref",
            ExpandedPart::Count => "/$count",
        };
        format!("{}{what}{}", expansion.navigation.name, inside(&expansion.query))
    };
    query.expand.iter().map(one).collect::<Vec<_>>().join(",")
}

fn inside(query: &Query) -> String {
    let mut options = vec![query.select.describe()];
    options.extend(query.filter.as_ref().map(shown));
    options.extend(query.orderby.iter().map(|key| format!("by {} {:?}", shown(&key.by), key.direction)));
    options.extend(query.search.as_ref().map(searched));
    options.extend(query.top.map(|top| format!("top {top}")));
    options.extend(query.skip.map(|skip| format!("skip {skip}")));
    options.extend(query.count.then(|| "count".to_owned()));
    options.push(expansions(query));
    options.retain(|option| !option.is_empty());
    if options.is_empty() { String::new() } else { format!("[{}]", options.join("; ")) }
}

fn searched(search: &Search) -> String {
    match search {
        Search::Term { property: Some(property), text } => format!("{property}:{text}"),
        Search::Term { property: None, text } => text.clone(),
        Search::And(left, right) => format!("({} & {})", searched(left), searched(right)),
        Search::Or(left, right) => format!("({} | {})", searched(left), searched(right)),
        Search::Not(inner) => format!("!{}", searched(inner)),
    }
}

#[test]
fn all_options_of_a_request_are_read_together() {
    let query = parsed(
        &APPLICATION,
        "$select=id,displayName&$filter=size gt 1&$orderby=size desc&$search=x&$top=5&$skip=2&$count=true&$expand=owners",
    );
    assert_eq!(
        inside(&query),
        "[(id,displayName); (size Greater 1); by size Descending; x; top 5; skip 2; count; owners]"
    );
    assert_eq!(parsed(&APPLICATION, ""), Query::default());
}

#[test]
fn select_names_properties_paths_operations_and_everything() {
    for (select, names) in [
        ("DISPLAYNAME, id ,displayName", "(displayName,id)"),
        ("onPremisesPublishing/ExternalUrl,owners", "(onPremisesPublishing/externalUrl)"),
        ("microsoft.graph.application/displayName", "(displayName)"),
        ("onPremisesPublishing/segmentsConfiguration/graph.webSegmentConfiguration/applicationSegments,id", "(id)"),
        ("id,microsoft.graph.delta,graph.*", "(id)"),
        ("*", ""),
        ("id,*", ""),
        (
            "*,onPremisesPublishing",
            "(id,deletedDateTime,appId,uniqueName,displayName,tags,logo,weight,size,api,keyCredentials,onPremisesPublishing)",
        ),
    ] {
        let query = parsed(&APPLICATION, &format!("$select={select}"));
        assert_eq!(query.select.describe(), names, "{select}");
    }
    assert!(matches!(parsed(&APPLICATION, "$select=*").select, Projection::Default));
}

#[test]
fn a_name_of_a_derived_type_can_be_selected_with_its_type() {
    let on = &crate::sample::DIRECTORY_OBJECT;
    assert_eq!(parsed(on, "$select=id,graph.application/appId").select.describe(), "(id,appId)");
    assert!(asked(on, "$select=graph.connector/machineName").is_err());
    assert!(asked(on, "$select=appId").is_err());
}

#[test]
fn expand_takes_options_of_its_own() {
    for (expand, tree) in [
        ("members", "members"),
        ("Members,Applications", "members,applications"),
        ("members/$ref,applications/$count", "members/$ref,applications/$count"),
        ("*", "members,applications"),
        ("*/$ref,members($top=1)", "members[top 1],applications/$ref"),
        ("graph.connectorGroup/members", "members"),
        (
            "members($select=id,machineName;$filter=status eq 'active')",
            "members[(id,machineName); (status Equal active)]",
        ),
        (
            "members( $orderby=machineName desc,id ; $top=3;skip=1;COUNT=true )",
            "members[by machineName Descending; by id Ascending; top 3; skip 1; count]",
        ),
        (
            "members($filter=machineName eq 'a;b)''c'),applications",
            "members[(machineName Equal 'a;b)'c')],applications",
        ),
        ("members($filter=(machineName eq 'a' or (true)))", "members[((machineName Equal 'a') Or true)]"),
        ("members($search=\"machineName:a;)\" OR b)", "members[(machineName:a;) | b)]"),
        ("members($expand=memberOf($select=id))", "members[memberOf[(id)]]"),
        ("members($expand=*)", "members[memberOf]"),
        ("members/$count($filter=status eq 'active';$search=x)", "members/$count[(status Equal active); x]"),
        ("applications($expand=connectorGroup($select=id))", "applications[connectorGroup[(id)]]"),
        (
            "members($filter=memberOf/any(g:g/name eq $this/machineName))",
            "members[Any(memberOf $1: ($1/name Equal machineName))]",
        ),
    ] {
        let query = parsed(&CONNECTOR_GROUP, &format!("$expand={expand}"));
        assert_eq!(expansions(&query), tree, "{expand}");
    }
}

#[test]
fn orders_have_several_keys_each_with_its_direction() {
    let query = parsed(
        &APPLICATION,
        "$orderby=displayName,size DESC, onPremisesPublishing/externalUrl asc,length(displayName) desc,owners/$count",
    );
    let keys: Vec<_> = query.orderby.iter().map(|key| (shown(&key.by), key.direction)).collect();
    let expected = [
        ("displayName", Direction::Ascending),
        ("size", Direction::Descending),
        ("onPremisesPublishing/externalUrl", Direction::Ascending),
        ("Length(displayName)", Direction::Descending),
        ("#owners", Direction::Ascending),
    ];
    assert_eq!(keys, expected.map(|(key, direction)| (key.to_owned(), direction)));
    let query = parsed(&APPLICATION, "$orderby=size gt 5 desc,onPremisesPublishing/protocol");
    assert_eq!(shown(&query.orderby[0].by), "(size Greater 5)");
}

#[test]
fn searches_have_words_phrases_properties_and_operators_in_capitals() {
    for (search, tree) in [
        ("blue", "blue"),
        (" blue ", "blue"),
        ("\"displayName:blue green\"", "displayName:blue green"),
        ("\"DISPLAYNAME:a\" AND \"uniqueName:b\"", "(displayName:a & uniqueName:b)"),
        ("displayName:blue", "displayName:blue"),
        ("\"https://example.com\"", "https://example.com"),
        ("blue green", "(blue & green)"),
        ("a OR b AND c", "(a | (b & c))"),
        ("a OR b c", "(a | (b & c))"),
        ("(a OR b) AND NOT c", "((a | b) & !c)"),
        ("NOT NOT a", "!!a"),
        ("NOT NOT", "!NOT"),
        ("AND", "AND"),
        ("AND OR NOT", "(AND | NOT)"),
        ("or and not", "((or & and) & not)"),
        ("( a )", "a"),
        ("\"say \\\"hi\\\" \\\\ there\"", "say \"hi\" \\ there"),
        ("Daniel's 08/15 9,81 $search", "(((Daniel's & 08/15) & 9,81) & $search)"),
    ] {
        let options = QueryOptions { search: Some(search.to_owned()), ..QueryOptions::default() };
        let query = Query::parse(&options, &APPLICATION, &MODEL).unwrap_or_else(|error| panic!("{search}: {error}"));
        assert_eq!(searched(&query.search.unwrap()), tree, "{search}");
    }
}

#[test]
fn every_error_says_which_option_is_wrong_and_where() {
    for (query, position, message) in [
        (
            "$select=id,nosuch",
            4,
            "Parsing OData Select and Expand failed: Could not find a property named 'nosuch' on type 'microsoft.graph.application'. (position 4 of $select)",
        ),
        ("$select=onPremisesPublishing/x", 1, "named 'x' on type 'microsoft.graph.onPremisesPublishing'"),
        ("$select=displayName/x", 1, "Could not find a property named 'x'"),
        ("$select=id,,displayName", 4, "A name is expected, but found ','."),
        ("$select=", 1, "A name is expected, but found the end."),
        ("$select=id,", 4, "A name is expected, but found the end."),
        ("$select=id displayName", 4, "',' or the end is expected, but found 'd'."),
        ("$select=tags($top=1)", 5, "A name with parentheses is not supported."),
        ("$select=graph.nosuch", 1, "Could not find a property named 'graph.nosuch'"),
        ("$select=graph.connector/id", 1, "Could not find a property named 'graph.connector'"),
        ("$select=graph.application", 1, "A property of the type is expected"),
        ("$select=@a.b", 1, "An annotation is not supported."),
        ("$select=1", 1, "A name is expected, but found '1'."),
        ("$select=*x", 2, "',' or the end is expected"),
        ("$expand=nosuch", 1, "Could not find a property named 'nosuch'"),
        (
            "$expand=owners,displayName",
            8,
            "Property 'displayName' on type 'microsoft.graph.application' is not a navigation property.",
        ),
        ("$expand=owners,owners", 8, "'owners' is given more than once."),
        (
            "$expand=owners($filter=nosuch eq 1)",
            16,
            "Invalid filter clause: Could not find a property named 'nosuch' on type 'microsoft.graph.directoryObject'. (position 16 of $expand)",
        ),
        ("$expand=owners($select=id;$filter=id eq)", 32, "found the end"),
        ("$expand=owners($top=x)", 13, "A non-negative integer is expected, but found 'x'."),
        ("$expand=owners($count=1)", 15, "true or false is expected, but found '1'."),
        ("$expand=owners($top=1;$top=2)", 20, "'$top' is given more than once."),
        ("$expand=owners($select=id;$select=id)", 27, "'$select' is given more than once."),
        ("$expand=owners($levels=2)", 16, "'$levels' is not supported."),
        ("$expand=owners($compute=1)", 8, "This option in $expand is not supported."),
        ("$expand=owners(nosuch=1)", 8, "This option in $expand is not supported."),
        ("$expand=owners()", 8, "A query option is expected, but found ')'."),
        ("$expand=owners($top)", 12, "'=' is expected, but found ')'."),
        ("$expand=owners($top=1", 7, "The parenthesis is not closed."),
        ("$expand=owners($filter=(true)", 7, "The parenthesis is not closed."),
        ("$expand=owners($filter=id eq 'a)", 7, "The parenthesis is not closed."),
        ("$expand=owners($top=1))", 15, "',' or the end is expected, but found ')'."),
        ("$expand=owners/$value", 8, "'$ref' or '$count' is expected"),
        ("$expand=owners/x", 8, "A path in $expand is not supported."),
        ("$expand=owners/$ref($select=id)", 21, "The option '$select' cannot be used on $ref."),
        ("$expand=owners/$count($top=1)", 20, "The option '$top' cannot be used on $count."),
        (
            "$expand=connectorGroup($filter=true)",
            1,
            "The option '$filter' cannot be used on a navigation to one entity.",
        ),
        ("$expand=connectorGroup/$count", 1, "The option '$count' cannot be used on a navigation to one entity."),
        ("$expand=*($top=1)", 2, "An option on '*' is not supported."),
        ("$expand=owners($filter=$it/id eq 'x')", 16, "'$it' inside of $expand is not supported."),
        ("$expand=graph.nosuch/owners", 1, "The type 'graph.nosuch' does not exist."),
        ("$expand=", 1, "A navigation is expected, but found the end."),
        (
            "$orderby=tags",
            1,
            "Invalid orderby clause: A text, a number, a date, a time, a choice or a truth value to order by is expected, but found the collection 'tags'.",
        ),
        ("$orderby=onPremisesPublishing", 1, "but found the property 'onPremisesPublishing'"),
        ("$orderby=connectorGroup", 1, "is expected, but found"),
        ("$orderby=owners", 1, "but found the collection 'owners'"),
        ("$orderby=null", 1, "but found null"),
        ("$orderby=", 1, "found the end"),
        ("$orderby=size down", 6, "'asc', 'desc', ',' or the end is expected, but found 'down'."),
        ("$orderby=size,", 6, "found the end"),
        ("$orderby=logo", 1, "is expected"),
        ("$orderby=onPremisesPublishing/certificate/keyId", 22, "The property 'certificate' holds a secret"),
        (
            "$search=",
            1,
            "Invalid search clause: A word or a phrase is expected, but found the end. (position 1 of $search)",
        ),
        ("$search=a;b", 2, "A semicolon outside of double quotes is not supported."),
        ("$search=\"blue", 1, "The string is not closed."),
        ("$search=\"blue\"green", 7, "A space is expected, but found 'g'."),
        ("$search=\"\"", 1, "A text to search is expected, but found nothing."),
        ("$search=\"displayName:\"", 1, "A text to search is expected"),
        ("$search=\"nosuch:x\"", 1, "Could not find a property named 'nosuch'"),
        ("$search=a \"size:5\"", 3, "A property that is a text is expected, but found 'size'."),
        ("$search=(a OR b", 1, "The parenthesis is not closed."),
        ("$search=a)", 2, "'AND', 'OR', a word or the end is expected, but found ')'."),
        ("$search=a OR )", 6, "'AND', 'OR', a word or the end is expected, but found ')'."),
        ("$search='a'", 1, "A search in single quotes is not supported."),
    ] {
        let error = asked(&APPLICATION, query).expect_err(query);
        assert!(error.to_string().contains(message), "{query}: {error}");
        assert_eq!(error.position, position, "{query}: {error}");
    }
}

#[test]
fn hostile_options_are_refused_before_they_cost_anything() {
    let problem =
        |on: &'static EntityType, options: QueryOptions| Query::parse(&options, on, &MODEL).unwrap_err().problem;
    let select = |text: String| QueryOptions { select: Some(text), ..QueryOptions::default() };
    let expand = |text: String| QueryOptions { expand: Some(text), ..QueryOptions::default() };
    let search = |text: String| QueryOptions { search: Some(text), ..QueryOptions::default() };
    let orderby = |text: String| QueryOptions { orderby: Some(text), ..QueryOptions::default() };
    assert_eq!(problem(&APPLICATION, select("id,".repeat(10_000))), Problem::TooLong);
    assert_eq!(problem(&APPLICATION, select("id,".repeat(2_000))), Problem::TooManySelected);
    assert_eq!(problem(&APPLICATION, expand(vec!["owners"; 21].join(","))), Problem::TooManyExpanded);
    assert_eq!(problem(&APPLICATION, expand("owners($expand=".repeat(500))), Problem::UnclosedParenthesis);
    let nested = format!("{}x{}", "a($expand=".repeat(500), ")".repeat(500));
    assert_eq!(problem(&APPLICATION, expand(nested)), Problem::ExpandTooDeep);
    let deep = "connectors($expand=memberOf($expand=members))".to_owned();
    assert_eq!(problem(&PROFILE, expand(deep)), Problem::ExpandTooDeep);
    assert_eq!(problem(&APPLICATION, search("(".repeat(8_000))), Problem::TooDeep);
    assert_eq!(problem(&APPLICATION, search("NOT ".repeat(2_000) + "a")), Problem::TooDeep);
    assert_eq!(problem(&APPLICATION, search("a ".repeat(4_000))), Problem::TooMany);
    assert_eq!(problem(&APPLICATION, orderby(vec!["id"; 500].join(","))), Problem::TooManyKeys);
}

#[test]
fn the_grammar_alone_can_be_checked_with_names_that_do_not_exist() {
    let options = QueryOptions::parse("$select=A/B&$expand=C($filter=D eq 1),*&$orderby=E/F desc&$search=g").unwrap();
    syntax(&options).unwrap();
    assert!(Query::parse(&options, &APPLICATION, &MODEL).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(select in "\\PC{0,80}", expand in "\\PC{0,80}", search in "\\PC{0,80}", orderby in "\\PC{0,80}") {
        for options in [
            QueryOptions { select: Some(select), ..QueryOptions::default() },
            QueryOptions { expand: Some(expand), ..QueryOptions::default() },
            QueryOptions { search: Some(search), ..QueryOptions::default() },
            QueryOptions { orderby: Some(orderby), ..QueryOptions::default() },
        ] {
            let _ = Query::parse(&options, &CONNECTOR_GROUP, &MODEL);
        }
    }

    #[test]
    fn no_sequence_of_words_makes_a_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", ",", ";", "/", "\"", "'", "*", "$ref", "$count", "members", "applications", "memberOf", "$select=",
                "$filter=", "$expand=", "$search=", "$orderby=", "$top=", "1", "id", "name", "desc", "AND", "OR", "NOT",
                " ", "name:x", "graph.connectorGroup", "\\", "true", "@", "$levels=", "$count=",
            ]),
            0..40,
        )
    ) {
        let text = words.concat();
        for options in [
            QueryOptions { select: Some(text.clone()), ..QueryOptions::default() },
            QueryOptions { expand: Some(text.clone()), ..QueryOptions::default() },
            QueryOptions { search: Some(text.clone()), ..QueryOptions::default() },
            QueryOptions { orderby: Some(text.clone()), ..QueryOptions::default() },
        ] {
            let _ = Query::parse(&options, &CONNECTOR_GROUP, &MODEL);
        }
    }
}
