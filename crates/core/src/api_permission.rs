//! What programs can be allowed on the administrative API itself: the app roles of the service principal that stands for
//! it, with the ids that Microsoft Graph gives them, so that scripts that grant permissions find what they look for.
//!
//! The table is here and not in the directory: whoever may change service principals must not change what a role means.

use uuid::{Uuid, uuid};

use crate::id::AppId;

/// The client id of the API: that of Microsoft Graph.
pub const API_APP_ID: AppId = AppId::new(uuid!("00000003-0000-0000-c000-000000000000"));

/// The name of the API's service principal.
pub const API_NAME: &str = "Microsoft Graph";

/// Something that a program can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiPermission {
    /// The id of its app role.
    pub id: Uuid,
    /// Its name, as tokens have it in `roles`.
    pub value: &'static str,
    /// What it allows.
    pub meaning: &'static str,
}

const fn permission(id: Uuid, value: &'static str, meaning: &'static str) -> ApiPermission {
    ApiPermission { id, value, meaning }
}

/// Everything that a program can be allowed. The last two have no id in Graph; theirs are Adit's own.
#[rustfmt::skip]
pub const API_PERMISSIONS: [ApiPermission; 18] = [
    permission(uuid!("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"), "Application.Read.All", "Read all applications"),
    permission(uuid!("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"), "Application.ReadWrite.All", "Read and write all applications"),
    permission(uuid!("18a4783c-866b-4cc7-a460-3d5e5662c884"), "Application.ReadWrite.OwnedBy", "Manage applications that this one makes or owns"),
    permission(uuid!("06b708a9-e830-4db3-a914-8e69da51d44f"), "AppRoleAssignment.ReadWrite.All", "Manage app role assignments"),
    permission(uuid!("b0afded3-3588-46d8-8b3d-9842eff778da"), "AuditLog.Read.All", "Read the directory audits"),
    permission(uuid!("7ab1d382-f21e-4acd-a863-ba3e13f7da61"), "Directory.Read.All", "Read the whole directory"),
    permission(uuid!("19dbc75e-c2e2-444c-a770-ec69d8559fc7"), "Directory.ReadWrite.All", "Read and write the whole directory"),
    permission(uuid!("0b57845e-aa49-4e6f-8109-ce654fffa618"), "OnPremisesPublishingProfiles.ReadWrite.All", "Manage connectors and connector groups"),
    permission(uuid!("df021288-bdef-4463-88db-98f22de89214"), "User.Read.All", "Read all users"),
    permission(uuid!("741f803b-c850-494e-b5df-cde7c675a1ca"), "User.ReadWrite.All", "Read and write all users"),
    permission(uuid!("77f3a031-c388-4f99-b373-dc68676a979e"), "User.RevokeSessions.All", "End all sessions of a user"),
    permission(uuid!("cc117bb9-00cf-4eb8-b580-ea2a878fe8f7"), "User-PasswordProfile.ReadWrite.All", "Set passwords of users"),
    permission(uuid!("5b567255-7703-4780-807c-7be8301ae99b"), "Group.Read.All", "Read all groups"),
    permission(uuid!("62a82d76-70ea-41e2-9197-370581804d09"), "Group.ReadWrite.All", "Read and write all groups"),
    permission(uuid!("98830695-27a2-44f7-8c18-0c3ebc9698f6"), "GroupMember.Read.All", "Read members of groups"),
    permission(uuid!("dbaae8cf-10b5-4b86-a4a1-f871c94c6695"), "GroupMember.ReadWrite.All", "Manage members of groups"),
    permission(uuid!("5a60c9f4-3f0c-4f5b-9d0e-7d1f2f0c8a11"), "Policy.Read.HybridAuthentication", "Read the publishing profile"),
    permission(uuid!("c1f6a4b2-8a57-4c39-8e3a-51d70f9e6b22"), "Policy.ReadWrite.HybridAuthentication", "Change the publishing profile"),
];

/// The permission whose app role has that id.
#[must_use]
pub fn api_permission(id: Uuid) -> Option<&'static ApiPermission> {
    API_PERMISSIONS.iter().find(|permission| permission.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_permissions_share_an_id_or_a_name_and_each_is_found_by_its_id() {
        for permission in &API_PERMISSIONS {
            assert_eq!(API_PERMISSIONS.iter().filter(|other| other.value == permission.value).count(), 1);
            assert_eq!(api_permission(permission.id), Some(permission));
        }
        assert_eq!(api_permission(Uuid::nil()), None, "default access is no permission");
    }
}
