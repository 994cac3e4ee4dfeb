//! The internal URL of an application: what the connector dials.
//!
//! `http` or `https`, a host or address, an optional port and a path prefix; nothing else. The host may be a wildcard,
//! which is `*.` before a domain: what stands for the star is what the user's browser asked for. Which addresses may really
//! be dialled is decided beside the connector, on the address after name resolution.
//!
//! What is stored is read by the rules under which it was once accepted (a star was a letter like others), so that one
//! old URL does not make a list unreadable; [`InternalUrl::check`] holds it against those of today when its application
//! is changed.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::request_path::PathPrefix;
use crate::wildcard;

/// Why a text cannot be an internal URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnInternalUrl {
    /// It is not a URL.
    #[error("'{text}' is not a URL: {reason}")]
    Malformed {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another scheme.
    #[error("'{0}' must start with http:// or https://")]
    NotHttp(String),
    /// User name, password, query or fragment.
    #[error("'{0}' must consist of scheme, host, port and path only")]
    TooMuch(String),
    /// The path cannot be a prefix.
    #[error("'{0}' has a path that cannot be published")]
    BadPath(String),
    /// A star elsewhere than before a domain, or with a path.
    #[error("'{0}' may have a wildcard only as '*.' before a domain, without a path")]
    BadWildcard(String),
}

/// How the upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS, opened by the connector.
    Https,
}

impl Scheme {
    /// The scheme's word in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What the connector dials for an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InternalUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    prefix: PathPrefix,
}

impl InternalUrl {
    /// Parses `text`; a missing slash at the end of the path is added.
    ///
    /// # Errors
    /// [`NotAnInternalUrl`], which says what was expected.
    pub fn parse(text: &str) -> Result<Self, NotAnInternalUrl> {
        let url = Self::stored(text)?;
        url.check()?;
        Ok(url)
    }

    /// Whether it may be published today.
    ///
    /// # Errors
    /// [`NotAnInternalUrl::BadWildcard`].
    pub fn check(&self) -> Result<(), NotAnInternalUrl> {
        if wildcard::is_well_formed(&self.host, &self.prefix) {
            Ok(())
        } else {
            Err(NotAnInternalUrl::BadWildcard(self.to_string()))
        }
    }

    fn stored(text: &str) -> Result<Self, NotAnInternalUrl> {
        let shown = || text.chars().take(200).collect::<String>();
        let url = Url::parse(text.trim())
            .map_err(|error| NotAnInternalUrl::Malformed { text: shown(), reason: error.to_string() })?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(NotAnInternalUrl::NotHttp(shown())),
        };
        let plain =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        let Some(host) = url.host_str().filter(|host| plain && !host.trim_matches('.').is_empty()) else {
            return Err(NotAnInternalUrl::TooMuch(shown()));
        };
        let prefix = PathPrefix::parse(url.path()).ok_or_else(|| NotAnInternalUrl::BadPath(shown()))?;
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        if port == 0 {
            return Err(NotAnInternalUrl::Malformed { text: shown(), reason: "port 0 cannot be dialled".to_owned() });
        }
        Ok(Self { scheme, host: host.to_owned(), port, prefix })
    }

    /// Plain or TLS.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or address in lower case; an IPv6 address has its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it stands for every name below a domain.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        wildcard::domain(&self.host).is_some()
    }

    /// The same URL with `host` for its host, which must be a name in lower case.
    #[must_use]
    pub fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// The port to dial.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path prefix; starts and ends with `/`.
    #[must_use]
    pub const fn prefix(&self) -> &PathPrefix {
        &self.prefix
    }

    /// Host and port as in a `Host` header: the port is left out where the scheme implies it.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for InternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.prefix)
    }
}

impl TryFrom<String> for InternalUrl {
    type Error = NotAnInternalUrl;
    fn try_from(text: String) -> Result<Self, NotAnInternalUrl> {
        Self::stored(&text)
    }
}

impl From<InternalUrl> for String {
    fn from(url: InternalUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_url_knows_what_to_dial() {
        let url = InternalUrl::parse("http://Wiki:8080/app").unwrap();
        assert_eq!((url.host(), url.port(), url.authority().as_str()), ("wiki", 8080, "wiki:8080"));
        assert_eq!(url.to_string(), "http://wiki:8080/app/");
        let url = InternalUrl::parse("https://[fd00::1]").unwrap();
        assert_eq!((url.host(), url.port(), url.authority().as_str()), ("[fd00::1]", 443, "[fd00::1]"));
    }

    #[test]
    fn a_wildcard_stands_for_every_name_below_a_domain() {
        let url = InternalUrl::parse("http://*.Corp:8080").unwrap();
        assert_eq!((url.is_wildcard(), url.to_string().as_str()), (true, "http://*.corp:8080/"));
        assert_eq!(url.with_host("a.corp").to_string(), "http://a.corp:8080/");
    }

    #[test]
    fn a_star_of_earlier_times_can_still_be_read_and_stands_for_nothing() {
        for text in ["http://w*ki/", "http://*corp/", "http://*.*.corp/", "http://*/"] {
            let read = InternalUrl::try_from(text.to_owned()).unwrap();
            assert_eq!((read.to_string().as_str(), read.is_wildcard()), (text, false));
            assert!(matches!(read.check(), Err(NotAnInternalUrl::BadWildcard(_))), "{text}");
        }
        let below = InternalUrl::try_from("http://*.corp/app/".to_owned()).unwrap();
        assert!(below.check().is_err());
    }

    #[test]
    fn other_schemes_and_extra_parts_are_refused() {
        for text in [
            "ftp://wiki/",
            "file:///etc/passwd",
            "http://a:b@wiki/",
            "http://wiki/?x",
            "wiki:80",
            "http://wiki:0/",
            "http://./",
            "http://*/",
            "http://w*ki/",
            "http://*.corp/app/",
            "",
        ] {
            assert!(InternalUrl::parse(text).is_err(), "{text}");
        }
    }
}
