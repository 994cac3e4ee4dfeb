//! Users of this directory itself: made, changed, given another password, deleted with all that names them.
//!
//! Invariant: a password is hashed before the write begins, so nobody waits for it, and leaves nothing behind but its
//! hash: neither audit nor log nor answer has it.

use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::{Page, Query};
use adit_core::user::check_password;
use adit_core::{DisplayName, MemberId, OperationContext, PrincipalId, Revision, User, UserId, UserPrincipalName};
use adit_identity::hash_password;
use adit_store::{KeptPassword, WriteTransaction};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::Target;

/// A password to set.
pub struct NewPassword {
    /// The password itself.
    pub password: Zeroizing<String>,
    /// Whether the user has to choose another one at the next sign-in.
    pub must_change: bool,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPassword").field("must_change", &self.must_change).finish_non_exhaustive()
    }
}

/// A user to make.
#[derive(Debug)]
pub struct NewUser {
    /// By what it signs in.
    pub principal_name: UserPrincipalName,
    /// Its name.
    pub display_name: DisplayName,
    /// Whether it may sign in.
    pub is_enabled: bool,
    /// Its first password.
    pub password: NewPassword,
    /// What only the API layer understands.
    pub attributes: Attributes,
}

/// What to change of a user.
#[derive(Debug, Default)]
pub struct UserChange {
    /// Another name to sign in by.
    pub principal_name: Option<UserPrincipalName>,
    /// Another name.
    pub display_name: Option<DisplayName>,
    /// Whether it may sign in.
    pub is_enabled: Option<bool>,
    /// Another password.
    pub password: Option<NewPassword>,
    /// Whether the user has to choose another password at the next sign-in; with a new password that says so itself.
    pub must_change: Option<bool>,
    /// Each key replaces what was there under it.
    pub attributes: Attributes,
}

