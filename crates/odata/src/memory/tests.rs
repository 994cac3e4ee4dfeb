//! What queries find among a handful of applications, and in which order.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{evaluate, holds};
use crate::query::Query;
use crate::query_option::QueryOptions;
use crate::sample::{APPLICATION, CONNECTOR_GROUP, MODEL};

const NOW: &str = "2026-02-01T00:00:00Z";

fn applications() -> Vec<Map<String, Value>> {
    let all = json!([
        {
            "id": "1", "displayName": "Alpha", "appId": "aaaaaaaa-0000-0000-0000-000000000001", "size": 5, "weight": 1.5,
            "tags": ["Red", "blue"], "deletedDateTime": "2026-01-31T13:00:00.5+01:00", "api": {"x": 1},
            "connectorGroup": {"id": "g", "name": "Default"},
            "keyCredentials": [{"keyId": "k1"}, {"keyId": null}],
            "onPremisesPublishing": {
                "externalUrl": "https://a", "isEnabled": true, "protocol": "tcp,udp", "startsAt": "12:30:00", "lasts": "PT1H"
            }
        },
        {
            "id": "2", "displayName": "beta", "appId": "bbbbbbbb-0000-0000-0000-000000000002", "size": -7, "weight": -2.5,
            "tags": [], "deletedDateTime": "2025-12-01T00:00:00Z", "api": 3, "keyCredentials": [],
            "onPremisesPublishing": {"isEnabled": false, "protocol": "udp"}
        },
        {"id": "3", "displayName": "ÄRGER", "uniqueName": "ärger", "tags": ["red"], "onPremisesPublishing": null, "api": "B"},
        {"id": "4", "displayName": null, "size": null}
    ]);
    serde_json::from_value(all).unwrap()
}

fn query(options: &str) -> Query {
    let options = QueryOptions::parse(&options.replace(' ', "%20").replace('+', "%2B")).unwrap();
    Query::parse(&options, &APPLICATION, &MODEL).unwrap_or_else(|error| panic!("{error}")).at(NOW.parse().unwrap())
}

