//! Where a request wants to go: hosts, absolute targets, paths. What two servers could read in two ways is refused, and
//! what is served arrives as the same bytes.

use adit_tests::Upstream;

use crate::site::{Fate, HOST, Site, is_refusal};

/// Heads in which `HOST` is the published name.
const BAD_HOSTS: &[&str] = &[
    "",
    "Host: HOST\r\nHost: HOST\r\n",
    "Host: HOST\r\nHost: other.localhost\r\n",
    "Host: other.localhost\r\nHost: HOST\r\n",
    "Host: HOST\r\nhost: HOST\r\n",
    "Host:\r\n",
    "Host: \r\n",
    "Host: :443\r\n",
    "Host: HOST:\r\n",
    "Host: HOST:0x1bb\r\n",
    "Host: HOST:+443\r\n",
    "Host: HOST:-443\r\n",
    "Host: HOST:65536\r\n",
    "Host: HOST:99999999\r\n",
    "Host: HOST:443:443\r\n",
    "Host: HOST:port\r\n",
    "Host: HOST: 443\r\n",
    "Host: HOST, other.localhost\r\n",
    "Host: HOST,HOST\r\n",
    "Host: HOST other.localhost\r\n",
    "Host: HOST\tother.localhost\r\n",
    "Host: user@HOST\r\n",
    "Host: user:password@HOST\r\n",
    "Host: HOST@other.localhost\r\n",
    "Host: HOST/\r\n",
    "Host: HOST/path\r\n",
    "Host: HOST?query\r\n",
    "Host: HOST#fragment\r\n",
    "Host: https://HOST\r\n",
    "Host: https://HOST/\r\n",
    "Host: HOST%00\r\n",
    "Host: %73trict.localhost\r\n",
    "Host: HOST\\\r\n",
    "Host: \"HOST\"\r\n",
    "Host: [HOST]\r\n",
    "Host: [::1\r\n",
    "Host: ::1\r\n",
    "Host: HOST..\r\n",
    "Host: .HOST\r\n",
    "Host: *.localhost\r\n",
    "Host: *\r\n",
    "Host: strict\u{2024}localhost\r\n",
    "Host: \u{ff53}trict.localhost\r\n",
    "Host: other.localhost\r\n",
    "Host: other.localhost:443\r\n",
    "Host: localhost\r\n",
    "Host: 127.0.0.1\r\n",
    "Host: strict.localhost.other.example\r\n",
    "Host: xstrict.localhost\r\n",
    "X-Host: HOST\r\n",
    "X-Forwarded-Host: HOST\r\n",
    "Host: other.localhost\r\nX-Forwarded-Host: HOST\r\n",
    "Host: other.localhost\r\nForwarded: host=HOST\r\n",
    "Host_: HOST\r\n",
];

