//! `groups`: security groups of this directory's users, their members, and the groups that somebody is in.

use std::sync::LazyLock;

use adit_control::{NewUserGroup, Reach, UserGroupChange};
use adit_core::{Member, MemberId, PrincipalKind, UserGroup};
use adit_odata::document::Entity;
use adit_odata::reference::{self, Reference};
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{attribute, user};
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::{DIRECTORY_OBJECT, GROUP, MODEL, USER};
use crate::permission::Permission;
use crate::scope::Scope;

/// `groups`.
pub(crate) static USER_GROUPS: UserGroups = UserGroups;

/// `groups/{userGroup}/members`.
pub(crate) static GROUP_MEMBERS: GroupMembers = GroupMembers(None);

/// `groups/{userGroup}/members/microsoft.graph.user`.
pub(crate) static USERS_IN_GROUP: GroupMembers = GroupMembers(Some(PrincipalKind::User));

/// `groups/{userGroup}/members/microsoft.graph.group`.
pub(crate) static GROUPS_IN_GROUP: GroupMembers = GroupMembers(Some(PrincipalKind::Group));

/// `users/{user}/memberOf`.
pub(crate) static GROUPS_OF_USER: GroupsOf = GroupsOf::new(true, Reach::Direct);

/// `users/{user}/transitiveMemberOf`.
pub(crate) static ALL_GROUPS_OF_USER: GroupsOf = GroupsOf::new(true, Reach::Transitive);

/// `groups/{userGroup}/memberOf`.
pub(crate) static GROUPS_OF_GROUP: GroupsOf = GroupsOf::new(false, Reach::Direct);

/// `groups/{userGroup}/transitiveMemberOf`.
pub(crate) static ALL_GROUPS_OF_GROUP: GroupsOf = GroupsOf::new(false, Reach::Transitive);

/// `users/{user}/memberOf/microsoft.graph.group`.
pub(crate) static GROUPS_OF_USER_AS_GROUPS: GroupsOf = GROUPS_OF_USER.as_groups();

/// `users/{user}/transitiveMemberOf/microsoft.graph.group`.
pub(crate) static ALL_GROUPS_OF_USER_AS_GROUPS: GroupsOf = ALL_GROUPS_OF_USER.as_groups();

/// `groups/{userGroup}/memberOf/microsoft.graph.group`.
pub(crate) static GROUPS_OF_GROUP_AS_GROUPS: GroupsOf = GROUPS_OF_GROUP.as_groups();

/// `groups/{userGroup}/transitiveMemberOf/microsoft.graph.group`.
pub(crate) static ALL_GROUPS_OF_GROUP_AS_GROUPS: GroupsOf = ALL_GROUPS_OF_GROUP.as_groups();

/// All groups.
pub(crate) struct UserGroups;

/// Who is in a group itself, or those of one kind, who can be asked for by what that kind has.
pub(crate) struct GroupMembers(Option<PrincipalKind>);

/// The groups that a user or a group is in.
pub(crate) struct GroupsOf {
    of_user: bool,
    reach: Reach,
    /// As what they are declared: directory objects, or groups, which can be asked for by what groups have.
    kind: &'static EntityType,
}

impl GroupsOf {
    const fn new(of_user: bool, reach: Reach) -> Self {
        Self { of_user, reach, kind: &DIRECTORY_OBJECT }
    }

    const fn as_groups(&self) -> Self {
        Self { of_user: self.of_user, reach: self.reach, kind: &GROUP }
    }
}

#[async_trait]
impl Entities for UserGroups {
    fn kind(&self) -> &'static EntityType {
        &GROUP
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_user_groups(&listing.question(&GROUP)?).await?;
        Ok(listing.page(page, entity))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&call.control.user_group(scope.user_group()?).await?))
    }

    async fn create(&self, call: &Call, _scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let display_name = user::name(&body)?.ok_or_else(|| required("displayName"))?;
        if let Some(missing) =
            ["mailEnabled", "mailNickname", "securityEnabled"].iter().find(|own| !body.contains_key(**own))
        {
            return Err(required(missing));
        }
        let new = NewUserGroup { display_name, attributes: checked(body)? };
        Ok(entity(&call.control.create_user_group(&call.context, new).await?))
    }

    async fn update(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let change = UserGroupChange { display_name: user::name(&body)?, attributes: checked(body)? };
        let target = call.at(scope.user_group()?);
        Ok(entity(&call.control.update_user_group(&call.context, target, change).await?))
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        Ok(call.control.delete_user_group(&call.context, call.at(scope.user_group()?)).await?)
    }
}

