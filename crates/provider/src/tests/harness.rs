//! A directory with a provider in front of it, and requests to it in one line.

use std::net::IpAddr;

use adit_control::{
    CertificateAuthority, ControlPlane, NewAppRoleAssignment, NewApplication, NewClientSecret, NewPassword,
    NewServicePrincipal, NewUser, SealingKey, Zeroizing,
};
use adit_core::api_permission::API_PERMISSIONS;
use adit_core::application::Attributes;
use adit_core::operation::Actor;
use adit_core::{
    API_APP_ID, Application, DisplayName, OperationContext, PrincipalId, PrincipalKind, ServicePrincipal, User, UserId,
    UserPrincipalName,
};
use adit_identity::{LocalKey, VerifiedToken, Verifier};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::provider::{ClientAddress, Provider, Settings};

/// Where clients reach the provider.
pub(crate) const PUBLIC_URL: &str = "https://adit.example";

/// The token endpoint.
pub(crate) const TOKEN: &str = "/adit/oauth2/v2.0/token";

/// What an unmodified Graph client asks for, with the scope changed.
pub(crate) const API_SCOPE: &str = "api://adit/.default";

pub(crate) struct World {
    pub(crate) control: ControlPlane,
    pub(crate) provider: Provider,
    pub(crate) verifier: Verifier,
    router: Router,
    _folder: tempfile::TempDir,
}

/// A program with a secret.
pub(crate) struct Program {
    pub(crate) application: Application,
    pub(crate) principal: ServicePrincipal,
    pub(crate) secret: String,
}

impl Program {
    pub(crate) fn id(&self) -> String {
        self.application.app_id.to_string()
    }

    /// What a client sends to get a token of `scope` for itself.
    pub(crate) fn form(&self, scope: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", self.id()),
            ("client_secret", self.secret.clone()),
            ("scope", scope.to_owned()),
        ]
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Reply {
    /// Checks status, error and number.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, error: &str, number: u32) -> Self {
        assert_eq!((self.status, self.json["error"].as_str()), (status, Some(error)), "{}", self.json);
        assert_eq!(self.json["error_codes"][0], number, "{}", self.json);
        assert!(self.json.get("access_token").is_none());
        self
    }

