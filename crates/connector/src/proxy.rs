//! The way out through an HTTP proxy: a tunnel connection is asked for by `CONNECT` (RFC 9110, section 9.3.6), with a user
//! name and password if the proxy wants them. TLS goes through it untouched, so the proxy sees the gateway's name and
//! nothing else. Upstreams are never dialled through it.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::{Host, Url};

/// The longest answer to a `CONNECT` that is read, in bytes: proxies send pages along with a refusal.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    authorization: Option<String>,
}

/// A text that is not a proxy. Never repeats the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not http://HOST:PORT or http://USER:PASSWORD@HOST:PORT (special characters in escapes such as %40)")]
pub struct NotAProxy;

/// Through which proxy gateways are dialled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyChoice {
    /// None.
    #[default]
    Direct,
    /// This one, whatever the gateway's host.
    Always(Proxy),
    /// This one, but for the gateway hosts that `NO_PROXY` names, and for this machine.
    Environment(Proxy, Vec<String>),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl FromStr for Proxy {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_| NotAProxy)?;
        let plain = url.scheme() == "http" && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain).ok_or(NotAProxy)?.to_owned();
        let decoded = |part| percent_decode_str(part).decode_utf8().map_err(|_| NotAProxy);
        let authorization = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let pair = format!("{}:{}", decoded(user)?, decoded(password.unwrap_or_default())?);
                Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
            }
        };
        Ok(Self { host, port: url.port_or_known_default().ok_or(NotAProxy)?, authorization })
    }
}

