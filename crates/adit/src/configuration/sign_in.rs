//! `[sign_in]`: where users sign in, and how long that lasts.

use std::path::PathBuf;
use std::time::Duration;

use adit_core::revocation::LONGEST_SESSION;
use adit_identity::session::SessionLimits;
use adit_identity::{ClientSecret, ProviderSettings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::{GatewayAddress, may_be_fetched};
use crate::lifetime;

/// The claim that lists groups at most providers.
const GROUPS: &str = "groups";

/// The shortest time that a session may be told to last: what is shorter would sign people out while they read.
const SHORTEST: Duration = Duration::from_secs(60);

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInTable {
    host: String,
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    groups_claim: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    session: Option<Duration>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    idle: Option<Duration>,
}

impl SignInTable {
    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.client_secret_file.iter_mut().chain(&mut self.ca)
    }

    /// A setting that says something of a provider other than the built-in one.
    fn about_a_provider(&self) -> Option<&'static str> {
        let said = [
            ("client_id", self.client_id.is_some()),
            ("client_secret_file", self.client_secret_file.is_some()),
            ("ca", self.ca.is_some()),
            ("scopes", self.scopes.is_some()),
            ("groups_claim", self.groups_claim.is_some()),
        ];
        said.into_iter().find(|(_, is_said)| *is_said).map(|(setting, _)| setting)
    }
}

/// How users sign in.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    /// The sign-in host, in lower case, with its port if that is not 443; port 0, which no file can say, is the gateway's.
    pub(crate) authority: String,
    /// The provider; the built-in one where there is none.
    pub(crate) provider: Option<ProviderSettings>,
    /// How long sessions last.
    pub(crate) limits: SessionLimits,
}

impl SignIn {
    /// The same where the gateway listens on `port`.
    pub(crate) fn at(self, port: u16) -> Self {
        match self.authority.strip_suffix(":0") {
            Some(host) => Self { authority: format!("{host}:{port}"), ..self },
            None => self,
        }
    }

    /// The sign-in host without its port.
    pub(crate) fn host(&self) -> &str {
        self.authority.split(':').next().unwrap_or_default()
    }
}

/// Why nobody could sign in as it is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSignIn {
    #[error(
        "sign_in: host '{0}' must be a name by which browsers reach the gateway, as in login.example.com, with a port \
         if that is not 443"
    )]
    BadHost(String),
    #[error("sign_in: issuer '{0}' must be an https:// URL (plain http:// is accepted for loopback hosts only)")]
    BadIssuer(String),
    #[error("sign_in: client_id is missing: it is the name that the provider knows this server by")]
    NoClient,
    #[error(
        "sign_in: {0} is about a provider that issuer names, and there is no issuer: without one, users sign in at the built-in provider"
    )]
    NoIssuer(&'static str),
    #[error(
        "sign_in: issuer is missing: the built-in provider, which would take its place, is off where [[issuer]] is configured"
    )]
    NoProvider,
    #[error("sign_in: the client's secret in {} cannot be read: {reason}", path.display())]
    Secret { path: PathBuf, reason: String },
    #[error("sign_in: the CA {} cannot be read: {reason}", path.display())]
    Ca { path: PathBuf, reason: String },
    #[error("sign_in: {setting} must be from a minute to {} days, and idle not longer than session", LONGEST_SESSION.as_secs() / 86_400)]
    BadTime { setting: &'static str },
}

/// Checks what was written, where issuers of the API's tokens are configured or not.
///
/// # Errors
/// [`BadSignIn`] for the first setting that is wrong.
pub(super) fn resolve(table: SignInTable, has_issuers: bool) -> Result<SignIn, BadSignIn> {
    let authority = authority(&table.host).ok_or_else(|| BadSignIn::BadHost(table.host.clone()))?;
    let limits = limits(table.session, table.idle)?;
    let provider = match &table.issuer {
        Some(issuer) => Some(provider(issuer.clone(), table)?),
        None if has_issuers => return Err(BadSignIn::NoProvider),
        None => table.about_a_provider().map_or(Ok(None), |setting| Err(BadSignIn::NoIssuer(setting)))?,
    };
    Ok(SignIn { authority, provider, limits })
}

fn provider(issuer: String, table: SignInTable) -> Result<ProviderSettings, BadSignIn> {
    if !may_be_fetched(&issuer) {
        return Err(BadSignIn::BadIssuer(issuer));
    }
    let client_id = table.client_id.filter(|id| !id.trim().is_empty()).ok_or(BadSignIn::NoClient)?;
    let ca = table.ca.map(|path| {
        CertificateDer::from_pem_file(&path).map_err(|error| BadSignIn::Ca { path, reason: error.to_string() })
    });
    Ok(ProviderSettings {
        issuer,
        client_id,
        client_secret: table.client_secret_file.map(secret).transpose()?,
        transport: ca.transpose()?.into(),
        groups_claim: table.groups_claim.unwrap_or_else(|| GROUPS.to_owned()),
        scopes: table.scopes.unwrap_or_default(),
    })
}

