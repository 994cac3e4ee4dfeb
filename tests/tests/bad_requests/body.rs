//! Bodies that nobody reads: what was announced as a body is never taken for a request, whatever the answer was.

use crate::site::{HOST, SMUGGLED, Site, is_refusal};

#[test]
fn a_body_that_is_not_read_never_becomes_a_request() {
    let mut site = Site::start();
    let length = SMUGGLED.len();
    let chunked = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let refused_heads = [
        "POST /a/../b HTTP/1.1\r\nHost: strict.localhost\r\n",
        "POST /upload HTTP/1.1\r\nHost: other.localhost\r\n",
        "GET /upload HTTP/1.1\r\nHost: other.localhost\r\n",
        "DELETE /%00 HTTP/1.1\r\nHost: strict.localhost\r\n",
        "TRACE / HTTP/1.1\r\nHost: strict.localhost\r\n",
    ];
    for head in refused_heads {
        for (framing, body) in [
            (format!("Content-Length: {length}\r\n"), SMUGGLED.to_owned()),
            ("Transfer-Encoding: chunked\r\n".to_owned(), chunked.clone()),
            (format!("Content-Length: {}\r\n", 100_000 * length), SMUGGLED.repeat(2000)),
            (format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"), SMUGGLED.to_owned()),
        ] {
            let seen = site.send(format!("{head}{framing}\r\n{body}").as_bytes());
            let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
            let first = statuses.first().copied().unwrap_or_default();
            assert!(is_refusal(first), "{head}{framing}: {statuses:?}");
            let says_so = seen.answers[0].header("connection").is_some_and(|said| said == "close");
            assert!(says_so || statuses.len() > 1, "{head}{framing}: closed without a word");
            assert!(seen.arrived.iter().all(|head| head.target == "/after"), "{head}{framing}: {:?}", seen.arrived);
        }
    }
    // The other way round: a request without a body is followed by one of its own right.
    for head in ["POST /upload", "PUT /upload", "PATCH /upload", "DELETE /upload", "OPTIONS /upload", "QUERY /upload"] {
        let seen = site.send(format!("{head} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes());
        let targets: Vec<&str> = seen.arrived.iter().map(|head| head.target.as_str()).collect();
        assert_eq!(targets, ["/upload", "/after"], "{head}");
    }
    site.is_well();
}

#[test]
fn expectations_are_met_or_ignored_and_never_change_where_a_request_ends() {
    let mut site = Site::start();
    let length = SMUGGLED.len();
    for expectation in [
        "100-continue",
        "100-Continue",
        "100-continue, 100-continue",
        "100-continue\r\nExpect: 100-continue",
        "x",
        "y 100-continue",
        "100-continue ",
        "\t100-continue",
        "",
        "200-ok",
        "100",
        "100-continue;q=1",
    ] {
        for method in ["POST", "GET"] {
            let head = format!("{method} /upload HTTP/1.1\r\nHost: {HOST}\r\nExpect: {expectation}\r\n");
            let seen = site.send(format!("{head}Content-Length: {length}\r\n\r\n{SMUGGLED}").as_bytes());
            let targets: Vec<&str> = seen.arrived.iter().map(|head| head.target.as_str()).collect();
            let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
            match statuses.as_slice() {
                [200, 200] => {
                    assert_eq!(targets, ["/upload", "/after"], "{expectation}");
                    assert_eq!(seen.answers[0].json()["bytes"], length, "{expectation}");
                }
                [refused] if is_refusal(*refused) => assert!(targets.is_empty(), "{expectation}: {targets:?}"),
                statuses => panic!("{method} {expectation:?}: {statuses:?}"),
            }
            // It is the gateway that asks the upstream, in its own words or not at all.
            let asked = seen.arrived.iter().filter_map(|head| head.header("expect"));
            assert!(asked.into_iter().all(|asked| asked == "100-continue"), "{expectation}");
        }
    }
    site.is_well();
}
