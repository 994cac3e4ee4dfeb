//! How a request is refused: the error of RFC 6749 (sections 4.1.2.1 and 5.2), and beside it the number and the fields by
//! which azure-identity and MSAL recognise what happened.
//!
//! The description says what was wrong with the request, and never repeats a secret. What failed inside goes to the log.

use adit_control::{Error, ProgramRefused};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::discovery::json_response;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OAuthError {
    /// The path names another tenant.
    NoSuchTenant,
    /// The request is not what it has to be.
    Malformed(&'static str),
    /// A parameter is missing.
    Missing(&'static str),
    /// The client id is none of this directory.
    UnknownClient(String),
    /// The application cannot get tokens: it has no service principal.
    NoServicePrincipal(String),
    /// The client did not prove who it is.
    NoClientSecret,
    /// The secret is wrong.
    WrongClientSecret(String),
    /// The secret is not valid at this time.
    ClientSecretNotValidNow(String),
    /// The client is disabled.
    ClientDisabled(String),
    /// The grant is none of those offered.
    UnsupportedGrant,
    /// The scope is not one that this grant has.
    BadScope(&'static str),
    /// The resource is none of this directory.
    UnknownResource(String),
    /// The resource is only for those who are assigned, and the client is not.
    NotAssigned,
    /// The user is not assigned to the application, which requires that, or it is disabled.
    UserNotAssigned,
    /// The redirect URI is none that is registered.
    BadRedirect,
    /// The response type is none of those offered.
    UnsupportedResponseType,
    /// A sign-in without the user was asked for, and there is none.
    SignInRequired,
    /// The sign-in is another browser's, was finished, or took too long.
    SignInOver,
    /// The user said no.
    Declined,
    /// The link of the first administrator is over.
    LinkOver,
    /// The code is unknown, was used, has expired, or is another client's.
    BadCode,
    /// The refresh token is unknown, was used, has expired, or is another client's.
    BadRefreshToken,
    /// The user's sessions were ended since it signed in.
    SignInEnded,
    /// The PKCE verifier is not the one of the challenge.
    WrongVerifier,
    /// The user was disabled or deleted since it signed in.
    UserGone,
    /// The user may do nothing of what is asked for.
    NothingGranted,
    /// The client may not sign users in without a secret.
    NotAPublicClient,
    /// The device's user has not signed in yet.
    AuthorizationPending,
    /// The device asks too often.
    SlowDown,
    /// The device's code is unknown, was used, or has expired.
    DeviceExpired,
    /// Too many requests failed.
    Throttled {
        /// How many seconds to wait.
        retry_after: u64,
    },
    /// The directory does not answer.
    Unavailable,
}

impl OAuthError {
    /// Status, error code of RFC 6749, number, and what is said of it.
    fn words(&self) -> (StatusCode, &'static str, u32, String) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::NoSuchTenant => (
                bad,
                "invalid_request",
                90_002,
                "There is no such tenant here; 'adit' names the one there is.".to_owned(),
            ),
            Self::Malformed(why) => (bad, "invalid_request", 9_002_313, format!("The request is malformed: {why}.")),
            Self::Missing(name) => {
                let message = format!("The request body must contain the following parameter: '{name}'.");
                (bad, "invalid_request", 900_144, message)
            }
            Self::UnknownClient(id) => {
                let message = format!("There is no application with the identifier '{id}' in this directory.");
                (bad, "unauthorized_client", 700_016, message)
            }
            Self::NoServicePrincipal(id) => {
                let message = format!("Application '{id}' has no service principal in this directory.");
                (bad, "unauthorized_client", 7_000_229, message)
            }
            Self::NoClientSecret => {
                let message = "The request body must contain the following parameter: 'client_secret'.".to_owned();
                (StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218, message)
            }
            Self::WrongClientSecret(id) => {
                let message = format!(
                    "Invalid client secret provided for application '{id}': it must be the secret's text, not its id."
                );
                (StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, message)
            }
            Self::ClientSecretNotValidNow(id) => {
                let message = format!("The provided client secret of application '{id}' is expired or not valid yet.");
                (StatusCode::UNAUTHORIZED, "invalid_client", 7_000_222, message)
            }
            Self::ClientDisabled(id) => {
                (bad, "unauthorized_client", 7_000_112, format!("Application '{id}' is disabled."))
            }
            Self::UnsupportedGrant => {
                (bad, "unsupported_grant_type", 70_003, "The grant type is not supported.".to_owned())
            }
            Self::BadScope(why) => (bad, "invalid_scope", 70_011, format!("The provided scope is not valid: {why}.")),
            Self::UnknownResource(name) => {
                let message = format!("The resource '{name}' was not found in this directory.");
                (bad, "invalid_scope", 500_011, message)
            }
            Self::NotAssigned => {
                let message = "The client is not assigned to a role of the application that it asks for.".to_owned();
                (bad, "unauthorized_client", 501_051, message)
            }
            Self::UserNotAssigned => {
                let message = "The user is not assigned to the application, or it is disabled.".to_owned();
                (bad, "invalid_grant", 50_105, message)
            }
            Self::BadRedirect => {
                let message = "The redirect URI is not one that is registered for the application.".to_owned();
                (bad, "invalid_request", 50_011, message)
            }
            Self::UnsupportedResponseType => {
                (bad, "unsupported_response_type", 700_054, "The only response type is 'code'.".to_owned())
            }
            Self::SignInRequired => (bad, "login_required", 50_058, "The user has to sign in.".to_owned()),
            Self::SignInOver => {
                let message = "This sign-in was begun in another browser, is finished, or took too long. Go back to the \
                               application and begin again.";
                (bad, "invalid_request", 165_000, message.to_owned())
            }
            Self::Declined => {
                (bad, "access_denied", 65_004, "The user did not let the application sign in.".to_owned())
            }
            Self::LinkOver => {
                let message = "This link was used already, is too old, or was replaced by that of a newer start. While the \
                               directory has no user, the server prints one when it starts.";
                (StatusCode::NOT_FOUND, "invalid_request", 165_001, message.to_owned())
            }
            Self::BadCode => {
                let message = "The code is unknown, was used already, has expired, or was given to another client.";
                (bad, "invalid_grant", 54_005, message.to_owned())
            }
            Self::BadRefreshToken => {
                let message = "The refresh token is unknown, was used already, has expired, was taken back, or was given \
                               to another client. The user has to sign in again.";
                (bad, "invalid_grant", 700_082, message.to_owned())
            }
            Self::SignInEnded => {
                let message = "The user's sessions were ended since this sign-in, by another password for example. The \
                               user has to sign in again.";
                (bad, "invalid_grant", 50_173, message.to_owned())
            }
            Self::WrongVerifier => {
                let message = "The code verifier does not belong to the challenge of the authorization request.";
                (bad, "invalid_grant", 501_481, message.to_owned())
            }
            Self::UserGone => (bad, "invalid_grant", 50_057, "The user is disabled or deleted.".to_owned()),
            Self::NothingGranted => {
                let message =
                    "The user, or the application, has none of the permissions that are asked for.".to_owned();
                (bad, "invalid_scope", 65_001, message)
            }
            Self::NotAPublicClient => {
                let message =
                    "The application does not sign users in by a code ('isFallbackPublicClient' is not true).";
                (bad, "unauthorized_client", 7_000_218, message.to_owned())
            }
            Self::AuthorizationPending => {
                (bad, "authorization_pending", 70_016, "The user has not signed in yet.".to_owned())
            }
            Self::SlowDown => (bad, "slow_down", 70_016, "The device asks too often.".to_owned()),
            Self::DeviceExpired => {
                let message = "The device code is unknown, was used already, or has expired.".to_owned();
                (bad, "expired_token", 70_020, message)
            }
            Self::Throttled { .. } => {
                let message = "Too many requests from this address were refused. Try again later.".to_owned();
                (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", 50_196, message)
            }
            Self::Unavailable => {
                let message = "The directory does not answer at the moment. Try again later.".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", 90_033, message)
            }
        }
    }

    /// The status of an answer that says so.
    pub(crate) fn status(&self) -> StatusCode {
        self.words().0
    }

    /// The error code of RFC 6749, for a redirect to an application.
    pub(crate) fn code_for_redirect(&self) -> &'static str {
        self.words().1
    }

    /// What is said of it, with its number.
    pub(crate) fn description(&self) -> String {
        format!("{}: {}", self.number(), self.message())
    }

    /// What is said of it.
    pub(crate) fn message(&self) -> String {
        self.words().3
    }

    /// Its number, as clients and the documentation of Microsoft's name it.
    pub(crate) fn number(&self) -> String {
        format!("AADSTS{}", self.words().2)
    }

    /// Whether the audit log has it: not what is no refusal yet, nor what says nothing of the request.
    pub(crate) const fn is_audited(&self) -> bool {
        !matches!(self, Self::AuthorizationPending | Self::SlowDown | Self::Throttled { .. } | Self::Unavailable)
    }

    /// Whether it is a sign of somebody who tries things out.
    pub(crate) const fn counts_as_attempt(&self) -> bool {
        matches!(
            self,
            Self::UnknownClient(_)
                | Self::WrongClientSecret(_)
                | Self::ClientSecretNotValidNow(_)
                | Self::ClientDisabled(_)
                | Self::NoServicePrincipal(_)
                | Self::BadCode
                | Self::BadRefreshToken
                | Self::WrongVerifier
                | Self::DeviceExpired
        )
    }
}

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: OAuthError,
    /// Whether the client used the `Authorization` header, to which a refusal has to answer.
    challenge: bool,
    /// By what the client can name it.
    pub(crate) trace: Uuid,
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self { error, challenge: false, trace: Uuid::new_v4() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "the directory could not be asked for a token request");
        OAuthError::Unavailable.into()
    }
}

