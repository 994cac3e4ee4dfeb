//! The side of the server that is followed: a socket in its data folder, and whoever comes there to take over.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_core::ConnectorId;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use super::channel::Channel;
use super::listeners::Listeners;
use super::{FromHeir, FromPredecessor};

/// Its name in the data folder.
const SOCKET: &str = "handover.sock";

/// How long whoever comes may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after a failed accept the next is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of a path that the system takes for such a socket, with some to spare (the least is 104, on BSD).
const LONGEST_PATH: usize = 100;

/// The place where a server can be asked for everything.
#[derive(Debug)]
pub(crate) struct HeirSocket {
    listener: Option<UnixListener>,
    path: PathBuf,
}

/// A process that takes over.
#[derive(Debug)]
pub(crate) struct Heir {
    channel: Channel,
    /// Its version.
    pub(crate) version: String,
}

impl HeirSocket {
    /// Listens in a data folder that this process has locked. A server that cannot is one that nobody can take over from,
    /// and no worse.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(SOCKET);
        // Left behind by a process that was killed, or that this one follows.
        let _ = std::fs::remove_file(&path);
        let listener = Place::of(folder).and_then(|place| UnixListener::bind(&place.path));
        if let Err(error) = &listener {
            tracing::warn!(path = %path.display(), %error, "no other process can take over from this one");
        }
        Self { listener: listener.ok(), path }
    }

    /// Waits for a process of the same user that wants to take over.
    pub(crate) async fn heir(&self) -> Heir {
        let Some(listener) = &self.listener else { return std::future::pending().await };
        loop {
            let came = match listener.accept().await {
                Ok((stream, _)) => timeout(PATIENCE, Heir::hear(stream)).await,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            match came {
                Ok(Ok(heir)) => return heir,
                Ok(Err(error)) => tracing::warn!(%error, "somebody wanted to take over and was not let"),
                Err(_) => tracing::warn!("somebody came to take over, and said nothing"),
            }
        }
    }

    /// Ends it; the next server has its own.
    pub(crate) fn close(mut self) {
        if self.listener.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Heir {
    async fn hear(stream: UnixStream) -> io::Result<Self> {
        let mut channel = Channel::new(stream);
        if !channel.is_of_this_user()? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        match channel.hear().await? {
            FromHeir::TakeOver { version } => Ok(Self { channel, version }),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives it the sockets, and says which connectors will come. The folder must be free by now.
    pub(crate) async fn give(&mut self, listeners: &Listeners, connectors: &[ConnectorId]) -> io::Result<()> {
        let (roles, sockets) = listeners.all();
        let connectors = connectors.iter().map(ToString::to_string).collect();
        self.channel.say(&FromPredecessor::Yours { listeners: roles, connectors }, &sockets).await
    }

    /// Waits until it accepts connections. However long that takes: the connection ends with the process.
    pub(crate) async fn is_serving(&mut self) -> io::Result<()> {
        match self.channel.hear().await? {
            FromHeir::Serving => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until the connectors have come to it.
    pub(crate) async fn is_settled(&mut self) -> io::Result<()> {
        match self.channel.hear().await? {
            FromHeir::Settled => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(said: &impl std::fmt::Debug) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected: {said:?}"))
}

/// The socket's path as the system takes it: where the folder's is too long, by way of the open folder.
pub(super) struct Place {
    pub(super) path: PathBuf,
    _folder: Option<File>,
}

impl Place {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_with_a_long_path_has_a_socket_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(90)).join("y".repeat(90));
        std::fs::create_dir_all(&deep).unwrap();
        let socket = HeirSocket::open(&deep);
        let coming = async {
            let mut channel = Channel::new(UnixStream::connect(Place::of(&deep).unwrap().path).await.unwrap());
            channel.say(&FromHeir::TakeOver { version: "2".to_owned() }, &[]).await.unwrap();
            channel
        };
        let (heir, _channel) = tokio::join!(socket.heir(), coming);
        assert_eq!(heir.version, "2");
        socket.close();
        assert!(!deep.join(SOCKET).exists());
    }
}
