//! `users`: the users of this directory itself. A password goes in and never comes out.

use std::sync::LazyLock;

use adit_control::{NewPassword, NewUser, UserChange, Zeroizing};
use adit_core::{DisplayName, User, UserPrincipalName};
use adit_odata::document::Entity;
use adit_odata::model::Type;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::attribute;
use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::USER;
use crate::permission::Permission;
use crate::scope::Scope;

/// `users`.
pub(crate) static USERS: Users = Users;

/// All users.
pub(crate) struct Users;

/// The properties of a user that this file gives a meaning to; all others are kept as they came.
const MEANT: [&str; 4] = ["userPrincipalName", "displayName", "accountEnabled", "passwordProfile"];

#[async_trait]
impl Entities for Users {
    fn kind(&self) -> &'static EntityType {
        &USER
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_users(&listing.question(&USER)?).await?;
        Ok(listing.page(page, entity))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&scope.user(&call.control).await?))
    }

    async fn create(&self, call: &Call, _scope: &Scope, mut body: Map<String, Value>) -> Result<Entity, GraphError> {
        if !body.contains_key("mailNickname") {
            return Err(required("mailNickname"));
        }
        let new = NewUser {
            principal_name: principal_name(&body)?.ok_or_else(|| required("userPrincipalName"))?,
            display_name: name(&body)?.ok_or_else(|| required("displayName"))?,
            is_enabled: flag(&body, "accountEnabled").ok_or_else(|| required("accountEnabled"))?,
            password: Profile::take(&mut body).new_password().ok_or_else(|| required("passwordProfile/password"))?,
            attributes: others(body),
        };
        Ok(entity(&call.control.create_user(&call.context, new).await?))
    }

    async fn update(&self, call: &Call, scope: &Scope, mut body: Map<String, Value>) -> Result<Entity, GraphError> {
        let has_profile = body.contains_key("passwordProfile");
        if has_profile {
            // Whoever sets somebody's password can be that somebody.
            call.require(Permission::WritePasswords)?;
        }
        let profile = Profile::take(&mut body);
        if has_profile && profile.password.is_none() && profile.must_change.is_none() {
            return Err(required("passwordProfile/password"));
        }
        let change = UserChange {
            principal_name: principal_name(&body)?,
            display_name: name(&body)?,
            is_enabled: flag(&body, "accountEnabled"),
            must_change: profile.must_change,
            password: profile.new_password(),
            attributes: others(body),
        };
        let id = scope.user_id(&call.control).await?;
        Ok(entity(&call.control.update_user(&call.context, call.at(id), change).await?))
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        let id = scope.user_id(&call.control).await?;
        Ok(call.control.delete_user(&call.context, call.at(id)).await?)
    }
}

/// `POST users/{id}/revokeSignInSessions`: whoever is signed in as that user is not any more.
pub(crate) async fn revoke_sessions(call: &Call) -> Result<Answer, GraphError> {
    let user = call.scope.user_id(&call.control).await?;
    call.control.revoke_sessions_of_user(&call.context, user).await?;
    Ok(Answer::ok(call.document().value("Edm.Boolean", &Type::Boolean, Value::Bool(true))))
}

/// A user in Graph's spelling.
pub(super) fn entity(user: &User) -> Entity {
    let mut properties = defaults().as_object().cloned().unwrap_or_default();
    for (name, value) in &user.attributes {
        attribute::overlay(properties.entry(name.clone()).or_insert(Value::Null), value.clone());
    }
    properties.insert("id".to_owned(), user.id.to_string().into());
    properties.insert("userPrincipalName".to_owned(), user.principal_name.as_str().into());
    properties.insert("displayName".to_owned(), user.display_name.as_str().into());
    properties.insert("accountEnabled".to_owned(), user.is_enabled.into());
    properties.insert("createdDateTime".to_owned(), format!("{:.0}", user.created).into());
    properties.insert("lastPasswordChangeDateTime".to_owned(), format!("{:.0}", user.password_changed).into());
    Entity {
        kind: &USER,
        properties,
        etag: Some(etag(user.revision)),
        path: format!("users/{}", user.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// What a new user has in Graph.
pub(crate) fn defaults() -> &'static Value {
    &DEFAULTS
}

static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "deletedDateTime": null,
        "businessPhones": [],
        "city": null,
        "companyName": null,
        "country": null,
        "department": null,
        "employeeId": null,
        "givenName": null,
        "jobTitle": null,
        "mail": null,
        "mobilePhone": null,
        "officeLocation": null,
        "otherMails": [],
        "postalCode": null,
        "preferredLanguage": null,
        "state": null,
        "streetAddress": null,
        "surname": null,
        "usageLocation": null,
        "userType": "Member",
    })
});

fn others(mut body: Map<String, Value>) -> Map<String, Value> {
    body.retain(|name, _| !MEANT.contains(&name.as_str()));
    body
}

fn principal_name(body: &Map<String, Value>) -> Result<Option<UserPrincipalName>, GraphError> {
    let Some(text) = body.get("userPrincipalName").and_then(Value::as_str) else { return Ok(None) };
    let invalid =
        |error| GraphError::invalid(format!("Invalid value specified for property 'userPrincipalName': {error}."));
    UserPrincipalName::parse(text).map(Some).map_err(invalid)
}

pub(super) fn name(body: &Map<String, Value>) -> Result<Option<DisplayName>, GraphError> {
    body.get("displayName").and_then(Value::as_str).map(super::application::display_name).transpose()
}

pub(super) fn flag(body: &Map<String, Value>, name: &str) -> Option<bool> {
    body.get(name).and_then(Value::as_bool)
}

/// The `passwordProfile` of a body, which is taken out of it.
struct Profile {
    password: Option<Zeroizing<String>>,
    /// Whether it has to be changed at the next sign-in; with or without another factor is the same here.
    must_change: Option<bool>,
}

impl Profile {
    fn take(body: &mut Map<String, Value>) -> Self {
        let Some(Value::Object(mut profile)) = body.remove("passwordProfile") else {
            return Self { password: None, must_change: None };
        };
        let flags = ["forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa"];
        let said: Vec<bool> = flags.into_iter().filter_map(|name| flag(&profile, name)).collect();
        let password = match profile.remove("password") {
            Some(Value::String(text)) => Some(Zeroizing::new(text)),
            _ => None,
        };
        Self { password, must_change: (!said.is_empty()).then(|| said.contains(&true)) }
    }

    /// The new password. As in Graph it has to be changed at the next sign-in unless it is said that it has not.
    fn new_password(self) -> Option<NewPassword> {
        let must_change = self.must_change.unwrap_or(true);
        self.password.map(|password| NewPassword { password, must_change })
    }
}

fn required(property: &str) -> GraphError {
    GraphError::invalid(format!("A value is required for property '{property}' of resource 'User'."))
}
