//! The applications that send users here to sign in, and where they may be sent back to.
//!
//! A redirect URI must be one that is registered, letter for letter (RFC 9700, section 4.1.3). The one exception is the port
//! of a loopback address, which a program on a desktop takes as it comes (RFC 8252, section 7.3).

use adit_core::application::Attributes;
use adit_core::{AppId, Application};
use serde_json::Value;
use url::{Host, Url};
use uuid::{Uuid, uuid};

use crate::client::shown;
use crate::error::{OAuthError, Refusal};
use crate::gateway_client::{self, GATEWAY_CLIENT_ID};
use crate::provider::Provider;

/// Programs of Microsoft's that every tenant knows, and that SDKs use where a script names no other: they sign a user in
/// on a desktop, and have no secret.
const WELL_KNOWN: [(Uuid, &str); 3] = [
    (uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46"), "Microsoft Azure CLI"),
    (uuid!("14d82eec-204b-4c2f-b7e8-296a70dab67e"), "Microsoft Graph Command Line Tools"),
    (uuid!("1950a258-227b-4e31-a9cf-717495945fc2"), "Microsoft Azure PowerShell"),
];

/// Whether it is a program that every tenant knows, and that runs where its user is.
pub(crate) fn is_well_known(app_id: AppId) -> bool {
    WELL_KNOWN.iter().any(|(id, _)| *id == app_id.uuid())
}

/// An application to which a user signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    pub(crate) app_id: AppId,
    pub(crate) name: String,
    kind: Kind,
}

/// What is known of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// One of the directory, with its attributes.
    Own(Attributes),
    /// One that every tenant knows.
    WellKnown,
    /// This installation's gateway.
    Gateway {
        /// Its one redirect URI.
        redirect_uri: String,
    },
}

/// Where a user is sent back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As it was registered and asked for.
    pub(crate) uri: String,
    /// Whether whoever receives the code must prove by a secret who it is.
    pub(crate) is_confidential: bool,
}

impl RelyingParty {
    /// The application of that client id, if users may sign in to it.
    pub(crate) async fn find(provider: &Provider, client_id: &str) -> Result<Self, Refusal> {
        let unknown = || OAuthError::UnknownClient(shown(client_id));
        let app_id: AppId = client_id.parse().map_err(|_| unknown())?;
        if let Some((_, name)) = WELL_KNOWN.iter().find(|(id, _)| *id == app_id.uuid()) {
            return Ok(Self { app_id, name: (*name).to_owned(), kind: Kind::WellKnown });
        }
        if app_id == GATEWAY_CLIENT_ID {
            let gateway = provider.0.gateway.get().ok_or_else(unknown)?;
            let kind = Kind::Gateway { redirect_uri: gateway.redirect_uri.clone() };
            return Ok(Self { app_id, name: gateway_client::NAME.to_owned(), kind });
        }
        let control = &provider.0.control;
        let application: Application = match control.application_by_app_id(app_id).await {
            Ok(application) => application,
            Err(adit_control::Error::AppIdNotFound(_)) => return Err(unknown().into()),
            Err(error) => return Err(error.into()),
        };
        let principal = match control.service_principal_by_app_id(app_id).await {
            Ok(principal) => principal,
            Err(adit_control::Error::NoServicePrincipalOf(_)) => {
                return Err(OAuthError::NoServicePrincipal(shown(client_id)).into());
            }
            Err(error) => return Err(error.into()),
        };
        let disabled = principal.attributes.get("accountEnabled") == Some(&Value::Bool(false))
            || principal.attributes.get("isDisabled") == Some(&Value::Bool(true))
            || application.attributes.get("isDisabled") == Some(&Value::Bool(true));
        if disabled {
            return Err(OAuthError::ClientDisabled(shown(client_id)).into());
        }
        let name = application.display_name.as_str().to_owned();
        Ok(Self { app_id, name, kind: Kind::Own(application.attributes) })
    }

    /// The target that `asked` is, if it is registered.
    pub(crate) fn target(&self, asked: &str) -> Option<Target> {
        let (public, is_confidential) = match &self.kind {
            Kind::Own(attributes) => {
                let registered =
                    |place| redirect_uris(attributes, place).any(|own| own == asked || is_same_loopback(own, asked));
                (registered("publicClient") || registered("spa"), registered("web"))
            }
            Kind::WellKnown => (is_same_loopback("http://localhost/", asked), false),
            Kind::Gateway { redirect_uri } => (false, redirect_uri == asked),
        };
        // What is registered as both has the secret that it was given.
        (public || is_confidential).then(|| Target { uri: asked.to_owned(), is_confidential })
    }

