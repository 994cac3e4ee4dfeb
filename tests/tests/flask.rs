//! A common web application that does nothing for proxies, Flask under gunicorn: what a person with curl sees through
//! the gateway is what they see without it, over HTTP/1.1 and HTTP/2.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use adit_tests::application::{Application, free_port};
use adit_tests::command::{self, curl};
use adit_tests::http::Connection;
use adit_tests::pattern::noise;
use adit_tests::{ConnectorProcess, Directory, Scratch, python, repository, settles};

const HOST: &str = "flask.localhost";

/// The longest that something may take which happens at once.
const LIMIT: Duration = Duration::from_secs(60);

/// What is asked, and curl's arguments for it; `@@` is where the application is, `LARGE` a file of 3 MB.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("a page", &["@@/"]),
    ("the head of a page", &["--head", "@@/"]),
    ("the head of a file", &["--head", "@@/file"]),
    ("a file", &["@@/file"]),
    ("a range", &["--range", "10-99", "@@/file"]),
    ("the end of a file", &["--range", "-50", "@@/file"]),
    ("a range that is not there", &["--range", "2000000-", "@@/file"]),
    ("a range if it is the same file", &["--range", "5-9", "--header", "If-Range: \"one\"", "@@/file"]),
    ("a range if it is another file", &["--range", "5-9", "--header", "If-Range: \"two\"", "@@/file"]),
    ("a file that has not changed", &["--header", "If-None-Match: \"one\"", "@@/file"]),
    ("a form", &["--data", "name=a&text=%C3%A9+b", "@@/echo"]),
    ("a form with files", &["--form", "small=text", "--form", "large=@LARGE", "@@/echo"]),
    ("nothing in a POST", &["--request", "POST", "@@/echo"]),
    ("a body in a GET", &["--request", "GET", "--data", "odd", "@@/echo"]),
    ("a body in a DELETE", &["--request", "DELETE", "--data", "odd", "@@/echo"]),
    ("a PATCH", &["--request", "PATCH", "--header", "Content-Type: application/json", "--data", "{}", "@@/echo"]),
    ("OPTIONS", &["--request", "OPTIONS", "@@/echo"]),
    ("an upload", &["--header", "Expect:", "--upload-file", "LARGE", "@@/upload"]),
    ("an upload that waits", &["--expect100-timeout", "25", "--upload-file", "LARGE", "@@/upload"]),
    ("an upload in chunks", &["--header", "Transfer-Encoding: chunked", "--upload-file", "LARGE", "@@/upload"]),
    ("cookies", &["@@/cookies"]),
    ("many cookies", &["--cookie", "COOKIES", "@@/echo"]),
    ("a name and a password", &["--user", "name:password", "@@/echo"]),
    ("a large request head", &["--header", "X-Large: 7000", "@@/echo"]),
    ("a field with no value", &["--header", "X-Empty;", "@@/echo"]),
    ("a large answer head", &["@@/large-head/30000"]),
    ("a redirect to an absolute URL", &["@@/elsewhere"]),
    ("no content", &["@@/status/204"]),
    ("not modified", &["@@/status/304"]),
    ("not found", &["@@/nothing-here"]),
    ("a teapot", &["@@/status/418"]),
    ("an error of the application", &["@@/status/503"]),
    ("a status that nobody knows", &["@@/status/599"]),
    ("an escaped slash", &["@@/path/a%2Fb"]),
    ("other escaped signs", &["@@/path/a%20%C3%A9;x=1|y?q=a+b%20c"]),
    ("a query with a question mark", &["@@/echo?a=b?c=d&e"]),
    ("a long query", &["@@/echo?LONG"]),
];

struct Scene {
    gunicorn: Application,
    _connector: ConnectorProcess,
    directory: Directory,
    scratch: Scratch,
}

/// What curl saw, without what differs for each answer or each hop.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    fields: Vec<String>,
    body: String,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-flask");
        let scratch = Scratch::new();
        let gunicorn = start_gunicorn(scratch.path());
        std::fs::write(scratch.join("large"), noise(3_000_000, 3)).unwrap();
        let _application = directory.publish_url("flask", &gunicorn.url(), HOST, "Default");
        directory.wait_until_served(HOST);
        Self { gunicorn, _connector: connector, directory, scratch }
    }

    fn external(&self) -> String {
        self.directory.external_url(HOST).trim_end_matches('/').to_owned()
    }

    /// Runs curl with the arguments of a question, for the application at `base`.
    fn ask(&self, base: &str, version: &str, question: &[&str]) -> Seen {
        let (large, ca) = (self.scratch.join("large").display().to_string(), self.directory.ca().display().to_string());
        let cookies: Vec<String> = (0..200).map(|number| format!("cookie-{number}=value")).collect();
        let spelled = question.iter().map(|word| {
            let word = word.replace("@@", base).replace("LARGE", &large).replace("7000", &"v".repeat(7000));
            word.replace("COOKIES", &cookies.join("; ")).replace("LONG", &"q".repeat(3500))
        });
        let spelled: Vec<String> = spelled.collect();
        let mut arguments = vec![version, "--cacert", &ca, "--user-agent", "curl"];
        arguments.extend(spelled.iter().map(String::as_str));
        let (status, head, body) = curl(&arguments);
        let fields = fields(&head.replace(base, "@@"));
        // curl gives a head that was asked for as the body, too.
        let body = if question.contains(&"--head") { String::new() } else { body };
        Seen { status, fields, body }
    }

    fn curl(&self, arguments: &[&str]) -> (u16, String, String) {
        let ca = self.directory.ca().display().to_string();
        curl(&[&["--cacert", &ca], arguments].concat())
    }
}

