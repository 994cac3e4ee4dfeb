//! Sign-in that is bound to its connection (NTLM, Negotiate) works through the gateway, and nobody ever gets the
//! identity of somebody else: each client connection has an upstream connection of its own from the challenge on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::process::Command;
use std::time::Duration;

use adit_tests::http::{Connection, Response};
use adit_tests::ntlm::{NtlmUpstream, first_message, third_message};
use adit_tests::{ConnectorProcess, Directory, Scratch, browser, command, python, settles};
use serde_json::json;

const HOST: &str = "intranet.localhost";

/// What is noticed at once or by a timer of a second.
const NOTICED: Duration = Duration::from_secs(10);

struct Scene {
    upstream: NtlmUpstream,
    application: String,
    _connector: ConnectorProcess,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-the-intranet");
        let upstream = NtlmUpstream::start();
        let application = directory.publish_url("intranet", &upstream.url(), HOST, "Default");
        directory.wait_until_served_at(HOST, "/open");
        Self { upstream, application, _connector: connector, directory }
    }

    fn user(&self, name: &str) -> User {
        User { name: name.to_owned(), connection: self.directory.user(HOST) }
    }

    /// What somebody without a sign-in gets on a connection of their own, several times, so that each core is asked.
    fn nobody_is_somebody(&self) {
        for _ in 0..4 {
            let mut anyone = self.user("anyone");
            assert_eq!(anyone.get("/open").text(), "nobody", "an identity leaked");
            assert_eq!(anyone.get("/").status, 401);
        }
    }
}

/// A person with one HTTP/1.1 connection to the gateway.
struct User {
    name: String,
    connection: Connection,
}

impl User {
    fn get(&mut self, target: &str) -> Response {
        self.connection.get(HOST, target).expect("an answer")
    }

    fn send(&mut self, method: &str, authorization: &str, body: &[u8]) -> Response {
        let headers = [("host", HOST), ("authorization", authorization)];
        self.connection.send(method, "/", &headers, body).expect("an answer")
    }

    fn begin(&mut self) {
        let answer = self.send("GET", &first_message(&self.name), b"");
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.header("www-authenticate").is_some_and(|value| value.len() > "NTLM ".len()), "no challenge");
    }

    fn finish(&mut self, method: &str, body: &[u8]) {
        let answer = self.send(method, &third_message(&self.name), body);
        assert_eq!((answer.status, answer.text()), (200, self.name.clone()));
    }

    fn is_themselves(&mut self) {
        for target in ["/", "/open", "/another"] {
            let answer = self.get(target);
            assert_eq!((answer.status, answer.text()), (200, self.name.clone()), "{target}");
        }
    }
}

#[test]
fn neither_of_two_users_gets_the_others_identity_whatever_the_order() {
    let scene = Scene::set();
    let (mut alice, mut bob) = (scene.user("alice"), scene.user("bob"));
    assert_eq!(alice.get("/").status, 401);
    assert_eq!(bob.get("/").status, 401);
    alice.begin();
    bob.begin();
    bob.finish("GET", b"");
    alice.finish("POST", &[b'x'; 100_000]);
    for _ in 0..25 {
        alice.is_themselves();
        bob.is_themselves();
    }
    scene.nobody_is_somebody();
    // Bob becomes Carol on his own connection; Alice stays Alice.
    bob.name = "carol".to_owned();
    bob.begin();
    alice.is_themselves();
    bob.finish("GET", b"");
    bob.is_themselves();
    alice.is_themselves();
    assert_eq!(scene.upstream.mixed_up(), 0);
}

#[test]
fn many_users_sign_in_at_once_beside_anonymous_ones() {
    let scene = Scene::set();
    std::thread::scope(|threads| {
        for number in 0..12 {
            let scene = &scene;
            threads.spawn(move || {
                for round in 0..8 {
                    let mut user = scene.user(&format!("user-{number}-{round}"));
                    if number % 3 == 0 {
                        for _ in 0..10 {
                            assert_eq!(user.get("/open").text(), "nobody", "an identity leaked");
                        }
                        continue;
                    }
                    user.begin();
                    user.finish(if number % 2 == 0 { "GET" } else { "POST" }, b"body");
                    user.is_themselves();
                }
            });
        }
    });
    assert_eq!(scene.upstream.mixed_up(), 0);
    scene.nobody_is_somebody();
}

