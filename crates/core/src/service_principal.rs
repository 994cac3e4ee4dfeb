//! A service principal: an application as somebody that principals are assigned to, and that can be assigned itself.
//!
//! Rules: an application has at most one. Its app roles are those of the application followed by its own. While the
//! application is published, it has the two tags by which clients find published applications (contract section 1.9).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::app_role_assignment::{DEFAULT_ACCESS, PrincipalKind};
use crate::application::{Application, Attributes};
use crate::id::{AppId, ServicePrincipalId};
use crate::name::DisplayName;
use crate::revision::Revision;

/// The attribute that holds the app roles, of an application and of a service principal.
const APP_ROLES: &str = "appRoles";

/// The attribute that holds the tags.
const TAGS: &str = "tags";

/// The tag of an application that takes part in sign-in; it stays when the publishing ends.
const INTEGRATED_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// The tag of a published application.
const ON_PREMISES_TAG: &str = "WindowsAzureActiveDirectoryOnPremApp";

/// A service principal as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePrincipal {
    /// Its id.
    pub id: ServicePrincipalId,
    /// The client id of its application.
    pub app_id: AppId,
    /// Its name; not unique.
    pub display_name: DisplayName,
    /// When it was made.
    pub created: Timestamp,
    /// The rest, opaque here but for app roles and tags.
    pub attributes: Attributes,
    /// The revision of its last change.
    pub revision: Revision,
}

impl ServicePrincipal {
    /// Gives it the tags of a published application.
    pub fn mark_published(&mut self) {
        let mut tags = self.tags();
        for tag in [INTEGRATED_TAG, ON_PREMISES_TAG] {
            if !tags.iter().any(|own| own == tag) {
                tags.push(tag.into());
            }
        }
        self.attributes.insert(TAGS.to_owned(), Value::Array(tags));
    }

    /// Takes the tag of a published application from it.
    pub fn mark_unpublished(&mut self) {
        let mut tags = self.tags();
        let before = tags.len();
        tags.retain(|tag| tag != ON_PREMISES_TAG);
        if tags.len() != before {
            self.attributes.insert(TAGS.to_owned(), Value::Array(tags));
        }
    }

    fn tags(&self) -> Vec<Value> {
        self.attributes.get(TAGS).and_then(Value::as_array).cloned().unwrap_or_default()
    }
}

/// The app roles that can be assigned: those of the application, then those of the service principal. A role that both
/// have is the application's. Without an application only its own.
#[must_use]
pub fn effective_app_roles(application: Option<&Application>, principal: &ServicePrincipal) -> Vec<Value> {
    let declared = application.map(|application| app_roles(&application.attributes)).unwrap_or_default();
    let mut roles = declared.to_vec();
    let own = app_roles(&principal.attributes).iter();
    roles.extend(own.filter(|role| !declared.iter().any(|other| is_same(role, other))).cloned());
    roles
}

/// The role of that id in which principals of `kind` can be, where `roles` are in effect: one that is enabled, and whose
/// `allowedMemberTypes` have them (users and groups as `User`, programs as `Application`; what says nothing is for all).
#[must_use]
pub fn assignable_role(roles: &[Value], id: Uuid, kind: PrincipalKind) -> Option<&Value> {
    let is_enabled = |role: &Value| role.get("isEnabled") == Some(&Value::Bool(true));
    roles.iter().find(|role| role_id(role) == Some(id) && is_enabled(role) && is_for(role, kind))
}

/// Whether principals of `kind` can be assigned in the role of that id, where `roles` are in effect; default access is for
/// all of them.
#[must_use]
pub fn is_assignable(roles: &[Value], id: Uuid, kind: PrincipalKind) -> bool {
    id == DEFAULT_ACCESS || assignable_role(roles, id, kind).is_some()
}

fn is_for(role: &Value, kind: PrincipalKind) -> bool {
    let word = match kind {
        PrincipalKind::User | PrincipalKind::Group => "User",
        PrincipalKind::ServicePrincipal => "Application",
    };
    match role.get("allowedMemberTypes") {
        None | Some(Value::Null) => true,
        Some(types) => types.as_array().is_some_and(|types| types.iter().any(|own| own == word)),
    }
}

