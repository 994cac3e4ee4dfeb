//! The names of what can be done, in the words and the casing of the directory audit (contract section 4.9), and of
//! what only Adit does in words of the same kind.

use serde::{Deserialize, Serialize};

/// The service that every record names.
pub const LOGGED_BY_SERVICE: &str = "Application Proxy";

/// The part of the directory that an activity belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Category {
    ApplicationManagement,
    DirectoryManagement,
    GroupManagement,
    ResourceManagement,
    UserManagement,
}

impl Category {
    /// The word in the directory audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApplicationManagement => "ApplicationManagement",
            Self::DirectoryManagement => "DirectoryManagement",
            Self::GroupManagement => "GroupManagement",
            Self::ResourceManagement => "ResourceManagement",
            Self::UserManagement => "UserManagement",
        }
    }
}

/// What kind of write an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum OperationType {
    Add,
    Update,
    Delete,
    Assign,
}

impl OperationType {
    /// The word in the directory audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Assign => "Assign",
        }
    }
}

/// What kind of object an activity is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the nouns of the directory")]
pub enum TargetKind {
    Application,
    ServicePrincipal,
    AppRoleAssignment,
    Connector,
    ConnectorGroup,
    RegistrationToken,
    Profile,
    User,
    Group,
    SigningKey,
    /// To the API.
    Request,
}

impl TargetKind {
    /// The word in the directory audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::AppRoleAssignment => "AppRoleAssignment",
            Self::Connector => "Connector",
            Self::ConnectorGroup => "ConnectorGroup",
            Self::RegistrationToken => "RegistrationToken",
            Self::Profile => "OnPremisesPublishingProfile",
            Self::User => "User",
            Self::Group => "Group",
            Self::SigningKey => "SigningKey",
            Self::Request => "Request",
        }
    }
}

/// Everything that is known of an activity.
struct Words {
    /// Under which it is stored.
    stored: &'static str,
    /// In the directory audit.
    shown: &'static str,
    category: Category,
    operation: OperationType,
    target: TargetKind,
}

