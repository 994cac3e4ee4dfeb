//! Which program asks, and how it proves that: `client_id` and `client_secret` in the body, or HTTP Basic (RFC 6749,
//! section 2.3.1), and never both.

use adit_control::AuthenticatedProgram;
use adit_core::{AppId, ClientSecretId};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use zeroize::Zeroizing;

use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::gateway_client::GATEWAY_CLIENT_ID;
use crate::provider::Provider;

/// What a request says of its client.
pub(crate) struct Credentials {
    id: String,
    secret: Option<Zeroizing<String>>,
    /// Whether they came in the `Authorization` header.
    pub(crate) in_header: bool,
}

impl Credentials {
    /// Reads them out of a request.
    pub(crate) fn of(headers: &HeaderMap, form: &Form) -> Result<Self, OAuthError> {
        if form.find("client_assertion").is_some() || form.find("client_assertion_type").is_some() {
            return Err(OAuthError::Malformed("clients prove themselves by a secret; assertions are not taken"));
        }
        let in_form = form.find("client_secret");
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let id = form.load("client_id")?.to_owned();
            return Ok(Self { id, secret: in_form.map(|text| Zeroizing::new(text.to_owned())), in_header: false });
        };
        if values.next().is_some() || in_form.is_some() {
            return Err(OAuthError::Malformed("the client proves itself in more than one way"));
        }
        let (id, secret) = value.to_str().ok().and_then(basic).ok_or(OAuthError::Malformed(
            "its Authorization header is not HTTP Basic with an encoded client id and secret",
        ))?;
        match form.find("client_id") {
            Some(other) if !other.eq_ignore_ascii_case(&id) => {
                Err(OAuthError::Malformed("the header and the body name different clients"))
            }
            _ => Ok(Self { id: id.to_string(), secret: Some(secret), in_header: true }),
        }
    }

    /// Whether that is the client that it says it is.
    pub(crate) fn is_client(&self, app_id: AppId) -> bool {
        self.id.parse() == Ok(app_id)
    }

    /// The id that it claims, as it may be shown.
    pub(crate) fn claimed(&self) -> String {
        shown(&self.id)
    }

    /// Whether it shows a secret.
    pub(crate) const fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Checks the secret of a client to which a user has signed in; which of a program's secrets it is. The gateway's own is
    /// none that anybody gave it.
    pub(crate) async fn prove(&self, provider: &Provider) -> Result<Option<ClientSecretId>, Refusal> {
        if !self.is_client(GATEWAY_CLIENT_ID) {
            return Ok(Some(self.authenticate(provider).await?.secret()));
        }
        let secret = self.secret.as_ref().ok_or(OAuthError::NoClientSecret)?;
        match provider.0.gateway.get() {
            Some(gateway) if gateway.is_secret(secret) => Ok(None),
            _ => Err(OAuthError::WrongClientSecret(shown(&self.id)).into()),
        }
    }

    /// The program, if the secret is its own.
    pub(crate) async fn authenticate(&self, provider: &Provider) -> Result<AuthenticatedProgram, Refusal> {
        let app_id: AppId = self.id.parse().map_err(|_| OAuthError::UnknownClient(shown(&self.id)))?;
        let secret = self.secret.as_ref().ok_or(OAuthError::NoClientSecret)?;
        Ok(provider.0.control.authenticate_program(app_id, secret).await?)
    }
}

/// Client id and secret of a Basic header, each decoded as a form value.
fn basic(value: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((unescaped(id)?, Zeroizing::new(unescaped(secret)?)))
}

fn unescaped(text: &str) -> Option<String> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// As much of what was sent as stands in an answer.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    fn read(headers: &HeaderMap, form: &str) -> Result<(String, Option<String>), OAuthError> {
        let found = Credentials::of(headers, &Form::parse(form.as_bytes()).unwrap())?;
        Ok((found.id, found.secret.map(|secret| secret.to_string())))
    }

    #[test]
    fn credentials_come_in_the_body_or_in_the_header_and_decoded() {
        let none = HeaderMap::new();
        assert_eq!(read(&none, "client_id=a&client_secret=b%2Bc"), Ok(("a".to_owned(), Some("b+c".to_owned()))));
        assert_eq!(read(&none, "client_id=a"), Ok(("a".to_owned(), None)));
        assert_eq!(read(&none, "client_secret=b"), Err(OAuthError::Missing("client_id")));
        assert_eq!(read(&header("a:b%2Bc%3A+d"), ""), Ok(("a".to_owned(), Some("b+c: d".to_owned()))));
        assert_eq!(read(&header("a:b:c"), "client_id=A"), Ok(("a".to_owned(), Some("b:c".to_owned()))));
    }

    #[test]
    fn two_ways_at_once_two_clients_and_other_schemes_are_refused() {
        let bearer = HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer x".parse().unwrap())]);
        for (headers, form) in [
            (header("a:b"), "client_secret=b"),
            (header("a:b"), "client_id=c"),
            (header("ab"), ""),
            (bearer, "client_id=a"),
            (HeaderMap::new(), "client_id=a&client_secret=b&client_assertion=x"),
        ] {
            assert!(matches!(read(&headers, form), Err(OAuthError::Malformed(_))), "{headers:?} {form}");
        }
        let mut twice = header("a:b");
        twice.append(header::AUTHORIZATION, "Basic x".parse().unwrap());
        assert!(read(&twice, "").is_err());
    }
}
