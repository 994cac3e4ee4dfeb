//! What `adit serve` is told: a TOML file and flags, put together into one [`Configuration`] in which everything was
//! checked. Flags win over the file, the file over the defaults.
//!
//! Nothing is started, created or locked here, so a mistake leaves no trace. Unknown settings are refused: a misspelt
//! one must not be silently without effect. Relative paths in the file are relative to the file.
//!
//! Invariant: the plain HTTP listeners of a [`Configuration`] are on loopback addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use adit_control::DatabaseUrl;
use adit_gateway::ClientLimits;
use adit_identity::{IssuerSettings, LOCAL_AUDIENCE};
use ipnet::IpNet;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::access_records::AccessRecords;
use crate::acme::AcmeSettings;
use crate::certificate::{CertificateFile, CertificateFileError};
use crate::lifetime;
use crate::retention::{self, Kept};

mod acme;
mod address;
mod client_limits;
mod database;
#[cfg(feature = "otlp")]
mod otlp;
mod sign_in;

pub(crate) use acme::AcmeFlags;
use acme::{AcmeTable, BadAcme};
pub(crate) use address::{GatewayAddress, listen_address};
use address::{ListenAddress, Network};
pub(crate) use database::{BadDatabase, DatabaseFlags, GivenUrl, PASSWORD_IS_SHOWN};
pub(crate) use sign_in::SignIn;
use sign_in::{BadSignIn, SignInTable};

/// How long requests through the gateway may take to finish when the server stops, unless it is said otherwise: downloads
/// of some size, and less than service managers wait before they kill.
const GRACE: Duration = Duration::from_secs(30);

/// Everything `adit serve` needs to know, checked.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The database that keeps the directory, if that is not in the data folder.
    pub(crate) database: Option<DatabaseUrl>,
    /// Where to listen.
    pub(crate) listen: Listen,
    /// What connectors dial, if it was said.
    pub(crate) gateway_address: Option<GatewayAddress>,
    /// How the API presents itself and whom it believes.
    pub(crate) api: Api,
    /// How long clients may keep the gateway waiting.
    pub(crate) client_limits: ClientLimits,
    /// Certificates from elsewhere.
    pub(crate) certificates: Vec<CertificateFile>,
    /// From where certificates are ordered, if they are.
    pub(crate) acme: Option<AcmeSettings>,
    /// Where the gateway's access records go.
    pub(crate) access_records: AccessRecords,
    /// How users sign in, if they can.
    pub(crate) sign_in: Option<SignIn>,
    /// Whether the gateway's answers have `Server-Timing`.
    pub(crate) server_timing: bool,
    /// How long requests through the gateway may take to finish when the server stops.
    pub(crate) grace: Duration,
    /// How long connectors that nobody has seen are kept.
    pub(crate) inactive_connectors: Kept,
    /// Where the gateway's spans go, if they go anywhere.
    #[cfg(feature = "otlp")]
    pub(crate) otlp: Option<crate::otlp::OtlpSettings>,
}

/// The listening addresses. Port 0 lets the system choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    /// The API over plain HTTP; loopback.
    pub(crate) control: SocketAddr,
    /// The API over HTTPS.
    pub(crate) control_tls: SocketAddr,
    /// The gateway: browsers and connectors.
    pub(crate) gateway: SocketAddr,
    /// Health and metrics over plain HTTP; loopback.
    pub(crate) metrics: SocketAddr,
    /// ACME challenges and redirects over plain HTTP, if that is wanted.
    pub(crate) http: Option<SocketAddr>,
}

/// How the API presents itself and whom it believes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    /// The URL by which clients reach the API, for links in its answers.
    pub(crate) public_url: Option<Url>,
    /// Whose `X-Forwarded-*` headers are believed; nobody's by default.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Issuers of bearer tokens, beside the data folder's own key.
    pub(crate) issuers: Vec<IssuerSettings>,
}