#[test]
fn an_identity_ends_with_the_connection_of_its_user() {
    let scene = Scene::set();
    let mut alice = scene.user("alice");
    alice.begin();
    alice.finish("GET", b"");
    alice.is_themselves();
    settles("idle connections of others are gone", NOTICED, || scene.upstream.open() == 1);
    drop(alice);
    settles("the connection that was Alice's is closed", NOTICED, || scene.upstream.open() == 0);
    scene.nobody_is_somebody();
    // In the middle of a handshake likewise.
    let mut alice = scene.user("alice");
    alice.begin();
    drop(alice);
    scene.nobody_is_somebody();
}

#[test]
fn a_changed_application_is_signed_in_to_anew() {
    let scene = Scene::set();
    let (mut alice, mut bob) = (scene.user("alice"), scene.user("bob"));
    for user in [&mut alice, &mut bob] {
        user.begin();
        user.finish("GET", b"");
    }
    let before = scene.upstream.accepted();
    let change = json!({"onPremisesPublishing": {"isTranslateHostHeaderEnabled": false}});
    let path = format!("/applications/{}", scene.application);
    assert_eq!(scene.directory.graph().send("PATCH", &path, Some(&change)).status, 204);
    settles("Alice has to sign in again", NOTICED, || alice.get("/").status == 401);
    assert!(scene.upstream.accepted() > before, "she was not put on somebody else's connection");
    alice.begin();
    alice.finish("GET", b"");
    alice.is_themselves();
    // Bob's connection ends by itself, without a request of his.
    settles("what is bound by old settings is closed", NOTICED, || scene.upstream.open() <= 1);
    assert_eq!(bob.get("/").status, 401);
    scene.nobody_is_somebody();
}

#[test]
fn over_http2_a_challenge_passes_and_a_token_is_sent_back_for_http1() {
    let scene = Scene::set();
    let (ca, url) = (scene.directory.ca().display().to_string(), scene.directory.external_url(HOST));
    let (status, head, _) = command::curl(&["--http2", "--cacert", &ca, &url]);
    assert_eq!(status, 401, "{head}");
    assert!(head.starts_with("HTTP/2") && head.contains("www-authenticate: NTLM"), "{head}");
    // curl asks again over HTTP/1.1 when the stream is reset with that reason, as browsers do.
    let authorization = format!("authorization: {}", first_message("alice"));
    let (status, head, _) = command::curl(&["--http2", "--cacert", &ca, &url, "-H", &authorization]);
    assert_eq!(status, 401, "{head}");
    assert!(head.starts_with("HTTP/1.1") && head.contains("www-authenticate: NTLM TlRMTVNT"), "{head}");
    scene.nobody_is_somebody();
}

#[test]
fn curl_signs_in_with_its_own_ntlm() {
    let scene = Scene::set();
    let (ca, url) = (scene.directory.ca().display().to_string(), scene.directory.external_url(HOST));
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--noproxy",
        "*",
        "--http2",
        "--ntlm",
        "-u",
        "alice:pw",
    ]);
    curl.args(["--cacert", &ca, &url, &format!("{url}second"), "-d", "form=1"]);
    assert_eq!(command::to_its_end(&mut curl, Duration::from_secs(60)).succeeded(), "alicealice");
    scene.nobody_is_somebody();
}

#[test]
fn a_browser_signs_in_with_ntlm_through_the_gateway() {
    let mut scene = Scene::set();
    let home = Scratch::new();
    browser::home(home.path(), &scene.directory.ca());
    let url = scene.directory.external_url(HOST);
    let printed = python::run("bound_sign_in.py", &[&url, home.path().to_str().unwrap()]);
    // The browser does not always say which protocol carried a page that it had to sign in for.
    for (user, path) in
        ["alice", "bob"].into_iter().flat_map(|user| ["", "again", "and/again"].map(|path| (user, path)))
    {
        let start = format!("{user} /{path}: {user} over ");
        let ends = printed.lines().filter_map(|line| line.strip_prefix(&start));
        assert!(matches!(ends.collect::<Vec<_>>().as_slice(), ["" | "http/1.1"]), "{start}\n{printed}");
    }
    assert!(printed.lines().any(|line| line == "alice /open: nobody over h2"), "{printed}");
    assert!(
        printed.lines().any(|line| line == "bob /open: nobody over http/1.1"),
        "the host is known by now\n{printed}"
    );
    let log = scene.directory.process().log();
    assert!(!log.contains("http1_required"), "a token was sent over HTTP/2, and cannot be made again:\n{log}");
    scene.nobody_is_somebody();
}
