//! Signs people in at an OpenID provider: the authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE
//! (RFC 7636, `S256` alone), a state and a nonce that only the browser has which began, and the issuer's name in the answer
//! (RFC 9207). What is remembered of an attempt is in a sealed cookie of that browser and nowhere else.
//!
//! 1. [`RelyingParty::begin`]: where to send the browser, and the cookie that it gets.
//! 2. [`RelyingParty::finish`]: what the provider's answer to the redirect URI means, beside that cookie.
//!
//! It verifies access tokens of the same provider too ([`RelyingParty::verify_access_token`]).
//!
//! Invariant: nothing is asked of the provider for an answer whose state is not this browser's, or for an attempt that was
//! used before, and never for more codes at once than there are places, of which one address has a share. Times are in
//! milliseconds since 1970.

mod answer;
mod attempt;
mod bearer;
mod exchange;
mod id_token;
mod person;
mod places;

use std::fmt;
use std::net::IpAddr;

use adit_core::PrincipalId;
use adit_core::revocation::Version;
use url::Url;
use zeroize::Zeroizing;

use answer::Answer;
use attempt::Attempt;
pub use bearer::Bearer;
use id_token::IdToken;
use places::Places;

use crate::claims::Unverified;
use crate::cookie::{self, ATTEMPT_SECONDS, RequestCookies};
use crate::fetch::Transport;
use crate::issuer::{Endpoints, Issuer, UnusableIssuer};
use crate::jwt;
use crate::once::{Once, UsedBefore};
use crate::sealing::{NotSealed, SealingRing};
use crate::session::Person;
use crate::token::TokenRefused;

/// What is asked of every provider.
const SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// A provider, and how we are known there.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its URL: what ID tokens have as `iss`, and below which its discovery document is found.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Our secret there; without one we are a public client, which PKCE allows.
    pub client_secret: Option<ClientSecret>,
    /// How it is reached.
    pub transport: Transport,
    /// The claim that lists the groups of a user; `groups` at most providers.
    pub groups_claim: String,
    /// What is asked for beside `openid profile email`.
    pub scopes: Vec<String>,
}

/// The secret of a client at its provider. It is not shown.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Takes the secret as the provider gave it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// Why a sign-in came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInFailed {
    /// The answer has no state, or something in it twice.
    #[error("the provider's answer cannot be read: {0}")]
    Malformed(&'static str),
    /// This browser began no such sign-in, or it is over.
    #[error("this browser did not begin the sign-in, or it is over")]
    OtherBrowser,
    /// It took too long.
    #[error("the sign-in took too long")]
    Expired,
    /// Its answer was taken before: by the back button, or by somebody who repeats it.
    #[error("the sign-in was used before")]
    Used,
    /// The answer is another provider's (mix-up, RFC 9700, section 4.4).
    #[error("the answer is not that of the provider at which the sign-in began")]
    OtherIssuer,
    /// The provider says no, by this code (RFC 6749, section 4.1.2.1).
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider did not take the code.
    #[error("the provider did not take the code: {0}")]
    CodeRefused(String),
    /// The provider's ID token does not count.
    #[error("the ID token does not count: {0}")]
    IdToken(#[from] TokenRefused),
    /// The ID token was not made for this sign-in.
    #[error("the ID token was not made for this sign-in: {0}")]
    OtherSignIn(&'static str),
    /// Nothing is known of the provider, or it does not answer.
    #[error("the provider cannot be reached: {0}")]
    Unavailable(String),
    /// What the provider answered is not what the protocol says.
    #[error("the provider's answer is not what was expected: {0}")]
    Unexpected(String),
    /// No random numbers, or too much to seal.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
}

impl SignInFailed {
    /// Whether it is the provider that failed, and not what the browser brought.
    #[must_use]
    pub const fn is_fault_of_provider(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Unexpected(_)
                | Self::NotSealed(_)
                | Self::IdToken(TokenRefused::IssuerUnavailable)
        )
    }
}

/// A browser that leaves to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Where it is sent.
    pub location: String,
    /// The `Set-Cookie` values.
    pub set_cookies: Vec<String>,
    /// By which a page can tell this attempt from others of the same browser; it gives nothing away.
    pub attempt: String,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who, still without groups.
    pub person: Person,
    /// All groups that the provider names, for [`Person::keep_groups`].
    pub groups: Vec<PrincipalId>,
    /// What [`RelyingParty::begin`] was given.
    pub carried: String,
    /// The attempt, as [`Departure::attempt`] had it.
    pub attempt: String,
    /// The version of the directory at which it began.
    pub began_at: Version,
}

