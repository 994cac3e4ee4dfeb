//! What the sign-in host publishes for upstreams that verify what they are told of who asks: the keys, and where they are.
//!
//! There is nothing in them that is secret or anybody's in particular: everybody may have them, and caches may keep them. A new
//! key is published for a day before it signs, so that a copy of an hour's age has it.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response};
use serde_json::json;

use super::{PLACES, SignIn};
use crate::answer::{REASON_HEADER, REQUEST_ID_HEADER};
use crate::body::GatewayBody;

/// Where libraries look for what an issuer publishes (OpenID Connect Discovery 1.0, section 4).
pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The public halves of the keys, as a JWK set (RFC 7517, section 5).
pub(super) fn keys(sign_in: &SignIn, request_id: HeaderValue) -> Response<GatewayBody> {
    answer(sign_in.assertions().document().to_owned(), request_id)
}

/// Who signs, and where its keys are. Nobody can sign in by it: what a discovery document needs beside that says so.
pub(super) fn discovery(sign_in: &SignIn, request_id: HeaderValue) -> Response<GatewayBody> {
    let document = json!({
        "issuer": sign_in.url(),
        "jwks_uri": format!("{}{PLACES}jwks", sign_in.url()),
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    });
    answer(document.to_string(), request_id)
}

fn answer(json: String, request_id: HeaderValue) -> Response<GatewayBody> {
    let length = HeaderValue::from(json.len());
    let mut response = Response::new(GatewayBody::full(json));
    let headers = response.headers_mut();
    let fields: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(REASON_HEADER, HeaderValue::from_static("sign_in"));
    headers.insert(REQUEST_ID_HEADER, request_id);
    response
}
