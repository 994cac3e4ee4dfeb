//! Users of this directory who sign in: by name and password, with another password first where one has to be chosen, and
//! what they may do at the API.
//!
//! Invariant: whoever does not know the password learns nothing, not even whether there is such a user; it takes as long.

use adit_core::admission::{Admission, Assignee};
use adit_core::api_permission::api_permission;
use adit_core::app_role_assignment::PrincipalKind;
use adit_core::audit::Activity;
use adit_core::user::check_password;
use adit_core::{API_APP_ID, MemberId, OperationContext, PrincipalId, ServicePrincipal, User, UserGroupId, UserId};
use adit_identity::is_password;
use adit_store::{KeptPassword, Reach};
use zeroize::Zeroizing;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// A user who has proved who it is. Made only by [`ControlPlane::sign_in`] and [`ControlPlane::choose_password`].
#[derive(Debug, Clone)]
pub struct SignedInUser {
    user: User,
}

impl SignedInUser {
    /// The user.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }
}

/// Why a user was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefused {
    /// There is no such user, or the password is another.
    #[error("the name or the password is wrong")]
    Wrong,
    /// The password is right, and the user is disabled.
    #[error("user {0} is disabled")]
    Disabled(UserId),
    /// The password is right, and another one has to be chosen first.
    #[error("user {0} has to choose another password")]
    MustChange(UserId),
    /// The new password is not taken.
    #[error(transparent)]
    NewPassword(Error),
    /// The directory could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

impl ControlPlane {
    /// The user of that name, if `password` is its own.
    ///
    /// # Errors
    /// [`SignInRefused`].
    pub async fn sign_in(&self, name: &str, password: &Zeroizing<String>) -> Result<SignedInUser, SignInRefused> {
        let (user, kept) = self.believed(name, password).await?;
        if kept.must_change {
            return Err(SignInRefused::MustChange(user.id));
        }
        Ok(SignedInUser { user })
    }

    /// The same, and from now on `new` is the password.
    ///
    /// # Errors
    /// [`SignInRefused`].
    pub async fn choose_password(
        &self,
        context: &OperationContext,
        name: &str,
        password: &Zeroizing<String>,
        new: Zeroizing<String>,
    ) -> Result<SignedInUser, SignInRefused> {
        let (old, before) = self.believed(name, password).await?;
        let refused = SignInRefused::NewPassword;
        check_password(&new, &old.principal_name, &old.display_name).map_err(|error| refused(error.into()))?;
        if *new == **password {
            return Err(refused(adit_core::user::PasswordRefused::Same.into()));
        }
        let hash = adit_identity::hash_password(new).await.map_err(Error::from)?;
        let mut change = self.store().begin().await.map_err(Error::from)?;
        let found = change.find_user(old.id).await.map_err(Error::from)?;
        let mut user = found.filter(|user| user.is_enabled).ok_or(SignInRefused::Wrong)?;
        // Somebody else may have set another one meanwhile: then the one that was shown is not the user's any more.
        let kept = change.find_password(user.id).await.map_err(Error::from)?;
        if kept.is_none_or(|kept| kept.hash != before.hash) {
            return Err(SignInRefused::Wrong);
        }
        user.password_changed = self.now();
        let kept = KeptPassword { hash, must_change: false };
        change.write_password(user.id, &kept).await.map_err(Error::from)?;
        // Whoever knew the old password may have signed in with it.
        change.end_sessions_of_member(MemberId::User(user.id), self.now()).await.map_err(Error::from)?;
        change.update_user(&old, &mut user).await.map_err(Error::from)?;
        let detail = audit::with(audit::change(None, None), "target_name", user.display_name.as_str());
        change.append_audit(self.record(context, Activity::ChangeUserPassword, user.id, detail));
        self.commit(change).await?;
        Ok(SignedInUser { user })
    }

