//! Heads: what they say, what is refused, and that it makes no difference how they come.

use super::*;

fn request(bytes: &[u8]) -> Result<Option<(usize, RequestHead)>, Refusal> {
    HeadScan::<OfRequest>::default().request(bytes)
}

fn framing(lines: &str) -> Result<Framing, Refusal> {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    request(head.as_bytes()).map(|head| head.unwrap().1.framing)
}

#[test]
fn a_head_ends_at_its_empty_line_and_says_how_its_body_is_framed() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let all = [head.as_slice(), b"hello"].concat();
    let said = RequestHead { framing: Framing::Length(5), upgrade: false };
    assert_eq!(request(&all), Ok(Some((head.len(), said))));
    assert_eq!(framing(""), Ok(Framing::None));
    assert_eq!(framing("content-length:0\r\n"), Ok(Framing::None));
    assert_eq!(framing("TRANSFER-ENCODING: \t Chunked \t\r\n"), Ok(Framing::Chunked));
    assert_eq!(framing("Content-Encoding: chunked\r\nTransfer-Encodings: x\r\n"), Ok(Framing::None));
}

#[test]
fn a_head_may_come_in_any_pieces() {
    let head = b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    let mut scan = HeadScan::<OfRequest>::default();
    for end in 0..head.len() {
        assert_eq!(scan.request(&head[..end]), Ok(None), "{end}");
    }
    let said = RequestHead { framing: Framing::None, upgrade: true };
    assert_eq!(scan.request(head), Ok(Some((head.len(), said))));
    assert_eq!(scan.request(head), Ok(Some((head.len(), said))), "and the next one after it");
}

#[test]
fn lengths_and_codings_with_two_meanings_are_refused() {
    for (lines, refusal) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthBesideCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Refusal::LengthBesideCoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::TwoLengths),
        ("Content-Length: 5, 5\r\n", Refusal::BadLength),
        ("Content-Length: +5\r\n", Refusal::BadLength),
        ("Content-Length: 05\r\n", Refusal::BadLength),
        ("Content-Length:\r\n", Refusal::BadLength),
        ("Content-Length: 9223372036854775808\r\n", Refusal::BadLength),
        ("Content_Length: 5\r\n", Refusal::FramingTwin),
        ("transfer.encoding: chunked\r\n", Refusal::FramingTwin),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refusal::BadCoding),
        ("Transfer-Encoding: gzip, chunked\r\n", Refusal::BadCoding),
        ("Transfer-Encoding: chunked,\r\n", Refusal::BadCoding),
        ("Transfer-Encoding: \u{b}chunked\r\n", Refusal::BadCoding),
        ("Upgrade: websocket\r\nContent-Length: 0\r\n", Refusal::UpgradeWithBody),
        ("X: y\r\n z\r\n", Refusal::FoldedField),
        ("X: y\n", Refusal::BareLineFeed),
    ] {
        assert_eq!(framing(lines), Err(refusal), "{lines:?}");
    }
}

#[test]
fn first_lines_that_are_not_of_http_1_are_refused() {
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(limits::TARGET_BYTES));
    let endless = format!("GET /{}", "x".repeat(limits::HEAD_BYTES));
    let no_method = "x".repeat(limits::HEAD_BYTES);
    for (line, refusal) in [
        ("GET / HTTP/1.2\r\n", Refusal::Version),
        ("GET / HTTP/2.0\r\n", Refusal::Version),
        ("GET / HTTP/1.1 \r\n", Refusal::BadRequestLine),
        ("GET /\r\n", Refusal::BadRequestLine),
        ("GET / http/1.1\r\n", Refusal::BadRequestLine),
        ("GET / HTTP/1.1\n", Refusal::BareLineFeed),
        ("\r\n", Refusal::EmptyLineFirst),
        ("\n", Refusal::BareLineFeed),
        ("CONNECT a:1 HTTP/1.1\r\n", Refusal::Method),
        ("TRACE / HTTP/1.1\r\n", Refusal::Method),
        (&long, Refusal::TargetTooLong),
        (&endless, Refusal::TargetTooLong),
        (&no_method, Refusal::BadRequestLine),
    ] {
        assert_eq!(request(line.as_bytes()), Err(refusal), "{}", &line[..line.len().min(40)]);
    }
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(old), Err(Refusal::CodingInOldVersion));
}

#[test]
fn a_head_beyond_the_limit_is_refused_before_it_is_complete() {
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(limits::HEAD_BYTES));
    assert_eq!(request(endless.as_bytes()), Err(Refusal::HeadTooLarge));
    let cookies = |length: usize| {
        let cookie = format!("cookie: {}\r\n", "y".repeat(length / 2 - 1));
        framing(&cookie.repeat(2))
    };
    assert_eq!(cookies(limits::COOKIE_BYTES), Ok(Framing::None));
    assert_eq!(cookies(limits::COOKIE_BYTES + 2), Err(Refusal::HeadTooLarge));
    // Beside the host.
    assert_eq!(framing(&"X: y\r\n".repeat(limits::FIELDS - 1)), Ok(Framing::None));
    assert_eq!(framing(&"X: y\r\n".repeat(limits::FIELDS)), Err(Refusal::TooManyFields));
}
