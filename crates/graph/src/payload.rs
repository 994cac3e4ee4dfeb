//! The body of a request: read up to a limit, decompressed up to the same limit, and read as JSON.
//!
//! Clients declare many content types for JSON, some misspelt; whatever is missing or ends in `json` is read as JSON.

use std::io::Read as _;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::GraphError;
use crate::json;

/// The largest body, in bytes, before and after decompression (contract section 8, point 14).
pub(crate) const LARGEST: usize = 1024 * 1024;

/// Reads the body; `None` when there is none.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Option<Value>, GraphError> {
    if declared_length(headers).is_some_and(|length| length > LARGEST as u64) {
        return Err(GraphError::too_large());
    }
    let bytes = collect(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    check_content_type(headers)?;
    let bytes = decompress(headers, bytes)?;
    json::read(&bytes).map(Some).map_err(|error| {
        tracing::debug!(%error, "a request body is not JSON");
        GraphError::unreadable_body()
    })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: Body) -> Result<Bytes, GraphError> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(GraphError::too_large()),
        Err(_) => Err(GraphError::bad_request("The request body ended before it was complete.")),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), GraphError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or("?").to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !kind.is_empty() && !kind.ends_with("json") {
        let message = format!("A request body with content type '{kind}' cannot be read; send application/json.");
        return Err(GraphError::unsupported_media_type(message));
    }
    let charset = parts.find_map(|parameter| parameter.strip_prefix("charset="));
    if charset.is_some_and(|charset| !matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii")) {
        return Err(GraphError::unsupported_media_type("A request body must be in UTF-8."));
    }
    Ok(())
}

fn decompress(headers: &HeaderMap, bytes: Bytes) -> Result<Bytes, GraphError> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(bytes) };
    match value.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => inflate(&bytes),
        _ => Err(GraphError::unsupported_media_type("A request body can be compressed with gzip only.")),
    }
}

/// One byte more than allowed is enough to know that it is too much: a bomb is not unpacked.
fn inflate(bytes: &[u8]) -> Result<Bytes, GraphError> {
    let mut plain = Vec::new();
    let limit = LARGEST as u64 + 1;
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut plain).map_err(|_| GraphError::unreadable_body())?;
    if plain.len() > LARGEST {
        return Err(GraphError::too_large());
    }
    Ok(plain.into())
}
