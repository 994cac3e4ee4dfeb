//! Connectors: list, move between groups, place through an application, delete. A connector is in exactly one group, so
//! adding it to one is moving it there.

use adit_core::audit::Activity;
use adit_core::id::TunnelId;
use adit_core::query::{Page, Query};
use adit_core::{
    Application, ApplicationId, Connector, ConnectorCare, ConnectorGroup, ConnectorGroupId, ConnectorId,
    ConnectorStatus, DisplayName, KeyGeneration, MachineName, OperationContext, Region, Revision,
};
use adit_store::WriteTransaction;
use uuid::Uuid;

use crate::audit;
use crate::connector_group::{self, NewConnectorGroup};
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::{Expected, Target};

/// How many connectors that nobody sees are looked up at once.
const UNSEEN_BATCH: u32 = 100;

/// How a connector is named where an entity may stand for a reference.
#[derive(Debug, Clone)]
pub enum ConnectorReference {
    /// By its id.
    Id(ConnectorId),
    /// By the name of its machine; an entry is made if no connector has that name.
    MachineName(MachineName),
}

/// How a group is named where an entity may stand for a reference.
#[derive(Debug, Clone)]
pub enum ConnectorGroupReference {
    /// By its id.
    Id(ConnectorGroupId),
    /// By its name; a group is made if none has that name.
    Name {
        /// The name.
        name: DisplayName,
        /// The region of a group that is made.
        region: Option<Region>,
    },
}

