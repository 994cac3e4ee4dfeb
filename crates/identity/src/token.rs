//! A token that was verified, and the reasons to refuse one.

use adit_core::DirectoryRole;

/// Whether a token speaks for a user or for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A user, through a program; scopes say what it may do.
    Delegated,
    /// A program by itself; roles say what it may do.
    AppOnly,
}

/// A bearer token whose signature, issuer, audience and times were checked. Made only by
/// [`crate::Verifier::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    pub(crate) subject: String,
    pub(crate) name: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) directory_roles: Vec<DirectoryRole>,
    pub(crate) kind: TokenKind,
}

impl VerifiedToken {
    /// Who it speaks for, as its issuer names them.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// A name to show, if the token has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The client id of the program that uses it, if the token says.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// What the user allowed the program to do.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// What the program was allowed by itself.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The administrator roles of the user.
    #[must_use]
    pub fn directory_roles(&self) -> &[DirectoryRole] {
        &self.directory_roles
    }

    /// User or program.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }
}

/// Why a token was refused. The messages are for the client: they repeat at most what the token itself says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// No token.
    #[error("Access token is empty.")]
    Empty,
    /// Not three parts of base64 with JSON inside.
    #[error("Access token is malformed: {0}.")]
    Malformed(&'static str),
    /// Unsigned, or signed in a way that is never accepted.
    #[error("Access token validation failure. Its signature algorithm is not accepted.")]
    AlgorithmNotAccepted,
    /// A token for Microsoft Graph itself.
    #[error(
        "Access token validation failure. Invalid audience: the token was issued for Microsoft Graph, and only Microsoft \
         can verify such a token. Request a token for this server's audience '{expected}' instead."
    )]
    MicrosoftGraphAudience {
        /// The audience to ask for.
        expected: String,
    },
    /// Nobody that is configured.
    #[error("Access token validation failure. Invalid issuer: '{0}' is not configured.")]
    UnknownIssuer(String),
    /// The issuer has no key of that id.
    #[error("Access token validation failure. The issuer has no key that fits the token's signature.")]
    UnknownKey,
    /// The signature does not fit the key.
    #[error("Access token validation failure. Invalid signature.")]
    WrongSignature,
    /// For somebody else.
    #[error("Access token validation failure. Invalid audience: '{expected}' is expected.")]
    WrongAudience {
        /// The audience to ask for.
        expected: String,
    },
    /// Too late.
    #[error("Access token has expired or is not yet valid: its lifetime is over.")]
    Expired,
    /// Too early.
    #[error("Access token has expired or is not yet valid: it is not valid yet.")]
    NotYetValid,
    /// A claim is missing or of the wrong type.
    #[error("Access token validation failure. The claim '{0}' is missing or malformed.")]
    BadClaim(String),
    /// The issuer's keys were never fetched, and cannot be now.
    #[error(
        "Access token validation failure. The keys of its issuer cannot be fetched at the moment; try again later."
    )]
    IssuerUnavailable,
}
