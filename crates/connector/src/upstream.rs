//! Dialling an upstream: resolve, check each address against the rules, TCP, and TLS where the target wants it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_tunnel::socket::prepare;
use adit_tunnel::target::{Offer, OpenFailure, OpenReason, Target, UpstreamTls};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::allow::AllowList;
use crate::tls::UpstreamTlsConfigs;

/// Resolution and TCP: a server in the same network answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(5);

/// TCP to one of several addresses, so that one that leads nowhere does not use up the time of the others.
const CONNECT_ONE: Duration = Duration::from_secs(2);

/// TLS towards the upstream.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// What a connector needs in order to dial.
#[derive(Debug)]
pub(crate) struct UpstreamDialler {
    pub(crate) allow: AllowList,
    pub(crate) tls: UpstreamTlsConfigs,
}

/// A connection to an upstream.
#[derive(Debug)]
pub(crate) enum UpstreamConnection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl UpstreamConnection {
    /// What TLS negotiated, if it negotiated anything.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }

    /// How many of the `length` bytes of a write that failed may have left all the same: TLS sends them in several
    /// records, and may have sent some before it fails.
    pub(crate) const fn of_failed_write(&self, length: usize) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(_) => length,
        }
    }
}

impl UpstreamDialler {
    /// Connects to `target`, if that is allowed; with TLS, `offer` is offered.
    pub(crate) async fn dial(&self, target: &Target, offer: Offer) -> Result<UpstreamConnection, OpenFailure> {
        let socket = timeout(CONNECT, self.connect(target)).await.map_err(|_| {
            OpenFailure::new(OpenReason::TimedOut, format!("{}:{} did not answer", target.host, target.port))
        })??;
        let config = match target.tls {
            UpstreamTls::Off => return Ok(UpstreamConnection::Plain(socket)),
            UpstreamTls::Verified => self.tls.verified.with(offer),
            UpstreamTls::NotVerified => self.tls.not_verified.with(offer),
        };
        let failed = |reason: &dyn std::fmt::Display| {
            OpenFailure::new(OpenReason::TlsFailed, format!("{}:{}: {reason}", target.host, target.port))
        };
        let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(&error))?;
        match timeout(HANDSHAKE, TlsConnector::from(config).connect(name, socket)).await {
            Ok(Ok(tls)) => Ok(UpstreamConnection::Tls(Box::new(tls))),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&"TLS took longer than 5 seconds")),
        }
    }

    /// Dials the allowed addresses of the target, one after the other.
    async fn connect(&self, target: &Target) -> Result<TcpStream, OpenFailure> {
        let mut last = None;
        let addresses = resolve(target).await?;
        let each = if addresses.len() > 1 { CONNECT_ONE } else { CONNECT };
        for address in addresses {
            if let Err(refused) = self.allow.check(&target.host, address.ip(), target.port) {
                tracing::warn!(application = %target.application, host = %target.host, %refused, "a target was not dialled");
                last.get_or_insert_with(|| OpenFailure::new(OpenReason::NotAllowed, refused));
                continue;
            }
            match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    prepare(&socket);
                    return Ok(socket);
                }
                Ok(Err(error)) => last = Some(OpenFailure::new(OpenReason::Refused, format!("{address}: {error}"))),
                Err(_) => last = Some(OpenFailure::new(OpenReason::TimedOut, format!("{address} did not answer"))),
            }
        }
        Err(last.unwrap_or_else(|| {
            OpenFailure::new(OpenReason::NameNotResolved, format!("{} has no address", target.host))
        }))
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, OpenFailure> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    // Names below `localhost` are this machine, whatever a name server says (RFC 6761, section 6.3).
    if target.host.ends_with(".localhost") {
        return Ok([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .map(|address| SocketAddr::new(address, target.port))
            .to_vec());
    }
    match lookup_host((target.host.as_str(), target.port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(OpenFailure::new(OpenReason::NameNotResolved, format!("{}: {error}", target.host))),
    }
}

impl AsyncRead for UpstreamConnection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for UpstreamConnection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buffer),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
