//! The URL of a PostgreSQL database, as `libpq` reads it, with stricter rules for TLS: a server on another machine has to
//! show a certificate for its name, unless the URL says otherwise.
//!
//! Invariant: no password is in anything that is shown, and no error repeats what could be one.

use std::borrow::Cow;
use std::fmt::{self, Debug, Display, Formatter};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Place;

/// The parameters that are understood; others would be passed over without a word.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    PASSWORD,
    "port",
    "sslcert",
    "sslkey",
    SSL_MODE,
    SSL_ROOT_CERT,
    "user",
];

const PASSWORD: &str = "password";
const SSL_MODE: &str = "sslmode";
const SSL_ROOT_CERT: &str = "sslrootcert";

/// Parameters that name a file.
const FILES: [&str; 3] = [SSL_ROOT_CERT, "sslcert", "sslkey"];

/// What the server shows for a program that did not say its name.
const OWN_NAME: &str = "adit";

/// The URL of a database: `postgres://USER@HOST:PORT/NAME?sslmode=..`. What it leaves out comes from the variables of `libpq`
/// (`PGHOST`, `PGPASSWORD` and so on) and from `~/.pgpass`.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// As it was given, without the password.
    shown: String,
    password: Option<String>,
    files: Vec<(&'static str, PathBuf)>,
    /// With the password.
    options: Box<PgConnectOptions>,
}

/// Why a text is no URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    /// Another scheme, or none.
    #[error("the URL of a database begins with postgres:// or postgresql://")]
    NotPostgres,
    /// Most likely in a password.
    #[error(
        "the URL has a white space, a control character or a '#'; in a password they are escaped, such as '%23' for '#'"
    )]
    NeedsEscape,
    /// A `/` or `?` before the last `@`: most likely in a password.
    #[error("the URL has an '@' after its host; in a password '/' is written as '%2F', '?' as '%3F' and '@' as '%40'")]
    AtSignBehindHost,
    /// A parameter that is not understood.
    #[error("the URL has a parameter that is not known; these are: {}", PARAMETERS.join(", "))]
    UnknownParameter,
    /// Several hosts, which `libpq` knows.
    #[error("the URL names several hosts; name one, such as that of a proxy which finds the primary")]
    SeveralHosts,
    /// Anything else.
    #[error("the URL of the database cannot be read: {0}")]
    Malformed(String),
}

impl DatabaseUrl {
    /// Whether a password stands in it.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        Self { options: Box::new(self.options.password(password)), password: Some(password.to_owned()), ..self }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::Server(self.shown.clone())
    }

    /// How it is connected to; with the password.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// The files that the URL names, by the parameters that name them.
    pub(crate) fn files(&self) -> &[(&'static str, PathBuf)] {
        &self.files
    }

    /// What somebody between here and the server could do, because the URL allows it; nothing is the rule.
    pub(crate) fn exposure(&self) -> Option<&'static str> {
        if is_local(&self.options) {
            return None;
        }
        match self.options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => Some("read and change what is exchanged"),
            PgSslMode::Require => Some("stand in for the server, whose certificate is not checked"),
            PgSslMode::VerifyCa => Some("stand in for the server with a certificate for another name"),
            PgSslMode::VerifyFull => None,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        let text = text.trim();
        let parts = Parts::of(text)?;
        let malformed = |error: sqlx::Error| BadDatabaseUrl::Malformed(reason(error));
        let mut options: PgConnectOptions = parts.for_parser(text).parse().map_err(malformed)?;
        // As the parser leaves it, an IPv6 address has brackets, which neither resolver nor certificates know.
        let bare = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(ToOwned::to_owned);
        if let Some(host) = bare {
            options = options.host(&host);
        }
        if options.get_host().contains(',') {
            return Err(BadDatabaseUrl::SeveralHosts);
        }
        if options.get_application_name().is_none() {
            options = options.application_name(OWN_NAME);
        }
        // No floats are read as text, and poolers refuse what they do not know.
        let options = Box::new(secured(options, &parts).extra_float_digits(None));
        let (shown, password) = (parts.without_password(), parts.password().map(ToOwned::to_owned));
        Ok(Self { shown, password, files: parts.files(), options })
    }
}

