//! Applications that require sign-in and assignment, and somebody who uses them in a headless browser: `wiki`, open to a
//! group, `notes`, open to one person, and `secret`, to which nobody is assigned.
//!
//! The provider, and the pages that a browser meets there, are the test's to choose.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::graph::Graph;
use crate::{Directory, Scratch, Upstream, browser, python, target};

/// The person: assigned to `notes`.
pub const PERSON: &str = "0a6a2f6e-58d3-4f57-8a4b-0c1e7c9b3d10";

/// A group in which the person is: assigned to `wiki`.
pub const GROUP: &str = "5b7d9c2e-3c41-4a0c-9a6e-2f8e4d1b7a22";

/// The assignment to an application without roles.
const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// A running site.
pub struct Site {
    /// The directory.
    pub directory: Directory,
    /// What the applications lead to, one each.
    pub upstreams: [Upstream; 3],
    port: u16,
}

impl Site {
    /// Where a provider sends people back to, if the gateway is at `port`, and where it sends those who have signed out.
    #[must_use]
    pub fn redirect_uris(port: u16) -> [String; 2] {
        ["callback", "signed-out"].map(|place| format!("https://login.localhost:{port}/.adit/{place}"))
    }

    /// Starts one, with its gateway at `port`, whose users sign in at `issuer` as the client `adit` with `secret`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn signing_in_at(issuer: &str, secret: &str, port: u16) -> Self {
        let scratch = Scratch::new();
        let file = scratch.join("secret");
        std::fs::write(&file, secret).expect("a file for the secret");
        let settings =
            format!("issuer = \"{issuer}\"\nclient_id = \"adit\"\nclient_secret_file = \"{}\"\n", file.display());
        Self::start(scratch, &settings, port)
    }

    /// Starts one; `settings` are those of `[sign_in]`, without its host.
    #[must_use]
    pub fn start(scratch: Scratch, settings: &str, port: u16) -> Self {
        let settings = format!("[sign_in]\nhost = \"login.localhost:{port}\"\n{settings}");
        let directory = Directory::start_configured_at(port, scratch, &settings);
        Self { directory, upstreams: [(); 3].map(|()| Upstream::start()), port }
    }

    /// Publishes the three applications.
    ///
    /// # Panics
    /// When that is refused.
    pub fn publish(&self, person: &str, group: &str) {
        let [wiki, notes, secret] = &self.upstreams;
        self.publish_for("wiki", wiki, Some(json!({"principalId": group, "principalType": "Group"})));
        self.publish_for("notes", notes, Some(json!({"principalId": person})));
        self.publish_for("secret", secret, None);
    }

    fn publish_for(&self, name: &str, upstream: &Upstream, assigned: Option<Value>) {
        let graph = self.directory.graph();
        let publishing = json!({
            "internalUrl": upstream.url(),
            "externalUrl": self.directory.external_url(&format!("{name}.localhost")),
            "externalAuthenticationType": "aadPreAuthentication",
        });
        let application = graph.publish(name, &publishing);
        graph.assign_group(&application, &graph.group_named("Default"));
        let app_id = graph.get(&format!("/applications/{application}"))["appId"].clone();
        let app_id = app_id.as_str().expect("an application's appId");
        let principal = graph.get(&format!("/servicePrincipals(appId='{app_id}')"));
        let path = format!("/servicePrincipals/{}", principal["id"].as_str().expect("an id"));
        let required = graph.send("PATCH", &path, Some(&json!({"appRoleAssignmentRequired": true})));
        assert_eq!(required.status, 204, "{}", required.text());
        if let Some(mut assignment) = assigned {
            assignment["resourceId"] = principal["id"].clone();
            assignment["appRoleId"] = json!(DEFAULT_ACCESS);
            let _assignment = post(&graph, &format!("{path}/appRoleAssignedTo"), &assignment);
        }
    }

    /// Somebody of that name signs in, uses all of it and signs out, at pages of `provider` as `sign_in.py` knows them.
    ///
    /// # Panics
    /// When a step goes otherwise than it must.
    pub fn is_used_by(&self, provider: &str, name: &str, password: &str) {
        let screenshots = screenshots();
        let home = self.directory.scratch().join("browser");
        browser::home(&home, &self.directory.ca());
        let port = self.port.to_string();
        let folders = [&screenshots, &home].map(|folder| folder.display().to_string());
        let seen = python::run("sign_in.py", &[provider, name, password, &port, &folders[0], &folders[1]]);
        assert!(seen.lines().any(|line| line == "signed out of everything"), "{seen}");
        let [wiki, notes, secret] = self.upstreams.each_ref().map(Upstream::heads);
        assert!(!wiki.is_empty() && !notes.is_empty() && secret.is_empty(), "{} requests for secret", secret.len());
        assert!(wiki.iter().chain(&notes).all(|head| head.header("cookie").is_none()), "a cookie went on");
    }
}

/// Posts `body`, and gives what was made.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn post(graph: &Graph, path: &str, body: &Value) -> Value {
    let answer = graph.send("POST", path, Some(body));
    assert!(matches!(answer.status, 200 | 201), "POST {path}: {} {}", answer.status, answer.text());
    answer.json()
}

/// Where the screenshots stay.
fn screenshots() -> PathBuf {
    let folder = target().join("sign-in");
    std::fs::create_dir_all(&folder).expect("a folder for the screenshots");
    folder
}
