//! Dialling the gateway: TCP, then TLS with the protocol wanted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_tunnel::socket::TunnelSocket;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TCP and TLS together: a few round trips on any link.
const DIAL: Duration = Duration::from_secs(10);

/// Opens a connection to `gateway` (`host:port`).
pub(crate) async fn gateway(gateway: &str, config: Arc<ClientConfig>) -> io::Result<TlsStream<TunnelSocket>> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{gateway}: {reason}"));
    let (host, _) = gateway.rsplit_once(':').ok_or_else(|| invalid("not HOST:PORT"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid("not a host name"))?;
    let dialled = timeout(DIAL, async {
        let socket = TcpStream::connect(gateway).await?;
        socket.set_nodelay(true)?;
        TlsConnector::from(config).connect(name, TunnelSocket::new(socket)).await
    });
    dialled.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 seconds"))?
}
