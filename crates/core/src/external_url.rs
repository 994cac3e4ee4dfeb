//! The external URL of an application: what users type.
//!
//! `https`, a host, an optional port and a path prefix; nothing else. The host may be a wildcard, which is `*.` before a
//! domain: every name below it, whatever the path. The gateway listens on one port, so routing looks at host and path
//! only, and two applications whose external URLs differ only by port are the same place.
//!
//! What is stored is read by the rules under which it was once accepted, so that one old URL does not make a list
//! unreadable; [`ExternalUrl::check`] holds it against those of today when its application is changed.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::request_path::PathPrefix;
use crate::wildcard;

/// Why a text cannot be an external URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnExternalUrl {
    /// It is not a URL.
    #[error("'{text}' is not a URL: {reason}")]
    Malformed {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The gateway serves HTTPS only.
    #[error("'{0}' must start with https://")]
    NotHttps(String),
    /// User name, password, query or fragment.
    #[error("'{0}' must consist of scheme, host, port and path only")]
    TooMuch(String),
    /// The path cannot be a prefix.
    #[error("'{0}' has a path that cannot be published")]
    BadPath(String),
    /// An escape in the path that needs none.
    #[error(
        "'{0}' escapes a character that needs no escape in a path, such as '%61' for 'a'; write the character itself"
    )]
    NeedlessEscape(String),
    /// A star elsewhere than before a domain, or with a path.
    #[error("'{0}' may have a wildcard only as '*.' before a domain, without a path")]
    BadWildcard(String),
}

/// What the user types to reach an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalUrl {
    host: String,
    port: Option<u16>,
    prefix: PathPrefix,
}

impl ExternalUrl {
    /// Parses `text`; a missing slash at the end of the path is added, the host becomes lower case and ASCII, escapes in
    /// the path get capital letters.
    ///
    /// # Errors
    /// [`NotAnExternalUrl`], which says what was expected.
    pub fn parse(text: &str) -> Result<Self, NotAnExternalUrl> {
        let url = Self::stored(text)?;
        url.check()?;
        Ok(url)
    }

    /// Whether it may be published today.
    ///
    /// # Errors
    /// [`NotAnExternalUrl::NeedlessEscape`].
    pub fn check(&self) -> Result<(), NotAnExternalUrl> {
        match self.prefix.plain() {
            Some(_) => Ok(()),
            None => Err(NotAnExternalUrl::NeedlessEscape(self.to_string())),
        }
    }

    fn stored(text: &str) -> Result<Self, NotAnExternalUrl> {
        let shown = || text.chars().take(200).collect::<String>();
        let url = Url::parse(text.trim())
            .map_err(|error| NotAnExternalUrl::Malformed { text: shown(), reason: error.to_string() })?;
        if url.scheme() != "https" {
            return Err(NotAnExternalUrl::NotHttps(shown()));
        }
        let plain =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        // A name with a dot at its end is the same name; what is left must be one.
        let host = url.host_str().map(|host| host.strip_suffix('.').unwrap_or(host));
        let is_name = |host: &&str| !host.is_empty() && !host.starts_with('.') && !host.ends_with('.');
        let Some(host) = host.filter(is_name).filter(|_| plain) else {
            return Err(NotAnExternalUrl::TooMuch(shown()));
        };
        let prefix = PathPrefix::parse(url.path()).ok_or_else(|| NotAnExternalUrl::BadPath(shown()))?;
        if !wildcard::is_well_formed(host, &prefix) {
            return Err(NotAnExternalUrl::BadWildcard(shown()));
        }
        let prefix = prefix.plain().unwrap_or(prefix);
        Ok(Self { host: host.to_owned(), port: url.port(), prefix })
    }