/// Flags of `adit serve`; each wins over the file.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) data: Option<PathBuf>,
    pub(crate) database: DatabaseFlags,
    pub(crate) control_listen: Option<SocketAddr>,
    pub(crate) control_tls_listen: Option<SocketAddr>,
    pub(crate) gateway_listen: Option<SocketAddr>,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) gateway_address: Option<GatewayAddress>,
    pub(crate) certificates: Vec<CertificateFile>,
    pub(crate) http_listen: Option<SocketAddr>,
    pub(crate) acme: AcmeFlags,
    pub(crate) access_records: Option<AccessRecords>,
    pub(crate) grace: Option<Duration>,
}

/// Why there is no configuration. Each says which setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error("configuration file {} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("configuration file {}: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("no data folder was given (--data DIR, or data = \"DIR\" in the configuration file)")]
    NoDataFolder,
    #[error(transparent)]
    Database(#[from] BadDatabase),
    #[error(
        "{setting} is {address}, which is not a loopback address, and plain HTTP is served on loopback only; \
         bearer tokens would cross the network in the clear"
    )]
    PlainHttpBeyondLoopback { setting: &'static str, address: SocketAddr },
    #[error("public_url '{url}' must be http:// or https://, with a host and no user name, query or fragment")]
    BadPublicUrl { url: Url },
    #[error("issuer '{url}' must be an https:// URL (plain http:// is accepted for loopback hosts only)")]
    BadIssuer { url: String },
    #[error("the CA of issuer '{url}', {}, cannot be read: {reason}", path.display())]
    IssuerCa { url: String, path: PathBuf, reason: String },
    #[error(transparent)]
    Certificate(#[from] CertificateFileError),
    #[error(transparent)]
    Acme(#[from] BadAcme),
    #[error(transparent)]
    SignIn(#[from] BadSignIn),
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] otlp::BadOtlp),
    #[error(
        "inactive_connectors is {0:?}; the shortest time is an hour, since connectors are away while their machines start anew"
    )]
    KeptTooShortly(Duration),
    #[cfg(not(feature = "otlp"))]
    #[error("otlp: this adit was built without the feature 'otlp', and cannot send spans")]
    NoOtlp,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    database: Option<GivenUrl>,
    database_password_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "from_text")]
    control_listen: Option<ListenAddress>,
    #[serde(default, deserialize_with = "from_text")]
    control_tls_listen: Option<ListenAddress>,
    #[serde(default, deserialize_with = "from_text")]
    gateway_listen: Option<ListenAddress>,
    #[serde(default, deserialize_with = "from_text")]
    metrics_listen: Option<ListenAddress>,
    #[serde(default, deserialize_with = "from_text")]
    gateway_address: Option<GatewayAddress>,
    #[serde(default, deserialize_with = "from_text")]
    http_listen: Option<ListenAddress>,
    public_url: Option<Url>,
    #[serde(default)]
    trusted_proxies: Vec<Network>,
    #[serde(default)]
    issuer: Vec<IssuerTable>,
    #[serde(default)]
    client_limits: client_limits::ClientLimitsTable,
    #[serde(default)]
    certificate: Vec<CertificateTable>,
    acme: Option<AcmeTable>,
    sign_in: Option<SignInTable>,
    #[serde(default, deserialize_with = "from_text")]
    access_records: Option<AccessRecords>,
    #[serde(default)]
    server_timing: bool,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    grace: Option<Duration>,
    #[serde(default, deserialize_with = "kept_from_text")]
    inactive_connectors: Option<Kept>,
    #[cfg(feature = "otlp")]
    otlp: Option<otlp::OtlpTable>,
    #[cfg(not(feature = "otlp"))]
    otlp: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerTable {
    url: String,
    audience: Option<String>,
    ca: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateTable {
    certificate: PathBuf,
    key: Option<PathBuf>,
}

impl CertificateTable {
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        std::iter::once(&mut self.certificate).chain(self.key.as_mut())
    }
}

/// Reads the file, if one is named, and puts the flags on top.
///
/// # Errors
/// [`ConfigurationError`] for the first setting that is wrong.
pub(crate) fn load(file: Option<&Path>, flags: Flags) -> Result<Configuration, ConfigurationError> {
    let file = match file {
        Some(path) => read(path)?,
        None => File::default(),
    };
    resolve(file, flags)
}