/// TLS by the rules: `libpq` would go on in the clear where a server has no TLS, and believe any certificate.
fn secured(options: PgConnectOptions, parts: &Parts<'_>) -> PgConnectOptions {
    match options.get_ssl_mode() {
        _ if parts.find(SSL_MODE).is_none() && !is_local(&options) => options.ssl_mode(PgSslMode::VerifyFull),
        // The library believes the system's roots beside those of the file. Without the name, anybody with a certificate
        // would do.
        PgSslMode::VerifyCa => options.ssl_mode(PgSslMode::VerifyFull),
        PgSslMode::Require if parts.find(SSL_ROOT_CERT).is_some() => options.ssl_mode(PgSslMode::VerifyFull),
        // As `libpq` understands it, and this library does not.
        PgSslMode::Allow => options.ssl_mode(PgSslMode::Prefer),
        _ => options,
    }
}

/// Whether what is exchanged stays on this machine.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What is wrong, without what was given.
fn reason(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(reason) => reason.to_string(),
        error => error.to_string(),
    }
}

/// A URL in its parts, as they were written.
struct Parts<'t> {
    scheme: &'t str,
    user: Option<&'t str>,
    password: Option<&'t str>,
    /// Host, port and path.
    place: &'t str,
    parameters: Vec<(&'t str, &'t str)>,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Result<Self, BadDatabaseUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadDatabaseUrl::NotPostgres)?;
        if !scheme.eq_ignore_ascii_case("postgres") && !scheme.eq_ignore_ascii_case("postgresql") {
            return Err(BadDatabaseUrl::NotPostgres);
        }
        if rest.chars().any(|character| character.is_whitespace() || character.is_control() || character == '#') {
            return Err(BadDatabaseUrl::NeedsEscape);
        }
        let (authority, _) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
        let behind = rest.get(authority.len()..).unwrap_or_default();
        if behind.contains('@') {
            return Err(BadDatabaseUrl::AtSignBehindHost);
        }
        let (credentials, _) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let place = rest.get(credentials.map_or(0, |credentials| credentials.len() + 1)..).unwrap_or_default();
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (user, password) = match credentials.map(|credentials| credentials.split_once(':').ok_or(credentials)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(user), Some(password)),
            Some(Err(user)) => (Some(user), None),
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let parameters: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        if parameters.iter().any(|(name, _)| !PARAMETERS.contains(name)) {
            return Err(BadDatabaseUrl::UnknownParameter);
        }
        Ok(Self { scheme, user, password, place, parameters })
    }

    fn find(&self, name: &str) -> Option<&'t str> {
        self.parameters.iter().rev().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    fn password(&self) -> Option<&'t str> {
        self.find(PASSWORD).or(self.password)
    }

    /// The same for a parser that knows no user without a host, as with a socket.
    fn for_parser(&self, text: &'t str) -> Cow<'t, str> {
        let Some(user) = self.user.filter(|_| self.place.starts_with('/')) else { return Cow::Borrowed(text) };
        let mut url = format!("{}://{}?user={}", self.scheme, self.place, user.replace('+', "%2B"));
        if let Some(password) = self.password {
            url.push_str("&password=");
            url.push_str(&password.replace('+', "%2B"));
        }
        self.parameters.iter().for_each(|(name, value)| url.extend(["&", name, "=", value]));
        Cow::Owned(url)
    }

    fn without_password(&self) -> String {
        let mut shown = format!("{}://", self.scheme);
        if let Some(user) = self.user {
            shown.push_str(user);
            shown.push('@');
        }
        shown.push_str(self.place);
        for (index, (name, value)) in self.parameters.iter().filter(|(name, _)| *name != PASSWORD).enumerate() {
            shown.push(if index == 0 { '?' } else { '&' });
            shown.push_str(name);
            shown.push('=');
            shown.push_str(value);
        }
        shown
    }

    /// Paths with an escape are left to whoever opens them.
    fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let named = FILES.iter().filter_map(|name| Some((*name, self.find(name)?)));
        named.filter(|(_, path)| !path.contains(['%', '+'])).map(|(name, path)| (name, path.into())).collect()
    }
}

impl Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("DatabaseUrl").field(&self.shown).finish()
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown && self.password == other.password
    }
}