    /// The host in lower case; an IPv6 address has its brackets, a wildcard its star.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it stands for every name below a domain.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        wildcard::domain(&self.host).is_some()
    }

    /// The port, unless it is 443.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path prefix; starts and ends with `/`.
    #[must_use]
    pub const fn prefix(&self) -> &PathPrefix {
        &self.prefix
    }

    /// Host and port as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// What must be unique among applications: host and path, without the port, the path in one spelling whatever its
    /// own is.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}{}", self.host, self.prefix.spelling())
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.prefix)
    }
}

impl TryFrom<String> for ExternalUrl {
    type Error = NotAnExternalUrl;
    fn try_from(text: String) -> Result<Self, NotAnExternalUrl> {
        Self::stored(&text)
    }
}

impl From<ExternalUrl> for String {
    fn from(url: ExternalUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_url_is_normalised() {
        let url = ExternalUrl::parse("HTTPS://Wiki.Example.com:443/Team").unwrap();
        assert_eq!(url.to_string(), "https://wiki.example.com/Team/");
        let url = ExternalUrl::parse("https://wiki.localhost:8443").unwrap();
        assert_eq!(url.to_string(), "https://wiki.localhost:8443/");
        assert_eq!(url.authority(), "wiki.localhost:8443");
        assert_eq!(url.place(), "wiki.localhost/");
    }

    #[test]
    fn what_was_accepted_is_accepted_again_as_it_is_written() {
        for text in
            ["https://wiki.example./a", "https://[::1]:8443", "https://10.0.0.1/x/", "https://b\u{fc}cher.example/"]
        {
            let url = ExternalUrl::parse(text).unwrap();
            assert_eq!(ExternalUrl::parse(&url.to_string()), Ok(url), "{text}");
        }
    }

    #[test]
    fn a_path_is_published_in_its_plain_spelling_and_an_old_one_can_still_be_read() {
        let url = ExternalUrl::parse("https://wiki.example/caf%c3%a9").unwrap();
        assert_eq!(url.to_string(), "https://wiki.example/caf%C3%A9/");
        assert_eq!(ExternalUrl::parse("https://wiki.example/caf\u{e9}"), Ok(url));
        for text in ["https://wiki.example/%61pp/", "https://wiki.example/a%21/", "https://wiki.example/%7eme/"] {
            let refused = ExternalUrl::parse(text);
            assert!(matches!(refused, Err(NotAnExternalUrl::NeedlessEscape(_))), "{text}: {refused:?}");
            let read = ExternalUrl::try_from(text.to_owned()).unwrap();
            assert_eq!((read.to_string().as_str(), read.check().is_err()), (text, true));
        }
        let disguised = ExternalUrl::try_from("https://wiki.example/%61pp/%c3%a9/".to_owned()).unwrap();
        assert_eq!(disguised.place(), "wiki.example/app/%C3%A9/");
    }

    #[test]
    fn a_wildcard_stands_for_every_name_below_a_domain() {
        let url = ExternalUrl::parse("https://*.Apps.Example:8443").unwrap();
        assert_eq!((url.is_wildcard(), url.to_string().as_str()), (true, "https://*.apps.example:8443/"));
        assert_eq!(ExternalUrl::parse(&url.to_string()), Ok(url));
        assert!(!ExternalUrl::parse("https://apps.example").unwrap().is_wildcard());
    }

    #[test]
    fn anything_but_scheme_host_port_and_path_is_refused() {
        for text in [
            "http://wiki.example.com/",
            "wiki.example.com",
            "https://user@wiki.example.com/",
            "https://wiki.example.com/?a=b",
            "https://wiki.example.com/#top",
            "https://*/",
            "https://*./",
            "https://*.*.example.com/",
            "https://a.*.example.com/",
            "https://*a.example.com/",
            "https://*.example.com/team/",
            "https://*.10.0.0.1/",
            "https://",
            "https://./",
            "https://../",
            "https://wiki../",
            "https://wiki.example.com/a%2fb/",
            "javascript:alert(1)",
        ] {
            assert!(ExternalUrl::parse(text).is_err(), "{text}");
        }
    }
}
