//! Requests on their way: how they are written, and what becomes of those whose answers come early.

use super::*;

/// What an upstream reads of a request, which it answers at its end.
async fn sent(question: Question<'_>, kept: &ReplayBody) -> Result<String, Error> {
    let (client, mut far) = pair(1 << 20);
    let answer = client.send(question, kept, |_| {});
    let reading = async {
        let mut read = Vec::new();
        while !read.ends_with(b"END") && !read.ends_with(b"\r\n\r\n") || read.ends_with(b"chunked\r\n\r\n") {
            assert!(far.read_buf(&mut read).await.unwrap() > 0, "{}", String::from_utf8_lossy(&read));
        }
        far.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
        String::from_utf8(read).unwrap()
    };
    tokio::select! {
        biased;
        failed = async { answer.await.err().map(|it| it.error) } => match failed {
            Some(error) => Err(error),
            None => panic!("answered before it was read"),
        },
        read = reading => Ok(read),
    }
}

#[tokio::test]
async fn a_request_is_written_as_it_is_framed() {
    let fields = HeaderMap::from_iter([
        (HeaderName::from_static("host"), HeaderValue::from_static("app")),
        (HeaderName::from_static("content-length"), HeaderValue::from_static("8")),
        (HeaderName::from_static("trailer"), HeaderValue::from_static("x-sum, x-other")),
    ]);
    let data = |data: &'static [u8]| Frame::data(Bytes::from_static(data));
    let trailers = Frame::trailers(HeaderMap::from_iter([
        (HeaderName::from_static("x-sum"), HeaderValue::from_static("7")),
        (HeaderName::from_static("x-unsaid"), HeaderValue::from_static("8")),
    ]));
    let head = "PUT /a?b HTTP/1.1\r\nhost: app\r\n";
    let ask = async |kept: ReplayBody| {
        let body = kept.attempt();
        sent(Question { fields: &fields, ..question(&Method::PUT, body) }, &kept).await
    };
    let length = ReplayBody::of_parts(vec![data(b"hello"), data(b"END")], Some(8), true);
    assert_eq!(
        ask(length).await.unwrap(),
        format!("{head}trailer: x-sum, x-other\r\ncontent-length: 8\r\n\r\nhelloEND")
    );
    let chunked = ReplayBody::of_parts(vec![data(b"hello"), data(b""), data(b"END"), trailers], None, true);
    assert_eq!(
        ask(chunked).await.unwrap(),
        format!(
            "{head}trailer: x-sum, x-other\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nEND\r\n0\r\nx-sum: 7\r\n\r\n"
        )
    );
    // Whatever the client said of a body that is not there.
    assert_eq!(
        ask(ReplayBody::Empty).await.unwrap(),
        format!("{head}trailer: x-sum, x-other\r\ncontent-length: 0\r\n\r\n")
    );
    for wrong in [vec![data(b"hello")], vec![data(b"hello"), data(b"hello")]] {
        assert!(matches!(ask(ReplayBody::of_parts(wrong, Some(8), true)).await, Err(Error::Length)));
    }
}

#[tokio::test]
async fn large_parts_keep_their_place() {
    let part = |sign: u8| Frame::data(Bytes::from(vec![sign; 40_000]));
    let small = |text: &'static str| Frame::data(Bytes::from_static(text.as_bytes()));
    let parts = || vec![small("<"), part(b'a'), part(b'b'), small(">"), part(b'c'), small("END")];
    let said = format!("<{}{}>{}END", "a".repeat(40_000), "b".repeat(40_000), "c".repeat(40_000));
    for length in [Some(said.len() as u64), None] {
        let kept = ReplayBody::of_parts(parts(), length, true);
        let read = sent(question(&Method::PUT, kept.attempt()), &kept).await.unwrap();
        let (_, mut body) = read.split_once("\r\n\r\n").unwrap();
        let mut found = String::new();
        if length.is_some() {
            assert_eq!(body, said);
            continue;
        }
        loop {
            let (size, rest) = body.split_once("\r\n").unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let (data, rest) = rest.split_at(size);
            found.push_str(data);
            body = rest.strip_prefix("\r\n").unwrap();
            if size == 0 {
                break;
            }
        }
        assert_eq!((found == said, body), (true, ""));
    }
}