#[async_trait]
impl Entities for GroupMembers {
    fn kind(&self) -> &'static EntityType {
        match self.0 {
            Some(PrincipalKind::User) => &USER,
            Some(PrincipalKind::Group) => &GROUP,
            _ => &DIRECTORY_OBJECT,
        }
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let members = call.control.members_of_user_group(scope.user_group()?).await?;
        // All of them were read, however few are shown.
        call.spend(members.len())?;
        let wanted = members.iter().filter(|own| self.0.is_none_or(|kind| own.id().kind() == kind));
        listing.select(self.kind(), wanted.map(|own| member(call, own)).collect())
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let id = uuid(scope.id("member")?)?;
        let members = call.control.members_of_user_group(scope.user_group()?).await?;
        let found = members.iter().find(|own| own.id().uuid() == id);
        found.map(|own| member(call, own)).ok_or_else(|| GraphError::no_such_resource(&id.to_string()))
    }

    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let id = match reference::in_body(&MODEL, &body)? {
            Some(reference) => referred(&reference)?,
            None => match reference::id_in_body(&body)? {
                Some(id) => uuid(id)?,
                None => {
                    return Err(GraphError::invalid("The request body must refer to a member by '@odata.id' or 'id'."));
                }
            },
        };
        // Whoever puts somebody into a group gives what was assigned to it.
        let group = call.control.user_group(scope.user_group()?).await?.id;
        if !call.control.api_permissions_of_group(group).await?.is_empty() {
            call.require(Permission::AssignApiRoles)?;
        }
        let target = call.at(scope.user_group()?);
        Ok(member(call, &call.control.add_group_member(&call.context, target, id).await?))
    }

    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let id = match (scope.key("member"), reference) {
            (Some(_), _) => uuid(scope.id("member")?)?,
            (None, Some(reference)) => referred(&reference)?,
            (None, None) => {
                return Err(GraphError::bad_request(
                    "The member to remove must be named in the path or by the option '$id'.",
                ));
            }
        };
        Ok(call.control.remove_group_member(&call.context, call.at(scope.user_group()?), id).await?)
    }
}

#[async_trait]
impl Entities for GroupsOf {
    fn kind(&self) -> &'static EntityType {
        self.kind
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let member = if self.of_user {
            MemberId::User(scope.user_id(&call.control).await?)
        } else {
            MemberId::Group(scope.user_group()?)
        };
        let groups = call.control.user_groups_of(member, self.reach).await?;
        call.spend(groups.len())?;
        listing.select(self.kind, groups.iter().map(entity).collect())
    }
}

/// A group in Graph's spelling.
fn entity(group: &UserGroup) -> Entity {
    let mut properties = defaults().as_object().cloned().unwrap_or_default();
    for (name, value) in &group.attributes {
        attribute::overlay(properties.entry(name.clone()).or_insert(Value::Null), value.clone());
    }
    properties.insert("id".to_owned(), group.id.to_string().into());
    properties.insert("displayName".to_owned(), group.display_name.as_str().into());
    properties.insert("createdDateTime".to_owned(), format!("{:.0}", group.created).into());
    Entity {
        kind: &GROUP,
        properties,
        etag: Some(etag(group.revision)),
        path: format!("groups/{}", group.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// A member as the caller may see it: who may read groups alone learns of a user that it is there, and nothing else, not by
/// a filter either.
fn member(call: &Call, member: &Member) -> Entity {
    match member {
        Member::User(own) if call.require(Permission::ReadUsers).is_err() => {
            let mut shown = user::entity(own);
            shown.properties.retain(|name, _| name == "id");
            shown.etag = None;
            shown
        }
        Member::User(own) => user::entity(own),
        Member::Group(own) => entity(own),
    }
}

/// What a new group has in Graph.
pub(crate) fn defaults() -> &'static Value {
    &DEFAULTS
}

static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "deletedDateTime": null,
        "description": null,
        "groupTypes": [],
        "mail": null,
        "mailEnabled": false,
        "securityEnabled": true,
        "visibility": null,
    })
});

/// What is kept of a checked body. Only security groups with members that were put into them are served.
fn checked(mut body: Map<String, Value>) -> Result<Map<String, Value>, GraphError> {
    body.remove("displayName");
    if user::flag(&body, "mailEnabled") == Some(true) {
        return Err(GraphError::invalid("Groups with a mailbox are not served: 'mailEnabled' must be false."));
    }
    if user::flag(&body, "securityEnabled") == Some(false) {
        return Err(GraphError::invalid("Only security groups are served: 'securityEnabled' must be true."));
    }
    if body.get("groupTypes").and_then(Value::as_array).is_some_and(|types| !types.is_empty()) {
        return Err(GraphError::invalid(
            "Neither Microsoft 365 groups nor dynamic ones are served: 'groupTypes' must be empty.",
        ));
    }
    Ok(body)
}

/// The id in a reference to somebody who can be in a group.
fn referred(reference: &Reference) -> Result<Uuid, GraphError> {
    match reference.entity_type.name {
        "user" | "group" | "directoryObject" => uuid(&reference.key),
        other => Err(GraphError::invalid(format!("An object of type '{other}' cannot be a member of a group."))),
    }
}

fn uuid(text: &str) -> Result<Uuid, GraphError> {
    Uuid::try_parse(text).map_err(|_| GraphError::no_such_resource(text))
}

fn required(property: &str) -> GraphError {
    GraphError::invalid(format!("A value is required for property '{property}' of resource 'Group'."))
}
