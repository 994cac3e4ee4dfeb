//! What a connector and a gateway tell each other beside the streams: registration before a tunnel exists, and the
//! control stream inside it. Messages are JSON, one per line.
//!
//! Limits: a line has at most [`LONGEST_LINE`] bytes; whatever does not parse ends the connection.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest message, in bytes: certificates and requests for them have about 1 KiB.
pub const LONGEST_LINE: usize = 32 * 1024;

/// The newest tunnel protocol that this build speaks. 2: targets are signed, and a connector that gave way to another
/// process ends what it has begun.
pub const PROTOCOL: u32 = 2;

/// The oldest that it speaks: one before.
pub const OLDEST_PROTOCOL: u32 = PROTOCOL - 1;

/// Bytes that cross as base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Binary(pub Vec<u8>);

impl TryFrom<String> for Binary {
    type Error = base64::DecodeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

impl From<Binary> for String {
    fn from(bytes: Binary) -> Self {
        BASE64_STANDARD.encode(bytes.0)
    }
}

/// A connector asks to be registered.
#[derive(Clone, Serialize, Deserialize)]
pub struct Register {
    /// The secret of its registration token.
    pub secret: Binary,
    /// A PKCS#10 request in DER; only its key is used.
    pub request: Binary,
    /// What the machine calls itself.
    pub machine_name: String,
    /// The connector's software version.
    pub version: String,
}

/// The answer to [`Register`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterAnswer {
    /// Done.
    Registered(Registered),
    /// Not done; nothing was changed.
    Refused(Refused),
}

/// A connector was registered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registered {
    /// Its id.
    pub connector: String,
    /// Its certificate, DER.
    pub certificate: Binary,
    /// When the certificate ends, in seconds since 1970.
    pub not_after: i64,
    /// What time it is there, in seconds since 1970; older gateways do not say.
    #[serde(default)]
    pub now: Option<i64>,
}

/// Something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Whether trying again later may help.
    pub retry: Retry,
    /// Why, in a sentence for the operator.
    pub reason: String,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It may.
    Later,
    /// It will not.
    Never,
}

/// What the connector says on the control stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromConnector {
    /// The first message on each connection.
    Hello(Hello),
    /// Asks for a new certificate: PKCS#10 in DER.
    Renew {
        /// The request; only its key is used.
        request: Binary,
    },
    /// It is shutting down: no new stream, please, and let go of idle ones.
    Leaving,
}

/// Who is at the connector's end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest protocol that the connector speaks: what a gateway that knows of no other has to speak too.
    pub protocol: u32,
    /// The newest that it speaks; the same without it.
    #[serde(default)]
    pub newest: Option<u32>,
    /// Its software version.
    pub version: String,
    /// What the machine calls itself.
    pub machine_name: String,
    /// Random at each start of the process: connections with the same instance are one tunnel.
    pub instance: adit_core::id::TunnelId,
    /// It only wants to know whether it would be served, and is told by a goodbye.
    #[serde(default)]
    pub is_check: bool,
}

/// The reason in the goodbye of a check that found nothing wrong.
pub const CHECKED: &str = "this connector would be served";

impl Hello {
    /// The newest protocol that both ends speak, if there is one.
    #[must_use]
    pub fn agreed(&self) -> Option<u32> {
        let newest = self.newest.unwrap_or(self.protocol).min(PROTOCOL);
        (newest >= self.protocol && newest >= OLDEST_PROTOCOL).then_some(newest)
    }
}

/// What the gateway says on the control stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromGateway {
    /// The answer to a hello: the connection is in use from here on.
    Welcome,
    /// The answer to [`FromConnector::Renew`].
    Renewed {
        /// The certificate, DER.
        certificate: Binary,
        /// When it ends, in seconds since 1970.
        not_after: i64,
        /// What time it is there, in seconds since 1970; older gateways do not say.
        #[serde(default)]
        now: Option<i64>,
    },
    /// The answer to [`FromConnector::Renew`] when there is no new certificate.
    RenewRefused(Refused),
    /// The connection is being closed, and why.
    Goodbye(Refused),
}

/// What is said on a control stream. A kind that is not among these comes from a newer version and is passed over; one
/// that is has to be whole.
pub trait Message: DeserializeOwned {
    /// The words by which the kinds cross.
    const KINDS: &[&str];
}

impl Message for FromConnector {
    const KINDS: &[&str] = &["hello", "renew", "leaving"];
}

impl Message for FromGateway {
    const KINDS: &[&str] = &["welcome", "renewed", "renew_refused", "goodbye"];
}

/// Reads one message; `None` for one of a kind that this version does not know.
fn understood<T: Message>(line: &[u8]) -> io::Result<Option<T>> {
    let error = match serde_json::from_slice(line) {
        Ok(message) => return Ok(Some(message)),
        Err(error) => error,
    };
    let kind = match serde_json::from_slice(line) {
        Ok(serde_json::Value::String(kind)) => Some(kind),
        Ok(serde_json::Value::Object(object)) if object.len() == 1 => object.into_iter().next().map(|(kind, _)| kind),
        _ => None,
    };
    match kind {
        Some(kind) if !T::KINDS.contains(&kind.as_str()) => Ok(None),
        _ => Err(malformed(error)),
    }
}

/// A line was too long or was not the message expected.
fn malformed(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected message from the other end: {what}"))
}

fn to_line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes one message to a plain connection.
///
/// # Errors
/// What the connection reports.
pub async fn write<W: AsyncWrite + Unpin>(io: &mut W, message: &impl Serialize) -> io::Result<()> {
    io.write_all(&to_line(message)?).await?;
    io.flush().await
}

