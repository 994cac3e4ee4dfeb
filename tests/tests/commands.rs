//! The command line as a person uses it, and traffic of every shape through what it published.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::time::{Duration, Instant};

use adit_tests::command::{curl, run};
use adit_tests::http::{Connection, Trust};
use adit_tests::pattern::{Checksum, checksum_of, fill};
use adit_tests::{Directory, Scratch, Upstream, websocket};
use serde_json::Value;

/// A large body: more than every window and buffer on its way.
const LARGE: usize = 24 * 1024 * 1024 + 12345;

const HOST: &str = "app.localhost";

/// One connector and one application.
struct Scene {
    upstream: Upstream,
    _connector: adit_tests::ConnectorProcess,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-it");
        let upstream = Upstream::start();
        let _application = directory.publish("app", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { upstream, _connector: connector, directory }
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        vec!["serve"],
        vec!["token"],
        vec!["registration-token"],
        vec!["connector"],
        vec!["publish"],
        vec!["explain"],
        vec!["health"],
        vec!["groups", "list"],
        vec!["connectors", "list"],
        vec!["applications", "list"],
        vec!["capacity"],
        vec!["demo"],
    ] {
        let mut arguments = command.clone();
        arguments.push("--help");
        let help = run(&arguments).succeeded();
        let example = format!("adit {}", command.join(" "));
        let after = help.split_once("xample").unwrap_or_else(|| panic!("no example in: {help}")).1;
        assert!(after.contains(&example), "an example of `{example}`: {help}");
    }
    let help = run(&["--help"]).succeeded();
    assert!(help.contains("registration-token") && help.contains("demo"), "{help}");
}

#[test]
fn what_was_published_is_listed_through_the_public_api() {
    let scene = Scene::set();
    let data = scene.directory.data_argument();
    let server = format!("http://{}", scene.directory.addresses().control);
    for access in [vec!["--data", &data], vec!["--server", &server, "--token", scene.directory.token()]] {
        for (noun, shown) in [("groups", "Default"), ("connectors", "beside-it"), ("applications", "app.localhost")] {
            let mut arguments = vec![noun, "list"];
            arguments.extend(&access);
            let listed = run(&arguments).succeeded();
            assert!(listed.contains(shown), "{noun}: {listed}");
        }
    }
}

#[test]
fn health_and_metrics_answer_on_a_listener_of_their_own() {
    let directory = Directory::start();
    for target in ["/livez", "/readyz", "/metrics"] {
        let mut connection = Connection::plain(directory.addresses().metrics).unwrap();
        let answer = connection.get("localhost", target).unwrap();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let mut control = Connection::plain(directory.addresses().control).unwrap();
        assert_ne!(control.get("localhost", target).unwrap().status, 200, "{target} is not part of the API");
    }
}

#[test]
fn a_large_download_arrives_as_it_was_sent() {
    let scene = Scene::set();
    for target in [format!("/download/{LARGE}"), format!("/chunked/{LARGE}")] {
        let answer = scene.directory.get(HOST, &target);
        assert_eq!(answer.status, 200);
        let mut sum = Checksum::default();
        sum.add(&answer.body);
        assert_eq!((answer.body.len(), sum), (LARGE, checksum_of(LARGE)), "{target}");
    }
}

#[test]
fn a_large_upload_arrives_as_it_was_sent() {
    let scene = Scene::set();
    let mut body = vec![0; LARGE];
    fill(&mut body, 0);
    let answer = scene.directory.user(HOST).send("POST", "/upload", &[("host", HOST)], &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["bytes"], LARGE);
    assert_eq!(answer.json()["checksum"], checksum_of(LARGE).to_string());
}

#[test]
fn http_1_and_http_2_clients_are_served_alike() {
    let scene = Scene::set();
    let (ca, url) = (scene.directory.ca().display().to_string(), scene.directory.external_url(HOST));
    let scratch = Scratch::new();
    let file = scratch.join("body");
    let mut body = vec![0; LARGE];
    fill(&mut body, 0);
    fs::write(&file, &body).unwrap();
    for (flag, version) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")] {
        let upload = format!("{url}upload");
        let from = format!("@{}", file.display());
        let (status, head, body) =
            curl(&[flag, "--cacert", &ca, &upload, "--data-binary", &from, "-H", "expect:", "-H", "x-mark: yes"]);
        assert_eq!(status, 200, "{body}");
        assert!(head.starts_with(version), "{head}");
        let answer: Value = serde_json::from_str(&body).expect("the upstream's answer");
        assert_eq!((&answer["bytes"], &answer["checksum"]), (&LARGE.into(), &checksum_of(LARGE).to_string().into()));

        let (status, _, body) = curl(&[flag, "--cacert", &ca, &format!("{url}head?q=1"), "-H", "x-mark: yes"]);
        assert_eq!(status, 200);
        let seen: Value = serde_json::from_str(&body).expect("the request as it arrived");
        assert_eq!(seen["target"], "/head?q=1");
        assert!(body.contains("x-mark"), "{body}");
    }
}

