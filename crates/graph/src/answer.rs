//! What goes back: status, body and headers of one answer, successful or not.

use adit_odata::Metadata;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::GraphError;
use crate::origin::Peer;
use crate::preference::{Preference, Return};

/// The content type of JSON answers, by how much they say about themselves.
const fn json_type(metadata: Metadata) -> &'static str {
    match metadata {
        Metadata::None => {
            "application/json;odata.metadata=none;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        }
        Metadata::Minimal => {
            "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        }
        Metadata::Full => {
            "application/json;odata.metadata=full;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        }
    }
}

/// What some tools log of every answer; the fields are those that Graph has.
const DIAGNOSTIC: &str =
    r#"{"ServerInfo":{"DataCenter":"local","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"adit"}}"#;

/// What pages of other origins may read of an answer. Any origin may ask: whoever asks has to bring a token, and no
/// browser adds one by itself.
const EXPOSED: &str = "ETag, Location, OData-EntityId, OData-Version, Preference-Applied, \
                       ReadWriteConsistencyToken, Retry-After, client-request-id, request-id";

#[derive(Debug)]
enum Content {
    None,
    Json(Value),
    Text(String),
    /// Bytes with their content type.
    File(&'static str, Bytes),
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

    /// 200 with plain text.
    pub(crate) const fn text(text: String) -> Self {
        Self::new(StatusCode::OK, Content::Text(text))
    }

    /// 200 with XML.
    pub(crate) fn xml(text: String) -> Self {
        Self::file("application/xml", text.into())
    }

    /// 200 with bytes of any kind.
    pub(crate) const fn file(kind: &'static str, bytes: Bytes) -> Self {
        Self::new(StatusCode::OK, Content::File(kind, bytes))
    }

    /// The same with another header. A value that cannot be a header is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with the object's ETag, if it has one.
    pub(crate) fn with_etag(self, etag: Option<String>) -> Self {
        match etag {
            Some(etag) => self.with(header::ETAG, etag),
            None => self,
        }
    }

    /// The same with the URL of an object that is not in the body (OData 4.0, part 1, section 8.3.4).
    pub(crate) fn with_entity_id(self, url: &str) -> Self {
        self.with(HeaderName::from_static("odata-entityid"), url)
    }

    /// As it goes out, apart from the headers that every answer has.
    pub(crate) fn into_response(self, metadata: Metadata, preferred: Preference) -> Response {
        let (kind, body) = match self.content {
            Content::None => (None, Body::empty()),
            Content::Json(value) => (Some(json_type(metadata)), Body::from(value.to_string())),
            Content::Text(text) => (Some("text/plain"), Body::from(text)),
            Content::File(kind, bytes) => (Some(kind), Body::from(bytes)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            put(response.headers_mut(), name, &value);
        }
        apply(preferred, &mut response);
        response
    }
}

/// Says which preference was followed.
fn apply(preferred: Preference, response: &mut Response) {
    let fulfilled = match preferred.returns {
        Return::Representation => matches!(response.status(), StatusCode::OK | StatusCode::CREATED),
        Return::Minimal => response.status() == StatusCode::NO_CONTENT,
        Return::Unsaid => false,
    };
    if let Some(applied) = preferred.returns.applied().filter(|_| fulfilled) {
        response.headers_mut().insert("preference-applied", HeaderValue::from_static(applied));
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

/// Our id of a request, as a header's value.
pub(crate) fn id_header(ids: &RequestIds) -> HeaderValue {
    HeaderValue::from_str(&ids.own.to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Adds what every answer has, successful or not.
pub(crate) fn finish(request: &Parts, response: &mut Response, ids: &RequestIds) {
    let headers = response.headers_mut();
    headers.insert("request-id", id_header(ids));
    put(headers, HeaderName::from_static("client-request-id"), &ids.client);
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    headers.insert("x-ms-ags-diagnostic", HeaderValue::from_static(DIAGNOSTIC));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    if request.extensions.get::<Peer>().is_some_and(|peer| peer.scheme == "https") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if request.headers.contains_key(header::ORIGIN) {
        allow_origins(request, headers);
    }
}

/// The Fetch standard's CORS headers.
fn allow_origins(request: &Parts, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if request.method != Method::OPTIONS {
        return;
    }
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(wanted) = request.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => tracing::warn!(header = %name, "a header was left out because of its value"),
    }
}
