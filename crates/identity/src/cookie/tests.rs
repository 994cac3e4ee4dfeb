//! Cookies as browsers send them, and as attackers do.

use super::*;
use crate::sealing::tests::application;

fn found(lines: &[&str], name: &str) -> Found<String> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    match RequestCookies::new(&lines).find(name) {
        Found::One(value) => Found::One(value.to_owned()),
        Found::Nothing => Found::Nothing,
        Found::Unusable => Found::Unusable,
    }
}

#[test]
fn names_are_bound_to_the_host_and_differ_between_applications() {
    let (wiki, shop) = (session_name(application(1)), session_name(application(2)));
    assert_ne!(wiki, shop);
    let attempt = "Zm9v-_bar;= \r\nx";
    let names = [wiki, SIGN_IN.to_owned(), before_name(application(1), attempt), attempt_name(attempt)];
    for name in names {
        assert!(name.starts_with(PREFIX), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{name}");
    }
}

#[test]
fn a_session_cookie_is_secure_for_the_host_alone_and_as_the_administrator_asks_beyond_that() {
    let set = |settings| set_session("__Host-adit-signin", "v", settings, 60);
    assert_eq!(set(CookieSettings::default()), "__Host-adit-signin=v; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(
        set(CookieSettings::of(Some(false), Some(true))),
        "__Host-adit-signin=v; Path=/; Secure; SameSite=Lax; Max-Age=60"
    );
    assert_eq!(CookieSettings::of(None, None), CookieSettings::default(), "what nobody set is the safe choice");
    assert_eq!(remove("__Host-adit-signin"), "__Host-adit-signin=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
}

#[test]
fn one_cookie_of_that_very_name_is_found_and_a_twin_makes_it_unusable() {
    let one = |value: &str| Found::One(value.to_owned());
    assert_eq!(found(&["a=1; __Host-adit-signin=v; b=2"], SIGN_IN), one("v"));
    assert_eq!(found(&["a=1", "__Host-adit-signin=v=w"], SIGN_IN), one("v=w"));
    assert_eq!(found(&["a=1;__Host-adit-signin = v ;"], SIGN_IN), one("v"));
    let none = [
        "",
        ";",
        "=",
        "__Host-adit-signin",
        "=__Host-adit-signin=v",
        "__host-adit-signin=v",
        "x__Host-adit-signin=v",
        "__Host-adit-signinx=v",
        "__Secure-adit-signin=v",
    ];
    for line in none {
        assert_eq!(found(&[line], SIGN_IN), Found::Nothing, "{line}");
    }
    assert_eq!(found(&["__Host-adit-signin=v; __Host-adit-signin=v"], SIGN_IN), Found::Unusable);
    assert_eq!(found(&["__Host-adit-signin=v", "__Host-adit-signin=w"], SIGN_IN), Found::Unusable);
    let twins = "__Host-adit-signin=v; ".repeat(300);
    assert_eq!(found(&[twins.as_str()], SIGN_IN), Found::Unusable);
}

#[test]
fn headers_beyond_their_bounds_are_no_session() {
    let many = format!("{}__Host-adit-signin=v", "a=1; ".repeat(MOST_COOKIES));
    assert_eq!(found(&[many.as_str()], SIGN_IN), Found::Unusable);
    let large = format!("a={}; __Host-adit-signin=v", "x".repeat(MOST_BYTES));
    assert_eq!(found(&[large.as_str()], SIGN_IN), Found::Unusable);
    let fits = format!("a={}; __Host-adit-signin=v", "x".repeat(32 * 1024));
    assert_eq!(found(&[fits.as_str()], SIGN_IN), Found::One("v".to_owned()), "others' cookies may be large");
    assert_eq!(RequestCookies::new(&[b"__Host-adit-signin=\xff"]).find(SIGN_IN), Found::Unusable);
}

#[test]
fn a_long_value_is_spread_over_cookies_and_read_only_if_all_of_them_are_there() {
    let value: String = (0..10_000).map(|number| char::from(b'a' + u8::try_from(number % 26).unwrap())).collect();
    let name = attempt_name("abcdefgh");
    let set = set_attempt(&name, &value);
    assert_eq!(set.len(), 3);
    let pairs: Vec<String> = set.iter().map(|line| line.split(';').next().unwrap().to_owned()).collect();
    assert!(pairs.iter().all(|pair| pair.len() <= 4096));
    let read = |pairs: &[String]| {
        let line = pairs.join("; ");
        RequestCookies::new(&[line.as_bytes()]).find_attempt(&name).one().map(Cow::into_owned)
    };
    assert_eq!(read(&pairs), Some(value.clone()));
    for missing in 0..pairs.len() {
        let mut some = pairs.clone();
        some.remove(missing);
        assert_eq!(read(&some), None, "without chunk {missing}");
        let mut twice = pairs.clone();
        twice.push(pairs[missing].clone());
        assert_eq!(read(&twice), None, "chunk {missing} twice");
    }
    for first in ["x", ".x", "0.x", "5.x", "99999999999999999999.x", "-1.x", "2.x"] {
        assert_eq!(read(&[format!("{name}={first}")]), None, "{first}");
    }
    assert_eq!(
        read(
            &set_attempt(&name, "short")
                .iter()
                .map(|line| line.split(';').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        ),
        Some("short".to_owned())
    );
}

#[test]
fn attempts_do_not_pile_up() {
    let family = before_family(application(1));
    let names: Vec<String> = ["one", "two", "three", "four"].map(|name| before_name(application(1), name)).to_vec();
    let line = format!("{0}=1.x; other=1; {1}=2.x; {1}.1=y; {2}=1.x; {3}=1.x", names[0], names[1], names[2], names[3]);
    let lines = [line.as_bytes()];
    let cookies = RequestCookies::new(&lines);
    assert_eq!(cookies.attempts(&family), names);
    assert_eq!(cookies.surplus(&family), [names[0].clone()]);
    assert_eq!(cookies.all_of(&names[1]), [names[1].clone(), format!("{}.1", names[1])]);
    assert!(cookies.surplus(&before_family(application(2))).is_empty());
}

#[test]
fn the_upstream_never_sees_a_cookie_of_ours_in_any_spelling() {
    let kept = |line: &str| without_ours(line.as_bytes()).map(|kept| String::from_utf8(kept.into_owned()).unwrap());
    assert_eq!(kept("a=1;b=2 ; c").as_deref(), Some("a=1;b=2 ; c"), "others' are not touched");
    assert_eq!(kept("a=1; __Host-adit-signin=v;b=2").as_deref(), Some("a=1; b=2"));
    let ours = [
        "__Host-adit-signin=v",
        "__HOST-ADIT-app-1=v",
        "__host-adit-before-1-x.1=v",
        " ;; __Host-adit-x = v;",
        "=__Host-adit-signin=v",
        "\"__Host-adit-signin=v",
        "__Host-adit-signin",
        "\t__Host-aditional=1",
    ];
    for line in ours {
        assert_eq!(kept(line), None, "{line}");
    }
    assert_eq!(kept("note=__Host-adit-x; b=2").as_deref(), Some("note=__Host-adit-x; b=2"), "a value is not a name");
    assert_eq!(without_ours(b"a=\xff; __Host-adit-x=\xfe").as_deref(), Some(&b"a=\xff"[..]));
}
