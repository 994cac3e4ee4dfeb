//! The way of one request: ids, token, route, permission, options, body, operation, answer.
//!
//! The token comes before everything that could tell a stranger what exists, the permission before the body is read.

use std::sync::Arc;

use adit_control::ControlPlane;
use adit_core::OperationContext;
use adit_core::operation::Actor;
use adit_identity::{TokenKind, TokenRefused, VerifiedToken, Verifier};
use adit_odata::{Metadata, Part, QueryOptions, document, path};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use url::Url;

use crate::answer::{self, Answer, RequestIds};
use crate::call::Call;
use crate::error::GraphError;
use crate::preference::Return;
use crate::route::{self, Matched, Operation};
use crate::{
    application, assignment, connector, connector_group, if_match, origin, payload, profile, publishing,
    registration_token,
};

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
}

/// The whole API, as the fallback of an otherwise empty router.
pub fn router(settings: Settings) -> Router {
    Router::new().fallback(serve).with_state(Arc::new(settings))
}

async fn serve(State(settings): State<Arc<Settings>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let ids = RequestIds::of(&parts.headers);
    let mut response = match carry_out(&settings, &parts, &mut body, &ids).await {
        Ok(response) => response,
        Err(error) => answer::refused(&error, &ids),
    };
    payload::discard(&parts.headers, &mut body).await;
    apply_preference(&parts.headers, &mut response);
    answer::finish(&mut response, &ids);
    tracing::debug!(
        method = %parts.method, path = parts.uri.path(), status = response.status().as_u16(), request_id = %ids.own,
        "request answered"
    );
    if parts.method == Method::HEAD { without_body(response) } else { response }
}

async fn carry_out(
    settings: &Settings,
    parts: &Parts,
    body: &mut Body,
    ids: &RequestIds,
) -> Result<Response, GraphError> {
    if parts.method == Method::OPTIONS {
        return options(parts);
    }
    let token = authenticate(settings, &parts.headers).await?;
    let segments = path::parse(parts.uri.path())?;
    let (version, segments) = route::version(&segments);
    let matched = find_route(&parts.method, segments)?;
    if !matched.route.permission.is_held_by(&token) {
        return Err(GraphError::forbidden(matched.route.permission));
    }
    let operation = matched.route.operation;
    let context = context(&token, ids);
    let call = prepare(settings, parts, body, matched, version, token, context).await?;
    let answer = dispatch(operation, &call).await?;
    Ok(answer.into_response(call.metadata))
}

/// A HEAD is a GET whose answer loses its body.
fn find_route(method: &Method, segments: &[Part]) -> Result<Matched, GraphError> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    route::find(method, segments)
}

async fn authenticate(settings: &Settings, headers: &HeaderMap) -> Result<VerifiedToken, GraphError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().map(HeaderValue::to_str).transpose().unwrap_or_default().unwrap_or_default();
    if values.next().is_some() {
        return Err(GraphError::unauthenticated(&TokenRefused::Malformed("there are several Authorization headers")));
    }
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if scheme.is_empty() {
        return Err(GraphError::unauthenticated(&TokenRefused::Empty));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(GraphError::unauthenticated(&TokenRefused::Malformed("it must be sent as 'Bearer' and the token")));
    }
    settings.verifier.verify(token).await.map_err(|refused| {
        tracing::debug!(reason = %refused, "a token was refused");
        GraphError::unauthenticated(&refused)
    })
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

async fn prepare(
    settings: &Settings,
    parts: &Parts,
    body: &mut Body,
    matched: Matched,
    version: &str,
    token: VerifiedToken,
    context: OperationContext,
) -> Result<Call, GraphError> {
    let query = parts.uri.query().unwrap_or_default();
    let options = QueryOptions::parse(query)?;
    let metadata = metadata(&parts.headers, &options, matched.route.operation)?;
    let origin = origin::of(parts, settings.public_url.as_ref(), &settings.trusted_proxies);
    let has_body = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    Ok(Call {
        control: settings.control.clone(),
        context,
        token,
        method: parts.method.clone(),
        pattern: matched.route.pattern,
        root: matched.root,
        keys: matched.keys,
        options,
        url: format!("{origin}{}", parts.uri.path()),
        base: format!("{origin}{version}"),
        query: query.to_owned(),
        metadata,
        preferred: Return::preferred(&parts.headers),
        expected: if_match::expected(&parts.headers)?,
        body: if has_body { payload::read(&parts.headers, body).await? } else { None },
    })
}

/// `$format` comes before `Accept`; a `$count` segment is plain text, whatever is accepted.
fn metadata(headers: &HeaderMap, options: &QueryOptions, operation: Operation) -> Result<Metadata, GraphError> {
    if let Some(format) = &options.format {
        return document::accepted(format).filter(|_| !format.is_empty()).ok_or_else(GraphError::not_acceptable);
    }
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    match document::accepted(&values.join(",")) {
        Some(metadata) => Ok(metadata),
        None if is_count(operation) => Ok(Metadata::Minimal),
        None => Err(GraphError::not_acceptable()),
    }
}

