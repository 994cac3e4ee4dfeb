//! A published application, what happens to raw bytes that are sent to it, and what may happen to them.

use std::io::ErrorKind;
use std::time::Duration;

use adit_tests::http::{Connection, Response};
use adit_tests::upstream::Head;
use adit_tests::{ConnectorProcess, Directory, Upstream};

/// The name of the application.
pub(crate) const HOST: &str = "strict.localhost";

/// A target that only a smuggled request asks for.
pub(crate) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: strict.localhost\r\n\r\n";

/// The longest that an answer may take. A second is promised; a busy machine is given five.
const PATIENCE: Duration = Duration::from_secs(5);

/// Directory, connector and upstream.
pub(crate) struct Site {
    pub(crate) directory: Directory,
    pub(crate) upstream: Upstream,
    // Held for its drop.
    _connector: ConnectorProcess,
}

/// What came back, and what the upstream saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) answers: Vec<Response>,
    /// The gateway closed the connection.
    pub(crate) closed: bool,
    /// Requests that reached the upstream.
    pub(crate) arrived: Vec<Head>,
}

/// What may happen to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// One refusal, the connection closed, nothing at the upstream.
    Refused,
    /// Answered with a body of so many bytes, and the request after it as well.
    Served(u64),
    /// Answered as a request without a body; what follows is refused.
    Bodiless,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::beside(Directory::start())
    }

    /// With a configuration.
    pub(crate) fn start_with(configuration: &str) -> Self {
        Self::beside(Directory::start_configured(configuration))
    }

    fn beside(directory: Directory) -> Self {
        let upstream = Upstream::start();
        let connector = directory.connector("beside-it");
        let _application = directory.publish("strict", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { directory, upstream, _connector: connector }
    }

    /// Sends `bytes` on a connection of their own, and an ordinary request after them.
    pub(crate) fn send(&self, bytes: &[u8]) -> Seen {
        let after = format!("GET /after HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        self.send_alone(&[bytes, after.as_bytes()].concat())
    }

    /// Sends `bytes` and nothing else, and reads until the gateway closes.
    pub(crate) fn send_alone(&self, bytes: &[u8]) -> Seen {
        let before = self.upstream.requests();
        let mut user = self.directory.user(HOST);
        user.set_patience(PATIENCE);
        // A refusal may come before all was written.
        let _ = user.write(bytes);
        let (answers, closed) = read_to_the_end(&mut user);
        let heads = self.upstream.heads();
        let arrived = heads[heads.len() - (self.upstream.requests() - before)..].to_vec();
        Seen { answers, closed, arrived }
    }

    /// Sends a case and demands one of `fates`; `what` names it.
    #[track_caller]
    pub(crate) fn demand(&self, what: &str, bytes: &[u8], fates: &[Fate]) -> Fate {
        let seen = self.send(bytes);
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
        let fate = fate(&seen).unwrap_or_else(|why| panic!("{what}: {why}\nsent: {sent:?}\nseen: {seen:#?}"));
        assert!(fates.contains(&fate), "{what}: {fate:?} and not {fates:?}\nsent: {sent:?}\nseen: {seen:#?}");
        fate
    }

    /// An ordinary request on a new connection is answered.
    #[track_caller]
    pub(crate) fn is_well(&mut self) {
        assert_eq!(self.directory.get(HOST, "/1k").status, 200);
        let log = self.directory.process().log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

fn read_to_the_end(user: &mut Connection) -> (Vec<Response>, bool) {
    let mut answers = Vec::new();
    loop {
        match user.read_response(false) {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                return (answers, !silent);
            }
        }
    }
}

/// Which fate this was; an error for anything that may never happen.
fn fate(seen: &Seen) -> Result<Fate, String> {
    for head in &seen.arrived {
        one_framing(head)?;
        if !matches!(head.target.as_str(), "/upload" | "/after") {
            return Err(format!("the upstream was asked for {:?}", head.target));
        }
    }
    if !seen.closed {
        return Err("the connection stayed open without an answer".to_owned());
    }
    let statuses: Vec<u16> = seen.answers.iter().map(|answer| answer.status).collect();
    match (statuses.as_slice(), seen.arrived.len()) {
        ([refused], 0) if is_refusal(*refused) => Ok(Fate::Refused),
        ([200, 200], 2) => {
            let body = seen.answers[0].json();
            body["bytes"].as_u64().map(Fate::Served).ok_or_else(|| format!("not an upload: {body}"))
        }
        ([200, refused], 1) if is_refusal(*refused) => {
            let body = seen.answers[0].json();
            (body["bytes"] == 0).then_some(Fate::Bodiless).ok_or_else(|| format!("a body came along: {body}"))
        }
        (statuses, arrived) => Err(format!("answers {statuses:?}, and {arrived} requests reached the upstream")),
    }
}

/// The statuses by which a request may be refused.
pub(crate) fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 405 | 408 | 413 | 414 | 417 | 421 | 431 | 501 | 505)
}

/// At most one field says how long a request is, and no other could be read as one.
fn one_framing(head: &Head) -> Result<(), String> {
    let plain = |name: &str| name.replace(|sign: char| !sign.is_ascii_alphanumeric(), "-");
    let framing: Vec<_> = head
        .headers
        .iter()
        .filter(|(name, _)| matches!(plain(name).as_str(), "transfer-encoding" | "content-length"))
        .collect();
    match framing.as_slice() {
        [] => Ok(()),
        [(name, value)] if name == "transfer-encoding" && value == "chunked" => Ok(()),
        [(name, value)] if name == "content-length" && value.parse::<u64>().is_ok() => Ok(()),
        framing => Err(format!("the upstream sees {framing:?}")),
    }
}

/// A POST with these lines in its head, and this after it.
pub(crate) fn post(lines: &[u8], body: &[u8]) -> Vec<u8> {
    [format!("POST /upload HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes(), lines, b"\r\n", body].concat()
}
