//! Owners of applications.
//!
//! An owner's issuer may be none that this directory knows, so any id that can be an owner's is accepted; what owns an
//! application here is decided by the id alone.

use adit_core::audit::Activity;
use adit_core::owner::{MOST_OWNERS, Owner, OwnerId};
use adit_core::{ApplicationId, OperationContext, PrincipalKind, ServicePrincipalId};
use adit_store::WriteTransaction;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// An owner to add.
#[derive(Debug, Clone)]
pub struct NewOwner {
    /// Who it is.
    pub id: OwnerId,
    /// What kind of principal that is; if it is not said, a service principal where there is one of that id, else a
    /// user.
    pub kind: Option<PrincipalKind>,
    /// Its name, if one was said.
    pub name: Option<String>,
}

impl ControlPlane {
    /// The owners of an application, in the order of their ids; there are never many.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::Store`].
    pub async fn list_owners(&self, application: ApplicationId) -> Result<Vec<Owner>, Error> {
        self.application(application).await?;
        Ok(self.store().owners_of(application).await?)
    }

    /// Whether `id`, a token's client or subject, is an owner of the application. Nobody owns what is not there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_owner(&self, application: ApplicationId, id: &str) -> Result<bool, Error> {
        let Ok(id) = OwnerId::parse(id) else { return Ok(false) };
        Ok(self.store().find_owner(application, &id).await?.is_some())
    }

    /// Adds an owner to an application.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::OwnerExists`], [`Error::TooManyOwners`], [`Error::Store`].
    pub async fn add_owner(
        &self,
        context: &OperationContext,
        application: ApplicationId,
        new: NewOwner,
    ) -> Result<Owner, Error> {
        let mut change = self.store().begin().await?;
        let present = owners(&mut change, application).await?;
        if present.iter().any(|owner| owner.id == new.id) {
            return Err(Error::OwnerExists { application, id: new.id });
        }
        if present.len() >= MOST_OWNERS {
            return Err(Error::TooManyOwners { application });
        }
        let owner = known(&mut change, new).await?;
        change.insert_owner(application, &owner).await?;
        let detail = audit::change(None, Some(audit::owner(&owner)));
        change.append_audit(self.record(context, Activity::AddOwner, application, detail));
        self.commit(change).await?;
        Ok(owner)
    }

    /// Removes an owner from an application.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::OwnerNotFound`], [`Error::Store`].
    pub async fn remove_owner(
        &self,
        context: &OperationContext,
        application: ApplicationId,
        id: &OwnerId,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let present = owners(&mut change, application).await?;
        let Some(owner) = present.into_iter().find(|owner| owner.id == *id) else {
            return Err(Error::OwnerNotFound { application, id: id.clone() });
        };
        change.delete_owner(application, id).await?;
        let detail = audit::change(Some(audit::owner(&owner)), None);
        change.append_audit(self.record(context, Activity::RemoveOwner, application, detail));
        self.commit(change).await
    }
}

/// The owners of an application that must exist.
async fn owners(change: &mut WriteTransaction, application: ApplicationId) -> Result<Vec<Owner>, Error> {
    change.find_application(application).await?.ok_or(Error::ApplicationNotFound(application))?;
    Ok(change.owners_of(application).await?)
}

/// The owner with what the directory itself knows of it.
async fn known(change: &mut WriteTransaction, new: NewOwner) -> Result<Owner, Error> {
    let principal = match new.id.as_str().parse::<ServicePrincipalId>() {
        Ok(id) if new.kind.is_none() => change.find_service_principal(id).await?,
        _ => None,
    };
    let (kind, name) = match principal {
        Some(principal) => (PrincipalKind::ServicePrincipal, Some(principal.display_name.into())),
        None => (new.kind.unwrap_or(PrincipalKind::User), new.name),
    };
    Ok(Owner { id: new.id, kind, name })
}