impl ProxyChoice {
    /// What the environment says: `HTTPS_PROXY` and `NO_PROXY`, in capitals or not.
    ///
    /// # Errors
    /// [`NotAProxy`].
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NotAProxy> {
        let find = |names: [&str; 2]| names.into_iter().find_map(&variable).filter(|value| !value.trim().is_empty());
        let Some(proxy) = find(["HTTPS_PROXY", "https_proxy"]) else { return Ok(Self::Direct) };
        let except = find(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let except = except.split(',').map(|entry| entry.trim().to_ascii_lowercase());
        Ok(Self::Environment(proxy.trim().parse()?, except.filter(|entry| !entry.is_empty()).collect()))
    }

    /// The proxy for a gateway (`host:port`).
    pub(crate) fn for_gateway(&self, gateway: &str) -> Option<&Proxy> {
        match self {
            Self::Direct => None,
            Self::Always(proxy) => Some(proxy),
            Self::Environment(proxy, except) => (!is_excepted(gateway, except)).then_some(proxy),
        }
    }
}

fn is_excepted(gateway: &str, except: &[String]) -> bool {
    let host = gateway.rsplit_once(':').map_or(gateway, |(host, _)| host).to_ascii_lowercase();
    let is_here = match Host::parse(&host) {
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        _ => host == "localhost" || host.ends_with(".localhost"),
    };
    let covers = |entry: &String| {
        let domain = entry.trim_start_matches('.');
        entry == "*" || host == domain || host.strip_suffix(domain).is_some_and(|above| above.ends_with('.'))
    };
    is_here || except.iter().any(covers)
}

impl Proxy {
    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Host, without the brackets of an IPv6 address, and port.
    pub(crate) fn place(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// Has the proxy connect `socket` to `gateway`.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut S,
        gateway: &str,
    ) -> io::Result<()> {
        let authorization =
            self.authorization.as_ref().map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
        let request = format!("CONNECT {gateway} HTTP/1.1\r\nHost: {gateway}\r\n{authorization}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let refused = |why: &str| io::Error::other(format!("proxy {}: {why}", self.address()));
        match status(socket).await? {
            200..=299 => Ok(()),
            407 if self.authorization.is_some() => Err(refused("it does not accept the user name and password (407)")),
            407 => {
                Err(refused("it wants a user name and a password (407); give --proxy http://USER:PASSWORD@HOST:PORT"))
            }
            status => Err(refused(&format!("it does not connect to {gateway} (status {status})"))),
        }
    }
}

/// The status of the answer. Nothing may follow a good one: the gateway does not speak first.
async fn status<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<u16> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the proxy's answer is not one of HTTP");
    let mut answer = Vec::with_capacity(1024);
    loop {
        if answer.len() > LONGEST_ANSWER {
            return Err(invalid());
        }
        if socket.read_buf(&mut answer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed the connection"));
        }
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(answer.get(..end).unwrap_or_default()).map_err(|_| invalid())?;
        let mut words = head.split(' ');
        let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
        let status =
            words.next().and_then(|word| word.get(..3)?.parse().ok()).filter(|_| is_http).ok_or_else(invalid)?;
        let is_whole = !(200..=299).contains(&status) || end + 4 == answer.len();
        return if is_whole { Ok(status) } else { Err(invalid()) };
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_proxy_is_read_with_its_password_and_never_shows_it() {
        let proxy: Proxy = "http://us%40er:p%3Aw@proxy.corp:3128".parse().unwrap();
        assert_eq!(proxy.address(), "proxy.corp:3128");
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dXNAZXI6cDp3"));
        assert!(!format!("{proxy:?}").contains("dXNA"), "{proxy:?}");
        assert_eq!("proxy.corp:3128".parse::<Proxy>().unwrap().address(), "proxy.corp:3128");
        assert_eq!("http://[fd00::1]:3128/".parse::<Proxy>().unwrap().address(), "[fd00::1]:3128");
        for text in ["", "https://proxy:1", "socks5://proxy:1", "http://proxy/x", "http://", "http://a b:1"] {
            assert!(text.parse::<Proxy>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_environment_says_which_gateways_are_dialled_directly() {
        let choice = |no_proxy: &'static str| {
            let variables = move |name: &str| match name {
                "https_proxy" => Some("http://proxy:3128".to_owned()),
                "NO_PROXY" => Some(no_proxy.to_owned()),
                _ => None,
            };
            ProxyChoice::from_environment(variables).unwrap()
        };
        let through = |no_proxy, gateway| choice(no_proxy).for_gateway(gateway).is_some();
        assert!(through("", "adit.example.com:443"));
        for gateway in ["localhost:8443", "127.0.0.1:8443", "[::1]:8443", "x.localhost:8443"] {
            assert!(!through("", gateway), "{gateway}");
        }
        for no_proxy in ["*", "adit.example.com", ".example.com", "a, Example.com"] {
            assert!(!through(no_proxy, "adit.example.com:443"), "{no_proxy}");
        }
        assert!(through("ple.com, dit.example.com", "adit.example.com:443"));
        assert_eq!(ProxyChoice::from_environment(|_| None), Ok(ProxyChoice::Direct));
    }

    async fn answered(answer: &'static str, proxy: &str) -> (io::Result<()>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let proxy: Proxy = proxy.parse().unwrap();
        let serving = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let length = socket.read(&mut asked).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (proxy.connect(&mut socket, "adit.example.com:443").await, serving.await.unwrap())
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_the_gateway_and_its_refusal_is_told() {
        let (done, asked) = answered("HTTP/1.1 200 Connection established\r\n\r\n", "http://u:p@proxy:1").await;
        done.unwrap();
        assert!(
            asked.starts_with("CONNECT adit.example.com:443 HTTP/1.1\r\nHost: adit.example.com:443\r\n"),
            "{asked}"
        );
        assert!(asked.contains("\r\nProxy-Authorization: Basic dTpw\r\n"), "{asked}");
        for (answer, proxy, said) in [
            ("HTTP/1.1 407 Authentication Required\r\n\r\n", "proxy:1", "wants a user name"),
            ("HTTP/1.1 407 Authentication Required\r\n\r\n", "http://u:p@proxy:1", "does not accept"),
            ("HTTP/1.0 403 Forbidden\r\nX: y\r\n\r\n<html>", "proxy:1", "status 403"),
            ("SSH-2.0-OpenSSH_9\r\n\r\n", "proxy:1", "not one of HTTP"),
            ("HTTP/1.1 200 OK\r\n\r\nearly", "proxy:1", "not one of HTTP"),
            ("HTTP/1.1 2", "proxy:1", "closed"),
        ] {
            let refused = answered(answer, proxy).await.0.unwrap_err().to_string();
            assert!(refused.contains(said), "{answer}: {refused}");
        }
    }
}
