//! Sessions that count and sessions that do not, and how much fits into one.

use adit_core::revocation::Revocation;
use adit_core::snapshot::SnapshotChanges;

use super::*;
use crate::sealing::tests::{application, ring};

const NOW: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;

pub(crate) fn principal(number: u128) -> PrincipalId {
    PrincipalId::new(Uuid::from_u128(number))
}

pub(crate) fn ada() -> Person {
    Person {
        issuer: "https://login.example/realm".to_owned(),
        subject: "0000-ada".to_owned(),
        principal: principal(7),
        display_name: Some("Ada Lovelace".to_owned()),
        user_name: Some("ada@example.test".to_owned()),
        groups: vec![principal(20), principal(21)],
        groups_left_out: 3,
        roles: vec!["editor".to_owned()],
        claims: vec![("email".to_owned(), "ada@example.test".to_owned())],
    }
}

pub(crate) fn session() -> Session {
    let (id, ends) = (SessionId([9; 16]), NOW + 600 * MINUTE);
    let (signed_in_at, given_at) = (at(100), at(100));
    Session { id, person: ada(), signed_in: NOW, signed_in_at, given: NOW, given_at, ends, seen: NOW }
}

/// A version of the directory.
pub(crate) fn at(revision: u64) -> Version {
    (Epoch(1), Revision(revision))
}

/// A directory in which those sessions are over that began before.
fn ended(of: SessionsOf, before: Version) -> Snapshot {
    let changes =
        SnapshotChanges { revocations: vec![(of, Revocation { before, at: NOW })], ..SnapshotChanges::default() };
    Snapshot::default().changed(before.0, before.1, changes)
}

fn judged(session: &Session, directory: &Snapshot, now: u64) -> Result<(), SessionOver> {
    let revocations = Revocations { sessions: &HashSet::new(), directory };
    judge(session, Some(application(1)), &SessionLimits::default(), revocations, now)
}

#[test]
fn a_session_is_what_it_was_after_sealing_at_its_own_place_only() {
    let ring = ring(1, None);
    let wiki = Audience::application(application(1), "wiki.example");
    let text = session().seal(&ring, wiki).unwrap();
    assert_eq!(Session::open(&ring, wiki, &text), Ok(session()));
    assert_eq!(Session::open(&ring, Audience::sign_in_host("wiki.example"), &text), Err(NotOpened));
    // CVE-2026-72564 of another product: a token of one resource opened any other.
    let other = Audience::application(application(2), "wiki.example");
    assert_eq!(Session::open(&ring, other, &text), Err(NotOpened));
    let bytes = session().to_bytes();
    for end in 0..bytes.len() {
        assert!(Session::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    let newer = [&[VERSION + 1], &bytes[1..]].concat();
    assert_eq!(Session::from_bytes(&newer), Err(Unreadable), "another version has another form");
}

#[test]
fn the_largest_session_fits_a_cookie_and_a_larger_one_is_refused_with_its_reason() {
    let mut largest = session();
    largest.person.groups = (0..MOST_GROUPS as u128).map(principal).collect();
    largest.person.claims = vec![(String::new(), String::new())];
    let room = (0..=MOST_TEXT).rev().find(|length| {
        largest.person.claims[0].1 = "x".repeat(*length);
        largest.person.check().is_ok()
    });
    assert!(room.is_some_and(|room| room > 800), "{room:?}");
    let wiki = Audience::application(application(1), "wiki.example");
    let text = largest.seal(&ring(1, None), wiki).unwrap();
    assert!(text.len() < 4_000, "{} with name and `=` are one cookie", text.len());
    let mut more = largest.clone();
    more.person.claims[0].1.push('x');
    assert!(matches!(more.person.check(), Err(TooMuch::Text(_))));
    assert_eq!(more.seal(&ring(1, None), wiki), Err(NotSealed));
    largest.person.groups.push(principal(1_000));
    assert_eq!(largest.person.check(), Err(TooMuch::Groups(MOST_GROUPS + 1)));
}

#[test]
fn of_too_many_groups_those_that_are_assigned_somewhere_are_kept_and_the_rest_is_counted() {
    let mut person = Person { groups_left_out: 0, ..ada() };
    let all: Vec<_> = (0..150).chain(0..5).map(principal).collect();
    person.keep_groups(all, |group| group.uuid().as_u128() >= 140);
    assert_eq!((person.groups.len(), person.groups_left_out), (MOST_GROUPS, 50));
    assert!((140..150).all(|number| person.groups.contains(&principal(number))));
    assert!(person.groups.is_sorted());
    let mut few = Person { groups_left_out: 0, ..ada() };
    few.keep_groups(vec![principal(3), principal(1), principal(3)], |_| false);
    assert_eq!((few.groups, few.groups_left_out), (vec![principal(1), principal(3)], 0));
}

#[test]
fn a_session_ends_at_its_limits_and_at_shorter_ones_that_came_later() {
    let none = Snapshot::default();
    let mut used = session();
    assert_eq!(judged(&used, &none, NOW), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 60 * MINUTE - 1), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 60 * MINUTE), Err(SessionOver::Idle));
    used.seen = NOW + 599 * MINUTE;
    assert_eq!(judged(&used, &none, NOW + 600 * MINUTE - 1), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 600 * MINUTE), Err(SessionOver::Ended));
    let shorter = SessionLimits { absolute: Duration::from_secs(60), idle: Duration::from_secs(60) };
    let at = NOW + MINUTE;
    let used = Session { seen: at, ..used };
    let revocations = Revocations { sessions: &HashSet::new(), directory: &none };
    assert_eq!(judge(&used, None, &shorter, revocations, at), Err(SessionOver::Ended));
}