impl Eq for DatabaseUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    fn mode(text: &str) -> PgSslMode {
        url(text).options.get_ssl_mode()
    }

    #[test]
    fn no_password_is_shown_wherever_it_stands() {
        for text in [
            "postgres://adit:canary@db.example/adit?sslmode=require",
            "postgres://adit@db.example/adit?password=canary&sslmode=require",
            "postgres://adit@db.example/adit?sslmode=require&password=canary",
        ] {
            let url = url(text);
            assert_eq!(url.to_string(), "postgres://adit@db.example/adit?sslmode=require");
            assert!(!format!("{url:?} {:?} {}", url.place(), url.place()).contains("canary"));
            assert_eq!(url.password.as_deref(), Some("canary"));
        }
        let given = url("postgres://adit@db.example/adit").with_password("canary");
        assert!(!format!("{given} {given:?}").contains("canary"));
        assert_ne!(given, url("postgres://adit@db.example/adit"));
        assert_eq!(given, url("postgres://adit@db.example/adit").with_password("canary"));
    }

    #[test]
    fn what_is_shown_is_the_url_of_the_same_database() {
        for text in ["postgresql://db.example", "postgres://a%40b@[::1]:7/c?host=/run/x", "postgres:///adit"] {
            assert_eq!(url(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        use BadDatabaseUrl::{AtSignBehindHost, NeedsEscape, NotPostgres, SeveralHosts, UnknownParameter};
        for (text, expected) in [
            ("canary", NotPostgres),
            ("mysql://adit:canary@localhost/adit", NotPostgres),
            ("postgres://adit:can ary@localhost/adit", NeedsEscape),
            ("postgres://adit:canary#@localhost/adit", NeedsEscape),
            ("postgres://adit:canary/@localhost/adit", AtSignBehindHost),
            ("postgres://adit:canary?x@localhost/adit", AtSignBehindHost),
            ("postgres://localhost/adit?pasword=canary", UnknownParameter),
            ("postgres://localhost/adit?host=canary,b", SeveralHosts),
        ] {
            let refused = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(refused, expected);
            assert!(!refused.to_string().contains("canary"), "{refused}");
        }
        for text in ["postgres://adit:canary@:x/", "postgres://h/?port=canary", "postgres://h:99999/adit"] {
            let refused = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(matches!(refused, BadDatabaseUrl::Malformed(_)), "{refused}");
            assert!(!refused.to_string().contains("canary"), "{refused}");
        }
    }

    #[test]
    fn a_server_on_another_machine_shows_a_certificate_unless_the_url_says_otherwise() {
        for local in
            ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "/adit?host=/run/postgresql", "%2Frun%2Fpostgresql/adit"]
        {
            let local = url(&format!("postgres://adit@{local}"));
            assert!(matches!(local.options.get_ssl_mode(), PgSslMode::Prefer) && local.exposure().is_none(), "{local}");
        }
        for remote in
            ["db.example", "192.0.2.1", "[2001:db8::1]", "localhost.example", "db/adit?host=127.0.0.1.example"]
        {
            let remote = url(&format!("postgres://adit@{remote}"));
            assert!(matches!(remote.options.get_ssl_mode(), PgSslMode::VerifyFull), "{remote}");
            assert!(remote.exposure().is_none());
        }
        for (said, said_mode) in
            [("disable", "Disable"), ("prefer", "Prefer"), ("allow", "Prefer"), ("require", "Require")]
        {
            let remote = url(&format!("postgres://adit@db.example/adit?sslmode={said}"));
            assert_eq!(format!("{:?}", remote.options.get_ssl_mode()), said_mode);
            assert!(remote.exposure().is_some());
        }
        for strict in ["verify-ca", "require&sslrootcert=ca.pem"] {
            let with_roots = mode(&format!("postgres://db.example/adit?sslmode={strict}"));
            assert!(matches!(with_roots, PgSslMode::VerifyFull), "{with_roots:?}");
        }
    }

    #[test]
    fn a_user_of_a_socket_needs_no_host() {
        let socket = url("postgres://a+b:c%2Bd@/adit?host=/run/postgresql");
        assert_eq!(socket.to_string(), "postgres://a+b@/adit?host=/run/postgresql");
        assert_eq!(socket.options.get_socket().unwrap().to_str(), Some("/run/postgresql"));
        assert_eq!((socket.options.get_username(), socket.options.get_database()), ("a+b", Some("adit")));
    }

    #[test]
    fn an_ipv6_address_is_dialled_without_its_brackets() {
        assert_eq!(url("postgres://adit@[::1]:5433/adit").options.get_host(), "::1");
    }

    #[test]
    fn files_are_known_by_the_parameter_that_names_them() {
        let with = url("postgres://db.example/adit?sslrootcert=/etc/ca.pem&sslkey=a%20b");
        assert_eq!(with.files(), [("sslrootcert", PathBuf::from("/etc/ca.pem"))]);
    }
}
