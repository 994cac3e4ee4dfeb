//! The way of one request: ids, token, path, endpoint, permission, options, body, operation, answer.
//!
//! The token comes before everything that could tell a stranger what exists, the permission before the body is read.
//! A request inside a `$batch` goes the same way, with the token of the batch.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use adit_control::ControlPlane;
use adit_core::OperationContext;
use adit_core::explain::Explainer;
use adit_core::health::HealthReporter;
use adit_core::operation::Actor;
use adit_identity::{TokenKind, TokenRefused, VerifiedToken, Verifier};
use adit_odata::{Metadata, Part, QueryOptions, ResourcePath, document, path, resource};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use ipnet::IpNet;
use url::Url;

use crate::answer::{self, Answer, RequestIds};
use crate::call::{Call, EXPANDED_AT_ONCE};
use crate::error::GraphError;
use crate::model::MODEL;
use crate::permission::Held;
use crate::preference::Preference;
use crate::skip_token::PageKey;
use crate::surface::{Action, Matched, SURFACE};
use crate::{batch, describe, if_match, operation, origin, ownership, payload, refusal};

/// What the API needs.
pub struct Settings {
    /// The use cases.
    pub control: ControlPlane,
    /// Who may call.
    pub verifier: Arc<Verifier>,
    /// The URL that clients know the API by; without one, the host of each request.
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who says what a request would meet.
    pub explainer: Arc<dyn Explainer>,
    /// Who says how groups and applications are.
    pub health: Arc<dyn HealthReporter>,
}

/// The API at work.
pub(crate) struct Service {
    pub(crate) settings: Settings,
    /// By which skip tokens are authenticated.
    page_key: PageKey,
}

/// The whole API, as the fallback of an otherwise empty router.
pub fn router(settings: Settings) -> Router {
    let page_key = PageKey::new(&settings.control.page_secret());
    Router::new().fallback(serve).with_state(Arc::new(Service { settings, page_key }))
}

async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let ids = RequestIds::of(&parts.headers);
    let mut response = match route(&service, &parts, &mut body, &ids).await {
        Ok(response) => response,
        Err(error) => answer::refused(&error, &ids),
    };
    payload::discard(&parts.headers, &mut body).await;
    answer::finish(&parts, &mut response, &ids);
    tracing::debug!(
        method = %parts.method, path = parts.uri.path(), status = response.status().as_u16(), request_id = %ids.own,
        "request answered"
    );
    if parts.method == Method::HEAD { without_body(response) } else { response }
}

/// What needs no token, a batch, or one request.
async fn route(service: &Service, parts: &Parts, body: &mut Body, ids: &RequestIds) -> Result<Response, GraphError> {
    if parts.method == Method::OPTIONS {
        return options(parts);
    }
    let segments = path::parse(parts.uri.path())?;
    let (version, rest) = version(&segments);
    if let Some(answer) = describe::public(&service.settings, parts, version, rest)? {
        return Ok(answer);
    }
    let token = authenticate(&service.settings, &parts.headers).await.map_err(|refused| {
        refusal::note_token(&service.settings, parts, ids, &refused);
        GraphError::unauthenticated(&refused)
    })?;
    if batch::is_batch(rest) {
        return batch::carry_out(service, parts, body, version, &token).await;
    }
    carry_out(service, parts, body, ids, &token).await
}

/// One request of a client that is known. What its token does not allow is noted.
pub(crate) async fn carry_out(
    service: &Service,
    parts: &Parts,
    body: &mut Body,
    ids: &RequestIds,
    token: &VerifiedToken,
) -> Result<Response, GraphError> {
    let outcome = attempt(service, parts, body, ids, token).await;
    if let Err(GraphError { needed: Some(needed), .. }) = &outcome {
        refusal::note_forbidden(&service.settings, parts, context(token, ids), token, *needed);
    }
    outcome
}

async fn attempt(
    service: &Service,
    parts: &Parts,
    body: &mut Body,
    ids: &RequestIds,
    token: &VerifiedToken,
) -> Result<Response, GraphError> {
    let segments = path::parse(parts.uri.path())?;
    let (version, rest) = version(&segments);
    let path = resource::resolve(&MODEL, rest)?;
    let matched = find(&parts.method, &path)?;
    let permission = matched.endpoint.permission;
    let held = permission.held_by(token);
    if held == Held::NotAtAll {
        return Err(GraphError::forbidden(permission));
    }
    let action = matched.endpoint.action;
    let call = prepare(service, parts, body, matched, path, version, token.clone(), ids).await?;
    if held == Held::OwnedOnly {
        ownership::check(&call, action).await?;
    }
    check_profile(&call)?;
    let answer = operation::carry_out(action, &call).await?;
    Ok(answer.into_response(call.metadata, call.preferred))
}

