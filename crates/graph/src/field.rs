//! Which field of the directory a property is: by the type of the entity and the way from it.
//!
//! What the directory keeps as a JSON document is reached by its parts, with the default that holds where nothing was
//! set, so that a filter sees what an answer shows.

use adit_core::query::{
    AppRoleAssignmentField, ApplicationField, AuditField, ConnectorField, ConnectorGroupField, Expression, Field,
    JsonKind, JsonPart, Operator, Relation, ServicePrincipalField, UserField, UserGroupField, Value, Variable,
};
use adit_odata::model::Navigation;
use adit_odata::{EntityType, Type};
use serde_json::Value as Json;

use crate::resource::{attribute, directory_audit, publishing, service_principal, user, user_group};

/// The property at `names`, below an entity of the type `on`, as a value; `None` for what cannot be asked.
pub(crate) fn value(
    on: &'static EntityType,
    of: Variable,
    names: &[&str],
    kind: Option<&'static Type>,
) -> Option<Expression> {
    let plain = |field: Field| Some(Expression::Field(of, field));
    match on.name {
        "connector" => plain(Field::Connector(connector(names)?)),
        "connectorGroup" => connector_group(of, names),
        "application" => application(of, names, kind?),
        "servicePrincipal" => plain(Field::ServicePrincipal(service_principal_field(names, kind?)?)),
        "user" => plain(Field::User(user_field(names, kind?)?)),
        "group" => plain(Field::UserGroup(user_group_field(names, kind?)?)),
        "appRoleAssignment" => plain(Field::AppRoleAssignment(assignment(names)?)),
        "directoryAudit" => audit(of, names),
        _ => None,
    }
}

/// The array at `names`.
pub(crate) fn array(on: &'static EntityType, names: &[&str]) -> Option<Field> {
    let part = |defaults: &Json| JsonPart {
        path: owned(names),
        kind: JsonKind::Array,
        default: if at(defaults, names).is_some() { Value::Text("[]".to_owned()) } else { Value::Null },
    };
    match (on.name, names) {
        ("application", ["onPremisesPublishing", "adit", "signOnHeaders"]) => {
            let part = JsonPart { path: owned(&["sign_on", "headers"]), kind: JsonKind::Array, default: Value::Null };
            Some(Field::Application(ApplicationField::Setting(part)))
        }
        ("application", ["onPremisesPublishing", rest @ ..]) => {
            let part = JsonPart { path: owned(rest), kind: JsonKind::Array, default: Value::Null };
            Some(Field::Application(ApplicationField::Publishing(part)))
        }
        ("application", _) => Some(Field::Application(ApplicationField::Attribute(part(attribute::defaults())))),
        ("servicePrincipal", _) => {
            Some(Field::ServicePrincipal(ServicePrincipalField::Attribute(part(service_principal::defaults()))))
        }
        ("user", _) => Some(Field::User(UserField::Attribute(part(user::defaults())))),
        ("group", _) => Some(Field::UserGroup(UserGroupField::Attribute(part(user_group::defaults())))),
        _ => None,
    }
}

/// The relation behind a navigation.
pub(crate) fn relation(from: &'static EntityType, navigation: &'static Navigation) -> Option<Relation> {
    match (from.name, navigation.name) {
        ("connectorGroup", "members") => Some(Relation::Members),
        ("connectorGroup", "applications") => Some(Relation::Applications),
        ("connector", "memberOf") => Some(Relation::GroupOfConnector),
        ("application", "connectorGroup") => Some(Relation::GroupOfApplication),
        ("servicePrincipal", "appRoleAssignedTo") => Some(Relation::AssignedTo),
        _ => None,
    }
}

/// The text properties that `$search` looks through when it names none.
pub(crate) fn searched(on: &'static EntityType) -> &'static [&'static str] {
    match on.name {
        "connector" => &["machineName"],
        "connectorGroup" => &["name"],
        "application" => &["displayName", "description"],
        "servicePrincipal" => &["displayName"],
        "user" => &["displayName", "userPrincipalName", "mail"],
        "group" => &["displayName", "description"],
        "directoryAudit" => &["activityDisplayName", "initiatedBy/user/displayName"],
        "appRoleAssignment" => &["principalDisplayName", "resourceDisplayName"],
        _ => &[],
    }
}

/// The word under which a member of an enumeration is stored.
pub(crate) fn stored_member<'m>(property: &str, member: &'m str) -> &'m str {
    match (property, member) {
        ("externalAuthenticationType", "passthru") => "passthrough",
        ("externalAuthenticationType", "aadPreAuthentication") => "sign_in",
        ("trafficRoutingMethod", "sessionPersistence") => "session_persistence",
        ("principalType", "ServicePrincipal") => "service_principal",
        (_, member) => member,
    }
}

