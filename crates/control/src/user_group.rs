//! Groups of this directory's users: made, changed, deleted; who is in them, by whatever way.

use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::{Page, Query};
use adit_core::user_group::MOST_MEMBERS;
use adit_core::{DisplayName, Member, MemberId, OperationContext, Revision, UserGroup, UserGroupId, UserId};
use adit_store::{Reach, WriteTransaction};
use serde_json::json;
use uuid::Uuid;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::Target;

/// A group to make.
#[derive(Debug, Clone)]
pub struct NewUserGroup {
    /// Its name.
    pub display_name: DisplayName,
    /// What only the API layer understands.
    pub attributes: Attributes,
}

/// What to change of a group.
#[derive(Debug, Clone, Default)]
pub struct UserGroupChange {
    /// Another name.
    pub display_name: Option<DisplayName>,
    /// Each key replaces what was there under it.
    pub attributes: Attributes,
}

impl ControlPlane {
    /// One page of the groups.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_user_groups(&self, query: &Query) -> Result<Page<UserGroup>, Error> {
        Ok(self.store().list_user_groups(query).await?)
    }

    /// One group.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::Store`].
    pub async fn user_group(&self, id: UserGroupId) -> Result<UserGroup, Error> {
        self.store().find_user_group(id).await?.ok_or(Error::UserGroupNotFound(id))
    }

    /// Who is in a group itself; never many.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::Store`].
    pub async fn members_of_user_group(&self, id: UserGroupId) -> Result<Vec<Member>, Error> {
        self.user_group(id).await?;
        Ok(self.store().members_of(id).await?)
    }

    /// The groups that a user or a group is in, and with [`Reach::Transitive`] those that these are in.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::UserGroupNotFound`], [`Error::Store`].
    pub async fn user_groups_of(&self, member: MemberId, reach: Reach) -> Result<Vec<UserGroup>, Error> {
        match member {
            MemberId::User(id) => drop(self.user(id).await?),
            MemberId::Group(id) => drop(self.user_group(id).await?),
        }
        Ok(self.store().groups_of(member, reach).await?)
    }

    /// Makes a group with nobody in it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn create_user_group(&self, context: &OperationContext, new: NewUserGroup) -> Result<UserGroup, Error> {
        let mut change = self.store().begin().await?;
        let mut group = UserGroup {
            id: UserGroupId::new(Uuid::now_v7()),
            display_name: new.display_name,
            created: self.now(),
            attributes: new.attributes,
            revision: Revision::default(),
        };
        change.insert_user_group(&mut group).await?;
        let detail = audit::change(None, Some(audit::user_group(&group)));
        change.append_audit(self.record(context, Activity::AddGroup, group.id, detail));
        self.commit(change).await?;
        Ok(group)
    }

    /// Changes a group. What is already so changes nothing.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn update_user_group(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserGroupId>>,
        wanted: UserGroupChange,
    ) -> Result<UserGroup, Error> {
        let mut change = self.store().begin().await?;
        let old = load(&mut change, target).await?;
        let mut group = old.clone();
        if let Some(name) = wanted.display_name {
            group.display_name = name;
        }
        group.attributes.extend(wanted.attributes);
        if group == old {
            self.unchanged(change).await?;
            return Ok(group);
        }
        change.update_user_group(&old, &mut group).await?;
        let detail = audit::change(Some(audit::user_group(&old)), Some(audit::user_group(&group)));
        let changed = audit::differing(&old.attributes, &group.attributes);
        let detail = audit::with(detail, "changed_attributes", changed);
        change.append_audit(self.record(context, Activity::UpdateGroup, group.id, detail));
        self.commit(change).await?;
        Ok(group)
    }

    /// Deletes a group with its assignments and its ownerships. Its members stay. If it was in other groups, they leave
    /// those with it, and their sessions end.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn delete_user_group(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserGroupId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let group = load(&mut change, target).await?;
        let id = MemberId::Group(group.id);
        // What was assigned to the group itself goes with it; what was assigned to those above it does not.
        if !change.group_ids_of(id, Reach::Direct).await?.is_empty() {
            change.end_sessions_of_member(id, self.now()).await?;
        }
        let assignments = change.delete_user_group(group.id).await?;
        let detail = audit::with(audit::change(Some(audit::user_group(&group)), None), "assignments", assignments);
        change.append_audit(self.record(context, Activity::DeleteGroup, group.id, detail));
        self.commit(change).await
    }

    /// Puts a user or a group into a group.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::MemberNotFound`], [`Error::MemberExists`], [`Error::TooManyMembers`],
    /// [`Error::GroupInItself`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn add_group_member(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserGroupId>>,
        member: Uuid,
    ) -> Result<Member, Error> {
        let mut change = self.store().begin().await?;
        let mut group = load(&mut change, target).await?;
        let found = member_of_directory(&mut change, member).await?;
        let id = found.id();
        if change.is_member(group.id, id).await? {
            return Err(Error::MemberExists { group: group.id, member });
        }
        check_not_in_itself(&mut change, group.id, id).await?;
        if change.count_members(group.id).await? >= MOST_MEMBERS {
            return Err(Error::TooManyMembers { group: group.id });
        }
        change.insert_member(&mut group, id).await?;
        self.record_member(&mut change, context, Activity::AddGroupMember, &group, id);
        self.commit(change).await?;
        Ok(found)
    }

    /// Takes a user or a group out of a group, which ends the sessions of all who leave it: a session knows the groups of
    /// its sign-in.
    ///
    /// # Errors
    /// [`Error::UserGroupNotFound`], [`Error::NotInGroup`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn remove_group_member(
        &self,
        context: &OperationContext,
        target: impl Into<Target<UserGroupId>>,
        member: Uuid,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let mut group = load(&mut change, target).await?;
        for id in [MemberId::User(UserId::new(member)), MemberId::Group(UserGroupId::new(member))] {
            let exists = match id {
                MemberId::User(id) => change.find_user(id).await?.is_some(),
                MemberId::Group(id) => change.find_user_group(id).await?.is_some(),
            };
            if exists && change.is_member(group.id, id).await? {
                change.delete_member(&mut group, id).await?;
                change.end_sessions_of_member(id, self.now()).await?;
                self.record_member(&mut change, context, Activity::RemoveGroupMember, &group, id);
                return self.commit(change).await;
            }
        }
        Err(Error::NotInGroup { group: group.id, member })
    }

    fn record_member(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        activity: Activity,
        group: &UserGroup,
        member: MemberId,
    ) {
        let detail = json!({
            "target_name": group.display_name, "member": member.uuid(), "member_kind": member.kind().as_str(),
        });
        change.append_audit(self.record(context, activity, group.id, detail));
    }
}

/// The user or the group of that id.
async fn member_of_directory(change: &mut WriteTransaction, id: Uuid) -> Result<Member, Error> {
    if let Some(user) = change.find_user(UserId::new(id)).await? {
        return Ok(Member::User(user));
    }
    let group = change.find_user_group(UserGroupId::new(id)).await?;
    group.map(Member::Group).ok_or(Error::MemberNotFound(id))
}

/// Refuses a group that the other one is in already, itself or by way of others.
async fn check_not_in_itself(change: &mut WriteTransaction, group: UserGroupId, member: MemberId) -> Result<(), Error> {
    let MemberId::Group(inner) = member else { return Ok(()) };
    let above = change.group_ids_of(MemberId::Group(group), Reach::Transitive).await?;
    if inner == group || above.contains(&inner) { Err(Error::GroupInItself { group, member: inner }) } else { Ok(()) }
}

/// Loads a group that must exist, and be at one of the revisions that are expected of it.
async fn load(change: &mut WriteTransaction, target: impl Into<Target<UserGroupId>>) -> Result<UserGroup, Error> {
    let target = target.into();
    let found = change.find_user_group(target.id).await?.ok_or(Error::UserGroupNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}
