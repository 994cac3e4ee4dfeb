//! A client of the public API, for the commands that administer: they can do what any other client can, and no more.
//!
//! The server is found in the data folder (then its CA is trusted and the token signed with its key) or given by URL
//! and token. The token is sent to that server only: of a nextLink just the path is used.

use std::time::Duration;

use adit_identity::{Holder, LocalKey, TokenRequest};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use crate::command_error::{CommandError, with_causes};
use crate::data_folder::ServedFolder;

pub(crate) mod transport;

use transport::{Client, Trust};

/// The version of the API that the commands use: connectors and groups are documented there.
const VERSION: &str = "/beta";

/// Where connectors and connector groups are, below the version.
pub(crate) const PROFILE: &str = "/onPremisesPublishingProfiles/applicationProxy";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is read: a page of the largest objects is far smaller.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// How long a token that a command signs for itself lives: as long as its longest run of calls.
const TOKEN_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What a value in a query may contain unescaped.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of one server's API.
#[derive(Clone)]
pub(crate) struct ApiClient {
    server: String,
    authorization: HeaderValue,
    client: Client,
}

/// An answer that says it was done.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 2xx.
    pub(crate) status: StatusCode,
    /// The JSON, or null when there is none.
    pub(crate) body: Value,
    /// What was called.
    path: String,
}

impl Answer {
    /// The text that the answer's object has as `name`.
    ///
    /// # Errors
    /// [`ApiError::Unexpected`] when it has none.
    pub(crate) fn text(&self, name: &str) -> Result<String, ApiError> {
        text(&self.body, name, &self.path)
    }

    /// The number, no less than nothing, that the answer's object has as `name`.
    ///
    /// # Errors
    /// [`ApiError::Unexpected`] when it has none.
    pub(crate) fn count(&self, name: &str) -> Result<u64, ApiError> {
        let count = self.body.get(name).and_then(Value::as_u64);
        count.ok_or_else(|| ApiError::Unexpected { path: self.path.clone(), reason: format!("it has no '{name}'") })
    }

    /// The array that the answer's object has as `name`.
    ///
    /// # Errors
    /// [`ApiError::Unexpected`] when it has none.
    pub(crate) fn array(&self, name: &str) -> Result<Vec<Value>, ApiError> {
        let array = self.body.get(name).and_then(Value::as_array).cloned();
        array.ok_or_else(|| ApiError::Unexpected { path: self.path.clone(), reason: format!("it has no '{name}'") })
    }
}

/// Why a call was not answered, or not with success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{server} cannot be reached: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("{server} did not answer within {} seconds", PATIENCE.as_secs())]
    Late { server: String },
    #[error("the server answered {status} to {method} {path}: {message} ({code}, request {request})")]
    Refused { status: StatusCode, method: Method, path: String, code: String, message: String, request: String },
    #[error("the server's answer about {path} is not the documented one: {reason}")]
    Unexpected { path: String, reason: String },
}

/// Where the server is and how to prove oneself.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerArguments {
    /// Data folder of a server on this machine; its address, CA and signing key are used
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<std::path::PathBuf>,
    /// Base URL of the server's API, as in https://adit.example.com:8444
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<Url>,
    /// Bearer token; without it one is signed with the data folder's key
    #[arg(long, value_name = "TOKEN", env = "ADIT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

impl ApiClient {
    /// A client of the server that `arguments` name. `not_done` is what fails when it cannot be made.
    ///
    /// # Errors
    /// When no server runs on the data folder, or the URL or token cannot be used.
    pub(crate) fn connect(arguments: &ServerArguments, not_done: &str) -> Result<Self, CommandError> {
        let folder = arguments.data.as_deref().map(ServedFolder::at);
        let server = match (&arguments.server, &folder) {
            (Some(url), _) => base_of(url, not_done)?,
            (None, Some(folder)) => address_of(folder, not_done)?,
            (None, None) => {
                let error = CommandError::usage(not_done, "it was not said which server to ask");
                return Err(error.hint("--data DIR for a server on this machine, or --server URL and --token TOKEN"));
            }
        };
        let token = match (&arguments.token, &folder) {
            (Some(token), _) => token.clone(),
            (None, Some(folder)) => sign(folder, not_done)?,
            (None, None) => {
                let error = CommandError::usage(not_done, "no token was given");
                return Err(error.hint("--token TOKEN, as the server's 'adit token' prints it"));
            }
        };
        let trust = match &folder {
            Some(folder) => Trust::Authority(folder.ca().map_err(|error| CommandError::failed(not_done, error))?),
            None => Trust::System,
        };
        Self::new(&server, &token, &trust).map_err(|reason| CommandError::usage(not_done, reason))
    }

