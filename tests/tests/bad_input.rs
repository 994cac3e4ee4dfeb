//! What must be refused: bad flags, bad configuration, bad tokens, forbidden targets, spoofed headers. Each with the
//! right exit code or status, an error that names what was wrong, and no change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::TcpListener;
use std::time::Duration;

use adit_tests::command::{Outcome, adit, run, to_its_end};
use adit_tests::directory::serve_command;
use adit_tests::graph::PROFILE;
use adit_tests::http::{Connection, Response};
use adit_tests::{ConnectorProcess, Directory, Scratch, Upstream, eventually};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// How long a process may take to give up.
const GIVES_UP: Duration = Duration::from_secs(30);

#[track_caller]
fn assert_refused(outcome: &Outcome, code: i32, names: &str) {
    assert_eq!(outcome.code, Some(code), "stdout: {}\nstderr: {}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stdout, "", "a refusal belongs on stderr");
    assert!(outcome.stderr.contains(names), "the error names {names}: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn bad_flags_exit_with_2_and_start_nothing() {
    let scratch = Scratch::new();
    let data = scratch.join("data").display().to_string();
    for (arguments, names) in [
        (vec!["serve", "--data", &data, "--no-such-flag"], "--no-such-flag"),
        (vec!["serve", "--data", &data, "--control-listen", "nonsense"], "nonsense"),
        (vec!["serve", "--data", &data, "--gateway-listen", "127.0.0.1:99999"], "99999"),
        (vec!["serve", "--data", &data, "--control-listen", "0.0.0.0:0"], "0.0.0.0:0"),
        (vec!["serve", "--data", &data, "--gateway-address", "no port"], "no port"),
        (vec!["connector", "--data", &data, "--token", "not-a-token"], "registration token"),
        (vec!["connector", "--data", &data, "--token", "adit-AAAA", "--allow", "no port"], "no port"),
        (vec!["token", "--data", &data, "--lifetime", "soon"], "soon"),
        (vec!["publish", "name", "--data", &data], "--internal-url"),
        (vec!["no-such-command"], "no-such-command"),
    ] {
        assert_refused(&run(&arguments), 2, names);
        assert!(!scratch.join("data").join("addresses.json").exists(), "{arguments:?} started something");
    }
}

#[test]
fn a_bad_configuration_exits_with_2_and_names_the_setting() {
    let scratch = Scratch::new();
    let data = scratch.join("data").display().to_string();
    for (toml, names) in [
        ("control_listen = ", "config.toml"),
        ("no_such_setting = true", "no_such_setting"),
        ("public_url = 'nonsense'", "public_url"),
        ("trusted_proxies = ['nonsense']", "trusted_proxies"),
        (
            "[[certificate]]\ncertificate = '/nonexistent/certificate.pem'\nkey = '/nonexistent/key.pem'",
            "/nonexistent/",
        ),
    ] {
        let config = scratch.join("config.toml");
        std::fs::write(&config, toml).unwrap();
        let outcome = run(&["serve", "--data", &data, "--config", config.to_str().unwrap()]);
        assert_refused(&outcome, 2, names);
    }
    assert_refused(&run(&["serve", "--data", &data, "--config", "/nonexistent.toml"]), 2, "/nonexistent.toml");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--control-listen", "--control-tls-listen", "--gateway-listen", "--metrics-listen"] {
        let scratch = Scratch::new();
        let data = scratch.join("data").display().to_string();
        let mut command = adit(&["serve", "--data", &data]);
        for other in ["--control-listen", "--control-tls-listen", "--gateway-listen", "--metrics-listen"] {
            command.args([other, if other == flag { address.as_str() } else { "127.0.0.1:0" }]);
        }
        let outcome = to_its_end(&mut command, GIVES_UP);
        println!("{flag}");
        assert_refused(&outcome, 1, &address);
    }
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    let file = scratch.join("a-file");
    std::fs::write(&file, "not a folder").unwrap();
    for path in [file.to_str().unwrap(), "/proc/adit-data"] {
        let outcome = to_its_end(&mut serve_command(path, None), GIVES_UP);
        assert_refused(&outcome, 1, path);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn a_second_server_on_one_data_folder_is_refused_and_the_first_goes_on() {
    let directory = Directory::start();
    let before = std::fs::read_to_string(directory.data().join("addresses.json")).unwrap();
    let outcome = to_its_end(&mut serve_command(&directory.data_argument(), None), GIVES_UP);
    assert_refused(&outcome, 1, &directory.data_argument());
    assert_eq!(std::fs::read_to_string(directory.data().join("addresses.json")).unwrap(), before);
    let _ = directory.graph().create_group("The first still writes");
}

#[test]
fn commands_against_a_folder_without_a_server_say_so() {
    let scratch = Scratch::new();
    let data = scratch.join("nothing").display().to_string();
    for arguments in [
        vec!["registration-token", "--data", &data],
        vec!["groups", "list", "--data", &data],
        vec!["connectors", "list", "--data", &data],
        vec!["applications", "list", "--data", &data],
    ] {
        assert_refused(&run(&arguments), 1, &data);
    }
    assert!(!scratch.join("nothing").exists(), "no command that only asks makes a data folder");
}

/// A connector that must give up; what it printed.
fn refused_connector(token: &str) -> String {
    let mut connector = ConnectorProcess::start("refused", token, &[]);
    let status = connector.process().finish(GIVES_UP);
    assert!(!status.success(), "the connector must not run: {}", connector.process().log());
    connector.process().log()
}

fn connector_count(directory: &Directory) -> usize {
    directory.graph().list(&format!("{PROFILE}/connectors")).len()
}

#[test]
fn an_expired_registration_token_registers_nobody() {
    let directory = Directory::start();
    let arguments = ["registration-token", "--data", &directory.data_argument(), "--lifetime", "1s"];
    let token = run(&arguments).succeeded();
    std::thread::sleep(Duration::from_millis(2200));
    let said = refused_connector(token.trim());
    assert!(said.contains("registration token"), "{said}");
    assert_eq!(connector_count(&directory), 0);
}

#[test]
fn a_registration_token_registers_one_connector_only() {
    let directory = Directory::start();
    let token = directory.registration_token("Default");
    let _first = ConnectorProcess::start("first", &token, &[]);
    let _ = directory.graph().active_connector("first");
    let said = refused_connector(&token);
    assert!(said.contains("registration token"), "{said}");
    assert_eq!(connector_count(&directory), 1);
}

#[test]
fn a_gateway_of_another_ca_is_not_believed_and_the_token_stays_unused() {
    let directory = Directory::start();
    let token = directory.registration_token("Default");
    let encoded = token.strip_prefix("adit-").expect("a registration token");
    let mut parts: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
    parts["ca"] = BASE64_URL_SAFE_NO_PAD.encode([7; 32]).into();
    let forged = format!("adit-{}", BASE64_URL_SAFE_NO_PAD.encode(parts.to_string()));

    let said = refused_connector(&forged).to_lowercase();
    assert!(said.contains("ca") && said.contains("gateway"), "the error says whom it did not believe: {said}");
    assert_eq!(connector_count(&directory), 0);

    let _genuine = ConnectorProcess::start("genuine", &token, &[]);
    let _ = directory.graph().active_connector("genuine");
}

#[test]
fn a_connector_reaches_nothing_that_its_own_list_does_not_allow() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let _connector = directory.connector_in("strict", "Default", &["--allow", "127.0.0.1:1"]);
    let _application = directory.publish("forbidden", &upstream, "forbidden.localhost", "Default");
    let answer = answer_once_published(&directory, "forbidden.localhost");
    assert_page(&answer, 502, "upstream_not_allowed");
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_connector_with_a_list_reaches_what_it_allows() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let allowed = upstream.address().to_string();
    let _connector = directory.connector_in("strict", "Default", &["--allow", "10.0.0.0/8:*", "--allow", &allowed]);
    let _application = directory.publish("allowed", &upstream, "allowed.localhost", "Default");
    directory.wait_until_served("allowed.localhost");
}

#[test]
fn a_metadata_address_is_never_dialled() {
    let directory = Directory::start();
    let _connector = directory.connector("anything");
    for (number, internal) in ["http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0:1/"].iter().enumerate() {
        let host = format!("metadata-{number}.localhost");
        let data = directory.data_argument();
        let external = directory.external_url(&host);
        let arguments = ["publish", &host, "--data", &data, "--internal-url", internal, "--external-url", &external];
        let outcome = to_its_end(adit(&arguments).arg("--passthrough"), GIVES_UP);
        if outcome.code == Some(0) {
            let answer = answer_once_published(&directory, &host);
            assert_page(&answer, 502, "upstream_not_allowed");
        } else {
            assert!(outcome.stderr.contains("internalUrl"), "{internal}: {}", outcome.stderr);
        }
    }
}

/// The first answer at `host` that is not "no such application".
fn answer_once_published(directory: &Directory, host: &str) -> Response {
    eventually("a published application", GIVES_UP, || {
        let answer = directory.get(host, "/");
        (!matches!(answer.status, 404 | 421)).then_some(answer)
    })
    .0
}

/// A page of the gateway itself: status, reason, and an id by which the log line is found.
#[track_caller]
fn assert_page(answer: &Response, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("x-adit-reason"), Some(reason), "{}", answer.text());
    let id = answer.header("x-request-id").expect("a request id");
    assert!(answer.text().contains(id), "the page shows the request id {id}: {}", answer.text());
    assert!(answer.text().contains(reason), "the page says why: {}", answer.text());
}

#[test]
fn an_application_that_demands_sign_in_is_closed_until_sign_in_exists() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let data = directory.data_argument();
    let external = directory.external_url("private.localhost");
    let arguments =
        ["publish", "private", "--data", &data, "--internal-url", &upstream.url(), "--external-url", &external];
    let _ = run(&arguments).succeeded();

    let mut user = directory.user("private.localhost");
    for (method, target) in [("GET", "/"), ("POST", "/upload"), ("GET", "/readyz"), ("OPTIONS", "/")] {
        let answer = user.send(method, target, &[("host", "private.localhost")], b"").unwrap();
        println!("{method} {target}");
        assert_page(&answer, 503, "sign_in_unavailable");
    }
    assert_eq!(upstream.connections(), 0, "not a byte reaches the upstream");
}

