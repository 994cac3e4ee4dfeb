//! The provider over its router, on a directory of its own.

mod audit;
mod authorization_code;
mod browser;
mod client_credentials;
mod device;
mod discovery;
mod gateway_client;
mod harness;
mod keys;
mod permission_list;
mod refresh_tokens;
mod relying_party;
mod sign_out;
mod throttles;
mod wiki;