#[test]
fn a_session_from_the_future_does_not_count_but_clocks_may_differ_a_little() {
    let none = Snapshot::default();
    assert_eq!(judged(&session(), &none, NOW - MINUTE), Ok(()));
    assert_eq!(judged(&session(), &none, NOW - MINUTE - 1), Err(SessionOver::FromTheFuture));
    let seen_later = Session { seen: u64::MAX, ..session() };
    assert_eq!(judged(&seen_later, &none, NOW), Err(SessionOver::FromTheFuture));
    let endless = Session { ends: u64::MAX, ..session() };
    assert_eq!(judged(&endless, &none, NOW + 600 * MINUTE), Err(SessionOver::Ended));
}

#[test]
fn revoking_ends_one_session_or_those_of_a_user_or_of_an_application() {
    let later = NOW + MINUTE;
    let sessions = HashSet::from([session().id]);
    let by_session = Revocations { sessions: &sessions, directory: &Snapshot::default() };
    let judged_by = |session: &Session, revocations| {
        judge(session, Some(application(1)), &SessionLimits::default(), revocations, later)
    };
    assert_eq!(judged_by(&session(), by_session), Err(SessionOver::Revoked));
    assert_eq!(judged_by(&Session { id: SessionId([8; 16]), ..session() }, by_session), Ok(()));

    let directory = ended(SessionsOf::Principal(principal(7)), at(101));
    assert_eq!(judged(&session(), &directory, later), Err(SessionOver::PrincipalRevoked));
    let copy = session().copy_for_application(at(102), later);
    assert_eq!(judged(&copy, &directory, later), Err(SessionOver::PrincipalRevoked), "a copy is as old as its sign-in");
    let again = Session { signed_in_at: at(101), ..session() };
    assert_eq!(judged(&again, &directory, later), Ok(()), "who signs in again is in again, at once");

    let directory = ended(SessionsOf::Application(application(1)), at(101));
    assert_eq!(judged(&session(), &directory, later), Err(SessionOver::ApplicationRevoked));
    let copy = session().copy_for_application(at(101), later);
    assert_eq!(judged(&copy, &directory, later), Ok(()), "a cookie that was given out later counts");
    let limits = SessionLimits::default();
    let none = HashSet::new();
    let revocations = Revocations { sessions: &none, directory: &directory };
    assert_eq!(judge(&session(), Some(application(2)), &limits, revocations, later), Ok(()));
    let at_sign_in_host = judge(&session(), None, &limits, revocations, later);
    assert_eq!(at_sign_in_host, Ok(()), "the sign-in host's is another cookie");
}

