//! The client against upstreams that say raw bytes: what they may say, what they may not, and what they are told.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::ext::ReasonPhrase;
use tokio::io::{
    AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::client::Client;
use super::head::Question;
use super::wire::Wire;
use super::*;
use crate::limits;
use crate::replay::{ReplayBody, RequestBody};

mod requests;

impl Wire for DuplexStream {
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut room = vec![0; 64 * 1024];
        let mut buffer = ReadBuf::new(&mut room);
        ready!(Pin::new(self).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    }

    fn settle(&mut self) {}

    fn poll_send(&mut self, cx: &mut Context<'_>, part: &mut Bytes) -> Poll<io::Result<()>> {
        while !part.is_empty() {
            let count = ready!(Pin::new(&mut *self).poll_write(cx, part))?;
            part.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) {
        let _ = Pin::new(self).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

static NO_FIELDS: std::sync::LazyLock<HeaderMap> = std::sync::LazyLock::new(HeaderMap::new);
static ROOT: std::sync::LazyLock<Uri> = std::sync::LazyLock::new(|| Uri::from_static("/a?b"));

fn question(method: &Method, body: RequestBody) -> Question<'_> {
    let (takes_trailers, asks_first, switches) = (false, false, false);
    Question { method, uri: &ROOT, fields: &NO_FIELDS, takes_trailers, asks_first, switches, body }
}

/// A connection, and the upstream's end of it.
fn pair(size: usize) -> (Client<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(size);
    (Client::new(near, None), far)
}

async fn get(client: &Client<DuplexStream>) -> Result<http::Response<body::AnswerBody<DuplexStream>>, NotSent> {
    client.send(question(&Method::GET, RequestBody::Empty), &ReplayBody::Empty, |_| {}).await
}

/// All of an answer that came.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
    trailers: Vec<(String, String)>,
    interim: usize,
    stays: bool,
}

fn listed(fields: &HeaderMap) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())).collect()
}

/// What is seen of an upstream that says this, so many bytes at a time, and ends then, if it is to.
async fn seen(method: Method, said: &[u8], each: usize, ends: bool) -> Result<Seen, Error> {
    let (client, mut far) = pair(64 * 1024);
    let saying = async {
        for part in said.chunks(each) {
            far.write_all(part).await.unwrap();
            yield_now().await;
        }
        if ends {
            far.shutdown().await.unwrap();
        }
    };
    let mut interim = 0;
    let asking = async {
        let asked = question(&method, RequestBody::Empty);
        let answer = client.send(asked, &ReplayBody::Empty, |_| interim += 1).await.map_err(|it| it.error)?;
        let (head, body) = answer.into_parts();
        let whole = body.collect().await?;
        let trailers = whole.trailers().map(listed).unwrap_or_default();
        let body = String::from_utf8(whole.to_bytes().to_vec()).unwrap();
        Ok::<_, Error>((head, body, trailers))
    };
    let (seen, ()) = tokio::join!(asking, saying);
    let (head, body, trailers) = seen?;
    let stays = client.may_stay() && client.is_open() && client.is_sent();
    Ok(Seen { status: head.status.as_u16(), fields: listed(&head.headers), body, trailers, interim, stays })
}

#[tokio::test]
async fn answers_are_read_whatever_pieces_they_come_in() {
    let ok = |fields: &[(&str, &str)], body: &str, stays| Seen {
        status: 200,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_owned(),
        trailers: Vec::new(),
        interim: 0,
        stays,
    };
    let chunked = ("transfer-encoding", "chunked");
    for (said, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ok(&[("content-length", "5")], "hello", true)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \t a b \r\n\r\n",
            ok(&[("content-length", "0"), ("x", "a b")], "", true),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", ok(&[], "until the end", false)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            ok(&[chunked], "hello world", true),
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
            Seen { interim: 2, ..ok(&[("content-length", "1")], "!", true) },
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
            Seen {
                trailers: vec![("x-sum".to_owned(), "1".to_owned()), ("x-sum".to_owned(), "2".to_owned())],
                ..ok(&[chunked], "a", true)
            },
        ),
    ] {
        for each in [1, 2, 3, 5, 17, 1000] {
            let seen = seen(Method::GET, said.as_bytes(), each, expected.body.starts_with("until")).await.unwrap();
            assert_eq!(seen, expected, "{said:?} in pieces of {each}");
        }
    }
}

#[tokio::test]
async fn some_answers_have_no_body_whatever_their_heads_say() {
    let head = "OK\r\nContent-Length: 5\r\n\r\n";
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let seen = seen(method, format!("HTTP/1.1 {status} {head}").as_bytes(), 1000, false).await.unwrap();
        assert_eq!((seen.status, seen.body.as_str(), seen.stays), (status, "", true));
    }
}

