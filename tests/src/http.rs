//! A small blocking HTTP/1.1 client, over TCP or TLS: enough to see exactly what the product answers.
//!
//! One [`Connection`] is one socket, so a test decides which requests share one. curl and real SDKs cover what this
//! client leaves out (HTTP/2, proxies, redirects).

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long a socket may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom a TLS client believes.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Believes the certificates of a PEM file and no other.
    ///
    /// # Panics
    /// When the file cannot be read.
    #[must_use]
    pub fn of(pem: &Path) -> Self {
        Self(Arc::new(believing(pem, rustls::crypto::aws_lc_rs::default_provider())))
    }

    /// The same with these algorithms, as a client that was never there before: no handshake is shortened.
    ///
    /// # Panics
    /// When the file cannot be read.
    #[must_use]
    pub fn of_a_stranger(pem: &Path, provider: CryptoProvider) -> Self {
        let mut config = believing(pem, provider);
        config.resumption = Resumption::disabled();
        Self(Arc::new(config))
    }

    /// The same, for a client that offers another protocol.
    #[must_use]
    pub fn offering(&self, protocol: &[u8]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = vec![protocol.to_vec()];
        Self(Arc::new(config))
    }
}

fn believing(pem: &Path, provider: CryptoProvider) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(pem).expect("the CA's file") {
        roots.add(certificate.expect("a certificate in PEM")).expect("a CA certificate");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A byte stream, encrypted or not.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One connection to a server.
pub struct Connection {
    stream: BufReader<Stream>,
}

impl Connection {
    /// Connects without encryption.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn plain(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(Stream::Plain(dial(address)?)) })
    }

    /// Connects with TLS, asking for `host`.
    ///
    /// # Errors
    /// When nobody listens there or the server is not believed.
    pub fn tls(address: SocketAddr, host: &str, trust: &Trust) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(trust.0.clone(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, dial(address)?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, Stream::Tls(Box::new(stream))) })
    }

    /// The certificate that the server showed, in DER form; empty without TLS.
    #[must_use]
    pub fn peer_certificate(&self) -> Vec<u8> {
        match self.stream.get_ref() {
            Stream::Plain(_) => Vec::new(),
            Stream::Tls(stream) => {
                let shown = stream.conn.peer_certificates().and_then(<[_]>::first);
                shown.map(|certificate| certificate.to_vec()).unwrap_or_default()
            }
        }
    }

    /// Sends one request and reads the whole answer. `headers` must name the host.
    ///
    /// # Errors
    /// When the connection ends before the answer does.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        self.write_head(method, target, headers, body.len())?;
        // A server may refuse a body before it has read it: then its answer counts, not that writing failed.
        let written = self.write(body);
        match self.read_response(method == "HEAD") {
            Err(_) if written.is_err() => Err(written.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())),
            answer => answer,
        }
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// When the connection ends before the answer does.
    pub fn get(&mut self, host: &str, target: &str) -> io::Result<Response> {
        self.send("GET", target, &[("host", host)], b"")
    }

    /// Sends a request head that announces `length` bytes of body.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn write_head(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        length: usize,
    ) -> io::Result<()> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if length > 0 || !matches!(method, "GET" | "HEAD" | "DELETE") {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes())
    }

    /// How long the server may be silent before reading fails.
    ///
    /// # Panics
    /// Never: the system accepts any time but zero.
    pub fn set_patience(&self, patience: Duration) {
        let socket = match self.stream.get_ref() {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        };
        socket.set_read_timeout(Some(patience)).expect("a read timeout");
    }

    /// Writes raw bytes.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Reads a head; the body stays to be read.
    ///
    /// # Errors
    /// When the connection ends or what comes is no head.
    pub fn read_head(&mut self) -> io::Result<Response> {
        let line = self.read_line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not a status line: {line:?}")))?;
        let mut response = Response { status, ..Response::default() };
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(response);
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads head and body.
    ///
    /// # Errors
    /// When the connection ends before the answer does.
    pub fn read_response(&mut self, bodiless: bool) -> io::Result<Response> {
        let mut response = self.read_head()?;
        while response.status / 100 == 1 && response.status != 101 {
            response = self.read_head()?;
        }
        if bodiless || matches!(response.status, 101 | 204 | 304) {
            return Ok(response);
        }
        if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            response.body = self.read_chunks()?;
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            response.body = vec![0; length];
            self.stream.read_exact(&mut response.body)?;
        } else {
            self.stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..])?;
            let end = self.read_line()?;
            if size == 0 {
                return Ok(body);
            }
            if !end.is_empty() {
                return Err(io::Error::other("a chunk does not end where it said"));
            }
        }
    }

    /// Reads one line, without its end.
    ///
    /// # Errors
    /// When the connection ends before the line does.
    pub fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
