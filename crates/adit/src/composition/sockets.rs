//! The listening sockets: taken before anything is served, so that an address in use is known first; those that somebody
//! else has opened already are used where they fit.

use std::net::{SocketAddr, TcpListener};

use crate::configuration::Listen;
use crate::data_folder::Addresses;
use crate::listener::{Bound, NotListening};
use crate::succession::{Listeners, Role};

/// Connections that wait to be accepted by the gateway: a burst of browsers after a restart.
const GATEWAY_BACKLOG: i32 = 4096;

/// The same for the other listeners.
const BACKLOG: i32 = 1024;

/// The sockets, taken and not yet served.
pub(super) struct Sockets {
    pub(super) control: Bound,
    pub(super) control_tls: Bound,
    pub(super) gateway: TcpListener,
    gateway_address: SocketAddr,
    pub(super) metrics: Bound,
    pub(super) http: Option<Bound>,
}

/// Takes one after the other.
struct Taking {
    given: Listeners,
    taken: Listeners,
}

impl Sockets {
    /// Takes them, from `given` as far as it has them; the second part is the same sockets once more, to be given away.
    ///
    /// # Errors
    /// [`NotListening`] names the first that cannot be.
    pub(super) fn take(listen: &Listen, given: Listeners) -> Result<(Self, Listeners), NotListening> {
        let mut taking = Taking { given, taken: Listeners::default() };
        let (gateway, gateway_address) =
            taking.socket(Role::Gateway, "gateway_listen", listen.gateway, GATEWAY_BACKLOG, |socket| {
                let address = socket.local_addr()?;
                Ok((socket, address))
            })?;
        let sockets = Self {
            control: taking.bound(Role::Control, "control_listen", listen.control)?,
            control_tls: taking.bound(Role::ControlTls, "control_tls_listen", listen.control_tls)?,
            gateway,
            gateway_address,
            metrics: taking.bound(Role::Metrics, "metrics_listen", listen.metrics)?,
            http: listen.http.map(|address| taking.bound(Role::Http, "http_listen", address)).transpose()?,
        };
        Ok((sockets, taking.taken))
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            control: self.control.address(),
            control_tls: self.control_tls.address(),
            gateway: self.gateway_address,
            metrics: self.metrics.address(),
            http: self.http.as_ref().map(Bound::address),
        }
    }
}

impl Taking {
    fn bound(&mut self, role: Role, setting: &'static str, address: SocketAddr) -> Result<Bound, NotListening> {
        self.socket(role, setting, address, BACKLOG, Bound::of)
    }

    fn socket<T>(
        &mut self,
        role: Role,
        setting: &'static str,
        address: SocketAddr,
        backlog: i32,
        prepare: impl FnOnce(TcpListener) -> std::io::Result<T>,
    ) -> Result<T, NotListening> {
        let failed = |source| NotListening { setting, address, source };
        let socket = match self.given.take(role, address) {
            Some(socket) => socket,
            None => listening(address, backlog).map_err(failed)?,
        };
        self.taken.keep(role, &socket).map_err(failed)?;
        prepare(socket).map_err(failed)
    }
}

/// A new socket. `[::]` takes IPv4 as well, whatever the system's default is.
fn listening(address: SocketAddr, backlog: i32) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_for_all_addresses_takes_both_families() {
        let listener = listening("[::]:0".parse().unwrap(), 1).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        listener.accept().unwrap();
        drop(client);
    }
}