#[test]
fn a_web_socket_echoes_through_the_gateway() {
    let scene = Scene::set();
    let mut user = scene.directory.user(HOST);
    let origin = scene.directory.external_url(HOST);
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let headers = [
        ("host", HOST),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key),
        ("origin", origin.trim_end_matches('/')),
    ];
    user.write_head("GET", "/websocket", &headers, 0).unwrap();
    let answer = user.read_response(true).unwrap();
    assert_eq!(answer.status, 101, "{}", answer.text());
    assert_eq!(answer.header("sec-websocket-accept"), Some(websocket::accept_value(key).as_str()));

    for text in ["one", "two", &"long ".repeat(20_000)] {
        let mut frame = Vec::new();
        websocket::write_frame(&mut frame, text.as_bytes(), Some([1, 2, 3, 4])).unwrap();
        user.write(&frame).unwrap();
        let echo = websocket::read_frame(&mut user).unwrap().expect("a frame");
        assert_eq!(String::from_utf8_lossy(&echo), *text);
    }
    let head = scene.upstream.heads().pop().unwrap();
    let internal = format!("http://{}", scene.upstream.address());
    assert_eq!(head.header("origin"), Some(internal.as_str()), "the upstream's own origin");
}

#[test]
fn a_redirect_to_the_internal_host_leads_to_the_external_one() {
    let scene = Scene::set();
    let answer = scene.directory.get(HOST, "/redirect");
    assert_eq!(answer.status, 302);
    let external = scene.directory.external_url(HOST);
    assert_eq!(answer.header("location"), Some(format!("{external}landed").as_str()));
}

#[test]
fn an_upstream_that_wants_the_external_host_gets_it() {
    let scene = Scene::set();
    let graph = scene.directory.graph();
    let application = graph.application_named("app");
    let change = serde_json::json!({"onPremisesPublishing": {"isTranslateHostHeaderEnabled": false}});
    assert_eq!(graph.send("PATCH", &format!("/applications/{application}"), Some(&change)).status, 204);
    let authority = scene.directory.external_url(HOST).replace("https://", "").replace('/', "");
    // A change is promised to have its effect within a second.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let seen = scene.directory.user(HOST).get(&authority, "/head").unwrap().json();
        if seen["headers"].as_array().unwrap().contains(&serde_json::json!(["host", authority])) {
            return;
        }
        assert!(Instant::now() < deadline, "{seen}");
    }
}

#[test]
fn a_certificate_of_ones_own_and_a_public_url_come_from_the_configuration() {
    let scratch = Scratch::new();
    let made = rcgen::generate_simple_self_signed([HOST.to_owned(), "localhost".to_owned()]).unwrap();
    let (certificate, key) = (scratch.join("own.pem"), scratch.join("own.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = format!(
        "public_url = 'https://graph.example/'\n\n[[certificate]]\ncertificate = '{}'\nkey = '{}'\n",
        certificate.display(),
        key.display()
    );
    let directory = Directory::start_configured_in(scratch, &settings);

    let connector = directory.connector("beside-it");
    let upstream = Upstream::start();
    let _application = directory.publish("app", &upstream, HOST, "Default");
    let own = Trust::of(&certificate);
    let mut user = Connection::tls(directory.addresses().gateway, HOST, &own).expect("the given certificate");
    assert_eq!(user.get(HOST, "/").unwrap().status, 200);
    assert_eq!(directory.graph().status_of(connector.id()), "active");

    let _ = directory.graph().create_group("Another");
    let page = directory.graph().get(&format!("{}/connectorGroups?$top=1", adit_tests::graph::PROFILE));
    let next = page["@odata.nextLink"].as_str().expect("a second page");
    assert!(next.starts_with("https://graph.example/beta/"), "{next}");
}
