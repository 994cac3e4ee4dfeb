//! Who is this? Bearer tokens: issuing with the directory's local key, verifying against configured issuers.
//!
//! The only way to a [`VerifiedToken`] is [`Verifier::verify`]. What a token's holder may do with it is decided
//! elsewhere: this crate says who speaks, and by which scopes and roles.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod claims;
mod fetch;
mod issuer;
mod key_set;
mod local_key;
mod token;
mod verifier;

pub use issuer::{IssuerSettings, UnusableIssuer};
pub use local_key::{Holder, LOCAL_AUDIENCE, LOCAL_ISSUER, LocalKey, LocalKeyError, TokenRequest};
pub use token::{TokenKind, TokenRefused, VerifiedToken};
pub use verifier::Verifier;
