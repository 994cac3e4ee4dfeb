//! What a browser brings from the provider to the redirect URI.

use url::form_urlencoded;

use super::SignInFailed;

/// The longest code that is taken, in bytes.
const LONGEST_CODE: usize = 4096;

/// The provider's answer, before anything of it is believed.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) state: String,
    code: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl Answer {
    /// Reads a query. A parameter that is there twice could be read in two ways (RFC 6749, section 3.1).
    pub(super) fn read(query: &str) -> Result<Self, SignInFailed> {
        let (mut answer, mut state) = (Self::default(), None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut state,
                "code" => &mut answer.code,
                "iss" => &mut answer.issuer,
                "error" => &mut answer.error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(SignInFailed::Malformed("a parameter is there twice"));
            }
        }
        answer.state = state.filter(|state| !state.is_empty()).ok_or(SignInFailed::Malformed("it has no state"))?;
        Ok(answer)
    }

    /// Whether it is the answer of `issuer` (RFC 9207, section 2.4): one that it names must be it, and one that always names
    /// itself must have done so.
    pub(super) fn check_issuer(&self, issuer: &str, names_itself: bool) -> Result<(), SignInFailed> {
        match &self.issuer {
            Some(named) if named == issuer => Ok(()),
            None if !names_itself => Ok(()),
            _ => Err(SignInFailed::OtherIssuer),
        }
    }

    /// The code, unless the provider said no.
    pub(super) fn code(&self) -> Result<&str, SignInFailed> {
        if let Some(error) = &self.error {
            return Err(SignInFailed::Refused(word(error)));
        }
        let code = self.code.as_deref().filter(|code| !code.is_empty() && code.len() <= LONGEST_CODE);
        code.ok_or(SignInFailed::Malformed("it has no code"))
    }
}

/// An error code as the protocol has them: anything else could be somebody's text in our log.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(60).collect()
}