impl ControlPlane {
    /// One page of the connectors.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_connectors(&self, query: &Query) -> Result<Page<Connector>, Error> {
        Ok(self.store().list_connectors(query).await?)
    }

    /// One connector.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::Store`].
    pub async fn connector(&self, id: ConnectorId) -> Result<Connector, Error> {
        self.store().find_connector(id).await?.ok_or(Error::ConnectorNotFound(id))
    }

    /// Moves a connector into a group. Where it already is there, nothing changes.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ConnectorGroupNotFound`], [`Error::ChangedMeanwhile`],
    /// [`Error::Store`].
    pub async fn move_connector(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
        group: impl Into<Target<ConnectorGroupId>>,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        let group = connector_group::load(&mut change, group).await?;
        self.finish_move(change, context, connector, group.id, None).await
    }

    /// Takes a connector out of `group`, back to the default group.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ConnectorGroupNotFound`], [`Error::NotAMember`],
    /// [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn leave_connector_group(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
        group: impl Into<Target<ConnectorGroupId>>,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        let group = connector_group::load(&mut change, group).await?;
        check_member(&connector, group.id)?;
        let default = connector_group::load_default(&mut change).await?;
        self.finish_move(change, context, connector, default.id, None).await
    }

    /// Takes a connector out of the group it is in, whichever that is, back to the default group.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn return_connector_to_default_group(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        let default = connector_group::load_default(&mut change).await?;
        self.finish_move(change, context, connector, default.id, None).await
    }

    /// Drains a connector as it was started: nothing new goes there, and what is under way may finish. Where it is drained
    /// already, nothing changes.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ConnectorNotConnected`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn drain_connector(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        let started = change.newest_instance(connector.id).await?;
        let started = started.ok_or(Error::ConnectorNotConnected(connector.id))?;
        self.finish_drain(change, context, connector, Some(started)).await
    }

    /// Lets a connector that was drained serve again. Where it was not, nothing changes.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn resume_connector(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        self.finish_drain(change, context, connector, None).await
    }

    /// Whether the start of the connector that is up is the one that was drained.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_drained(&self, connector: &Connector) -> Result<bool, Error> {
        match connector.drained {
            Some(instance) => Ok(self.store().is_up(connector.id, instance).await?),
            None => Ok(false),
        }
    }

    async fn finish_drain(
        &self,
        mut change: WriteTransaction,
        context: &OperationContext,
        connector: Connector,
        drained: Option<TunnelId>,
    ) -> Result<Connector, Error> {
        if connector.drained == drained {
            self.unchanged(change).await?;
            return Ok(connector);
        }
        let mut changed = Connector { drained, ..connector.clone() };
        change.update_connector(&mut changed).await?;
        let activity = if drained.is_some() { Activity::DrainConnector } else { Activity::ResumeConnector };
        let detail = audit::change(Some(audit::connector(&connector)), Some(audit::connector(&changed)));
        change.append_audit(self.record(context, activity, changed.id, detail));
        self.commit(change).await?;
        Ok(changed)
    }

    /// Deletes a connector: its certificates are worth nothing from then on.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn delete_connector(
        &self,
        context: &OperationContext,
        connector: impl Into<Target<ConnectorId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let connector = load(&mut change, connector).await?;
        change.delete_connector(connector.id).await?;
        let detail = audit::change(Some(audit::connector(&connector)), None);
        change.append_audit(self.record(context, Activity::DeleteConnector, connector.id, detail));
        self.commit(change).await
    }

    /// Notes that an hour has passed in which connectors could connect; those in `connected` have tunnels now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_hour(&self, connected: &[ConnectorId]) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        presence.note_hour(connected).await?;
        Ok(presence.commit().await?)
    }

    /// Deletes the connectors that were not seen for `hours` that were noted, and says how many these were.
    ///
    /// # Errors
    /// [`Error::Store`]; what was deleted until then stays deleted.
    pub async fn delete_unseen_connectors(&self, hours: u32) -> Result<u64, Error> {
        let mut deleted = 0;
        loop {
            let unseen = self.store().unseen_connectors(hours, UNSEEN_BATCH).await?;
            if unseen.is_empty() {
                return Ok(deleted);
            }
            for id in unseen {
                deleted += u64::from(self.delete_if_unseen(id, hours).await?);
            }
        }
    }

    /// Whether a connector was deleted: it may have come back, or be gone, since it was looked up.
    async fn delete_if_unseen(&self, id: ConnectorId, hours: u32) -> Result<bool, Error> {
        let mut change = self.store().begin().await?;
        if !change.is_unseen(id, hours).await? {
            change.roll_back().await?;
            return Ok(false);
        }
        let connector = load(&mut change, id).await?;
        change.delete_connector(id).await?;
        let detail = audit::with(audit::change(Some(audit::connector(&connector)), None), "inactive", true);
        let context = OperationContext::system(Uuid::now_v7());
        change.append_audit(self.record(&context, Activity::DeleteConnector, id, detail));
        self.commit(change).await?;
        Ok(true)
    }

    /// Moves a connector into an application's group, or makes an entry there for a machine that is still to register.
    /// The group may serve other applications too, so the audit record names the application. `expected` is about the
    /// group: it is what gains a member.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::ConnectorNotFound`],
    /// [`Error::AmbiguousMachineName`], [`Error::Store`].
    pub async fn add_connector_to_application(
        &self,
        context: &OperationContext,
        application: ApplicationId,
        expected: Expected,
        reference: ConnectorReference,
    ) -> Result<Connector, Error> {
        let mut change = self.store().begin().await?;
        let (application, group) = load_published(&mut change, application).await?;
        let group = connector_group::load(&mut change, Target::at(group, expected)).await?.id;
        match reference {
            ConnectorReference::Id(id) => {
                let connector = load(&mut change, id).await?;
                self.finish_move(change, context, connector, group, Some(application.id)).await
            }
            ConnectorReference::MachineName(name) => match find_named(&mut change, &name).await? {
                Some(connector) => self.finish_move(change, context, connector, group, Some(application.id)).await,
                None => self.provision(change, context, name, group, application.id).await,
            },
        }
    }

    /// Moves a member of an application's group into another group, which is made if it is named and there is none.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ConnectorNotFound`], [`Error::NotAMember`],
    /// [`Error::ChangedMeanwhile`], [`Error::ConnectorGroupNotFound`], [`Error::Store`].
    pub async fn place_member_in_group(
        &self,
        context: &OperationContext,
        application: ApplicationId,
        connector: impl Into<Target<ConnectorId>>,
        reference: ConnectorGroupReference,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let (application, current) = load_published(&mut change, application).await?;
        let connector = load(&mut change, connector).await?;
        check_member(&connector, current)?;
        let target = self.find_or_add_group(&mut change, context, reference).await?;
        self.finish_move(change, context, connector, target.id, Some(application.id)).await?;
        Ok(target)
    }

    async fn find_or_add_group(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        reference: ConnectorGroupReference,
    ) -> Result<ConnectorGroup, Error> {
        let (name, region) = match reference {
            ConnectorGroupReference::Id(id) => return connector_group::load(change, id).await,
            ConnectorGroupReference::Name { name, region } => (name, region),
        };
        match change.find_connector_group_named(&name).await? {
            Some(group) => Ok(group),
            None => self.add_connector_group(change, context, NewConnectorGroup { name, region }).await,
        }
    }

    /// Moves the connector and commits; a connector that is there already stays untouched.
    async fn finish_move(
        &self,
        mut change: WriteTransaction,
        context: &OperationContext,
        connector: Connector,
        group: ConnectorGroupId,
        application: Option<ApplicationId>,
    ) -> Result<Connector, Error> {
        if connector.connector_group == group {
            self.unchanged(change).await?;
            return Ok(connector);
        }
        let mut moved = Connector { connector_group: group, ..connector.clone() };
        change.update_connector(&mut moved).await?;
        let detail = audit::change(Some(audit::connector(&connector)), Some(audit::connector(&moved)));
        let detail = through(detail, application);
        change.append_audit(self.record(context, Activity::MoveConnector, moved.id, detail));
        self.commit(change).await?;
        Ok(moved)
    }

    /// Makes an entry for a machine that is still to register, and commits.
    async fn provision(
        &self,
        mut change: WriteTransaction,
        context: &OperationContext,
        machine_name: MachineName,
        group: ConnectorGroupId,
        application: ApplicationId,
    ) -> Result<Connector, Error> {
        let mut connector = unregistered(machine_name, group, self.now());
        change.insert_connector(&mut connector).await?;
        let detail = through(audit::change(None, Some(audit::connector(&connector))), Some(application));
        change.append_audit(self.record(context, Activity::AddConnector, connector.id, detail));
        self.commit(change).await?;
        Ok(connector)
    }
}