const fn is_count(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CountConnectors
            | Operation::CountGroupsOfConnector
            | Operation::CountConnectorGroups
            | Operation::CountMembers
            | Operation::CountApplicationsOfGroup
            | Operation::CountApplications
            | Operation::CountMembersOfApplication
    )
}

/// Says which methods a path has; needs no token, because the API is public knowledge.
fn options(parts: &Parts) -> Result<Response, GraphError> {
    let segments = path::parse(parts.uri.path())?;
    let (_, segments) = route::version(&segments);
    let allowed = answer::allow(&route::methods(segments));
    Ok(Answer::no_content().with(header::ALLOW, allowed).into_response(Metadata::Minimal))
}

fn apply_preference(headers: &HeaderMap, response: &mut Response) {
    let fulfilled = match Return::preferred(headers) {
        Return::Representation => matches!(response.status(), StatusCode::OK | StatusCode::CREATED),
        Return::Minimal => response.status() == StatusCode::NO_CONTENT,
        Return::Unsaid => false,
    };
    if let Some(applied) = Return::preferred(headers).applied().filter(|_| fulfilled) {
        response.headers_mut().insert("preference-applied", HeaderValue::from_static(applied));
    }
}

fn without_body(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, Body::empty())
}

/// Carries out one operation.
#[rustfmt::skip]
async fn dispatch(operation: Operation, call: &Call) -> Result<Answer, GraphError> {
    match operation {
        Operation::ReadProfile => profile::read(call),
        Operation::ListConnectors => connector::list(call).await,
        Operation::CountConnectors => connector::count(call).await,
        Operation::ReadConnector => connector::read(call).await,
        Operation::DeleteConnector => connector::delete(call).await,
        Operation::MoveConnector => connector::move_to_group(call).await,
        Operation::LeaveConnectorGroup => connector::leave_group(call).await,
        Operation::ListGroupsOfConnector => connector_group::list_of_connector(call).await,
        Operation::CountGroupsOfConnector => connector_group::count_of_connector(call).await,
        Operation::ListGroupReferencesOfConnector => connector_group::list_references_of_connector(call).await,
        Operation::ReadGroupOfConnector => connector_group::read_of_connector(call).await,
        Operation::ListConnectorGroups => connector_group::list(call).await,
        Operation::CountConnectorGroups => connector_group::count(call).await,
        Operation::CreateConnectorGroup => connector_group::create(call).await,
        Operation::ReadConnectorGroup => connector_group::read(call).await,
        Operation::UpdateConnectorGroup => connector_group::update(call).await,
        Operation::DeleteConnectorGroup => connector_group::delete(call).await,
        Operation::ListMembers => connector_group::list_members(call).await,
        Operation::CountMembers => connector_group::count_members(call).await,
        Operation::ListMemberReferences => connector_group::list_member_references(call).await,
        Operation::ReadMember => connector_group::read_member(call).await,
        Operation::AddMember => connector_group::add_member(call).await,
        Operation::RemoveMember => connector_group::remove_member(call).await,
        Operation::ListApplicationsOfGroup => connector_group::list_applications(call).await,
        Operation::CountApplicationsOfGroup => connector_group::count_applications(call).await,
        Operation::ListApplicationReferencesOfGroup => connector_group::list_application_references(call).await,
        Operation::ReadApplicationOfGroup => connector_group::read_application(call).await,
        Operation::AssignApplicationToGroup => assignment::assign_from_group(call).await,
        Operation::CreateRegistrationToken => registration_token::create(call).await,
        Operation::ListApplications => application::list(call).await,
        Operation::CountApplications => application::count(call).await,
        Operation::CreateApplication => application::create(call).await,
        Operation::ReadApplication => application::read(call).await,
        Operation::UpdateApplication => application::update(call).await,
        Operation::DeleteApplication => application::delete(call).await,
        Operation::ReadPublishing => publishing::read(call).await,
        Operation::UpdatePublishing => publishing::update(call).await,
        Operation::DeletePublishing => publishing::delete(call).await,
        Operation::ReadGroupOfApplication => assignment::read(call).await,
        Operation::ReadGroupReferenceOfApplication => assignment::read_reference(call).await,
        Operation::AssignConnectorGroup => assignment::assign(call).await,
        Operation::UnassignConnectorGroup => assignment::unassign(call).await,
        Operation::ListMembersOfApplication => assignment::list_members(call).await,
        Operation::CountMembersOfApplication => assignment::count_members(call).await,
        Operation::ListMemberReferencesOfApplication => assignment::list_member_references(call).await,
        Operation::ReadMemberOfApplication => assignment::read_member(call).await,
        Operation::AddConnectorToApplication => assignment::add_connector(call).await,
        Operation::ListGroupsOfMember => assignment::list_groups_of_member(call).await,
        Operation::PlaceMemberInGroup => assignment::place_member(call).await,
    }
}
