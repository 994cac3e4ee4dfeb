//! `POST /{version}/$batch`: several requests in one (contract section 4.7).
//!
//! Each part is authorised alone, by the token of the whole. Parts that depend on nothing of each other run at the same
//! time; one whose dependency failed is answered 424. A URL of another host is refused, and a batch in a batch too.

use adit_identity::VerifiedToken;
use adit_odata::batch::{self, BatchBody, BatchRequest, BatchResponse};
use adit_odata::{Part, path};
use axum::body::Body;
use axum::response::Response;
use futures_util::future::join_all;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::BodyExt as _;
use url::Url;

use crate::answer::{self, Answer, RequestIds};
use crate::error::GraphError;
use crate::origin::FORWARDED_FOR;
use crate::preference::Preference;
use crate::service::{self, Service};
use crate::{origin, payload};

/// Headers of a part that would say something about the connection or about who asks; those of the whole count.
const NOT_OF_A_PART: [&str; 9] = [
    "authorization",
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "x-forwarded-proto",
    "x-forwarded-host",
    FORWARDED_FOR,
];

/// Whether a path below the version is that of a batch.
pub(crate) fn is_batch(parts: &[Part]) -> bool {
    matches!(parts, [Part::Word(word)] if word.eq_ignore_ascii_case("$batch"))
}

/// Carries out the requests of a batch.
pub(crate) async fn carry_out(
    service: &Service,
    parts: &Parts,
    body: &mut Body,
    version: &str,
    token: &VerifiedToken,
) -> Result<Response, GraphError> {
    if parts.method != Method::POST {
        return Err(GraphError::method_not_allowed(vec![Method::POST]));
    }
    let body = payload::read(&parts.headers, body).await?.ok_or_else(GraphError::unreadable_body)?;
    let requests = batch::parse(&body)?;
    let origin = origin::of(parts, service.settings.public_url.as_ref(), &service.settings.trusted_proxies);
    let prepared: Result<Vec<(Request<Body>, BatchRequest)>, GraphError> =
        requests.into_iter().map(|request| Ok((part(parts, &origin, version, &request)?, request))).collect();
    let responses = run(service, prepared?, token).await;
    Ok(Answer::ok(batch::write(responses)).into_response(adit_odata::Metadata::Minimal, Preference::default()))
}

/// Runs the requests in waves: each as soon as what it depends on is through.
async fn run(
    service: &Service,
    mut waiting: Vec<(Request<Body>, BatchRequest)>,
    token: &VerifiedToken,
) -> Vec<BatchResponse> {
    let mut responses: Vec<BatchResponse> = Vec::new();
    while !waiting.is_empty() {
        let answered_all = |request: &BatchRequest| {
            request.depends_on.iter().all(|id| responses.iter().any(|response| response.id == *id))
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, request)| answered_all(request));
        if now.is_empty() {
            // Requests in a circle were refused when the batch was read.
            return responses;
        }
        waiting = later;
        let wave = now.into_iter().map(|(request, part)| {
            let refused = part.failed_dependency(&responses).is_some();
            async move {
                let response = if refused { refused_dependency() } else { answered(service, request, token).await };
                written(part.id, response).await
            }
        });
        responses.extend(join_all(wave).await);
    }
    responses
}

async fn answered(service: &Service, request: Request<Body>, token: &VerifiedToken) -> Response {
    let (parts, mut body) = request.into_parts();
    let ids = RequestIds::of(&parts.headers);
    let carried_out = Box::pin(service::carry_out(service, &parts, &mut body, &ids, token));
    let mut response = match carried_out.await {
        Ok(response) => response,
        Err(error) => answer::refused(&error, &ids),
    };
    answer::finish(&parts, &mut response, &ids);
    if parts.method == Method::HEAD { service::without_body(response) } else { response }
}

