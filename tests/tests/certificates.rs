//! Certificates by name: which one a client sees, and that it changes without a restart and without a lost connection.
//!
//! Promised is a second for uploads and two for files; these tests wait for five times that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use adit_tests::authority::{Authority, Issued, PASSWORD};
use adit_tests::http::{Connection, Trust};
use adit_tests::{ConnectorProcess, Directory, Scratch, Upstream, settles};
use serde_json::json;

/// Five times the second that is promised.
const UPLOAD_SHOWN: Duration = Duration::from_secs(5);

/// Five times the two seconds after which files are looked at.
const FILE_SHOWN: Duration = Duration::from_secs(10);

const HOST: &str = "wiki.corp.example";

/// A directory with a connector and an application, and an authority that clients believe as well.
struct Scene {
    application: String,
    authority: Authority,
    _connector: ConnectorProcess,
    _upstream: Upstream,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        Self::set_in(Scratch::new(), &[])
    }

    fn set_in(scratch: Scratch, flags: &[&str]) -> Self {
        let directory = Directory::start_in(scratch, flags);
        let connector = directory.connector("one");
        let upstream = Upstream::start();
        let application = directory.publish("wiki", &upstream, HOST, "Default");
        Self { application, authority: Authority::new(), _connector: connector, _upstream: upstream, directory }
    }

    /// Clients believe both authorities, and that each certificate is for the name.
    fn trust(&self) -> Trust {
        let both = self.directory.scratch().join("both.pem");
        let own = fs::read_to_string(self.directory.ca()).unwrap();
        fs::write(&both, format!("{own}{}", self.authority.pem())).unwrap();
        Trust::of(&both)
    }

    fn connect(&self, host: &str) -> Connection {
        Connection::tls(self.directory.addresses().gateway, host, &self.trust()).expect("a TLS connection")
    }

    fn shows(&self, host: &str, issued: &Issued) -> bool {
        self.connect(host).peer_certificate() == issued.der()
    }

    /// Whether the certificate is one of the directory's own authority.
    fn shows_local(&self, host: &str) -> bool {
        Connection::tls(self.directory.addresses().gateway, host, &self.directory.trust()).is_ok()
    }

    fn change(&self, change: &serde_json::Value) {
        let path = format!("/applications/{}", self.application);
        let answer = self.directory.graph().send("PATCH", &path, Some(change));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

fn ok(connection: &mut Connection, host: &str) {
    assert_eq!(connection.get(host, "/").expect("an answer").status, 200);
}

#[test]
fn an_uploaded_certificate_is_shown_at_once_and_open_connections_stay() {
    let mut scene = Scene::set();
    scene.directory.wait_until_served(HOST);
    let mut open = scene.directory.user(HOST);
    ok(&mut open, HOST);

    let first = scene.authority.issue(&[HOST]);
    scene.change(&first.as_upload());
    settles("the uploaded certificate", UPLOAD_SHOWN, || scene.shows(HOST, &first));
    let second = scene.authority.issue(&["*.corp.example"]);
    scene.change(&second.as_upload());
    settles("the next one", UPLOAD_SHOWN, || scene.shows(HOST, &second));
    ok(&mut open, HOST);
    ok(&mut scene.connect(HOST), HOST);

    // The very first connection after a start must not see another certificate.
    scene.directory.crash_and_restart();
    assert!(scene.shows(HOST, &second));
}

#[test]
fn the_key_of_an_upload_is_nowhere_to_be_read() {
    let mut scene = Scene::set();
    let issued = scene.authority.issue(&[HOST]);
    let upload = issued.as_upload();
    scene.change(&upload);
    settles("the uploaded certificate", UPLOAD_SHOWN, || scene.shows(HOST, &issued));

    let application = format!("/applications/{}?$select=id,onPremisesPublishing", scene.application);
    let shown = scene.directory.graph().send("GET", &application, None).text();
    assert!(shown.contains("verifiedCustomDomainCertificatesMetadata"), "{shown}");
    let audits = scene.directory.graph().send("GET", "/auditLogs/directoryAudits", None).text();
    assert!(audits.contains(&scene.application), "{audits}");
    let log = scene.directory.process().log();
    let mut places =
        vec![("the API", shown.into_bytes()), ("the audit log", audits.into_bytes()), ("the log", log.into_bytes())];
    let mut folder = Vec::new();
    read_all(&scene.directory.data(), &mut folder);
    assert!(folder.len() > 100_000, "there is a database");
    places.push(("the data folder", folder));

    let pfx = upload["onPremisesPublishing"]["verifiedCustomDomainKeyCredential"]["value"].as_str().unwrap();
    let [number, text] = issued.secrets();
    let secrets = [number, text, PASSWORD.as_bytes().to_vec(), pfx.as_bytes()[64..128].to_vec()];
    for (place, content) in places {
        for (index, secret) in secrets.iter().enumerate() {
            let found = content.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "secret {index} is in {place}");
        }
    }
}

