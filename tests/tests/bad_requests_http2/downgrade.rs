//! Requests that would change their meaning on their way to HTTP/1.1.

use adit_tests::http2::{End, Field, flag, frame, kind};
use adit_tests::upstream::Head;

use crate::site::{HOST, Site, fields};

/// Whether a request was refused: its stream reset, the connection ended, or a 4xx.
fn is_refusal(end: &End) -> bool {
    matches!(end, End::Reset(_) | End::GoAway(_) | End::Closed)
        || matches!(end, End::Answer(400 | 404 | 405 | 413 | 414 | 421 | 431, _))
}

#[track_caller]
fn demand_refusal(site: &Site, what: &str, fields: &[Field<'_>], body: Option<&[u8]>) {
    let (end, arrived) = site.send(fields, body);
    assert!(is_refusal(&end), "{what}: {end:?} {arrived:?}");
    assert!(arrived.is_empty(), "{what}: {arrived:?}");
}

/// An ordinary POST with one pseudo-header field replaced.
fn with<'f>(name: &'f str, value: &'f [u8]) -> Vec<Field<'f>> {
    let mut changed = fields("POST", "/upload");
    for field in changed.iter_mut().filter(|field| field.0 == name.as_bytes()) {
        field.1 = value;
    }
    changed
}

/// An ordinary POST with one more field.
fn and<'f>(name: &'f [u8], value: &'f [u8]) -> Vec<Field<'f>> {
    [fields("POST", "/upload"), vec![(name, value)]].concat()
}

#[test]
fn pseudo_header_fields_that_are_missing_doubled_late_or_unknown_are_refused() {
    let mut site = Site::start();
    let good = fields("POST", "/upload");
    for place in 0..good.len() {
        let name = String::from_utf8_lossy(good[place].0).into_owned();
        let without: Vec<Field<'_>> = good.iter().copied().filter(|field| field.0 != good[place].0).collect();
        demand_refusal(&site, &format!("no {name}"), &without, None);
        demand_refusal(&site, &format!("{name} twice"), &[good.clone(), vec![good[place]]].concat(), None);
        let late = [without.clone(), vec![(b"x", b"y"), good[place]]].concat();
        demand_refusal(&site, &format!("{name} late"), &late, None);
        let empty: Vec<Field<'_>> =
            good.iter().map(|field| if field.0 == good[place].0 { (field.0, &b""[..]) } else { *field }).collect();
        demand_refusal(&site, &format!("{name} empty"), &empty, None);
    }
    for name in [&b":status"[..], b":unknown", b":", b":Path", b":path ", b":host"] {
        demand_refusal(&site, &String::from_utf8_lossy(name), &and(name, b"/upload"), None);
    }
    // In trailers, the library drops them: nothing of them may arrive.
    for name in [&b":path"[..], b":method", b":authority", b":status"] {
        let mut user = site.user();
        let stream = user.open(&fields("POST", "/upload"), flag::NONE).unwrap();
        user.write(&frame(kind::DATA, flag::NONE, stream, b"hello")).unwrap();
        let trailers = adit_tests::http2::block(&[(name, b"/smuggled")]);
        let _ = user.write(&frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &trailers));
        let end = user.end_of(stream);
        let name = String::from_utf8_lossy(name);
        assert!(is_refusal(&end) || matches!(end, End::Answer(200, _)), "{name} in trailers: {end:?}");
    }
    for head in site.upstream.heads() {
        let targets = ["/", "/upload"];
        assert!(targets.contains(&head.target.as_str()) && !format!("{head:?}").contains("smuggled"), "{head:?}");
    }
    site.is_well();
}

