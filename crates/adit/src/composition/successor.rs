//! A server gives way to the one that follows it ([`crate::succession`] has the order), or goes on if that one breaks down.

use std::time::Duration;

use adit_gateway::Gateway;

use super::{Server, directory};
#[cfg(feature = "otlp")]
use crate::otlp::Exporter;
use crate::succession::{Estate, Heir};

/// What is left of a server that another one follows: a gateway that serves the clients it has.
pub(crate) struct Leaving {
    gateway: Gateway,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

/// How it ended.
pub(crate) enum HandedOver {
    /// The other process serves.
    Followed(Leaving),
    /// The other process broke down: everything is here again, to be started anew.
    Back(Leaving, Estate),
}

impl Server {
    /// Gives everything to `heir`. The data path goes on meanwhile, by the last snapshot.
    pub(crate) async fn hand_over(mut self, mut heir: Heir) -> HandedOver {
        tracing::info!(version = heir.version, "another process takes over: the API finishes what is under way");
        self.heirs.close();
        self.stop_api.send_replace(true);
        while self.api.join_next().await.is_some() {}
        self.stop_operations.send_replace(true);
        self.background.shutdown().await;
        directory::close(&self.control, &self.folder).await;
        self.folder.hand_over();
        let estate = Estate { listeners: self.listeners, connectors: self.gateway.connectors() };
        let mut leaving = Leaving {
            gateway: self.gateway,
            #[cfg(feature = "otlp")]
            exporter: self.exporter,
        };
        match follow(&mut leaving, &mut heir, &estate).await {
            Ok(()) => HandedOver::Followed(leaving),
            Err(error) => {
                tracing::error!(%error, "the process that was to take over has ended; this one goes on");
                HandedOver::Back(leaving, estate)
            }
        }
    }
}

async fn follow(leaving: &mut Leaving, heir: &mut Heir, estate: &Estate) -> std::io::Result<()> {
    heir.give(&estate.listeners, &estate.connectors).await?;
    heir.is_serving().await?;
    leaving.gateway.give_way().await;
    heir.is_settled().await
}

impl Leaving {
    /// Gives way to a server in this very process.
    pub(crate) async fn give_way(&mut self) {
        self.gateway.give_way().await;
    }

    /// Lets what is under way finish for at most `grace`.
    pub(crate) async fn drain(self, grace: Duration) {
        self.gateway.drain(grace).await;
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter {
            exporter.finish().await;
        }
        tracing::info!("the server that was followed has drained");
    }
}

impl Estate {
    /// Whether it is that of a server, which has said where it listens.
    pub(super) fn is_of_a_server(&self) -> bool {
        self.listeners.are_of_a_server()
    }
}
