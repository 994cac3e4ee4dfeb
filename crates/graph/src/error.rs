//! What a client is told when a request is refused: Graph's error object, and which failure becomes which code.
//!
//! This is the one place where failures of the layers below turn into answers. The inner cause of an internal failure
//! goes to the log, never to the client.

use std::fmt::Display;

use adit_control::{Error as Failure, RequiredUrl, StoreError as StoreFailure};
use adit_core::publishing::PublishingRefused;
use adit_identity::{PasswordError, TokenRefused};
use adit_odata::batch::BatchError;
use adit_odata::body::BodyError;
use adit_odata::path::PathError;
use adit_odata::query::QueryError;
use adit_odata::query_option::QueryOptionError;
use adit_odata::reference::ReferenceError;
use adit_odata::resource::ResolveError;
use http::{Method, StatusCode};

use crate::permission::Permission;

/// A refused request: status, code and message of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The methods that would have been allowed, for 405.
    pub(crate) allow: Vec<Method>,
    /// What would have been needed, for 403.
    pub(crate) needed: Option<Permission>,
}

/// The message by which SDKs recognise that they should send the body again without compression.
const UNREADABLE: &str = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is \
                          of valid JSON format.";

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), allow: Vec::new(), needed: None }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400: the request is understood, but what it asks for is not valid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// 400: a query that this server does not answer.
    pub(crate) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// 400: two spellings of one value in a list.
    pub(crate) fn duplicate_value(property: &str) -> Self {
        let message = format!("Request contains a property with duplicate values: '{property}'.");
        Self::new(StatusCode::BAD_REQUEST, "DuplicateValueInDifferentCase", message)
    }

    /// 400: the body is not JSON.
    pub(crate) fn unreadable_body() -> Self {
        Self::bad_request(UNREADABLE)
    }

    /// 400: a reference that is not one.
    pub(crate) fn bad_reference() -> Self {
        Self::bad_request("Invalid URL format specified in payload.")
    }

    /// 400: a path that leads nowhere.
    pub(crate) fn no_such_segment(segment: &str) -> Self {
        let segment: String = segment.chars().take(100).collect();
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    /// 401; 503 when it is not the token's fault.
    pub(crate) fn unauthenticated(refused: &TokenRefused) -> Self {
        if *refused == TokenRefused::IssuerUnavailable {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", refused.to_string());
        }
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", refused.to_string())
    }

    /// 403.
    pub(crate) fn forbidden(permission: Permission) -> Self {
        let accepted = permission.accepted().join(", ");
        let roles: Vec<&str> = permission.roles().into_iter().map(adit_core::DirectoryRole::name).collect();
        let message = format!(
            "Insufficient privileges to complete the operation. One of these is required: {accepted}. A token of a user \
             needs one of these administrator roles of the user besides, in its claim 'wids': {}.",
            roles.join(", ")
        );
        Self { needed: Some(permission), ..Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message) }
    }

    /// 400: a skip token that was not made for this list.
    pub(crate) fn bad_skip_token() -> Self {
        let message = "The skip token does not belong to this request; start again without it.";
        Self::new(StatusCode::BAD_REQUEST, "Directory_ExpiredPageToken", message)
    }

    /// 424: a part of a batch whose dependency failed.
    pub(crate) fn failed_dependency() -> Self {
        let message = "A request that this one depends on failed.";
        Self::new(StatusCode::FAILED_DEPENDENCY, "FailedDependency", message)
    }

    /// 501: something that the surface offers and nothing carries out; a mistake of ours.
    pub(crate) fn not_offered() -> Self {
        tracing::error!("an operation is offered that nothing carries out");
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "This operation is not implemented.")
    }

    /// 404: a directory object, by whatever key.
    pub(crate) fn no_such_resource(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    /// 404: a connector.
    pub(crate) fn no_such_connector(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        Self::new(StatusCode::NOT_FOUND, "Connector_NotFound", format!("Connector '{id}' not found."))
    }

    /// 404: a connector group.
    pub(crate) fn no_such_connector_group(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        Self::new(StatusCode::NOT_FOUND, "ConnectorGroup_NotFound", format!("Connector group '{id}' not found."))
    }

    /// 404: an application without a connector group.
    pub(crate) fn not_published(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        let message = format!("Application '{id}' not found or OnPremisesPublishing is not enabled for your tenant.");
        Self::new(StatusCode::NOT_FOUND, "Application_NotFound", message)
    }

    /// 405.
    pub(crate) fn method_not_allowed(allow: Vec<Method>) -> Self {
        let message = "Specified HTTP method is not allowed for the request target.";
        Self { allow, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message) }
    }

    /// 406.
    pub(crate) fn not_acceptable() -> Self {
        let message = "Only application/json can be returned (text/plain for $count).";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 412.
    pub(crate) fn changed_meanwhile() -> Self {
        let message = "The object was changed meanwhile: its ETag is not the one of the If-Match header.";
        Self::new(StatusCode::PRECONDITION_FAILED, "Request_PreconditionFailed", message)
    }

    /// 503: the directory did not get round to it; the cause goes to the log.
    fn busy(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error = cause, "a request was put off: the directory did not answer");
        let message = "The directory does not answer, and nothing was changed. Try again later.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// 507: the disk failed at the last moment; the cause goes to the log. No 503, which clients answer by sending the same
    /// again, whatever it is.
    fn not_known(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "whether a change was kept is not known: the directory could not be written");
        let message = "The directory cannot be written at the moment. Whether the change was kept is not known: look before \
                       you try again.";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage", message)
    }

    /// 413.
    pub(crate) fn too_large() -> Self {
        let message = format!("The request body is larger than {} bytes.", crate::payload::LARGEST);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", message)
    }

    /// 415.
    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }
}

