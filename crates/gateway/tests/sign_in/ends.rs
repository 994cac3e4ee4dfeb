//! What is open ends when its user may not go on, or when its application is not open any more: within a second, and nobody
//! else's does.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adit_core::ExternalUrl;
use adit_core::application::BodyLinks;
use adit_core::application::PreAuthentication::{Passthrough, SignIn};
use adit_core::id::PrincipalId;
use adit_core::maintenance::MaintenanceState;
use adit_core::revocation::SessionsOf;
use adit_identity::session::SessionId;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use super::world::World;
use super::world::sign_in::{Browser, SignInWorld, end, everybody, only, short_limits, user};
use super::world::upstream::Upstream;
use super::{SHOP, WIKI};

/// Within which time an end takes effect, with something for a busy machine.
const SOON: Duration = Duration::from_millis(1500);

/// When one that goes on has answered on a busy machine: nothing is promised of that.
const ANSWERED: Duration = Duration::from_secs(10);

type Socket = TlsStream<TcpStream>;

/// A request on a connection of its own, and the first bytes of its answer.
async fn asked(signing: &SignInWorld, head: &str) -> (Socket, String) {
    let mut socket = sent(&signing.world, WIKI, head).await;
    let mut first = [0; 2048];
    let count = socket.read(&mut first).await.unwrap();
    (socket, String::from_utf8_lossy(&first[..count]).to_ascii_lowercase())
}