    /// A user who has signed in before, if it still may.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn still_signed_in(&self, id: UserId) -> Result<Option<SignedInUser>, Error> {
        let found = self.store().find_user(id).await?;
        Ok(found.filter(|user| user.is_enabled).map(|user| SignedInUser { user }))
    }

    /// The groups that a user is in, by whatever way.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn groups_of_user(&self, id: UserId) -> Result<Vec<UserGroupId>, Error> {
        let groups = self.store().groups_of(MemberId::User(id), Reach::Transitive).await?;
        Ok(groups.into_iter().map(|group| group.id).collect())
    }

    /// What a user may do at the administrative API: what it was assigned itself or through a group; sorted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn api_permissions_of_user(&self, id: UserId) -> Result<Vec<&'static str>, Error> {
        self.api_permissions_of_member(MemberId::User(id)).await
    }

    /// What whoever joins a group may do at the administrative API by that: what was assigned to the group, or to one that
    /// it is in; sorted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn api_permissions_of_group(&self, id: UserGroupId) -> Result<Vec<&'static str>, Error> {
        self.api_permissions_of_member(MemberId::Group(id)).await
    }

    async fn api_permissions_of_member(&self, member: MemberId) -> Result<Vec<&'static str>, Error> {
        let Some(api) = self.store().find_service_principal_of(API_APP_ID).await? else { return Ok(Vec::new()) };
        let mut held = Vec::new();
        for principal in self.principals_of_member(member).await? {
            let roles = self.store().roles_of_member(principal, api.id).await?;
            held.extend(roles.into_iter().filter_map(api_permission).map(|permission| permission.value));
        }
        held.sort_unstable();
        held.dedup();
        Ok(held)
    }

    /// Who assignments of a user or a group may be about: first it, then the groups that it is in.
    async fn principals_of_member(&self, member: MemberId) -> Result<Vec<PrincipalId>, Error> {
        let groups = self.store().groups_of(member, Reach::Transitive).await?;
        let groups = groups.into_iter().map(|group| PrincipalId::new(group.id.uuid()));
        Ok(std::iter::once(PrincipalId::new(member.uuid())).chain(groups).collect())
    }

    /// Whether a user may sign in at a program, and have others act there: it is enabled and, where that is required, the
    /// user is assigned to it, in person or through a group, in a role that counts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn may_use(&self, user: UserId, program: &ServicePrincipal) -> Result<bool, Error> {
        let found = self.store().find_application_by_app_id(program.app_id).await?;
        let Some(application) = found else { return Ok(false) };
        let principals = self.principals_of_member(MemberId::User(user)).await?;
        let mut assignees = Vec::new();
        for (at, principal) in principals.iter().copied().enumerate() {
            let kind = if at == 0 { PrincipalKind::User } else { PrincipalKind::Group };
            let roles = self.store().roles_of_member(principal, program.id).await?;
            assignees.extend(roles.into_iter().map(|app_role| Assignee { principal, kind, app_role }));
        }
        let admission = Admission::of(&application, program, assignees);
        let Some((own, groups)) = principals.split_first() else { return Ok(false) };
        let is_assigned = admission.matches(PrincipalKind::User, *own, groups).next().is_some();
        Ok(admission.is_enabled() && (is_assigned || !admission.is_assignment_required()))
    }

    /// Whoever knows the password, and what is kept of it.
    async fn believed(&self, name: &str, password: &Zeroizing<String>) -> Result<(User, KeptPassword), SignInRefused> {
        let found = self.store().find_user_by_principal_name(name.trim()).await.map_err(Error::from)?;
        let kept = match &found {
            Some(user) => self.store().find_password(user.id).await.map_err(Error::from)?,
            None => None,
        };
        let hash = kept.as_ref().map(|kept| kept.hash.clone());
        let is_right = is_password(password.clone(), hash).await.map_err(Error::from)?;
        match (found, kept, is_right) {
            (Some(user), Some(kept), true) if user.is_enabled => Ok((user, kept)),
            (Some(user), Some(_), true) => Err(SignInRefused::Disabled(user.id)),
            _ => Err(SignInRefused::Wrong),
        }
    }
}
