//! What went wrong in other products between a request and somebody's identity, each advisory by its number, asked of this
//! one. Those that other tests ask are in docs/advisories.md with the names of these tests.

use adit_core::application::PreAuthentication::Passthrough;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use super::world::RunningConnector;
use super::world::sign_in::{Browser, LOGIN, SignInWorld, only, user};
use super::world::upstream::Upstream;
use super::{SHOP, WIKI};

/// A wiki that the user 10 alone may use, and a part of its host that is open to everybody.
struct Scene {
    signing: SignInWorld,
    closed: Upstream,
    open: Upstream,
    _connector: RunningConnector,
}

impl Scene {
    async fn set() -> Self {
        let (mut signing, closed, open) = (SignInWorld::start().await, Upstream::start(), Upstream::start());
        signing.publish(WIKI, &closed, only(&[10], &[])).await;
        signing.world.publish(&format!("https://{WIKI}/public/"), &open.url(), Passthrough).await;
        let _connector = signing.world.connector(&[]).await;
        let scene = Self { signing, closed, open, _connector };
        assert_eq!(scene.status("/public/x", "").await, 200, "what is open is open");
        scene
    }

    /// The answer to bytes that are sent to a host as they are.
    async fn raw(&self, host: &str, bytes: &str) -> String {
        let mut socket = self.signing.world.tls(host, &[b"http/1.1"]).await;
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = vec![0; 64 * 1024];
        let count = socket.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..count]).into_owned()
    }

    /// The status of a GET of the wiki with these further lines.
    async fn status(&self, target: &str, lines: &str) -> u16 {
        self.status_at(WIKI, target, lines).await
    }

    async fn status_at(&self, host: &str, target: &str, lines: &str) -> u16 {
        let answer = self.raw(host, &format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n")).await;
        answer.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{target}: {answer:?}"))
    }

    /// Nobody has come in, however it was answered.
    fn nobody_came_in(&self) {
        assert_eq!(self.closed.connections(), 0);
    }

    fn token_of(&self, who: u128) -> String {
        let (audience, subject) = (Uuid::from_u128(100).to_string(), Uuid::from_u128(who).to_string());
        self.signing.provider.access_token(&audience, &subject, &json!({}))
    }
}

/// oauth2-proxy matched a list of open paths against a field of the client's; the mend trusted everybody by default.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_40575_and_76835_forwarded_urls_open_nothing() {
    let scene = Scene::set().await;
    let names = "x-forwarded-uri x-original-uri x-original-url x-rewrite-url x-forwarded-path x-forwarded-prefix \
                 x-forwarded-host x-envoy-original-path x-auth-request-redirect";
    for name in names.split(' ') {
        for value in ["/public/", "https://wiki.localhost/public/"] {
            assert_eq!(scene.status("/secret", &format!("{name}: {value}\r\n")).await, 401, "{name}: {value}");
        }
    }
    scene.nobody_came_in();
}

/// oauth2-proxy matched open paths against the query too.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_54576_a_query_is_no_part_of_what_is_open() {
    let scene = Scene::set().await;
    for target in ["/secret?/public/", "/secret?x=/public/x", "/?/public/../public/", "/secret?%2fpublic%2f"] {
        assert_eq!(scene.status(target, "").await, 401, "{target}");
    }
    scene.nobody_came_in();
}

/// oauth2-proxy matched open paths against the fragment too.
#[tokio::test(flavor = "multi_thread")]
async fn ghsa_pxq7_h93f_9jrg_a_target_with_a_fragment_is_refused() {
    let scene = Scene::set().await;
    for target in ["/secret#/public/", "/public/x#/", "/#", "#/public/", "/secret%23/public/"] {
        let status = scene.status(target, "").await;
        assert_eq!(status, if target.contains('#') { 400 } else { 401 }, "{target}");
    }
    scene.nobody_came_in();
}

/// oauth2-proxy let through whoever named itself as a health check.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_34457_no_user_agent_opens_anything() {
    let scene = Scene::set().await;
    for agent in ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Consul Health Check", "adit", ""] {
        for target in ["/", "/ping", "/healthz", "/ready"] {
            assert_eq!(scene.status(target, &format!("user-agent: {agent}\r\n")).await, 401, "{agent}: {target}");
        }
    }
    scene.nobody_came_in();
}

/// oauth2-proxy and Traefik removed the names of identity and of forwarding in one spelling, and upstreams read others.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_64484_and_2026_33433_no_spelling_of_an_identity_reaches_an_upstream() {
    let scene = Scene::set().await;
    let mut browser = Browser::default();
    scene.signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let names = ["x-forwarded-user", "x-auth-request-email", "remote-user", "x-forwarded-for", "x-ms-client-principal"];
    for name in names {
        for spelled in
            [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replace('-', "."), mixed(name)]
        {
            let lines = format!("cookie: {}\r\n{spelled}: spoofed\r\n", browser.line(WIKI));
            assert_eq!(scene.status("/page", &lines).await, 200, "{spelled}");
            assert_eq!(scene.status("/public/x", &format!("{spelled}: spoofed\r\n")).await, 200, "{spelled}");
        }
    }
    assert!(
        scene.closed.count("/page") == names.len() * 5 && !scene.closed.saw("spoofed") && !scene.open.saw("spoofed")
    );
}

/// The first `-` as `_`, the rest as it is.
fn mixed(name: &str) -> String {
    name.replacen('-', "_", 1)
}

