//! The one listening socket: each connection goes to the core with the fewest. (SO_REUSEPORT would spread few
//! connections unevenly, and closing such a listener resets what waits in its queue.)

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::admission::{Admission, Files, file_of};
use crate::core::{CoreCommand, Shared};

/// How long nothing is accepted once there is no room: what is served goes on, and the kernel's queue holds the others.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until it is dropped.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let files = Files::of_this_process();
    let mut complaint = Complaint::default();
    loop {
        let (socket, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                complaint.say(|| tracing::warn!(%error, "a connection could not be accepted"));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let open: usize = shared.cores.iter().map(|core| core.connections.load(Ordering::Relaxed)).sum();
        let file = file_of(&socket);
        let admission = files.admit(file, open);
        if admission != Admission::Anyone {
            complaint.say(|| tracing::warn!(%from, open, file, "clients are turned away: the limit is reached"));
        }
        if admission == Admission::Nobody {
            drop(socket);
            tokio::time::sleep(PAUSE).await;
            continue;
        }
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
        connections.fetch_add(1, Ordering::Relaxed);
        shared.hand_over(index, CoreCommand::Connection(socket, from, admission)).await;
    }
}

/// Says something at most once a second: a flood of connections must not become a flood of lines.
#[derive(Debug, Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn say(&mut self, line: impl FnOnce()) {
        if self.0.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
            line();
            self.0 = Some(Instant::now());
        }
    }
}