    /// A client of `server` (scheme, host and port).
    ///
    /// # Errors
    /// A sentence, when the token cannot be sent or the roots cannot be loaded.
    pub(crate) fn new(server: &str, token: &str, trust: &Trust) -> Result<Self, String> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| "the token has characters that no token has".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { server: server.trim_end_matches('/').to_owned(), authorization, client: transport::client(trust)? })
    }

    /// Asks for `path` (below the version).
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        Ok(self.call(Method::GET, path, None).await?.body)
    }

    /// Calls `path` with `body` as JSON.
    ///
    /// # Errors
    /// [`ApiError`]; any status outside 200..=299 is one.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ApiError> {
        self.send(method, &format!("{VERSION}{path}"), body).await
    }

    /// As [`ApiClient::call`], but `path` starts at the root: the documented calls name their version themselves.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ApiError> {
        let unexpected = |reason: String| ApiError::Unexpected { path: path.to_owned(), reason };
        let request = self.request(&method, path, body).map_err(|error| unexpected(error.to_string()))?;
        let answered = async {
            let (head, body) =
                self.client.request(request).await.map_err(|error| self.unreachable(&error))?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| unexpected(error.to_string()))?.to_bytes();
            Ok((head, body))
        };
        let (head, body) = tokio::time::timeout(PATIENCE, answered)
            .await
            .map_err(|_| ApiError::Late { server: self.server.clone() })??;
        let parsed = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        if !head.status.is_success() {
            return Err(refused(&head, &method, path, &parsed.unwrap_or_default()));
        }
        let body = parsed.map_err(|error| unexpected(error.to_string()))?;
        Ok(Answer { status: head.status, body, path: path.to_owned() })
    }

    /// Every object of the collection at `path`, page by page.
    ///
    /// # Errors
    /// [`ApiError`] of the first page that fails.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, ApiError> {
        let mut objects = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next.take() {
            let mut page = self.get(&path).await?;
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(items)) => objects.extend(items),
                _ => {
                    let reason = "it has no 'value'".to_owned();
                    return Err(ApiError::Unexpected { path, reason });
                }
            }
            next = page.get("@odata.nextLink").and_then(Value::as_str).and_then(below_version);
        }
        Ok(objects)
    }

    fn request(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, http::Error> {
        let uri: Uri = format!("{}{path}", self.server).parse()?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        match body {
            Some(json) => request.header(CONTENT_TYPE, "application/json").body(Full::from(json.to_string())),
            None => request.body(Full::default()),
        }
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> ApiError {
        ApiError::Unreachable { server: self.server.clone(), reason: with_causes(error) }
    }
}

/// The text that `object` has as `name`; `path` is where the object came from.
///
/// # Errors
/// [`ApiError::Unexpected`] when it has none.
pub(crate) fn text(object: &Value, name: &str, path: &str) -> Result<String, ApiError> {
    let text = object.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    text.ok_or_else(|| ApiError::Unexpected { path: path.to_owned(), reason: format!("it has no '{name}'") })
}

/// `text` as a value in a query.
fn query_value(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

/// `text` as a string in a `$filter`, quoted and escaped for a query.
pub(crate) fn filter_string(text: &str) -> String {
    query_value(&format!("'{}'", text.replace('\'', "''")))
}

/// The part of a nextLink below the version: the rest is the server's public name, which need not be how it was
/// reached.
fn below_version(link: &str) -> Option<String> {
    let (_, below) = link.split_once(&format!("{VERSION}/"))?;
    Some(format!("/{below}"))
}

fn refused(head: &http::response::Parts, method: &Method, path: &str, body: &Value) -> ApiError {
    let text =
        |pointer: &str, default: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or(default).to_owned();
    let request = head.headers.get("request-id").and_then(|value| value.to_str().ok()).unwrap_or("without id");
    ApiError::Refused {
        status: head.status,
        method: method.clone(),
        path: path.to_owned(),
        code: text("/error/code", "no code"),
        message: text("/error/message", "no message"),
        request: request.to_owned(),
    }
}

fn sign(folder: &ServedFolder, not_done: &str) -> Result<String, CommandError> {
    let key = folder.signing_key().map_err(|error| start_a_server(folder, CommandError::failed(not_done, error)))?;
    let key = LocalKey::from_pem(&key).map_err(|error| CommandError::failed(not_done, with_causes(&error)))?;
    let request = TokenRequest {
        holder: Holder::Administrator,
        scopes: "Directory.ReadWrite.All".to_owned(),
        lifetime: TOKEN_LIFETIME,
        now: std::time::SystemTime::now(),
    };
    key.issue(&request).map_err(|error| CommandError::failed(not_done, with_causes(&error)))
}

fn address_of(folder: &ServedFolder, not_done: &str) -> Result<String, CommandError> {
    let addresses = folder.addresses();
    let addresses = addresses.map_err(|error| start_a_server(folder, CommandError::failed(not_done, error)))?;
    Ok(format!("https://{}", addresses.local_https()))
}

fn start_a_server(folder: &ServedFolder, error: CommandError) -> CommandError {
    error.hint(format!("start one: adit serve --data {}", folder.path().display()))
}

/// Scheme, host and port, and the path up to the version if the server is below one.
fn base_of(url: &Url, not_done: &str) -> Result<String, CommandError> {
    let loopback = url.host().is_some_and(|host| crate::configuration::is_loopback(&host));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            let why =
                format!("--server {url} is plain HTTP to another machine, which would show your token to the network");
            return Err(CommandError::usage(not_done, why).hint("give its https:// address"));
        }
        _ => return Err(CommandError::usage(not_done, format!("--server {url} must start with https://"))),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(CommandError::usage(
            not_done,
            format!("--server {url} must consist of scheme, host and port only"),
        ));
    }
    Ok(url.as_str().trim_end_matches('/').trim_end_matches(VERSION).to_owned())
}

