//! What is open ends when its user may not go on: within a second, and nobody else's does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::id::PrincipalId;
use adit_core::revocation::SessionsOf;
use adit_identity::session::SessionId;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use super::WIKI;
use super::world::sign_in::{Browser, SignInWorld, end, only, user};
use super::world::upstream::Upstream;

/// Within which time an end takes effect, with something for a busy machine.
const SOON: Duration = Duration::from_millis(1500);

type Socket = TlsStream<TcpStream>;

/// A request on a connection of its own, and the first bytes of its answer.
async fn asked(signing: &SignInWorld, head: &str) -> (Socket, String) {
    let mut socket = signing.world.tls(WIKI, &[b"http/1.1"]).await;
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 2048];
    let count = socket.read(&mut first).await.unwrap();
    (socket, String::from_utf8_lossy(&first[..count]).to_ascii_lowercase())
}

async fn websocket(signing: &SignInWorld, field: &str) -> Socket {
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: {WIKI}\r\n{field}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let (socket, answer) = asked(signing, &head).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    socket
}

async fn is_alive(socket: &mut Socket) -> bool {
    if socket.write_all(b"ping").await.is_err() {
        return false;
    }
    let mut echoed = [0; 4];
    matches!(tokio::time::timeout(SOON, socket.read_exact(&mut echoed)).await, Ok(Ok(_)))
}

/// Reads until nothing more comes, and says how long that took.
async fn until_its_end(socket: &mut Socket) -> Duration {
    let begun = Instant::now();
    let mut buffer = vec![0; 64 * 1024];
    let end = async { while matches!(socket.read(&mut buffer).await, Ok(1..)) {} };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("it ends");
    begun.elapsed()
}

struct Open {
    signing: SignInWorld,
    upstream: Upstream,
    /// The cookies of the users 10 and 11.
    cookies: [String; 2],
    _connector: super::world::RunningConnector,
}

async fn open() -> Open {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, only(&[10], &[20])).await;
    let _connector = signing.world.connector(&[]).await;
    let mut cookies = Vec::new();
    for (who, groups) in [(10, &[][..]), (11, &[20])] {
        let mut browser = Browser::default();
        signing.open(&mut browser, WIKI, "/", &user(who, groups)).await;
        cookies.push(format!("cookie: {}", browser.line(WIKI)));
    }
    Open { signing, upstream, cookies: cookies.try_into().unwrap(), _connector }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_has_open_ends_with_the_users_sessions_and_nobody_elses_does() {
    let Open { mut signing, cookies: [ada, bob], upstream: _upstream, _connector } = open().await;
    let (signing, ada, bob) = (&mut signing, &ada, &bob);
    let (mut of_ada, mut of_bob) = (websocket(signing, ada).await, websocket(signing, bob).await);
    let download = |field: &str| format!("GET /endless HTTP/1.1\r\nhost: {WIKI}\r\n{field}\r\n\r\n");
    let (mut bytes_of_ada, answer) = asked(signing, &download(ada)).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    let short = format!("GET /trickle HTTP/1.1\r\nhost: {WIKI}\r\n{ada}\r\n\r\n");
    let (mut short_of_ada, answer) = asked(signing, &short).await;
    assert!(answer.contains("content-length: 100\r\n"), "{answer}");
    let silent =
        signing.provider.access_token(&Uuid::from_u128(100).to_string(), &Uuid::from_u128(10).to_string(), &json!({}));
    let mut by_token = websocket(signing, &format!("authorization: Bearer {silent}")).await;
    for socket in [&mut of_ada, &mut of_bob, &mut by_token] {
        assert!(is_alive(socket).await);
    }
    signing.world.end_sessions(SessionsOf::Principal(PrincipalId::new(Uuid::from_u128(10)))).await;
    let begun = Instant::now();
    for socket in [&mut of_ada, &mut bytes_of_ada, &mut short_of_ada, &mut by_token] {
        until_its_end(socket).await;
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(is_alive(&mut of_bob).await);
    // One session that nobody has changes nothing either.
    end(&signing.ended, SessionId::generate().unwrap());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(is_alive(&mut of_bob).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_assigned_any_more_has_nothing_open_either() {
    let Open { mut signing, upstream, cookies: [ada, bob], _connector } = open().await;
    let (mut of_ada, mut of_bob) = (websocket(&signing, &ada).await, websocket(&signing, &bob).await);
    assert!(is_alive(&mut of_ada).await && is_alive(&mut of_bob).await);
    signing.world.change(|application| application.admission = Some(Arc::new(only(&[10], &[])))).await;
    assert!(until_its_end(&mut of_bob).await < SOON);
    assert!(is_alive(&mut of_ada).await, "who is still assigned goes on");
    // An application that is deleted, or closed, has no visitors.
    signing
        .world
        .change(|application| application.maintenance.state = adit_core::maintenance::MaintenanceState::On)
        .await;
    assert!(until_its_end(&mut of_ada).await < SOON);
    assert_eq!(upstream.count("/upgrade"), 2);
}