#[test]
fn pseudo_header_fields_that_would_be_more_than_one_thing_are_refused() {
    let mut site = Site::start();
    let smuggle = b"/upload HTTP/1.1\r\nHost: frames.localhost\r\n\r\nGET /smuggled";
    for (name, value) in [
        (":path", &b"upload"[..]),
        (":path", b"/upload now"),
        (":path", b"/upload\tnow"),
        (":path", b"/upload\r\nX: y"),
        (":path", b"/upload\nX: y"),
        (":path", b"/upload\0"),
        (":path", smuggle),
        (":path", b"*"),
        (":path", b"https://frames.localhost/upload"),
        (":path", b"https://other.localhost/upload"),
        (":path", b"/../upload"),
        (":path", b"/a/%2e%2e/upload"),
        (":path", b"/a%00"),
        (":path", b"/a%5cb"),
        (":path", b"/a\\b"),
        (":path", b"/a%zz"),
        (":path", b"/caf\xc3\xa9"),
        (":path", b"/\xff"),
        (":path", b"?query"),
        (":method", b"GET /smuggled HTTP/1.1\r\nX:"),
        (":method", b"GE T"),
        (":method", b"GET\r\n"),
        (":method", b"GET\0"),
        (":method", b"G\xc3\x89T"),
        (":method", b"(GET)"),
        (":method", b"CONNECT"),
        (":method", b"TRACE"),
        (":scheme", b"https://other.localhost/"),
        (":scheme", b"ht tp"),
        (":scheme", b"https\r\nX: y"),
        (":scheme", b"\0"),
        (":scheme", b"http"),
        (":scheme", b"ftp"),
        (":authority", b"other.localhost"),
        (":authority", b"frames.localhost, other.localhost"),
        (":authority", b"user@frames.localhost"),
        (":authority", b"frames.localhost/path"),
        (":authority", b"frames.localhost\r\nX: y"),
        (":authority", b"frames.localhost:99999"),
        (":authority", b"frames.localhost:443:443"),
        (":authority", b"frames localhost"),
        (":authority", b"frames.localhost\\"),
        (":authority", b":443"),
    ] {
        demand_refusal(&site, &format!("{name} {:?}", String::from_utf8_lossy(value)), &with(name, value), None);
    }
    // A fragment is for the client alone: it is dropped, and what is left is what is authorised and arrives.
    let (end, arrived) = site.send(&with(":path", b"/upload#/../smuggled"), None);
    assert!(matches!(end, End::Answer(200, _)) && arrived[0].target == "/upload", "{end:?} {arrived:?}");
    let long = format!("/{}", "x".repeat(9000));
    demand_refusal(&site, "a path of 9,000 bytes", &with(":path", long.as_bytes()), None);
    for host in [&b"other.localhost"[..], b"", b"frames.localhost, other.localhost", b"frames.localhost:1"] {
        demand_refusal(&site, "another host beside :authority", &and(b"host", host), None);
    }
    let twice = [fields("POST", "/upload"), vec![(b"host", HOST.as_bytes()), (b"host", b"other.localhost")]].concat();
    demand_refusal(&site, "two hosts", &twice, None);
    site.is_well();
}

/// Over HTTP/1.1 it would be a request with a length and no body: what comes next over that connection would be the body.
#[test]
fn a_request_for_a_websocket_that_has_a_length_is_refused() {
    let mut site = Site::start();
    let asks: [Field<'_>; 6] = [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", b"/upload"),
        (b"sec-websocket-version", b"13"),
    ];
    for length in [&b"600"[..], b"0"] {
        let body = vec![b'x'; std::str::from_utf8(length).unwrap().parse().unwrap()];
        demand_refusal(&site, "a length", &[&asks[..], &[(b"content-length", length)]].concat(), Some(&body));
    }
    site.is_well();
}