// === errors as a command reports them ===

impl ApiError {
    /// What the command did not do, why, and what may help.
    pub(crate) fn into_command_error(self, not_done: impl std::fmt::Display) -> CommandError {
        let hint = match &self {
            Self::Unreachable { .. } => Some(
                "check that the server runs and that the address and its certificate are right \
                      (SSL_CERT_FILE=ca.pem trusts the server's own CA)",
            ),
            Self::Refused { status: StatusCode::UNAUTHORIZED, .. } => {
                Some("use a fresh token of this server: adit token --data DIR")
            }
            Self::Refused { status: StatusCode::FORBIDDEN, .. } => {
                Some("use a token that may write: adit token --data DIR --scope Directory.ReadWrite.All")
            }
            _ => None,
        };
        let error = CommandError::failed(not_done, self);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_filter_is_quoted_and_escaped() {
        assert_eq!(filter_string("O'Neil & Co"), "%27O%27%27Neil%20%26%20Co%27");
    }

    #[test]
    fn of_a_next_link_only_what_is_below_the_version_is_used() {
        let link = "https://elsewhere.example/adit/beta/applications?$top=2&$skiptoken=x";
        assert_eq!(below_version(link).unwrap(), "/applications?$top=2&$skiptoken=x");
        assert_eq!(below_version("https://elsewhere.example/"), None);
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear_to_another_machine() {
        let base = |text: &str| base_of(&Url::parse(text).unwrap(), "nothing was done");
        assert!(base("http://adit.example.com/").is_err());
        assert!(base("ftp://localhost/").is_err());
        assert_eq!(base("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base("https://adit.example.com/beta/").unwrap(), "https://adit.example.com");
    }
}
