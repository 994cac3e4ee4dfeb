//! The authorization endpoint: an application sends a user's browser here to sign in, and gets a code back (RFC 6749,
//! section 4.1, with what RFC 9700 demands of it: exact redirect URIs, PKCE of everybody, the issuer in the answer).
//!
//! As long as it is not sure whose request it is and where the browser may be sent, the browser stays here and is shown what
//! is wrong. After that it is sent back with an error.

use std::net::IpAddr;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::client::shown;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::page::{GUARDS, Page};
use crate::permission_list::{Asked, asked};
use crate::provider::Provider;
use crate::relying_party::{RelyingParty, Target};
use crate::sign_in::{self, Flow, Purpose};
use crate::user_scope::UserScope;

/// A request of an application, checked.
#[derive(Debug, Clone)]
pub(crate) struct CodeRequest {
    pub(crate) party: RelyingParty,
    pub(crate) target: Target,
    pub(crate) scope: String,
    pub(crate) challenge: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The name that the application thinks the user has.
    pub(crate) hint: Option<String>,
    /// What the user is shown of the scope.
    pub(crate) permissions: Vec<Asked>,
}

/// A length that no state or nonce needs.
pub(crate) const LONGEST_ECHO: usize = 4096;

/// Answers `GET authorize`, which came `from` that address.
pub(crate) async fn answer(provider: &Provider, headers: &HeaderMap, from: Option<IpAddr>, query: &str) -> Response {
    let form = match Form::parse(query.as_bytes()) {
        Ok(form) => form,
        Err(error) => return stays(&error.into()),
    };
    let (party, target) = match addressee(provider, &form).await {
        Ok(found) => found,
        Err(refused) => return stays(&refused),
    };
    let state = form.find("state").map(str::to_owned);
    match checked(provider, &form, party, target.clone()).await {
        Ok(asked) => {
            let source = source_of(&asked.target.uri);
            let (name, permissions) = (asked.party.name.clone(), asked.permissions.clone());
            let (hint, purpose) = (asked.hint.clone(), Purpose::Code(Box::new(asked)));
            let flow = Flow::new(purpose, name, permissions).hinted(hint).leading_to(source);
            sign_in::begin(provider, headers, from, flow)
        }
        Err(refused) => sent_back(provider, &target.uri, state.as_deref(), Err(&refused.error)),
    }
}

/// Sends the browser back with a code or with an error; `state` and the issuer go with it (RFC 9207).
pub(crate) fn sent_back(
    provider: &Provider,
    uri: &str,
    state: Option<&str>,
    outcome: Result<&str, &OAuthError>,
) -> Response {
    let Ok(mut url) = Url::parse(uri) else { return stays(&OAuthError::BadRedirect.into()) };
    {
        let mut pairs = url.query_pairs_mut();
        match outcome {
            Ok(code) => pairs.append_pair("code", code),
            Err(error) => pairs
                .append_pair("error", error.code_for_redirect())
                .append_pair("error_description", &error.description()),
        };
        if let Some(state) = state {
            pairs.append_pair("state", state);
        }
        pairs.append_pair("iss", &provider.0.issuer);
    }
    let Ok(location) = HeaderValue::from_str(url.as_str()) else { return stays(&OAuthError::BadRedirect.into()) };
    let mut response = Response::new(Body::empty());
    // Not 307: the password in the form is not for the application (RFC 9700, section 4.12).
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    for (name, value) in GUARDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // The code is in the URL, and nobody else's business (RFC 9700, section 4.2.4).
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Shows what is wrong, here.
pub(crate) fn stays(refused: &Refusal) -> Response {
    tracing::info!(reason = ?refused.error, "a sign-in was not begun");
    Page::problem("This sign-in cannot go on", &refused.error).into_response()
}

/// Whose request it is, and where its user is sent back to.
async fn addressee(provider: &Provider, form: &Form) -> Result<(RelyingParty, Target), Refusal> {
    let party = RelyingParty::find(provider, form.load("client_id")?).await?;
    let target = party.target(form.load("redirect_uri")?).ok_or(OAuthError::BadRedirect)?;
    Ok((party, target))
}

async fn checked(
    provider: &Provider,
    form: &Form,
    party: RelyingParty,
    target: Target,
) -> Result<CodeRequest, Refusal> {
    if form.find("request").is_some() || form.find("request_uri").is_some() {
        return Err(OAuthError::Malformed("request objects are not taken").into());
    }
    if form.load("response_type")? != "code" {
        return Err(OAuthError::UnsupportedResponseType.into());
    }
    if form.find("response_mode").is_some_and(|mode| mode != "query") {
        return Err(OAuthError::Malformed("the only response mode is 'query'").into());
    }
    if form.find("prompt") == Some("none") {
        return Err(OAuthError::SignInRequired.into());
    }
    let challenge = form.load("code_challenge")?;
    if form.find("code_challenge_method") != Some("S256") || !is_challenge(challenge) {
        return Err(OAuthError::Malformed("code_challenge must be one of the method 'S256'").into());
    }
    for name in ["state", "nonce"] {
        if form.find(name).is_some_and(|value| value.len() > LONGEST_ECHO) {
            return Err(OAuthError::Malformed("its state or nonce is too long").into());
        }
    }
    let scope = form.load("scope")?.to_owned();
    let parsed = UserScope::parse(provider, &scope).await?;
    if party.is_gateway() && !parsed.says_who_alone() {
        return Err(OAuthError::BadScope("the gateway learns who somebody is, and gets nothing else").into());
    }
    // The gateway is no program that somebody registered: what it learns is said where its applications are published.
    let permissions = if party.is_gateway() { Vec::new() } else { asked(provider, &parsed, party.app_id).await? };
    let owned = |name: &str| form.find(name).map(str::to_owned);
    Ok(CodeRequest {
        party,
        target,
        scope,
        challenge: challenge.to_owned(),
        state: owned("state"),
        nonce: owned("nonce"),
        hint: owned("login_hint").map(|hint| shown(&hint)),
        permissions,
    })
}

/// SHA-256 in base64url (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What stands for a URI in a page's policy: its origin, or its scheme if it has none.
pub(crate) fn source_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    match url.origin() {
        origin @ url::Origin::Tuple(..) => Some(origin.ascii_serialization()),
        url::Origin::Opaque(_) => Some(format!("{}:", url.scheme())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_a_hash() {
        assert!(is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        for other in ["", "plain", &"a".repeat(44), &"a".repeat(42), &"=".repeat(43), &"ä".repeat(43)] {
            assert!(!is_challenge(other), "{other}");
        }
    }

    #[test]
    fn a_page_may_lead_to_the_origin_of_the_application_and_no_further() {
        assert_eq!(source_of("https://wiki.example/a?b").as_deref(), Some("https://wiki.example"));
        assert_eq!(source_of("http://localhost:5000/").as_deref(), Some("http://localhost:5000"));
        assert_eq!(source_of("com.example.app:/done").as_deref(), Some("com.example.app:"));
    }
}
