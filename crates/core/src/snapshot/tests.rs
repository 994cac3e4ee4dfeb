//! What is found where, and what a later version has in common with an earlier one.

use uuid::Uuid;

use super::*;
use crate::application::{
    BodyLinks, HostHeader, PreAuthentication, TrafficRouting, TranslatedTo, UpstreamCertificate, UpstreamTimeout,
};
use crate::external_url::ExternalUrl;
use crate::health_probe::HealthProbe;
use crate::id::AppId;
use crate::internal_url::InternalUrl;
use crate::maintenance::Maintenance;
use crate::sign_on::SignOn;
use crate::upstream_protocol::UpstreamProtocol;
use crate::upstream_times::UpstreamTimes;

pub(crate) fn published(number: u128, external: &str, pre_authentication: PreAuthentication) -> PublishedApplication {
    PublishedApplication {
        id: ApplicationId::new(Uuid::from_u128(number)),
        app_id: AppId::new(Uuid::from_u128(number + 1000)),
        identifier_uris: Arc::default(),
        admission: None,
        is_http_only_cookie: None,
        is_persistent_cookie: None,
        name: format!("application {number}"),
        external_url: ExternalUrl::parse(external).unwrap(),
        internal_url: InternalUrl::parse("http://internal:8080/").unwrap(),
        alternate_url: None,
        translated_to: TranslatedTo::default(),
        pre_authentication,
        host_header: HostHeader::Internal,
        body_links: BodyLinks::default(),
        upstream_certificate: UpstreamCertificate::Verified,
        timeout: UpstreamTimeout::Default,
        upstream_times: UpstreamTimes::default(),
        upstream_protocol: UpstreamProtocol::default(),
        traffic_routing: TrafficRouting::default(),
        maintenance: Maintenance::default(),
        health_probe: HealthProbe::default(),
        sign_on: SignOn::default(),
        is_sign_on_by_headers: false,
        connector_group: ConnectorGroupId::new(Uuid::from_u128(1)),
        revision: Revision(1),
        permit: None,
    }
}

fn routed(snapshot: &Snapshot, host: &str, path: &str) -> Option<u128> {
    snapshot.route(host, path).map(|route| route.application.id.uuid().as_u128())
}

#[test]
fn the_longest_prefix_wins_and_unknown_hosts_have_no_application() {
    let snapshot = Snapshot::compile(
        Epoch(1),
        Revision(5),
        [
            published(1, "https://a.example/", PreAuthentication::Passthrough),
            published(2, "https://a.example/team/", PreAuthentication::Passthrough),
            published(3, "https://b.example/only/", PreAuthentication::Passthrough),
        ],
        [],
    );
    assert_eq!(routed(&snapshot, "a.example", "/"), Some(1));
    assert_eq!(routed(&snapshot, "a.example", "/team/x"), Some(2));
    assert_eq!(routed(&snapshot, "a.example", "/te%61m/x"), Some(2), "another spelling is the same place");
    assert_eq!(routed(&snapshot, "a.example", "/teams"), Some(1));
    assert_eq!(routed(&snapshot, "b.example", "/"), None);
    assert_eq!(routed(&snapshot, "c.example", "/"), None);
}

#[test]
fn an_application_is_not_shadowed_by_another_spelling_of_its_path() {
    let mut odd = published(2, "https://a.example/", PreAuthentication::Passthrough);
    odd.external_url = ExternalUrl::try_from("https://a.example/%61pp/".to_owned()).unwrap();
    let app = published(1, "https://a.example/app/", PreAuthentication::Passthrough);
    let deep = published(3, "https://a.example/app/d/", PreAuthentication::Passthrough);
    for applications in [[odd.clone(), app.clone(), deep.clone()], [deep, app, odd]] {
        let snapshot = Snapshot::compile(Epoch(1), Revision(5), applications, []);
        for (path, found) in [("/app/x", 1), ("/%61pp/x", 1), ("/%61pp", 1), ("/%61pp/%64/x", 3)] {
            assert_eq!(routed(&snapshot, "a.example", path), Some(found), "{path}");
        }
    }
}

