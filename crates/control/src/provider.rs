//! What the built-in provider asks of the directory: which tenant it speaks for, by which keys it signs, and what a program
//! may do at a resource.
//!
//! Invariant: a private key is sealed before it is kept, and what a role of the API means comes from the table in
//! `adit-core`, never from the directory.

use adit_core::api_permission::{API_NAME, API_PERMISSIONS, api_permission};
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::service_principal::effective_app_roles;
use adit_core::signing_key::{KeyPlan, key_plan};
use adit_core::{
    API_APP_ID, AppId, AppRoleAssignment, AppRoleAssignmentId, DisplayName, OperationContext, PrincipalId,
    PrincipalKind, Revision, ServicePrincipal, ServicePrincipalId,
};
use adit_identity::ProviderKey;
use adit_store::{SealedSigningKey, WriteTransaction};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// The keys of the provider at one time.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    /// The one that signs.
    pub signs: ProviderKey,
    /// All that are published, that one among them.
    pub published: Vec<ProviderKey>,
}

/// A key that was opened, and from when on it signs.
struct Opened {
    key: ProviderKey,
    begins: Timestamp,
}

impl ControlPlane {
    /// The tenant that this directory is.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tenant(&self) -> Result<Uuid, Error> {
        Ok(self.store().tenant().await?)
    }

    /// What a program may do at the administrative API by itself: the names of its permissions, sorted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn api_permissions_of(&self, program: &ServicePrincipal) -> Result<Vec<&'static str>, Error> {
        let Some(api) = self.store().find_service_principal_of(API_APP_ID).await? else { return Ok(Vec::new()) };
        let roles = self.store().roles_of_program(program.id, api.id).await?;
        let mut held: Vec<&'static str> = roles.into_iter().filter_map(api_permission).map(|held| held.value).collect();
        held.sort_unstable();
        Ok(held)
    }

    /// The same by its client id; nobody's are none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn api_permissions_of_app(&self, app_id: AppId) -> Result<Vec<&'static str>, Error> {
        match self.store().find_service_principal_of(app_id).await? {
            Some(program) => self.api_permissions_of(&program).await,
            None => Ok(Vec::new()),
        }
    }

    /// In which roles a program is assigned to an application, by their values, sorted; `None` if it is not assigned at
    /// all. A role that is disabled or gone is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn app_roles_of_program(
        &self,
        program: &ServicePrincipal,
        resource: &ServicePrincipal,
    ) -> Result<Option<Vec<String>>, Error> {
        let assigned = self.store().roles_of_program(program.id, resource.id).await?;
        if assigned.is_empty() {
            return Ok(None);
        }
        let application = self.store().find_application_by_app_id(resource.app_id).await?;
        let roles = effective_app_roles(application.as_ref(), resource);
        let mut held: Vec<String> =
            assigned.iter().filter(|id| **id != DEFAULT_ACCESS).filter_map(|id| value_of(&roles, *id)).collect();
        held.sort_unstable();
        Ok(Some(held))
    }

    /// Assigns somebody the permission for everything, as part of a larger change.
    pub(crate) async fn assign_everything(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        principal: PrincipalId,
        name: &DisplayName,
    ) -> Result<(), Error> {
        let found = change.find_service_principal_of(API_APP_ID).await?;
        let api = found.ok_or(Error::NoServicePrincipalOf(API_APP_ID))?;
        let everything = API_PERMISSIONS.iter().find(|permission| permission.value == "Directory.ReadWrite.All");
        let mut assignment = AppRoleAssignment {
            id: AppRoleAssignmentId::new(Uuid::now_v7()),
            app_role: everything.map_or(DEFAULT_ACCESS, |permission| permission.id),
            principal,
            principal_kind: PrincipalKind::User,
            principal_name: Some(name.as_str().to_owned()),
            resource: api.id,
            resource_name: api.display_name.into(),
            created: self.now(),
            revision: Revision::default(),
        };
        change.insert_app_role_assignment(&mut assignment).await?;
        let detail = audit::change(None, Some(audit::app_role_assignment(&assignment)));
        change.append_audit(self.record(context, Activity::AssignAppRole, assignment.id, detail));
        Ok(())
    }

    /// The provider's keys, made and replaced as they are due.
    ///
    /// # Errors
    /// [`Error::ProviderKey`], [`Error::Sealing`], [`Error::Store`].
    pub async fn signing_keys(&self) -> Result<SigningKeys, Error> {
        let (opened, lost) = self.open_keys(self.store().signing_keys().await?);
        let plan = plan(&opened, self.now());
        if plan.make.is_none() && plan.outlived.is_empty() && lost.is_empty() {
            return keys(opened, &plan);
        }
        self.rotate(plan.make.is_some()).await
    }

    /// The same, unless the provider has never signed anything.
    ///
    /// # Errors
    /// As above.
    pub async fn signing_keys_if_any(&self) -> Result<Option<SigningKeys>, Error> {
        if self.store().signing_keys().await?.is_empty() {
            return Ok(None);
        }
        self.signing_keys().await.map(Some)
    }

    /// Makes the key that is due, unless somebody else has meanwhile, and forgets those that were outlived.
    async fn rotate(&self, make: bool) -> Result<SigningKeys, Error> {
        let made = if make { Some(generate().await?) } else { None };
        let mut change = self.store().begin().await?;
        let (mut opened, lost) = self.open_keys(change.signing_keys().await?);
        let first = plan(&opened, self.now());
        if let (Some(begins), Some((key, pem))) = (first.make, made) {
            let sealed = self.sealing_key().seal(&place(key.id()), pem.as_bytes())?;
            let sealing_key = self.sealing_key().id().to_owned();
            change
                .insert_signing_key(&SealedSigningKey { id: key.id().to_owned(), begins, sealed, sealing_key })
                .await?;
            self.note(&mut change, Activity::AddSigningKey, key.id(), json!({ "begins": begins }));
            opened.push(Opened { key, begins });
        }
        let outlived = first.outlived.iter().filter_map(|at| opened.get(*at)).map(|own| own.key.id().to_owned());
        for id in outlived.chain(lost).collect::<Vec<_>>() {
            change.delete_signing_key(&id).await?;
            self.note(&mut change, Activity::RemoveSigningKey, &id, json!({}));
            opened.retain(|own| own.key.id() != id);
        }
        self.commit(change).await?;
        let plan = plan(&opened, self.now());
        keys(opened, &plan)
    }

    /// The keys that can be opened, and the ids of those that cannot: they were sealed under a key that is gone. What they
    /// signed is valid for an hour at most, so they are replaced and not asked for.
    fn open_keys(&self, sealed: Vec<SealedSigningKey>) -> (Vec<Opened>, Vec<String>) {
        let (mut opened, mut lost) = (Vec::new(), Vec::new());
        for own in sealed {
            match self.open_key(&own) {
                Some(key) => opened.push(Opened { key, begins: own.begins }),
                None => lost.push(own.id),
            }
        }
        (opened, lost)
    }

    fn open_key(&self, sealed: &SealedSigningKey) -> Option<ProviderKey> {
        let pem = self.sealing_key().open(&place(&sealed.id), &sealed.sealed).ok()?;
        let key = ProviderKey::from_pem(std::str::from_utf8(&pem).ok()?).ok()?;
        (key.id() == sealed.id).then_some(key)
    }

    fn note(&self, change: &mut WriteTransaction, activity: Activity, id: &str, new: Value) {
        let context = OperationContext::system(Uuid::now_v7());
        change.append_audit(self.record(&context, activity, id, audit::change(None, Some(new))));
    }
}

