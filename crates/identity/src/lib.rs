//! Who is this? Bearer tokens: issuing with the directory's local key, verifying against configured issuers. Signing people
//! in at an OpenID provider. Sessions of browsers: what their cookies say, sealed, and whether that still counts.
//! Passwords: hashing and checking. Assertions: what upstreams can verify of who asks.
//!
//! The only way to a [`VerifiedToken`] is [`Verifier::verify`]. What a token's holder may do with it is decided
//! elsewhere: this crate says who speaks, and by which scopes and roles.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod assertion;
mod claims;
mod client_address;
mod compact;
pub mod cookie;
mod fetch;
pub mod hand_over;
mod issuer;
mod jwt;
mod key_set;
mod local_key;
mod once;
mod password;
mod provider_key;
pub mod relying_party;
pub mod return_url;
mod sealing;
pub mod session;
pub mod sign_out;
mod token;
#[cfg(all(test, feature = "vectors"))]
mod vectors;
mod verifier;

pub use assertion::{AssertionKey, AssertionKeyError, AssertionKeys};
pub use claims::claimed_identity;
pub use client_address::{InNameOf, behind_proxies, network};
pub use fetch::{OwnService, Transport};
pub use issuer::{IssuerSettings, UnusableIssuer};
pub use local_key::{Holder, LOCAL_AUDIENCE, LOCAL_ISSUER, LocalKey, LocalKeyError, TokenRequest};
pub use password::{PasswordError, hash_password, is_password};
pub use provider_key::{ProviderIssuer, ProviderKey, ProviderKeyError, key_set_document};
pub use relying_party::{Bearer, ClientSecret, ProviderSettings, RelyingParty};
pub use sealing::{Audience, NotOpened, NotSealed, Purpose, SealingRing, SealingSecret};
pub use session::Session;
pub use token::{TokenKind, TokenRefused, VerifiedToken};
pub use verifier::Verifier;
