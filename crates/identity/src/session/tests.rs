//! Sessions that count and sessions that do not, and how much fits into one.

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
    Session { id: SessionId([9; 16]), person: ada(), signed_in: NOW, given: NOW, ends: NOW + 600 * MINUTE, seen: NOW }
}

fn judged(session: &Session, revocations: &Revocations, now: u64) -> Result<(), SessionOver> {
    judge(session, Some(application(1)), &SessionLimits::default(), revocations, now)
}

#[test]
fn a_session_is_what_it_was_after_sealing_at_its_own_place_only() {
    let ring = ring(1, None);
    let wiki = Audience::application(application(1), "wiki.example");
    let text = session().seal(&ring, wiki, SessionPurpose::Application).unwrap();
    assert_eq!(Session::open(&ring, wiki, SessionPurpose::Application, &text), Ok(session()));
    assert_eq!(Session::open(&ring, wiki, SessionPurpose::SignIn, &text), Err(NotOpened));
    // CVE-2026-72564 of another product: a token of one resource opened any other.
    let other = Audience::application(application(2), "wiki.example");
    assert_eq!(Session::open(&ring, other, SessionPurpose::Application, &text), Err(NotOpened));
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
    let text = largest.seal(&ring(1, None), wiki, SessionPurpose::Application).unwrap();
    assert!(text.len() < 4_000, "{} with name and `=` are one cookie", text.len());
    let mut more = largest.clone();
    more.person.claims[0].1.push('x');
    assert!(matches!(more.person.check(), Err(TooMuch::Text(_))));
    assert_eq!(more.seal(&ring(1, None), wiki, SessionPurpose::Application), Err(NotSealed));
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
    let none = Revocations::default();
    let mut used = session();
    assert_eq!(judged(&used, &none, NOW), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 60 * MINUTE - 1), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 60 * MINUTE), Err(SessionOver::Idle));
    used.seen = NOW + 599 * MINUTE;
    assert_eq!(judged(&used, &none, NOW + 600 * MINUTE - 1), Ok(()));
    assert_eq!(judged(&used, &none, NOW + 600 * MINUTE), Err(SessionOver::Ended));
    let shorter = SessionLimits { absolute: Duration::from_secs(60), idle: Duration::from_secs(60) };
    let at = NOW + MINUTE;
    assert_eq!(judge(&Session { seen: at, ..used }, None, &shorter, &none, at), Err(SessionOver::Ended));
}

#[test]
fn a_session_from_the_future_does_not_count_but_clocks_may_differ_a_little() {
    let none = Revocations::default();
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
    let mut by_session = Revocations::default();
    by_session.sessions.insert(session().id);
    assert_eq!(judged(&session(), &by_session, later), Err(SessionOver::Revoked));
    assert_eq!(judged(&Session { id: SessionId([8; 16]), ..session() }, &by_session, later), Ok(()));

    let by_principal = Revocations { principals: [(principal(7), NOW)].into(), ..Revocations::default() };
    assert_eq!(judged(&session(), &by_principal, later), Err(SessionOver::PrincipalRevoked));
    let copy = session().copy_for_application(later);
    assert_eq!(
        judged(&copy, &by_principal, later),
        Err(SessionOver::PrincipalRevoked),
        "a copy is as old as its sign-in"
    );
    let again = Session { signed_in: NOW + 1, ..session() };
    assert_eq!(judged(&again, &by_principal, later), Ok(()), "who signs in again is in again");

    let by_application = Revocations { applications: [(application(1), NOW)].into(), ..Revocations::default() };
    assert_eq!(judged(&session(), &by_application, later), Err(SessionOver::ApplicationRevoked));
    assert_eq!(judged(&copy, &by_application, later), Ok(()), "a cookie that was given out later counts");
    let limits = SessionLimits::default();
    assert_eq!(judge(&session(), Some(application(2)), &limits, &by_application, later), Ok(()));
    assert_eq!(
        judge(&session(), None, &limits, &by_application, later),
        Ok(()),
        "the sign-in host's is another cookie"
    );
}

#[test]
fn each_sign_in_has_a_session_of_its_own_and_applications_share_its_number_and_its_end() {
    let limits = SessionLimits::default();
    let (first, second) = (Session::begin(ada(), &limits, NOW).unwrap(), Session::begin(ada(), &limits, NOW).unwrap());
    assert_ne!(first.id, second.id);
    let copy = first.copy_for_application(NOW + MINUTE);
    assert_eq!((copy.id, copy.ends, copy.signed_in), (first.id, first.ends, first.signed_in));
    assert!(!limits.is_to_be_noted(&first, NOW + 3 * MINUTE));
    assert!(limits.is_to_be_noted(&first, NOW + 4 * MINUTE));
    assert_eq!(SessionId::parse(&first.id.to_text()), Some(first.id));
    assert_eq!(SessionId::parse("short"), None);
    assert!(!format!("{:?}", first.id).contains(&first.id.to_text()), "logs do not have the whole number");
}