/// Reads one message from a plain connection; the caller bounds the time.
///
/// # Errors
/// What the connection reports, end of file before the line's end, a line that is too long or another message.
pub async fn read<T: DeserializeOwned, R: AsyncRead + Unpin>(io: &mut R) -> io::Result<T> {
    let mut line = BytesMut::with_capacity(2048);
    loop {
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            return serde_json::from_slice(&line.split_to(end)).map_err(malformed);
        }
        if line.len() > LONGEST_LINE {
            return Err(malformed("a line that is too long"));
        }
        if io.read_buf(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The receiving half of a control stream.
pub struct ControlReceiver {
    receive: RecvStream,
    line: BytesMut,
}

impl ControlReceiver {
    /// Wraps the body that carries the other side's messages.
    #[must_use]
    pub fn new(receive: RecvStream) -> Self {
        Self { receive, line: BytesMut::new() }
    }

    /// The next message; `None` at the end. Safe to drop and call again.
    ///
    /// # Errors
    /// The tunnel was lost, or a line is too long or another message.
    pub async fn next<T: Message>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line = self.line.split_to(end + 1);
                match understood(&line)? {
                    Some(message) => return Ok(Some(message)),
                    None => continue,
                }
            }
            if self.line.len() > LONGEST_LINE {
                return Err(malformed("a line that is too long"));
            }
            match self.receive.data().await {
                Some(bytes) => {
                    let bytes = bytes.map_err(io::Error::other)?;
                    let _ = self.receive.flow_control().release_capacity(bytes.len());
                    self.line.extend_from_slice(&bytes);
                }
                None => return Ok(None),
            }
        }
    }
}

/// The sending half of a control stream.
pub struct ControlSender {
    send: SendStream<Bytes>,
}

impl ControlSender {
    /// Wraps the body that carries our messages.
    #[must_use]
    pub const fn new(send: SendStream<Bytes>) -> Self {
        Self { send }
    }

    /// Queues one message. Messages are few and small, so the stream's window is not waited for.
    ///
    /// # Errors
    /// The tunnel was lost.
    pub fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.send.send_data(Bytes::from(to_line(message)?), false).map_err(io::Error::other)
    }

    /// Ends our half.
    pub fn close(&mut self) {
        // An error means that it is closed already.
        let _ = self.send.send_data(Bytes::new(), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_lines_and_survive_any_split() {
        let (mut near, mut far) = tokio::io::duplex(7);
        let sent = FromGateway::Renewed { certificate: Binary(vec![0, 255, 10]), not_after: 5, now: Some(4) };
        let writing = tokio::spawn(async move { write(&mut near, &sent).await });
        let received: FromGateway = read(&mut far).await.unwrap();
        writing.await.unwrap().unwrap();
        assert!(matches!(received, FromGateway::Renewed { certificate, not_after: 5, now: Some(4) }
                if certificate.0 == [0, 255, 10]));
    }

    fn hello(protocol: u32, newest: Option<u32>) -> Hello {
        let instance = adit_core::id::TunnelId::new(uuid::Uuid::from_u128(1));
        Hello { protocol, newest, version: String::new(), machine_name: "srv1".to_owned(), instance, is_check: false }
    }

    #[test]
    fn both_ends_agree_on_the_newest_that_both_speak() {
        for (protocol, newest, agreed) in [
            (1, None, Some(1)),
            (1, Some(2), Some(2)),
            (2, Some(3), Some(2)),
            (3, Some(4), None),
            (3, None, None),
            (0, None, None),
            (2, Some(1), None),
        ] {
            assert_eq!(hello(protocol, newest).agreed(), agreed, "{protocol} {newest:?}");
        }
        let of_the_first_version = r#"{"hello":{"protocol":1,"version":"0.0.9","machine_name":"srv1",
            "instance":"00000000-0000-0000-0000-000000000001"}}"#;
        let Some(FromConnector::Hello(old)) = understood(of_the_first_version.as_bytes()).unwrap() else { panic!() };
        assert_eq!(old.agreed(), Some(1));
    }

    #[test]
    fn what_a_newer_version_says_is_passed_over_and_what_is_broken_is_not() {
        let gateway = |line: &str| understood::<FromGateway>(line.as_bytes());
        for newer in ["\"sing\"", "{\"dance\":{\"with\":1}}"] {
            assert!(gateway(newer).unwrap().is_none(), "{newer}");
        }
        let more = r#"{"renewed":{"certificate":"AA==","not_after":5,"what_is_new":[1]}}"#;
        assert!(matches!(gateway(more).unwrap(), Some(FromGateway::Renewed { not_after: 5, now: None, .. })));
        for broken in ["", "x", "7", "{\"renewed\":{}}", "{\"goodbye\":1}", "{\"a\":1,\"b\":2}", "[]"] {
            assert!(gateway(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn every_kind_that_is_sent_is_among_the_known_ones() {
        let refused = || Refused { retry: Retry::Later, reason: String::new() };
        let sent = [
            serde_json::to_vec(&FromGateway::Welcome),
            serde_json::to_vec(&FromGateway::Renewed { certificate: Binary(Vec::new()), not_after: 1, now: None }),
            serde_json::to_vec(&FromGateway::RenewRefused(refused())),
            serde_json::to_vec(&FromGateway::Goodbye(refused())),
        ];
        for line in sent {
            let line = String::from_utf8(line.unwrap()).unwrap();
            assert!(FromGateway::KINDS.iter().any(|kind| line.contains(&format!("\"{kind}\""))), "{line}");
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_refused() {
        let (mut near, mut far) = tokio::io::duplex(1024);
        let writing = tokio::spawn(async move { while near.write_all(&[b'x'; 512]).await.is_ok() {} });
        let refused = read::<FromGateway, _>(&mut far).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        drop(far);
        writing.await.unwrap();
    }
}