/// What came of an answer.
#[derive(Debug)]
pub struct Finished {
    /// Who signed in, or why nobody did.
    pub outcome: Result<SignedIn, SignInFailed>,
    /// The names of the cookies that have served.
    pub remove: Vec<String>,
}

/// Us, as one provider knows us.
pub struct RelyingParty {
    issuer: Issuer,
    client_id: String,
    client_secret: Option<ClientSecret>,
    /// The sign-in host, in lower case and without port: for whom cookies are sealed.
    host: String,
    redirect_uri: String,
    groups_claim: String,
    scope: String,
    /// The attempts whose codes were given to the provider.
    used: Once,
    places: Places,
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("issuer", &self.issuer.name).finish_non_exhaustive()
    }
}

impl RelyingParty {
    /// Us at the provider of `settings`; answers come to `redirect_uri`, which is at `host`.
    ///
    /// # Errors
    /// [`UnusableIssuer`].
    pub fn new(settings: ProviderSettings, host: &str, redirect_uri: &str) -> Result<Self, UnusableIssuer> {
        let ProviderSettings { issuer: url, client_id, client_secret, transport, groups_claim, scopes } = settings;
        let issuer = Issuer::reached(url, client_id.clone(), transport)?;
        let mut scope: Vec<&str> = SCOPES.to_vec();
        scope.extend(scopes.iter().map(String::as_str).filter(|more| !SCOPES.contains(more)));
        Ok(Self {
            scope: scope.join(" "),
            issuer,
            client_id,
            client_secret,
            host: host.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            groups_claim,
            used: Once::new(ATTEMPT_SECONDS * 1000 + 2 * attempt::SKEW),
            places: Places::new(),
        })
    }

    /// Begins a sign-in, when this gateway has the directory at version `at`; `carried` and the version come back with
    /// whoever has signed in. Older attempts of the same browser make room.
    ///
    /// # Errors
    /// [`SignInFailed::Unavailable`] where nothing is known of the provider, or [`SignInFailed::NotSealed`].
    pub async fn begin(
        &self,
        ring: &SealingRing,
        carried: &str,
        cookies: &RequestCookies<'_>,
        at: Version,
        now: u64,
    ) -> Result<Departure, SignInFailed> {
        let endpoints = self.endpoints().await?;
        let attempt = Attempt::begin(&self.issuer.name, carried, at, now)?;
        let mut location = endpoints.authorization.clone();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        let sealed = attempt.seal(ring, &self.host)?;
        let surplus = cookies.surplus(cookie::attempt_family());
        let mut set_cookies: Vec<String> = surplus.iter().map(|name| cookie::remove(name)).collect();
        set_cookies.push(cookie::set_attempt(&attempt.cookie_name(), &sealed).ok_or(NotSealed)?);
        Ok(Departure { location: location.into(), set_cookies, attempt: attempt.mark() })
    }

    /// Takes the provider's answer: the query with which a browser came to the redirect URI, from the address `client`; none
    /// where that is not known, or stands for many.
    pub async fn finish(
        &self,
        ring: &SealingRing,
        cookies: &RequestCookies<'_>,
        query: &str,
        client: Option<IpAddr>,
        now: u64,
    ) -> Finished {
        let answer = match Answer::read(query) {
            Ok(answer) => answer,
            Err(failed) => return Finished { outcome: Err(failed), remove: Vec::new() },
        };
        let name = cookie::attempt_name(&answer.state);
        let outcome = match Attempt::of(&answer.state, ring, &self.host, cookies, now) {
            Ok(attempt) => self.take(&answer, attempt, client, now).await,
            Err(failed) => Err(failed),
        };
        Finished { outcome, remove: vec![name] }
    }