impl ControlPlane {
    /// One page of the users.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_users(&self, query: &Query) -> Result<Page<User>, Error> {
        Ok(self.store().list_users(query).await?)
    }

    /// One user.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Store`].
    pub async fn user(&self, id: UserId) -> Result<User, Error> {
        self.store().find_user(id).await?.ok_or(Error::UserNotFound(id))
    }

    /// One user, by the name by which it signs in, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn user_by_principal_name(&self, name: &str) -> Result<Option<User>, Error> {
        Ok(self.store().find_user_by_principal_name(name).await?)
    }

    /// What is kept of a user's password, if there is such a user.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn password_of(&self, id: UserId) -> Result<Option<KeptPassword>, Error> {
        Ok(self.store().find_password(id).await?)
    }

    /// Whether the directory has a user or a group.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_users_or_groups(&self) -> Result<bool, Error> {
        let mut look = self.store().begin().await?;
        let has = look.has_users_or_groups().await?;
        look.roll_back().await?;
        Ok(has)
    }

    /// Makes the first user, who may do everything at the API; only where there is nobody.
    ///
    /// # Errors
    /// [`Error::HasUsers`], [`Error::PasswordRefused`], [`Error::Password`], [`Error::Store`].
    pub async fn create_first_administrator(&self, context: &OperationContext, new: NewUser) -> Result<User, Error> {
        let (mut user, password) = self.user_to_make(new).await?;
        let mut change = self.store().begin().await?;
        if change.has_users_or_groups().await? {
            return Err(Error::HasUsers);
        }
        self.insert(&mut change, context, &mut user, &password).await?;
        let principal = PrincipalId::new(user.id.uuid());
        self.assign_everything(&mut change, context, principal, &user.display_name).await?;
        self.commit(change).await?;
        Ok(user)
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::PasswordRefused`], [`Error::PrincipalNameTaken`], [`Error::Password`], [`Error::Store`].
    pub async fn create_user(&self, context: &OperationContext, new: NewUser) -> Result<User, Error> {
        let (mut user, password) = self.user_to_make(new).await?;
        let mut change = self.store().begin().await?;
        check_free(&mut change, &user.principal_name, None).await?;
        self.insert(&mut change, context, &mut user, &password).await?;
        self.commit(change).await?;
        Ok(user)
    }

    /// The user to make, with what is kept of the password. Outside of any change: hashing takes long.
    async fn user_to_make(&self, new: NewUser) -> Result<(User, KeptPassword), Error> {
        check_password(&new.password.password, &new.principal_name, &new.display_name)?;
        let password = kept(new.password).await?;
        let now = self.now();
        let user = User {
            id: UserId::new(Uuid::now_v7()),
            principal_name: new.principal_name,
            display_name: new.display_name,
            is_enabled: new.is_enabled,
            created: now,
            password_changed: now,
            attributes: new.attributes,
            revision: Revision::default(),
        };
        Ok((user, password))
    }

    async fn insert(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        user: &mut User,
        password: &KeptPassword,
    ) -> Result<(), Error> {
        change.insert_user(user, password).await?;
        let detail = audit::change(None, Some(audit::user(user)));
        change.append_audit(self.record(context, Activity::AddUser, user.id, detail));
        Ok(())
    }

    /// Changes a user. What is already so changes nothing; a password that is given is always a change. Another password
    /// ends the sessions, and so does disabling.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::PasswordRefused`], [`Error::PrincipalNameTaken`], [`Error::ChangedMeanwhile`],
    /// [`Error::Password`], [`Error::Store`].
    pub async fn update_user(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserId>>,
        wanted: UserChange,
    ) -> Result<User, Error> {
        let target = target.into();
        let password = self.checked_password(target.id, &wanted).await?;
        let mut change = self.store().begin().await?;
        let old = load(&mut change, target).await?;
        let must_change = wanted.must_change.filter(|_| password.is_none());
        let mut user = applied(&old, wanted);
        if let Some(password) = &password {
            user.password_changed = self.now();
            change.write_password(user.id, password).await?;
            // Whoever knew the old password may have signed in with it.
            self.end_sessions_of(&mut change, user.id).await?;
        } else if let Some(must_change) = must_change {
            change.write_must_change(user.id, must_change).await?;
        } else if user == old {
            self.unchanged(change).await?;
            return Ok(user);
        }
        if old.is_enabled && !user.is_enabled {
            self.end_sessions_of(&mut change, user.id).await?;
        }
        check_free(&mut change, &user.principal_name, Some(user.id)).await?;
        change.update_user(&old, &mut user).await?;
        self.record_update(&mut change, context, (&old, &user), password.is_some(), must_change);
        self.commit(change).await?;
        Ok(user)
    }

    /// Deletes a user with its password, its assignments, its memberships, its ownerships and its sessions.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn delete_user(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let user = load(&mut change, target).await?;
        self.end_sessions_of(&mut change, user.id).await?;
        let assignments = change.delete_user(user.id).await?;
        let detail = audit::with(audit::change(Some(audit::user(&user)), None), "assignments", assignments);
        change.append_audit(self.record(context, Activity::DeleteUser, user.id, detail));
        self.commit(change).await
    }

    /// Ends all sessions of a user, with the change that is the reason.
    async fn end_sessions_of(&self, change: &mut WriteTransaction, user: UserId) -> Result<(), Error> {
        Ok(change.end_sessions_of_member(MemberId::User(user), self.now()).await?)
    }

    /// Checks the password of a change by the names that the user will have, and hashes it: before the write begins.
    async fn checked_password(&self, id: UserId, wanted: &UserChange) -> Result<Option<KeptPassword>, Error> {
        let Some(new) = &wanted.password else { return Ok(None) };
        let user = self.user(id).await?;
        let principal_name = wanted.principal_name.as_ref().unwrap_or(&user.principal_name);
        let display_name = wanted.display_name.as_ref().unwrap_or(&user.display_name);
        check_password(&new.password, principal_name, display_name)?;
        let new = NewPassword { password: new.password.clone(), must_change: new.must_change };
        kept(new).await.map(Some)
    }

    fn record_update(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        (old, new): (&User, &User),
        has_new_password: bool,
        must_change: Option<bool>,
    ) {
        if has_new_password {
            let detail = audit::with(audit::change(None, None), "target_name", new.display_name.as_str());
            change.append_audit(self.record(context, Activity::ResetUserPassword, new.id, detail));
        }
        let (before, after) = (audit::user(old), audit::user(new));
        let changed = audit::differing(&old.attributes, &new.attributes);
        if before == after && changed.is_empty() && must_change.is_none() {
            return;
        }
        let mut detail = audit::with(audit::change(Some(before), Some(after)), "changed_attributes", changed);
        if let Some(must_change) = must_change {
            detail = audit::with(detail, "must_change_password", must_change);
        }
        change.append_audit(self.record(context, Activity::UpdateUser, new.id, detail));
    }
}

fn applied(old: &User, wanted: UserChange) -> User {
    let mut user = old.clone();
    if let Some(name) = wanted.principal_name {
        user.principal_name = name;
    }
    if let Some(name) = wanted.display_name {
        user.display_name = name;
    }
    if let Some(is_enabled) = wanted.is_enabled {
        user.is_enabled = is_enabled;
    }
    user.attributes.extend(wanted.attributes);
    user
}

async fn kept(new: NewPassword) -> Result<KeptPassword, Error> {
    let hash = hash_password(new.password).await?;
    Ok(KeptPassword { hash, must_change: new.must_change })
}

async fn check_free(change: &mut WriteTransaction, name: &UserPrincipalName, own: Option<UserId>) -> Result<(), Error> {
    match change.find_user_by_principal_name(name.as_str()).await? {
        Some(other) if Some(other.id) != own => Err(Error::PrincipalNameTaken { name: name.clone(), by: other.id }),
        _ => Ok(()),
    }
}

/// Loads a user that must exist, and be at one of the revisions that are expected of it.
async fn load(change: &mut WriteTransaction, target: impl Into<Target<UserId>>) -> Result<User, Error> {
    let target = target.into();
    let found = change.find_user(target.id).await?.ok_or(Error::UserNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}
