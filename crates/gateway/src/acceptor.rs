//! The one listening socket: each connection goes to the core with the fewest. (SO_REUSEPORT would spread few
//! connections unevenly, and closing such a listener resets what waits in its queue.)

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::core::{CoreCommand, Shared};
use crate::limits;

/// Accepts until it is dropped.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // When turning away was last logged: a flood of connections must not become a flood of lines.
    let mut turned_away: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((socket, from)) => {
                // A failure here or below means that the peer is gone already.
                let _ = socket.set_nodelay(true);
                let Ok(socket) = socket.into_std() else { continue };
                let fewest = shared
                    .cores
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, core)| core.connections.load(Ordering::Relaxed))
                    .map(|(index, core)| (index, &core.connections));
                let Some((index, connections)) = fewest else { continue };
                let open: usize = shared.cores.iter().map(|core| core.connections.load(Ordering::Relaxed)).sum();
                if open >= limits::CONNECTIONS {
                    if turned_away.is_none_or(|at: Instant| at.elapsed() >= Duration::from_secs(1)) {
                        tracing::warn!(%from, open, "connections are turned away: the limit is reached");
                        turned_away = Some(Instant::now());
                    }
                    continue;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                shared.hand_over(index, CoreCommand::Connection(socket, from)).await;
            }
            Err(error) => {
                // Out of file descriptors, most likely: pause rather than spin, and what is served goes on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
