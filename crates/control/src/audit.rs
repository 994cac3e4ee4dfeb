//! Reading the audit log, and what a record of it says of each kind of object: the old and the new state, never a secret. Properties whose
//! meaning only the API layer knows may hold secrets, so of those only the names are kept.

use adit_core::application::{Attributes, Publishing};
use adit_core::audit::AuditRecord;
use adit_core::id::AuditId;
use adit_core::query::{Page, Query};
use adit_core::{
    AppRoleAssignment, Application, Connector, ConnectorGroup, Owner, ProfileSettings, Revision, ServicePrincipal,
    User, UserGroup,
};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::error::Error;

impl ControlPlane {
    /// One page of the audit log; the newest first where no order is asked for.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_audit(&self, query: &Query) -> Result<Page<AuditRecord>, Error> {
        Ok(self.store().list_audit(query).await?)
    }

    /// One record of the audit log.
    ///
    /// # Errors
    /// [`Error::AuditRecordNotFound`], [`Error::Store`].
    pub async fn audit_record(&self, id: AuditId) -> Result<AuditRecord, Error> {
        self.store().find_audit(id).await?.ok_or(Error::AuditRecordNotFound(id))
    }

    /// The audit records of the command that became `revision`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn audit_of(&self, revision: Revision) -> Result<Vec<AuditRecord>, Error> {
        Ok(self.store().audit_of(revision).await?)
    }
}

/// The detail of a change from `old` to `new`; what did not exist is null.
pub(crate) fn change(old: Option<Value>, new: Option<Value>) -> Value {
    json!({ "old": old, "new": new })
}

/// Adds why or by what a change came about.
pub(crate) fn with(mut detail: Value, key: &str, value: impl Into<Value>) -> Value {
    if let Some(detail) = detail.as_object_mut() {
        detail.insert(key.to_owned(), value.into());
    }
    detail
}

pub(crate) fn connector_group(group: &ConnectorGroup) -> Value {
    json!({ "name": group.name, "region": group.region })
}

pub(crate) fn connector(connector: &Connector) -> Value {
    json!({
        "machine_name": connector.machine_name,
        "connector_group": connector.connector_group,
        "key_generation": connector.key_generation,
    })
}

pub(crate) fn application(application: &Application) -> Value {
    json!({
        "display_name": application.display_name,
        "publishing": application.publishing().map(publishing),
        "connector_group": application.connector_group(),
    })
}

fn publishing(publishing: &Publishing) -> Value {
    json!({
        "external_url": publishing.external_url,
        "internal_url": publishing.internal_url,
        "alternate_url": publishing.alternate_url,
        "translated_to": publishing.translated_to,
        "pre_authentication": publishing.pre_authentication,
        "host_header": publishing.host_header,
        "body_links": publishing.body_links,
        "upstream_certificate": publishing.upstream_certificate,
        "timeout": publishing.timeout,
        "upstream_times": publishing.upstream_times,
        "upstream_protocol": publishing.upstream_protocol,
        "traffic_routing": publishing.traffic_routing,
        "maintenance": publishing.maintenance,
        "health_probe": publishing.health_probe,
        "sign_on": publishing.sign_on,
    })
}

pub(crate) fn service_principal(principal: &ServicePrincipal) -> Value {
    json!({ "display_name": principal.display_name, "app_id": principal.app_id })
}

pub(crate) fn app_role_assignment(assignment: &AppRoleAssignment) -> Value {
    json!({
        "app_role": assignment.app_role,
        "principal": assignment.principal,
        "principal_kind": assignment.principal_kind,
        "principal_name": assignment.principal_name,
        "resource": assignment.resource,
        "resource_name": assignment.resource_name,
    })
}

pub(crate) fn owner(owner: &Owner) -> Value {
    json!({ "id": owner.id, "kind": owner.kind, "name": owner.name })
}

pub(crate) fn user(user: &User) -> Value {
    json!({
        "display_name": user.display_name,
        "user_principal_name": user.principal_name,
        "account_enabled": user.is_enabled,
    })
}

pub(crate) fn user_group(group: &UserGroup) -> Value {
    json!({ "display_name": group.display_name })
}

pub(crate) fn profile(profile: &ProfileSettings) -> Value {
    json!({
        "is_enabled": profile.is_enabled,
        "is_default_access_enabled": profile.is_default_access_enabled,
        "updater": profile.updater,
    })
}

/// The names of the properties that differ between two versions of an application.
pub(crate) fn changed_attributes(old: &Application, new: &Application) -> Vec<String> {
    let empty = Attributes::new();
    let of = |application: &Application| application.publishing().map(|publishing| publishing.attributes.clone());
    let own = differing(&old.attributes, &new.attributes);
    let publishing = differing(of(old).as_ref().unwrap_or(&empty), of(new).as_ref().unwrap_or(&empty));
    own.into_iter().chain(publishing).collect()
}

/// The names of the properties that differ.
pub(crate) fn differing(old: &Attributes, new: &Attributes) -> Vec<String> {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(|(key, _)| key);
    gone.chain(changed).cloned().collect()
}