async fn generate() -> Result<(ProviderKey, zeroize::Zeroizing<String>), Error> {
    let generating = tokio::task::spawn_blocking(ProviderKey::generate);
    Ok(generating.await.map_err(|_| Error::NoRandomness)??)
}

fn plan(opened: &[Opened], now: Timestamp) -> KeyPlan {
    let begins: Vec<Timestamp> = opened.iter().map(|own| own.begins).collect();
    key_plan(&begins, now)
}

fn keys(opened: Vec<Opened>, plan: &KeyPlan) -> Result<SigningKeys, Error> {
    let published: Vec<ProviderKey> = opened.into_iter().map(|own| own.key).collect();
    let signs = plan.signs.and_then(|at| published.get(at)).cloned().ok_or(Error::NoRandomness)?;
    Ok(SigningKeys { signs, published })
}

/// For what a key is sealed.
fn place(id: &str) -> String {
    format!("signing key {id}")
}

/// The value of a role that is enabled.
fn value_of(roles: &[Value], id: Uuid) -> Option<String> {
    let is_it = |role: &&Value| {
        role.get("id").and_then(Value::as_str).and_then(|own| Uuid::try_parse(own).ok()) == Some(id)
            && role.get("isEnabled") == Some(&Value::Bool(true))
    };
    roles.iter().find(is_it)?.get("value")?.as_str().map(str::to_owned)
}

/// Makes the service principal that stands for the API, or brings its roles up to date; whether something changed.
pub(crate) async fn keep_api_principal(change: &mut WriteTransaction, now: Timestamp) -> Result<bool, Error> {
    let attributes = api_attributes();
    if let Some(old) = change.find_service_principal_of(API_APP_ID).await? {
        if old.attributes == attributes {
            return Ok(false);
        }
        let mut new = ServicePrincipal { attributes, ..old.clone() };
        change.update_service_principal(&old, &mut new).await?;
        return Ok(true);
    }
    let Ok(display_name) = DisplayName::parse(API_NAME) else { return Ok(false) };
    let mut principal = ServicePrincipal {
        id: ServicePrincipalId::new(Uuid::now_v7()),
        app_id: API_APP_ID,
        display_name,
        created: now,
        attributes,
        revision: Revision::default(),
    };
    change.insert_service_principal(&mut principal).await?;
    Ok(true)
}

fn api_attributes() -> Attributes {
    let roles = API_PERMISSIONS.iter().map(|permission| {
        json!({
            "allowedMemberTypes": ["Application", "User"], "description": permission.meaning, "displayName": permission.meaning,
            "id": permission.id, "isEnabled": true, "origin": "Application", "value": permission.value,
        })
    });
    Attributes::from_iter([
        ("appRoles".to_owned(), roles.collect()),
        ("servicePrincipalNames".to_owned(), json!([API_APP_ID, "https://graph.microsoft.com"])),
    ])
}

#[cfg(test)]
mod tests;
