//! Connections that say nothing, and one that has something to say.

use axum::routing::get;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::*;

/// What answers at once is waited for so long, where other programs run as well.
const SOON: Duration = Duration::from_secs(20);

/// A listener within such bounds, which stops when the sender is dropped. `/slow` tells that it has begun, and takes `slow`.
async fn serve(bounds: Bounds, slow: Duration) -> (SocketAddr, Arc<Notify>, watch::Sender<bool>) {
    let bound = Bound::of(std::net::TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let (address, begun, stop) = (bound.address(), Arc::<Notify>::default(), watch::Sender::new(false));
    let begins = Arc::clone(&begun);
    let slow = move || async move {
        begins.notify_one();
        tokio::time::sleep(slow).await;
        "slow"
    };
    let router = Router::new().route("/", get(|| async { "here" })).route("/slow", get(slow));
    tokio::spawn(bound.serve_within(bounds, None, router, stop.subscribe(), Duration::ZERO));
    (address, begun, stop)
}

async fn connected(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Asks, and reads the answer as far as it comes at a time; nothing if the connection is gone.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut answer = vec![0; 4096];
    let asked = async {
        stream.write_all(request.as_bytes()).await.ok()?;
        stream.read(&mut answer).await.ok()
    };
    let count = timeout(SOON, asked).await.expect("an answer or an end").unwrap_or_default();
    String::from_utf8(answer[..count].to_vec()).unwrap()
}

/// Whether the other end closed it.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(timeout(SOON, stream.read(&mut [0; 64])).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn silent_connections_give_way_to_one_that_asks_however_many_they_are() {
    let bounds = Bounds { connections: 8, patience: Duration::from_secs(3600) };
    let (address, _begun, _stop) = serve(bounds, Duration::ZERO).await;
    let mut kept = connected(address).await;
    assert!(ask(&mut kept, "/").await.ends_with("here"));
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(connected(address).await);
    }
    let mut honest = connected(address).await;
    assert!(ask(&mut honest, "/").await.ends_with("here"), "a new client is let in");
    assert!(is_closed(&mut silent[0]).await, "the one that was silent for longest made room");
    assert!(ask(&mut kept, "/").await.ends_with("here"), "who has asked before stays");
}

#[tokio::test]
async fn halves_of_heads_are_as_silent_as_nothing() {
    let bounds = Bounds { connections: 4, patience: Duration::from_secs(3600) };
    let (address, _begun, _stop) = serve(bounds, Duration::ZERO).await;
    let mut halves = Vec::new();
    for _ in 0..8 {
        let mut half = connected(address).await;
        half.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        halves.push(half);
    }
    assert!(ask(&mut connected(address).await, "/").await.ends_with("here"));
}

#[tokio::test]
async fn a_connection_without_a_patience_ends_and_one_with_a_request_under_way_does_not() {
    let bounds = Bounds { connections: 8, patience: Duration::from_secs(5) };
    let (address, _begun, _stop) = serve(bounds, bounds.patience + Duration::from_secs(1)).await;
    let start = Instant::now();
    let (mut silent, mut busy) = (connected(address).await, connected(address).await);
    assert!(ask(&mut busy, "/slow").await.ends_with("slow"));
    assert!(is_closed(&mut silent).await);
    assert!(start.elapsed() >= bounds.patience, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_another_takes_its_place() {
    let bounds = Bounds { connections: 1, patience: Duration::from_secs(3600) };
    let (address, begun, _stop) = serve(bounds, Duration::from_secs(2)).await;
    let mut busy = connected(address).await;
    let (answer, other) = tokio::join!(ask(&mut busy, "/slow"), async {
        begun.notified().await;
        ask(&mut connected(address).await, "/").await
    });
    assert!(answer.ends_with("slow") && other.ends_with("here"), "{answer:?} {other:?}");
}

#[tokio::test]
async fn an_http2_connection_that_asks_no_more_ends_though_its_pings_are_answered() {
    let bounds = Bounds { connections: 8, patience: Duration::from_secs(2) };
    let (address, _begun, _stop) = serve(bounds, bounds.patience + Duration::from_secs(1)).await;
    let io = TokioIo::new(connected(address).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{address}/slow")).body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.to_bytes(), "slow", "a request under way is no silence");
    let answered = Instant::now();
    timeout(SOON, connection).await.expect("an end").unwrap().unwrap();
    assert!(answered.elapsed() > bounds.patience / 2, "{:?}", answered.elapsed());
}