/// How a value of a type is kept in a JSON document.
pub(crate) const fn json_kind(kind: &Type) -> Option<JsonKind> {
    match kind {
        Type::String | Type::Guid | Type::Date | Type::TimeOfDay | Type::Binary | Type::Enum(_) => Some(JsonKind::Text),
        Type::Boolean => Some(JsonKind::Bool),
        Type::Int32 | Type::Int64 => Some(JsonKind::Integer),
        Type::Double => Some(JsonKind::Number),
        Type::DateTimeOffset => Some(JsonKind::Instant),
        Type::Collection(_) => Some(JsonKind::Array),
        Type::Duration | Type::Complex(_) | Type::Untyped => None,
    }
}

fn connector(names: &[&str]) -> Option<ConnectorField> {
    match names {
        ["id"] => Some(ConnectorField::Id),
        ["machineName"] => Some(ConnectorField::MachineName),
        ["externalIp"] => Some(ConnectorField::ExternalIp),
        ["status"] => Some(ConnectorField::Status),
        ["version"] => Some(ConnectorField::Version),
        _ => None,
    }
}

fn connector_group(of: Variable, names: &[&str]) -> Option<Expression> {
    let field = match names {
        ["id"] => ConnectorGroupField::Id,
        ["name"] => ConnectorGroupField::Name,
        ["region"] => ConnectorGroupField::Region,
        ["isDefault"] => ConnectorGroupField::IsDefault,
        ["connectorGroupType"] => return Some(Expression::Value(Value::Text("applicationProxy".to_owned()))),
        _ => return None,
    };
    Some(Expression::Field(of, Field::ConnectorGroup(field)))
}

fn application(of: Variable, names: &[&str], kind: &'static Type) -> Option<Expression> {
    let field = match names {
        ["id"] => ApplicationField::Id,
        ["appId"] => ApplicationField::AppId,
        ["displayName"] => ApplicationField::DisplayName,
        ["createdDateTime"] => ApplicationField::Created,
        ["deletedDateTime"] => ApplicationField::Deleted,
        ["onPremisesPublishing", rest @ ..] => return published(of, rest, kind),
        _ => ApplicationField::Attribute(part(names, kind, attribute::defaults())?),
    };
    Some(Expression::Field(of, Field::Application(field)))
}

/// A setting of an application's publishing; all are nothing while it is not published.
fn published(of: Variable, names: &[&str], kind: &'static Type) -> Option<Expression> {
    let field = |field| Expression::Field(of, Field::Application(field));
    let setting = |path: &[&str], kind, default: Option<&str>| {
        let default = default.map_or(Value::Null, |word| Value::Text(word.to_owned()));
        ApplicationField::Setting(JsonPart { path: owned(path), kind, default })
    };
    let is = |setting, word: &str| {
        let word = Expression::Value(Value::Text(word.to_owned()));
        Expression::Binary(Operator::Equal, Box::new(field(setting)), Box::new(word))
    };
    Some(match names {
        ["externalUrl"] => field(ApplicationField::ExternalUrl),
        ["internalUrl"] => field(ApplicationField::InternalUrl),
        ["isOnPremPublishingEnabled"] => field(ApplicationField::IsPublished),
        ["externalAuthenticationType"] => field(ApplicationField::PreAuthentication),
        ["applicationServerTimeout"] => field(ApplicationField::Timeout),
        ["isTranslateHostHeaderEnabled"] => is(ApplicationField::HostHeader, "internal"),
        ["isBackendCertificateValidationEnabled"] => is(ApplicationField::UpstreamCertificate, "verified"),
        ["alternateUrl"] => field(setting(&["alternate_url"], JsonKind::Text, None)),
        ["trafficRoutingMethod"] => field(setting(&["traffic_routing"], JsonKind::Text, Some("none"))),
        ["isTranslateLinksInBodyEnabled"] => is(setting(&["body_links"], JsonKind::Text, Some("kept")), "translated"),
        ["useAlternateUrlForTranslationAndRedirect"] => {
            is(setting(&["translated_to"], JsonKind::Text, Some("external")), "alternate")
        }
        ["adit", "upstreamProtocol"] => field(setting(&["upstream_protocol"], JsonKind::Text, Some("automatic"))),
        ["adit", "isInMaintenance"] => is(setting(&["maintenance", "state"], JsonKind::Text, Some("off")), "on"),
        ["adit", "maintenanceText"] => field(setting(&["maintenance", "text"], JsonKind::Text, None)),
        ["adit", "healthProbePath"] => field(setting(&["health_probe", "path"], JsonKind::Text, None)),
        ["adit", "healthProbeStatuses"] => field(setting(&["health_probe", "statuses"], JsonKind::Text, None)),
        ["adit", "healthProbeIntervalInSeconds"] => {
            field(setting(&["health_probe", "interval"], JsonKind::Integer, None))
        }
        ["adit", "healthProbeTimeoutInSeconds"] => {
            field(setting(&["health_probe", "timeout"], JsonKind::Integer, None))
        }
        ["adit", "isAssertionEnabled"] => is(setting(&["sign_on", "assertion"], JsonKind::Text, Some("on")), "on"),
        ["adit", time] => field(setting(&["upstream_times", stored_time(time)?], JsonKind::Integer, None)),
        [] | ["adit"] => return None,
        _ => field(ApplicationField::Publishing(part(names, kind, publishing::defaults())?)),
    })
}