    async fn take(
        &self,
        answer: &Answer,
        attempt: Attempt,
        client: Option<IpAddr>,
        now: u64,
    ) -> Result<SignedIn, SignInFailed> {
        // By whom the attempt was begun counts, which a change of the configuration may have made another one.
        if attempt.issuer != self.issuer.name {
            return Err(SignInFailed::OtherIssuer);
        }
        let endpoints = self.endpoints().await?;
        answer.check_issuer(&attempt.issuer, endpoints.names_itself)?;
        let code = answer.code()?;
        let busy = || SignInFailed::Unavailable("too many sign-ins wait for it".to_owned());
        let _place = self.places.take(client).await.ok_or_else(busy)?;
        // Before the provider is asked: of two at the same time one gets there, and who goes away does not come back.
        self.used.take(attempt.number(), now).map_err(|UsedBefore| SignInFailed::Used)?;
        let token = exchange::exchange(self, &endpoints, code, &attempt.verifier, client).await?;
        let unverified = Unverified::read(&token)?;
        let id_token: IdToken = jwt::verify(&token, &unverified, &self.issuer, &[&self.client_id]).await?;
        id_token.check(&self.client_id, &attempt.nonce)?;
        let (person, groups) = person::of_claims(id_token.claims, &self.issuer.name, &self.groups_claim);
        let (mark, began_at) = (attempt.mark(), attempt.began_at);
        Ok(SignedIn { person, groups, carried: attempt.carried, attempt: mark, began_at })
    }

    /// Verifies an access token for an application that is known by one of `audiences`. ID tokens are none: they say who
    /// signed in at us, and not who may use an application.
    ///
    /// # Errors
    /// [`TokenRefused`], the first reason found.
    pub async fn verify_access_token(&self, token: &str, audiences: &[&str]) -> Result<Bearer, TokenRefused> {
        let unverified = Unverified::read(token)?;
        if unverified.iss.as_str() != Some(&self.issuer.name) {
            let name = unverified.iss.as_str().unwrap_or_default();
            return Err(TokenRefused::UnknownIssuer(name.chars().take(200).collect()));
        }
        if unverified.is_for(&[&self.client_id]) {
            return Err(TokenRefused::WrongAudience { expected: audiences.join("' or '") });
        }
        let claims = jwt::verify(token, &unverified, &self.issuer, audiences).await?;
        // The signature is over the header too.
        Bearer::of(claims, jwt::header_type(token).as_deref(), &self.issuer.name, &self.groups_claim)
    }

    /// Where a browser signs out at the provider too, to come back to `back`; nothing where the provider has no such place
    /// (OpenID Connect RP-Initiated Logout 1.0), or is of this process: that one keeps no session of a browser, and would
    /// only ask the user a second time. ID tokens are not kept, so there is no `id_token_hint`.
    pub async fn end_session(&self, back: &str) -> Option<String> {
        if self.issuer.is_in_process() {
            return None;
        }
        let endpoints = self.issuer.endpoints().await?;
        let mut location: Url = endpoints.end_session.clone()?;
        let mut pairs = location.query_pairs_mut();
        pairs.append_pair("client_id", &self.client_id).append_pair("post_logout_redirect_uri", back);
        drop(pairs);
        Some(location.into())
    }

    async fn endpoints(&self) -> Result<std::sync::Arc<Endpoints>, SignInFailed> {
        let unavailable = || SignInFailed::Unavailable("its discovery document was not found".to_owned());
        self.issuer.endpoints().await.ok_or_else(unavailable)
    }
}

/// Whether a bearer token says that it is for one of `audiences`, before anything of it is believed: it is not passed on
/// then, whoever else vouches for the request.
#[must_use]
pub fn says_it_is_for(token: &str, audiences: &[&str]) -> bool {
    Unverified::read(token).is_ok_and(|unverified| unverified.is_for(audiences))
}

#[cfg(test)]
mod tests;
