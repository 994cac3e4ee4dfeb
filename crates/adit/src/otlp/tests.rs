//! Against a collector that keeps what it is sent and answers as it is told.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, OnceLock};

use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Ten times what is promised.
const SOON: Duration = Duration::from_secs(30);

/// How a collector answers: a status and a body.
type Answer = (u16, Vec<u8>);

/// A collector: the requests that came, and what it answers, the last for good.
#[derive(Clone)]
struct Stub {
    taken: Arc<Mutex<Vec<(String, ExportTraceServiceRequest)>>>,
    endpoint: Uri,
    /// Gets a span while each request is answered, as from a gateway that never rests.
    busy: Arc<OnceLock<Arc<dyn SpanSink>>>,
}

impl Stub {
    async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap()).parse().unwrap();
        let stub = Self { taken: Arc::default(), endpoint, busy: Arc::default() };
        let (serving, answers) = (stub.clone(), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, serving.clone(), Arc::clone(&answers)));
            }
        });
        stub
    }

    fn exporter(&self) -> Exporter {
        let mut headers = HeaderMap::new();
        headers.insert("x-key", http::HeaderValue::from_static("a key"));
        let (endpoint, trust) = (self.endpoint.clone(), Trust::System);
        let settings = OtlpSettings { endpoint, sampled: 1.0, headers, trust };
        Exporter::start(settings, &mut Registry::default()).unwrap()
    }

    fn requests(&self) -> Vec<(String, ExportTraceServiceRequest)> {
        self.taken.lock().unwrap().clone()
    }

    async fn after(&self, count: usize) -> Vec<(String, ExportTraceServiceRequest)> {
        let come = async {
            while self.requests().len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, come).await.expect("requests to the collector");
        self.requests()
    }
}

