//! The built-in identity provider: OAuth 2.0 and OpenID Connect for the directory's own users and programs, at the paths that
//! azure-identity and MSAL ask for once their authority host is changed.
//!
//! It only proves who somebody is and says so in a signed token. What that token allows at the API is decided in
//! `adit-graph`, as with the tokens of any other issuer; one setting replaces this provider by another.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access_token;
mod audience;
mod authorize;
mod client;
mod device;
mod discovery;
mod error;
mod first_administrator;
mod form;
mod gateway_client;
mod grant;
mod in_process;
mod keys;
mod page;
mod permission_list;
mod provider;
mod relying_party;
mod shelf;
mod sign_in;
mod sign_out;
mod throttle;
mod token_endpoint;
mod user_scope;

#[cfg(test)]
mod tests;

pub use gateway_client::{GATEWAY_CLIENT_ID, GatewayClient};
pub use provider::{ClientAddress, Provider, Settings};
