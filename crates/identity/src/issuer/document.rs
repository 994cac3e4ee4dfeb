//! An issuer's discovery document (OpenID Connect Discovery 1.0, section 3; RFC 8414): where its keys are, and where it
//! signs people in.
//!
//! A document that was found over https leads nowhere else: what is behind this server's loopback is none of the issuer's
//! business.

use serde::Deserialize;
use url::Url;

use crate::fetch;

/// What is read of the document.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    issuer: String,
    jwks_uri: Url,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// A document that is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadDocument {
    #[error("the discovery document is of another issuer, '{0}'")]
    OtherIssuer(String),
    #[error("the issuer is reached over https, but its keys would be fetched from '{0}'")]
    Downgrade(Url),
}

/// Where an issuer signs people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Where browsers are sent.
    pub(crate) authorization: Url,
    /// Where a code is exchanged.
    pub(crate) token: Url,
    /// Where browsers are sent to sign out there too.
    pub(crate) end_session: Option<Url>,
    /// Whether its answers always say whose they are (RFC 9207, section 3).
    pub(crate) names_itself: bool,
    /// Whether it takes a client's secret in the form alone, and not as `Basic`.
    pub(crate) takes_secret_in_form: bool,
}

impl Document {
    /// Where the keys are, if the document is that of the issuer `name` and was not found on a safer way than they.
    pub(super) fn key_set(&self, name: &str, found_at: &Url) -> Result<Url, BadDocument> {
        if self.issuer != name {
            return Err(BadDocument::OtherIssuer(self.issuer.chars().take(200).collect()));
        }
        if !is_as_safe(&self.jwks_uri, found_at) {
            return Err(BadDocument::Downgrade(self.jwks_uri.clone()));
        }
        Ok(self.jwks_uri.clone())
    }

    /// Where people are signed in; nothing where that cannot be used, or the issuer only issues tokens.
    pub(super) fn endpoints(&self, found_at: &Url) -> Option<Endpoints> {
        let usable = |text: &Option<String>| {
            let url = Url::parse(text.as_deref()?).ok()?;
            let may = fetch::check(&url).is_ok() && is_as_safe(&url, found_at) && url.fragment().is_none();
            may.then_some(url)
        };
        let methods = self.token_endpoint_auth_methods_supported.as_deref();
        // Without a list it is `Basic` (Discovery, section 3).
        let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|own| own == method));
        Some(Endpoints {
            authorization: usable(&self.authorization_endpoint)?,
            token: usable(&self.token_endpoint)?,
            end_session: usable(&self.end_session_endpoint),
            names_itself: self.authorization_response_iss_parameter_supported,
            takes_secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
        })
    }
}

fn is_as_safe(url: &Url, found_at: &Url) -> bool {
    found_at.scheme() != "https" || url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(change: impl FnOnce(&mut serde_json::Value)) -> Document {
        let mut document = json!({
            "issuer": "name", "jwks_uri": "https://login.example/keys",
            "authorization_endpoint": "https://login.example/authorize?tenant=x",
            "token_endpoint": "https://login.example/token",
        });
        change(&mut document);
        serde_json::from_value(document).unwrap()
    }

    fn found_at(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn an_issuer_over_https_cannot_send_us_to_plain_http_not_even_on_loopback() {
        let key_set = |from: &str, jwks_uri: &str| {
            document(|document| document["jwks_uri"] = json!(jwks_uri)).key_set("name", &found_at(from))
        };
        assert!(key_set("https://login.example/x", "https://keys.example/y").is_ok());
        assert!(key_set("http://127.0.0.1:1/x", "http://127.0.0.1:1/y").is_ok());
        for target in ["http://127.0.0.1:9090/metrics", "http://localhost/", "file:///etc/passwd"] {
            assert!(matches!(key_set("https://login.example/x", target), Err(BadDocument::Downgrade(_))), "{target}");
        }
        for endpoint in ["authorization_endpoint", "token_endpoint"] {
            for target in ["http://127.0.0.1/", "javascript:alert(1)", "/relative", "https://a.example/#x", ""] {
                let document = document(|document| document[endpoint] = json!(target));
                assert_eq!(document.endpoints(&found_at("https://login.example/x")), None, "{endpoint} {target}");
            }
        }
    }

    #[test]
    fn a_secret_goes_into_the_form_only_where_basic_is_not_taken() {
        let in_form = |methods: serde_json::Value| {
            let document = document(|document| document["token_endpoint_auth_methods_supported"] = methods);
            document.endpoints(&found_at("https://login.example/x")).unwrap().takes_secret_in_form
        };
        assert!(!in_form(serde_json::Value::Null));
        assert!(!in_form(json!(["client_secret_post", "client_secret_basic"])));
        assert!(in_form(json!(["client_secret_post", "private_key_jwt"])));
    }
}
