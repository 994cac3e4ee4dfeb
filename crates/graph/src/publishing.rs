//! `onPremisesPublishing`: how an application is published, in Graph's spelling (contract section 1.5).
//!
//! Publishing ends in three ways that clients use: `null`, both URLs set to a word of the old PowerShell module (or
//! emptied), and DELETE. What Adit gives no meaning to is kept as it came. Secrets of custom-domain certificates are
//! refused, so that nobody believes they are in use.

use adit_control::{ApplicationChange, PublishingChange, PublishingPatch};
use adit_core::application::{HostHeader, UpstreamCertificate, UpstreamTimeout};
use adit_core::{Application, ExternalUrl, InternalUrl, PreAuthentication};
use adit_odata::body;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::application;
use crate::attribute;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::PUBLISHING;
use crate::preference::Return;

/// What the old PowerShell module writes into both URLs to end a publishing.
const DELETE_WORD: &str = "PowerShellDeleteApplication";

/// `GET applications/{id}/onPremisesPublishing`.
pub(crate) async fn read(call: &Call) -> Result<Answer, GraphError> {
    let application = call.application().await?;
    Ok(answer(call, &application))
}

fn answer(call: &Call, application: &Application) -> Answer {
    let Some(publishing) = application.publishing() else {
        // OData 4.0, part 1, section 11.2.3: a property without a value is answered without content.
        return Answer::no_content();
    };
    let path = format!("applications('{}')/{}", application.id, PUBLISHING.name);
    Answer::ok(call.document().structure(&path, shown(publishing)))
}

/// `PATCH applications/{id}/onPremisesPublishing`.
pub(crate) async fn update(call: &Call) -> Result<Answer, GraphError> {
    let body = body::check_properties(PUBLISHING.properties, call.body()?, PUBLISHING.name)?;
    let change = change(&Value::Object(body))?;
    let application = application::apply(call, of_publishing(change)).await?;
    if call.preferred == Return::Representation { Ok(answer(call, &application)) } else { Ok(Answer::no_content()) }
}

/// `DELETE applications/{id}/onPremisesPublishing`.
pub(crate) async fn delete(call: &Call) -> Result<Answer, GraphError> {
    application::apply(call, of_publishing(PublishingChange::End)).await?;
    Ok(Answer::no_content())
}

fn of_publishing(publishing: PublishingChange) -> ApplicationChange {
    ApplicationChange { publishing, merge: Some(attribute::merged), ..ApplicationChange::default() }
}

/// What a checked value of the property asks for.
pub(crate) fn change(value: &Value) -> Result<PublishingChange, GraphError> {
    let Value::Object(wanted) = value else { return Ok(PublishingChange::End) };
    if ends_publishing(wanted) {
        return Ok(PublishingChange::End);
    }
    if wanted.is_empty() {
        return Ok(PublishingChange::Keep);
    }
    refuse_secrets(wanted)?;
    Ok(PublishingChange::Merge(PublishingPatch {
        external_url: parsed(wanted, "externalUrl", ExternalUrl::parse)?,
        internal_url: parsed(wanted, "internalUrl", InternalUrl::parse)?,
        pre_authentication: wanted.get("externalAuthenticationType").map(pre_authentication),
        host_header: wanted.get("isTranslateHostHeaderEnabled").map(host_header),
        upstream_certificate: wanted.get("isBackendCertificateValidationEnabled").map(upstream_certificate),
        timeout: wanted.get("applicationServerTimeout").map(timeout),
        attributes: wanted.iter().filter(|(name, _)| !TYPED.contains(&name.as_str())).map(owned).collect(),
    }))
}

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

fn refuse_secrets(wanted: &Map<String, Value>) -> Result<(), GraphError> {
    let given = |name: &&str| wanted.get(*name).is_some_and(|value| !value.is_null());
    match ["verifiedCustomDomainKeyCredential", "verifiedCustomDomainPasswordCredential"]
        .iter()
        .find(|name| given(name))
    {
        None => Ok(()),
        Some(name) => Err(GraphError::invalid(format!(
            "Property '{name}' cannot be set: certificates of external URLs are configured at the gateway, and this \
             server keeps no private keys of them."
        ))),
    }
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
pub(crate) fn shown(publishing: &adit_core::Publishing) -> Map<String, Value> {
    let mut known = defaults();
    known.extend(publishing.attributes.clone());
    known.extend(typed(publishing));
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
fn defaults() -> Map<String, Value> {
    let defaults = json!({
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
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}