fn read_all(folder: &Path, content: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read_all(&entry.path(), content);
        } else if kind.is_file() {
            content.extend(fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn an_uploaded_certificate_goes_with_its_publishing() {
    let scene = Scene::set();
    let issued = scene.authority.issue(&[HOST]);
    scene.change(&issued.as_upload());
    settles("the uploaded certificate", UPLOAD_SHOWN, || scene.shows(HOST, &issued));
    let answer = scene.directory.graph().send("DELETE", &format!("/applications/{}", scene.application), None);
    assert_eq!(answer.status, 204, "{}", answer.text());
    let shown = || Connection::tls(scene.directory.addresses().gateway, HOST, &scene.trust());
    settles("no certificate for the name", UPLOAD_SHOWN, || shown().is_err());
}

#[test]
fn files_are_shown_for_the_hosts_they_name_and_followed_when_they_change() {
    let scratch = Scratch::new();
    let authority = Authority::new();
    let folder = scratch.join("data/certificates");
    fs::create_dir_all(&folder).unwrap();
    let (listed, key) = (scratch.join("listed.pem"), scratch.join("listed.key"));
    let first = authority.issue(&[HOST]);
    first.write(&listed, &key);
    let flag = format!("{},{}", listed.display(), key.display());
    let mut scene = Scene::set_in(scratch, &["--certificate", &flag]);
    scene.authority = authority;
    let _other = scene.directory.publish("other", &Upstream::start(), "other.corp.example", "Default");
    assert!(scene.shows(HOST, &first));
    settles("the second application", UPLOAD_SHOWN, || scene.shows_local("other.corp.example"));
    let mut open = scene.connect(HOST);

    let renewed = scene.authority.issue(&[HOST]);
    renewed.write(&listed, &key);
    settles("the renewed file", FILE_SHOWN, || scene.shows(HOST, &renewed));
    let wildcard = scene.authority.issue(&["*.corp.example"]);
    wildcard.write(&folder.join("wildcard.pem"), &folder.join("wildcard.key"));
    settles("the new file", FILE_SHOWN, || scene.shows("other.corp.example", &wildcard));
    assert!(scene.shows(HOST, &renewed), "the very name goes before the wildcard");

    fs::write(&listed, "damaged").unwrap();
    fs::remove_file(folder.join("wildcard.pem")).unwrap();
    settles("the file that went", FILE_SHOWN, || scene.shows_local("other.corp.example"));
    assert!(scene.shows(HOST, &renewed), "the last good one stays");
    ok(&mut open, HOST);
    let log = scene.directory.process().log();
    assert!(log.contains("listed.pem cannot be read"), "{log}");
}

#[test]
fn the_best_source_that_is_valid_is_shown() {
    let scratch = Scratch::new();
    let folder = scratch.join("data/certificates");
    fs::create_dir_all(&folder).unwrap();
    let mut scene = Scene::set_in(scratch, &[]);
    let file = scene.authority.issue(&[HOST]);
    file.write(&folder.join("wiki.pem"), &folder.join("wiki.key"));
    settles("the file", FILE_SHOWN, || scene.shows(HOST, &file));

    let uploaded = scene.authority.issue(&[HOST]);
    scene.change(&uploaded.as_upload());
    settles("the upload, which goes before files", UPLOAD_SHOWN, || scene.shows(HOST, &uploaded));

    // What fits the host no more is removed with the move.
    let moved = scene.directory.external_url("moved.corp.example");
    scene.change(&json!({"onPremisesPublishing": {"externalUrl": moved}}));
    settles("none of another host", UPLOAD_SHOWN, || scene.shows_local("moved.corp.example"));
    scene.change(&json!({"onPremisesPublishing": {"externalUrl": scene.directory.external_url(HOST)}}));
    settles("the file again", UPLOAD_SHOWN, || scene.shows(HOST, &file));

    let expired = scene.authority.issue_expired(&[HOST]);
    expired.write(&folder.join("wiki.pem"), &folder.join("wiki.key"));
    settles("the local authority's", FILE_SHOWN, || scene.shows_local(HOST));
    let log = scene.directory.process().log();
    assert!(log.contains("a certificate is not valid at the moment"), "{log}");
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_the_server_from_starting() {
    let scratch = Scratch::new();
    let folder = scratch.join("data/certificates");
    fs::create_dir_all(&folder).unwrap();
    let authority = Authority::new();
    let (one, other) = (authority.issue(&["a.example"]), authority.issue(&["b.example"]));
    one.write(&folder.join("a.pem"), &folder.join("a.key"));
    other.write(&scratch.join("b.pem"), &folder.join("a.key"));
    let data = scratch.join("data").display().to_string();
    let mut command = adit_tests::directory::serve_command(&data, None);
    let outcome = adit_tests::command::to_its_end(&mut command, Duration::from_secs(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a.pem") && outcome.stderr.contains("does not belong"), "{}", outcome.stderr);

    let (certificate, key) = (scratch.join("b.pem"), scratch.join("none.key"));
    let flag = format!("{},{}", certificate.display(), key.display());
    let outcome = adit_tests::command::run(&["serve", "--data", &data, "--certificate", &flag]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("none.key"), "{}", outcome.stderr);
}
