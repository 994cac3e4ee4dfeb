//! The five reference pages: each request as published, sent with curl; the answer that was decided; the state read
//! back.
//!
//! The requests are files in `tests/pages`. What is put in: the address of the server, the token, the ids, `{ver}`,
//! and the length that the body really has (the published ones are wrong).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::graph::PROFILE;
use adit_tests::{Directory, command, repository};
use serde_json::{Value, json};

/// A published request.
struct Page {
    method: String,
    path: String,
    headers: Vec<String>,
    body: String,
}

impl Page {
    /// Reads a page and puts `values` in for its placeholders, one after the other.
    fn read(file: &str, version: &str, values: &[&str]) -> Self {
        let text = std::fs::read_to_string(repository().join("tests/pages").join(file)).expect("the page's request");
        let (head, body) = text.split_once("\n\n").expect("a blank line after the head");
        let mut values = values.iter();
        let mut put_in = |text: &str| fill(&text.replace("{ver}", version), &mut values);
        let mut lines = head.lines();
        let request = put_in(lines.next().expect("a request line"));
        let (method, url) = request.split_once(' ').expect("a method and a URL");
        let headers = lines.filter(|line| !line.to_ascii_lowercase().starts_with("content-length")).map(str::to_owned);
        let page = Self {
            method: method.to_owned(),
            path: url.strip_prefix("https://graph.microsoft.com").expect("a URL of Graph").to_owned(),
            headers: headers.collect(),
            body: put_in(body),
        };
        assert!(values.next().is_none(), "{file} has fewer placeholders than values were given");
        page
    }

    /// Sends it to `server` with curl: status, head, body.
    fn send(&self, server: &str, token: &str, more: &[&str]) -> (u16, String, String) {
        let url = format!("{server}{}", self.path);
        let authorization = format!("Authorization: Bearer {token}");
        let mut arguments = vec!["--globoff", "-X", &self.method, &url, "-H", &authorization];
        for header in &self.headers {
            arguments.extend(["-H", header]);
        }
        arguments.extend(["--data-binary", &self.body]);
        arguments.extend(more);
        command::curl(&arguments)
    }
}

/// Replaces each `{name}` that is a placeholder (and not the JSON body's own brace) by the next value.
fn fill<'a>(text: &str, values: &mut impl Iterator<Item = &'a &'a str>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let word: String = rest[start + 1..].chars().take_while(char::is_ascii_alphabetic).collect();
        let end = start + 1 + word.len();
        filled.push_str(&rest[..start]);
        if !word.is_empty() && rest[end..].starts_with('}') {
            filled.push_str(values.next().expect("a value for each placeholder"));
            rest = &rest[end + 1..];
        } else {
            filled.push('{');
            rest = &rest[start + 1..];
        }
    }
    filled + rest
}

fn server(directory: &Directory) -> String {
    format!("http://{}", directory.addresses().control)
}

fn published(directory: &Directory, name: &str) -> String {
    let publishing = json!({
        "internalUrl": "http://intranet.internal.example/",
        "externalUrl": format!("https://{name}.apps.example/"),
        "externalAuthenticationType": "passthru",
    });
    directory.graph().publish(name, &publishing)
}

fn assert_empty(head: &str, body: &str) {
    let head = head.to_ascii_lowercase();
    assert_eq!(body, "", "a 204 has no body");
    assert!(!head.contains("\ncontent-type:"), "a 204 has no content type: {head}");
    assert!(head.contains("request-id:"), "{head}");
    assert!(head.contains("odata-version: 4.0"), "{head}");
}

#[test]
fn page_000_adds_a_connector_to_a_group_with_204() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("page-000");
    let group = graph.create_group("Page 000");

    let page = Page::read("000-add-connector-to-connectorgroup.http", "beta", &[&group, connector.id()]);
    let (status, head, body) = page.send(&server(&directory), directory.token(), &[]);

    assert_eq!(status, 204, "{body}");
    assert_empty(&head, &body);
    assert_eq!(graph.group_of_connector(connector.id()), group);
    assert_eq!(graph.ids(&format!("{PROFILE}/connectorGroups/{group}/members")), [connector.id()]);
}

#[test]
fn page_000_works_over_tls_with_the_directorys_own_ca() {
    let directory = Directory::start();
    let connector = directory.connector("page-000-tls");
    let group = directory.graph().create_group("Page 000 over TLS");

    let page = Page::read("000-add-connector-to-connectorgroup.http", "beta", &[&group, connector.id()]);
    let server = format!("https://localhost:{}", directory.addresses().control_tls.port());
    let ca = directory.ca().display().to_string();
    let (status, _, body) = page.send(&server, directory.token(), &["--cacert", &ca]);

    assert_eq!(status, 204, "{body}");
    assert_eq!(directory.graph().group_of_connector(connector.id()), group);
}

