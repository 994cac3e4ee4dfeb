//! One request of a batch, read member by member.

use std::collections::HashSet;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{BatchBody, BatchError, BatchRequest, HEADERS, ID_BYTES};
use crate::limit::BATCH_REQUESTS;

/// The methods of requests in batches.
const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"];

/// Members of OData whose meaning would be lost if they were ignored.
const UNSUPPORTED: [&str; 2] = ["atomicityGroup", "if"];

/// Reads base64 with or without the padding at its end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the request that stands `at` that place, from 1. What it depends on is not looked up yet.
pub(super) fn request(at: usize, request: &Value) -> Result<BatchRequest, BatchError> {
    let request = request.as_object().ok_or(BatchError::NotAnObject { at })?;
    let id = id(at, request)?;
    refuse_repeated(&id, request)?;
    for unsupported in UNSUPPORTED {
        if member(request, unsupported).is_some() {
            return Err(BatchError::Unsupported { id, member: unsupported });
        }
    }
    let method = method(&id, request)?;
    let url = url(&id, request)?;
    let headers = headers(&id, request)?;
    let body = body(&id, request, &headers)?;
    let depends_on = depends_on(&id, request)?;
    Ok(BatchRequest { id, method, url, headers, body, depends_on })
}

/// Finds a member without regard to case; `null` is as good as nothing.
pub(super) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(own, value)| own.eq_ignore_ascii_case(name) && !value.is_null()).map(|(_, value)| value)
}

/// Two spellings of one member could be read as two different requests.
fn refuse_repeated(id: &str, request: &Map<String, Value>) -> Result<(), BatchError> {
    let mut seen = HashSet::new();
    match request.keys().find(|name| !seen.insert(name.to_ascii_lowercase())) {
        None => Ok(()),
        Some(name) => {
            let member = name.chars().take(100).collect();
            Err(BatchError::RepeatedMember { id: id.to_owned(), member })
        }
    }
}

fn id(at: usize, request: &Map<String, Value>) -> Result<String, BatchError> {
    let id = member(request, "id").and_then(Value::as_str);
    let id = id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES);
    id.map(str::to_owned).ok_or(BatchError::NoId { at })
}

fn method(id: &str, request: &Map<String, Value>) -> Result<String, BatchError> {
    let given = member(request, "method").and_then(Value::as_str).unwrap_or_default();
    let known = METHODS.iter().find(|known| known.eq_ignore_ascii_case(given));
    known.map(|known| (*known).to_owned()).ok_or_else(|| {
        let expected = "GET, POST, PATCH, PUT, DELETE or HEAD";
        BatchError::Member { id: id.to_owned(), member: "method", expected }
    })
}

fn url(id: &str, request: &Map<String, Value>) -> Result<String, BatchError> {
    let url = member(request, "url").and_then(Value::as_str).filter(|url| !url.trim().is_empty());
    let expected = "a URL relative to the version";
    let url = url.ok_or_else(|| BatchError::Member { id: id.to_owned(), member: "url", expected })?;
    if is_batch(url) {
        return Err(BatchError::Nested { id: id.to_owned() });
    }
    Ok(url.to_owned())
}

/// Whether the last segment of the path is `$batch`, however it is spelt.
fn is_batch(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    percent_decode_str(last).decode_utf8_lossy().trim().eq_ignore_ascii_case("$batch")
}

fn headers(id: &str, request: &Map<String, Value>) -> Result<Vec<(String, String)>, BatchError> {
    let expected = "an object of at most 64 strings whose names are header names";
    let refused = || BatchError::Member { id: id.to_owned(), member: "headers", expected };
    let given = match member(request, "headers") {
        None => return Ok(Vec::new()),
        Some(Value::Object(given)) if given.len() <= HEADERS => given,
        Some(_) => return Err(refused()),
    };
    let mut headers: Vec<(String, String)> = Vec::with_capacity(given.len());
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().filter(|value| is_header_value(value)).ok_or_else(refused)?;
        let name = name.to_ascii_lowercase();
        if !is_header_name(&name) {
            return Err(refused());
        }
        if headers.iter().any(|(other, _)| *other == name) {
            return Err(BatchError::RepeatedMember { id: id.to_owned(), member: name });
        }
        headers.push((name, value.trim().to_owned()));
    }
    Ok(headers)
}

/// A token (RFC 9110, section 5.6.2).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// No control characters: a line break would be a header of its own.
fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn body(id: &str, request: &Map<String, Value>, headers: &[(String, String)]) -> Result<Option<BatchBody>, BatchError> {
    let Some(body) = member(request, "body") else { return Ok(None) };
    let kind = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    match (is_json(kind), body) {
        (Some(true), body) | (None, body @ (Value::Object(_) | Value::Array(_))) => {
            Ok(Some(BatchBody::Json(body.clone())))
        }
        (Some(false), Value::String(text)) => {
            let expected = "base64 text, because the content type is not JSON,";
            let refused = || BatchError::Member { id: id.to_owned(), member: "body", expected };
            decode(text).map(|bytes| Some(BatchBody::Bytes(bytes))).ok_or_else(refused)
        }
        _ => {
            let expected = "an object, or base64 text beside a header 'content-type',";
            Err(BatchError::Member { id: id.to_owned(), member: "body", expected })
        }
    }
}

/// Whether a content type means JSON; nothing when there is none.
fn is_json(kind: Option<&str>) -> Option<bool> {
    let kind = kind?.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase().ends_with("json"))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace('+', "-").replace('/', "_")).ok()
}

/// The Python SDK writes `depends_on`.
fn depends_on(id: &str, request: &Map<String, Value>) -> Result<Vec<String>, BatchError> {
    let mut ids = Vec::new();
    for name in ["dependsOn", "depends_on"] {
        let expected = "an array of at most 20 ids";
        let refused = || BatchError::Member { id: id.to_owned(), member: "dependsOn", expected };
        match member(request, name) {
            None => {}
            Some(Value::Array(given)) if given.len() <= BATCH_REQUESTS => {
                for on in given {
                    ids.push(on.as_str().ok_or_else(refused)?.to_owned());
                }
            }
            Some(_) => return Err(refused()),
        }
    }
    Ok(ids)
}
