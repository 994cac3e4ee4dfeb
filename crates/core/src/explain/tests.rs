//! What is said of a directory with nested prefixes, sign-in, and connectors in several states.

use uuid::Uuid;

use super::*;
use crate::application::PreAuthentication::{Passthrough, SignIn};
use crate::connector::KeyGeneration;
use crate::snapshot::KnownConnector;
use crate::snapshot::tests::published;

fn id(number: u128) -> ConnectorId {
    ConnectorId::new(Uuid::from_u128(number))
}

/// The group of [`published`] applications is 1.
fn known(number: u128, group: u128) -> KnownConnector {
    let connector_group = ConnectorGroupId::new(Uuid::from_u128(group));
    KnownConnector {
        id: id(number),
        connector_group,
        key_generation: KeyGeneration(1),
        drained: None,
        membership: None,
    }
}

fn directory() -> Snapshot {
    let applications = [
        published(1, "https://a.example/", Passthrough),
        published(2, "https://a.example/team/", Passthrough),
        published(3, "https://a.example/team/closed/", SignIn),
        published(4, "https://other.example/", Passthrough),
    ];
    Snapshot::compile(Epoch(1), Revision(7), applications, [known(10, 1), known(11, 1), known(12, 1), known(13, 2)])
}

const fn facts(id: ConnectorId, serving: usize, resting: usize, in_flight: u32) -> ConnectorFacts {
    ConnectorFacts { id, serving, proving: 0, resting, in_flight, share: 100, busy: in_flight > 1000 }
}

fn explained(url: &str, known: &[ConnectorFacts]) -> Explanation {
    explain(&directory(), Place::parse(url).unwrap(), known, Who::SignInUnavailable)
}

#[test]
fn it_says_which_application_is_chosen_and_why_not_the_others() {
    let explanation = explained("https://A.example:8443/team/x?query#fragment", &[facts(id(10), 1, 0, 3)]);
    assert_eq!(explanation.route.unwrap().application.name, "application 2");
    assert_eq!((explanation.obstacle, explanation.version), (None, (Epoch(1), Revision(7))));
    let candidates: Vec<(&str, Standing)> =
        explanation.candidates.iter().map(|own| (own.application.name.as_str(), own.standing)).collect();
    assert_eq!(
        candidates,
        [
            ("application 2", Standing::Chosen),
            ("application 3", Standing::PathOutside),
            ("application 1", Standing::ShorterPrefix)
        ]
    );
}

#[test]
fn a_wildcard_is_passed_over_where_something_is_published_at_the_host_itself() {
    let applications = [
        published(1, "https://*.example/", Passthrough),
        published(2, "https://*.corp.example/", Passthrough),
        published(3, "https://a.corp.example/team/", Passthrough),
    ];
    let snapshot = Snapshot::compile(Epoch(1), Revision(1), applications, [known(10, 1)]);
    let standings = |url: &str| -> Vec<(String, Standing)> {
        let explanation = explain(&snapshot, Place::parse(url).unwrap(), &[], Who::SignInUnavailable);
        explanation.candidates.into_iter().map(|own| (own.application.name.clone(), own.standing)).collect()
    };
    let named = |number: u8, standing| (format!("application {number}"), standing);
    assert_eq!(standings("https://b.corp.example/"), [named(2, Standing::Chosen), named(1, Standing::ShorterDomain)]);
    assert_eq!(
        standings("https://a.corp.example/"),
        [named(3, Standing::PathOutside), named(2, Standing::HostPublished), named(1, Standing::HostPublished)]
    );
}

#[test]
fn it_says_of_each_connector_of_the_group_whether_it_could_be_taken() {
    let known = [facts(id(10), 0, 1, 0), facts(id(11), 2, 0, 5), facts(id(13), 1, 0, 0)];
    let explanation = explained("https://a.example/", &known);
    let connectors: Vec<(ConnectorId, Availability)> =
        explanation.connectors.iter().map(|own| (own.id, own.availability)).collect();
    assert_eq!(
        connectors,
        [(id(11), Availability::Available), (id(10), Availability::Resting), (id(12), Availability::NotConnected)]
    );
    assert_eq!((explanation.connectors_elsewhere, explanation.obstacle), (1, None));
}

#[test]
fn without_a_connector_that_can_be_taken_it_says_so() {
    assert_eq!(explained("https://a.example/", &[]).obstacle, Some(Obstacle::NoConnector));
    let busy = [facts(id(10), 1, 0, 5000)];
    assert_eq!(explained("https://a.example/", &busy).obstacle, Some(Obstacle::AllBusy));
}

#[test]
fn one_that_has_to_prove_itself_is_taken_where_there_is_no_other() {
    let proving = ConnectorFacts { proving: 2, ..facts(id(10), 0, 0, 0) };
    let explanation = explained("https://a.example/", &[proving]);
    assert_eq!((explanation.connectors[0].availability, explanation.obstacle), (Availability::Proving, None));
    let beside_a_busy_one = explained("https://a.example/", &[proving, facts(id(11), 1, 0, 5000)]);
    assert_eq!(beside_a_busy_one.obstacle, Some(Obstacle::AllBusy));
}

#[test]
fn what_is_refused_is_refused_for_the_reason_that_a_request_would_meet() {
    let serving = [facts(id(10), 1, 0, 0)];
    let closed = explained("https://a.example/team/closed/", &serving);
    assert!(matches!(closed.obstacle, Some(Obstacle::Denied(Denial::SignInUnavailable { .. }))));
    assert_eq!(closed.route.unwrap().application.name, "application 3", "it is named all the same");
    let nowhere = explained("https://nowhere.example/", &serving);
    assert!(matches!(nowhere.obstacle, Some(Obstacle::Denied(Denial::NotPublished { .. }))));
    assert!(nowhere.route.is_none() && nowhere.candidates.is_empty() && nowhere.connectors.is_empty());
    let dots = explained("https://a.example/a/../b", &serving);
    assert_eq!(dots.obstacle, Some(Obstacle::Path(PathRefused::DotSegment)));
}

#[test]
fn a_place_is_read_as_a_gateway_reads_a_request() {
    for (text, host, authority, path) in [
        ("https://Wiki.Example/", "wiki.example", "wiki.example", "/"),
        ("wiki.example", "wiki.example", "wiki.example", "/"),
        ("HTTPS://wiki.example.:8443/a b/\u{e4}", "wiki.example", "wiki.example:8443", "/a%20b/%C3%A4"),
        ("https://[::1]:8443?x", "[::1]", "[::1]:8443", "/"),
        ("https://b\u{fc}cher.example/%2e%2E", "xn--bcher-kva.example", "xn--bcher-kva.example", "/%2e%2E"),
    ] {
        let place = Place::parse(text).unwrap();
        assert_eq!(
            (place.host.as_str(), place.authority.as_str(), place.path.as_str()),
            (host, authority, path),
            "{text}"
        );
    }
    for text in
        ["", "http://wiki.example/", "https://user@wiki.example/", "https:///path", "https://a:99999/", "https://a:+1/"]
    {
        assert!(Place::parse(text).is_err(), "{text}");
    }
}

#[test]
fn where_people_can_sign_in_nobody_is_asked_to_first() {
    let place = || Place::parse("https://a.example/team/closed/x").unwrap();
    let application = directory().route("a.example", "/team/closed/x").unwrap().application.id;
    let explanation = explain(&directory(), place(), &[facts(id(10), 1, 0, 0)], Who::Anonymous);
    assert_eq!(explanation.obstacle, Some(Obstacle::Refused(Refused::SignInRequired { application })));
}
