//! A private application that signs in connections, as IIS does: NTLM messages as they cross the wire ([MS-NLMP]
//! section 2.2.1), without the cryptography. Whoever holds the connection afterwards is the user who signed in.
//!
//! `/open` answers without sign-in. Every 200 has the user of its connection as its body, `nobody` before a sign-in.
//! A third message on a connection that was challenged for somebody else is answered 500 and remembered.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Unicode, request target, NTLM, always sign, extended session security, target information.
const FLAGS: u32 = 0x1 | 0x4 | 0x200 | 0x8000 | 0x8_0000 | 0x80_0000;

/// The flag that says how names are written.
const UNICODE: u32 = 0x1;

/// A running application that signs in connections.
pub struct NtlmUpstream {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    mixed_up: AtomicUsize,
}

impl NtlmUpstream {
    /// Starts one on a free port of 127.0.0.1; it runs until the test program ends.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener for the private application");
        let address = listener.local_addr().expect("its address");
        let counts = Arc::new(Counts::default());
        let counted = counts.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let counts = counted.clone();
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                counts.open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // A client that leaves is no fault of this server.
                    let _ = serve(socket, &counts);
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, counts }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Connections that have arrived.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Third messages that came over a connection on which somebody else had begun.
    #[must_use]
    pub fn mixed_up(&self) -> usize {
        self.counts.mixed_up.load(Ordering::SeqCst)
    }
}

/// How far the sign-in of a connection is.
enum Connection {
    Anonymous,
    /// The workstation that the first message named.
    Challenged(String),
    SignedIn(String),
}

fn serve(mut socket: TcpStream, counts: &Counts) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut connection = Connection::Anonymous;
    while let Some((target, token)) = read_request(&mut reader)? {
        let (status, header, body) = match (token, &connection) {
            (Some(token), _) => {
                let (next, status, header) = proceed(&token, connection, counts);
                connection = next;
                (status, header, user_of(&connection))
            }
            (None, Connection::SignedIn(user)) => (200, String::new(), user.clone()),
            (None, _) if target.starts_with("/open") => (200, String::new(), user_of(&connection)),
            (None, _) => (401, "www-authenticate: NTLM\r\n".to_owned(), String::new()),
        };
        let length = body.len();
        write!(socket, "HTTP/1.1 {status} Because\r\n{header}content-length: {length}\r\n\r\n{body}")?;
    }
    Ok(())
}

fn user_of(connection: &Connection) -> String {
    if let Connection::SignedIn(user) = connection { user.clone() } else { "nobody".to_owned() }
}

/// What a message makes of the connection, and the answer's status and field.
fn proceed(token: &[u8], connection: Connection, counts: &Counts) -> (Connection, u16, String) {
    match (kind(token), connection) {
        (1, _) => {
            let challenge = BASE64_STANDARD.encode(challenge());
            (Connection::Challenged(name(token, 24, false)), 401, format!("www-authenticate: NTLM {challenge}\r\n"))
        }
        (3, Connection::Challenged(workstation)) => {
            let unicode = word(token, 60) & UNICODE != 0;
            let user = name(token, 36, unicode);
            if !workstation.is_empty() && workstation != user {
                counts.mixed_up.fetch_add(1, Ordering::SeqCst);
                return (Connection::Anonymous, 500, String::new());
            }
            (Connection::SignedIn(user), 200, String::new())
        }
        _ => (Connection::Anonymous, 401, "www-authenticate: NTLM\r\n".to_owned()),
    }
}

/// The target and the NTLM message of a request, whose body is read and forgotten.
fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Option<Vec<u8>>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut token, mut length) = (None, 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let (name, value) = line.trim_end().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => token = value.strip_prefix("NTLM ").and_then(|text| BASE64_STANDARD.decode(text).ok()),
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            _ => {}
        }
        if line.trim_end().is_empty() {
            io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
            return Ok(Some((target, token)));
        }
    }
}

/// A client's first message, which names `user` as its workstation: `Authorization`'s value.
#[must_use]
pub fn first_message(user: &str) -> String {
    let mut message = Vec::from(SIGNATURE);
    message.extend(1_u32.to_le_bytes());
    message.extend((FLAGS | 0x2000).to_le_bytes());
    message.extend(field(0, 32));
    message.extend(field(user.len(), 32));
    message.extend(user.as_bytes());
    format!("NTLM {}", BASE64_STANDARD.encode(message))
}

/// A client's third message.
#[must_use]
pub fn third_message(user: &str) -> String {
    let mut message = Vec::from(SIGNATURE);
    message.extend(3_u32.to_le_bytes());
    for length in [0, 0, 0, user.len(), 0, 0] {
        message.extend(field(length, 64));
    }
    message.extend((FLAGS & !UNICODE).to_le_bytes());
    message.extend(user.as_bytes());
    format!("NTLM {}", BASE64_STANDARD.encode(message))
}

/// The server's second message.
fn challenge() -> Vec<u8> {
    let domain: Vec<u8> = "ADIT".encode_utf16().flat_map(u16::to_le_bytes).collect();
    // The domain's name, and the end of the list.
    let mut information = vec![2, 0, 8, 0];
    information.extend(&domain);
    information.extend([0; 4]);
    let mut message = Vec::from(SIGNATURE);
    message.extend(2_u32.to_le_bytes());
    message.extend(field(domain.len(), 48));
    message.extend(FLAGS.to_le_bytes());
    message.extend(*b"12345678");
    message.extend([0; 8]);
    message.extend(field(information.len(), 48 + domain.len()));
    message.extend(&domain);
    message.extend(&information);
    message
}

/// Length, length again, and where the bytes are.
fn field(length: usize, offset: usize) -> [u8; 8] {
    let length = u16::try_from(length).expect("a short field").to_le_bytes();
    let offset = u32::try_from(offset).expect("a short message").to_le_bytes();
    [length[0], length[1], length[0], length[1], offset[0], offset[1], offset[2], offset[3]]
}

fn word(message: &[u8], at: usize) -> u32 {
    message.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn kind(message: &[u8]) -> u32 {
    if message.starts_with(SIGNATURE) { word(message, 8) } else { 0 }
}

fn name(message: &[u8], at: usize, unicode: bool) -> String {
    let (length, offset) = (word(message, at) as usize & 0xffff, word(message, at + 4) as usize);
    let bytes = message.get(offset..offset + length).unwrap_or_default();
    if !unicode {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}