#[tokio::test]
async fn an_answer_is_heard_while_its_request_is_sent_and_the_rest_goes_on_its_way() {
    LocalSet::new().run_until(early_answer()).await;
}

async fn early_answer() {
    let (client, mut far) = pair(1024);
    let parts = (0..10).map(|_| Frame::data(Bytes::from(vec![b'x'; 20_000]))).collect();
    let kept = ReplayBody::of_parts(parts, Some(200_000), true);
    far.write_all(b"HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    let answer = client.send(question(&Method::PUT, kept.attempt()), &kept, |_| {}).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "no");
    // The connection may serve another, but not yet.
    assert!(client.may_stay() && client.is_open() && !client.is_sent());
    let reading = spawn_local(async move {
        let mut read = Vec::new();
        while !read.ends_with(&[b'x'; 200_000]) {
            assert!(far.read_buf(&mut read).await.unwrap() > 0);
        }
        far
    });
    assert!(client.ready().await && client.is_sent());
    let mut far = reading.await.unwrap();
    far.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
    assert_eq!(get(&client).await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_left_of_a_request_ends_with_its_connection() {
    LocalSet::new().run_until(early_answer_that_is_dropped()).await;
}

async fn early_answer_that_is_dropped() {
    let (client, mut far) = pair(1024);
    let kept = ReplayBody::of_parts(vec![Frame::data(Bytes::from(vec![b'x'; 20_000]))], Some(200_000), false);
    far.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await.unwrap();
    let answer = client.send(question(&Method::PUT, kept.attempt()), &kept, |_| {}).await.unwrap();
    drop((answer, client));
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert!(read.len() < 200_000);
}

#[tokio::test]
async fn an_upstream_that_takes_no_more_is_heard_still() {
    let (near, mut far) = duplex(64);
    let client = Client::new(near, None);
    let kept = ReplayBody::of_parts(vec![Frame::data(Bytes::from(vec![b'x'; 20_000]))], Some(20_000), true);
    let refusing = async {
        far.read_exact(&mut [0; 16]).await.unwrap();
        far.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drop(far);
    };
    let asking = client.send(question(&Method::PUT, kept.attempt()), &kept, |_| {});
    let (answer, ()) = tokio::join!(asking, refusing);
    assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(!client.may_stay(), "the request was not sent whole");
}

#[tokio::test]
async fn what_came_before_anything_was_sent_is_nobodys_answer() {
    let (near, mut far) = duplex(64);
    let client = Client::new(near, None);
    far.write_all(b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    drop(far);
    let none = get(&client).await.unwrap_err();
    assert!(none.not_begun && matches!(none.error, Error::Ended), "{none:?}");
}

#[tokio::test]
async fn after_a_switch_bytes_pass_from_the_first_behind_the_answer() {
    let (client, mut far) = pair(1024);
    far.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nfirst ").await.unwrap();
    let asked = Question { switches: true, ..question(&Method::GET, RequestBody::Empty) };
    let answer = client.send(asked, &ReplayBody::Empty, |_| {}).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().size_hint().exact()), (101, Some(0)));
    let mut switched = answer.into_body().into_switched().unwrap();
    drop(client);
    far.write_all(b"words").await.unwrap();
    let mut read = [0; 11];
    switched.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"first words");
    switched.write_all(b"END").await.unwrap();
    let mut sent = Vec::new();
    while !sent.ends_with(b"\r\n\r\nEND") {
        assert!(far.read_buf(&mut sent).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn it_is_known_whether_anything_was_sent() {
    let (near, far) = duplex(64);
    drop(far);
    let not_sent = get(&Client::new(near, None)).await.unwrap_err();
    assert!(not_sent.not_begun, "{not_sent:?}");
    let (client, mut far) = pair(1024);
    let (answer, ()) = tokio::join!(get(&client), async { far.shutdown().await.unwrap() });
    let not_sent = answer.unwrap_err();
    assert!(!not_sent.not_begun && matches!(not_sent.error, Error::Ended), "{not_sent:?}");
    assert!(!poll_fn(|_| Poll::Ready(client.may_stay())).await);
}