/// Where one of Adit's own times is stored.
fn stored_time(property: &str) -> Option<&'static str> {
    match property {
        "connectTimeoutInSeconds" => Some("connect"),
        "firstByteTimeoutInSeconds" => Some("first_byte"),
        "idleTimeoutInSeconds" => Some("idle"),
        "totalTimeoutInSeconds" => Some("total"),
        _ => None,
    }
}

fn service_principal_field(names: &[&str], kind: &'static Type) -> Option<ServicePrincipalField> {
    Some(match names {
        ["id"] => ServicePrincipalField::Id,
        ["appId"] => ServicePrincipalField::AppId,
        ["displayName"] => ServicePrincipalField::DisplayName,
        _ => ServicePrincipalField::Attribute(part(names, kind, service_principal::defaults())?),
    })
}

fn user_field(names: &[&str], kind: &'static Type) -> Option<UserField> {
    Some(match names {
        ["id"] => UserField::Id,
        ["userPrincipalName"] => UserField::PrincipalName,
        ["displayName"] => UserField::DisplayName,
        ["accountEnabled"] => UserField::IsEnabled,
        ["createdDateTime"] => UserField::Created,
        ["lastPasswordChangeDateTime"] => UserField::PasswordChanged,
        _ => UserField::Attribute(part(names, kind, user::defaults())?),
    })
}

fn user_group_field(names: &[&str], kind: &'static Type) -> Option<UserGroupField> {
    Some(match names {
        ["id"] => UserGroupField::Id,
        ["displayName"] => UserGroupField::DisplayName,
        ["createdDateTime"] => UserGroupField::Created,
        _ => UserGroupField::Attribute(part(names, kind, user_group::defaults())?),
    })
}

fn assignment(names: &[&str]) -> Option<AppRoleAssignmentField> {
    Some(match names {
        ["id"] => AppRoleAssignmentField::Id,
        ["appRoleId"] => AppRoleAssignmentField::AppRole,
        ["principalId"] => AppRoleAssignmentField::Principal,
        ["principalType"] => AppRoleAssignmentField::PrincipalKind,
        ["principalDisplayName"] => AppRoleAssignmentField::PrincipalName,
        ["resourceId"] => AppRoleAssignmentField::Resource,
        ["resourceDisplayName"] => AppRoleAssignmentField::ResourceName,
        ["creationTimestamp" | "createdDateTime"] => AppRoleAssignmentField::Created,
        _ => return None,
    })
}

fn audit(of: Variable, names: &[&str]) -> Option<Expression> {
    let constant = |text: &str| Some(Expression::Value(Value::Text(text.to_owned())));
    let field = match names {
        ["id"] => AuditField::Id,
        ["activityDateTime"] => AuditField::At,
        ["activityDisplayName"] => AuditField::ActivityName,
        ["category"] => AuditField::Category,
        ["operationType"] => AuditField::OperationType,
        ["correlationId"] => AuditField::RequestId,
        ["loggedByService"] => return constant(directory_audit::SERVICE),
        ["result"] => AuditField::Result,
        ["initiatedBy", "user", "id"] | ["initiatedBy", "app", "appId"] => AuditField::ActorId,
        ["initiatedBy", "user", "displayName" | "userPrincipalName"] | ["initiatedBy", "app", "displayName"] => {
            AuditField::ActorName
        }
        _ => return None,
    };
    Some(Expression::Field(of, Field::Audit(field)))
}

/// A part of a kept document, with what an answer shows where nothing was set.
fn part(names: &[&str], kind: &'static Type, defaults: &Json) -> Option<JsonPart> {
    let kind = json_kind(kind).filter(|kind| *kind != JsonKind::Array)?;
    let default = match at(defaults, names) {
        Some(Json::Bool(truth)) => Value::Bool(*truth),
        Some(Json::String(text)) => Value::Text(text.clone()),
        Some(Json::Number(number)) => number.as_i64().map_or(Value::Null, Value::Integer),
        _ => Value::Null,
    };
    Some(JsonPart { path: owned(names), kind, default })
}

fn at<'j>(document: &'j Json, names: &[&str]) -> Option<&'j Json> {
    names.iter().try_fold(document, |value, name| value.get(name)).filter(|value| !value.is_null())
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