async fn serve(socket: TcpStream, stub: Stub, answers: Arc<Vec<Answer>>) {
    let mut socket = BufReader::new(socket);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if socket.read_line(&mut head).await.unwrap() == 0 {
                return;
            }
            if let Some(value) = head[before..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        socket.read_exact(&mut body).await.unwrap();
        let number = {
            let mut taken = stub.taken.lock().unwrap();
            taken.push((head.to_ascii_lowercase(), ExportTraceServiceRequest::decode(&*body).expect("Protobuf")));
            taken.len()
        };
        if let Some(sink) = stub.busy.get() {
            sink.ended(ended(number as u64));
        }
        let (status, body) = &answers[(number - 1).min(answers.len() - 1)];
        let head = format!("HTTP/1.1 {status} Said\r\nretry-after: 0\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    }
}

fn answers(statuses: &[u16]) -> Vec<Answer> {
    statuses.iter().map(|status| (*status, Vec::new())).collect()
}

fn ended(number: u64) -> EndedSpan {
    EndedSpan {
        trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
        span: number,
        parent: Some(0xb7ad_6b71_6920_3331),
        ended: Duration::new(1_800_000_000, 12_000_250),
        total: Duration::from_millis(12),
        request_id: uuid::Uuid::from_u128(7),
        method: Some(Method::GET),
        path: Some("/a \"quoted\" path".into()),
        host: Some("wiki.example".into()),
        http: "2",
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        application: None,
        connector: None,
        attempts: 1,
        status: Some(200),
        outcome: "complete",
        reason: None,
        tls: None,
        tunnel: None,
        connect: Some(Duration::from_micros(1500)),
        first_byte: None,
    }
}

/// The spans of a request.
fn spans(request: &ExportTraceServiceRequest) -> &Vec<Span> {
    &request.resource_spans[0].scope_spans[0].spans
}

fn attribute<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn encoded(ended: EndedSpan) -> Span {
    spans(&encoding::request("instance", std::iter::once(ended)))[0].clone()
}

#[tokio::test]
async fn a_span_arrives_as_the_conventions_write_it() {
    let stub = Stub::start(answers(&[200])).await;
    let exporter = stub.exporter();
    exporter.spans().sink.ended(ended(0xfe));
    let (head, request) = stub.after(1).await.remove(0);
    for part in ["post /v1/traces http/1.1\r\n", "content-type: application/x-protobuf\r\n", "x-key: a key\r\n"] {
        assert!(head.contains(part), "{head}");
    }
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    assert!(resource.attributes.iter().any(|attribute| attribute.key == "service.name"));
    let [span] = spans(&request).as_slice() else { panic!("one span: {request:?}") };
    assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(span.span_id, [0, 0, 0, 0, 0, 0, 0, 0xfe]);
    assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!((span.name.as_str(), span.kind, span.flags), ("GET", 2, 0x301));
    let (start, end) = (1_800_000_000_000_000_250, 1_800_000_000_012_000_250);
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (start, end));
    assert_eq!((&span.status, attribute(span, "error.type")), (&None, None), "it went well");
    for (key, value) in [
        ("url.path", Value::StringValue("/a \"quoted\" path".to_owned())),
        ("client.address", Value::StringValue("192.0.2.7".to_owned())),
        ("http.response.status_code", Value::IntValue(200)),
        ("adit.connect.duration", Value::DoubleValue(0.0015)),
    ] {
        assert_eq!(attribute(span, key), Some(&value), "{key}");
    }
}

#[test]
fn what_failed_is_an_error_and_a_clients_fault_is_none() {
    for (status, outcome, reason, error) in [
        (Some(502), "refused", Some("upstream_closed"), Some("upstream_closed")),
        (Some(503), "complete", None, Some("503")),
        (Some(200), "upstream_broken", None, Some("upstream_broken")),
        (Some(404), "refused", Some("not_published"), None),
        (Some(404), "complete", None, None),
        (None, "client_gone", None, None),
    ] {
        let span = encoded(EndedSpan { status, outcome, reason, parent: None, ..ended(1) });
        assert_eq!(span.status.as_ref().map(|status| status.code), error.map(|_| 2), "{status:?} {outcome}");
        let error = error.map(|error| Value::StringValue(error.to_owned()));
        assert_eq!(attribute(&span, "error.type"), error.as_ref(), "{status:?} {outcome}");
        assert_eq!((span.parent_span_id.len(), span.flags), (0, 0x101));
    }
}

#[test]
fn methods_that_clients_make_up_name_no_span() {
    let made_up = encoded(EndedSpan { method: Some(Method::from_bytes(b"BREW").unwrap()), ..ended(1) });
    assert_eq!(made_up.name, "HTTP");
    let text = |text: &str| Some(Value::StringValue(text.to_owned()));
    assert_eq!(attribute(&made_up, "http.request.method"), text("_OTHER").as_ref());
    assert_eq!(attribute(&made_up, "http.request.method_original"), text("BREW").as_ref());
    let known = encoded(ended(1));
    assert_eq!(attribute(&known, "http.request.method_original"), None);
}

#[tokio::test]
async fn what_a_collector_could_not_take_is_sent_again_and_at_last_dropped() {
    let stub = Stub::start(answers(&[503, 429, 200, 503, 503, 503, 400])).await;
    let exporter = stub.exporter();
    let (sink, counts) = (exporter.spans().sink, exporter.queue.counts.clone());
    sink.ended(ended(1));
    let requests = stub.after(3).await;
    assert_eq!(requests[0].1, requests[2].1, "the same spans");
    sink.ended(ended(2));
    stub.after(6).await;
    sink.ended(ended(3));
    stub.after(7).await;
    exporter.finish().await;
    assert_eq!((stub.requests().len(), counts.sent.get(), counts.dropped.get()), (7, 1, 2));
}

#[tokio::test]
async fn spans_that_a_collector_refuses_among_others_are_counted() {
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() });
    let stub = Stub::start(vec![(200, ExportTraceServiceResponse { partial_success }.encode_to_vec())]).await;
    let exporter = stub.exporter();
    let counts = exporter.queue.counts.clone();
    (1..=3).for_each(|number| exporter.spans().sink.ended(ended(number)));
    exporter.finish().await;
    assert_eq!((stub.requests().len(), counts.sent.get(), counts.dropped.get()), (1, 1, 2));
}

#[tokio::test]
async fn spans_wait_for_others_under_a_steady_load_as_well() {
    let stub = Stub::start(answers(&[200])).await;
    let exporter = stub.exporter();
    let start = tokio::time::Instant::now();
    stub.busy.set(exporter.spans().sink).ok().unwrap();
    exporter.spans().sink.ended(ended(0));
    stub.after(3).await;
    assert!(start.elapsed() >= 3 * LINGER, "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_end_sends_what_is_left_in_batches() {
    let stub = Stub::start(answers(&[200])).await;
    let exporter = stub.exporter();
    let count = 2 * BATCH as u64 + 7;
    (1..=count).for_each(|number| exporter.spans().sink.ended(ended(number)));
    let counts = exporter.queue.counts.clone();
    exporter.finish().await;
    let requests = stub.requests();
    let sent: usize = requests.iter().map(|(_, request)| spans(request).len()).sum();
    assert_eq!((sent as u64, counts.sent.get(), counts.dropped.get()), (count, count, 0));
    assert!(requests.iter().all(|(_, request)| spans(request).len() <= BATCH));
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_neither_requests_nor_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap()).parse().unwrap();
    let exporter = Stub { taken: Arc::default(), endpoint, busy: Arc::default() }.exporter();
    let counts = exporter.queue.counts.clone();
    let start = tokio::time::Instant::now();
    let count = 3 * QUEUE as u64;
    (1..=count).for_each(|number| exporter.spans().sink.ended(ended(number)));
    assert!(counts.dropped.get() >= count - (QUEUE + BATCH) as u64, "{}", counts.dropped.get());
    exporter.finish().await;
    assert!(start.elapsed() < FINISH + SOON, "{:?}", start.elapsed());
}
