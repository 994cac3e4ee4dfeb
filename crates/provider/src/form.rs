//! The body of a request: a form (RFC 6749, appendix B), read up to a limit, each parameter at most once.

use axum::body::Body;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use zeroize::Zeroizing;

use crate::error::OAuthError;

/// The largest form, in bytes: a refresh token, a long list of scopes and room.
const LARGEST: usize = 64 * 1024;

/// The most parameters of one form.
const MOST_PARAMETERS: usize = 64;

/// The parameters of a request. Values may be secrets: they are wiped when it is dropped, and not shown.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads the body of a request.
    pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, OAuthError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::Malformed("its content type must be application/x-www-form-urlencoded"));
        }
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(OAuthError::Malformed("it must not be compressed"));
        }
        let Ok(body) = Limited::new(body, LARGEST).collect().await else {
            return Err(OAuthError::Malformed("its body is too large or incomplete"));
        };
        Self::parse(&body.to_bytes())
    }

    /// Reads parameters. An empty value is as good as none (RFC 6749, section 3.2).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            if value.is_empty() {
                continue;
            }
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::Malformed("a parameter is there more than once"));
            }
            if parameters.len() == MOST_PARAMETERS {
                return Err(OAuthError::Malformed("it has too many parameters"));
            }
            parameters.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Ok(Self(parameters))
    }

    /// The parameter of that name, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// The parameter of that name, which has to be there.
    pub(crate) fn load(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.find(name).ok_or(OAuthError::Missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        let form = Form::parse(b"grant_type=client_credentials&scope=a%20b+c&empty=&empty=").unwrap();
        assert_eq!(form.load("grant_type"), Ok("client_credentials"));
        assert_eq!(form.find("scope"), Some("a b c"));
        assert_eq!(form.load("empty"), Err(OAuthError::Missing("empty")));
        assert!(Form::parse(b"scope=a&scope=a").is_err());
        let many: String = (0..=MOST_PARAMETERS).map(|number| format!("p{number}=1&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
    }
}