#[test]
fn a_host_beats_a_wildcard_and_a_longer_domain_a_shorter_one() {
    let open = |number, url| published(number, url, PreAuthentication::Passthrough);
    let applications =
        [open(1, "https://*.example/"), open(2, "https://*.team.example/"), open(3, "https://wiki.team.example/docs/")];
    let snapshot = Snapshot::compile(Epoch(1), Revision(5), applications, []);
    assert_eq!(routed(&snapshot, "a.example", "/x"), Some(1));
    assert_eq!(routed(&snapshot, "a.b.example", "/"), Some(1));
    assert_eq!(routed(&snapshot, "a.team.example", "/"), Some(2));
    assert_eq!(routed(&snapshot, "team.example", "/"), Some(1));
    assert_eq!(routed(&snapshot, "wiki.team.example", "/docs/x"), Some(3));
    assert_eq!(routed(&snapshot, "wiki.team.example", "/"), None, "the wildcard opens no more of that host");
    for host in ["example", "*.example", "a..team.example", ".example", "a.example.org", "[::1].example"] {
        assert_eq!(routed(&snapshot, host, "/"), None, "{host}");
    }
    let mut hosts: Vec<&str> = snapshot.hosts().collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["*.example", "*.team.example", "wiki.team.example"]);
    let gone = SnapshotChanges {
        applications: vec![(ApplicationId::new(Uuid::from_u128(2)), None)],
        ..SnapshotChanges::default()
    };
    assert_eq!(routed(&snapshot.changed(Epoch(1), Revision(6), gone), "a.team.example", "/"), Some(1));
}

#[test]
fn an_application_is_reached_at_its_alternate_url_too() {
    let mut wiki = published(1, "https://wiki.example/", PreAuthentication::Passthrough);
    wiki.alternate_url = Some(ExternalUrl::parse("https://portal.example/wiki/").unwrap());
    let portal = published(2, "https://portal.example/", PreAuthentication::Passthrough);
    let snapshot = Snapshot::compile(Epoch(1), Revision(5), [wiki, portal], []);
    let route = snapshot.route("portal.example", "/wiki/x").unwrap();
    assert_eq!(
        (route.application.name.as_str(), route.entrance, route.below),
        ("application 1", Entrance::Alternate, 6)
    );
    assert_eq!(snapshot.route("wiki.example", "/x").unwrap().entrance, Entrance::External);
    assert_eq!(routed(&snapshot, "portal.example", "/x"), Some(2));
    assert_eq!(snapshot.size(), (2, 2, 0));
    let gone = SnapshotChanges {
        applications: vec![(ApplicationId::new(Uuid::from_u128(1)), None)],
        ..SnapshotChanges::default()
    };
    let later = snapshot.changed(Epoch(1), Revision(6), gone);
    assert_eq!(routed(&later, "portal.example", "/wiki/x"), Some(2));
    assert!(!later.publishes_host("wiki.example"));
}

fn known(number: u128, generation: u32) -> KnownConnector {
    KnownConnector {
        id: ConnectorId::new(Uuid::from_u128(number)),
        connector_group: ConnectorGroupId::new(Uuid::from_u128(1)),
        key_generation: KeyGeneration(generation),
        drained: None,
        membership: None,
    }
}