/// Takes the version off the start of a path: `/beta`, `/v1.0`, or none. `{ver}` stands literally in the oldest
/// published requests.
pub(crate) fn version(parts: &[Part]) -> (&'static str, &[Part]) {
    match parts {
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("beta") => ("/beta", rest),
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("v1.0") => ("/v1.0", rest),
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("{ver}") => ("", rest),
        _ => ("", parts),
    }
}

/// A HEAD is a GET whose answer loses its body.
pub(crate) fn find(method: &Method, path: &ResourcePath) -> Result<Matched, GraphError> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    SURFACE.find(method, path)
}

/// There is one profile.
fn check_profile(call: &Call) -> Result<(), GraphError> {
    if call.scope.key("profile").is_none() {
        return Ok(());
    }
    let id = call.scope.id("profile")?;
    if id.eq_ignore_ascii_case(crate::model::PROFILE_ID) { Ok(()) } else { Err(GraphError::no_such_resource(id)) }
}

async fn authenticate(settings: &Settings, headers: &HeaderMap) -> Result<VerifiedToken, TokenRefused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().map(HeaderValue::to_str).transpose().unwrap_or_default().unwrap_or_default();
    if values.next().is_some() {
        return Err(TokenRefused::Malformed("there are several Authorization headers"));
    }
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if scheme.is_empty() {
        return Err(TokenRefused::Empty);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenRefused::Malformed("it must be sent as 'Bearer' and the token"));
    }
    settings
        .verifier
        .verify(token)
        .await
        .inspect_err(|refused| tracing::debug!(reason = %refused, "a token was refused"))
}

fn context(token: &VerifiedToken, ids: &RequestIds) -> OperationContext {
    let actor = match token.kind() {
        TokenKind::Delegated => {
            Actor::User { subject: token.subject().to_owned(), name: token.name().map(str::to_owned) }
        }
        TokenKind::AppOnly => Actor::Program { client: token.client().unwrap_or(token.subject()).to_owned() },
    };
    OperationContext { actor, request_id: ids.own }
}

#[expect(clippy::too_many_arguments, reason = "what a call is made of, each from another step")]
async fn prepare(
    service: &Service,
    parts: &Parts,
    body: &mut Body,
    matched: Matched,
    path: ResourcePath,
    version: &str,
    token: VerifiedToken,
    ids: &RequestIds,
) -> Result<Call, GraphError> {
    let settings = &service.settings;
    let query = parts.uri.query().unwrap_or_default();
    let options = QueryOptions::parse(query)?;
    let metadata = metadata(&parts.headers, &options, matched.endpoint.action)?;
    let origin = origin::of(parts, settings.public_url.as_ref(), &settings.trusted_proxies);
    let has_body = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    Ok(Call {
        control: settings.control.clone(),
        explainer: Arc::clone(&settings.explainer),
        health: Arc::clone(&settings.health),
        context: context(&token, ids),
        token,
        method: parts.method.clone(),
        pattern: &matched.endpoint.path,
        scope: matched.scope,
        path,
        options,
        url: format!("{origin}{}", parts.uri.path()),
        base: format!("{origin}{version}"),
        query: query.to_owned(),
        metadata,
        preferred: Preference::of(&parts.headers),
        expected: if_match::expected(&parts.headers)?,
        body: if has_body { payload::read(&parts.headers, body).await? } else { None },
        page_key: service.page_key.clone(),
        expandable: AtomicUsize::new(EXPANDED_AT_ONCE),
    })
}

/// `$format` comes before `Accept`; a number or a bare value is plain text, whatever is accepted.
fn metadata(headers: &HeaderMap, options: &QueryOptions, action: Action) -> Result<Metadata, GraphError> {
    if let Some(format) = &options.format {
        return document::accepted(format).filter(|_| !format.is_empty()).ok_or_else(GraphError::not_acceptable);
    }
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    match document::accepted(&values.join(",")) {
        Some(metadata) => Ok(metadata),
        None if matches!(action, Action::Count(_) | Action::ReadProperty(_)) => Ok(Metadata::Minimal),
        None => Err(GraphError::not_acceptable()),
    }
}

/// Says which methods a path has; needs no token, because the API is public knowledge.
fn options(parts: &Parts) -> Result<Response, GraphError> {
    let segments = path::parse(parts.uri.path())?;
    let (_, rest) = version(&segments);
    let methods = if batch::is_batch(rest) {
        vec![Method::POST]
    } else if describe::is_public(rest) {
        vec![Method::GET]
    } else {
        resource::resolve(&MODEL, rest).map(|path| SURFACE.methods(&path)).unwrap_or_default()
    };
    let answer = Answer::no_content().with(header::ALLOW, answer::allow(&methods));
    Ok(answer.into_response(Metadata::Minimal, Preference::default()))
}

pub(crate) fn without_body(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, Body::empty())
}
