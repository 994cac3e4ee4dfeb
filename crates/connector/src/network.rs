//! The network that a connector dials out on: the system's, or one that stands in for it in a simulation.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use adit_tunnel::connection::Socket;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};

/// Names and connections.
pub trait Network: Debug + Send + Sync {
    /// The addresses of a host, in the order in which they are to be tried.
    ///
    /// # Errors
    /// The name cannot be resolved.
    fn resolve<'n>(&'n self, host: &'n str, port: u16) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>>;

    /// Connects to an address. The caller bounds the time.
    ///
    /// # Errors
    /// What the network reports.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>>;
}

/// The system's network.
#[derive(Debug, Clone, Copy)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'n>(&'n self, host: &'n str, port: u16) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>> {
        async move { Ok(lookup_host((host, port)).await?.collect()) }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        async move {
            let socket = Socket::from(TcpStream::connect(address).await?);
            socket.prepare();
            Ok(socket)
        }
        .boxed()
    }
}