fn refused_dependency() -> Response {
    let ids = RequestIds::of(&http::HeaderMap::new());
    let mut response = answer::refused(&GraphError::failed_dependency(), &ids);
    response.headers_mut().insert("request-id", answer::id_header(&ids));
    response
}

/// One part of the batch as a request of its own.
fn part(whole: &Parts, origin: &str, version: &str, request: &BatchRequest) -> Result<Request<Body>, GraphError> {
    let target = target(origin, version, request)?;
    let method = Method::from_bytes(request.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| GraphError::bad_request(format!("The method of request '{}' is not one.", request.id)))?;
    let mut built = Request::builder().method(method).uri(target);
    for (name, value) in &request.headers {
        let invalid = || GraphError::bad_request(format!("A header of request '{}' is malformed.", request.id));
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).map_err(|_| invalid())?;
        if !NOT_OF_A_PART.contains(&name.as_str()) {
            built = built.header(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
        }
    }
    let body = match &request.body {
        None => Body::empty(),
        Some(BatchBody::Json(value)) => Body::from(value.to_string()),
        Some(BatchBody::Bytes(bytes)) => Body::from(bytes.clone()),
    };
    let mut part = built
        .body(body)
        .map_err(|_| GraphError::bad_request(format!("The url of request '{}' is malformed.", request.id)))?;
    let forwarded = ["x-forwarded-proto", "x-forwarded-host", FORWARDED_FOR].map(HeaderName::from_static);
    for name in [header::HOST].into_iter().chain(forwarded) {
        for value in whole.headers.get_all(&name) {
            part.headers_mut().append(&name, value.clone());
        }
    }
    *part.extensions_mut() = whole.extensions.clone();
    Ok(part)
}

/// The path and query of a part. It may be absolute, with the host of the batch; with a version or without, which then
/// is that of the batch.
fn target(origin: &str, version: &str, request: &BatchRequest) -> Result<String, GraphError> {
    let foreign = || GraphError::bad_request(format!("The url of request '{}' is not of this service.", request.id));
    let local = if request.url.contains("://") {
        let (own, url) = (Url::parse(origin).map_err(|_| foreign())?, Url::parse(&request.url).map_err(|_| foreign())?);
        if own.origin() != url.origin() || !url.username().is_empty() {
            return Err(foreign());
        }
        let path = url.path().strip_prefix(own.path().trim_end_matches('/')).ok_or_else(foreign)?;
        match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    } else if request.url.starts_with("//") {
        return Err(foreign());
    } else {
        format!("/{}", request.url.trim_start_matches('/'))
    };
    let encoded = encoded(&local);
    let (path, _) = encoded.split_once('?').unwrap_or((&encoded, ""));
    let segments = path::parse(path)?;
    let (own_version, rest) = service::version(&segments);
    if is_batch(rest) {
        return Err(GraphError::bad_request("A batch cannot contain a batch."));
    }
    Ok(if own_version.is_empty() { format!("{version}{encoded}") } else { encoded })
}

/// Encodes what a URL cannot hold: in a batch, clients write spaces and quotes plainly.
fn encoded(target: &str) -> String {
    let mut text = String::with_capacity(target.len());
    for character in target.chars() {
        if character.is_ascii_graphic() && !matches!(character, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}') {
            text.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}

/// A header's name in the spelling of documents: some clients look `Content-Type` up with regard to case.
fn spelt(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<_>>().join("-")
}

async fn written(id: String, response: Response) -> BatchResponse {
    let (parts, body) = response.into_parts();
    let shown = |(name, value): (&HeaderName, &HeaderValue)| Some((spelt(name), value.to_str().ok()?.to_owned()));
    let headers = parts.headers.iter().filter_map(shown).collect();
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = match serde_json::from_slice(&bytes) {
        Ok(value) => Some(BatchBody::Json(value)),
        Err(_) if bytes.is_empty() => None,
        Err(_) => Some(BatchBody::Bytes(bytes.to_vec())),
    };
    BatchResponse { id, status: parts.status.as_u16(), headers, body }
}