impl From<PathError> for GraphError {
    fn from(error: PathError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<QueryOptionError> for GraphError {
    fn from(error: QueryOptionError) -> Self {
        match error {
            QueryOptionError::Unknown(_) | QueryOptionError::Unsupported(_) => {
                Self::unsupported_query(error.to_string())
            }
            QueryOptionError::TooLong
            | QueryOptionError::Fragment
            | QueryOptionError::SpaceBefore(_)
            | QueryOptionError::NoValue(_)
            | QueryOptionError::NotText
            | QueryOptionError::Repeated(_)
            | QueryOptionError::Invalid { .. } => Self::bad_request(error.to_string()),
        }
    }
}

impl From<ResolveError> for GraphError {
    fn from(error: ResolveError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<QueryError> for GraphError {
    fn from(error: QueryError) -> Self {
        if error.is_unsupported() {
            Self::unsupported_query(error.to_string())
        } else {
            Self::bad_request(error.to_string())
        }
    }
}

impl From<ReferenceError> for GraphError {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Malformed => Self::bad_reference(),
            ReferenceError::WrongType { .. } | ReferenceError::IdNoText => Self::invalid(error.to_string()),
        }
    }
}

impl From<BatchError> for GraphError {
    fn from(error: BatchError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<BodyError> for GraphError {
    fn from(error: BodyError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<Failure> for GraphError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::ConnectorGroupNotFound(id) => Self::no_such_connector_group(&id.to_string()),
            Failure::ConnectorNotFound(id) => Self::no_such_connector(&id.to_string()),
            Failure::ApplicationNotFound(id) | Failure::DeletedApplicationNotFound(id) => {
                Self::no_such_resource(&id.to_string())
            }
            Failure::ApplicationNotPublished(id) => Self::not_published(&id.to_string()),
            Failure::NotAMember { connector, .. } => Self::no_such_resource(&connector.to_string()),
            Failure::NotServedBy { application, .. } => Self::no_such_resource(&application.to_string()),
            Failure::AppIdNotFound(id) | Failure::NoServicePrincipalOf(id) => Self::no_such_resource(&id.to_string()),
            Failure::UniqueNameNotFound(name) => Self::no_such_resource(&name),
            Failure::ServicePrincipalNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::AppRoleAssignmentNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::RegistrationTokenNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::ClientSecretNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::AuditRecordNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::PrincipalNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::UserNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::UserGroupNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::MemberNotFound(id) => Self::no_such_resource(&id.to_string()),
            Failure::NotInGroup { member, .. } => Self::no_such_resource(&member.to_string()),
            Failure::PasswordRefused(_) => Self::invalid(format!(
                "The specified password does not comply with password complexity requirements: {failure}."
            )),
            Failure::MemberExists { .. } => {
                let message = "One or more added object references already exist for the following modified properties: \
                               'members'.";
                Self::invalid(message)
            }
            Failure::OwnerNotFound { id, .. } => Self::no_such_resource(id.as_str()),
            Failure::GroupNameTaken { .. }
            | Failure::PrincipalNameTaken { .. }
            | Failure::ServicePrincipalExists { .. }
            | Failure::UniqueNameTaken { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "Request_MultipleObjectsWithSameKeyValue", sentence(&failure))
            }
            Failure::ExternalUrlTaken { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "ExternalUrl_Duplicate", sentence(&failure))
            }
            Failure::InternalUrlTaken { url, .. } => {
                let message = format!("Internal url '{url}' is invalid since it is already in use.");
                Self::new(StatusCode::BAD_REQUEST, "InternalUrl_Duplicate", message)
            }
            Failure::OwnerExists { .. } => {
                let message = "One or more added object references already exist for the following modified properties: \
                               'owners'.";
                Self::invalid(message)
            }
            Failure::AppRoleAssigned { .. } => Self::invalid("Permission being assigned already exists on the object."),
            Failure::GroupNotDeletable(_)
            | Failure::RegionFixed(_)
            | Failure::AmbiguousMachineName { .. }
            | Failure::UniqueNameFixed { .. }
            | Failure::NoSuchAppRole { .. }
            | Failure::TooManyOwners { .. }
            | Failure::GroupCannotOwn(_)
            | Failure::TooManyMembers { .. }
            | Failure::GroupInItself { .. }
            | Failure::CertificateRefused(_)
            | Failure::ClientSecretRefused(_)
            | Failure::StandsForTheApi(_)
            | Failure::PasswordsDiffer
            | Failure::HasUsers
            | Failure::ConnectorNotConnected(_)
            | Failure::BadLifetime => Self::invalid(sentence(&failure)),
            Failure::PublishingIncomplete { missing } => {
                let missing = match missing {
                    RequiredUrl::External => "externalUrl",
                    RequiredUrl::Internal => "internalUrl",
                };
                Self::invalid(format!("An application cannot be published without {missing}."))
            }
            Failure::PublishingRefused(refused) => Self::invalid(of_publishing(&refused)),
            Failure::UnknownRevision(_) | Failure::BadCursor => Self::bad_skip_token(),
            Failure::ChangedMeanwhile { .. } => Self::changed_meanwhile(),
            Failure::Password(PasswordError::Busy) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", sentence(&failure))
            }
            Failure::Store(StoreFailure::Busy | StoreFailure::Unavailable(_)) => Self::busy(&failure),
            Failure::Store(ref store) if store.is_of_the_disk() => Self::not_known(&failure),
            Failure::Store(StoreFailure::TooExpensive) => {
                let message = "The query takes too long. Narrow it: filter by id, name or another indexed property.";
                Self::unsupported_query(message)
            }
            // Not the client's fault, and its text is not for clients. Each is named, so that a failure that is added
            // cannot become a 500 without a thought.
            Failure::NoDefaultGroup
            | Failure::NoRandomness
            | Failure::Password(_)
            | Failure::ProviderKey(_)
            | Failure::Authority(_)
            | Failure::Sealing(_)
            | Failure::Store(_) => Self::internal(&failure),
        }
    }
}