    #[track_caller]
    pub(crate) fn token(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json["access_token"].as_str().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn context() -> OperationContext {
    let actor = Actor::User { subject: "ada".to_owned(), name: None };
    OperationContext { actor, request_id: Uuid::nil() }
}

/// What a token says in its header and its claims.
pub(crate) fn said(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap_or(Value::Null));
    (parts.next().unwrap(), parts.next().unwrap())
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, _) = CertificateAuthority::generate().unwrap();
        let settings = adit_control::Settings {
            database: adit_control::Database::File(folder.path().join("directory.db")),
            authority,
            sealing_key: SealingKey::generate().unwrap().0,
            gateway_address: "localhost:8443".to_owned(),
        };
        let control = ControlPlane::open(settings).await.unwrap();
        let settings = Settings {
            control: control.clone(),
            public_url: PUBLIC_URL.to_owned(),
            api_audience: "api://adit".to_owned(),
        };
        let provider = Provider::start(settings).await.unwrap();
        let verifier =
            Verifier::new(&LocalKey::generate().unwrap().0, vec![]).unwrap().with_provider(provider.issuer());
        Self { control, router: provider.router(), provider, verifier, _folder: folder }
    }

    /// A program with a secret and these permissions at the API.
    pub(crate) async fn program(&self, permissions: &[&str]) -> Program {
        let display_name = DisplayName::parse("Backup").unwrap();
        let new = NewApplication { display_name, attributes: Attributes::new(), publishing: None, owner: None };
        let application = self.control.create_application(&context(), new).await.unwrap();
        let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes: Attributes::new() };
        let principal = self.control.create_service_principal(&context(), new).await.unwrap();
        let api = self.control.service_principal_by_app_id(API_APP_ID).await.unwrap();
        for name in permissions {
            let role = API_PERMISSIONS.iter().find(|permission| permission.value == *name).unwrap().id;
            self.assign(&api, &principal, role).await;
        }
        let new = NewClientSecret::default();
        let secret = self.control.add_application_secret(&context(), application.id, new).await.unwrap();
        Program { application, principal, secret: secret.text.to_string() }
    }

    pub(crate) async fn assign(&self, resource: &ServicePrincipal, program: &ServicePrincipal, app_role: Uuid) {
        let new = NewAppRoleAssignment {
            resource: resource.id,
            principal: program.id.into(),
            principal_kind: Some(PrincipalKind::ServicePrincipal),
            principal_name: None,
            app_role,
        };
        self.control.assign_app_role(&context(), new).await.unwrap();
    }

    /// An application to which users sign in, with these attributes and a secret.
    pub(crate) async fn relying_party(&self, attributes: Value) -> Program {
        let program = self.program(&[]).await;
        let attributes = attributes.as_object().unwrap().clone();
        let change = adit_control::ApplicationChange { attributes, ..Default::default() };
        self.control.update_application(&context(), program.application.id, change).await.unwrap();
        program
    }

    pub(crate) async fn user(&self, name: &str, password: &str, must_change: bool) -> User {
        let new = NewUser {
            principal_name: UserPrincipalName::parse(name).unwrap(),
            display_name: DisplayName::parse("Ada Example").unwrap(),
            is_enabled: true,
            password: NewPassword { password: Zeroizing::new(password.to_owned()), must_change },
            attributes: Attributes::from_iter([("mail".to_owned(), "ada@mail.example".into())]),
        };
        self.control.create_user(&context(), new).await.unwrap()
    }

    /// Gives a program a permission at the API.
    pub(crate) async fn allow_program(&self, program: &Program, permission: &str) {
        let api = self.control.service_principal_by_app_id(API_APP_ID).await.unwrap();
        let role = API_PERMISSIONS.iter().find(|own| own.value == permission).unwrap().id;
        self.assign(&api, &program.principal, role).await;
    }

    /// Gives a user a permission at the API.
    pub(crate) async fn allow(&self, user: UserId, permission: &str) {
        let api = self.control.service_principal_by_app_id(API_APP_ID).await.unwrap();
        let new = NewAppRoleAssignment {
            resource: api.id,
            principal: PrincipalId::new(user.uuid()),
            principal_kind: Some(PrincipalKind::User),
            principal_name: None,
            app_role: API_PERMISSIONS.iter().find(|own| own.value == permission).unwrap().id,
        };
        self.control.assign_app_role(&context(), new).await.unwrap();
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a form to the sign-in page from an address.
    pub(crate) async fn form_from(&self, address: &str, cookie: &str, form: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post("/adit/sign-in")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .extension(ClientAddress(address.parse::<IpAddr>().unwrap()));
        self.exchange(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends a form somewhere from an address; the status.
    pub(crate) async fn status_from(&self, address: &str, path: &str, form: &[(&str, &str)]) -> u16 {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(ClientAddress(address.parse::<IpAddr>().unwrap()));
        self.exchange(request.body(Body::from(body)).unwrap()).await.status
    }

    /// Sends a form somewhere.
    pub(crate) async fn form_to(&self, path: &str, form: &[(&str, String)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.exchange(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn exchange(&self, request: Request<Body>) -> Reply {
        let response = self.answer(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status.as_u16(), headers: parts.headers, json }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.exchange(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form to the token endpoint.
    pub(crate) async fn token(&self, form: &[(&str, String)]) -> Reply {
        self.token_with(&[], form).await
    }

    /// The same with more headers.
    pub(crate) async fn token_with(&self, headers: &[(&str, &str)], form: &[(&str, String)]) -> Reply {
        let mut request = Request::builder().method(Method::POST).uri(TOKEN);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.exchange(request.body(Body::from(body)).unwrap()).await
    }

    /// The same from an address.
    pub(crate) async fn token_from(&self, address: &str, form: &[(&str, String)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(TOKEN)
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(ClientAddress(address.parse::<IpAddr>().unwrap()));
        self.exchange(request.body(Body::from(body)).unwrap()).await
    }

    /// What the API makes of a token.
    pub(crate) async fn verified(&self, token: &str) -> VerifiedToken {
        self.verifier.verify(token).await.unwrap()
    }
}