fn app_roles(attributes: &Attributes) -> &[Value] {
    attributes.get(APP_ROLES).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_same(role: &Value, other: &Value) -> bool {
    role_id(role).is_some() && role_id(role) == role_id(other)
}

fn role_id(role: &Value) -> Option<Uuid> {
    Uuid::try_parse(role.get("id")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::application::tests::application;

    fn attributes(value: Value) -> Attributes {
        value.as_object().unwrap().clone()
    }

    fn principal(value: Value) -> ServicePrincipal {
        ServicePrincipal {
            id: ServicePrincipalId::new(Uuid::from_u128(7)),
            app_id: AppId::new(Uuid::from_u128(1001)),
            display_name: DisplayName::parse("Wiki").unwrap(),
            created: Timestamp::UNIX_EPOCH,
            attributes: attributes(value),
            revision: Revision(0),
        }
    }

    fn role(number: u128, value: &str) -> Value {
        json!({ "id": Uuid::from_u128(number), "value": value, "isEnabled": true })
    }

    #[test]
    fn the_roles_of_the_application_come_first_and_stand_over_its_own_of_the_same_id() {
        let mut wiki = application(1);
        wiki.attributes = attributes(json!({ "appRoles": [role(1, "read"), role(2, "write")] }));
        let own = principal(json!({ "appRoles": [role(2, "changed"), role(3, "own")] }));
        let effective = effective_app_roles(Some(&wiki), &own);
        assert_eq!(effective, [role(1, "read"), role(2, "write"), role(3, "own")]);
        assert_eq!(effective_app_roles(None, &own), [role(2, "changed"), role(3, "own")]);
        assert_eq!(effective_app_roles(Some(&application(1)), &principal(json!({}))), [] as [Value; 0]);
    }

    #[test]
    fn a_role_is_assignable_if_it_is_there_and_enabled_and_default_access_always_is() {
        let upper = Uuid::from_u128(0xabc).to_string().to_uppercase();
        let roles = [
            role(1, "read"),
            json!({ "id": Uuid::from_u128(2), "isEnabled": false }),
            json!({ "id": Uuid::from_u128(3) }),
            json!({ "id": upper, "isEnabled": true }),
            json!("nonsense"),
        ];
        let assignable = |roles: &[Value], id| is_assignable(roles, id, PrincipalKind::User);
        assert!(assignable(&roles, Uuid::from_u128(1)));
        assert!(assignable(&roles, Uuid::from_u128(0xabc)), "case does not count");
        for refused in [2, 3, 4] {
            assert!(!assignable(&roles, Uuid::from_u128(refused)), "{refused}");
        }
        assert!(assignable(&[], DEFAULT_ACCESS));
    }

    #[test]
    fn a_role_is_for_the_kinds_of_principals_that_it_names() {
        let id = Uuid::from_u128(1);
        let for_kinds = |types: Value| {
            let roles = [json!({ "id": id, "isEnabled": true, "allowedMemberTypes": types })];
            use PrincipalKind::{Group, ServicePrincipal, User};
            [User, Group, ServicePrincipal].map(|kind| is_assignable(&roles, id, kind))
        };
        assert_eq!(for_kinds(json!(["User"])), [true, true, false]);
        assert_eq!(for_kinds(json!(["Application"])), [false, false, true]);
        assert_eq!(for_kinds(json!(["Application", "User"])), [true; 3]);
        assert_eq!(for_kinds(json!(null)), [true; 3]);
        for odd in [json!([]), json!("User"), json!(["Device"])] {
            assert_eq!(for_kinds(odd), [false; 3]);
        }
        assert!(is_assignable(&[], DEFAULT_ACCESS, PrincipalKind::ServicePrincipal));
    }

    #[test]
    fn of_two_roles_of_one_id_the_enabled_one_is_given() {
        let disabled = json!({ "id": Uuid::from_u128(1), "value": "old", "isEnabled": false });
        let roles = [disabled, role(1, "new")];
        let given = assignable_role(&roles, Uuid::from_u128(1), PrincipalKind::User).unwrap();
        assert_eq!(given["value"], "new");
    }

    #[test]
    fn the_tags_of_a_published_application_come_and_go_and_leave_the_others_alone() {
        let mut wiki = principal(json!({ "tags": ["mine", INTEGRATED_TAG] }));
        wiki.mark_published();
        assert_eq!(wiki.attributes["tags"], json!(["mine", INTEGRATED_TAG, ON_PREMISES_TAG]));
        let once = wiki.clone();
        wiki.mark_published();
        assert_eq!(wiki, once, "marking it again changes nothing");
        wiki.mark_unpublished();
        assert_eq!(wiki.attributes["tags"], json!(["mine", INTEGRATED_TAG]));
        let mut bare = principal(json!({}));
        bare.mark_unpublished();
        assert_eq!(bare.attributes, Attributes::new(), "nothing is taken where nothing is");
    }
}