impl GraphError {
    /// 500: our fault; the cause goes to the log.
    fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "a request failed for a reason inside the control plane");
        let message = "The request could not be carried out because of a failure inside the server. It can be found in \
                       the server's log by its request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }
}

/// Why a publishing was refused, with the names that its settings have here.
fn of_publishing(refused: &PublishingRefused) -> String {
    let invalid = |name, reason: &dyn Display| format!("Invalid value specified for property '{name}': {reason}.");
    match refused {
        PublishingRefused::External(reason) => invalid("externalUrl", reason),
        PublishingRefused::Alternate(reason) => invalid("alternateUrl", reason),
        PublishingRefused::Internal(reason) => invalid("internalUrl", reason),
        PublishingRefused::OneSidedWildcard { external, internal } => format!(
            "The externalUrl '{external}' and the internalUrl '{internal}' must both start with a wildcard, or neither."
        ),
        PublishingRefused::AlternateOfWildcard(url) => {
            format!("The alternateUrl '{url}' cannot be combined with a wildcard.")
        }
        PublishingRefused::ProbeOfWildcard(url) => invalid(
            "adit/healthProbePath",
            &format!("the wildcard '{url}' stands for many upstreams, none of which can be probed"),
        ),
        PublishingRefused::AlternateIsExternal(url) => {
            format!("The alternateUrl '{url}' is the same place as externalUrl.")
        }
    }
}

/// A failure as a sentence: errors start in lower case and have no full stop, messages for people do.
fn sentence(error: &dyn Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str().trim_end_matches('.')),
        None => "The request was refused.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_database_are_not_the_clients_and_show_nothing_of_it() {
        let unreadable = StoreFailure::Unreadable {
            column: "secret column",
            value: "secret value".to_owned(),
            reason: "secret reason".to_owned(),
        };
        for (failure, status) in [(unreadable, 500), (StoreFailure::Closed, 500), (StoreFailure::Busy, 503)] {
            let error = GraphError::from(Failure::Store(failure));
            assert_eq!(error.status.as_u16(), status);
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

    #[test]
    fn a_list_that_takes_too_long_is_a_query_to_be_narrowed() {
        let error = GraphError::from(Failure::Store(StoreFailure::TooExpensive));
        assert_eq!((error.status.as_u16(), error.code), (400, "Request_UnsupportedQuery"));
        assert!(error.message.contains("Narrow it"), "{}", error.message);
    }
}
