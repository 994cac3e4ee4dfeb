//! An application that speaks HTTP/2 without TLS, and one that goes away before it has looked at anything.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The bytes of `/large`: more than any window.
pub(crate) const LARGE: usize = 8 << 20;

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<Request<()>>>,
    connections: AtomicUsize,
    refused: AtomicUsize,
}

/// A running HTTP/2 application. Paths: `/refuse` refuses its first stream, `/reset` resets each, `/vanish` closes the
/// connection instead of an answer, `/large` is larger than any window; others echo, with a trailer.
pub(crate) struct Http2Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

impl Http2Upstream {
    /// Starts one that allows as many streams at a time.
    pub(crate) async fn start(streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, streams, Arc::clone(&shared)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many requests with `path` arrived whole, refused ones not counted.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen.heads.lock().unwrap().iter().filter(|head| head.uri().path() == path).count()
    }

    pub(crate) fn last_head(&self) -> Request<()> {
        self.seen.heads.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn serve(socket: TcpStream, streams: u32, seen: Arc<Seen>) {
    let mut builder = h2::server::Builder::new();
    let Ok(mut connection) = builder.max_concurrent_streams(streams).handshake::<_, Bytes>(socket).await else {
        return;
    };
    let (vanish, mut vanished) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                tokio::spawn(answer(request, respond, Arc::clone(&seen), vanish.clone()));
            }
            _ = vanished.recv() => return,
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    seen: Arc<Seen>,
    vanish: tokio::sync::mpsc::Sender<()>,
) {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if path == "/refuse" && seen.refused.fetch_add(1, Ordering::SeqCst) == 0 {
        return respond.send_reset(Reason::REFUSED_STREAM);
    }
    let mut whole = Vec::new();
    while let Some(Ok(part)) = body.data().await {
        body.flow_control().release_capacity(part.len()).unwrap();
        whole.extend_from_slice(&part);
    }
    seen.heads.lock().unwrap().push(Request::from_parts(head, ()));
    match path.as_str() {
        "/reset" => respond.send_reset(Reason::INTERNAL_ERROR),
        "/vanish" => _ = vanish.send(()).await,
        _ => {
            let Ok(mut send) = respond.send_response(Response::new(()), false) else { return };
            let content = if path == "/large" { Bytes::from(vec![b'x'; LARGE]) } else { Bytes::from(whole) };
            if send_all(&mut send, content).await {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                let _ = send.send_trailers(trailers);
            }
        }
    }
}

async fn send_all(send: &mut SendStream<Bytes>, mut content: Bytes) -> bool {
    while !content.is_empty() {
        send.reserve_capacity(content.len().min(64 * 1024));
        let Some(Ok(capacity)) = std::future::poll_fn(|cx| send.poll_capacity(cx)).await else { return false };
        if send.send_data(content.split_to(capacity.min(content.len())), false).is_err() {
            return false;
        }
    }
    true
}

/// Answers its first connection's first request by going away without having looked at it (a last stream of 0) or having
/// done so (a last stream of 1), and closes; later connections go to `then`. Counts connections.
pub(crate) async fn goes_away_before(last_stream: u8, then: SocketAddr) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                go_away(&mut socket, last_stream).await;
                continue;
            }
            let mut far = TcpStream::connect(then).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut socket, &mut far).await });
        }
    });
    (url, connections)
}

async fn go_away(socket: &mut TcpStream, last_stream: u8) {
    next_request(socket, true).await;
    // SETTINGS, the acknowledgement of theirs, and GOAWAY without an error.
    let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, 0];
    socket.write_all(&[SETTINGS.as_slice(), go_away.as_slice()].concat()).await.unwrap();
}

/// SETTINGS, and the acknowledgement of theirs.
const SETTINGS: [u8; 18] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];

/// Reads until a request has begun; its stream, or nothing at the end of the connection.
async fn next_request(socket: &mut TcpStream, is_first: bool) -> Option<u8> {
    if is_first {
        socket.read_exact(&mut [0; 24]).await.ok()?;
    }
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        socket.read_exact(&mut payload).await.ok()?;
        // HEADERS.
        if head[3] == 1 {
            return Some(head[8]);
        }
    }
}

/// A frame, by its type, flags and stream.
pub(crate) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// An application that answers each request with the frames that `answer` makes for its stream. Counts connections.
pub(crate) async fn answers_with(answer: fn(u8) -> Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut said = SETTINGS.to_vec();
                let mut is_first = true;
                while let Some(stream) = next_request(&mut socket, is_first).await {
                    is_first = false;
                    said.extend(answer(stream));
                    if socket.write_all(&std::mem::take(&mut said)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, connections)
}
