//! `adit connector check`: the way to the gateway, tried link by link, so that the one which fails is named. Nothing is
//! changed: no token is used, and a connector that runs on the same data folder goes on.
//!
//! The links, each tried once those before it hold: name, connection, proxy, TLS, clock, registration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_core::RegistrationToken;
use adit_core::id::TunnelId;
use adit_tunnel::carrier;
use adit_tunnel::message::{self, ControlReceiver, ControlSender, FromConnector, FromGateway, Hello};
use adit_tunnel::socket::TunnelSocket;
use aws_lc_rs::digest::{SHA256, digest};
use http::Response;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use crate::clock;
use crate::dial;
use crate::identity::{ConnectorKey, FolderError, Identity, IdentityFolder};
use crate::network::SystemNetwork;
use crate::proxy::{Proxy, ProxyChoice};
use crate::register::now;
use crate::tls;

/// How long each link may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head of an answer that is read for its date, in bytes.
const LONGEST_HEAD: u64 = 16 * 1024;

/// What is checked.
#[derive(Debug)]
pub struct CheckSettings {
    /// The data folder, if the connector is registered.
    pub data: Option<PathBuf>,
    /// A registration token, if it is not yet. It is not used up.
    pub token: Option<RegistrationToken>,
    /// Through which proxy the gateway is dialled.
    pub proxy: ProxyChoice,
}

/// One link of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The name is resolved.
    Dns,
    /// Something accepts the connection.
    Tcp,
    /// The proxy lets it through.
    Proxy,
    /// What answers is the gateway of this directory.
    Tls,
    /// This machine and the gateway agree on the time.
    Clock,
    /// The gateway accepts this connector.
    Registration,
}

impl Link {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Clock => "clock",
            Self::Registration => "registration",
        }
    }
}

/// What was found out about a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The link.
    pub link: Link,
    /// What holds, or what is wrong and what to do.
    pub outcome: Result<String, String>,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum NotChecked {
    /// Something in the data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Neither a registration nor a token says where the gateway is.
    #[error("neither a registration in the data folder nor a token says where the gateway is")]
    NoGateway,
}

/// A link that does not hold, and why.
type Broken = (Link, String);

/// Where the way leads.
struct Way {
    gateway: String,
    ca_fingerprint: [u8; 32],
    proxy: Option<Proxy>,
    registered: Option<(Identity, ConnectorKey)>,
}

/// Tries the links until one fails; the findings so far.
///
/// # Errors
/// [`NotChecked`].
pub async fn check(settings: &CheckSettings) -> Result<Vec<Finding>, NotChecked> {
    let way = way(settings)?;
    let mut findings = Vec::new();
    if let Err((link, why)) = walk(&way, &mut findings).await {
        findings.push(Finding { link, outcome: Err(why) });
    }
    Ok(findings)
}

async fn walk(way: &Way, findings: &mut Vec<Finding>) -> Result<(), Broken> {
    let mut holds = |link, said| findings.push(Finding { link, outcome: Ok(said) });
    holds(Link::Dns, resolves(way).await.map_err(|why| (Link::Dns, why))?);
    let (said, socket) = connects(way).await.map_err(|why| (Link::Tcp, why))?;
    holds(Link::Tcp, said);
    holds(Link::Proxy, passes(way, socket).await.map_err(|why| (Link::Proxy, why))?);
    holds(Link::Tls, secured(way).await?);
    holds(Link::Clock, agrees(way).await.map_err(|why| (Link::Clock, why))?);
    holds(Link::Registration, accepted(way).await.map_err(|why| (Link::Registration, why))?);
    Ok(())
}

fn way(settings: &CheckSettings) -> Result<Way, NotChecked> {
    let registered = settings.data.as_deref().map(IdentityFolder::look_into).transpose()?.flatten();
    let (gateway, ca_fingerprint) = match (&settings.token, &registered) {
        (Some(token), _) => (token.gateway.clone(), token.ca_fingerprint),
        (None, Some((identity, _))) => {
            let mut fingerprint = [0; 32];
            fingerprint.copy_from_slice(digest(&SHA256, &identity.ca()).as_ref());
            (identity.gateway.clone(), fingerprint)
        }
        (None, None) => return Err(NotChecked::NoGateway),
    };
    let proxy = settings.proxy.for_gateway(&gateway).cloned();
    Ok(Way { gateway, ca_fingerprint, proxy, registered })
}

impl Way {
    /// What this machine connects to itself.
    fn first(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.gateway.clone(), Proxy::address)
    }

    async fn tls(&self, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TunnelSocket>> {
        dial::gateway(&SystemNetwork, &self.gateway, config, self.proxy.as_ref()).await
    }
}

async fn resolves(way: &Way) -> Result<String, String> {
    let first = way.first();
    match timeout(PATIENCE, lookup_host(&first)).await {
        Ok(Ok(addresses)) => {
            let mut addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            if addresses.is_empty() {
                return Err(format!("{first} has no address"));
            }
            Ok(format!("{first} is {}", addresses.join(", ")))
        }
        Ok(Err(error)) => Err(format!("{first}: {error}; check the spelling and this machine's name servers")),
        Err(_) => Err(format!("{first}: no name server answered within 10 seconds")),
    }
}