#[test]
fn a_later_version_differs_by_its_changes_only_and_the_earlier_one_stays() {
    let open = |number, url| published(number, url, PreAuthentication::Passthrough);
    let id = |number| ApplicationId::new(Uuid::from_u128(number));
    let first = Snapshot::compile(
        Epoch(1),
        Revision(5),
        [open(1, "https://a.example/"), open(2, "https://a.example/team/"), open(3, "https://b.example/")],
        [known(7, 1), known(8, 1)],
    );
    let changes = SnapshotChanges {
        // The first takes the place of the third, which moves below the second; the fourth was never published.
        applications: vec![
            (id(1), Some(open(1, "https://b.example/"))),
            (id(3), Some(open(3, "https://a.example/team/deep/"))),
            (id(4), None),
        ],
        connectors: vec![(known(7, 1).id, Some(known(7, 2))), (known(8, 1).id, None)],
        ..SnapshotChanges::default()
    };
    let second = first.changed(Epoch(1), Revision(6), changes);
    assert_eq!(second.version(), (Epoch(1), Revision(6)));
    assert_eq!(second.size(), (2, 3, 1));
    assert_eq!(routed(&second, "b.example", "/"), Some(1));
    assert_eq!(routed(&second, "a.example", "/"), None);
    assert_eq!(routed(&second, "a.example", "/team/x"), Some(2));
    assert_eq!(routed(&second, "a.example", "/team/deep/x"), Some(3));
    assert_eq!(second.connector(known(7, 1).id), Some(&known(7, 2)));
    assert_eq!(second.connector(known(8, 1).id), None);
    assert_eq!((routed(&first, "a.example", "/"), routed(&first, "b.example", "/")), (Some(1), Some(3)));
    assert_eq!(first.connector(known(8, 1).id), Some(&known(8, 1)));

    let gone = SnapshotChanges { applications: vec![(id(1), None)], ..SnapshotChanges::default() };
    let third = second.changed(Epoch(1), Revision(7), gone);
    assert!(!third.publishes_host("b.example"));
    assert_eq!(third.hosts().collect::<Vec<_>>(), ["a.example"]);
}

#[test]
fn a_version_in_which_nothing_changed_for_gateways_is_the_same_content() {
    let first = Snapshot::compile(Epoch(1), Revision(5), [], [known(7, 1)]);
    let unpublished = ApplicationId::new(Uuid::from_u128(4));
    let changes = SnapshotChanges {
        applications: vec![(unpublished, None)],
        connectors: vec![(known(7, 1).id, Some(known(7, 1)))],
        ..SnapshotChanges::default()
    };
    let second = first.changed(Epoch(1), Revision(6), changes);
    assert!(second.has_content_of(&first));
    assert_eq!(second.version().1, Revision(6));
}

#[test]
fn the_groups_that_are_assigned_somewhere_are_known_for_as_long_as_they_are() {
    use crate::admission::tests::{admission, id as principal};
    use crate::app_role_assignment::PrincipalKind::Group;
    let with = |number, assigned: &[(crate::PrincipalKind, u128, u128)]| {
        let closed = published(number, &format!("https://a{number}.example/"), PreAuthentication::SignIn);
        let admission = Some(Arc::new(admission(serde_json::json!({}), assigned)));
        PublishedApplication { admission, ..closed }
    };
    let applications = [with(1, &[(Group, 20, 0), (Group, 21, 0)]), with(2, &[(Group, 20, 0)])];
    let first = Snapshot::compile(Epoch(1), Revision(1), applications, []);
    let known = |snapshot: &Snapshot| [20, 21, 22].map(|number| snapshot.names_group(principal(number)));
    assert_eq!(known(&first), [true, true, false]);
    let now = with(1, &[(Group, 22, 0)]);
    let changes = SnapshotChanges { applications: vec![(now.id, Some(now))], ..SnapshotChanges::default() };
    let second = first.changed(Epoch(1), Revision(2), changes);
    assert_eq!(known(&second), [true, false, true]);
    assert_eq!(known(&first), [true, true, false]);
}

