//! Chunked bodies that are not what they should be: sizes, line ends, extensions, trailers.
//!
//! The head was good, so the request may already be on its way when its body turns out to be bad: the upstream may see
//! its start, but never its end, and nothing of what follows.

use crate::site::{HOST, SMUGGLED, Site, is_refusal, post};

const BAD: &[&[u8]] = &[
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5_\r\nhello\r\n0\r\n\r\n",
    b"_5\r\nhello\r\n0\r\n\r\n",
    b"5.\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"\t5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\t\r\nhello\r\n0\r\n\r\n",
    b"5 5\r\nhello\r\n0\r\n\r\n",
    b"5,\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"\"5\"\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5\r\r\nhello\r\n0\r\n\r\n",
    b"5\n\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"5\r\nhell\r\n0\r\n\r\n",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"5\r\nhello\r\n\r\n0\r\n\r\n",
    b"5\0\r\nhello\r\n0\r\n\r\n",
    b"\xd9\xa5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n-0\r\n\r\n",
    b"5\r\nhello\r\n+0\r\n\r\n",
    b"5\r\nhello\r\n0x0\r\n\r\n",
    b"5\r\nhello\r\n0 \r\n\r\n",
    b"5\r\nhello\r\n0\n\r\n",
    b"5\r\nhello\r\n0\r\r\n",
    b"5\r\nhello\r\n0\n\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\n\rX",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"8000000000000000\r\nhello\r\n0\r\n\r\n",
    b"00000000000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
    b"5;\nhello\r\n0\r\n\r\n",
    b"5 ;a=b\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\n\n",
    b"5\r\nhello\r\n0\r\nX: y\rZ: z\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\r\n folded\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX\r\n\r\n",
    b"5\r\nhello\r\n0\r\n: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: strict.localhost\r\n\r\n",
];

/// Sends a chunked body and demands that it is refused and that nothing after it is taken for a request.
#[track_caller]
fn demand_refusal(site: &Site, body: &[u8]) {
    // Long enough that whoever waits for more of the body gets it, and finds no end.
    let filler = format!("{}{}", SMUGGLED, "x".repeat(200));
    let bytes = post(b"Transfer-Encoding: chunked\r\n", &[body, filler.as_bytes()].concat());
    let seen = site.send(&bytes);
    let body = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
    let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
    assert!(seen.closed && seen.arrived.len() <= 1, "{body:?}: {statuses:?} {:?}", seen.arrived);
    assert!(seen.arrived.iter().all(|head| head.target == "/upload"), "{body:?}: {:?}", seen.arrived);
    assert!(matches!(statuses.as_slice(), [status] if is_refusal(*status)), "{body:?}: {statuses:?}");
}

#[test]
fn a_chunked_body_that_is_not_well_formed_is_refused() {
    let mut site = Site::start();
    for body in BAD {
        demand_refusal(&site, body);
    }
    let long = [b"5;a=".as_slice(), &[b'x'; 5000], b"\r\nhello\r\n0\r\n\r\n"].concat();
    demand_refusal(&site, &long);
    let scattered = [b"1;aaaaaaaaaaaaaaa\r\nx\r\n".repeat(400).as_slice(), b"0\r\n\r\n"].concat();
    demand_refusal(&site, &scattered);
    let many = [b"0\r\n".as_slice(), &b"X: y\r\n".repeat(200), b"\r\n"].concat();
    demand_refusal(&site, &many);
    let large = [b"0\r\nX: ".as_slice(), &[b'y'; 70_000], b"\r\n\r\n"].concat();
    demand_refusal(&site, &large);
    site.is_well();
}

#[test]
fn a_chunked_body_that_is_well_formed_arrives_whole() {
    let mut site = Site::start();
    let bodies: &[(&[u8], u64)] = &[
        (b"0\r\n\r\n", 0),
        (b"5\r\nhello\r\n0\r\n\r\n", 5),
        (b"05\r\nhello\r\n00\r\n\r\n", 5),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 20),
        (b"5;a=b\r\nhello\r\n0;c\r\n\r\n", 5),
        (b"5;a=\"b c\"\r\nhello\r\n0\r\n\r\n", 5),
        (b"5\r\nhello\r\n0\r\nX-Trailer: y\r\nX-Other: z\r\n\r\n", 5),
        (b"2\r\n\r\n\r\n0\r\n\r\n", 2),
    ];
    for (body, length) in bodies {
        let bytes = post(b"Transfer-Encoding: chunked\r\n", body);
        let _ = site.demand("a good chunked body", &bytes, &[crate::site::Fate::Served(*length)]);
    }
    // The same, a byte at a time: where one read ends and the next begins makes no difference.
    for (body, length) in bodies {
        let mut user = site.directory.user(HOST);
        for byte in post(b"Transfer-Encoding: chunked\r\n", body) {
            user.write(&[byte]).unwrap();
        }
        assert_eq!(user.read_response(false).unwrap().json()["bytes"], *length);
        assert_eq!(user.get(HOST, "/after").unwrap().status, 200);
    }
    site.is_well();
}