/// A request on a connection of its own.
async fn sent(world: &World, host: &str, head: &str) -> Socket {
    let mut socket = world.tls(host, &[b"http/1.1"]).await;
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

/// What asks for a WebSocket.
fn opening(host: &str, fields: &str) -> String {
    format!(
        "GET /upgrade HTTP/1.1\r\nhost: {host}\r\n{fields}connection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

async fn websocket(signing: &SignInWorld, field: &str) -> Socket {
    let (socket, answer) = asked(signing, &opening(WIKI, &format!("{field}\r\n"))).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    socket
}

/// A WebSocket, a download and a short answer that is slow, of somebody who has not signed in, each with its first bytes
/// read; and a request whose answer has not begun.
async fn opened(world: &World, host: &str) -> [Socket; 4] {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let mut all = Vec::new();
    for (head, status) in [(opening(host, ""), "101"), (get("/endless"), "200"), (get("/trickle"), "200")] {
        let mut socket = sent(world, host, &head).await;
        let mut first = [0; 2048];
        let count = socket.read(&mut first).await.unwrap();
        let first = String::from_utf8_lossy(&first[..count]).into_owned();
        assert!(first.starts_with(&format!("HTTP/1.1 {status} ")), "{first}");
        all.push(socket);
    }
    all.push(sent(world, host, &get("/late")).await);
    all.try_into().unwrap_or_else(|_| panic!("there are four"))
}

/// All of it ends soon; what the request that waited was answered.
async fn all_end(mut open: [Socket; 4]) -> String {
    let begun = Instant::now();
    let mut last = String::new();
    for socket in &mut open[..3] {
        until_its_end(socket).await;
    }
    let mut buffer = [0; 4096];
    let count = tokio::time::timeout(SOON, open[3].read(&mut buffer)).await.expect("it is answered").unwrap();
    last.push_str(&String::from_utf8_lossy(&buffer[..count]));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    last
}

async fn is_alive(socket: &mut Socket) -> bool {
    if socket.write_all(b"ping").await.is_err() {
        return false;
    }
    let mut echoed = [0; 4];
    matches!(tokio::time::timeout(ANSWERED, socket.read_exact(&mut echoed)).await, Ok(Ok(_)))
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
    signing.world.change(|application| application.maintenance.state = MaintenanceState::On).await;
    assert!(until_its_end(&mut of_ada).await < SOON);
    assert_eq!(upstream.count("/upgrade"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_without_a_sign_in_ends_when_the_application_comes_to_require_one() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    let world = &mut signing.world;
    for host in [SHOP, WIKI] {
        world.publish(&format!("https://{host}/"), &upstream.url(), Passthrough).await;
    }
    let _connector = world.connector(&[]).await;
    let (open, [mut elsewhere, ..]) = (opened(world, WIKI).await, opened(world, SHOP).await);
    // Any other change of the directory ends nothing.
    world.know(1..=9).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(is_alive(&mut elsewhere).await);
    let [mut socket, download, short, late] = open;
    assert!(is_alive(&mut socket).await);
    world
        .change(|application| {
            application.pre_authentication = SignIn;
            application.admission = Some(Arc::new(everybody()));
        })
        .await;
    let said = all_end([socket, download, short, late]).await;
    assert!(said.starts_with("HTTP/1.1 401 ") && said.contains("x-adit-reason: sign_in_required"), "{said}");
    assert!(is_alive(&mut elsewhere).await, "another application's goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_ends_when_the_application_is_closed_withdrawn_or_moved_also_where_nobody_can_sign_in() {
    let (mut world, upstream) = (World::start(), Upstream::start());
    for host in [SHOP, WIKI] {
        world.publish(&format!("https://{host}/"), &upstream.url(), Passthrough).await;
    }
    let _connector = world.connector(&[]).await;
    let (open, [mut elsewhere, ..]) = (opened(&world, WIKI).await, opened(&world, SHOP).await);
    world.change(|application| application.maintenance.state = MaintenanceState::On).await;
    let said = all_end(open).await;
    assert!(said.contains("x-adit-reason: maintenance"), "{said}");
    world.change(|application| application.maintenance.state = MaintenanceState::Off).await;
    let open = opened(&world, WIKI).await;
    world.change(|application| application.pre_authentication = SignIn).await;
    let said = all_end(open).await;
    assert!(said.contains("x-adit-reason: sign_in_unavailable"), "{said}");
    world.change(|application| application.pre_authentication = Passthrough).await;
    let open = opened(&world, WIKI).await;
    let moved = ExternalUrl::parse(&format!("https://{WIKI}/elsewhere/")).unwrap();
    world.change(|application| application.external_url = moved).await;
    let said = all_end(open).await;
    assert!(said.contains("x-adit-reason: not_published"), "{said}");
    let back = ExternalUrl::parse(&format!("https://{WIKI}/")).unwrap();
    world.change(|application| application.external_url = back).await;
    let open = opened(&world, WIKI).await;
    world.withdraw().await;
    let said = all_end(open).await;
    assert!(said.contains("x-adit-reason: not_published"), "{said}");
    assert!(is_alive(&mut elsewhere).await, "another application's goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_collected_to_be_translated_ends_with_the_session_of_its_user() {
    let Open { mut signing, cookies: [ada, _], upstream, _connector } = open().await;
    signing.world.change(|application| application.body_links = BodyLinks::Translated).await;
    let head = format!("GET /packed HTTP/1.1\r\nhost: {WIKI}\r\n{ada}\r\n\r\n");
    let mut collected = sent(&signing.world, WIKI, &head).await;
    super::world::eventually("the upstream is asked", || upstream.count("/packed") == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    signing.world.end_sessions(SessionsOf::Principal(PrincipalId::new(Uuid::from_u128(10)))).await;
    let mut buffer = [0; 2048];
    let count = tokio::time::timeout(SOON, collected.read(&mut buffer)).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&buffer[..count]);
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_ends_with_its_session_and_with_what_the_configuration_leaves_of_a_token() {
    let absolute = Duration::from_secs(6);
    let limits = short_limits(6_000, 60_000);
    let (mut signing, upstream) = (SignInWorld::start_with(limits).await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    let _connector = signing.world.connector(&[]).await;
    let begun = Instant::now();
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let cookie = format!("cookie: {}", browser.line(WIKI));
    // It says that it lasts for ten minutes.
    let (app, ada) = (Uuid::from_u128(100).to_string(), Uuid::from_u128(10).to_string());
    let issued = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = signing.provider.access_token(&app, &ada, &json!({"iat": issued}));
    let mut by_token = websocket(&signing, &format!("authorization: Bearer {token}")).await;
    let mut by_cookie = websocket(&signing, &cookie).await;
    let (mut bytes, _) = asked(&signing, &format!("GET /endless HTTP/1.1\r\nhost: {WIKI}\r\n{cookie}\r\n\r\n")).await;
    for socket in [&mut by_token, &mut by_cookie] {
        assert!(is_alive(socket).await);
    }
    for socket in [&mut by_token, &mut by_cookie, &mut bytes] {
        let mut buffer = vec![0; 64 * 1024];
        let end = async { while matches!(socket.read(&mut buffer).await, Ok(1..)) {} };
        tokio::time::timeout(absolute + SOON, end).await.expect("it ends");
    }
    let lasted = begun.elapsed();
    assert!(lasted < absolute + 2 * SOON, "{lasted:?}");
}