fn found(options: &str) -> String {
    let found = evaluate(&query(options), &APPLICATION, applications());
    found.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn a_filter_finds_what_it_says() {
    for (filter, ids) in [
        ("displayName eq 'ALPHA'", "1"),
        ("displayName eq 'ärger'", "3"),
        ("displayName eq uniqueName", "34"),
        ("displayName gt 'alphb'", "23"),
        ("displayName le 'ALPHA'", "1"),
        ("displayName in ('x','BETA')", "2"),
        ("displayName in ()", ""),
        ("displayName in (null,'alpha')", "14"),
        ("appId eq AAAAAAAA-0000-0000-0000-000000000001", "1"),
        ("appId eq 'no id'", ""),
        ("startswith(appId,'AAAA')", "1"),
        ("contains(displayName,'LPH') or endswith(displayName,'GER')", "13"),
        ("size eq 5.0", "1"),
        ("size lt 0", "2"),
        ("size add 7 eq 0", "2"),
        ("size mul 2 sub 3 eq 7", "1"),
        ("size div 2 eq 2", "1"),
        ("size div 2 eq -3", "2"),
        ("size divby 2 eq 2.5", "1"),
        ("size mod 2 eq 1", "1"),
        ("size mod 2 eq -1", "2"),
        ("-size gt 0", "2"),
        ("round(weight) eq 2", "1"),
        ("round(weight) eq -3", "2"),
        ("floor(weight) eq 1 or ceiling(weight) eq -2", "12"),
        ("round(size) eq 5", "1"),
        ("deletedDateTime eq 2026-01-31T12:00:00.5Z", "1"),
        ("deletedDateTime ge 2026-01-01", "1"),
        ("deletedDateTime ge now() sub duration'P7D'", "1"),
        ("now() sub deletedDateTime gt duration'P30D'", "2"),
        ("date(deletedDateTime) eq 2026-01-31", "1"),
        ("time(deletedDateTime) ge 12:00:00.5", "1"),
        ("year(deletedDateTime) eq 2025 and month(deletedDateTime) eq 12 and day(deletedDateTime) eq 1", "2"),
        ("hour(deletedDateTime) eq 12 and minute(deletedDateTime) eq 0 and second(deletedDateTime) eq 0", "1"),
        ("fractionalseconds(deletedDateTime) eq 0.5", "1"),
        ("deletedDateTime gt mindatetime() and deletedDateTime lt maxdatetime()", "12"),
        ("onPremisesPublishing/startsAt lt 12:31", "1"),
        ("onPremisesPublishing/lasts eq duration'PT60M'", "1"),
        ("onPremisesPublishing/lasts mul 2 eq duration'PT2H'", "1"),
        ("onPremisesPublishing/lasts add duration'PT1H' eq 'PT2H'", "1"),
        ("onPremisesPublishing/isEnabled", "1"),
        ("not onPremisesPublishing/isEnabled", "234"),
        ("onPremisesPublishing/isEnabled eq false", "2"),
        ("onPremisesPublishing/isEnabled ne true", "234"),
        ("onPremisesPublishing/protocol has 'udp'", "12"),
        ("onPremisesPublishing/protocol has 'udp,tcp'", "1"),
        ("onPremisesPublishing/protocol eq 'UDP,TCP'", "1"),
        ("onPremisesPublishing/protocol in ('udp')", "2"),
        ("onPremisesPublishing eq null", "34"),
        ("onPremisesPublishing ne null", "12"),
        ("onPremisesPublishing/externalUrl eq null", "234"),
        ("connectorGroup/name eq 'default'", "1"),
        ("connectorGroup ne null", "1"),
        ("tags/any()", "13"),
        ("tags/any(t:t eq 'red')", "13"),
        ("tags/any(t:startswith(t,'B'))", "1"),
        ("tags/all(t:t eq 'red')", "234"),
        ("not tags/any(t:t eq 'blue')", "234"),
        ("tags/$count eq 2", "1"),
        ("tags/any(t:t eq 'red' and $it/size eq 5)", "1"),
        ("keyCredentials/any(k:k/keyId eq 'k1' and tags/any(t:t eq 'blue'))", "1"),
        ("keyCredentials/any(k:k/keyId eq null)", "1"),
        ("keyCredentials/all(k:contains(k/keyId,'k'))", "234"),
        ("api eq 3 or api eq 'b'", "23"),
        ("length(displayName) eq 5", "13"),
        ("indexof(displayName,'PH') eq 2", "1"),
        ("indexof(displayName,'x') eq -1", "123"),
        ("substring(displayName,1) eq 'lpha'", "1"),
        ("substring(displayName,1,2) eq 'ET'", "2"),
        ("substring(displayName,-1,1) eq 'b'", "2"),
        ("substring(displayName,99) eq ''", "123"),
        ("concat(trim(' a '),tolower('B')) eq 'ab' and id eq '1'", "1"),
        ("toupper(displayName) eq 'beta'", "2"),
        ("true", "1234"),
        ("false", ""),
        ("null", ""),
    ] {
        assert_eq!(found(&format!("$filter={filter}")), ids, "{filter}");
    }
}

#[test]
fn a_condition_about_nothing_does_not_hold_and_its_opposite_does() {
    for (filter, ids) in [
        ("displayName eq null", "4"),
        ("displayName ne null", "123"),
        ("null eq null", "1234"),
        ("displayName ne 'alpha'", "234"),
        ("not (displayName eq 'alpha')", "234"),
        ("displayName gt null", ""),
        ("displayName le null", ""),
        ("not (displayName gt null)", "1234"),
        ("not (size lt 0)", "134"),
        ("contains(displayName,'a')", "12"),
        ("not contains(displayName,'a')", "34"),
        ("contains(displayName,null)", ""),
        ("contains(displayName,'a') eq null", "4"),
        ("contains(displayName,'a') or true", "1234"),
        ("contains(displayName,'a') and false", ""),
        ("not (contains(displayName,'a') and false)", "1234"),
        ("size add 1 eq null", "34"),
        ("size div 0 eq null", "1234"),
        ("weight div 0 eq null", "1234"),
        ("size mul 9223372036854775807 eq null", "1234"),
        ("onPremisesPublishing/protocol has 'tcp' eq null", "34"),
        ("not (onPremisesPublishing/protocol has 'tcp')", "234"),
    ] {
        assert_eq!(found(&format!("$filter={filter}")), ids, "{filter}");
    }
}

#[test]
fn an_order_has_nothing_first_and_the_id_decides_between_equals() {
    for (order, ids) in [
        ("displayName", "4123"),
        ("displayName desc", "3214"),
        ("size", "3421"),
        ("size desc", "1234"),
        ("weight desc,displayName desc", "1234"),
        ("onPremisesPublishing/isEnabled desc,id desc", "1243"),
        ("tags/$count desc", "1324"),
        ("length(displayName),displayName desc", "4231"),
        ("deletedDateTime", "3421"),
        ("onPremisesPublishing/protocol", "3412"),
        ("size gt 0 desc", "1234"),
    ] {
        assert_eq!(found(&format!("$orderby={order}")), ids, "{order}");
    }
    assert_eq!(found("$orderby=id desc&$filter=tags/any()&$top=1"), "31");
}

#[test]
fn numbers_too_large_for_fractions_are_still_in_one_order() {
    let weights =
        ["9007199254740993", "9007199254740992.0", "9007199254740992", "-9007199254740993", "1e300", "-1e300"];
    let weight = |at: usize| serde_json::from_str::<Value>(weights[at % 6]).unwrap();
    let item = |at: usize| json!({ "id": format!("{at:03}"), "weight": weight(at) }).as_object().unwrap().clone();
    let items: Vec<_> = (0..60).map(item).collect();
    let turned = items.iter().rev().cloned().collect();
    let ordered = evaluate(&query("$orderby=weight"), &APPLICATION, items.clone());
    assert_eq!(evaluate(&query("$orderby=weight"), &APPLICATION, turned), ordered);
    assert_eq!(ordered[0]["weight"], -1e300);
    assert_eq!(ordered[49]["weight"], json!(9_007_199_254_740_993_u64));
    let found = |filter| evaluate(&query(filter), &APPLICATION, items.clone()).len();
    assert_eq!(found("$filter=weight eq 9007199254740992.0"), 20);
    assert_eq!(found("$filter=weight gt 9007199254740992.0"), 20);
    assert_eq!(found("$filter=weight lt -9007199254740992.5"), 20);
}

#[test]
fn a_search_finds_texts_that_contain_the_words() {
    for (search, ids) in [
        ("ALPHA", "1"),
        ("\"displayName:et\"", "2"),
        ("\"uniqueName:ÄRG\"", "3"),
        ("ärg", "3"),
        ("alpha OR beta", "12"),
        ("alpha beta", ""),
        ("NOT alpha", "234"),
        ("(alpha OR beta) NOT et", "1"),
        ("\"appId:bbbb\"", "2"),
    ] {
        assert_eq!(found(&format!("$search={search}")), ids, "{search}");
    }
}

#[test]
fn without_an_order_the_given_one_stays() {
    let reversed: Vec<_> = applications().into_iter().rev().collect();
    let kept = evaluate(&Query::default(), &APPLICATION, reversed.clone());
    assert_eq!(kept, reversed);
}

#[test]
fn members_that_are_in_the_map_can_be_asked_about() {
    let options = QueryOptions::parse("$filter=members/any(m:m/status%20eq%20'ACTIVE')").unwrap();
    let query = Query::parse(&options, &CONNECTOR_GROUP, &MODEL).unwrap();
    let groups =
        json!([{"id": "a", "members": [{"status": "inactive"}, {"status": "active"}]}, {"id": "b", "members": []}]);
    let found = evaluate(&query, &CONNECTOR_GROUP, serde_json::from_value(groups).unwrap());
    assert_eq!(found.len(), 1);
}

#[test]
fn now_is_unknown_without_a_clock() {
    let options = QueryOptions::parse("$filter=now()%20gt%20mindatetime()").unwrap();
    let query = Query::parse(&options, &APPLICATION, &MODEL).unwrap();
    assert!(!holds(query.filter.as_ref().unwrap(), &Map::new()));
}

proptest! {
    #[test]
    fn a_negated_comparison_holds_exactly_when_the_comparison_does_not(
        operator in prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]),
        left in prop::sample::select(vec!["displayName", "uniqueName", "null", "'Alpha'", "'b'"]),
        right in prop::sample::select(vec!["displayName", "uniqueName", "null", "'beta'"]),
    ) {
        let comparison = format!("{left} {operator} {right}");
        let plain = found(&format!("$filter={comparison}"));
        let negated = found(&format!("$filter=not ({comparison})"));
        let mut both: Vec<char> = plain.chars().chain(negated.chars()).collect();
        both.sort_unstable();
        prop_assert_eq!(both.into_iter().collect::<String>(), "1234");
    }

    #[test]
    fn an_order_is_the_reverse_of_its_opposite(key in prop::sample::select(vec!["displayName", "size", "weight", "tags/$count"])) {
        let up = found(&format!("$orderby={key},id"));
        let down = found(&format!("$orderby={key} desc,id desc"));
        prop_assert_eq!(up, down.chars().rev().collect::<String>());
    }

    #[test]
    fn the_place_of_a_text_is_counted_in_its_own_characters(before in "[aäİß]{0,5}", after in "[aäİß]{0,5}") {
        let text = format!("{before}x{after}");
        let item = json!({"displayName": text});
        let Value::Object(item) = item else { unreachable!() };
        let filter = format!("$filter=indexof(displayName,'X') eq {}", before.chars().count());
        prop_assert!(holds(&query(&filter).filter.unwrap(), &item));
    }
}