    /// Whether it may sign users in by a code on another device, without a secret.
    pub(crate) fn is_public(&self) -> bool {
        match &self.kind {
            Kind::Own(attributes) => attributes.get("isFallbackPublicClient") == Some(&Value::Bool(true)),
            Kind::WellKnown => true,
            Kind::Gateway { .. } => false,
        }
    }

    /// Whether its users may go on to `asked` after they have signed out: one of its redirect URIs, letter for letter.
    pub(crate) fn is_after_sign_out(&self, asked: &str) -> bool {
        match &self.kind {
            Kind::Own(attributes) => ["web", "spa", "publicClient"]
                .iter()
                .any(|place| redirect_uris(attributes, place).any(|own| own == asked)),
            Kind::WellKnown | Kind::Gateway { .. } => false,
        }
    }

    /// Whether it is this installation's gateway, which learns who somebody is and nothing else.
    pub(crate) const fn is_gateway(&self) -> bool {
        matches!(self.kind, Kind::Gateway { .. })
    }
}

/// The redirect URIs that an application has in one of its places.
fn redirect_uris<'a>(attributes: &'a Attributes, place: &str) -> impl Iterator<Item = &'a str> {
    let uris = attributes.get(place).and_then(|place| place.get("redirectUris")).and_then(Value::as_array);
    uris.into_iter().flatten().filter_map(Value::as_str)
}

/// Whether two URIs of loopback differ in nothing but the port, and perhaps a slash for the empty path.
fn is_same_loopback(registered: &str, asked: &str) -> bool {
    let (Ok(registered), Ok(asked)) = (Url::parse(registered), Url::parse(asked)) else { return false };
    let plain = |url: &Url| url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
    let loopback = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    plain(&registered)
        && plain(&asked)
        && loopback(&registered)
        && registered.host() == asked.host()
        && registered.path() == asked.path()
        && registered.query() == asked.query()
        && asked.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use adit_core::AppId;
    use serde_json::json;

    use super::*;

    fn party(attributes: Value) -> RelyingParty {
        let attributes = attributes.as_object().unwrap().clone();
        RelyingParty { app_id: AppId::new(Uuid::nil()), name: "Wiki".to_owned(), kind: Kind::Own(attributes) }
    }

    #[test]
    fn a_redirect_uri_is_taken_letter_for_letter() {
        let wiki = party(json!({"web": {"redirectUris": ["https://wiki.example/callback"]}}));
        assert!(wiki.target("https://wiki.example/callback").unwrap().is_confidential);
        for other in [
            "https://wiki.example/callback/",
            "https://wiki.example/callback?x=1",
            "https://wiki.example/callback#x",
            "https://wiki.example/CALLBACK",
            "https://wiki.example:443/callback",
            "https://WIKI.example/callback",
            "https://wiki.example/x/../callback",
            "https://wiki.example/%63allback",
            "https://wiki.example@evil.example/callback",
            "https://wiki.example.evil.example/callback",
            "https://evil.example/?https://wiki.example/callback",
            "http://wiki.example/callback",
            "//wiki.example/callback",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://wiki.example/callback\n",
            " https://wiki.example/callback",
            "",
        ] {
            assert_eq!(wiki.target(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_and_nothing_else() {
        let tool = party(json!({"publicClient": {"redirectUris": ["http://localhost/done", "http://127.0.0.1:1/"]}}));
        for own in ["http://localhost:50123/done", "http://localhost/done", "http://127.0.0.1:50123/"] {
            assert!(!tool.target(own).unwrap().is_confidential, "{own}");
        }
        for other in [
            "https://localhost:50123/done",
            "http://localhost:50123/other",
            "http://127.0.0.1:50123/done",
            "http://localhost.evil.example:50123/done",
            "http://localhost:50123/done#x",
            "http://user@localhost:50123/done",
            "http://localhost:50123/done?x=1",
        ] {
            assert_eq!(tool.target(other), None, "{other}");
        }
        let elsewhere = party(json!({"publicClient": {"redirectUris": ["http://intranet.example/done"]}}));
        assert_eq!(elsewhere.target("http://intranet.example:8080/done"), None, "only loopback");
    }
}
