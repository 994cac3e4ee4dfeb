//! Dialling the gateway: TCP, then TLS with the protocol wanted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::connection::Socket;
use adit_tunnel::socket::TunnelSocket;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::network::Network;
use crate::proxy::Proxy;

/// TCP and TLS together: a few round trips on any link.
const DIAL: Duration = Duration::from_secs(10);

/// Opens a connection to `gateway` (`host:port`), through a proxy if one is given.
pub(crate) async fn gateway(
    network: &dyn Network,
    gateway: &str,
    config: Arc<ClientConfig>,
    proxy: Option<&Proxy>,
) -> io::Result<TlsStream<TunnelSocket>> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{gateway}: {reason}"));
    let (host, port) = gateway.rsplit_once(':').ok_or_else(|| invalid("not HOST:PORT"))?;
    let port = port.parse().map_err(|_| invalid("not HOST:PORT"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid("not a host name"))?;
    let dialled = timeout(DIAL, async {
        let (to, at) = proxy.map_or((host, port), Proxy::place);
        let mut socket = connect(network, to, at).await?;
        if let Some(proxy) = proxy {
            proxy.connect(&mut socket, gateway).await?;
        }
        TlsConnector::from(config).connect(name, TunnelSocket::new(socket)).await
    });
    dialled.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 seconds"))?
}

/// Connects to the first address of the host that answers.
async fn connect(network: &dyn Network, host: &str, port: u16) -> io::Result<Socket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in network.resolve(host, port).await? {
        match network.connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
