//! A directory with an API in front of it, and requests to it in one line.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use adit_control::{CertificateAuthority, ControlPlane, Database};
use adit_core::access::{Principal, Who};
use adit_core::explain::{ConnectorWork, Explained, Explainer, Place, Visitor, explain};
use adit_core::health::{ApplicationHealth, GroupHealth, Health, HealthReporter, groups};
use adit_core::snapshot::PublishedApplication;
use adit_core::{ApplicationId, ConnectorId, DirectoryRole, PrincipalKind};
use adit_identity::{Holder, LocalKey, TokenRequest, Verifier};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Where the profile's collections are.
pub(crate) const P: &str = "/beta/onPremisesPublishingProfiles/applicationProxy";

pub(crate) struct Api {
    pub(crate) control: ControlPlane,
    router: Router,
    key: LocalKey,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap_or_default()
    }

    /// Checks the status, and shows the answer if it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    pub(crate) fn id(&self) -> String {
        self.json["id"].as_str().unwrap().to_owned()
    }
}

/// Explains by the directory alone.
struct WithoutGateway(ControlPlane);

impl Explainer for WithoutGateway {
    fn work(&self, _: ConnectorId) -> ConnectorWork {
        ConnectorWork { requests: 2, draining: 1 }
    }

    fn explain(&self, place: Place, visitor: Option<&Visitor>) -> Explained {
        let snapshot = Arc::clone(&self.0.snapshots().borrow());
        let who = visitor.map_or(Who::Anonymous, |Visitor { id, groups, groups_left_out }| {
            let groups_left_out = *groups_left_out;
            Who::Principal(Principal { kind: PrincipalKind::User, id: *id, groups, groups_left_out })
        });
        let explanation = explain(&snapshot, place, &[], who);
        Explained { explanation, refusal: None, upstream_url: None, headers: Vec::new(), last_failure: None }
    }
}

/// Knows the directory and has seen nothing.
impl HealthReporter for WithoutGateway {
    fn groups(&self) -> Vec<GroupHealth> {
        groups(&self.0.snapshots().borrow(), &[])
    }

    fn application(&self, application: ApplicationId) -> Option<ApplicationHealth> {
        self.applications().into_iter().find(|own| own.application == application)
    }

    fn applications(&self) -> Vec<ApplicationHealth> {
        let snapshot = Arc::clone(&self.0.snapshots().borrow());
        let health = |application: &Arc<PublishedApplication>| ApplicationHealth {
            application: application.id,
            name: application.name.clone(),
            health: Health::Down,
            group: application.connector_group,
            group_health: Health::Down,
            sightings: Vec::new(),
        };
        snapshot.applications().map(health).collect()
    }
}

