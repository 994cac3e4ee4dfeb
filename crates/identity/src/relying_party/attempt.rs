//! One attempt to sign in, as the browser that began it keeps it: sealed, in a cookie of its own.

use adit_core::revocation::Version;
use adit_core::{Epoch, Revision};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::SignInFailed;
use crate::compact::{Reader, Unreadable, Writer};
use crate::cookie::{self, ATTEMPT_SECONDS, RequestCookies};
use crate::sealing::{self, Audience, NotSealed, Purpose, SealingRing};

/// How far the clocks of two gateways may differ.
pub(super) const SKEW: u64 = 60_000;

/// What is remembered while somebody is away at the provider.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) state: String,
    pub(super) nonce: String,
    /// The PKCE verifier: 43 characters (RFC 7636, section 4.1).
    pub(super) verifier: String,
    /// At whom it was begun.
    pub(super) issuer: String,
    pub(super) carried: String,
    made: u64,
    /// The version of the directory that the gateway had then.
    pub(super) began_at: Version,
}

impl Attempt {
    pub(super) fn begin(issuer: &str, carried: &str, began_at: Version, now: u64) -> Result<Self, NotSealed> {
        let secret = || sealing::random::<32>().map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        let (issuer, carried) = (issuer.to_owned(), carried.to_owned());
        Ok(Self { state, nonce, verifier, issuer, carried, made: now, began_at })
    }

    /// The attempt that this browser began with `state`.
    pub(super) fn of(
        state: &str,
        ring: &SealingRing,
        host: &str,
        cookies: &RequestCookies<'_>,
        now: u64,
    ) -> Result<Self, SignInFailed> {
        let sealed = cookies.find_attempt(&cookie::attempt_name(state)).one().ok_or(SignInFailed::OtherBrowser)?;
        let opened = ring.open(Purpose::Attempt, Audience::sign_in_host(host), sealed);
        let attempt = opened.ok().and_then(|bytes| Self::from_bytes(&bytes).ok()).ok_or(SignInFailed::OtherBrowser)?;
        verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes()).map_err(|_| SignInFailed::OtherBrowser)?;
        let is_early = attempt.made > now.saturating_add(SKEW);
        if is_early || now >= attempt.made.saturating_add(ATTEMPT_SECONDS * 1000) {
            return Err(SignInFailed::Expired);
        }
        Ok(attempt)
    }

    /// What the verifier is proved by (RFC 7636, section 4.2).
    pub(super) fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    pub(super) fn seal(&self, ring: &SealingRing, host: &str) -> Result<String, NotSealed> {
        let mut writer = Writer::default();
        let (epoch, revision) = self.began_at;
        writer
            .number(self.made)
            .number(epoch.0)
            .number(revision.0)
            .text(&self.state)
            .text(&self.nonce)
            .text(&self.verifier);
        let bytes = writer.text(&self.issuer).text(&self.carried).done();
        ring.seal(Purpose::Attempt, Audience::sign_in_host(host), &bytes)
    }

    /// A number for it, by which it is known to have been used.
    pub(super) fn number(&self) -> [u8; 16] {
        let digest = digest(&SHA256, self.state.as_bytes());
        digest.as_ref().first_chunk().copied().unwrap_or_default()
    }

    pub(super) fn cookie_name(&self) -> String {
        cookie::attempt_name(&self.state)
    }

    /// A name for it that is no secret: what its cookie's name ends with.
    pub(super) fn mark(&self) -> String {
        self.cookie_name().trim_start_matches(cookie::attempt_family()).to_owned()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let made = reader.number()?;
        let began_at = (Epoch(reader.number()?), Revision(reader.number()?));
        let (state, nonce, verifier) = (reader.text()?, reader.text()?, reader.text()?);
        let (issuer, carried) = (reader.text()?, reader.text()?);
        reader.end().map(|()| Self { state, nonce, verifier, issuer, carried, made, began_at })
    }
}