/// The host in its one spelling; not an address, to which no certificate of a public authority would fit and no cookie
/// prefix helps.
fn authority(host: &str) -> Option<String> {
    let written = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
    let GatewayAddress { host, port } = written.parse().ok()?;
    let is_name = |host: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        host.bytes().all(allowed) && !host.starts_with('.') && !host.ends_with('.')
    };
    let host = host.to_ascii_lowercase();
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    (is_name(&host) && !is_address && port > 0)
        .then(|| if port == 443 { host.clone() } else { format!("{host}:{port}") })
}

fn secret(path: PathBuf) -> Result<ClientSecret, BadSignIn> {
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let text = read.and_then(|text| match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned()),
    });
    text.map(ClientSecret::new).map_err(|reason| BadSignIn::Secret { path, reason })
}

fn limits(session: Option<Duration>, idle: Option<Duration>) -> Result<SessionLimits, BadSignIn> {
    let usual = SessionLimits::default();
    let absolute = session.unwrap_or(usual.absolute);
    let idle = idle.unwrap_or(usual.idle.min(absolute));
    for (setting, time) in [("session", absolute), ("idle", idle)] {
        if time < SHORTEST || time > LONGEST_SESSION || time > absolute {
            return Err(BadSignIn::BadTime { setting });
        }
    }
    Ok(SessionLimits { absolute, idle })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<SignIn, BadSignIn> {
        resolve(toml::from_str(text).unwrap(), false)
    }

    const FINE: &str = "host = 'Login.example.com'\nissuer = 'https://id.example'\nclient_id = 'adit'\n";

    #[test]
    fn host_issuer_and_client_suffice() {
        let sign_in = resolved(FINE).unwrap();
        assert_eq!((sign_in.authority.as_str(), sign_in.limits), ("login.example.com", SessionLimits::default()));
        let provider = sign_in.provider.unwrap();
        assert_eq!(provider.groups_claim, "groups");
        assert!(provider.client_secret.is_none());
        let with_port = resolved(&FINE.replace("com'", "com:8443'")).unwrap();
        assert_eq!(with_port.authority, "login.example.com:8443");
        let times = resolved(&format!("{FINE}session = '8h'\nidle = '30m'")).unwrap();
        assert_eq!(times.limits.idle, Duration::from_secs(30 * 60));
        let short = resolved(&format!("{FINE}session = '10m'")).unwrap();
        assert_eq!(short.limits.idle, Duration::from_secs(10 * 60), "no longer than the session");
    }

    #[test]
    fn without_an_issuer_users_sign_in_at_the_built_in_provider_if_it_runs() {
        let sign_in = resolved("host = 'login.example.com'").unwrap();
        assert!(sign_in.provider.is_none());
        for setting in
            ["client_id = 'adit'", "client_secret_file = 's'", "ca = 'c'", "scopes = []", "groups_claim = 'g'"]
        {
            let refused = resolved(&format!("host = 'login.example.com'\n{setting}"));
            assert!(matches!(refused, Err(BadSignIn::NoIssuer(named)) if setting.starts_with(named)), "{setting}");
        }
        let beside_issuers = resolve(toml::from_str("host = 'login.example.com'").unwrap(), true);
        assert!(matches!(beside_issuers, Err(BadSignIn::NoProvider)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let with = |from: &str, to: &str| resolved(&FINE.replace(from, to));
        for host in [
            "",
            "https://login.example.com",
            "a b",
            "10.0.0.1",
            "[::1]:8443",
            "login.example.com:0",
            "*.example.com",
            "a/b",
        ] {
            assert!(matches!(with("Login.example.com", host), Err(BadSignIn::BadHost(_))), "{host}");
        }
        for issuer in ["http://id.example", "id.example", "https://id.example/?x", "file:///x"] {
            assert!(matches!(with("https://id.example", issuer), Err(BadSignIn::BadIssuer(_))), "{issuer}");
        }
        assert!(matches!(with("'adit'", "' '"), Err(BadSignIn::NoClient)));
        let more = |text: &str| resolved(&format!("{FINE}{text}"));
        assert!(matches!(more("client_secret_file = '/nowhere'"), Err(BadSignIn::Secret { .. })));
        assert!(matches!(more("ca = '/nowhere'"), Err(BadSignIn::Ca { .. })));
        for times in ["session = '10s'", "session = '31d'", "idle = '10s'", "session = '1h'\nidle = '2h'"] {
            assert!(matches!(more(times), Err(BadSignIn::BadTime { .. })), "{times}");
        }
    }

    #[test]
    fn the_secret_is_in_a_file_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "canary\n").unwrap();
        let sign_in = resolved(&format!("{FINE}client_secret_file = '{}'", path.display())).unwrap();
        assert!(sign_in.provider.as_ref().unwrap().client_secret.is_some());
        assert!(!format!("{sign_in:?}").contains("canary"));
        std::fs::write(&path, " \n").unwrap();
        assert!(resolved(&format!("{FINE}client_secret_file = '{}'", path.display())).is_err());
    }
}
