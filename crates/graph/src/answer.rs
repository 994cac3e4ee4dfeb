//! What goes back: status, body and headers of one answer, successful or not.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::GraphError;

/// The content type of JSON answers.
const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// The same when no metadata was asked for.
const BARE_JSON: &str =
    "application/json;odata.metadata=none;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// What some tools log of every answer; the fields are those that Graph has.
const DIAGNOSTIC: &str =
    r#"{"ServerInfo":{"DataCenter":"local","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"adit"}}"#;

/// How much metadata the client asked for, as far as the content type says it.
pub(crate) use adit_odata::Metadata;

#[derive(Debug)]
enum Content {
    None,
    Json(Value),
    Text(String),
}

/// An answer to a request that was carried out.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content: Content,
    headers: Vec<(HeaderName, String)>,
}

impl Answer {
    const fn new(status: StatusCode, content: Content) -> Self {
        Self { status, content, headers: Vec::new() }
    }

    /// 200 with JSON.
    pub(crate) const fn ok(value: Value) -> Self {
        Self::new(StatusCode::OK, Content::Json(value))
    }

    /// 201 with the new object and where it is.
    pub(crate) fn created(value: Value, location: String) -> Self {
        Self::new(StatusCode::CREATED, Content::Json(value)).with(header::LOCATION, location)
    }

    /// 204: no body and no content type.
    pub(crate) const fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Content::None)
    }

    /// 200 with a number as plain text, for `$count`.
    pub(crate) fn count(number: u64) -> Self {
        Self::new(StatusCode::OK, Content::Text(number.to_string()))
    }

    /// The same with another header. A value that cannot be a header is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with the object's ETag.
    pub(crate) fn with_etag(self, etag: String) -> Self {
        self.with(header::ETAG, etag)
    }

    /// As it goes out, apart from the headers that every answer has.
    pub(crate) fn into_response(self, metadata: Metadata) -> Response {
        let json = if metadata == Metadata::None { BARE_JSON } else { JSON };
        let (kind, body) = match self.content {
            Content::None => (None, Body::empty()),
            Content::Json(value) => (Some(json), Body::from(value.to_string())),
            Content::Text(text) => (Some("text/plain"), Body::from(text)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            put(response.headers_mut(), name, &value);
        }
        response
    }
}

/// The ids of one request: ours, and the one by which the client knows it.
#[derive(Debug, Clone)]
pub(crate) struct RequestIds {
    pub(crate) own: Uuid,
    pub(crate) client: String,
}

impl RequestIds {
    /// Makes our id; the client's is taken over if it is short and plain, because it goes into headers and logs.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let own = Uuid::new_v4();
        let plain = |id: &&str| !id.is_empty() && id.len() <= 128 && id.chars().all(|c| c.is_ascii_graphic());
        let given = headers.get("client-request-id").and_then(|value| value.to_str().ok()).filter(plain);
        Self { own, client: given.map_or_else(|| own.to_string(), str::to_owned) }
    }
}

/// A refusal as Graph writes it.
pub(crate) fn refused(error: &GraphError, ids: &RequestIds) -> Response {
    let date = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let body = json!({"error": {
        "code": error.code,
        "message": error.message,
        "innerError": { "date": date, "request-id": ids.own.to_string(), "client-request-id": ids.client },
    }});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if error.status == StatusCode::UNAUTHORIZED {
        headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"\", error=\"invalid_token\""));
    }
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    if !error.allow.is_empty() {
        put(headers, header::ALLOW, &allow(&error.allow));
    }
    response
}

/// The value of an `Allow` header.
pub(crate) fn allow(methods: &[http::Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Adds what every answer has, successful or not.
pub(crate) fn finish(response: &mut Response, ids: &RequestIds) {
    let headers = response.headers_mut();
    put(headers, HeaderName::from_static("request-id"), &ids.own.to_string());
    put(headers, HeaderName::from_static("client-request-id"), &ids.client);
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    headers.insert("x-ms-ags-diagnostic", HeaderValue::from_static(DIAGNOSTIC));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => tracing::warn!(header = %name, "a header was left out because of its value"),
    }
}