async fn connects(way: &Way) -> Result<(String, TcpStream), String> {
    let first = way.first();
    match timeout(PATIENCE, TcpStream::connect(&first)).await {
        Ok(Ok(socket)) => Ok((format!("connected to {first}"), socket)),
        Ok(Err(error)) => Err(format!("{first}: {error}; check that it listens there and that no firewall forbids it")),
        Err(_) => Err(format!("{first}: no answer within 10 seconds; a firewall may drop the packets")),
    }
}

async fn passes(way: &Way, mut socket: TcpStream) -> Result<String, String> {
    let Some(proxy) = &way.proxy else { return Ok("none is used".to_owned()) };
    match timeout(PATIENCE, proxy.connect(&mut socket, &way.gateway)).await {
        Ok(Ok(())) => Ok(format!("{} connects to {}", proxy.address(), way.gateway)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("{} did not answer within 10 seconds", proxy.address())),
    }
}

async fn secured(way: &Way) -> Result<String, Broken> {
    let config = tls::for_registration(way.ca_fingerprint).map_err(|error| (Link::Tls, error.to_string()))?;
    let error = match way.tls(config).await {
        Ok(_) => return Ok("what answers is the gateway of this directory".to_owned()),
        Err(error) => error,
    };
    if let Some(trouble) = clock::trouble(&error) {
        return Err((Link::Clock, trouble.to_string()));
    }
    let hint = if tls::is_certificate_fault(&error) {
        "what answers is not the gateway of this directory: something between may open TLS (a proxy that inspects), or \
         the address leads to another server"
    } else {
        "something between may not let TLS through, or what answers is no gateway"
    };
    Err((Link::Tls, format!("{}: {error}; {hint}", way.gateway)))
}

/// Compares the clocks, by the date in an answer of the gateway.
async fn agrees(way: &Way) -> Result<String, String> {
    let theirs = match timeout(PATIENCE, date(way)).await {
        Ok(Ok(theirs)) => theirs,
        Ok(Err(error)) => return Ok(format!("not known: the gateway did not say what time it is ({error})")),
        Err(_) => return Ok("not known: the gateway did not say what time it is".to_owned()),
    };
    let skew = clock::Skew { ours: now(), theirs };
    if skew.is_tolerable() { Ok(skew.to_string()) } else { Err(format!("{skew}; set the one that is wrong right")) }
}

async fn date(way: &Way) -> std::io::Result<i64> {
    let mut stream = way.tls(tls::for_looking().map_err(std::io::Error::other)?).await?;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", way.gateway);
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // However the connection ends, it has said what it had to say.
    let _ = stream.take(LONGEST_HEAD).read_to_end(&mut head).await;
    let head = String::from_utf8_lossy(&head);
    let date = head.lines().find_map(|line| {
        let (_, value) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("date"))?;
        clock::of_http_date(value.trim())
    });
    date.ok_or_else(|| std::io::Error::other("its answer has no date"))
}

/// Whether the gateway would serve this connector.
async fn accepted(way: &Way) -> Result<String, String> {
    let Some((identity, key)) = &way.registered else {
        return Ok("not registered yet; the token is good for one registration, and was not used".to_owned());
    };
    if identity.not_after <= now() {
        return Err(format!("{}; register again with a new token", clock::Ended::new(identity.not_after, now())));
    }
    let config = tls::for_tunnel(identity, key).map_err(|error| error.to_string())?;
    match timeout(PATIENCE, ask(way, identity, config)).await {
        Ok(Ok(None)) => Ok(format!("registered as {} ({})", identity.connector, identity.machine_name)),
        Ok(Ok(Some(refused))) => Err(refused),
        Ok(Err(error)) => Err(format!("the gateway did not accept this connector's certificate: {error}")),
        Err(_) => Err("the gateway did not say whether it accepts this connector".to_owned()),
    }
}

/// Says hello as somebody who only looks; why not, if it would not be accepted.
async fn ask(way: &Way, identity: &Identity, config: Arc<ClientConfig>) -> std::io::Result<Option<String>> {
    let mut carrier = carrier::connector_end(way.tls(config).await?).await.map_err(std::io::Error::other)?;
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (request, mut respond) = carrier.accept().await.ok_or_else(gone)??;
    let send = respond.send_response(Response::new(()), false).map_err(std::io::Error::other)?;
    let mut sender = ControlSender::new(send);
    sender.send(&FromConnector::Hello(Hello {
        protocol: message::OLDEST_PROTOCOL,
        newest: Some(message::PROTOCOL),
        version: "check".to_owned(),
        machine_name: identity.machine_name.clone(),
        instance: TunnelId::new(Uuid::new_v4()),
        is_check: true,
    }))?;
    let mut receiver = ControlReceiver::new(request.into_body());
    let answer = tokio::select! {
        answer = receiver.next::<FromGateway>() => answer?,
        _ = carrier.accept() => None,
    };
    match answer {
        Some(FromGateway::Goodbye(goodbye)) => Ok((goodbye.reason != message::CHECKED).then_some(goodbye.reason)),
        // An older gateway knows of no checks, and takes it for a connector that leaves again.
        Some(_) => Ok(None),
        None => Err(gone()),
    }
}
