//! The simulated network, as connectors dial out on it.

use std::io;
use std::net::SocketAddr;

use adit_connector::Network;
use adit_tunnel::connection::Socket;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use turmoil::net::TcpStream;

/// The network of the simulation that the calling task runs in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedNetwork;

impl Network for SimulatedNetwork {
    fn resolve<'n>(&'n self, host: &'n str, port: u16) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>> {
        ready(Ok(vec![SocketAddr::new(turmoil::lookup(host), port)])).boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        async move { Ok(Socket::Other(Box::new(TcpStream::connect(address).await?))) }.boxed()
    }
}