impl From<ProgramRefused> for Refusal {
    fn from(refused: ProgramRefused) -> Self {
        match refused {
            ProgramRefused::Unknown(id) => OAuthError::UnknownClient(id.to_string()),
            ProgramRefused::NoServicePrincipal(id) => OAuthError::NoServicePrincipal(id.to_string()),
            ProgramRefused::Disabled(id) => OAuthError::ClientDisabled(id.to_string()),
            ProgramRefused::WrongSecret(id) => OAuthError::WrongClientSecret(id.to_string()),
            ProgramRefused::NotValidNow { app_id, .. } => OAuthError::ClientSecretNotValidNow(app_id.to_string()),
            ProgramRefused::Unavailable(error) => return error.into(),
        }
        .into()
    }
}

impl Refusal {
    /// The same to a client that used the `Authorization` header.
    pub(crate) fn challenging(mut self, challenge: bool) -> Self {
        self.challenge = challenge;
        self
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        let (status, code, number, message) = self.error.words();
        let trace = self.trace;
        let timestamp = format!("{:.0}", Timestamp::now()).replace('T', " ");
        let description =
            format!("AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {trace} Timestamp: {timestamp}");
        let mut response = json_response(
            status,
            &json!({
                "error": code, "error_description": description, "error_codes": [number], "timestamp": timestamp,
                "trace_id": trace, "correlation_id": trace,
            }),
        );
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if self.challenge && status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"adit\""));
        }
        if let OAuthError::Throttled { retry_after } = self.error {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        }
        response
    }
}
