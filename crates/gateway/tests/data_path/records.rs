//! Access records of a real gateway: one for each request, however it ends, and nothing in it that is a secret.

use std::sync::{Arc, Mutex};

use adit_core::application::PreAuthentication::{Passthrough, SignIn};
use adit_gateway::{EndedSpan, Observation, SpanSink, Spans};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::APP;
use crate::world::records::Records;
use crate::world::upstream::Upstream;
use crate::world::{World, eventually, identity};

async fn published() -> (World, Upstream, Records) {
    let upstream = Upstream::start();
    let (mut world, records) = World::start_recorded(&[]);
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    (world, upstream, records)
}

fn milliseconds(record: &Value, field: &str) -> f64 {
    record[field].as_f64().unwrap_or_else(|| panic!("{field} is no number in {record}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_what_was_asked_where_it_went_and_how_long_it_took() {
    let (world, upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let request = Request::post("/first?token=secret-in-query").header("host", APP);
    let response = world.send(APP, request.body(Full::new(Bytes::from("body"))).unwrap()).await;
    assert_eq!(response.status(), 200);
    let record = records.of("/first").await;
    for (field, value) in [
        ("application", format!("https://{APP}/")),
        ("host", APP.to_owned()),
        ("method", "POST".to_owned()),
        ("http", "1.1".to_owned()),
        ("outcome", "complete".to_owned()),
        ("connectorId", identity(1).connector.to_string()),
        ("clientAddress", "127.0.0.1".to_owned()),
        ("applicationId", uuid::Uuid::from_u128(100).to_string()),
    ] {
        assert_eq!(record[field], value, "{record}");
    }
    assert_eq!((&record["status"], &record["attempts"]), (&200.into(), &1.into()));
    assert_eq!((&record["bytesIn"], &record["bytesOut"]), (&4.into(), &response.body().len().into()));
    let total = milliseconds(&record, "totalMs");
    let parts = ["tunnelMs", "connectMs"].map(|part| milliseconds(&record, part));
    assert!(parts.iter().sum::<f64>() <= milliseconds(&record, "firstByteMs"), "{record}");
    assert!(milliseconds(&record, "firstByteMs") <= total && milliseconds(&record, "tlsMs") > 0.0, "{record}");
    assert_eq!(record.get("reason"), None);

    let id = record["requestId"].as_str().unwrap();
    assert!(upstream.last_head().contains(&format!("x-request-id: {id}\r\n")), "{}", upstream.last_head());
    assert_eq!(response.headers().get("x-request-id"), None, "the answer is the upstream's");
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_request_of_a_connection_has_neither_handshake_nor_opening() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    for path in ["/one", "/two"] {
        let request = Request::get(path).header("host", APP).body(Full::<Bytes>::default()).unwrap();
        sender.ready().await.unwrap();
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    }
    assert!(records.of("/one").await["tlsMs"].is_number());
    let second = records.of("/two").await;
    for absent in ["tlsMs", "tunnelMs", "connectMs"] {
        assert_eq!(second.get(absent), None, "{second}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_choose_the_id_that_an_upstream_sees() {
    let (world, upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let request = Request::get("/chosen")
        .header("host", APP)
        .header("x-request-id", "chosen-by-client")
        .header("x_request_id", "chosen-by-client");
    world.send(APP, request.body(Full::default()).unwrap()).await;
    let head = upstream.last_head();
    let id = records.of("/chosen").await["requestId"].as_str().unwrap().to_owned();
    assert!(head.contains(&format!("x-request-id: {id}\r\n")) && !head.contains("chosen-by-client"), "{head}");
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_on_a_page_finds_the_record_and_the_record_says_why() {
    let (mut world, upstream, records) = published().await;
    world.publish("https://closed.localhost/", &upstream.url(), SignIn).await;
    world.publish("https://dead.localhost/", "http://127.0.0.1:1/", Passthrough).await;
    let _connector = world.connector(&[]).await;
    for (host, path, status, reason, connector) in [
        ("closed.localhost", "/closed", 503, "sign_in_unavailable", false),
        ("dead.localhost", "/dead", 502, "upstream_refused", true),
        (APP, "/a/../b", 400, "bad_request", false),
        (APP, "/garbage", 502, "upstream_invalid", true),
    ] {
        let response = world.get(host, path).await;
        assert_eq!((response.status().as_u16(), header(&response, "x-adit-reason")), (status, reason));
        let record = records.of(path).await;
        assert_eq!(record["requestId"], header(&response, "x-request-id"), "{record}");
        assert_eq!((&record["outcome"], &record["reason"]), (&"refused".into(), &reason.into()), "{record}");
        assert_eq!(record["status"], status, "{record}");
        assert!(record["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{record}");
        assert_eq!(record.get("connectorId").is_some(), connector, "{record}");
        assert_eq!(record["bytesOut"], response.body().len(), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_and_a_client_that_leaves_are_told_apart() {
    let (world, upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    tls.write_all(format!("GET /cut HTTP/1.1\r\nhost: {APP}\r\n\r\n").as_bytes()).await.unwrap();
    let record = records.of("/cut").await;
    assert_eq!((&record["outcome"], &record["status"]), (&"upstream_broken".into(), &200.into()), "{record}");
    assert_eq!(record["bytesOut"], "only this".len(), "{record}");

    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    tls.write_all(format!("GET /slow HTTP/1.1\r\nhost: {APP}\r\n\r\n").as_bytes()).await.unwrap();
    eventually("the request arrives", || upstream.count("/slow") == 1).await;
    drop(tls);
    let record = records.of("/slow").await;
    assert_eq!((&record["outcome"], record.get("status")), (&"client_gone".into(), None), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_has_a_record_of_what_it_was_sent_until_then() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    tls.write_all(format!("GET /endless HTTP/1.1\r\nhost: {APP}\r\n\r\n").as_bytes()).await.unwrap();
    let mut received = vec![0; 100_000];
    tls.read_exact(&mut received).await.unwrap();
    drop(tls);
    let record = records.of("/endless").await;
    assert_eq!((&record["outcome"], &record["status"]), (&"client_gone".into(), &200.into()), "{record}");
    // The head and the chunks' own lengths are no part of the body.
    assert!(record["bytesOut"].as_u64().unwrap() > 90_000, "{record}");
    assert!(milliseconds(&record, "firstByteMs") <= milliseconds(&record, "totalMs"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_upload_that_breaks_off_the_bytes_that_came_are_recorded() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    let head = format!("POST /broken HTTP/1.1\r\nhost: {APP}\r\ncontent-length: 5000\r\n\r\n");
    tls.write_all(head.as_bytes()).await.unwrap();
    tls.write_all(&[b'x'; 3000]).await.unwrap();
    tls.flush().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    drop(tls);
    let record = records.of("/broken").await;
    assert_eq!(record["bytesIn"], 3000, "{record}");
    // Whether it is the body or the connection whose end is seen first, it is the client's doing.
    let told = (record["outcome"].as_str().unwrap(), record["reason"].as_str().unwrap_or("none"));
    assert!(matches!(told, ("client_gone", "none") | ("refused", "body_broken")), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_reset_instead_of_answered_has_a_record_without_a_status() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let io = TokioIo::new(world.tls(APP, &[b"h2"]).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{APP}/bound")).header("authorization", "Negotiate abc");
    sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap_err();
    let record = records.of("/bound").await;
    assert_eq!((&record["outcome"], &record["reason"]), (&"refused".into(), &"http1_required".into()), "{record}");
    assert_eq!((record.get("status"), &record["http"]), (None, &"2".into()), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_no_time_of_an_answer_that_never_came() {
    let (world, _upstream, records) = published().await;
    assert_eq!(world.get(APP, "/nobody").await.status(), 503);
    let record = records.of("/nobody").await;
    for absent in ["firstByteMs", "tunnelMs", "connectMs", "connectorId"] {
        assert_eq!(record.get(absent), None, "{record}");
    }
    assert_eq!((&record["attempts"], &record["bytesIn"]), (&0.into(), &0.into()), "{record}");
    assert!(milliseconds(&record, "totalMs") >= 0.0 && milliseconds(&record, "tlsMs") > 0.0, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_recorded_when_it_closes_with_the_bytes_of_both_ways() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: {APP}\r\nconnection: upgrade\r\nupgrade: websocket\r\n{}\r\n",
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut received = vec![0; 4096];
    let count = tls.read(&mut received).await.unwrap();
    assert!(received[..count].starts_with(b"HTTP/1.1 101 "));
    tls.write_all(b"hello").await.unwrap();
    tls.read_exact(&mut received[..5]).await.unwrap();
    assert!(records.all().is_empty(), "it is still open");
    tls.shutdown().await.unwrap();
    drop(tls);
    let record = records.of("/upgrade").await;
    assert_eq!((&record["status"], &record["bytesIn"], &record["bytesOut"]), (&101.into(), &5.into(), &5.into()));
    assert_eq!(record["outcome"], "complete", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_and_the_last_connector_is_named() {
    let (world, _upstream, records) = published().await;
    let _one = world.connector(&[]).await;
    let _two = world.connector(&[]).await;
    world.get(APP, "/close").await;
    let record = records.of("/close").await;
    assert_eq!((&record["attempts"], &record["reason"]), (&2.into(), &"upstream_closed".into()), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_request_is_in_its_record() {
    let (world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    let request = Request::post("/canaries?code=CANARY-QUERY")
        .header("host", APP)
        .header("authorization", "Bearer CANARY-TOKEN")
        .header("cookie", "session=CANARY-COOKIE")
        .header("referer", "https://app.localhost/?CANARY-REFERER")
        .header("user-agent", "CANARY-AGENT")
        .body(Full::new(Bytes::from("CANARY-BODY")))
        .unwrap();
    assert_eq!(world.send(APP, request).await.status(), 200);
    records.of("/canaries").await;
    assert!(!records.text().contains("CANARY"), "{}", records.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_written_before_the_gateway_has_ended() {
    let (mut world, _upstream, records) = published().await;
    let _connector = world.connector(&[]).await;
    for number in 0..50 {
        world.get(APP, &format!("/{number}")).await;
    }
    world.drain().await;
    assert_eq!(records.all().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_the_record_has_the_address_that_the_proxy_saw() {
    let upstream = Upstream::start();
    let (mut world, records) = World::start_recorded(&["127.0.0.0/8"]);
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    let _connector = world.connector(&[]).await;
    let request = Request::get("/behind").header("host", APP).header("x-forwarded-for", "6.6.6.6, 192.0.2.7");
    world.send(APP, request.body(Full::default()).unwrap()).await;
    assert_eq!(records.of("/behind").await["clientAddress"], "192.0.2.7");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_how_long_their_parts_took_where_that_is_wanted_and_nowhere_else() {
    let observation = Observation { server_timing: true, ..Observation::default() };
    let (upstream, mut world) = (Upstream::start(), World::start_observed(&[], observation));
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    let _connector = world.connector(&[]).await;
    let parts_of = |response: &Response<Bytes>| -> Vec<String> {
        let (said, expected) = (header(response, "server-timing").to_owned(), response.status().is_success());
        assert!(!said.contains("app.localhost") && !said.contains("127.0.0.1") && !said.contains("desc"), "{said}");
        let parts = said.split(", ").map(|part| {
            let (name, duration) = part.split_once(";dur=").unwrap_or_else(|| panic!("{said:?}"));
            assert!(duration.parse::<f64>().is_ok_and(|millis| (0.0..60_000.0).contains(&millis)), "{said:?}");
            name.to_owned()
        });
        let parts: Vec<String> = parts.collect();
        assert_eq!(parts.last().is_some_and(|last| last == "adit-first-byte"), expected, "{said}");
        parts
    };
    let first = world.get(APP, "/first").await;
    assert_eq!(parts_of(&first), ["adit-tls", "adit-tunnel", "adit-connect", "adit-first-byte"]);
    let refused = world.get(APP, "/a/../b").await;
    assert_eq!(parts_of(&refused), ["adit-tls"], "what is known of a request that was refused");

    let (plain, _upstream, _records) = published().await;
    let _connector = plain.connector(&[]).await;
    assert_eq!(plain.get(APP, "/first").await.headers().get("server-timing"), None);
}

/// What is told about a span: what happened, the trace, the parent.
type Told = (String, u128, Option<u64>);

/// Keeps what is told.
#[derive(Clone, Default)]
struct KeptSpans(Arc<Mutex<Vec<Told>>>);

impl SpanSink for KeptSpans {
    fn ended(&self, span: EndedSpan) {
        let (method, path) = (span.method.as_ref().unwrap(), span.path.as_deref().unwrap());
        let reason = span.reason.unwrap_or("-");
        let told = format!("{method} {path} {} {} {reason}", span.status.unwrap_or_default(), span.outcome);
        assert!(span.total > std::time::Duration::ZERO && span.ended.as_secs() > 1_700_000_000, "{span:?}");
        self.0.lock().unwrap().push((told, span.trace, span.parent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_is_told_of_each_sampled_request_whatever_becomes_of_it() {
    let spans = KeptSpans::default();
    let wanted = Spans { sink: Arc::new(spans.clone()), sampled: 1.0 };
    let observation = Observation { spans: Some(wanted), ..Observation::default() };
    let (upstream, mut world) = (Upstream::start(), World::start_observed(&[], observation));
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    let _connector = world.connector(&[]).await;
    let asked = |path: &str, flags: &str| {
        let context = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let request = Request::get(path).header("host", APP).header("traceparent", context);
        request.body(Full::<Bytes>::default()).unwrap()
    };
    world.send(APP, asked("/unsampled", "00")).await;
    world.send(APP, asked("/sampled?secret", "01")).await;
    world.get(APP, "/begun").await;
    assert!(upstream.last_head().contains("traceparent: 00-"), "{}", upstream.last_head());
    world.get(APP, "/garbage").await;
    world.send(APP, asked("/a/../b", "01")).await;
    let told = || spans.0.lock().unwrap().clone();
    eventually("spans", || told().len() == 4).await;
    let told = told();
    let texts: Vec<&str> = told.iter().map(|(text, ..)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "GET /sampled 200 complete -",
            "GET /begun 200 complete -",
            "GET /garbage 502 refused upstream_invalid",
            "GET /a/../b 400 refused bad_request",
        ]
    );
    let parents: Vec<Option<u64>> = told.iter().map(|(.., parent)| *parent).collect();
    let named = Some(0xb7ad_6b71_6920_3331);
    assert_eq!(parents, [named, None, None, named]);
    let traces: Vec<bool> =
        told.iter().map(|(_, trace, _)| *trace == 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c).collect();
    assert_eq!(traces, [true, false, false, true]);
}
