//! The properties of an application that Adit gives no meaning to: kept as they came, given back with Graph's defaults
//! for what was never set (contract sections 1.4 and 1.9).

use adit_control::PublishingChange;
use adit_core::Application;
use adit_core::application::Attributes;
use serde_json::{Map, Value, json};

use crate::error::GraphError;

/// The tag by which scripts find published applications.
const ON_PREMISES_TAG: &str = "WindowsAzureActiveDirectoryOnPremApp";

/// The tag of every application that was ever published.
const INTEGRATED_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// Structured properties of which a PATCH changes the parts that it names.
const MERGED: [&str; 5] = ["web", "spa", "publicClient", "api", "info"];

/// Checks attributes from a body whose types were checked already; secrets are taken out.
pub(crate) fn checked(mut attributes: Attributes) -> Result<Attributes, GraphError> {
    if let Some(uris) = attributes.get("identifierUris") {
        check_distinct("identifierUris", uris)?;
    }
    if let Some(uris) = attributes.get("web").and_then(|web| web.get("redirectUris")) {
        check_distinct("web/redirectUris", uris)?;
    }
    if let Some(Value::Array(credentials)) = attributes.get_mut("keyCredentials") {
        for credential in credentials.iter_mut().filter_map(Value::as_object_mut) {
            credential
                .retain(|name, _| !["key", "value", "secretText"].iter().any(|own| own.eq_ignore_ascii_case(name)));
        }
    }
    Ok(attributes)
}

/// Graph refuses values that differ only by case.
fn check_distinct(property: &str, values: &Value) -> Result<(), GraphError> {
    let texts = values.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut folded: Vec<String> = texts.map(str::to_lowercase).collect();
    let given = folded.len();
    folded.sort_unstable();
    folded.dedup();
    if folded.len() == given { Ok(()) } else { Err(GraphError::duplicate_value(property)) }
}

/// What a PATCH makes of an application's attributes: structured ones are merged with what is there, and the tag that
/// outlives the publishing is kept.
pub(crate) fn merged(application: &Application, mut wanted: Attributes, publishing: &PublishingChange) -> Attributes {
    for name in MERGED {
        if let (Some(new @ Value::Object(_)), Some(old)) = (wanted.get_mut(name), application.attributes.get(name)) {
            let mut whole = old.clone();
            overlay(&mut whole, new.take());
            *new = whole;
        }
    }
    let ends = matches!(publishing, PublishingChange::End) && application.publishing().is_some();
    if ends && !wanted.contains_key("tags") {
        let mut tags = tags_of(&application.attributes);
        tags.retain(|tag| tag != ON_PREMISES_TAG);
        add_tag(&mut tags, INTEGRATED_TAG);
        wanted.insert("tags".to_owned(), json!(tags));
    }
    wanted
}

/// The attributes as they are returned: defaults, then what was set, then the tags of a published application.
pub(crate) fn shown(application: &Application) -> Map<String, Value> {
    let mut properties = defaults();
    for (name, value) in &application.attributes {
        overlay(properties.entry(name.clone()).or_insert(Value::Null), value.clone());
    }
    if application.publishing().is_some() {
        let mut tags = tags_of(&properties);
        add_tag(&mut tags, INTEGRATED_TAG);
        add_tag(&mut tags, ON_PREMISES_TAG);
        properties.insert("tags".to_owned(), json!(tags));
    }
    properties
}

/// Lays `over` onto `base`: objects member by member, anything else whole.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn tags_of(attributes: &Map<String, Value>) -> Vec<String> {
    let tags = attributes.get("tags").and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn add_tag(tags: &mut Vec<String>, tag: &str) {
    if !tags.iter().any(|own| own == tag) {
        tags.push(tag.to_owned());
    }
}

/// What a new application has in Graph.
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "deletedDateTime": null,
        "applicationTemplateId": null,
        "description": null,
        "notes": null,
        "uniqueName": null,
        "publisherDomain": null,
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
        "disabledByMicrosoftStatus": null,
        "identifierUris": [],
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "groupMembershipClaims": null,
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": null,
        "serviceManagementReference": null,
        "tokenEncryptionKeyId": null,
        "samlMetadataUrl": null,
        "defaultRedirectUri": null,
        "optionalClaims": null,
        "addIns": [],
        "api": {
            "acceptMappedClaims": null,
            "knownClientApplications": [],
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
            "requestedAccessTokenVersion": null,
        },
        "appRoles": [],
        "info": {
            "logoUrl": null,
            "marketingUrl": null,
            "privacyStatementUrl": null,
            "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": [],
        "passwordCredentials": [],
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "publicClient": {"redirectUris": []},
        "requestSignatureVerification": null,
        "requiredResourceAccess": [],
        "servicePrincipalLockConfiguration": null,
        "spa": {"redirectUris": []},
        "web": {
            "homePageUrl": null,
            "logoutUrl": null,
            "redirectUris": [],
            "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false},
        },
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}
