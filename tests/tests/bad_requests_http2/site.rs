//! A published application, and one request to it over HTTP/2.

use std::time::Duration;

use adit_tests::http2::{End, Field, Http2, flag, frame, kind};
use adit_tests::upstream::Head;
use adit_tests::{ConnectorProcess, Directory, Upstream};

/// The name of the application.
pub(crate) const HOST: &str = "frames.localhost";

/// The longest that an answer may take. A second is promised; a busy machine is given five.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Directory, connector and upstream.
pub(crate) struct Site {
    pub(crate) directory: Directory,
    pub(crate) upstream: Upstream,
    // Held for its drop.
    _connector: ConnectorProcess,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With a configuration.
    pub(crate) fn start_with(configuration: &str) -> Self {
        let directory = Directory::start_configured(configuration);
        let upstream = Upstream::start();
        let connector = directory.connector("beside-it");
        let _application = directory.publish("frames", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { directory, upstream, _connector: connector }
    }

    pub(crate) fn user(&self) -> Http2 {
        self.user_with(&[])
    }

    pub(crate) fn user_with(&self, settings: &[(u16, u32)]) -> Http2 {
        let address = self.directory.addresses().gateway;
        let user = Http2::connect_with(address, HOST, &self.directory.trust(), settings).unwrap();
        user.set_patience(PATIENCE);
        user
    }

    /// Sends a head and, if there is one, a body, on a connection of their own; how it ended and what arrived.
    pub(crate) fn send(&self, fields: &[Field<'_>], body: Option<&[u8]>) -> (End, Vec<Head>) {
        let before = self.upstream.requests();
        let mut user = self.user();
        let stream = user.open(fields, if body.is_some() { flag::NONE } else { flag::END_STREAM }).unwrap();
        if let Some(body) = body {
            // A refusal may come before.
            let _ = user.write(&frame(kind::DATA, flag::END_STREAM, stream, body));
        }
        let end = user.end_of(stream);
        let heads = self.upstream.heads();
        let arrived = heads[heads.len() - (self.upstream.requests() - before)..].to_vec();
        (end, arrived)
    }

    /// An ordinary request on a new connection is answered, and nothing has panicked.
    #[track_caller]
    pub(crate) fn is_well(&mut self) {
        let (end, _) = self.send(&fields("GET", "/1k"), None);
        assert!(matches!(end, End::Answer(200, _)), "{end:?}");
        let log = self.directory.process().log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// The pseudo-header fields of an ordinary request.
pub(crate) fn fields<'f>(method: &'f str, path: &'f str) -> Vec<Field<'f>> {
    vec![
        (b":method", method.as_bytes()),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", path.as_bytes()),
    ]
}
