//! `onPremisesPublishing`: how an application is published, in Graph's spelling (contract section 1.5).
//!
//! Publishing ends in three ways that clients use: `null`, both URLs set to a word of the old PowerShell module (or
//! emptied), and DELETE. What Adit gives no meaning to is kept as it came.

use std::sync::LazyLock;

use adit_control::{ApplicationChange, PublishingChange, PublishingPatch};
use adit_core::application::{HostHeader, UpstreamCertificate, UpstreamTimeout};
use adit_core::certificate::CertificateMetadata;
use adit_core::{ExternalUrl, InternalUrl, PreAuthentication};
use adit_odata::body;
use serde_json::{Map, Value, json};

use super::{application, attribute, certificate};
use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::{MODEL, PUBLISHING};
use crate::preference::Return;

/// What the old PowerShell module writes into both URLs to end a publishing.
const DELETE_WORD: &str = "PowerShellDeleteApplication";

/// `PATCH applications/{id}/onPremisesPublishing`.
pub(crate) async fn update(call: &Call) -> Result<Answer, GraphError> {
    let body = body::complex(&MODEL, &PUBLISHING, call.body()?, PUBLISHING.name)?;
    let change = change(&Value::Object(body))?;
    let application = application::apply(call, &call.scope, of_publishing(change)).await?;
    if call.preferred.returns != Return::Representation {
        return Ok(Answer::no_content());
    }
    let mut entity = application::entity(call, &application).await?;
    let Some(Value::Object(publishing)) = entity.properties.remove(PUBLISHING.name) else {
        return Ok(Answer::no_content());
    };
    Ok(Answer::ok(call.document().structure(&call.path.context_path(), &PUBLISHING, publishing)))
}

/// `DELETE applications/{id}/onPremisesPublishing`.
pub(crate) async fn delete(call: &Call) -> Result<Answer, GraphError> {
    application::apply(call, &call.scope, of_publishing(PublishingChange::End)).await?;
    Ok(Answer::no_content())
}

fn of_publishing(publishing: PublishingChange) -> ApplicationChange {
    ApplicationChange { publishing, merge: Some(attribute::merged), ..ApplicationChange::default() }
}

/// What a checked value of the property asks for.
pub(super) fn change(value: &Value) -> Result<PublishingChange, GraphError> {
    let Value::Object(wanted) = value else { return Ok(PublishingChange::End) };
    if ends_publishing(wanted) {
        return Ok(PublishingChange::End);
    }
    if wanted.is_empty() {
        return Ok(PublishingChange::Keep);
    }
    Ok(PublishingChange::Merge(PublishingPatch {
        external_url: parsed(wanted, "externalUrl", ExternalUrl::parse)?,
        internal_url: parsed(wanted, "internalUrl", InternalUrl::parse)?,
        pre_authentication: wanted.get("externalAuthenticationType").map(pre_authentication),
        host_header: wanted.get("isTranslateHostHeaderEnabled").map(host_header),
        upstream_certificate: wanted.get("isBackendCertificateValidationEnabled").map(upstream_certificate),
        timeout: wanted.get("applicationServerTimeout").map(timeout),
        certificate: certificate::uploaded(wanted)?,
        attributes: wanted.iter().filter(|(name, value)| is_attribute(name, value)).map(owned).collect(),
    }))
}

/// Whether a property is kept as it came. Segments are changed at their own path: what a PATCH says of their
/// configuration is at most of which type it is, unless it ends it.
fn is_attribute(name: &str, value: &Value) -> bool {
    !TYPED.contains(&name) && (name != SEGMENTS || value.is_null())
}

const SEGMENTS: &str = "segmentsConfiguration";

/// The properties that have a type in the directory; all others are attributes.
const TYPED: [&str; 8] = [
    "externalUrl",
    "internalUrl",
    "externalAuthenticationType",
    "isTranslateHostHeaderEnabled",
    "isBackendCertificateValidationEnabled",
    "applicationServerTimeout",
    "verifiedCustomDomainKeyCredential",
    "verifiedCustomDomainPasswordCredential",
];

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn ends_publishing(wanted: &Map<String, Value>) -> bool {
    let gone = |name: &str| match wanted.get(name) {
        Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty() || text.eq_ignore_ascii_case(DELETE_WORD),
        _ => false,
    };
    gone("externalUrl") && gone("internalUrl")
}