/// What is wrong, in which line and with which setting, without the value itself: it may have a password.
fn without_value(error: &toml::de::Error, text: &str) -> String {
    let Some(start) = error.span().map(|span| span.start) else { return error.message().to_owned() };
    let number = text.get(..start).unwrap_or_default().matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let setting =
        line.split_once('=').map(|(setting, _)| setting.trim()).filter(|setting| setting.chars().all(is_of_name));
    let setting = setting.map(|setting| format!(", {setting}")).unwrap_or_default();
    format!("line {}{setting}: {}", number + 1, error.message())
}

fn read(path: &Path) -> Result<File, ConfigurationError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigurationError::Unreadable { path: path.to_owned(), source })?;
    let mut file = parse(&text).map_err(|error| ConfigurationError::Malformed {
        path: path.to_owned(),
        reason: without_value(&error, &text),
    })?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let paths = file.data.iter_mut().chain(file.issuer.iter_mut().filter_map(|issuer| issuer.ca.as_mut()));
    let paths = paths.chain(&mut file.database_password_file);
    let paths = paths.chain(file.acme.iter_mut().filter_map(|acme| acme.ca.as_mut()));
    let paths = paths.chain(file.sign_in.iter_mut().flat_map(SignInTable::paths));
    #[cfg(feature = "otlp")]
    let paths = paths.chain(file.otlp.iter_mut().filter_map(|otlp| otlp.ca.as_mut()));
    for written in paths.chain(file.certificate.iter_mut().flat_map(CertificateTable::paths)) {
        *written = beside.join(&*written);
    }
    file.access_records = file.access_records.map(|records| records.beside(beside));
    Ok(file)
}

fn parse(text: &str) -> Result<File, toml::de::Error> {
    toml::from_str(text)
}

fn resolve(mut file: File, flags: Flags) -> Result<Configuration, ConfigurationError> {
    let data = flags.data.clone().or_else(|| file.data.clone()).ok_or(ConfigurationError::NoDataFolder)?;
    let database = DatabaseFlags { url: file.database.take(), password_file: file.database_password_file.take() };
    let database = flags.database.clone().resolve(database)?;
    let listen = listen(&file, &flags)?;
    let gateway_address = flags.gateway_address.or_else(|| file.gateway_address.clone());
    let certificates = certificates(&file.certificate, flags.certificates)?;
    let mut acme = acme::resolve(file.acme.take(), flags.acme, listen.http.is_some())?;
    let client_limits = std::mem::take(&mut file.client_limits).into();
    let access_records = flags.access_records.or_else(|| file.access_records.clone()).unwrap_or_default();
    let sign_in = file.sign_in.take().map(|table| sign_in::resolve(table, !file.issuer.is_empty())).transpose()?;
    if let (Some(acme), Some(sign_in)) = (&mut acme, &sign_in) {
        acme.sign_in_host = Some(sign_in.host().to_owned());
    }
    let server_timing = file.server_timing;
    let grace = flags.grace.or(file.grace).unwrap_or(GRACE);
    let inactive_connectors = file.inactive_connectors.unwrap_or(retention::INACTIVE_CONNECTORS);
    if let Kept::For(time) = inactive_connectors
        && time < retention::HOUR
    {
        return Err(ConfigurationError::KeptTooShortly(time));
    }
    #[cfg(feature = "otlp")]
    let otlp = file.otlp.take().map(otlp::resolve).transpose()?;
    #[cfg(not(feature = "otlp"))]
    if file.otlp.is_some() {
        return Err(ConfigurationError::NoOtlp);
    }
    Ok(Configuration {
        data,
        database,
        listen,
        gateway_address,
        api: api(file)?,
        client_limits,
        certificates,
        acme,
        access_records,
        sign_in,
        server_timing,
        grace,
        inactive_connectors,
        #[cfg(feature = "otlp")]
        otlp,
    })
}