#[tokio::test]
async fn a_connection_stays_only_where_both_ends_know_that_the_exchange_is_over() {
    for (head, stays) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true),
        ("HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", false),
        ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", false),
        ("HTTP/1.1 204 \r\n\r\nx", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
    ] {
        for each in [1, 1000] {
            let seen = seen(Method::GET, head.as_bytes(), each, false).await.unwrap();
            assert_eq!((seen.stays, seen.body.len() < 3), (stays, true), "{head:?} in pieces of {each}");
        }
    }
}

#[tokio::test]
async fn an_idle_connection_on_which_something_comes_or_that_ends_is_not_used() {
    for said in [Some(b"x".as_slice()), None] {
        let (client, mut far) = pair(1024);
        far.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
        let answer = get(&client).await.unwrap();
        assert!(answer.body().is_end_stream() && client.may_stay() && client.is_open() && client.ready().await);
        match said {
            Some(said) => far.write_all(said).await.unwrap(),
            None => far.shutdown().await.unwrap(),
        }
        assert!(client.may_stay() && !client.is_open() && !client.may_stay() && !client.ready().await);
    }
}

#[tokio::test]
async fn answers_with_two_meanings_are_refused_whatever_pieces_they_come_in() {
    let lines = |count, line: &[u8]| [b"HTTP/1.1 200 OK\r\n".as_slice(), &line.repeat(count)].concat();
    let long = [b"X: ".as_slice(), &[b'y'; 1024], b"\r\n"].concat();
    let cases: Vec<(Vec<u8>, Refusal)> = [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            Refusal::LengthBesideCoding,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Refusal::TwoLengths),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Refusal::BadCoding),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::CodingInOldVersion),
        (b"HTTP/1.1 200 OK\n\n", Refusal::BareLineFeed),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Refusal::FoldedField),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", Refusal::EmptyLineFirst),
        (b"HTTP/2 200 OK\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 20 OK\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 099 OK\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 200 O\0K\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 200 O\rK\r\n\r\n", Refusal::BadStatusLine),
        (b"ICY 200 OK\r\n\r\n", Refusal::BadStatusLine),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Refusal::UnaskedSwitch),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\n: y\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\nX: y\0z\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\nX: y\r\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 103 Early\r\nX y: z\r\n\r\n", Refusal::BadField),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n", Refusal::BadChunk),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1 \r\n", Refusal::BadChunk),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX y: z\r\n\r\n", Refusal::BadTrailers),
    ]
    .into_iter()
    .map(|(said, refusal)| (said.to_vec(), refusal))
    .chain([
        (lines(limits::FIELDS + 1, b"X: y\r\n"), Refusal::TooManyFields),
        (lines(limits::HEAD_BYTES / 1024, &long), Refusal::HeadTooLarge),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000), Refusal::TooManyInterim),
    ])
    .collect();
    for (said, refusal) in cases {
        for each in [1, 1000, said.len()] {
            let error = seen(Method::GET, &said, each, false).await.unwrap_err();
            let shown = String::from_utf8_lossy(said.get(..said.len().min(99)).unwrap());
            assert!(matches!(error, Error::Refused(it) if it == refusal), "{shown} in pieces of {each}: {error:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_none() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
    ] {
        let error = seen(Method::GET, said.as_bytes(), 1000, true).await.unwrap_err();
        assert!(matches!(error, Error::Ended), "{said:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_came_before_a_chunk_that_is_refused_is_handed_on() {
    let (client, mut far) = pair(1024);
    far.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5 \r\n").await.unwrap();
    let mut body = get(&client).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    assert!(matches!(body.frame().await, Some(Err(Error::Refused(Refusal::BadChunk)))));
    assert!(!body.is_end_stream() && !client.may_stay());
}

#[tokio::test]
async fn chunks_that_come_together_are_one_part_and_the_end_is_known_with_the_last() {
    let (client, mut far) = pair(64 * 1024);
    let chunks = (0..300).map(|number| format!("5;x\r\n{number:05}\r\n")).collect::<String>();
    let said = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    far.write_all(said.as_bytes()).await.unwrap();
    let mut body = get(&client).await.unwrap().into_body();
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data.len(), 1500);
    assert!(data.starts_with(b"0000000001") && data.ends_with(b"00299"));
    assert!(body.is_end_stream() && client.may_stay());
}

#[tokio::test]
async fn an_unusual_reason_is_kept() {
    for (said, reason) in [("OK", None), ("Fine by me", Some("Fine by me")), ("", Some(""))] {
        let (client, mut far) = pair(1024);
        far.write_all(format!("HTTP/1.1 200 {said}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
        let answer = get(&client).await.unwrap();
        let kept = answer.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
        assert_eq!(kept, reason.map(str::as_bytes));
    }
}
