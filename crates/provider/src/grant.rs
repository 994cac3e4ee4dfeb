//! The grants: by what a client gets a token (RFC 6749, section 4).

pub(crate) mod authorization_code;
pub(crate) mod client_credentials;
pub(crate) mod device_code;
pub(crate) mod refresh_token;
pub(crate) mod user_tokens;