#[test]
fn page_001_adds_a_connector_to_a_group_with_201_and_the_connector() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("page-001");
    for version in ["beta", "v1.0"] {
        let group = graph.create_group(&format!("Page 001 {version}"));

        let page = Page::read("001-add-connector-to-connectorgroup-2016.http", version, &[&group, connector.id()]);
        let (status, _, body) = page.send(&server(&directory), directory.token(), &[]);

        assert_eq!(status, 201, "{body}");
        let answered: Value = serde_json::from_str(&body).expect("a connector");
        assert_eq!(answered["id"], connector.id());
        assert_eq!(answered["machineName"], "page-001");
        assert_eq!(answered["status"], "active");
        assert_eq!(answered["externalIp"], "127.0.0.1");
        assert_eq!(graph.group_of_connector(connector.id()), group);
    }
}

#[test]
fn page_002_puts_a_member_of_the_applications_group_into_the_named_group_which_it_creates() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("page-002");
    let application = published(&directory, "page-002");

    let page = Page::read("002-add-connectorgroup-to-connector.http", "v1.0", &[&application, connector.id()]);
    let (status, head, body) = page.send(&server(&directory), directory.token(), &[]);

    assert_eq!(status, 204, "{body}");
    assert_empty(&head, &body);
    let group = graph.get(&format!("{PROFILE}/connectorGroups/{}", graph.group_of_connector(connector.id())));
    assert_eq!(group["name"], "String", "the group of the published example");
    assert_eq!(group["isDefault"], false);
    assert_eq!(graph.group_of_application(&application), graph.group_named("Default"), "the application stays");
}

#[test]
fn page_003_brings_a_connector_into_the_applications_group_and_provisions_one_that_is_unknown() {
    let directory = Directory::start();
    let graph = directory.graph();
    let application = published(&directory, "page-003");
    let group = graph.create_group("Page 003");
    graph.assign_group(&application, &group);

    let page = Page::read("003-add-connector-to-application-group.http", "v1.0", &[&application]);
    let (status, head, body) = page.send(&server(&directory), directory.token(), &[]);

    assert_eq!(status, 204, "{body}");
    assert_empty(&head, &body);
    let members = graph.list(&format!("{PROFILE}/connectorGroups/{group}/members"));
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0]["machineName"], "String", "the connector of the published example");
    assert_eq!(members[0]["status"], "inactive");
}

#[test]
fn page_003_moves_a_connector_that_is_known_by_its_machine_name() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("String");
    let application = published(&directory, "page-003-known");
    let group = graph.create_group("Page 003");
    graph.assign_group(&application, &group);

    let page = Page::read("003-add-connector-to-application-group.http", "v1.0", &[&application]);
    let (status, _, body) = page.send(&server(&directory), directory.token(), &[]);

    assert_eq!(status, 204, "{body}");
    assert_eq!(graph.ids(&format!("{PROFILE}/connectorGroups/{group}/members")), [connector.id()]);
}

#[test]
fn page_004_assigns_a_group_to_an_application_with_204() {
    let directory = Directory::start();
    let graph = directory.graph();
    let application = published(&directory, "page-004");
    let group = graph.create_group("Page 004");

    let page = Page::read("004-assign-connectorgroup-to-application.http", "beta", &[&application, &group]);
    let (status, head, body) = page.send(&server(&directory), directory.token(), &[]);

    assert_eq!(status, 204, "{body}");
    assert_empty(&head, &body);
    assert_eq!(graph.group_of_application(&application), group);
    assert_eq!(graph.ids(&format!("{PROFILE}/connectorGroups/{group}/applications")), [application]);
}

#[test]
fn a_page_sent_without_a_token_or_with_a_read_only_one_changes_nothing() {
    let directory = Directory::start();
    let graph = directory.graph();
    let application = published(&directory, "page-004-refused");
    let group = graph.create_group("Never assigned");
    let before = graph.group_of_application(&application);
    let page = Page::read("004-assign-connectorgroup-to-application.http", "beta", &[&application, &group]);

    let (status, head, body) = page.send(&server(&directory), "nonsense", &[]);
    assert_eq!(status, 401, "{body}");
    assert!(head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{head}");

    let (status, _, body) = page.send(&server(&directory), &directory.token_for("Directory.Read.All"), &[]);
    assert_eq!(status, 403, "{body}");
    assert_eq!(graph.group_of_application(&application), before);
}