#[test]
fn a_host_that_is_not_published_gets_no_application() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let _application = directory.publish("known", &upstream, "known.localhost", "Default");
    directory.wait_until_served("known.localhost");
    let before = upstream.requests();

    let unknown = Connection::tls(directory.addresses().gateway, "unknown.localhost", &directory.trust());
    if let Ok(mut user) = unknown {
        assert_page(&user.get("unknown.localhost", "/").unwrap(), 404, "not_published");
    }
    let mut user = directory.user("known.localhost");
    assert_page(&user.get("other.localhost", "/").unwrap(), 421, "misdirected");
    assert_eq!(upstream.requests(), before);
}

#[test]
fn forwarding_headers_of_a_stranger_are_not_believed() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-it");
    let _application = directory.publish("truthful", &upstream, "truthful.localhost", "Default");
    directory.wait_until_served("truthful.localhost");

    let spoofed = [
        ("host", "truthful.localhost"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "for=203.0.113.9;host=evil.example"),
        ("x-real-ip", "203.0.113.9"),
        ("x_forwarded_for", "203.0.113.9"),
        ("x-original-url", "/evil"),
        ("remote-user", "evil"),
        ("connection", "x-hop"),
        ("x-hop", "evil"),
    ];
    let answer = directory.user("truthful.localhost").send("GET", "/head", &spoofed, b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json();
    let text = seen.to_string();
    for lie in ["203.0.113.9", "evil", "gopher"] {
        assert!(!text.contains(lie), "{lie} reached the upstream: {text}");
    }
    let header = |name: &str| {
        let headers = seen["headers"].as_array().unwrap();
        headers.iter().find(|header| header[0] == name).map(|header| header[1].as_str().unwrap().to_owned())
    };
    assert_eq!(header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(header("x-forwarded-proto").as_deref(), Some("https"));
    let external = directory.external_url("truthful.localhost");
    let host = header("x-forwarded-host").unwrap();
    assert!(external.contains(&host), "the host that the user asked: {host}");
    assert_eq!(header("host").as_deref(), Some(upstream.address().to_string().as_str()), "the internal host");
}

#[test]
fn an_upstream_that_is_down_and_a_group_without_connectors_are_told_apart() {
    let directory = Directory::start();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _connector = directory.connector("beside-it");
    let _ = directory.graph().create_group("Empty");
    let _ = directory.publish_url("down", &format!("http://{nobody}/"), "down.localhost", "Default");
    let _ = directory.publish_url("unserved", &format!("http://{nobody}/up/"), "unserved.localhost", "Empty");

    assert_page(&answer_once_published(&directory, "down.localhost"), 502, "upstream_refused");
    assert_page(&answer_once_published(&directory, "unserved.localhost"), 503, "no_connector");
}
