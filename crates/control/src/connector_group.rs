//! Connector groups: list, make, rename, place, delete.

use adit_core::audit::Activity;
use adit_core::connector_group::{GroupContents, GroupKind};
use adit_core::query::{Page, Query};
use adit_core::{ConnectorGroup, ConnectorGroupId, DisplayName, OperationContext, Region, Revision};
use adit_store::WriteTransaction;
use uuid::Uuid;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::Target;

/// A group to make.
#[derive(Debug, Clone)]
pub struct NewConnectorGroup {
    /// Its name; unique without case.
    pub name: DisplayName,
    /// Where it is, if anywhere in particular.
    pub region: Option<Region>,
}

/// What to change of a group; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct ConnectorGroupChange {
    /// Another name.
    pub name: Option<DisplayName>,
    /// Another region, or none.
    pub region: Option<Option<Region>>,
}

impl ControlPlane {
    /// One page of the groups.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_connector_groups(&self, query: &Query) -> Result<Page<ConnectorGroup>, Error> {
        Ok(self.store().list_connector_groups(query).await?)
    }

    /// One group.
    ///
    /// # Errors
    /// [`Error::ConnectorGroupNotFound`], [`Error::Store`].
    pub async fn connector_group(&self, id: ConnectorGroupId) -> Result<ConnectorGroup, Error> {
        self.store().find_connector_group(id).await?.ok_or(Error::ConnectorGroupNotFound(id))
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::GroupNameTaken`], [`Error::Store`].
    pub async fn create_connector_group(
        &self,
        context: &OperationContext,
        new: NewConnectorGroup,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let group = self.add_connector_group(&mut change, context, new).await?;
        self.commit(change).await?;
        Ok(group)
    }

    /// Renames a group or places it in another region. What is already so changes nothing.
    ///
    /// # Errors
    /// [`Error::ConnectorGroupNotFound`], [`Error::ChangedMeanwhile`], [`Error::GroupNameTaken`],
    /// [`Error::RegionFixed`], [`Error::Store`].
    pub async fn update_connector_group(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ConnectorGroupId>>,
        wanted: ConnectorGroupChange,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let old = load(&mut change, target).await?;
        let id = old.id;
        let mut group = old.clone();
        if let Some(name) = wanted.name {
            check_name_free(&mut change, &name, Some(id)).await?;
            group.name = name;
        }
        if let Some(region) = wanted.region {
            let contents = change.connector_group_contents(id).await?;
            group.place(region, &contents)?;
        }
        if group == old {
            self.unchanged(change).await?;
            return Ok(old);
        }
        change.update_connector_group(&mut group).await?;
        let detail = audit::change(Some(audit::connector_group(&old)), Some(audit::connector_group(&group)));
        change.append_audit(self.record(context, Activity::UpdateConnectorGroup, id, detail));
        self.commit(change).await?;
        Ok(group)
    }

    /// Deletes a group in which nothing is left.
    ///
    /// # Errors
    /// [`Error::ConnectorGroupNotFound`], [`Error::ChangedMeanwhile`], [`Error::GroupNotDeletable`],
    /// [`Error::Store`].
    pub async fn delete_connector_group(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ConnectorGroupId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let group = load(&mut change, target).await?;
        let id = group.id;
        let contents: GroupContents = change.connector_group_contents(id).await?;
        group.check_deletable(&contents)?;
        change.delete_connector_group(id).await?;
        let detail = audit::change(Some(audit::connector_group(&group)), None);
        change.append_audit(self.record(context, Activity::DeleteConnectorGroup, id, detail));
        self.commit(change).await
    }

    /// Makes a group as part of a larger change.
    pub(crate) async fn add_connector_group(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        new: NewConnectorGroup,
    ) -> Result<ConnectorGroup, Error> {
        check_name_free(change, &new.name, None).await?;
        let mut group = ConnectorGroup {
            id: ConnectorGroupId::new(Uuid::now_v7()),
            name: new.name,
            region: new.region,
            kind: GroupKind::Ordinary,
            revision: Revision::default(),
        };
        change.insert_connector_group(&mut group).await?;
        let detail = audit::change(None, Some(audit::connector_group(&group)));
        change.append_audit(self.record(context, Activity::AddConnectorGroup, group.id, detail));
        Ok(group)
    }
}

/// Loads a group that must exist, and be at one of the revisions that are expected of it.
pub(crate) async fn load(
    change: &mut WriteTransaction,
    target: impl Into<Target<ConnectorGroupId>>,
) -> Result<ConnectorGroup, Error> {
    let target = target.into();
    let found = change.find_connector_group(target.id).await?.ok_or(Error::ConnectorGroupNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}

/// Loads the default group.
pub(crate) async fn load_default(change: &mut WriteTransaction) -> Result<ConnectorGroup, Error> {
    change.find_default_connector_group().await?.ok_or(Error::NoDefaultGroup)
}

async fn check_name_free(
    change: &mut WriteTransaction,
    name: &DisplayName,
    own: Option<ConnectorGroupId>,
) -> Result<(), Error> {
    match change.find_connector_group_named(name).await? {
        Some(other) if Some(other.id) != own => Err(Error::GroupNameTaken { name: name.clone() }),
        _ => Ok(()),
    }
}
