//! The part of an explanation that is about somebody: who was asked about, whether they may, and through which assignments
//! and groups. Reading it takes the right to read users; ways through groups are shown to who may read groups.

use adit_control::{FoundVisitor, GroupsFrom};
use adit_core::PrincipalId;
use adit_core::explain::{ExplainedAccess, ExplainedAssignment, Visitor};
use serde_json::{Value, json};

use super::argument;
use crate::call::Call;
use crate::error::GraphError;
use crate::permission::{Held, Permission};
use crate::resource::app_role_assignment::type_of;
use crate::resource::publishing::authentication_type;

/// Who is to be taken to ask.
pub(super) struct Asked {
    /// By what name or id.
    by: String,
    found: FoundVisitor,
}

/// Finds who is asked about, if somebody is.
pub(super) async fn asked(call: &Call) -> Result<Option<Asked>, GraphError> {
    let Some(by) = argument(call, "user") else { return Ok(None) };
    call.require(Permission::ReadUsers)?;
    let groups = argument(call, "groups").map(groups).transpose()?;
    let found = call.control.find_visitor(by, groups).await?;
    Ok(Some(Asked { by: by.to_owned(), found }))
}

/// Ids with commas between them.
fn groups(text: &str) -> Result<Vec<PrincipalId>, GraphError> {
    let group = |id: &str| {
        let invalid = || GraphError::invalid("The parameter 'groups' must be ids of groups with commas between them.");
        id.trim().parse().map_err(|_| invalid())
    };
    text.split(',').map(group).collect()
}

impl Asked {
    /// As the decision knows them; nothing where nobody of that name or id can sign in.
    pub(super) fn visitor(&self) -> Option<&Visitor> {
        self.found.visitor.as_ref()
    }

    /// Who they are.
    pub(super) fn user(&self) -> Value {
        let (user, visitor) = (self.found.user.as_ref(), self.visitor());
        json!({
            "asked": self.by,
            "isFound": user.is_some(),
            "id": visitor.map(|visitor| visitor.id.to_string()),
            "userPrincipalName": user.map(|user| user.principal_name.as_str()),
            "displayName": user.map(|user| user.display_name.as_str()),
            "accountEnabled": user.map(|user| user.is_enabled),
            "groupsFrom": visitor.map(|_| match self.found.groups_from {
                GroupsFrom::Directory | GroupsFrom::DirectoryInsteadOfIssuer => "directory",
                GroupsFrom::Given => "given",
            }),
            "groupCount": visitor.map_or(0, |visitor| visitor.groups.len()),
        })
    }

    /// What is said before the decision: as whom somebody is taken.
    fn sentences(&self) -> Vec<String> {
        let Some(visitor) = self.visitor() else {
            let nobody = "Nobody whom this directory knows by that name or id can sign in, so this is about nobody.";
            return vec![nobody.to_owned(), "Users of another issuer are asked for by their ids.".to_owned()];
        };
        let (count, id) = (visitor.groups.len(), visitor.id);
        let who = match &self.found.user {
            Some(user) => {
                format!("User {} ({}) has the id {id}.", user.display_name.as_str(), user.principal_name.as_str())
            }
            None => format!("No user of this directory has the id {id}: it is taken as one of another issuer."),
        };
        let groups = match self.found.groups_from {
            GroupsFrom::Directory => format!("A sign-in names {count} groups of the directory."),
            GroupsFrom::DirectoryInsteadOfIssuer => format!(
                "Users sign in at another issuer, which names their groups itself; {count} groups of the directory are \
                 taken instead."
            ),
            GroupsFrom::Given => format!("{count} groups were given."),
        };
        vec![who, groups]
    }

    /// The names of the groups that lead to an assignment.
    fn way(&self, assignment: &ExplainedAssignment) -> Vec<&str> {
        self.found.way_to(assignment.principal).into_iter().map(|group| group.display_name.as_str()).collect()
    }
}

/// What was decided, and what it follows from.
pub(super) fn decided(call: &Call, access: &ExplainedAccess, asked: Option<&Asked>) -> Value {
    let may_read_groups = Permission::ReadGroups.held_by(&call.token) == Held::Whole;
    let assignment = |own: &ExplainedAssignment| {
        let way = asked.filter(|_| may_read_groups).map(|asked| asked.way(own)).unwrap_or_default();
        json!({
            "principalId": own.principal.to_string(),
            "principalType": type_of(own.kind),
            "roles": own.roles.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            "groupPath": way,
        })
    };
    let said = asked.map(Asked::sentences).unwrap_or_default();
    json!({
        "externalAuthenticationType": access.pre_authentication.map(authentication_type),
        "isServicePrincipalEnabled": access.admission.map(|own| own.is_enabled),
        "appRoleAssignmentRequired": access.admission.map(|own| own.is_assignment_required),
        "isGranted": access.is_granted,
        "assignments": access.assignments.iter().map(assignment).collect::<Vec<_>>(),
        "groupsLeftOut": access.groups_left_out,
        "reasoning": said.iter().chain(&access.reasoning).collect::<Vec<_>>(),
    })
}
