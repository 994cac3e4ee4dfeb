//! The side of the server that follows: it asks the one that runs for everything, and tells it how far it has come.

use std::io;
use std::path::Path;

use adit_core::ConnectorId;
use tokio::net::UnixStream;

use super::channel::Channel;
use super::heir::Place;
use super::listeners::Listeners;
use super::{Estate, FromHeir, FromPredecessor};

/// The server that runs gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("the server that runs on {folder} could not be taken over from: {source}")]
pub(crate) struct NotTakenOver {
    folder: String,
    source: io::Error,
}

/// The server before this one; it goes on, should this process end before it has taken over.
#[derive(Debug)]
pub(crate) struct Predecessor {
    channel: Channel,
}

impl Predecessor {
    /// Asks the server that runs on `folder` for everything, and waits until the folder is free. `None` if none runs.
    ///
    /// # Errors
    /// [`NotTakenOver`]; the other server goes on.
    pub(crate) async fn ask(folder: &Path) -> Result<Option<(Self, Estate)>, NotTakenOver> {
        let failed = |source| NotTakenOver { folder: folder.display().to_string(), source };
        let connected = match Place::of(folder) {
            Ok(place) => UnixStream::connect(&place.path).await,
            Err(error) => Err(error),
        };
        let stream = match connected {
            Ok(stream) => stream,
            // What a server that was killed left behind, or nothing.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        Self::take(Channel::new(stream)).await.map(Some).map_err(failed)
    }

    async fn take(mut channel: Channel) -> io::Result<(Self, Estate)> {
        if !channel.is_of_this_user()? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        channel.say(&FromHeir::TakeOver { version: env!("CARGO_PKG_VERSION").to_owned() }, &[]).await?;
        let FromPredecessor::Yours { listeners, connectors } = channel.hear().await?;
        let connectors: Vec<ConnectorId> = connectors.iter().filter_map(|id| id.parse().ok()).collect();
        let listeners = Listeners::given(listeners, channel.take_sockets());
        Ok((Self { channel }, Estate { listeners, connectors }))
    }

    /// Connections are accepted here from now on.
    pub(crate) async fn is_followed(&mut self) {
        self.tell(&FromHeir::Serving).await;
    }

    /// The connectors have come: it may drain.
    pub(crate) async fn may_go(mut self) {
        self.tell(&FromHeir::Settled).await;
    }

    async fn tell(&mut self, message: &FromHeir) {
        // One that is gone needs not be told.
        if let Err(error) = self.channel.say(message, &[]).await {
            tracing::warn!(%error, "the server before this one has ended early");
        }
    }
}