/// The certificates of the file and those of flags: there may be any number, so flags add to the file.
fn certificates(
    tables: &[CertificateTable],
    flags: Vec<CertificateFile>,
) -> Result<Vec<CertificateFile>, ConfigurationError> {
    let listed = tables.iter().map(|table| CertificateFile {
        certificate: table.certificate.clone(),
        key: table.key.clone().unwrap_or_else(|| table.certificate.clone()),
    });
    let certificates: Vec<CertificateFile> = listed.chain(flags).collect();
    // Now, so that a mistake is found before anything is started.
    certificates.iter().try_for_each(|file| file.read().map(drop))?;
    Ok(certificates)
}

fn listen(file: &File, flags: &Flags) -> Result<Listen, ConfigurationError> {
    let choose = |flag: Option<SocketAddr>, setting: Option<ListenAddress>, default: SocketAddr| {
        flag.or(setting.map(|address| address.0)).unwrap_or(default)
    };
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443));
    let listen = Listen {
        control: choose(flags.control_listen, file.control_listen, loopback(8080)),
        control_tls: choose(flags.control_tls_listen, file.control_tls_listen, loopback(8444)),
        gateway: choose(flags.gateway_listen, file.gateway_listen, everywhere),
        metrics: choose(flags.metrics_listen, file.metrics_listen, loopback(9090)),
        http: flags.http_listen.or(file.http_listen.map(|address| address.0)),
    };
    for (setting, address) in [("control_listen", listen.control), ("metrics_listen", listen.metrics)] {
        if !address.ip().to_canonical().is_loopback() {
            return Err(ConfigurationError::PlainHttpBeyondLoopback { setting, address });
        }
    }
    Ok(listen)
}

fn api(file: File) -> Result<Api, ConfigurationError> {
    if let Some(url) = file.public_url.as_ref().filter(|url| !is_plain_base(url)) {
        return Err(ConfigurationError::BadPublicUrl { url: url.clone() });
    }
    if let Some(issuer) = file.issuer.iter().find(|issuer| !may_be_fetched(&issuer.url)) {
        return Err(ConfigurationError::BadIssuer { url: issuer.url.clone() });
    }
    Ok(Api {
        public_url: file.public_url,
        trusted_proxies: file.trusted_proxies.into_iter().map(|network| network.0).collect(),
        issuers: file.issuer.into_iter().map(issuer).collect::<Result<_, _>>()?,
    })
}

fn issuer(table: IssuerTable) -> Result<IssuerSettings, ConfigurationError> {
    let ca = table.ca.as_ref().map(|path| {
        CertificateDer::from_pem_file(path).map_err(|error| ConfigurationError::IssuerCa {
            url: table.url.clone(),
            path: path.clone(),
            reason: error.to_string(),
        })
    });
    let audience = table.audience.clone().unwrap_or_else(|| LOCAL_AUDIENCE.to_owned());
    Ok(IssuerSettings { audience, ca: ca.transpose()?, url: table.url })
}

/// Whether `url` can stand before a path of ours.
fn is_plain_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Keys decide who is believed, so they are fetched over TLS, or from this very machine.
fn may_be_fetched(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return false };
    match url.scheme() {
        "https" => is_plain_base(&url),
        "http" => is_plain_base(&url) && url.host().is_some_and(|host| is_loopback(&host)),
        _ => false,
    }
}

/// Whether a URL's host is this machine by definition.
pub(crate) fn is_loopback(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Reads a certificate's files: `CERTIFICATE,KEY`, or one file that holds both.
///
/// # Errors
/// A sentence that says what was expected.
pub(crate) fn certificate_file(text: &str) -> Result<CertificateFile, String> {
    let (certificate, key) = text.split_once(',').unwrap_or((text, text));
    if certificate.is_empty() || key.is_empty() || key.contains(',') {
        return Err(format!(
            "'{text}' does not name files; CERTIFICATE.pem,KEY.pem is expected, or one file with both"
        ));
    }
    Ok(CertificateFile { certificate: certificate.into(), key: key.into() })
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A lifetime, or `forever`.
fn kept_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kept>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "forever" {
        return Ok(Some(Kept::Forever));
    }
    lifetime::parse(&text).map(|time| Some(Kept::For(time))).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
