//! The properties of an application that Adit gives no meaning to: kept as they came, given back with Graph's defaults
//! for what was never set (contract sections 1.4 and 1.9).

use std::sync::LazyLock;

use adit_control::{PublishingChange, PublishingPatch};
use adit_core::Application;
use adit_core::application::Attributes;
use serde_json::{Map, Value, json};

use adit_odata::Type;

use crate::error::GraphError;
use crate::model::APPLICATION;

/// The tag by which scripts find published applications.
const ON_PREMISES_TAG: &str = "WindowsAzureActiveDirectoryOnPremApp";

/// The tag of every application that was ever published.
const INTEGRATED_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// Checks attributes from a body whose types were checked already; secrets are taken out.
pub(super) fn checked(attributes: Attributes) -> Result<Attributes, GraphError> {
    if let Some(uris) = attributes.get("identifierUris") {
        check_distinct("identifierUris", uris)?;
    }
    if let Some(uris) = attributes.get("web").and_then(|web| web.get("redirectUris")) {
        check_distinct("web/redirectUris", uris)?;
    }
    Ok(without_secrets(attributes))
}

/// Takes the secrets out of credentials: they are never kept, so that they can never be returned.
pub(super) fn without_secrets(mut attributes: Attributes) -> Attributes {
    for list in ["keyCredentials", "passwordCredentials"] {
        let credentials = attributes.get_mut(list).and_then(Value::as_array_mut);
        for credential in credentials.into_iter().flatten().filter_map(Value::as_object_mut) {
            credential.retain(|name, _| !["key", "secretText"].iter().any(|own| own.eq_ignore_ascii_case(name)));
        }
    }
    attributes
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

/// The attributes of a new application.
pub(super) fn of_new(mut attributes: Attributes, publishing: Option<&PublishingPatch>) -> Attributes {
    if publishing.is_some() {
        let tags = tags_while_published(&attributes);
        attributes.insert("tags".to_owned(), json!(tags));
    }
    attributes
}

/// What a PATCH makes of an application's attributes: structured ones are merged with what is there. A published
/// application has two tags by which scripts find it; one of them outlives the publishing.
pub(super) fn merged(application: &Application, mut wanted: Attributes, publishing: &PublishingChange) -> Attributes {
    let structured = APPLICATION.properties.iter().filter(|property| matches!(property.kind, Type::Complex(_)));
    for name in structured.map(|property| property.name) {
        if let (Some(new @ Value::Object(_)), Some(old)) = (wanted.get_mut(name), application.attributes.get(name)) {
            let mut whole = old.clone();
            overlay(&mut whole, new.take());
            *new = whole;
        }
    }
    let was_published = application.publishing().is_some();
    let tagged = if wanted.contains_key("tags") { &wanted } else { &application.attributes };
    let tags = match publishing {
        PublishingChange::End if was_published => tags_after_publishing(tagged),
        PublishingChange::Merge(_) => tags_while_published(tagged),
        PublishingChange::Keep if was_published => tags_while_published(tagged),
        PublishingChange::Keep | PublishingChange::End => return wanted,
    };
    wanted.insert("tags".to_owned(), json!(tags));
    wanted
}

fn tags_while_published(attributes: &Attributes) -> Vec<String> {
    let mut tags = tags_of(attributes);
    add_tag(&mut tags, INTEGRATED_TAG);
    add_tag(&mut tags, ON_PREMISES_TAG);
    tags
}

fn tags_after_publishing(attributes: &Attributes) -> Vec<String> {
    let mut tags = tags_of(attributes);
    tags.retain(|tag| tag != ON_PREMISES_TAG);
    add_tag(&mut tags, INTEGRATED_TAG);
    tags
}

/// The attributes as they are returned: defaults, then what was set.
pub(super) fn shown(application: &Application) -> Map<String, Value> {
    let mut properties = defaults().as_object().cloned().unwrap_or_default();
    for (name, value) in &application.attributes {
        overlay(properties.entry(name.clone()).or_insert(Value::Null), value.clone());
    }
    properties
}

/// Lays `over` onto `base`: objects member by member, anything else whole.
pub(super) fn overlay(base: &mut Value, over: Value) {
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
pub(crate) fn defaults() -> &'static Value {
    &DEFAULTS
}

static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    json!({
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
        "authenticationBehaviors": null,
        "createdByAppId": null,
        "isDisabled": null,
        "managerApplications": [],
        "nativeAuthenticationApisEnabled": null,
        "oauth2RequirePostResponse": false,
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
            "oauth2AllowImplicitFlow": false,
            "redirectUris": [],
            "redirectUriSettings": [],
            "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false},
        },
    })
});