#[test]
fn a_session_of_a_gateway_whose_clock_is_fast_does_not_outlive_its_revocation() {
    // The gateway's clock is half a minute fast; ten seconds later by the true one all sessions of the user are ended.
    let fast = Session { signed_in: NOW + MINUTE / 2, given: NOW + MINUTE / 2, seen: NOW + MINUTE / 2, ..session() };
    for of in [SessionsOf::Principal(principal(7)), SessionsOf::Application(application(1))] {
        let directory = ended(of, at(101));
        for later in [NOW + MINUTE / 6, NOW + MINUTE, NOW + 30 * MINUTE] {
            assert!(judged(&fast, &directory, later).is_err(), "{of}");
        }
    }
    // After a restore revisions are counted from an earlier one on, in a new epoch.
    let restored = ended(SessionsOf::Principal(principal(7)), (Epoch(2), Revision(3)));
    assert_eq!(judged(&session(), &restored, NOW), Err(SessionOver::PrincipalRevoked));
    let since = Session { signed_in_at: (Epoch(2), Revision(3)), ..session() };
    assert_eq!(judged(&since, &restored, NOW), Ok(()));
}

#[test]
fn no_session_outlives_what_is_remembered_of_revocations_whatever_is_configured() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let limits = SessionLimits { absolute: year, idle: year };
    let endless = Session::begin(ada(), &limits, at(1), NOW).unwrap();
    let most = NOW + millis(LONGEST_SESSION);
    assert_eq!(endless.ends, most);
    let none = HashSet::new();
    let revocations = Revocations { sessions: &none, directory: &Snapshot::default() };
    let old = Session { ends: u64::MAX, ..endless };
    assert_eq!(judge(&old, None, &limits, revocations, most), Err(SessionOver::Ended));
}

#[test]
fn each_sign_in_has_a_session_of_its_own_and_applications_share_its_number_and_its_end() {
    let limits = SessionLimits::default();
    let begun = || Session::begin(ada(), &limits, at(100), NOW).unwrap();
    let (first, second) = (begun(), begun());
    assert_ne!(first.id, second.id);
    let copy = first.copy_for_application(at(100), NOW + MINUTE);
    assert_eq!((copy.id, copy.ends, copy.signed_in), (first.id, first.ends, first.signed_in));
    assert!(!limits.is_to_be_noted(&first, NOW + 3 * MINUTE));
    assert!(limits.is_to_be_noted(&first, NOW + 4 * MINUTE));
    assert_eq!(SessionId::parse(&first.id.to_text()), Some(first.id));
    assert_eq!(SessionId::parse("short"), None);
    assert!(!format!("{:?}", first.id).contains(&first.id.to_text()), "logs do not have the whole number");
}

#[test]
fn an_access_token_counts_only_if_it_was_certainly_issued_after_what_ended_its_users_sessions() {
    let sessions = HashSet::new();
    let lasting = |issued| (issued, issued + 60 * MINUTE);
    let taken = |of, issued| {
        let directory = ended(of, at(101));
        let revocations = Revocations { sessions: &sessions, directory: &directory };
        let token = Session::of_token(ada(), lasting(issued), application(1), revocations, NOW + 2 * MINUTE)?;
        judge(&token, Some(application(1)), &SessionLimits::default(), revocations, NOW + 2 * MINUTE)
    };
    let (hers, here) = (SessionsOf::Principal(ada().principal), SessionsOf::Application(application(1)));
    for issued in [NOW - MINUTE, NOW, NOW + SKEW] {
        assert_eq!(taken(hers, issued), Err(SessionOver::PrincipalRevoked), "{issued}");
        assert_eq!(taken(here, issued), Err(SessionOver::ApplicationRevoked), "{issued}");
        assert_eq!(taken(SessionsOf::Application(application(2)), issued), Ok(()));
    }
    assert_eq!(taken(hers, NOW + SKEW + 1), Ok(()));
    let directory = ended(hers, at(101));
    let revocations = Revocations { sessions: &sessions, directory: &directory };
    let token =
        Session::of_token(ada(), lasting(NOW + SKEW + 1), application(1), revocations, NOW + 2 * MINUTE).unwrap();
    assert_eq!(judged(&token, &ended(hers, at(102)), NOW + 2 * MINUTE), Err(SessionOver::PrincipalRevoked));
}
