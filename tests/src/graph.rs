//! A small client of the Graph API: JSON in and out over plain HTTP on loopback.
//!
//! Paths start after the version; everything goes to `/beta` unless a test says otherwise.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deadline::eventually;
use crate::http::{Connection, Response};

/// The path of the profile that holds connectors and connector groups.
pub const PROFILE: &str = "/onPremisesPublishingProfiles/applicationProxy";

/// How long a connector may take to register; an unoptimised build on a slow machine included.
const REGISTRATION_LIMIT: Duration = Duration::from_secs(60);

/// A client with a bearer token.
#[derive(Debug, Clone)]
pub struct Graph {
    address: SocketAddr,
    token: String,
}

impl Graph {
    /// A client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned() }
    }

    /// Sends one request on a connection of its own; an error when the server does not answer.
    ///
    /// # Errors
    /// When nobody listens or the connection ends before the answer.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Response> {
        let host = self.address.to_string();
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("host", host.as_str()), ("authorization", &authorization)];
        let text = body.map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let target = format!("/beta{}", path.replace(' ', "%20"));
        Connection::plain(self.address)?.send(method, &target, &headers, text.as_bytes())
    }

    /// Sends one request exactly as it is spelled: the whole target with its version, more headers, the body's bytes.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    pub fn send_as_spelled(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let (host, authorization) = (self.address.to_string(), format!("Bearer {}", self.token));
        let own = [("host", host.as_str()), ("authorization", authorization.as_str())];
        let all: Vec<(&str, &str)> = own.iter().chain(headers).copied().collect();
        let answer = Connection::plain(self.address).and_then(|mut to| to.send(method, target, &all, body));
        answer.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// The same server for the holder of another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self::new(self.address, token)
    }

    /// Sends one request.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The entity or collection at `path`.
    ///
    /// # Panics
    /// When the answer is not 200.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, None);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// The entities of the collection at `path`.
    ///
    /// # Panics
    /// When the answer is no collection.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let page = self.get(path);
        page["value"].as_array().unwrap_or_else(|| panic!("{path} is no collection: {page}")).clone()
    }

    /// The ids of the collection at `path`.
    #[must_use]
    pub fn ids(&self, path: &str) -> Vec<String> {
        self.list(path).iter().map(id_of).collect()
    }

    /// Creates a connector group; its id.
    ///
    /// # Panics
    /// When it is not created.
    #[must_use]
    pub fn create_group(&self, name: &str) -> String {
        let answer = self.send("POST", &format!("{PROFILE}/connectorGroups"), Some(&json!({"name": name})));
        assert_eq!(answer.status, 201, "{}", answer.text());
        id_of(&answer.json())
    }

    /// Creates an application and publishes it, in two requests as scripts of Graph do; its id.
    ///
    /// # Panics
    /// When either is refused.
    #[must_use]
    pub fn publish(&self, name: &str, publishing: &Value) -> String {
        let created = self.send("POST", "/applications", Some(&json!({"displayName": name})));
        assert_eq!(created.status, 201, "{}", created.text());
        let id = id_of(&created.json());
        let change = json!({"onPremisesPublishing": publishing});
        let changed = self.send("PATCH", &format!("/applications/{id}"), Some(&change));
        assert_eq!(changed.status, 204, "{}", changed.text());
        id
    }

    /// The id of the group of that name.
    ///
    /// # Panics
    /// When there is not exactly one.
    #[must_use]
    pub fn group_named(&self, name: &str) -> String {
        self.only(&format!("{PROFILE}/connectorGroups?$filter=name eq '{name}'"))
    }

    /// The id of the application of that name.
    ///
    /// # Panics
    /// When there is not exactly one.
    #[must_use]
    pub fn application_named(&self, name: &str) -> String {
        self.only(&format!("/applications?$filter=displayName eq '{name}'"))
    }

    /// The id of the connector of that machine name, if it is active.
    #[must_use]
    pub fn find_active_connector(&self, name: &str) -> Option<String> {
        let found = self.list(&format!("{PROFILE}/connectors?$filter=machineName eq '{name}'"));
        found.iter().find(|connector| connector["status"] == "active").map(id_of)
    }

    /// The id of the connector of that machine name, once it is active.
    #[must_use]
    pub fn active_connector(&self, name: &str) -> String {
        eventually("an active connector", REGISTRATION_LIMIT, || self.find_active_connector(name)).0
    }

    /// `active` or `inactive`.
    #[must_use]
    pub fn status_of(&self, connector: &str) -> String {
        self.get(&format!("{PROFILE}/connectors/{connector}"))["status"].as_str().unwrap_or_default().to_owned()
    }

    /// The id of the group that the connector is in.
    ///
    /// # Panics
    /// When it is not in exactly one.
    #[must_use]
    pub fn group_of_connector(&self, connector: &str) -> String {
        self.only(&format!("{PROFILE}/connectors/{connector}/memberOf"))
    }

    /// The id of the group that serves the application.
    #[must_use]
    pub fn group_of_application(&self, application: &str) -> String {
        id_of(&self.get(&format!("/applications/{application}/connectorGroup")))
    }

    /// Moves a connector into a group, as page 000 says.
    ///
    /// # Panics
    /// When the answer is not 204.
    pub fn move_connector(&self, connector: &str, group: &str) {
        let path = format!("{PROFILE}/connectorGroups/{group}/members/$ref");
        let answer = self.send("POST", &path, Some(&reference(&format!("{PROFILE}/connectors/{connector}"))));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// Assigns a group to an application, as page 004 says.
    ///
    /// # Panics
    /// When the answer is not 204.
    pub fn assign_group(&self, application: &str, group: &str) {
        let path = format!("/applications/{application}/connectorGroup/$ref");
        let answer = self.send("PUT", &path, Some(&reference(&format!("{PROFILE}/connectorGroups/{group}"))));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    fn only(&self, path: &str) -> String {
        let found = self.ids(path);
        assert_eq!(found.len(), 1, "{path} gives {found:?}");
        found[0].clone()
    }
}

/// A reference to the object at `path`, as clients of Graph write it.
#[must_use]
pub fn reference(path: &str) -> Value {
    json!({"@odata.id": format!("https://graph.microsoft.com/beta{path}")})
}

/// The id of an entity.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn id_of(entity: &Value) -> String {
    entity["id"].as_str().unwrap_or_else(|| panic!("no id in {entity}")).to_owned()
}
