//! Query options that cannot be read, mean nothing, or are too much; and literals that look like more than text.

use adit_tests::Directory;
use adit_tests::graph::PROFILE;
use serde_json::json;

use crate::{Refusals, encoded};

fn groups() -> String {
    format!("{PROFILE}/connectorGroups")
}

#[test]
fn options_that_are_wrong_are_named() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    for (option, value, names) in [
        ("$top", "-1", "top"),
        ("$top", "1.5", "top"),
        ("$top", "1e2", "top"),
        ("$top", "all", "top"),
        ("$top", "", "top"),
        ("$skip", "-1", "skip"),
        ("$skip", "x", "skip"),
        ("$count", "maybe", "count"),
        ("$nosuch", "1", "nosuch"),
        ("$apply", "aggregate($count as n)", "apply"),
        ("$compute", "length(name) as n", "compute"),
        ("$filter", "name eq", "filter"),
        ("$filter", "name eq 'a' and", "filter"),
        ("$filter", "name eq 'a", "filter"),
        ("$filter", "name eq 'a')", "filter"),
        ("$filter", "(name eq 'a'", "filter"),
        ("$filter", "name 'a'", "filter"),
        ("$filter", "name", "filter"),
        ("$filter", "'a'", "filter"),
        ("$filter", "nosuch eq 1", "nosuch"),
        ("$filter", "name/nosuch eq 1", "nosuch"),
        ("$filter", "nosuch(name) eq 1", "nosuch"),
        ("$filter", "startswith(name)", "startswith"),
        ("$filter", "name eq 1", "filter"),
        ("$filter", "isDefault eq 'yes'", "filter"),
        ("$filter", "length(isDefault) eq 1", "filter"),
        ("$filter", "name in 'a'", "filter"),
        ("$filter", "name in ('a',1)", "filter"),
        ("$filter", "name has 'a'", "filter"),
        ("$filter", "members/any(m:m/nosuch eq 'a')", "nosuch"),
        ("$filter", "members/any(m:x/machineName eq 'a')", "x"),
        ("$filter", "name eq 'a'; drop table connector_group", "filter"),
        ("$orderby", "nosuch", "nosuch"),
        ("$orderby", "name sideways", "sideways"),
        ("$orderby", "name,,isDefault", "orderby"),
        ("$orderby", "members", "members"),
        ("$select", "id,nosuch", "nosuch"),
        ("$select", "name/nosuch", "nosuch"),
        ("$expand", "nosuch", "nosuch"),
        ("$expand", "name", "name"),
        ("$expand", "members(", "expand"),
        ("$expand", "members($nosuch=1)", "expand"),
        ("$expand", "members($filter=nosuch eq 1)", "nosuch"),
        ("$expand", "members($orderby=nosuch)", "nosuch"),
        ("$expand", "members($top=-1)", "expand"),
        ("$expand", "members($select=nosuch)", "nosuch"),
        ("$expand", "members($expand=nosuch)", "nosuch"),
        ("$search", "\"unfinished", "search"),
    ] {
        refusals.demand_bad_query(&groups(), &format!("{option}={}", encoded(value)), names);
    }
    refusals.demand_bad_query(&groups(), "$top=1&$top=2", "top");
    refusals.demand_bad_query(&groups(), "$top=1&top=1", "top");
    refusals.demand_bad_query(&groups(), "$filter=name%20eq%20'a'&$FILTER=name%20eq%20'b'", "filter");
    refusals.demand("GET", &format!("/beta{}?$format=atom", groups()), &[], b"", &[400, 406], "");
    refusals.done();
}

#[test]
fn what_is_too_deep_too_long_or_too_many_is_refused_before_it_costs() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let nested = |depth: usize| {
        let inner = "members($expand=memberOf($expand=".repeat(depth);
        format!("{inner}members{}", "))".repeat(depth))
    };
    let within_the_length: Vec<(&str, String)> = vec![
        ("$filter", format!("{}isDefault{}", "(".repeat(40), ")".repeat(40))),
        ("$filter", format!("{}isDefault", "not ".repeat(40))),
        ("$filter", vec!["isDefault"; 120].join(" or ")),
        ("$filter", vec!["isDefault"; 120].join(" and ")),
        ("$filter", format!("name in ({})", vec!["'a'"; 150].join(","))),
        ("$filter", format!("{}name{} eq 'a'", "tolower(".repeat(40), ")".repeat(40))),
        ("$filter", format!("name eq {}'a'{}", "concat('a',".repeat(40), ")".repeat(40))),
        ("$filter", format!("1{} eq 2", " add 1".repeat(120))),
        ("$filter", "(".repeat(5000)),
        ("$expand", nested(1)),
        ("$expand", nested(10)),
    ];
    for (option, value) in &within_the_length {
        let path = format!("{option}={}", encoded(value));
        refusals.demand_bad_query(&groups(), &path, "");
    }
    let too_long: Vec<(&str, String)> = vec![
        ("$filter", format!("{}isDefault{}", "(".repeat(5000), ")".repeat(5000))),
        ("$filter", format!("{}isDefault", "not ".repeat(10_000))),
        ("$filter", vec!["isDefault"; 5000].join(" or ")),
        ("$select", vec!["id"; 10_000].join(",")),
        ("$expand", vec!["members"; 2000].join(",")),
        ("$orderby", vec!["name"; 2000].join(",")),
        ("$search", "a".repeat(9000)),
    ];
    for (option, value) in &too_long {
        // The HTTP library itself refuses a target of 64 KiB; up to there it is ours to say.
        let path: String = format!("{option}={}", encoded(value)).chars().take(60_000).collect();
        let path = if path.ends_with('%') { path.trim_end_matches('%').to_owned() } else { path };
        refusals.demand("GET", &format!("/beta{}?{path}", groups()), &[], b"", &[400, 414], "");
    }
    refusals.done();
}