/// An entry that never registered.
pub(crate) fn unregistered(machine_name: MachineName, group: ConnectorGroupId, now: jiff::Timestamp) -> Connector {
    Connector {
        id: ConnectorId::new(Uuid::now_v7()),
        machine_name,
        external_ip: String::new(),
        version: String::new(),
        status: ConnectorStatus::Inactive,
        connector_group: group,
        key_generation: KeyGeneration::default(),
        care: ConnectorCare::default(),
        drained: None,
        created: now,
        revision: Revision::default(),
    }
}

async fn load(change: &mut WriteTransaction, target: impl Into<Target<ConnectorId>>) -> Result<Connector, Error> {
    let target = target.into();
    let found = change.find_connector(target.id).await?.ok_or(Error::ConnectorNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}

/// Loads an application and the group it is assigned to.
async fn load_published(
    change: &mut WriteTransaction,
    id: ApplicationId,
) -> Result<(Application, ConnectorGroupId), Error> {
    let application = change.find_application(id).await?.ok_or(Error::ApplicationNotPublished(id))?;
    let group = application.connector_group().ok_or(Error::ApplicationNotPublished(id))?;
    Ok((application, group))
}

async fn find_named(change: &mut WriteTransaction, name: &MachineName) -> Result<Option<Connector>, Error> {
    let mut named = change.connectors_named(name).await?;
    if named.len() > 1 {
        let ids = named.iter().map(|connector| connector.id).collect();
        return Err(Error::AmbiguousMachineName { name: name.clone(), ids });
    }
    Ok(named.pop())
}

fn check_member(connector: &Connector, group: ConnectorGroupId) -> Result<(), Error> {
    if connector.connector_group == group {
        return Ok(());
    }
    Err(Error::NotAMember { connector: connector.id, group })
}

fn through(detail: serde_json::Value, application: Option<ApplicationId>) -> serde_json::Value {
    match application {
        Some(id) => audit::with(detail, "application", id.to_string()),
        None => detail,
    }
}