/// One row for each activity: variant, stored word, shown name, category, kind of write, kind of target.
macro_rules! activities {
    ($($activity:ident $stored:literal $shown:literal $category:ident $operation:ident $target:ident;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is its own sentence")]
        pub enum Activity {
            $($activity,)*
        }

        impl Activity {
            /// Every activity.
            pub const ALL: &[Self] = &[$(Self::$activity,)*];

            const fn words(self) -> Words {
                match self {
                    $(Self::$activity => Words {
                        stored: $stored,
                        shown: $shown,
                        category: Category::$category,
                        operation: OperationType::$operation,
                        target: TargetKind::$target,
                    },)*
                }
            }
        }
    };
}

activities! {
    AddConnectorGroup "add_connector_group" "Add connector Group" ResourceManagement Add ConnectorGroup;
    UpdateConnectorGroup "update_connector_group" "Update Connector Group" ResourceManagement Update ConnectorGroup;
    DeleteConnectorGroup "delete_connector_group" "Delete Connector Group" ResourceManagement Delete ConnectorGroup;
    AddConnector "add_connector" "Add connector" ResourceManagement Add Connector;
    MoveConnector "move_connector" "Add a Connector to Connector Group" ResourceManagement Assign Connector;
    DrainConnector "drain_connector" "Drain connector" ResourceManagement Update Connector;
    ResumeConnector "resume_connector" "Resume connector" ResourceManagement Update Connector;
    RegisterConnector "register_connector" "Register connector" ResourceManagement Add Connector;
    RenewConnector "renew_connector" "Renew connector certificate" ResourceManagement Update Connector;
    ReportCopiedKey "report_copied_key" "Report copied connector key" ResourceManagement Update Connector;
    DeleteConnector "delete_connector" "Delete connector" ResourceManagement Delete Connector;
    AddRegistrationToken "add_registration_token" "Add registration token" ResourceManagement Add RegistrationToken;
    RevokeRegistrationToken "revoke_registration_token" "Revoke registration token"
        ResourceManagement Delete RegistrationToken;
    AddApplication "add_application" "Add application" ApplicationManagement Add Application;
    UpdateApplication "update_application" "Update application" ApplicationManagement Update Application;
    DeleteApplication "delete_application" "Delete application" ApplicationManagement Delete Application;
    RestoreApplication "restore_application" "Restore application" ApplicationManagement Update Application;
    PurgeApplication "purge_application" "Hard Delete application" ApplicationManagement Delete Application;
    AddApplicationSecret "add_application_secret" "Add application credentials" ApplicationManagement Update Application;
    RemoveApplicationSecret "remove_application_secret" "Remove application credentials"
        ApplicationManagement Update Application;
    AssignConnectorGroup "assign_connector_group" "Assign Connector Group to application"
        ResourceManagement Assign Application;
    AddApplicationSslCertificate "add_application_ssl_certificate" "Add application SSL certificate"
        ResourceManagement Add Application;
    DeleteSslBinding "delete_ssl_binding" "Delete SSL binding" ResourceManagement Delete Application;
    EnableApplicationProxy "enable_application_proxy" "Enable application proxy" DirectoryManagement Update Profile;
    DisableApplicationProxy "disable_application_proxy" "Disable application proxy" DirectoryManagement Update Profile;
    UpdateProfile "update_profile" "Update application proxy" DirectoryManagement Update Profile;
    AddServicePrincipal "add_service_principal" "Add service principal" ApplicationManagement Add ServicePrincipal;
    UpdateServicePrincipal "update_service_principal" "Update service principal"
        ApplicationManagement Update ServicePrincipal;
    DeleteServicePrincipal "delete_service_principal" "Remove service principal"
        ApplicationManagement Delete ServicePrincipal;
    AddServicePrincipalSecret "add_service_principal_secret" "Add service principal credentials"
        ApplicationManagement Update ServicePrincipal;
    RemoveServicePrincipalSecret "remove_service_principal_secret" "Remove service principal credentials"
        ApplicationManagement Update ServicePrincipal;
    RevokeApplicationSessions "revoke_application_sessions" "Revoke application sessions"
        ApplicationManagement Update Application;
    AssignAppRole "assign_app_role" "Add app role assignment" ApplicationManagement Assign AppRoleAssignment;
    UnassignAppRole "unassign_app_role" "Remove app role assignment" ApplicationManagement Delete AppRoleAssignment;
    AddOwner "add_owner" "Add owner to application" ApplicationManagement Assign Application;
    RemoveOwner "remove_owner" "Remove owner from application" ApplicationManagement Delete Application;
    AddSigningKey "add_signing_key" "Add signing key" DirectoryManagement Add SigningKey;
    RemoveSigningKey "remove_signing_key" "Remove signing key" DirectoryManagement Delete SigningKey;
    RefuseToken "refuse_token" "Refuse token" ApplicationManagement Update Application;
    RefuseRequest "refuse_request" "Refuse request" DirectoryManagement Update Request;
    AddUser "add_user" "Add user" UserManagement Add User;
    UpdateUser "update_user" "Update user" UserManagement Update User;
    ChangeUserPassword "change_user_password" "Change user password" UserManagement Update User;
    ResetUserPassword "reset_user_password" "Reset user password" UserManagement Update User;
    EndReusedRefreshToken "end_reused_refresh_token" "End reused refresh token" UserManagement Update User;
    DeleteUser "delete_user" "Delete user" UserManagement Delete User;
    RevokeSessions "revoke_sessions" "Revoke sign-in sessions" UserManagement Update User;
    AddGroup "add_group" "Add group" GroupManagement Add Group;
    UpdateGroup "update_group" "Update group" GroupManagement Update Group;
    DeleteGroup "delete_group" "Delete group" GroupManagement Delete Group;
    AddGroupMember "add_group_member" "Add member to group" GroupManagement Assign Group;
    RemoveGroupMember "remove_group_member" "Remove member from group" GroupManagement Delete Group;
}

impl Activity {
    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.words().stored
    }

    /// The activity that is stored under `word`.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|activity| activity.as_str() == word)
    }

    /// Its name in the directory audit.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        self.words().shown
    }

    /// The part of the directory that it belongs to.
    #[must_use]
    pub const fn category(self) -> Category {
        self.words().category
    }

    /// What kind of write it is.
    #[must_use]
    pub const fn operation_type(self) -> OperationType {
        self.words().operation
    }

    /// How it ended, in the word of the directory audit. A write that failed was rolled back with its record, so only what is
    /// no write can end otherwise.
    #[must_use]
    pub const fn result(self) -> &'static str {
        match self {
            Self::RefuseToken | Self::RefuseRequest => "failure",
            _ => "success",
        }
    }

    /// What kind of object it is done to.
    #[must_use]
    pub const fn target_kind(self) -> TargetKind {
        self.words().target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_is_found_by_the_word_it_is_stored_under_which_is_its_serialised_form() {
        for activity in Activity::ALL {
            assert_eq!(Activity::find(activity.as_str()), Some(*activity));
            assert_eq!(serde_json::to_value(activity).unwrap(), activity.as_str());
        }
        assert_eq!(Activity::find("no_such_thing"), None);
    }

    #[test]
    fn the_names_of_the_contract_have_its_casing_and_category() {
        for (activity, name, category) in [
            (Activity::AddApplication, "Add application", "ApplicationManagement"),
            (Activity::DeleteApplication, "Delete application", "ApplicationManagement"),
            (Activity::UpdateApplication, "Update application", "ApplicationManagement"),
            (Activity::EnableApplicationProxy, "Enable application proxy", "DirectoryManagement"),
            (Activity::DisableApplicationProxy, "Disable application proxy", "DirectoryManagement"),
            (Activity::AddConnectorGroup, "Add connector Group", "ResourceManagement"),
            (Activity::UpdateConnectorGroup, "Update Connector Group", "ResourceManagement"),
            (Activity::DeleteConnectorGroup, "Delete Connector Group", "ResourceManagement"),
            (Activity::MoveConnector, "Add a Connector to Connector Group", "ResourceManagement"),
            (Activity::RegisterConnector, "Register connector", "ResourceManagement"),
            (Activity::AddApplicationSslCertificate, "Add application SSL certificate", "ResourceManagement"),
            (Activity::DeleteSslBinding, "Delete SSL binding", "ResourceManagement"),
        ] {
            assert_eq!((activity.display_name(), activity.category().as_str()), (name, category));
        }
    }

    #[test]
    fn no_two_activities_share_a_name() {
        let mut names: Vec<_> = Activity::ALL.iter().map(|activity| activity.display_name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Activity::ALL.len());
    }
}
