//! A machine that registers, spoken by hand: what it sends is a test's own choice, and each try is one connection.

use std::io;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::http::{Connection, Trust};

/// A machine with a key of its own.
pub struct Registrar {
    name: String,
    request: Vec<u8>,
    gateway: SocketAddr,
    trust: Trust,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is registered as the connector of that id.
    Registered(String),
    /// It is not, and may try again.
    Later(String),
    /// It is not, and will not be.
    Never(String),
}

impl Registrar {
    /// A machine of that name, with a key of its own.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new(name: &str, gateway: SocketAddr, trust: &Trust) -> Self {
        let key = KeyPair::generate().expect("a key");
        let request = CertificateParams::default().serialize_request(&key).expect("a request");
        Self::asking(name, request.der().to_vec(), gateway, trust)
    }

    /// A machine that asks for a certificate with these bytes.
    #[must_use]
    pub fn asking(name: &str, request: Vec<u8>, gateway: SocketAddr, trust: &Trust) -> Self {
        Self { name: name.to_owned(), request, gateway, trust: trust.offering(b"adit-register/1") }
    }

    /// Tries once with the secret of a token.
    ///
    /// # Errors
    /// When the connection ends before the answer.
    pub fn try_once(&self, secret: &[u8]) -> io::Result<Answer> {
        let mut connection = Connection::tls(self.gateway, "localhost", &self.trust)?;
        let message = json!({
            "secret": BASE64_STANDARD.encode(secret),
            "request": BASE64_STANDARD.encode(&self.request),
            "machine_name": self.name,
            "version": "0.0.0-test",
        });
        connection.write(format!("{message}\n").as_bytes())?;
        let answer: Value = serde_json::from_str(&connection.read_line()?)?;
        Ok(understood(&answer))
    }

    /// Tries until there is an answer that stands, whatever happens to the server meanwhile; the connector's id if it is
    /// registered.
    ///
    /// # Panics
    /// When there is none within `limit`.
    #[must_use]
    pub fn register(&self, secret: &[u8], limit: Duration) -> Option<String> {
        let start = Instant::now();
        loop {
            match self.try_once(secret) {
                Ok(Answer::Registered(id)) => return Some(id),
                Ok(Answer::Never(_)) => return None,
                Ok(Answer::Later(_)) | Err(_) => {}
            }
            assert!(start.elapsed() < limit, "no answer within {limit:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

fn understood(answer: &Value) -> Answer {
    if let Some(id) = answer["registered"]["connector"].as_str() {
        return Answer::Registered(id.to_owned());
    }
    let reason = answer["refused"]["reason"].as_str().unwrap_or_default().to_owned();
    match answer["refused"]["retry"].as_str() {
        Some("later") => Answer::Later(reason),
        _ => Answer::Never(reason),
    }
}

/// The secret in a registration token's line.
///
/// # Panics
/// When it is not one.
#[must_use]
pub fn secret_of(token: &str) -> Vec<u8> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(token.trim().strip_prefix("adit-").expect("a token")).expect("base64");
    let parts: Value = serde_json::from_slice(&json).expect("JSON");
    BASE64_URL_SAFE_NO_PAD.decode(parts["secret"].as_str().expect("a secret")).expect("base64")
}
