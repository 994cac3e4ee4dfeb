//! Requests that are refused for who asks: what the audit log gets to know of them. The answer does not wait for it.
//!
//! Of the path the names of its keys are kept and not the keys, of the query nothing, and of a token whom it names.

use adit_control::{Refusal, RefusedRequest};
use adit_core::OperationContext;
use adit_identity::{TokenKind, TokenRefused, VerifiedToken, claimed_identity};
use adit_odata::{path, resource};
use http::header;
use http::request::Parts;

use crate::answer::RequestIds;
use crate::model::MODEL;
use crate::origin;
use crate::permission::Permission;
use crate::service::{self, Settings};

/// How many characters of a reason are kept: it may repeat what a token says.
const LONGEST_REASON: usize = 300;

/// How many characters of a method are kept: any word can be one.
const LONGEST_METHOD: usize = 20;

/// Notes a request whose token does not count. Keys that cannot be fetched are not the token's fault.
pub(crate) fn note_token(settings: &Settings, parts: &Parts, ids: &RequestIds, refused: &TokenRefused) {
    let kind = match refused {
        TokenRefused::IssuerUnavailable => return,
        TokenRefused::Empty => Refusal::Stranger,
        _ => Refusal::BadToken,
    };
    let from = origin::client_address(&parts.extensions, &parts.headers, &settings.trusted_proxies);
    settings.control.note_refused_request(kind, from, || RefusedRequest {
        context: OperationContext::system(ids.own),
        claimed: claimed(parts),
        client: None,
        request: described(parts),
        reason: plain(&refused.to_string(), LONGEST_REASON),
        needed: None,
    });
}

/// Notes a request that its token does not allow.
pub(crate) fn note_forbidden(
    settings: &Settings,
    parts: &Parts,
    context: OperationContext,
    token: &VerifiedToken,
    needed: Permission,
) {
    let through = (token.kind() == TokenKind::Delegated).then(|| token.client()).flatten();
    let from = origin::client_address(&parts.extensions, &parts.headers, &settings.trusted_proxies);
    settings.control.note_refused_request(Refusal::Forbidden, from, || RefusedRequest {
        context,
        claimed: None,
        client: through.map(|client| plain(client, LONGEST_REASON)),
        request: described(parts),
        reason: "Insufficient privileges to complete the operation.".to_owned(),
        needed: Some(needed.accepted().join(", ")),
    });
}

/// Whom the token names, as far as it can be read.
fn claimed(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    claimed_identity(value.trim().split_once(' ')?.1.trim())
}

/// Method and path, with the names of keys in place of keys.
fn described(parts: &Parts) -> String {
    let method = plain(parts.method.as_str(), LONGEST_METHOD);
    let segments = path::parse(parts.uri.path()).unwrap_or_default();
    let (_, rest) = service::version(&segments);
    let found = resource::resolve(&MODEL, rest).ok().and_then(|path| service::find(&parts.method, &path).ok());
    match found {
        Some(matched) => format!("{method} /{}", matched.endpoint.path),
        None if crate::batch::is_batch(rest) => format!("{method} /$batch"),
        None => format!("{method} of a path that is not served"),
    }
}

fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}
