//! What is said of a directory with nested prefixes, sign-in, and connectors in several states.

use uuid::Uuid;

use super::*;
use crate::access::Principal;
use crate::admission::tests::{admission, id as principal};
use crate::app_role_assignment::PrincipalKind;
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

/// The application of [`directory`] with sign-in, to which the user 1 and the group 20 are assigned.
fn assigned(attributes: serde_json::Value) -> Snapshot {
    let of = [(PrincipalKind::User, 1, 0), (PrincipalKind::Group, 20, 1)];
    let closed = published(3, "https://a.example/team/closed/", SignIn);
    let closed = PublishedApplication { admission: Some(Arc::new(admission(attributes, &of))), ..closed };
    let open = published(1, "https://a.example/", Passthrough);
    Snapshot::compile(Epoch(1), Revision(8), [closed, open], [known(10, 1)])
}

fn access_of(snapshot: &Snapshot, url: &str, who: Who<'_>) -> ExplainedAccess {
    let explanation = explain(snapshot, Place::parse(url).unwrap(), &[facts(id(10), 1, 0, 0)], who);
    let access = explanation.access.unwrap();
    assert_eq!(access.is_granted, explanation.obstacle.is_none(), "they are the same decision: {access:?}");
    access
}

const CLOSED: &str = "https://a.example/team/closed/x";

#[test]
fn it_says_through_which_assignments_somebody_may_use_an_application() {
    let required = serde_json::json!({"appRoleAssignmentRequired": true});
    let snapshot = assigned(required);
    let groups = [principal(20), principal(21)];
    let user = |number, groups| {
        Who::Principal(Principal { kind: PrincipalKind::User, id: principal(number), groups, groups_left_out: 2 })
    };
    let both = access_of(&snapshot, CLOSED, user(1, &groups));
    let named: Vec<_> = both.assignments.iter().map(|own| (own.kind, own.principal, own.roles.len())).collect();
    assert_eq!(named, [(PrincipalKind::User, principal(1), 0), (PrincipalKind::Group, principal(20), 1)]);
    assert_eq!((both.pre_authentication, both.groups_left_out), (Some(SignIn), 2));
    let expected = ExplainedAdmission { is_enabled: true, is_assignment_required: true };
    assert_eq!((both.admission, both.is_granted), (Some(expected), true));
    assert_eq!(both.reasoning.last().unwrap(), "Access is granted.");

    let refused = access_of(&snapshot, CLOSED, user(2, &groups[1..]));
    assert_eq!((refused.assignments, refused.is_granted), (vec![], false));
    assert!(refused.reasoning.last().unwrap().contains("is not assigned"), "{:?}", refused.reasoning);
}

#[test]
fn what_everybody_may_open_asks_for_no_sign_in_and_names_no_assignment() {
    let snapshot = assigned(serde_json::json!({}));
    let ada = Principal { kind: PrincipalKind::User, id: principal(1), groups: &[], groups_left_out: 0 };
    for who in [Who::Anonymous, Who::SignInUnavailable, Who::Principal(ada)] {
        let open = access_of(&snapshot, "https://a.example/x", who);
        assert_eq!((open.pre_authentication, open.admission), (Some(Passthrough), None));
        assert!(open.is_granted && open.assignments.is_empty());
    }
    let anonymous = access_of(&snapshot, CLOSED, Who::Anonymous);
    assert!(!anonymous.is_granted && anonymous.reasoning.last().unwrap().contains("requires sign-in"));
    let nowhere = access_of(&snapshot, "https://nowhere.example/", Who::Principal(ada));
    assert_eq!((nowhere.pre_authentication, nowhere.is_granted), (None, false));
    let dots = explain(&snapshot, Place::parse("https://a.example/a/../b").unwrap(), &[], Who::Anonymous);
    assert_eq!(dots.access, None, "what no gateway decides about is not decided here");
}

#[test]
fn a_disabled_service_principal_and_a_disabled_user_are_said_to_be() {
    let disabled = assigned(serde_json::json!({"accountEnabled": false}));
    let ada =
        Who::Principal(Principal { kind: PrincipalKind::User, id: principal(1), groups: &[], groups_left_out: 0 });
    let access = access_of(&disabled, CLOSED, ada);
    assert!(!access.is_granted && !access.admission.unwrap().is_enabled);
    assert!(access.reasoning.last().unwrap().contains("service principal"), "{:?}", access.reasoning);
    let changes = crate::snapshot::SnapshotChanges { disabled: vec![(principal(1), true)], ..Default::default() };
    let snapshot = assigned(serde_json::json!({})).changed(Epoch(1), Revision(9), changes);
    let access = access_of(&snapshot, CLOSED, ada);
    assert!(!access.is_granted && access.assignments.len() == 1, "assigned, and disabled all the same");
    assert!(access.reasoning.last().unwrap().contains("is disabled"), "{:?}", access.reasoning);
}