#[test]
fn names_and_values_that_http_1_writes_otherwise_are_refused() {
    let mut site = Site::start();
    for name in [
        &b"X-Upper"[..],
        b"x y",
        b"x\r\ny",
        b"x\ny",
        b"x\0",
        b"x:",
        b"x: y\r\nz",
        b"",
        b" x",
        b"x ",
        b"\tx",
        b"x\xc3\xa9",
        b"(x)",
        b"x/y",
        b"content-length\0",
        b"transfer-encoding: chunked\r\nx",
    ] {
        demand_refusal(&site, &format!("name {:?}", String::from_utf8_lossy(name)), &and(name, b"1"), None);
    }
    for value in [
        &b"a\r\nContent-Length: 5"[..],
        b"a\nb",
        b"a\rb",
        b"a\0b",
        b"\r\n\r\nGET /smuggled HTTP/1.1",
        b"a\r",
        b"\n",
        b"\0",
        b"a\r\n b",
    ] {
        demand_refusal(&site, &format!("value {:?}", String::from_utf8_lossy(value)), &and(b"x", value), None);
    }
    for (name, value) in [
        (&b"connection"[..], &b"keep-alive"[..]),
        (b"connection", b"close, x-forwarded-for"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"identity"),
        (b"upgrade", b"websocket"),
        (b"upgrade", b"h2c"),
        (b"te", b"gzip"),
        (b"te", b"trailers, chunked"),
    ] {
        let what = String::from_utf8_lossy(name).into_owned();
        demand_refusal(&site, &what, &and(name, value), Some(b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"));
    }
    site.is_well();
}

#[test]
fn a_length_that_is_not_that_of_the_data_is_refused_and_never_changes_where_a_request_ends() {
    let mut site = Site::start();
    let body: &[u8] = b"hello";
    for (length, body) in [
        (&b"4"[..], Some(body)),
        (b"6", Some(body)),
        (b"0", Some(body)),
        (b"5", None),
        (b"5000000000", Some(body)),
        (b"+5", Some(body)),
        (b"-5", Some(body)),
        (b"0x5", Some(body)),
        (b"5,5", Some(body)),
        (b"5, 6", Some(body)),
        (b"5 5", Some(body)),
        (b"05", Some(body)),
        (b"005", Some(body)),
        (b"00", None),
        (b"", None),
        (b"five", Some(body)),
        (b"", Some(body)),
        (b"18446744073709551621", Some(body)),
    ] {
        let (end, arrived) = site.send(&and(b"content-length", length), body);
        let what = String::from_utf8_lossy(length).into_owned();
        assert!(is_refusal(&end), "{what}: {end:?}");
        // The head may be on its way before the data tells that it was wrong; then its body never ends.
        assert!(arrived.len() <= 1 && arrived.iter().all(|head| head.target == "/upload"), "{what}: {arrived:?}");
    }
    for (one, other) in [(b"5", b"6"), (b"6", b"5"), (b"0", b"5"), (b"5", b"0"), (b"5", b"5")] {
        let twice = [fields("POST", "/upload"), vec![(b"content-length", one), (b"content-length", other)]].concat();
        let (end, arrived) = site.send(&twice, Some(body));
        assert!(is_refusal(&end), "{end:?} {arrived:?}");
    }
    for (fields, body) in [
        (fields("POST", "/upload"), Some(body)),
        (and(b"content-length", b"5"), Some(body)),
        (and(b"te", b"trailers"), Some(body)),
        (fields("POST", "/upload"), None),
        (fields("GET", "/upload"), Some(body)),
    ] {
        let (end, arrived) = site.send(&fields, body);
        let End::Answer(200, answer) = &end else { panic!("{fields:?}: {end:?}") };
        let seen: serde_json::Value = serde_json::from_slice(answer).unwrap();
        assert_eq!(seen["bytes"], body.map_or(0, <[u8]>::len), "{fields:?}");
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        assert!(framings(&arrived[0]) <= 1, "{arrived:?}");
    }
    site.is_well();
}

/// How many fields say how long a request is.
fn framings(head: &Head) -> usize {
    head.headers.iter().filter(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding")).count()
}

/// Sends a head that is too long for one frame, and how that ends.
fn in_parts(site: &Site, fields: &[Field<'_>]) -> End {
    let mut user = site.user();
    let stream = user.new_stream();
    let head = adit_tests::http2::block(fields);
    let parts: Vec<&[u8]> = head.chunks(16_000).collect();
    for (place, part) in parts.iter().enumerate() {
        let (kind, begin) =
            if place == 0 { (kind::HEADERS, flag::END_STREAM) } else { (kind::CONTINUATION, flag::NONE) };
        let end = if place + 1 == parts.len() { flag::END_HEADERS } else { flag::NONE };
        // Whoever refuses a head may have closed the connection before its last part.
        let _ = user.write(&frame(kind, begin | end, stream, part));
    }
    user.end_of(stream)
}

#[test]
fn heads_beyond_the_limits_are_refused() {
    let mut site = Site::start();
    let value = vec![b'x'; 15_000];
    let many: Vec<Field<'_>> = (0..5).map(|_| (&b"x"[..], value.as_slice())).collect();
    let end = in_parts(&site, &[fields("GET", "/upload"), many].concat());
    assert!(is_refusal(&end), "75,000 bytes: {end:?}");
    let cookie = vec![b'c'; 1000];
    let cookies: Vec<Field<'_>> = (0..39).map(|_| (&b"cookie"[..], cookie.as_slice())).collect();
    let end = in_parts(&site, &[fields("GET", "/upload"), cookies.clone()].concat());
    assert!(matches!(end, End::Answer(200, _)), "39,000 bytes of cookies: {end:?}");
    let short = vec![(&b"cookie"[..], &cookie[..500]); 4];
    let end = in_parts(&site, &[fields("GET", "/upload"), cookies, short].concat());
    assert!(is_refusal(&end), "41,000 bytes of cookies: {end:?}");
    let many: Vec<Field<'_>> = vec![(&b"x"[..], &b"y"[..]); 101];
    let (end, arrived) = site.send(&[fields("GET", "/upload"), many].concat(), None);
    assert!(matches!(end, End::Answer(431, _)) && arrived.is_empty(), "101 fields: {end:?}");
    let crumbs: Vec<Field<'_>> = vec![(&b"cookie"[..], &b"a=1"[..]); 150];
    let (end, _) = site.send(&[fields("GET", "/upload"), crumbs].concat(), None);
    assert!(matches!(end, End::Answer(200, _)), "150 cookies, each in a field of its own: {end:?}");
    let claims: Vec<Field<'_>> =
        vec![(b"x-forwarded-for", b"spoofed"), (b"x_real_ip", b"spoofed"), (b"forwarded", b"for=spoofed")];
    let (end, _) = site.send(&[fields("GET", "/head"), claims].concat(), None);
    let End::Answer(200, seen) = end else { panic!("{end:?}") };
    assert!(!String::from_utf8_lossy(&seen).contains("spoofed"));
    site.is_well();
}
