//! Sockets that listen already: from the server before this one, or from a service manager that opened them
//! (`LISTEN_FDS`, as systemd does), so that connections wait while nobody serves.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use listenfd::ListenFd;
use serde::{Deserialize, Serialize};

/// What a socket is for; the names are those of `addresses.json`, and of `FileDescriptorName=` in a socket unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// The API over plain HTTP.
    Control,
    /// The API over HTTPS.
    ControlTls,
    /// Browsers and connectors.
    Gateway,
    /// Health and metrics.
    Metrics,
    /// ACME challenges and redirects.
    Http,
}

impl Role {
    const ALL: [Self; 5] = [Self::Control, Self::ControlTls, Self::Gateway, Self::Metrics, Self::Http];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::ControlTls => "control_tls",
            Self::Gateway => "gateway",
            Self::Metrics => "metrics",
            Self::Http => "http",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// The sockets that a service manager gave cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSockets {
    /// Nothing says what it is for.
    #[error(
        "the service manager's socket '{name}' is for nothing that is known; FileDescriptorName= is to be control, \
             control_tls, gateway, metrics or http"
    )]
    Unnamed {
        /// Its name.
        name: String,
    },
    /// It is none that listens on TCP.
    #[error("the service manager's socket '{name}' cannot be listened on: {source}")]
    NotListening {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Sockets that listen, by what they are for.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    sockets: BTreeMap<Role, TcpListener>,
    /// They are used wherever they listen: whoever opened them decided that.
    of_service_manager: bool,
}

impl Listeners {
    /// Those that a service manager opened for this process; one socket without a name is the gateway's.
    ///
    /// # Errors
    /// [`BadSockets`].
    pub(crate) fn of_service_manager() -> Result<Self, BadSockets> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut given = ListenFd::from_env();
        let mut sockets = BTreeMap::new();
        for index in 0..given.len() {
            let name = names.get(index).copied().unwrap_or_default();
            let not_listening = |source| BadSockets::NotListening { name: name.to_owned(), source };
            let socket = given.take_tcp_listener(index).map_err(not_listening)?;
            let only = (given.len() == 1).then_some(Role::Gateway);
            let role = Role::named(name).or(only).ok_or_else(|| BadSockets::Unnamed { name: name.to_owned() })?;
            sockets.extend(socket.map(|socket| (role, socket)));
        }
        Ok(Self { sockets, of_service_manager: true })
    }

    /// Those that another process gave, in the order of their names.
    pub(super) fn given(roles: Vec<Role>, sockets: Vec<OwnedFd>) -> Self {
        let sockets = roles.into_iter().zip(sockets.into_iter().map(TcpListener::from)).collect();
        Self { sockets, of_service_manager: false }
    }

    /// The socket for `role`, if there is one and it listens at `wanted`.
    pub(crate) fn take(&mut self, role: Role, wanted: SocketAddr) -> Option<TcpListener> {
        let socket = self.sockets.remove(&role)?;
        let there = socket.local_addr().ok()?;
        let fits = there.ip() == wanted.ip() && (wanted.port() == 0 || there.port() == wanted.port());
        (fits || self.of_service_manager).then_some(socket)
    }

    /// Whether a server had them, which has said where it listens.
    pub(crate) fn are_of_a_server(&self) -> bool {
        !self.of_service_manager && !self.sockets.is_empty()
    }

    /// Adds one that is in use, to be given away later.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub(crate) fn keep(&mut self, role: Role, socket: &TcpListener) -> std::io::Result<()> {
        self.sockets.insert(role, socket.try_clone()?);
        Ok(())
    }

    /// What they are for, and themselves.
    pub(super) fn all(&self) -> (Vec<Role>, Vec<BorrowedFd<'_>>) {
        self.sockets.iter().map(|(role, socket)| (*role, socket.as_fd())).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_where_it_listens_as_configured_and_a_service_managers_always() {
        let listening = || TcpListener::bind("127.0.0.1:0").unwrap();
        let elsewhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
        for (of_service_manager, wanted, is_taken) in [
            (false, "127.0.0.1:0".parse().unwrap(), true),
            (false, elsewhere, false),
            (false, "127.0.0.2:0".parse().unwrap(), false),
            (true, elsewhere, true),
        ] {
            let sockets = BTreeMap::from([(Role::Gateway, listening())]);
            let mut listeners = Listeners { sockets, of_service_manager };
            assert!(listeners.take(Role::Control, wanted).is_none());
            assert_eq!(listeners.take(Role::Gateway, wanted).is_some(), is_taken, "{wanted}");
        }
    }

    #[test]
    fn every_role_has_the_name_that_stands_in_the_file_of_addresses() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(Role::named(role.as_str()), Some(role));
        }
    }
}
