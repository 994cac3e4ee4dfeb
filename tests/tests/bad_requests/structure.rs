//! Heads whose parts contradict each other, line ends, versions, methods, upgrades, and what exceeds a limit.

use std::io::Read as _;

use crate::site::{Fate, HOST, SMUGGLED, Site, is_refusal, post};

/// Two lengths, or a length that HTTP/1.0 does not have.
fn contradictions() -> Vec<(&'static str, Vec<u8>)> {
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    let length = chunked.len();
    let lines = |lines: &str| post(lines.as_bytes(), chunked.as_bytes());
    let old =
        |lines: &str| format!("POST /upload HTTP/1.0\r\nHost: {HOST}\r\n{lines}\r\n{chunked}{SMUGGLED}").into_bytes();
    vec![
        ("CL then TE", lines(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"))),
        ("TE then CL", lines(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"))),
        ("CL 0 then TE", lines("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n")),
        ("TE then CL 0", lines("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")),
        ("CL, others, TE", lines("Content-Length: 5\r\nX: y\r\nA: b\r\nTransfer-Encoding: chunked\r\n")),
        ("TE twice", lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        ("TE and identity", lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")),
        ("CL twice, equal", lines(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"))),
        ("CL twice, different", lines(&format!("Content-Length: {length}\r\nContent-Length: 0\r\n"))),
        ("TE in HTTP/1.0", old("Transfer-Encoding: chunked\r\n")),
        ("TE in HTTP/1.0 that stays", old("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n")),
        ("TE and CL in HTTP/1.0", old("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        (
            "CL that Connection names",
            lines("Connection: Content-Length\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        ),
        ("chunked said in TE", lines("TE: chunked\r\nTransfer-Encoding: chunked, trailers\r\n")),
    ]
}

#[test]
fn a_head_with_two_lengths_is_refused() {
    let mut site = Site::start();
    for (what, bytes) in contradictions() {
        let _ = site.demand(what, &bytes, &[Fate::Refused]);
    }
    site.is_well();
}

/// `#` stands for a good line of a head.
const LINE_ENDS: &[(&str, &[u8])] = &[
    ("LF after the request line", b"POST /upload HTTP/1.1\nHost: strict.localhost\r\n\r\n"),
    ("LF after a field", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\n\r\n"),
    ("LF everywhere", b"POST /upload HTTP/1.1\nHost: strict.localhost\n\n"),
    ("LF for the empty line", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\n"),
    ("LF and CRLF", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\n\r\nX: y\r\n\r\n"),
    ("CR after the request line", b"POST /upload HTTP/1.1\rHost: strict.localhost\r\n\r\n"),
    ("CR after a field", b"POST /upload HTTP/1.1\r\nX: y\rHost: strict.localhost\r\n\r\n"),
    ("CR in a value", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: y\rz\r\n\r\n"),
    ("CRCRLF", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\r\n\r\n"),
    ("CRLF before the request", b"\r\nPOST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("LF before the request", b"\nPOST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("CR before the request", b"\rPOST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("many CRLF before the request", b"\r\n\r\n\r\nPOST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("space before the request", b" POST /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("folded value", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: y\r\n z\r\n\r\n"),
    ("folded with tab", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: y\r\n\tz\r\n\r\n"),
    ("folded host", b"POST /upload HTTP/1.1\r\nHost:\r\n strict.localhost\r\n\r\n"),
    ("fold before the first field", b"POST /upload HTTP/1.1\r\n X: y\r\nHost: strict.localhost\r\n\r\n"),
    ("blank line of spaces", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\n  \r\nX: y\r\n\r\n"),
    ("NUL in a value", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: a\0b\r\n\r\n"),
    ("NUL in a name", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX\0: y\r\n\r\n"),
    ("NUL in the request line", b"POST /upload\0 HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("space before a colon", b"POST /upload HTTP/1.1\r\nHost : strict.localhost\r\n\r\n"),
    ("tab before a colon", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX\t: y\r\n\r\n"),
    ("no name", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\n: y\r\n\r\n"),
    ("no colon", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX\r\n\r\n"),
    ("bytes beyond ASCII in a name", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX\xc3\xa9: y\r\n\r\n"),
    ("a bracket in a name", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX[a]: y\r\n\r\n"),
    ("vertical tab in a value", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: a\x0bb\r\n\r\n"),
    ("delete in a value", b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nX: a\x7fb\r\n\r\n"),
    ("HTTP/0.9", b"GET /upload\r\n\r\n"),
    ("HTTP/0.9 with a version", b"GET /upload HTTP/0.9\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1.2", b"GET /upload HTTP/1.2\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1.32", b"GET /upload HTTP/1.32\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1.01", b"GET /upload HTTP/1.01\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/01.1", b"GET /upload HTTP/01.1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1", b"GET /upload HTTP/1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1.", b"GET /upload HTTP/1.\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/2.0", b"GET /upload HTTP/2.0\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/2", b"GET /upload HTTP/2\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/9.9", b"GET /upload HTTP/9.9\r\nHost: strict.localhost\r\n\r\n"),
    ("http/1.1", b"GET /upload http/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTPS/1.1", b"GET /upload HTTPS/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP /1.1", b"GET /upload HTTP /1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1.1 and a space", b"GET /upload HTTP/1.1 \r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/-1.1", b"GET /upload HTTP/-1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("HTTP/1,1", b"GET /upload HTTP/1,1\r\nHost: strict.localhost\r\n\r\n"),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("two spaces", b"GET  /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("two spaces later", b"GET /upload  HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("tabs", b"GET\t/upload\tHTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("no target", b"GET HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("an empty target", b"GET  HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a space in the target", b"GET /upload now HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("only a method", b"GET\r\nHost: strict.localhost\r\n\r\n"),
    ("a method with a bracket", b"GE(T /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a method with a colon", b"GET: /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a method with NUL", b"GET\0 /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a method beyond ASCII", b"G\xc3\x89T /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a method in quotes", b"\"GET\" /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("CONNECT", b"CONNECT strict.localhost:443 HTTP/1.1\r\nHost: strict.localhost:443\r\n\r\n"),
    ("CONNECT with a path", b"CONNECT /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    (
        "CONNECT with a body",
        b"CONNECT strict.localhost:443 HTTP/1.1\r\nHost: strict.localhost\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("TRACE", b"TRACE /upload HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("TRACE of a star", b"TRACE * HTTP/1.1\r\nHost: strict.localhost\r\n\r\n"),
    ("a status line", b"HTTP/1.1 200 OK\r\nHost: strict.localhost\r\n\r\n"),
    ("a TLS hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
];

#[test]
fn lines_versions_and_methods_that_are_not_http_are_refused() {
    let mut site = Site::start();
    for (what, bytes) in LINE_ENDS {
        let _ = site.demand(what, bytes, &[Fate::Refused]);
    }
    site.is_well();
}

#[test]
fn a_bad_head_is_refused_wherever_it_is_cut_into_reads() {
    let mut site = Site::start();
    let bad = b"POST /upload HTTP/1.1\r\nHost: strict.localhost\r\nContent-Length: 4\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let before = site.upstream.requests();
    for cut in 1..bad.len() {
        let mut user = site.directory.user(HOST);
        user.write(&bad[..cut]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        // Refused already, maybe.
        let _ = user.write(&bad[cut..]);
        let answer = user.read_response(false).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert!(is_refusal(answer.status), "cut at {cut}: {}", answer.status);
        assert!(user.read_response(false).is_err(), "cut at {cut}: a second answer");
    }
    assert_eq!(site.upstream.requests(), before);
    site.is_well();
}

#[test]
fn upgrades_with_a_body_or_to_something_else_pass_nothing() {
    let mut site = Site::start();
    let upgrade = |lines: &str, after: &str| {
        format!(
            "GET /websocket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n{after}"
        )
    };
    for (what, bytes) in [
        ("a length", upgrade("Upgrade: websocket\r\nContent-Length: 5\r\n", "hello")),
        ("a length of nothing", upgrade("Upgrade: websocket\r\nContent-Length: 0\r\n", "")),
        ("chunks", upgrade("Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        (
            "a request as body",
            upgrade(&format!("Upgrade: websocket\r\nContent-Length: {}\r\n", SMUGGLED.len()), SMUGGLED),
        ),
        ("h2c with a length", upgrade("Upgrade: h2c\r\nContent-Length: 0\r\n", "")),
    ] {
        let _ = site.demand(what, bytes.as_bytes(), &[Fate::Refused]);
    }
    // Other protocols are not joined: the request is served as if it had not asked, and no answer is a 101.
    for asked in ["h2c", "h2c, websocket", "TLS/1.0", "IRC/6.9", "websocket/13", "\"websocket\""] {
        let bytes = format!(
            "GET /upload HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {asked}\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        );
        let seen = site.send(bytes.as_bytes());
        let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
        assert!(statuses == [200, 200] || (statuses.len() == 1 && is_refusal(statuses[0])), "{asked}: {statuses:?}");
        for head in &seen.arrived {
            assert!(head.header("upgrade").is_none() && head.header("http2-settings").is_none(), "{asked}: {head:?}");
        }
    }
    site.is_well();
}

#[test]
fn bytes_that_follow_a_refused_upgrade_are_a_request_of_their_own_and_early_frames_wait_for_the_101() {
    let mut site = Site::start();
    let asking = |target: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    // The upstream answers 200: what follows is the next request, and is looked at as one.
    let seen = site.send(asking("/upload").as_bytes());
    assert_eq!(seen.answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200]);
    let seen = site.send_alone(format!("{}GET /after HTTP/1.1\nHost: {HOST}\r\n\r\n", asking("/upload")).as_bytes());
    assert_eq!(seen.answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 400]);
    assert_eq!(seen.arrived.len(), 1);
    // The upstream switches: a frame that was sent too early arrives after the 101, as it was sent.
    let frame = [&[0x81, 0x85, 0, 0, 0, 0][..], b"early"].concat();
    let mut user = site.directory.user(HOST);
    user.write(&[asking("/websocket").as_bytes(), &frame].concat()).unwrap();
    assert_eq!(user.read_response(false).unwrap().status, 101);
    let mut echoed = [0; 7];
    user.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"\x81\x05early");
    drop(user);
    site.is_well();
}

#[test]
fn pages_of_other_sites_open_no_websocket_where_that_is_configured() {
    let mut site = Site::start_with("[client_limits]\nsame_origin_websockets = true\n");
    let own = format!("Origin: https://{HOST}\r\n");
    let foreign = "Origin: https://evil.example\r\n";
    for (origin, status) in [("", 101), (own.as_str(), 101), (foreign, 403), ("Origin: null\r\n", 403)] {
        let mut user = site.directory.user(HOST);
        let asking = format!(
            "GET /websocket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{origin}\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        user.write(asking.as_bytes()).unwrap();
        assert_eq!(user.read_response(false).unwrap().status, status, "{origin:?}");
    }
    // A page of another site may still ask for pages, as browsers allow it.
    let seen = site.send(format!("POST /upload HTTP/1.1\r\nHost: {HOST}\r\n{foreign}\r\n").as_bytes());
    assert_eq!(seen.answers[0].status, 200);
    site.is_well();
}

#[test]
fn what_exceeds_a_limit_is_refused_before_anything_is_asked() {
    let mut site = Site::start();
    let with = |lines: String| post(lines.as_bytes(), b"");
    let field = |name: &str, length: usize| format!("{name}: {}\r\n", "x".repeat(length));
    let fields = |count: usize| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let target =
        |length: usize| format!("POST /upload?{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", "x".repeat(length)).into_bytes();
    let cookies = |count: usize| format!("Cookie: a={}\r\n", "x".repeat(1000)).repeat(count);
    for (what, bytes, statuses) in [
        ("a field of 70,000 bytes", with(field("X", 70_000)), [431, 431]),
        ("a field of 1,000,000 bytes", with(field("X", 1_000_000)), [431, 431]),
        ("101 fields", with(fields(101)), [431, 431]),
        ("5,000 fields", with(fields(5_000)), [431, 431]),
        ("a target of 9,000 bytes", target(9_000), [414, 431]),
        ("a target of 70,000 bytes", target(70_000), [414, 431]),
        ("a target of 1,000,000 bytes", target(1_000_000), [414, 431]),
        ("a cookie of 41,000 bytes", with(field("Cookie", 41_000)), [431, 431]),
        ("41 cookies of 1,000 bytes", with(cookies(41)), [431, 431]),
        ("a method of 100,000 bytes", format!("{} / HTTP/1.1\r\n\r\n", "G".repeat(100_000)).into_bytes(), [400, 431]),
    ] {
        let seen = site.send(&bytes);
        let answered: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
        assert!(matches!(answered.as_slice(), [status] if statuses.contains(status)), "{what}: {answered:?}");
        assert!(seen.closed && seen.arrived.is_empty(), "{what}: {:?}", seen.arrived);
        assert!(seen.answers[0].header("x-adit-reason").is_some(), "{what}: an answer that explains nothing");
    }
    for (what, bytes) in [
        ("90 fields", with(fields(90))),
        ("a field of 50,000 bytes", with(field("X", 50_000))),
        ("a cookie of 15,000 bytes", with(field("Cookie", 15_000))),
    ] {
        let _ = site.demand(what, &bytes, &[Fate::Served(0)]);
    }
    let long =
        site.send(&format!("POST /upload HTTP/1.1\r\nHost: {HOST}\r\nX: {}\r\n\r\n", "y".repeat(8_000)).into_bytes());
    assert_eq!(long.answers.len(), 2);
    site.is_well();
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order_or_the_connection_ends() {
    let mut site = Site::start();
    let requests: String = (0..1000).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).collect();
    let before = site.upstream.requests();
    let mut user = site.directory.user(HOST);
    user.write(requests.as_bytes()).unwrap();
    let mut answered = 0;
    while answered < 1000 && user.read_response(false).is_ok_and(|answer| answer.status == 200) {
        answered += 1;
    }
    let heads = site.upstream.heads();
    let arrived = &heads[heads.len() - (site.upstream.requests() - before)..];
    assert!(answered > 0 && arrived.len() >= answered, "{answered} answered, {} arrived", arrived.len());
    for (number, head) in arrived.iter().enumerate() {
        assert_eq!(head.target, format!("/{number}"), "in the order they were sent");
    }
    site.is_well();
}
