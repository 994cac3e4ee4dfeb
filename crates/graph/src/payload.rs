//! The body of a request: read up to a limit, decompressed up to the same limit, and read as JSON.
//!
//! Clients declare many content types for JSON, some misspelt; whatever is missing or ends in `json` is read as JSON.

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::GraphError;
use adit_odata::json;

/// The largest body, in bytes, before and after decompression (contract section 8, point 14).
pub(crate) const LARGEST: usize = 1024 * 1024;

/// How much of a body that nobody looks at is read and thrown away, in bytes: more than a client that minds the limit
/// sends, little enough for strangers.
const DISCARDED: usize = 4 * LARGEST;

/// For how long.
const DISCARDING: Duration = Duration::from_secs(2);

/// Reads the body; `None` when there is none.
pub(crate) async fn read(headers: &HeaderMap, body: &mut Body) -> Result<Option<Value>, GraphError> {
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

/// Reads and throws away what was not looked at, because the request was refused first. Otherwise HTTP/1.1 has to close
/// the connection: a client that is still sending sees a broken pipe instead of the answer, and one that uses the
/// connection again loses its next request. Whoever waits to be told to continue does not send at all.
pub(crate) async fn discard(headers: &HeaderMap, body: &mut Body) {
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let mut left = DISCARDED;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whether it came to an end or the time ran out: the answer is the same.
    let _ = tokio::time::timeout(DISCARDING, reading).await;
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: &mut Body) -> Result<Bytes, GraphError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of that many bytes, of unknown length.
    fn body(length: usize) -> Body {
        let chunks = vec![Bytes::from(vec![b' '; 64 * 1024]); length / (64 * 1024)];
        let frames = chunks.into_iter().map(|chunk| Ok::<_, std::io::Error>(http_body::Frame::data(chunk)));
        Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
    }

    async fn left(mut body: Body) -> usize {
        let mut left = 0;
        while let Some(frame) = body.frame().await {
            left += frame.unwrap().into_data().unwrap().len();
        }
        left
    }

    #[tokio::test]
    async fn what_is_refused_is_taken_from_the_client_up_to_a_limit() {
        let mut too_large = body(3 * LARGEST);
        assert_eq!(read(&HeaderMap::new(), &mut too_large).await, Err(GraphError::too_large()));
        discard(&HeaderMap::new(), &mut too_large).await;
        assert_eq!(left(too_large).await, 0);
        let mut endless = body(50 * LARGEST);
        discard(&HeaderMap::new(), &mut endless).await;
        assert_eq!(left(endless).await, 50 * LARGEST - DISCARDED);
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_told_to_continue_is_not_told() {
        let headers = HeaderMap::from_iter([(header::EXPECT, "100-continue".parse().unwrap())]);
        let mut unsent = body(LARGEST);
        discard(&headers, &mut unsent).await;
        assert_eq!(left(unsent).await, LARGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_not_waited_for() {
        let silent = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        discard(&HeaderMap::new(), &mut Body::new(http_body_util::StreamBody::new(silent))).await;
    }
}
