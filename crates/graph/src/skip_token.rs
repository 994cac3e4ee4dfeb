//! Skip tokens: where the next page starts, as a text that only this directory can have made.
//!
//! A token is authenticated together with the list it belongs to (path, keys, filter, order, search), so that one made
//! for another list, or by a client, is refused instead of answering something in between.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::entities::Continuation;
use crate::error::GraphError;

/// The length of the tag in a token, in bytes: 128 bits of HMAC-SHA-256.
const TAG: usize = 16;

/// By which skip tokens are authenticated.
#[derive(Clone)]
pub(crate) struct PageKey(hmac::Key);

impl std::fmt::Debug for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageKey")
    }
}

impl PageKey {
    /// The key made of a secret of the directory. Tokens outlive a restart if the secret does.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

/// Writes a token for the list that `call` is about.
pub(crate) fn write(next: &Continuation, call: &Call) -> String {
    write_as(next, call)
}

/// Reads the token of a request.
pub(crate) fn read(token: &str, call: &Call) -> Result<Continuation, GraphError> {
    read_as(token, call)
}

/// Writes a token that holds something of the operation's own.
pub(crate) fn write_as<T: Serialize>(content: &T, call: &Call) -> String {
    let content = serde_json::to_vec(content).unwrap_or_default();
    let tag = hmac::sign(&call.page_key.0, &bound(&content, call));
    let mut bytes = tag.as_ref().get(..TAG).unwrap_or_default().to_vec();
    bytes.extend(content);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a token that holds something of the operation's own.
pub(crate) fn read_as<T: DeserializeOwned>(token: &str, call: &Call) -> Result<T, GraphError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| GraphError::bad_skip_token())?;
    let (tag, content) = bytes.split_at_checked(TAG).ok_or_else(GraphError::bad_skip_token)?;
    let expected = hmac::sign(&call.page_key.0, &bound(content, call));
    let expected = expected.as_ref().get(..TAG).unwrap_or_default();
    aws_lc_rs::constant_time::verify_slices_are_equal(tag, expected).map_err(|_| GraphError::bad_skip_token())?;
    serde_json::from_slice(content).map_err(|_| GraphError::bad_skip_token())
}

/// What the tag covers. Lengths stand before texts, so that no two lists read the same.
fn bound(content: &[u8], call: &Call) -> Vec<u8> {
    let options = &call.options;
    let scope = call.scope.describe();
    let parts = [
        Some(call.pattern),
        Some(&scope),
        options.filter.as_deref(),
        options.orderby.as_deref(),
        options.search.as_deref(),
    ];
    let mut bytes = Vec::new();
    for part in parts {
        let text = part.unwrap_or_default();
        bytes.push(u8::from(part.is_some()));
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(content);
    bytes
}
