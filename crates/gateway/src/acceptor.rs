//! The one listening socket: each connection goes to the core with the fewest. (SO_REUSEPORT would spread few
//! connections unevenly, and closing such a listener resets what waits in its queue.)

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_tunnel::connection::Socket;
use adit_tunnel::socket::prepare;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::{Admission, Files, file_of};
use crate::core::{CoreCommand, Shared};
use crate::limits;

/// How long nothing is accepted once there is no room: what is served goes on, and the kernel's queue holds the others.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until it is told to stop, and then what waits in the kernel's queue already: closing the listener would reset
/// those connections.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut door = Door { files: Files::of_this_process(), complaint: Complaint::default(), shared };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        door.take(accepted).await;
    }
    let Ok(listener) = listener.into_std() else { return };
    for _ in 0..limits::CONNECTIONS {
        let accepted = match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            accepted => accepted.and_then(|(socket, from)| {
                socket.set_nonblocking(true)?;
                Ok((TcpStream::from_std(socket)?, from))
            }),
        };
        door.take(accepted).await;
    }
}

/// Where connections come in.
struct Door {
    files: Files,
    complaint: Complaint,
    shared: Arc<Shared>,
}

impl Door {
    /// Hands a connection to a core, if there is room.
    async fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (socket, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                self.complaint.say(|| tracing::warn!(%error, "a connection could not be accepted"));
                return tokio::time::sleep(PAUSE).await;
            }
        };
        let open = self.shared.connections();
        let file = file_of(&socket);
        let admission = self.files.admit(file, open);
        if admission != Admission::Anyone {
            self.complaint.say(|| tracing::warn!(%from, open, file, "clients are turned away: the limit is reached"));
        }
        let Some(admitted) = self.shared.let_in(from, admission) else {
            drop(socket);
            if admission == Admission::Nobody {
                tokio::time::sleep(PAUSE).await;
            }
            return;
        };
        prepare(&socket);
        // A failure means that the peer is gone already.
        let Ok(socket) = Socket::from(socket).park() else { return };
        let cores = self.shared.cores.iter().enumerate();
        let fewest = cores.min_by_key(|(_, core)| core.connections.load(Ordering::Relaxed));
        let Some((index, core)) = fewest else { return };
        core.connections.fetch_add(1, Ordering::Relaxed);
        self.shared.hand_over(index, CoreCommand::Connection(socket, from, admitted)).await;
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
