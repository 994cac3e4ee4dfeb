//! `onPremisesPublishing`: how an application is published, in Graph's spelling (contract section 1.5).
//!
//! Publishing ends in three ways that clients use: `null`, both URLs set to a word of the old PowerShell module (or
//! emptied), and DELETE. What Adit gives no meaning to is kept as it came.

use std::sync::LazyLock;

use adit_control::{ApplicationChange, PublishingChange, PublishingPatch};
use adit_core::application::{
    BodyLinks, HostHeader, TrafficRouting, TranslatedTo, UpstreamCertificate, UpstreamTimeout,
};
use adit_core::certificate::CertificateMetadata;
use adit_core::{ExternalUrl, InternalUrl, PreAuthentication};
use adit_odata::body;
use serde_json::{Map, Value, json};

use super::{application, attribute, certificate, publishing_settings};
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
    check_single_sign_on(wanted)?;
    Ok(PublishingChange::Merge(PublishingPatch {
        external_url: parsed(wanted, "externalUrl", ExternalUrl::parse)?,
        internal_url: parsed(wanted, "internalUrl", InternalUrl::parse)?,
        alternate_url: alternate_url(wanted)?,
        translated_to: wanted.get("useAlternateUrlForTranslationAndRedirect").map(translated_to),
        pre_authentication: wanted.get("externalAuthenticationType").map(pre_authentication),
        host_header: wanted.get("isTranslateHostHeaderEnabled").map(host_header),
        body_links: wanted.get("isTranslateLinksInBodyEnabled").map(body_links),
        upstream_certificate: wanted.get("isBackendCertificateValidationEnabled").map(upstream_certificate),
        timeout: wanted.get("applicationServerTimeout").map(timeout),
        traffic_routing: wanted.get("trafficRoutingMethod").map(traffic_routing),
        upstream_times: publishing_settings::times(wanted)?,
        upstream_protocol: publishing_settings::upstream_protocol(wanted)?,
        maintenance: publishing_settings::maintenance(wanted),
        maintenance_text: publishing_settings::maintenance_text(wanted)?,
        health_probe: publishing_settings::health_probe(wanted)?,
        sign_on_headers: publishing_settings::sign_on_headers(wanted)?,
        assertion: publishing_settings::assertion(wanted),
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
const TYPED: [&str; 13] = [
    "externalUrl",
    "internalUrl",
    "alternateUrl",
    "useAlternateUrlForTranslationAndRedirect",
    "externalAuthenticationType",
    "isTranslateHostHeaderEnabled",
    "isTranslateLinksInBodyEnabled",
    "isBackendCertificateValidationEnabled",
    "applicationServerTimeout",
    "trafficRoutingMethod",
    publishing_settings::NAME,
    "verifiedCustomDomainKeyCredential",
    "verifiedCustomDomainPasswordCredential",
];

/// The ways of signing users in at the upstream that can be set; of these `onPremisesKerberos` is kept for clients that set
/// it, and has no effect.
const SINGLE_SIGN_ON_MODES: [&str; 3] = ["none", "aadHeaderBased", "onPremisesKerberos"];

/// Refuses a way that this server does not have, and would not be missed until users stand before another sign-in.
fn check_single_sign_on(wanted: &Map<String, Value>) -> Result<(), GraphError> {
    let mode = wanted.get("singleSignOnSettings").and_then(|settings| settings.get("singleSignOnMode"));
    match mode.and_then(Value::as_str) {
        Some(mode) if !SINGLE_SIGN_ON_MODES.contains(&mode) => Err(GraphError::invalid(format!(
            "Invalid value specified for property 'singleSignOnSettings/singleSignOnMode': '{mode}' is not offered here; it \
             is one of {}.",
            SINGLE_SIGN_ON_MODES.join(", ")
        ))),
        _ => Ok(()),
    }
}

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

/// The alternate URL goes with `null` or nothing in it.
fn alternate_url(wanted: &Map<String, Value>) -> Result<Option<Option<ExternalUrl>>, GraphError> {
    let Some(value) = wanted.get("alternateUrl") else { return Ok(None) };
    match value.as_str() {
        None | Some("") => Ok(Some(None)),
        Some(text) => ExternalUrl::parse(text).map(|url| Some(Some(url))).map_err(|error| {
            GraphError::invalid(format!("Invalid value specified for property 'alternateUrl': {error}."))
        }),
    }
}

fn translated_to(value: &Value) -> TranslatedTo {
    if value == &Value::Bool(true) { TranslatedTo::Alternate } else { TranslatedTo::External }
}

fn body_links(value: &Value) -> BodyLinks {
    if value == &Value::Bool(true) { BodyLinks::Translated } else { BodyLinks::Kept }
}

fn traffic_routing(value: &Value) -> TrafficRouting {
    let known = TRAFFIC_ROUTING.into_iter().find(|(_, word)| value.as_str() == Some(word));
    known.map_or(TrafficRouting::None, |(routing, _)| routing)
}

const TRAFFIC_ROUTING: [(TrafficRouting, &str); 4] = [
    (TrafficRouting::None, "none"),
    (TrafficRouting::Random, "random"),
    (TrafficRouting::SessionPersistence, "sessionPersistence"),
    (TrafficRouting::Performance, "performance"),
];

/// Anything but an explicit `passthru` demands sign-in.
fn pre_authentication(value: &Value) -> PreAuthentication {
    match value.as_str() {
        Some("passthru") => PreAuthentication::Passthrough,
        _ => PreAuthentication::SignIn,
    }
}

/// The word for it.
pub(super) const fn authentication_type(pre_authentication: PreAuthentication) -> &'static str {
    match pre_authentication {
        PreAuthentication::Passthrough => "passthru",
        PreAuthentication::SignIn => "aadPreAuthentication",
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
    let authentication = authentication_type(publishing.pre_authentication);
    let timeout = match publishing.timeout {
        UpstreamTimeout::Default => "default",
        UpstreamTimeout::Long => "long",
    };
    let routing = TRAFFIC_ROUTING.into_iter().find(|(own, _)| *own == publishing.traffic_routing);
    Map::from_iter([
        ("alternateUrl".to_owned(), publishing.alternate_url.as_ref().map(ToString::to_string).into()),
        (
            "useAlternateUrlForTranslationAndRedirect".to_owned(),
            (publishing.translated_to == TranslatedTo::Alternate).into(),
        ),
        ("isTranslateLinksInBodyEnabled".to_owned(), (publishing.body_links == BodyLinks::Translated).into()),
        ("trafficRoutingMethod".to_owned(), routing.map(|(_, word)| word).into()),
        (publishing_settings::NAME.to_owned(), publishing_settings::shown(publishing)),
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
        "onPremisesApplicationSegments": [],
        "wafIpRanges": [],
    })
});