/// gunicorn with its defaults (an idle connection is closed after 2 s), but for threads instead of workers.
fn start_gunicorn(folder: &Path) -> Application {
    let port = free_port();
    let mut gunicorn = Command::new(python::program("gunicorn"));
    gunicorn.args(["--threads", "8", "--bind", &format!("127.0.0.1:{port}"), "flask_application:application"]);
    gunicorn.arg("--chdir").arg(repository().join("tests/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    // Where it keeps a socket of its own.
    gunicorn.env("HOME", folder);
    Application::start("gunicorn", &mut gunicorn, port, &folder.join("gunicorn.log"))
}

/// The fields of an answer, in any order, without those that belong to one hop or one moment.
fn fields(head: &str) -> Vec<String> {
    let last = head.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let split = last.lines().skip(1).filter_map(|line| line.split_once(':'));
    let split = split.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let kept = split.filter(|(name, _)| !["date", "connection", "transfer-encoding"].contains(&name.as_str()));
    // A cookie's lifetime is also said as a moment.
    let without_moment = |value: String| match value.split_once("Expires=") {
        Some((before, after)) => before.to_owned() + after.split_once(';').map_or("", |(_, after)| after),
        None => value,
    };
    let mut fields: Vec<String> = kept.map(|(name, value)| format!("{name}: {}", without_moment(value))).collect();
    fields.sort();
    fields
}

#[test]
fn answers_are_those_of_the_application() {
    let scene = Scene::set();
    let (internal, external) = (scene.gunicorn.url().trim_end_matches('/').to_owned(), scene.external());
    for (what, question) in QUESTIONS {
        let expected = scene.ask(&internal, "--http1.1", question);
        for version in ["--http1.1", "--http2"] {
            assert_eq!(scene.ask(&external, version, question), expected, "{what}, {version}");
        }
    }
}

#[test]
fn a_person_who_signs_in_stays_signed_in() {
    let scene = Scene::set();
    let (url, jar) = (scene.external(), scene.scratch.join("jar").display().to_string());
    let sign_in = format!("{url}/sign-in");
    let arguments = ["--location", "--cookie-jar", &jar, "--cookie", &jar, "--data", "user=Ann", &sign_in];
    assert_eq!(scene.curl(&arguments).2, "Ann");
    assert_eq!(scene.curl(&["--cookie", &jar, &format!("{url}/me")]).2, "Ann");
    assert_eq!(scene.curl(&[&format!("{url}/me")]).2, "nobody");
}

#[test]
fn an_answer_that_is_cut_short_is_seen_to_be() {
    let scene = Scene::set();
    let (ca, url) = (scene.directory.ca().display().to_string(), format!("{}/cut-short", scene.external()));
    for (version, code) in [("--http1.1", 18), ("--http2", 92)] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--max-time", "30", "--cacert", &ca, version, &url]);
        let outcome = command::to_its_end(&mut curl, LIMIT);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), "less"), "{version}: {}", outcome.stderr);
    }
}

#[test]
fn events_arrive_when_they_are_sent() {
    let scene = Scene::set();
    let mut reader = scene.directory.user(HOST);
    reader.write_head("GET", "/events", &[("host", HOST)], 0).unwrap();
    assert_eq!(reader.read_head().unwrap().status, 200);
    let mut events = String::new();
    while !events.contains("first") {
        events += &read_some(&mut reader);
    }
    let answer = scene.directory.user(HOST).send("POST", "/go-on", &[("host", HOST)], b"").unwrap();
    assert_eq!(answer.text(), "going on");
    while !events.contains("second") {
        assert!(!events.contains("nobody"), "{events}");
        events += &read_some(&mut reader);
    }
}

fn read_some(from: &mut Connection) -> String {
    let mut buffer = [0; 256];
    let read = std::io::Read::read(from, &mut buffer).unwrap();
    assert!(read > 0, "the answer ended");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[test]
fn the_application_learns_that_a_person_has_left() {
    let scene = Scene::set();
    let url = format!("{}/endless", scene.external());
    let ca = scene.directory.ca().display().to_string();
    for version in ["--http1.1", "--http2"] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--max-time", "1", "--cacert", &ca, version, "--output", "/dev/null"]);
        assert_eq!(command::to_its_end(curl.arg(&url), LIMIT).code, Some(28), "{version}: curl gives up");
    }
    settles("both were noticed", LIMIT, || scene.directory.get(HOST, "/left").text() == "2");
}

#[test]
fn a_form_that_is_sent_after_a_pause_meets_no_connection_that_is_being_closed() {
    let scene = Scene::set();
    let mut user = scene.directory.user(HOST);
    let mut post = || user.send("POST", "/connection", &[("host", HOST)], b"").unwrap().text();
    let first = post();
    // gunicorn closes after 2 s; what is sent then is lost, and may not be sent again.
    thread::sleep(Duration::from_millis(1200));
    assert_ne!(post(), first, "a connection of its own");
}

#[test]
fn a_program_that_speaks_only_http1_0_is_served() {
    let scene = Scene::set();
    let (status, head, body) = scene.curl(&["--http1.0", &format!("{}/", scene.external())]);
    assert_eq!((status, body.as_str()), (200, "<h1>A common application</h1>"));
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
}