#[test]
fn a_target_that_no_request_line_carries_is_refused_inside_a_batch_too() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let list = format!("{}?$filter=name in ({})", groups(), vec!["'a'"; 100_000].join(","));
    let body = json!({"requests": [{"id": "1", "method": "GET", "url": list}]}).to_string();
    let answer = refusals.graph.send_as_spelled("POST", "/beta/$batch", &crate::body::JSON, body.as_bytes());
    let status =
        if answer.status == 200 { answer.json()["responses"][0]["status"].clone() } else { answer.status.into() };
    assert!([json!(400), json!(414)].contains(&status), "{}", answer.text());
    refusals.done();
}

#[test]
fn the_limits_let_through_what_clients_send() {
    let directory = Directory::start();
    let graph = directory.graph();
    for (option, value) in [
        ("$top", "999".to_owned()),
        ("$top", "1000".to_owned()),
        ("$top", "100000".to_owned()),
        ("$filter", format!("{}isDefault{}", "(".repeat(20), ")".repeat(20))),
        ("$filter", format!("isDefault or name in ({})", vec!["'a'"; 50].join(","))),
        ("$expand", "members($expand=memberOf)".to_owned()),
        ("$orderby", "name desc,id".to_owned()),
    ] {
        let found = graph.list(&format!("{}?{option}={}", groups(), encoded(&value)));
        assert_eq!(found.len(), 1, "{option}={value}: {found:?}");
    }
}

#[test]
fn a_skip_token_of_another_list_or_of_nobody_is_refused() {
    let directory = Directory::start();
    let graph = directory.graph();
    for number in 0..3 {
        let _ = graph.create_group(&format!("Page {number}"));
    }
    let ordered = format!("{}?$orderby=name&$top=1", groups());
    let page = graph.get(&ordered);
    let link = page["@odata.nextLink"].as_str().expect("a next page").to_owned();
    let token = link.split("$skiptoken=").nth(1).and_then(|rest| rest.split('&').next()).expect("a skip token");
    let refusals = Refusals::of(graph);
    let mut damaged = token.to_owned();
    let last = damaged.pop().expect("a token");
    damaged.push(if last == 'A' { 'B' } else { 'A' });
    for options in [
        "$orderby=name&$top=1&$skiptoken=forged".to_owned(),
        "$skiptoken=".to_owned(),
        format!("$orderby=name&$top=1&$skiptoken={damaged}AAAA"),
        format!("$orderby=name%20desc&$top=1&$skiptoken={token}"),
        format!("$top=1&$skiptoken={token}"),
        format!("$orderby=name&$filter=isDefault%20eq%20true&$skiptoken={token}"),
    ] {
        refusals.demand_bad_query(&groups(), &options, "");
    }
    refusals.demand_bad_query(&format!("{PROFILE}/connectors"), &format!("$orderby=name&$skiptoken={token}"), "");
    refusals.demand_bad_query("/applications/delta()", "$deltatoken=forged", "");
    let next = refusals.graph.send("GET", &format!("{ordered}&$skiptoken={token}"), None);
    assert_eq!(next.status, 200, "the token itself is good: {}", next.text());
    refusals.done();
}

#[test]
fn literals_are_text_and_nothing_else() {
    let directory = Directory::start();
    let graph = directory.graph();
    let names = ["a%b", "a_b", "a\\b", "aXb", "O'Neil", "aʼb", "a\"b", "' or '1'='1", "a;--b"];
    for name in names {
        let _ = graph.create_group(name);
    }
    let found = |filter: &str| -> Vec<String> {
        let page = graph.list(&format!("{}?$orderby=name&$filter={}", groups(), encoded(filter)));
        page.iter().map(|group| group["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for name in names {
        let quoted = name.replace('\'', "''");
        assert_eq!(found(&format!("name eq '{quoted}'")), [name], "found by itself alone");
        assert_eq!(found(&format!("startswith(name,'{quoted}')")), [name], "no character stands for others");
        assert_eq!(found(&format!("contains(name,'{quoted}') and endswith(name,'{quoted}')")), [name]);
    }
    assert_eq!(found("contains(name,'%')"), ["a%b"]);
    assert_eq!(found("contains(name,'_')"), ["a_b"]);
    assert_eq!(found("contains(name,'\\')"), ["a\\b"]);
    assert_eq!(found("name eq 'nothing'' or ''1'' eq ''1'"), Vec::<String>::new());

    let refusals = Refusals::of(graph.clone());
    for raw in ["name%20eq%20'a%00b'", "name%20eq%20'%ED%A0%80'", "name%20eq%20'%FF'", "name%20eq%20'%C3'"] {
        refusals.demand_bad_query(&groups(), &format!("$filter={raw}"), "");
    }
    let keys = format!("/beta{}('a%00b')", groups());
    refusals.demand("GET", &keys, &[], b"", &[400, 404], "");
    refusals.done();
    assert_eq!(graph.list(&groups()).len(), names.len() + 1, "no group came or went");
}
