//! `adit explain URL` as an administrator uses it: where a request would go, why not elsewhere, and what failed last.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use adit_tests::command::run;
use adit_tests::{Directory, Upstream, settles};
use serde_json::{Value, json};

const HOST: &str = "app.localhost";

/// A change is served at once; five times what is promised.
const SERVED: Duration = Duration::from_secs(5);

fn explain(directory: &Directory, url: &str, flags: &[&str]) -> String {
    let data = directory.data_argument();
    run(&[&["explain", url, "--data", &data], flags].concat()).succeeded()
}

fn explained(directory: &Directory, url: &str) -> Value {
    serde_json::from_str(&explain(directory, url, &["--json"])).expect("the API's answer")
}

/// What a request's fields are, as pairs.
fn fields(explanation: &Value) -> Vec<(&str, &str)> {
    let fields = explanation["headers"].as_array().expect("fields").iter();
    fields.map(|field| (field["name"].as_str().unwrap(), field["value"].as_str().unwrap())).collect()
}

#[test]
fn it_says_where_a_request_goes_and_the_request_goes_there() {
    let directory = Directory::start();
    let (home, team) = (Upstream::start(), Upstream::start());
    let connector = directory.connector("beside-it");
    let _elsewhere = directory.graph().create_group("Elsewhere");
    let _ = directory.publish("Home", &home, HOST, "Default");
    let publishing = json!({"internalUrl": format!("{}inside/", team.url()),
        "externalUrl": format!("{}team/", directory.external_url(HOST)), "externalAuthenticationType": "passthru"});
    let application = directory.graph().publish("Team", &publishing);
    directory.wait_until_served_at(HOST, "/team/");

    let url = format!("{}team/page?secret=1", directory.external_url(HOST));
    let explanation = explained(&directory, &url);
    assert_eq!((&explanation["isForwarded"], &explanation["reason"]), (&json!(true), &Value::Null), "{explanation}");
    assert_eq!((&explanation["applicationName"], &explanation["applicationId"]), (&json!("Team"), &json!(application)));
    assert_eq!(explanation["connectorGroupName"], "Default");
    assert_eq!(explanation["upstreamUrl"], format!("{}inside/page", team.url()));
    let connectors = &explanation["connectors"];
    assert_eq!((&connectors[0]["id"], &connectors[0]["availability"]), (&json!(connector.id()), &json!("available")));
    assert_eq!(connectors[0]["machineName"], "beside-it");
    let standings: Vec<&str> =
        explanation["candidates"].as_array().unwrap().iter().map(|own| own["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["chosen", "shorterPrefix"], "{explanation}");

    // The fields are those that the upstream then sees.
    let before = team.requests();
    assert_eq!(directory.get(HOST, "/team/page").status, 200);
    assert_eq!(team.requests(), before + 1);
    let heads = team.heads();
    let seen = heads.last().expect("a request");
    for (name, value) in fields(&explanation) {
        let real = seen.header(name).unwrap_or_else(|| panic!("{name} was not sent"));
        assert!(value.starts_with('<') || value == real || name == "x-forwarded-host", "{name}: {value} is not {real}");
    }
    assert!(fields(&explanation).iter().any(|(name, _)| *name == "x-request-id"), "{explanation}");

    let text = explain(&directory, &url, &[]);
    for shown in
        ["is forwarded to", "Team (", "Default (", "beside-it (", "another prefix that covers the path is longer"]
    {
        assert!(text.contains(shown), "{shown:?} is not in\n{text}");
    }
}

#[test]
fn it_says_why_a_request_is_refused_and_what_to_do() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let mut connector = directory.connector("beside-it");
    let _ = directory.publish("app", &upstream, HOST, "Default");
    let closed = json!({"internalUrl": format!("{}closed/", upstream.url()),
        "externalUrl": directory.external_url("closed.localhost"), "externalAuthenticationType": "aadPreAuthentication"});
    let _ = directory.graph().publish("closed", &closed);
    directory.wait_until_served(HOST);
    settles("the second application", SERVED, || directory.get("closed.localhost", "/").status == 503);

    for (host, path, reason) in [
        (HOST, "", Value::Null),
        (HOST, "a/%2e%2e/b", json!("bad_request")),
        ("closed.localhost", "", json!("sign_in_unavailable")),
        ("localhost", "", json!("not_published")),
    ] {
        let explanation = explained(&directory, &format!("{}{path}", directory.external_url(host)));
        assert_eq!(explanation["reason"], reason, "{explanation}");
        let answer = directory.get(host, &format!("/{path}"));
        assert_eq!(answer.header("x-adit-reason").map(Value::from).unwrap_or_default(), reason, "it is what happens");
        assert_eq!(explanation["status"].as_u64(), reason.is_string().then_some(u64::from(answer.status)));
        assert_eq!(explanation["remedy"].is_string(), reason.is_string(), "{explanation}");
    }

    connector.process().kill();
    settles("no connector", SERVED, || {
        explained(&directory, &directory.external_url(HOST))["reason"] == "no_connector"
    });
    let text = explain(&directory, &directory.external_url(HOST), &[]);
    assert!(
        text.contains("is answered 503, no_connector")
            && text.contains("beside-it (")
            && text.contains("not connected"),
        "{text}"
    );
}

#[test]
fn it_says_what_failed_last_and_which_record_tells_more() {
    let directory = Directory::start();
    let _connector = directory.connector("beside-it");
    let _ = directory.publish_url("dead", "http://127.0.0.1:1/", HOST, "Default");
    settles("a failure", SERVED, || directory.get(HOST, "/").status == 502);
    let answer = directory.get(HOST, "/once-more");
    let failure = &explained(&directory, &directory.external_url(HOST))["lastFailure"];
    assert_eq!(
        (&failure["reason"], &failure["requestId"]),
        (&json!("upstream_refused"), &json!(answer.header("x-request-id").expect("an id")))
    );
    assert!(failure["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{failure}");
    assert!(explain(&directory, &directory.external_url(HOST), &[]).contains("Failed last"));
}

#[test]
fn what_is_no_url_of_a_gateway_is_refused_and_so_is_who_may_not_read() {
    let directory = Directory::start();
    let data = directory.data_argument();
    for url in ["http://app.localhost/", "https://user@app.localhost/", ""] {
        let outcome = run(&["explain", url, "--data", &data]);
        assert_eq!(outcome.code, Some(1), "{url}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("nothing was explained"), "{}", outcome.stderr);
    }
    let path = "/beta/applications/adit.explain(url='https%3A%2F%2Fapp.localhost%2F')";
    let answer =
        directory.graph().with_token(&directory.token_for("AuditLog.Read.All")).send_as_spelled("GET", path, &[], b"");
    assert_eq!(answer.status, 403);
}

#[test]
fn it_says_whether_a_user_may_and_why() {
    let directory = Directory::start();
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let _connector = directory.connector("beside-it");
    let closed = json!({"internalUrl": other.url(), "externalUrl": directory.external_url("closed.localhost"),
        "externalAuthenticationType": "aadPreAuthentication"});
    let _ = directory.graph().publish("closed", &closed);
    let _ = directory.publish("app", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let ada = json!({"accountEnabled": true, "displayName": "Ada", "mailNickname": "ada",
        "userPrincipalName": "o'ada@corp.example", "passwordProfile": {"password": "a long sentence is best"}});
    let made = directory.graph().send("POST", "/users", Some(&ada));
    assert_eq!(made.status, 201, "{}", made.text());

    let open = explain(&directory, &directory.external_url(HOST), &["--user", "o'ada@corp.example"]);
    for shown in ["is forwarded to", "Access        granted", "User Ada (o'ada@corp.example)", "without sign-in"] {
        assert!(open.contains(shown), "{shown:?} is not in\n{open}");
    }
    let group = "bbbbbbbb-0000-0000-0000-000000000001";
    let flags = ["--user", "o'ada@corp.example", "--group", group, "--group", group];
    let refused = explain(&directory, &directory.external_url("closed.localhost"), &flags);
    for shown in ["is answered 503, sign_in_unavailable", "Access        refused", "2 groups were given"] {
        assert!(refused.contains(shown), "{shown:?} is not in\n{refused}");
    }
    let nobody = explain(&directory, &directory.external_url(HOST), &["--user", "eve@corp.example"]);
    assert!(nobody.contains("this is about nobody"), "{nobody}");
    let without = explain(&directory, &directory.external_url(HOST), &[]);
    assert!(!without.contains("Access"), "{without}");
}
