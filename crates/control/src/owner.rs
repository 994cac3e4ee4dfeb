//! Owners of applications.
//!
//! An owner's issuer may be none that this directory knows, so any id that can be an owner's is accepted; what owns an
//! application here is decided by the id alone.

use adit_core::audit::Activity;
use adit_core::owner::{MOST_OWNERS, Owner, OwnerId};
use adit_core::{ApplicationId, OperationContext, PrincipalId, PrincipalKind, ServicePrincipalId, UserGroupId, UserId};
use adit_store::WriteTransaction;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// An owner to add.
#[derive(Debug, Clone)]
pub struct NewOwner {
    /// Who it is.
    pub id: OwnerId,
    /// What kind of principal that is; if it is not said, what the directory has under that id, else a user.
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
    /// [`Error::ApplicationNotFound`], [`Error::OwnerExists`], [`Error::TooManyOwners`], [`Error::GroupCannotOwn`],
    /// [`Error::Store`].
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

/// The owner with what the directory itself knows of it. What it does not know is another issuer's, and what was said.
async fn known(change: &mut WriteTransaction, new: NewOwner) -> Result<Owner, Error> {
    let NewOwner { id, kind, name } = new;
    let Ok(uuid) = id.as_str().parse::<PrincipalId>().map(PrincipalId::uuid) else {
        return Ok(Owner { id, kind: kind.unwrap_or(PrincipalKind::User), name });
    };
    let may_be = |wanted| kind.is_none_or(|said| said == wanted);
    if may_be(PrincipalKind::ServicePrincipal)
        && let Some(found) = change.find_service_principal(ServicePrincipalId::new(uuid)).await?
    {
        return Ok(Owner { id, kind: PrincipalKind::ServicePrincipal, name: Some(found.display_name.into()) });
    }
    if may_be(PrincipalKind::User)
        && let Some(found) = change.find_user(UserId::new(uuid)).await?
    {
        return Ok(Owner { id, kind: PrincipalKind::User, name: Some(found.display_name.into()) });
    }
    if change.find_user_group(UserGroupId::new(uuid)).await?.is_some() {
        return Err(Error::GroupCannotOwn(id));
    }
    Ok(Owner { id, kind: kind.unwrap_or(PrincipalKind::User), name })
}