#[test]
fn what_somebody_may_open_is_found_without_a_look_at_all_applications_whatever_changes() {
    use crate::access::{self, AccessRequest, Principal, Who};
    use crate::admission::tests::{admission, id as principal};
    use crate::app_role_assignment::PrincipalKind::{Group, User};
    let with = |number: u128, required: bool, assigned: &[(crate::PrincipalKind, u128, u128)]| {
        let closed = published(number, &format!("https://a{number}.example/"), PreAuthentication::SignIn);
        let admission = admission(serde_json::json!({"appRoleAssignmentRequired": required}), assigned);
        PublishedApplication { admission: Some(Arc::new(admission)), ..closed }
    };
    let groups = [principal(20), principal(21)];
    let who = |user| Principal { kind: User, id: principal(user), groups: &groups, groups_left_out: 0 };
    let opened = |snapshot: &Snapshot, user, all: bool| {
        let applications: Vec<_> =
            if all { snapshot.applications().collect() } else { snapshot.openable(principal(user), &groups).collect() };
        let may = |application: &&&Arc<PublishedApplication>| {
            let asked = AccessRequest { host: application.external_url.host(), path: "/" };
            application.pre_authentication == PreAuthentication::SignIn
                && access::decide_for(snapshot, asked, Who::Principal(who(user))).is_ok()
        };
        let mut found: Vec<_> = applications.iter().filter(may).map(|application| application.id).collect();
        found.sort_unstable();
        found
    };
    let everybody = published(9, "https://open.example/", PreAuthentication::Passthrough);
    let mut snapshot = Snapshot::compile(Epoch(1), Revision(1), [everybody], []);
    let steps: [(u128, Option<PublishedApplication>); 9] = [
        (1, Some(with(1, true, &[(User, 10, 0), (Group, 22, 0)]))),
        (2, Some(with(2, true, &[(Group, 20, 0), (Group, 21, 0), (User, 10, 0)]))),
        (3, Some(with(3, false, &[(User, 10, 0)]))),
        (4, Some(with(4, false, &[]))),
        (1, Some(with(1, true, &[(User, 11, 0)]))),
        (3, Some(with(3, true, &[(User, 10, 0)]))),
        (4, None),
        (2, Some(with(2, true, &[(Group, 21, 0)]))),
        (2, None),
    ];
    for (revision, (number, now)) in steps.into_iter().enumerate() {
        let applications = vec![(ApplicationId::new(Uuid::from_u128(number)), now)];
        let changes = SnapshotChanges { applications, ..SnapshotChanges::default() };
        snapshot = snapshot.changed(Epoch(1), Revision(2 + revision as u64), changes);
        for user in [10, 11, 12] {
            assert_eq!(opened(&snapshot, user, false), opened(&snapshot, user, true), "{revision}: user {user}");
        }
    }
    assert_eq!(opened(&snapshot, 10, false), [ApplicationId::new(Uuid::from_u128(3))]);
    assert_eq!(snapshot.openable(principal(12), &[]).count(), 0, "nothing is looked at for nobody");

    // More than are noted, and fewer again.
    let many = (100..400).map(|number| with(number, true, &[(User, 12, 0)]));
    let crowded = Snapshot::compile(Epoch(1), Revision(1), many, []);
    assert_eq!(opened(&crowded, 12, false).len(), 300);
    let gone = (100..399).map(|number| (ApplicationId::new(Uuid::from_u128(number)), None)).collect();
    let changes = SnapshotChanges { applications: gone, ..SnapshotChanges::default() };
    let left = crowded.changed(Epoch(1), Revision(2), changes);
    assert_eq!(opened(&left, 12, false), [ApplicationId::new(Uuid::from_u128(399))]);
    assert_eq!(left.openable(principal(11), &[]).count(), 0);
}

#[test]
fn disabled_users_and_ended_sessions_are_known_and_of_two_revocations_the_later_one() {
    use crate::admission::tests::id as principal;
    let of = SessionsOf::Principal(principal(7));
    let at = |revision| (Epoch(1), Revision(revision));
    let changes = |disabled: &[(u128, bool)], ended: &[u64]| SnapshotChanges {
        disabled: disabled.iter().map(|(user, is_disabled)| (principal(*user), *is_disabled)).collect(),
        revocations: ended.iter().map(|revision| (of, Revocation { before: at(*revision), at: *revision })).collect(),
        ..SnapshotChanges::default()
    };
    let first = Snapshot::default().changed(Epoch(1), Revision(5), changes(&[(7, true), (8, false)], &[5]));
    assert!(first.is_disabled(principal(7)) && !first.is_disabled(principal(8)));
    assert_eq!(first.ended_before(of), Some(at(5)));
    assert_eq!(first.ended_before(SessionsOf::Application(ApplicationId::new(Uuid::from_u128(7)))), None);
    let same = first.changed(Epoch(1), Revision(6), changes(&[(7, true), (8, false)], &[5, 4]));
    assert!(same.has_content_of(&first));
    let later = first.changed(Epoch(1), Revision(7), changes(&[(7, false)], &[7]));
    assert!(!later.is_disabled(principal(7)));
    assert_eq!(later.revocation(of), Some(Revocation { before: at(7), at: 7 }));
}

