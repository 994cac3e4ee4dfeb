//! The smallest scene: a directory, a connector, and one application that is published through it.

use crate::http::Connection;
use crate::{ConnectorProcess, Directory, command};

/// The host by which users reach the application.
pub const HOST: &str = "app.localhost";

/// A directory with one application.
pub struct Published {
    /// The directory.
    pub directory: Directory,
    _connector: ConnectorProcess,
}

impl Published {
    /// Starts all of it; the application's upstream is at `url`.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-the-application");
        let _application = directory.publish_url("application", url, HOST, "Default");
        Self { directory, _connector: connector }
    }

    /// A connection of a user to the application.
    #[must_use]
    pub fn user(&self) -> Connection {
        self.directory.user(HOST)
    }

    /// What curl gets for `path`: status, head and body.
    #[must_use]
    pub fn curl(&self, path: &str, arguments: &[&str]) -> (u16, String, String) {
        let (ca, url) = (self.directory.ca().display().to_string(), self.directory.external_url(HOST));
        let url = format!("{url}{path}");
        command::curl(&[&["--cacert", &ca, &url], arguments].concat())
    }
}
