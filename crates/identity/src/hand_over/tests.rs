//! Codes that are taken, and codes that are stolen, planted, old, repeated or for somebody else.

use super::*;
use crate::sealing::tests::{application, ring};
use crate::session::tests::{at, session};

const NOW: u64 = 1_800_000_000_000;
const LOGIN: &str = "login.example";
const WIKI: (&str, &str) = ("wiki.example", "wiki.example");

/// A browser's `Cookie` field out of `Set-Cookie` values.
fn sent(set_cookies: &[String]) -> String {
    set_cookies.iter().map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

fn left(path: &str) -> Leaving {
    let return_url = ReturnUrl::of_request(WIKI.1, path).unwrap();
    leave(&ring(1, None), application(1), WIKI.0, LOGIN, &return_url, &RequestCookies::new(&[]), NOW).unwrap()
}

fn code(leaving: &Leaving) -> String {
    let request = HandOverRequest::open(&ring(1, None), LOGIN, &leaving.request, NOW).unwrap();
    request.answer(&ring(1, None), &session(), at(105), NOW).unwrap()
}

fn redeemed(code: &str, cookies: &str, used: &UsedCodes, now: u64) -> Result<Arrived, HandOverRefused> {
    redeem(&ring(1, None), application(1), WIKI, code, &RequestCookies::new(&[cookies.as_bytes()]), used, now)
}

#[test]
fn the_browser_that_left_comes_back_to_the_url_it_asked_for() {
    let leaving = left("/page?x=1");
    let cookies = sent(&leaving.set_cookies);
    let arrived = redeemed(&code(&leaving), &cookies, &UsedCodes::default(), NOW + 1).unwrap();
    assert_eq!(arrived.return_url.as_str(), "https://wiki.example/page?x=1");
    assert_eq!(arrived.session.id, session().id);
    assert_eq!((arrived.session.given, arrived.session.given_at), (NOW, at(105)));
    assert!(cookies.starts_with(&arrived.remove[0]));
}

#[test]
fn the_longest_url_comes_back_whole_in_one_cookie() {
    let path = format!("/{}", "x".repeat(crate::return_url::LONGEST - "https://wiki.example/".len()));
    let leaving = left(&path);
    assert!(leaving.request.len() < 500, "the URL stays with the browser: {}", leaving.request.len());
    assert!(matches!(leaving.set_cookies.as_slice(), [one] if one.len() < 3_000), "{:?}", leaving.set_cookies);
    let arrived = redeemed(&code(&leaving), &sent(&leaving.set_cookies), &UsedCodes::default(), NOW).unwrap();
    assert!(arrived.return_url.as_str().ends_with(&path));
    assert_eq!(arrived.remove.len(), 1);
}

#[test]
fn whoever_leaves_again_and_again_takes_older_attempts_away() {
    let return_url = ReturnUrl::of_request(WIKI.1, "/").unwrap();
    let before = cookie::before_family(application(1));
    let line: String = (0..4).map(|number| format!("{before}{number}=x; ")).collect();
    let (lines, ring) = ([line.as_bytes()], ring(1, None));
    let cookies = RequestCookies::new(&lines);
    let leaving = leave(&ring, application(1), WIKI.0, LOGIN, &return_url, &cookies, NOW).unwrap();
    assert_eq!(leaving.set_cookies.len(), 2);
    assert_eq!(leaving.set_cookies[0], cookie::remove(&format!("{before}0")));
}

#[test]
fn login_csrf_a_code_planted_in_another_browser_is_refused_there() {
    let (attacker, victim) = (left("/"), left("/"));
    let code = code(&attacker);
    let planted = |cookies: &str| redeemed(&code, cookies, &UsedCodes::default(), NOW);
    for cookies in ["", "a=1", sent(&victim.set_cookies).as_str()] {
        assert_eq!(planted(cookies), Err(HandOverRefused::OtherBrowser), "{cookies}");
    }
    // The victim's cookie under the name of the attacker's attempt.
    let name = sent(&attacker.set_cookies).split('=').next().unwrap().to_owned();
    let value = sent(&victim.set_cookies).split_once('=').unwrap().1.to_owned();
    assert_eq!(planted(&format!("{name}={value}")), Err(HandOverRefused::OtherBrowser));
    let own = sent(&attacker.set_cookies);
    assert_eq!(planted(&format!("{own}; {own}")), Err(HandOverRefused::OtherBrowser), "twins");
}

#[test]
fn a_code_that_went_astray_is_spent() {
    let leaving = left("/");
    let (code, used) = (code(&leaving), UsedCodes::default());
    assert_eq!(redeemed(&code, "", &used, NOW), Err(HandOverRefused::OtherBrowser));
    let again = redeemed(&code, &sent(&leaving.set_cookies), &used, NOW);
    assert_eq!(again, Err(HandOverRefused::Used), "also in the browser that asked for it");
}

#[test]
fn a_code_counts_once_and_for_a_minute_in_all() {
    let leaving = left("/");
    let (code, cookies, used) = (code(&leaving), sent(&leaving.set_cookies), UsedCodes::default());
    for now in [NOW + 60_000, NOW + 60_001, NOW + 119_999, NOW - CODE_AHEAD - 1] {
        assert_eq!(redeemed(&code, &cookies, &used, now), Err(HandOverRefused::Expired), "{now}");
    }
    for now in [NOW - CODE_AHEAD, NOW, NOW + 59_999] {
        assert!(redeemed(&code, &cookies, &UsedCodes::default(), now).is_ok(), "{now}");
    }
    // It is remembered for as long as it would count.
    assert!(redeemed(&code, &cookies, &used, NOW - CODE_AHEAD).is_ok());
    assert_eq!(redeemed(&code, &cookies, &used, NOW + 59_999), Err(HandOverRefused::Used));
}

#[test]
fn a_code_opens_at_the_host_and_application_that_asked_and_nowhere_else() {
    let leaving = left("/");
    let (code, cookies) = (code(&leaving), sent(&leaving.set_cookies));
    let lines = [cookies.as_bytes()];
    let cookies = RequestCookies::new(&lines);
    let at = |application, host, ring: &SealingRing| {
        redeem(ring, application, host, &code, &cookies, &UsedCodes::default(), NOW).map(|_| ())
    };
    assert_eq!(at(application(1), WIKI, &ring(2, Some(1))), Ok(()), "the key was rotated meanwhile");
    assert_eq!(at(application(2), WIKI, &ring(1, None)), Err(HandOverRefused::NotOurs));
    assert_eq!(at(application(1), ("shop.example", "shop.example"), &ring(1, None)), Err(HandOverRefused::NotOurs));
    assert_eq!(at(application(1), WIKI, &ring(3, Some(2))), Err(HandOverRefused::NotOurs));
    // The application has moved to another port meanwhile.
    assert_eq!(at(application(1), (WIKI.0, "wiki.example:8443"), &ring(1, None)), Err(HandOverRefused::NotOurs));
}

#[test]
fn a_request_opens_at_the_sign_in_host_for_ten_minutes() {
    let request = left("/").request;
    let opened = |ring: &SealingRing, host, text: &str, now| HandOverRequest::open(ring, host, text, now).map(|_| ());
    assert_eq!(opened(&ring(1, None), LOGIN, &request, NOW + AWAY + SKEW - 1), Ok(()));
    assert_eq!(opened(&ring(1, None), LOGIN, &request, NOW + AWAY + SKEW), Err(HandOverRefused::Expired));
    assert_eq!(opened(&ring(1, None), "other.example", &request, NOW), Err(HandOverRefused::NotOurs));
    assert_eq!(opened(&ring(1, None), LOGIN, &format!("{request}A"), NOW), Err(HandOverRefused::NotOurs));
    assert_eq!(opened(&ring(1, None), LOGIN, "", NOW), Err(HandOverRefused::NotOurs));
    // A code is no request, and a request no code.
    let code = code(&left("/"));
    assert_eq!(opened(&ring(1, None), LOGIN, &code, NOW), Err(HandOverRefused::NotOurs));
    assert_eq!(redeemed(&request, "", &UsedCodes::default(), NOW), Err(HandOverRefused::NotOurs));
}