fn parsed<T, E: std::fmt::Display>(
    wanted: &Map<String, Value>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, GraphError> {
    match wanted.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            let invalid =
                |error| GraphError::invalid(format!("Invalid value specified for property '{name}': {error}."));
            parse(text).map(Some).map_err(invalid)
        }
        Some(_) => Err(GraphError::invalid(format!(
            "Property '{name}' cannot be null alone; to end the publishing, set 'onPremisesPublishing' to null."
        ))),
    }
}

/// Anything but an explicit `passthru` demands sign-in.
fn pre_authentication(value: &Value) -> PreAuthentication {
    match value.as_str() {
        Some("passthru") => PreAuthentication::Passthrough,
        _ => PreAuthentication::SignIn,
    }
}

fn host_header(value: &Value) -> HostHeader {
    if value == &Value::Bool(false) { HostHeader::External } else { HostHeader::Internal }
}

/// Anything but an explicit `false` verifies.
fn upstream_certificate(value: &Value) -> UpstreamCertificate {
    if value == &Value::Bool(false) { UpstreamCertificate::NotVerified } else { UpstreamCertificate::Verified }
}

fn timeout(value: &Value) -> UpstreamTimeout {
    if value.as_str() == Some("long") { UpstreamTimeout::Long } else { UpstreamTimeout::Default }
}

/// A publishing in Graph's spelling: defaults, then what was set, then what the directory knows, in declared order.
pub(super) fn shown(
    publishing: &adit_core::Publishing,
    certificate: Option<&CertificateMetadata>,
) -> Map<String, Value> {
    let mut known = defaults().as_object().cloned().unwrap_or_default();
    known.extend(publishing.attributes.clone());
    known.extend(typed(publishing));
    if let Some(Value::Object(configuration)) = known.get_mut(SEGMENTS) {
        configuration.retain(|name, _| name == "@odata.type");
    }
    if let Some(certificate) = certificate {
        known.insert("verifiedCustomDomainCertificatesMetadata".to_owned(), certificate::shown(certificate));
    }
    PUBLISHING
        .properties
        .iter()
        .filter(|property| property.returned != adit_odata::model::Returned::Never)
        .map(|property| (property.name.to_owned(), known.remove(property.name).unwrap_or_default()))
        .collect()
}

fn typed(publishing: &adit_core::Publishing) -> Map<String, Value> {
    let authentication = match publishing.pre_authentication {
        PreAuthentication::Passthrough => "passthru",
        PreAuthentication::SignIn => "aadPreAuthentication",
    };
    let timeout = match publishing.timeout {
        UpstreamTimeout::Default => "default",
        UpstreamTimeout::Long => "long",
    };
    Map::from_iter([
        ("externalUrl".to_owned(), publishing.external_url.to_string().into()),
        ("internalUrl".to_owned(), publishing.internal_url.to_string().into()),
        ("externalAuthenticationType".to_owned(), authentication.into()),
        ("applicationServerTimeout".to_owned(), timeout.into()),
        ("isTranslateHostHeaderEnabled".to_owned(), (publishing.host_header == HostHeader::Internal).into()),
        (
            "isBackendCertificateValidationEnabled".to_owned(),
            (publishing.upstream_certificate == UpstreamCertificate::Verified).into(),
        ),
        ("isOnPremPublishingEnabled".to_owned(), true.into()),
    ])
}

/// What a publishing has in Graph where nothing was set; all that is not named here is null.
pub(crate) fn defaults() -> &'static Value {
    &DEFAULTS
}

static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "applicationType": "enterpriseapp",
        "isAccessibleViaZTNAClient": false,
        "isContinuousAccessEvaluationEnabled": true,
        "isDeviceAccessEnabled": false,
        "isDnsResolutionEnabled": false,
        "isHttpOnlyCookieEnabled": false,
        "isPersistentCookieEnabled": false,
        "isSecureCookieEnabled": true,
        "isStateSessionEnabled": false,
        "isTranslateLinksInBodyEnabled": false,
        "onPremisesApplicationSegments": [],
        "trafficRoutingMethod": "none",
        "useAlternateUrlForTranslationAndRedirect": false,
        "wafIpRanges": [],
    })
});