/// A file in `folder`; or a new database of PostgreSQL, where the variable says so: `cargo xtask test` runs all of this on both.
fn database(folder: &Path) -> Database {
    match std::env::var("ADIT_TEST_ENGINE").as_deref() {
        Err(_) => Database::File(folder.join("directory.db")),
        Ok("postgresql") => Database::Server(adit_test_postgresql::url().parse().unwrap()),
        Ok(other) => panic!("ADIT_TEST_ENGINE is {other}"),
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, _) = CertificateAuthority::generate().unwrap();
        let settings = adit_control::Settings {
            database: database(folder.path()),
            authority,
            sealing_key: adit_control::SealingKey::generate().unwrap().0,
            gateway_address: "localhost:8443".to_owned(),
        };
        let control = ControlPlane::open(settings).await.unwrap();
        let (key, _) = LocalKey::generate().unwrap();
        let verifier = Arc::new(Verifier::new(&key, vec![]).unwrap());
        let router = crate::router(crate::Settings {
            control: control.clone(),
            explainer: Arc::new(WithoutGateway(control.clone())),
            health: Arc::new(WithoutGateway(control.clone())),
            verifier,
            public_url: None,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        });
        Self { control, router, key, _folder: folder }
    }

    pub(crate) fn token(&self, scopes: &str) -> String {
        self.token_of(Holder::Administrator, scopes)
    }

    /// A delegated token of somebody with these administrator roles.
    pub(crate) fn user_token(&self, subject: &str, roles: &[DirectoryRole], scopes: &str) -> String {
        self.token_of(Holder::User { subject: subject.to_owned(), roles: roles.to_vec() }, scopes)
    }

    /// An app-only token with these roles.
    pub(crate) fn app_token(&self, client: &str, roles: &str) -> String {
        self.token_of(Holder::Program { client: client.to_owned() }, roles)
    }

    fn token_of(&self, holder: Holder, scopes: &str) -> String {
        let lifetime = Duration::from_secs(600);
        let request = TokenRequest { holder, scopes: scopes.to_owned(), lifetime, now: SystemTime::now() };
        self.key.issue(&request).unwrap()
    }

    pub(crate) fn old_token(&self) -> String {
        let now = SystemTime::now() - Duration::from_secs(86_400);
        let (holder, scopes) = (Holder::Administrator, "Directory.ReadWrite.All".to_owned());
        self.key.issue(&TokenRequest { holder, scopes, lifetime: Duration::from_secs(600), now }).unwrap()
    }

    /// Sends a request as it is.
    pub(crate) async fn exchange(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        if parts.status == StatusCode::NO_CONTENT {
            assert!(text.is_empty(), "a 204 has no body");
            assert!(parts.headers.get("content-type").is_none(), "a 204 has no content type");
        }
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    /// Sends a request with all rights, a body (unless it is null) and more headers.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "adit.test");
        let token = self.token("Directory.ReadWrite.All");
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                if !headers.iter().any(|(name, _)| *name == "content-type") {
                    request = request.header("content-type", "application/json");
                }
                Body::from(body.to_string())
            }
        };
        self.exchange(request.body(body).unwrap()).await
    }

    /// POSTs with another token.
    pub(crate) async fn send_as(&self, token: &str, path: &str, body: Value) -> Reply {
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        self.exchange(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// PATCHes with another token.
    pub(crate) async fn patch_as(&self, token: &str, path: &str, body: Value) -> Reply {
        let request = Request::patch(path).header("authorization", format!("Bearer {token}"));
        self.exchange(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, Value::Null, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, body, &[]).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, body, &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, body, &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, Value::Null, &[]).await
    }

    /// The id of a new group.
    pub(crate) async fn group(&self, name: &str) -> String {
        self.post(&format!("{P}/connectorGroups"), json!({ "name": name })).await.expect(201).id()
    }

    /// The id of a new application that is published at `https://{name}.example/`.
    pub(crate) async fn published(&self, name: &str) -> String {
        let body = json!({"displayName": name, "onPremisesPublishing": {
            "externalUrl": format!("https://{name}.example/"), "internalUrl": format!("http://{name}.internal/"),
            "externalAuthenticationType": "passthru"}});
        self.post("/beta/applications", body).await.expect(201).id()
    }

    /// The id of a new connector in the group of `application`.
    pub(crate) async fn connector(&self, application: &str, machine: &str) -> String {
        let path = format!("/v1.0/applications/{application}/connectorGroup/members/$ref");
        let prefer = [("prefer", "return=representation")];
        self.send(Method::POST, &path, json!({ "machineName": machine }), &prefer).await.expect(201).id()
    }

    /// The group that a connector is in, read back.
    pub(crate) async fn group_of_connector(&self, connector: &str) -> String {
        let reply = self.get(&format!("{P}/connectors/{connector}/memberOf")).await.expect(200);
        assert_eq!(reply.json["value"].as_array().unwrap().len(), 1);
        reply.json["value"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The group that an application is assigned to, read back.
    pub(crate) async fn group_of_application(&self, application: &str) -> String {
        self.get(&format!("/beta/applications/{application}/connectorGroup")).await.expect(200).id()
    }

    pub(crate) async fn default_group(&self) -> String {
        let reply = self.get(&format!("{P}/connectorGroups?$filter=isDefault eq true").replace(' ', "%20")).await;
        reply.expect(200).json["value"][0]["id"].as_str().unwrap().to_owned()
    }
}