/// What a look at each application finds: the deepest of those that the path is below.
fn looked_up(all: &[PublishedApplication], path: &str) -> Option<usize> {
    let below = all.iter().filter(|own| own.external_url.prefix().below(path).is_some());
    below.map(|own| own.external_url.prefix().decoded_len()).max()
}

#[test]
fn at_a_host_with_many_applications_the_same_is_found_as_by_a_look_at_each() {
    let parts = ["", "a/", "b/", "a%20b/", "c/d/", "c/d/e/", "a/b/c/d/"];
    let prefixes: Vec<String> = (0..49).map(|number| format!("{}{}", parts[number / 7], parts[number % 7])).collect();
    let mut all: Vec<PublishedApplication> = Vec::new();
    for prefix in &prefixes {
        let url = format!("https://portal.example/{prefix}");
        let application = published(all.len() as u128 + 1, &url, PreAuthentication::Passthrough);
        if all.iter().all(|other| other.external_url != application.external_url) {
            all.push(application);
        }
    }
    assert!(all.len() > 30, "more than are looked at one after the other");
    let paths = ["", "x", "x/y.html", "%61/x", "a", "a%2Fb/x", "/", "a%20b", "%00"];
    let check = |snapshot: &Snapshot, left: &[PublishedApplication]| {
        for (prefix, path) in prefixes.iter().flat_map(|prefix| paths.iter().map(move |path| (prefix, path))) {
            for asked in [format!("/{prefix}{path}"), format!("/{}{path}", prefix.replace('a', "%61"))] {
                let route = snapshot.route("portal.example", &asked);
                let found = route.map(|route| route.application.external_url.prefix().decoded_len());
                assert_eq!(found, looked_up(left, &asked), "{asked} among {}", left.len());
                if let Some(route) = route {
                    assert_eq!(Some(route.below), route.application.external_url.prefix().below(&asked), "{asked}");
                }
            }
        }
    };
    let mut snapshot = Snapshot::compile(Epoch(1), Revision(1), all.iter().cloned(), []);
    check(&snapshot, &all);
    let mut revision = 1;
    while let Some(gone) = all.pop() {
        revision += 1;
        let changes = SnapshotChanges { applications: vec![(gone.id, None)], ..SnapshotChanges::default() };
        snapshot = snapshot.changed(Epoch(1), Revision(revision), changes);
        assert_eq!(snapshot.publishes_host("portal.example"), !all.is_empty());
        if all.len().is_multiple_of(5) {
            check(&snapshot, &all);
        }
    }
    assert_eq!(snapshot.size(), (0, 0, 0));
}

#[test]
fn what_differs_between_two_versions_is_found_whether_one_was_made_of_the_other() {
    let of = |number: u128, revision| PublishedApplication {
        revision: Revision(revision),
        ..published(number, &format!("https://app-{number}.example/"), PreAuthentication::Passthrough)
    };
    let before = Snapshot::compile(Epoch(1), Revision(1), (1..=20).map(|number| of(number, 1)), [known(1, 1)]);
    let changes = SnapshotChanges {
        applications: vec![(of(3, 1).id, Some(of(3, 2))), (of(4, 1).id, None), (of(21, 1).id, Some(of(21, 2)))],
        ..SnapshotChanges::default()
    };
    let made = before.changed(Epoch(1), Revision(2), changes);
    let others = (1..=20).filter(|number| ![3, 4].contains(number)).map(|number| of(number, 1));
    let apart = Snapshot::compile(Epoch(2), Revision(1), others.chain([of(3, 2), of(21, 2)]), [known(1, 1)]);
    for after in [&made, &apart] {
        let mut found: Vec<_> = after
            .applications_since(&before)
            .iter()
            .map(|own| {
                let revision = |side: Option<&Arc<PublishedApplication>>| side.map(|own| own.revision.0);
                (own.key.uuid().as_u128(), revision(own.before), revision(own.now))
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, [(3, Some(1), Some(2)), (4, Some(1), None), (21, None, Some(2))]);
        assert!(after.has_connectors_of(&before));
    }
    let moved = SnapshotChanges { connectors: vec![(known(1, 2).id, Some(known(1, 2)))], ..SnapshotChanges::default() };
    assert!(!made.changed(Epoch(1), Revision(3), moved).has_connectors_of(&made));
}