#[test]
fn a_request_has_one_host_and_it_is_the_one_that_tls_was_opened_for() {
    let mut site = Site::start();
    for lines in BAD_HOSTS {
        let lines = lines.replace("HOST", HOST);
        let seen = site.send(format!("POST /upload HTTP/1.1\r\n{lines}\r\n").as_bytes());
        let first = seen.answers.first().map(|answer| answer.status).unwrap_or_default();
        assert!(is_refusal(first), "{lines:?}: {first}");
        let arrived: Vec<_> = seen.arrived.iter().filter(|head| head.target != "/after").collect();
        assert!(arrived.is_empty(), "{lines:?}: {arrived:?}");
    }
    for host in [HOST.to_owned(), HOST.to_uppercase(), format!("{HOST}:443"), format!("{HOST}.")] {
        let bytes = format!("POST /upload HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let _ = site.demand(&host, bytes.as_bytes(), &[Fate::Served(0)]);
    }
    site.is_well();
}

#[test]
fn no_other_application_is_reached_over_a_connection_that_was_opened_for_one() {
    let mut site = Site::start();
    let other = Upstream::start();
    let _application = site.directory.publish("other", &other, "other.localhost", "Default");
    site.directory.wait_until_served("other.localhost");
    let before = other.requests();
    for bytes in [
        "GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n".to_owned(),
        format!("GET https://other.localhost/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        "GET https://other.localhost/ HTTP/1.1\r\nHost: other.localhost\r\n\r\n".to_owned(),
        format!("GET https://{HOST}/ HTTP/1.1\r\nHost: other.localhost\r\n\r\n"),
        format!("GET //other.localhost/ HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-Host: other.localhost\r\n\r\n"),
    ] {
        let _ = site.send(bytes.as_bytes());
    }
    assert_eq!(other.requests(), before, "the other application saw nothing");
    site.is_well();
}

#[test]
fn an_absolute_target_names_the_host_that_is_asked_and_arrives_as_a_path() {
    let mut site = Site::start();
    for (target, hosts) in [
        ("https://other.localhost/upload", "Host: HOST\r\n"),
        ("https://HOST/upload", "Host: other.localhost\r\n"),
        ("https://HOST/upload", ""),
        ("https://HOST/upload", "Host: HOST\r\nHost: HOST\r\n"),
        ("https://user@HOST/upload", "Host: HOST\r\n"),
        ("https://HOST:1/upload", "Host: HOST\r\n"),
        ("https://HOST@other.localhost/upload", "Host: HOST\r\n"),
        ("https://HOST\\@other.localhost/upload", "Host: HOST\r\n"),
        ("https:///upload", "Host: HOST\r\n"),
        ("https:/upload", "Host: HOST\r\n"),
        ("https:HOST/upload", "Host: HOST\r\n"),
        ("file:///etc/passwd", "Host: HOST\r\n"),
        ("javascript:alert(1)", "Host: HOST\r\n"),
        ("//HOST:x/upload", "Host: other.localhost\r\n"),
        ("HOST/upload", "Host: HOST\r\n"),
        ("HOST:443", "Host: HOST\r\n"),
        ("upload", "Host: HOST\r\n"),
        ("?upload", "Host: HOST\r\n"),
        ("*", "Host: HOST\r\n"),
    ] {
        let bytes = format!("POST {target} HTTP/1.1\r\n{hosts}\r\n").replace("HOST", HOST);
        let seen = site.send(bytes.as_bytes());
        let first = seen.answers.first().map(|answer| answer.status).unwrap_or_default();
        assert!(is_refusal(first), "{target} {hosts:?}: {first} {:?}", seen.arrived);
        assert!(seen.arrived.iter().all(|head| head.target == "/after"), "{target}: {:?}", seen.arrived);
    }
    for scheme in ["https", "HTTPS", "http"] {
        let bytes = format!("POST {scheme}://{HOST}/upload HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let fate = site.demand(scheme, bytes.as_bytes(), &[Fate::Served(0), Fate::Refused]);
        assert!(scheme != "https" || fate == Fate::Served(0), "{scheme}: {fate:?}");
    }
    site.is_well();
}

#[test]
fn a_path_with_two_meanings_is_refused_and_every_other_arrives_as_the_same_bytes() {
    let mut site = Site::start();
    for path in [
        "/..",
        "/../",
        "/a/..",
        "/a/../b",
        "/a/../../b",
        "/./a",
        "/a/.",
        "/a/./b",
        "/%2e%2e/",
        "/a/%2E%2e/b",
        "/a/.%2e/b",
        "/a/%2e./b",
        "/%2e/a",
        "/a/..;/b",
        "/a/..;x=y/b",
        "/a/.;/b",
        "/a/%2e%2e;/b",
        "/a\\b",
        "/a\\..\\b",
        "/a%5cb",
        "/a%5C..%5Cb",
        "/..\\",
        "/a%00",
        "/a%00.png",
        "/%00",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%u002e",
        "/%%32%65",
        "/a\u{e9}",
        "/a\u{7f}b",
        "/a<b",
        "/a\"b",
        "/a b",
        "/a^b",
        "/a`b",
        "/a{b}",
        "/a|b",
        "/a#b",
        "/#",
        "/a#/../b",
    ] {
        let mut bytes = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes();
        bytes.extend_from_slice(b"");
        let seen = site.send(&bytes);
        let first = seen.answers.first().map(|answer| answer.status).unwrap_or_default();
        let arrived: Vec<&str> =
            seen.arrived.iter().map(|head| head.target.as_str()).filter(|it| *it != "/after").collect();
        // Characters that are only unusual may pass, as the very bytes that were sent.
        let unusual = path.chars().any(|sign| "<\"^`{|".contains(sign));
        let passed = unusual && first == 200 && arrived == [path];
        assert!(passed || (is_refusal(first) && arrived.is_empty()), "{path}: {first} {arrived:?}");
    }
    for path in [
        "/",
        "/a//b",
        "//a",
        "///",
        "/a%2fb",
        "/a%2Fb",
        "/a;v=1/b",
        "/;",
        "/...",
        "/a..b",
        "/a/...b",
        "/.well-known/x",
        "/a.",
        "/%252e%252e/",
        "/%c0%ae%c0%ae/",
        "/%e2%82%ac",
        "/a%20b",
        "/a%0d%0ab",
        "/a+b",
        "/~a",
        "/a:b@c",
        "/a?b=../c",
        "/a?b=%2e%2e",
        "/a?",
        "/?a=b?c",
        "/a?%00",
        "/a?b=\\",
        "/a%25",
        "/a,b!$&'()*=",
    ] {
        let seen = site.send(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes());
        let targets: Vec<&str> = seen.arrived.iter().map(|head| head.target.as_str()).collect();
        assert_eq!(targets, [path, "/after"], "{path}: the same bytes");
    }
    site.is_well();
}

#[test]
fn no_spelling_of_a_path_leads_out_of_a_published_prefix() {
    let mut site = Site::start();
    let inner = Upstream::start();
    let data = site.directory.data_argument();
    let internal = format!("{}inside/", inner.url());
    let external = format!("{}team/", site.directory.external_url("prefix.localhost"));
    let _ = adit_tests::command::run(&[
        "publish",
        "prefix",
        "--data",
        &data,
        "--internal-url",
        &internal,
        "--external-url",
        &external,
        "--passthrough",
    ])
    .succeeded();
    site.directory.wait_until_served_at("prefix.localhost", "/team/");
    for path in [
        "/team/../x",
        "/team/%2e%2e/x",
        "/team/..%2fx",
        "/team/%2e%2e%2fx",
        "/team//../x",
        "/team/..;/x",
        "/team%2f..%2fx",
        "/team%2fx",
        "/Team/x",
        "/teamx",
        "/x/team/",
        "//team/x",
        "/./team/x",
        "/team\\..\\x",
        "/team%5c..%5cx",
    ] {
        let answer = site.directory.get("prefix.localhost", path);
        let outside: Vec<_> = inner.heads().into_iter().filter(|head| !head.target.starts_with("/inside/")).collect();
        assert!(outside.is_empty(), "{path}: {outside:?}");
        if answer.status == 200 {
            let target = inner.heads().last().unwrap().target.clone();
            let climbs = target.split(['/', '\\']).any(|part| part == "..");
            assert!(!climbs, "{path} became {target}");
        }
    }
    site.is_well();
}
