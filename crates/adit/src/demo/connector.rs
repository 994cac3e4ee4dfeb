//! A connector of the demo, registered with a token of its own.

use std::num::NonZeroUsize;
use std::time::Duration;

use adit_connector::{AllowList, ConnectorError, Settings};
use adit_core::MachineName;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::scenario::Group;
use super::temporary_folder::TemporaryFolder;
use crate::api_client::{ApiClient, ApiError};
use crate::command::registration_token;
use crate::command_error::CommandError;

/// How long the demo's registration tokens can be used: they are, at once.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// A running connector.
pub(crate) struct DemoConnector {
    machine_name: MachineName,
    /// Dropped, it asks the connector to leave.
    leave: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ConnectorError>>,
}

impl DemoConnector {
    /// Registers a connector in `group` and starts it.
    ///
    /// # Errors
    /// When the API gives no token for it.
    pub(crate) async fn register(
        client: &ApiClient,
        folder: &TemporaryFolder,
        name: &str,
        group: &Group,
        not_done: &str,
    ) -> Result<Self, CommandError> {
        let machine_name = MachineName::parse(name).map_err(|error| CommandError::failed(not_done, error))?;
        let token = registration_token::issue(client, &group.id, TOKEN_LIFETIME).await;
        let token = token.map_err(|error: ApiError| error.into_command_error(not_done))?;
        let token = token.parse().map_err(|error| CommandError::failed(not_done, error))?;
        let settings = Settings {
            data: folder.path().join(name),
            token: Some(token),
            machine_name: machine_name.clone(),
            allow: AllowList::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connections: NonZeroUsize::MIN,
            proxy: adit_connector::ProxyChoice::Direct,
            grace: adit_connector::GRACE,
        };
        let (leave, left) = oneshot::channel::<()>();
        let task = tokio::spawn(adit_connector::run(settings, async { drop(left.await) }));
        Ok(Self { machine_name, leave, task })
    }

    /// Stops it in order: what is under way through it is finished.
    pub(crate) async fn stop(self) {
        drop(self.leave);
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(connector = %self.machine_name, %error, "the connector had stopped"),
            Err(error) => tracing::error!(connector = %self.machine_name, %error, "the connector broke down"),
        }
    }
}
