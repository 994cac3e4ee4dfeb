//! `$batch` in JSON: several requests in one, checked as a whole, and their answers written.
//!
//! What is wrong with the batch itself refuses all of it: too many requests, one id twice, dependencies that are
//! unknown or lead in a circle, batches in batches. What is wrong with one request alone, such as a path that leads
//! nowhere, is that request's own answer. The requests come out in an order in which each follows those that it
//! depends on.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::limit::BATCH_REQUESTS;

mod order;
mod read;
#[cfg(test)]
mod tests;

/// The most headers of one request.
const HEADERS: usize = 64;

/// The longest id, in bytes; clients use numbers and UUIDs.
const ID_BYTES: usize = 256;

/// One request of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRequest {
    /// Its id, as the answer repeats it.
    pub id: String,
    /// Its method in capitals.
    pub method: String,
    /// Its URL as it came: relative to the version with or without a slash, or absolute. An absolute one is for the
    /// caller to check: it may lead to another host.
    pub url: String,
    /// Its headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Option<BatchBody>,
    /// The ids of requests that have to succeed first, in the spelling of those requests.
    pub depends_on: Vec<String>,
}

impl BatchRequest {
    /// The id of a request that this one depends on and that has failed: this one is then answered with 424.
    ///
    /// `done` has the answers of all requests before this one. One without an answer has not succeeded.
    #[must_use]
    pub fn failed_dependency(&self, done: &[BatchResponse]) -> Option<&str> {
        let succeeded = |id: &str| done.iter().any(|response| response.id == id && response.status < 400);
        self.depends_on.iter().map(String::as_str).find(|id| !succeeded(id))
    }
}

/// The body of a request or an answer in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchBody {
    /// JSON, written as it is.
    Json(Value),
    /// Anything else, written in base64.
    Bytes(Vec<u8>),
}

impl BatchBody {
    fn into_json(self) -> Value {
        match self {
            Self::Json(value) => value,
            Self::Bytes(bytes) => BASE64_STANDARD.encode(bytes).into(),
        }
    }
}

/// The answer to one request of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchResponse {
    /// The id of the request.
    pub id: String,
    /// The status.
    pub status: u16,
    /// The headers; values of one name are put together with commas.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<BatchBody>,
}

/// Why a batch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its own message")]
pub enum BatchError {
    #[error("Invalid batch payload: an object with an array 'requests' is expected.")]
    NoRequests,
    #[error("Invalid batch payload: a batch has 1 to {BATCH_REQUESTS} requests, but this one has {0}.")]
    WrongNumber(usize),
    #[error("Invalid batch payload: request {at} is not an object.")]
    NotAnObject { at: usize },
    #[error("Invalid batch payload: request {at} has no 'id': a string of 1 to {ID_BYTES} characters is expected.")]
    NoId { at: usize },
    #[error("Invalid batch payload: the id '{0}' stands more than once.")]
    RepeatedId(String),
    #[error("Invalid batch payload: request '{id}' has no valid '{member}': {expected} is expected.")]
    Member { id: String, member: &'static str, expected: &'static str },
    #[error("Invalid batch payload: request '{id}' has '{member}' more than once.")]
    RepeatedMember { id: String, member: String },
    #[error("Invalid batch payload: request '{id}' has '{member}', which is not supported.")]
    Unsupported { id: String, member: &'static str },
    #[error("Invalid batch payload: request '{id}' is a batch itself.")]
    Nested { id: String },
    #[error("Invalid batch payload: request '{id}' depends on '{on}', which is not in the batch.")]
    UnknownDependency { id: String, on: String },
    #[error("Invalid batch payload: request '{id}' depends on itself, directly or through others.")]
    Cycle { id: String },
}

/// Reads the requests of a batch, each after those that it depends on, otherwise in their order.
///
/// # Errors
/// [`BatchError`], the first thing that is wrong.
pub fn parse(body: &Value) -> Result<Vec<BatchRequest>, BatchError> {
    let requests = body.as_object().and_then(|body| read::member(body, "requests")).and_then(Value::as_array);
    let requests = requests.ok_or(BatchError::NoRequests)?;
    if !(1..=BATCH_REQUESTS).contains(&requests.len()) {
        return Err(BatchError::WrongNumber(requests.len()));
    }
    let mut read = Vec::with_capacity(requests.len());
    for (at, request) in requests.iter().enumerate() {
        read.push(read::request(at + 1, request)?);
    }
    order::resolve(&mut read)?;
    order::sorted(read)
}

/// Writes the answers of a batch.
#[must_use]
pub fn write(responses: Vec<BatchResponse>) -> Value {
    json!({ "responses": responses.into_iter().map(written).collect::<Vec<Value>>() })
}

fn written(response: BatchResponse) -> Value {
    let mut headers = Map::new();
    for (name, value) in response.headers {
        let whole = match headers.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value,
        };
        headers.insert(name, whole.into());
    }
    let mut answer = json!({ "id": response.id, "status": response.status, "headers": headers });
    if let (Some(body), Some(answer)) = (response.body, answer.as_object_mut()) {
        answer.insert("body".to_owned(), body.into_json());
    }
    answer
}
