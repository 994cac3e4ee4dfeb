//! Dialling an upstream: resolve, check each address against the rules, TCP, and TLS where the target wants it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use adit_tunnel::connection::Socket;
use adit_tunnel::target::{Offer, OpenFailure, OpenReason, Target, UpstreamTls};
use http::HeaderMap;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::allow::AllowList;
use crate::network::Network;
use crate::refusal_log::RefusalLog;
use crate::register::now;
use crate::resolver::resolve;
use crate::target_policy::TargetPolicy;
use crate::tls::UpstreamConfigs;

/// Resolution and TCP: a server in the same network answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(5);

/// TCP to one of several addresses, so that one that leads nowhere does not use up the time of the others.
const CONNECT_ONE: Duration = Duration::from_secs(2);

/// TLS towards the upstream.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// What a connector needs in order to dial.
#[derive(Debug)]
pub(crate) struct UpstreamDialler {
    pub(crate) policy: TargetPolicy,
    pub(crate) allow: AllowList,
    pub(crate) refusals: RefusalLog,
    pub(crate) tls: UpstreamConfigs,
    pub(crate) network: Arc<dyn Network>,
}

/// A connection to an upstream.
#[derive(Debug)]
pub(crate) enum UpstreamConnection {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl UpstreamConnection {
    /// What TLS negotiated, if it negotiated anything.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }

    /// When the certificate that it showed ends, in seconds since 1970.
    pub(crate) fn certificate_ends(&self) -> Option<i64> {
        let Self::Tls(tls) = self else { return None };
        let shown = tls.get_ref().1.peer_certificates()?.first()?;
        let (_, certificate) = X509Certificate::from_der(shown).ok()?;
        Some(certificate.validity().not_after.timestamp())
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
    /// Checks that the target of a stream with this head was signed for this connector.
    pub(crate) fn check(&self, head: &HeaderMap, target: &Target) -> Result<(), OpenFailure> {
        self.policy.check(head, target, now(), Instant::now()).map_err(|not_signed| {
            self.refusals.note(target, &not_signed);
            OpenFailure::new(OpenReason::NotAllowed, not_signed)
        })
    }

    /// Connects to `target`, if that is allowed; with TLS, `offer` is offered.
    pub(crate) async fn dial(&self, target: &Target, offer: Offer) -> Result<UpstreamConnection, OpenFailure> {
        let socket = timeout(CONNECT, self.connect(target)).await.map_err(|_| {
            OpenFailure::new(OpenReason::TimedOut, format!("{}:{} did not answer", target.host, target.port))
        })??;
        let failed = |reason: &dyn std::fmt::Display| {
            OpenFailure::new(OpenReason::TlsFailed, format!("{}:{}: {reason}", target.host, target.port))
        };
        let config = match target.tls {
            UpstreamTls::Off => return Ok(UpstreamConnection::Plain(socket)),
            UpstreamTls::Verified => self.tls.verified(offer),
            UpstreamTls::NotVerified => self.tls.not_verified(offer),
        };
        let config = config.map_err(|error| failed(&error))?;
        let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(&error))?;
        match timeout(HANDSHAKE, TlsConnector::from(config).connect(name, socket)).await {
            Ok(Ok(tls)) => Ok(UpstreamConnection::Tls(Box::new(tls))),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&"TLS took longer than 5 seconds")),
        }
    }

    /// Dials the allowed addresses of the target, one after the other.
    async fn connect(&self, target: &Target) -> Result<Socket, OpenFailure> {
        let mut last = None;
        let addresses = resolve(self.network.as_ref(), target).await?;
        let each = if addresses.len() > 1 { CONNECT_ONE } else { CONNECT };
        for address in addresses {
            if let Err(refused) = self.allow.check(&target.host, address.ip(), target.port) {
                self.refusals.note(target, &refused);
                last.get_or_insert_with(|| OpenFailure::new(OpenReason::NotAllowed, refused));
                continue;
            }
            match timeout(each, self.network.connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = Some(OpenFailure::new(OpenReason::Refused, format!("{address}: {error}"))),
                Err(_) => last = Some(OpenFailure::new(OpenReason::TimedOut, format!("{address} did not answer"))),
            }
        }
        Err(last.unwrap_or_else(|| {
            OpenFailure::new(OpenReason::NameNotResolved, format!("{} has no address", target.host))
        }))
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

#[cfg(test)]
mod tests;
