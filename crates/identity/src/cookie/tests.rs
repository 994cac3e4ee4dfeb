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
    let fits = format!("a={}; __Host-adit-signin=v", "x".repeat(16 * 1024));
    assert_eq!(found(&[fits.as_str()], SIGN_IN), Found::One("v".to_owned()), "others' cookies may be large");
    assert_eq!(RequestCookies::new(&[b"__Host-adit-signin=\xff"]).find(SIGN_IN), Found::Unusable);
}

/// What a browser keeps and sends, the oldest first.
#[derive(Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, name: &str, value: &str) {
        self.0.retain(|(own, _)| own != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, names: &[String]) {
        self.0.retain(|(own, _)| !names.contains(own));
    }

    fn sent(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn what_belongs_to_an_attempt_is_kept_for_as_long_as_its_code_counts_and_must_fit_a_cookie() {
    let name = before_name(application(1), "abcdefgh");
    let set = set_attempt(&name, "sealed").unwrap();
    assert_eq!(set, format!("{name}=sealed; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=660"));
    let longest = "x".repeat(4_096 - name.len() - 1);
    assert!(set_attempt(&name, &longest).is_some());
    assert_eq!(set_attempt(&name, &format!("{longest}x")), None);
    let line = format!("{name}=sealed");
    let lines = [line.as_bytes()];
    assert_eq!(RequestCookies::new(&lines).find_attempt(&name), Found::One("sealed"));
    let twice = format!("{line}; {line}");
    assert_eq!(RequestCookies::new(&[twice.as_bytes()]).find_attempt(&name), Found::Unusable);
}

#[test]
fn attempts_do_not_pile_up() {
    let family = before_family(application(1));
    let names: Vec<String> = ["one", "two", "three", "four"].map(|name| before_name(application(1), name)).to_vec();
    let line = format!("{0}=x; other=1; {1}=y; {2}=x; {3}=x", names[0], names[1], names[2], names[3]);
    let lines = [line.as_bytes()];
    let cookies = RequestCookies::new(&lines);
    assert_eq!(cookies.attempts(&family), names);
    assert_eq!(cookies.surplus(&family), [names[0].clone()]);
    assert!(cookies.surplus(&before_family(application(2))).is_empty());
}

#[test]
fn nobody_is_locked_out_of_a_host_by_being_sent_to_long_urls_of_whatever_applications() {
    // Fifty applications on one host with sessions of the largest size, and an attacker's page that opens each of them
    // again and again.
    let mut jar = Jar::default();
    jar.take("own", &"x".repeat(15 * 1024));
    let sealed = "x".repeat(3_980);
    for round in 0..200_u128 {
        let wiki = application(round % 50);
        let line = jar.sent();
        assert!(line.len() <= MOST_BYTES, "round {round}: {} bytes of cookies", line.len());
        let lines = [line.as_bytes()];
        let cookies = RequestCookies::new(&lines);
        let (surplus, name) = (cookies.surplus(&before_family(wiki)), before_name(wiki, &format!("a{round}")));
        jar.remove(&surplus);
        jar.take(&name, &sealed);
        let line = jar.sent();
        let lines = [line.as_bytes()];
        let cookies = RequestCookies::new(&lines);
        assert_eq!(cookies.find_attempt(&name), Found::One(sealed.as_str()), "the newest one counts");
        if round % 3 == 0 {
            let session = session_name(wiki);
            let others = cookies.sessions_beside(&session, session.len() + 3 + sealed.len());
            jar.remove(&others);
            jar.take(&session, &sealed);
        }
    }
    let line = jar.sent();
    let (sessions, attempts) = (line.matches(SESSION).count(), line.matches(BEFORE).count());
    assert!(sessions >= 4 && attempts >= 1, "{sessions} sessions and {attempts} attempts have room");
}

#[test]
fn a_thousand_attempts_cost_one_reading_and_none_of_them_counts() {
    let names: Vec<String> = (0..250).map(|number| before_name(application(1), &format!("n{number}"))).collect();
    let line: String = names.iter().map(|name| format!("{name}=x; ")).collect();
    let lines = [line.as_bytes()];
    let cookies = RequestCookies::new(&lines);
    assert_eq!(cookies.find_attempt(&names[0]), Found::Unusable);
    let surplus = cookies.surplus(&before_family(application(1)));
    assert_eq!(surplus, names[..MOST_REMOVED], "a bounded number is taken away at once, the oldest first");
}

#[test]
fn the_upstream_never_sees_a_cookie_of_ours_in_any_spelling() {
    let kept = |line: &str| without_ours(line.as_bytes()).map(|kept| String::from_utf8(kept.into_owned()).unwrap());
    assert_eq!(kept("a=1;b=2 ; c").as_deref(), Some("a=1;b=2 ; c"), "others' are not touched");
    assert_eq!(kept("a=1; __Host-adit-signin=v;b=2").as_deref(), Some("a=1; b=2"));
    let ours = [
        "__Host-adit-signin=v",
        "__HOST-ADIT-app-1=v",
        "__host-adit-before-1-x=v",
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