/// Traefik removed its own fields where a client's `Connection` named them.
#[tokio::test(flavor = "multi_thread")]
async fn ghsa_62c8_mh53_4cqv_a_client_names_no_field_of_ours_away() {
    let scene = Scene::set().await;
    let lines = "connection: close, x-forwarded-host, x-forwarded-for, x-forwarded-proto, x-request-id\r\n";
    assert_eq!(scene.status("/public/x", lines).await, 200);
    let head = scene.open.last_head().to_ascii_lowercase();
    for line in ["\r\nx-forwarded-host: wiki.localhost", "\r\nx-forwarded-proto: https\r\n", "\r\nx-forwarded-for: "] {
        assert!(head.contains(line), "{line:?} is missing in {head}");
    }
}

/// Traefik passed on a prefix and aliases of forwarding fields from clients that it did not trust.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_35051_and_39858_nobody_is_trusted_about_forwarding_unless_it_is_configured() {
    let scene = Scene::set().await;
    let lines = "x-forwarded-prefix: /evil\r\nx-forwarded-for: 203.0.113.9\r\nx_forwarded_host: evil.example\r\n\
                 forwarded: for=203.0.113.9;host=evil.example\r\nx-real-ip: 203.0.113.9\r\n";
    assert_eq!(scene.status("/public/x", lines).await, 200);
    assert!(!scene.open.saw("evil") && !scene.open.saw("203.0.113.9"), "{}", scene.open.last_head());
}

/// frp routed by the user of one field and checked that of another.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_40910_one_field_says_who_asks() {
    let scene = Scene::set().await;
    let [ada, stranger] = [10, 66].map(|who| scene.token_of(who));
    let bearer = |name, token| format!("{name}: Bearer {token}\r\n");
    assert_eq!(scene.status("/x", &bearer("proxy-authorization", &ada)).await, 401);
    let both = bearer("authorization", &stranger) + &bearer("proxy-authorization", &ada);
    assert_eq!(scene.status("/x", &both).await, 403);
    let twice = bearer("authorization", &stranger) + &bearer("authorization", &ada);
    assert!(matches!(scene.status("/x", &twice).await, 400 | 401));
    scene.nobody_came_in();
}

/// frp served its profiler beside what asked for a password.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_110619_nothing_about_the_process_is_served_to_users() {
    let scene = Scene::set().await;
    for target in ["/debug/pprof/", "/metrics", "/healthz", "/readyz", "/status", "/config", "/.adit/metrics"] {
        let status = scene.status(target, "").await;
        assert!(matches!(status, 401 | 404), "{target}: {status}");
        let answer = scene.raw(LOGIN, &format!("GET {target} HTTP/1.1\r\nhost: {LOGIN}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
    scene.nobody_came_in();
}

/// Pomerium (CVE-2021-39206) and Heimdall decided about one path, and their upstreams opened another.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2021_39206_and_ghsa_3q34_rx83_r6mq_no_spelling_of_what_is_open_leads_to_what_is_not() {
    let scene = Scene::set().await;
    let targets = "/public/../secret /public/%2e%2e/secret /public/%2E./secret /public/.%2e/secret /public%2f..%2fsecret \
                   /public\\..\\secret //public/../secret /Public/x /PUBLIC/x /public%2fx /%2fpublic/x";
    for target in targets.split_whitespace() {
        let status = scene.status(target, "").await;
        assert!(matches!(status, 400 | 401), "{target}: {status}");
    }
    scene.nobody_came_in();
    assert!(!scene.open.saw("secret"));
}

/// OpenZiti read whole bodies before it knew who sends them.
#[tokio::test(flavor = "multi_thread")]
async fn ghsa_q8g9_jc4c_jp6q_nobody_is_read_from_before_it_is_known_who_it_is() {
    let scene = Scene::set().await;
    let head = format!("POST /x HTTP/1.1\r\nhost: {WIKI}\r\ncontent-length: 1099511627776\r\n\r\nthe first bytes");
    let answer = scene.raw(WIKI, &head).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    scene.nobody_came_in();
}

/// Authelia let through whoever asked for a place that it could not read.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2021_32637_what_cannot_be_read_is_refused() {
    let scene = Scene::set().await;
    for target in
        ["/%zz", "/%", "/a%0", "http://[::1/", "https://", "wiki.localhost:443", "*", "/a b", "\\secret", "/\u{1}"]
    {
        let status = scene.status(target, "").await;
        assert!((400..500).contains(&status), "{target}: {status}");
    }
    scene.nobody_came_in();
}

/// authentik took an address that a client had named for that of somebody who needs no password.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2024_47070_no_address_replaces_a_sign_in() {
    let scene = Scene::set().await;
    for address in ["127.0.0.1", "::1", "10.0.0.1, 127.0.0.1", "a", ""] {
        for name in ["x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"] {
            assert_eq!(scene.status("/secret", &format!("{name}: {address}\r\n")).await, 401, "{name}: {address}");
        }
    }
    scene.nobody_came_in();
}

/// Teleport took the number of a session for the session.
#[tokio::test(flavor = "multi_thread")]
async fn teleport_10_3_11_the_number_of_a_session_is_no_session() {
    let mut scene = Scene::set().await;
    let application = scene.signing.publish(SHOP, &scene.closed, only(&[10], &[])).await.uuid();
    let mut browser = Browser::default();
    scene.signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let value = browser.cookie(WIKI, "__Host-adit-app-").unwrap();
    let before = scene.closed.connections();
    let part = |from: usize, to: usize| value.get(from..to).unwrap_or_default().to_owned();
    for shown in [Uuid::from_u128(10).to_string(), part(0, 22), part(0, 43), part(8, 40), application.to_string()] {
        let lines = format!("cookie: __Host-adit-app-{}={shown}\r\n", application.simple());
        assert_eq!(scene.status_at(SHOP, "/", &lines).await, 401, "{shown}");
    }
    assert_eq!(scene.closed.connections(), before);
}
