//! What clients ask first: where the endpoints are (OpenID Connect Discovery 1.0), by which keys tokens are signed, and
//! whether this host is an authority at all (what MSAL calls instance discovery).

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::error::Refusal;
use crate::grant::{device_code, refresh_token};
use crate::provider::Provider;

/// The answer to a client: what was found, for anybody to read, also from scripts in pages of other hosts.
pub(crate) fn answered(found: Result<Value, Refusal>) -> Response {
    match found {
        Ok(document) => {
            let mut response = json_response(StatusCode::OK, &document);
            // Long enough to spare a question, short enough that a new key is known a day before it signs.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            response
        }
        Err(refused) => refused.into_response(),
    }
}

/// JSON that no browser takes for anything else.
pub(crate) fn json_response(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The discovery document. Endpoints are named by the tenant's id, whatever name was asked by.
pub(crate) fn configuration(provider: &Provider) -> Value {
    let inner = &provider.0;
    let at = |rest: &str| format!("{}/{}/{rest}", inner.public_url, inner.tenant);
    json!({
        "issuer": inner.issuer,
        "token_endpoint": at("oauth2/v2.0/token"),
        "authorization_endpoint": at("oauth2/v2.0/authorize"),
        "jwks_uri": at("discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "end_session_endpoint": at("oauth2/v2.0/logout"),
        "device_authorization_endpoint": at("oauth2/v2.0/devicecode"),
        "grant_types_supported":
            ["authorization_code", "client_credentials", device_code::GRANT, refresh_token::GRANT],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "iss", "aud", "sub", "oid", "tid", "iat", "nbf", "exp", "auth_time", "nonce", "name", "preferred_username", "email",
            "groups", "hasgroups", "sid",
        ],
    })
}

/// The answer to instance discovery.
pub(crate) fn instance(provider: &Provider) -> Value {
    let inner = &provider.0;
    let host = inner.public_url.split_once("://").map_or(inner.public_url.as_str(), |(_, host)| host);
    let host = host.split('/').next().unwrap_or(host);
    json!({
        "tenant_discovery_endpoint":
            format!("{}/{}/v2.0/.well-known/openid-configuration", inner.public_url, inner.tenant),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    })
}
