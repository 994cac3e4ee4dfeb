//! Single sign-on by headers: which header fields tell an application's upstream who asks, and what each of them says.
//!
//! Invariant: no header of a list is one that says how a request is read, where it comes from or what the gateway tells
//! about it, and no two of a list are the same to servers that read `_` or any other sign as `-`
//! ([`SignOnHeaders::new`]). What was stored under earlier rules is held against those of today by
//! [`SignOnHeaders::usable`].

mod listed;

use serde::{Deserialize, Serialize};

pub use listed::Listed;

/// What a header says of who asks. The words are those of Microsoft Graph, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignOnClaim {
    /// The id by which the directory's assignments know them: the one thing that is nobody else's and never changes.
    Id,
    /// The name they sign in with.
    UserPrincipalName,
    /// Their name, for people.
    DisplayName,
    /// Their e-mail address.
    Mail,
    /// The ids of their groups.
    Groups,
    /// The app roles of the application in which they are, by their values.
    AppRoles,
    /// Who vouched for them: the URL of the provider.
    Issuer,
    /// What that provider calls them.
    Subject,
}

/// A word that is no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a claim is one of id, userPrincipalName, displayName, mail, groups, appRoles, issuer and subject")]
pub struct UnknownClaim;

impl SignOnClaim {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Id,
        Self::UserPrincipalName,
        Self::DisplayName,
        Self::Mail,
        Self::Groups,
        Self::AppRoles,
        Self::Issuer,
        Self::Subject,
    ];

    /// The word that it is set and stored by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::UserPrincipalName => "userPrincipalName",
            Self::DisplayName => "displayName",
            Self::Mail => "mail",
            Self::Groups => "groups",
            Self::AppRoles => "appRoles",
            Self::Issuer => "issuer",
            Self::Subject => "subject",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`UnknownClaim`] for any other.
    pub fn parse(word: &str) -> Result<Self, UnknownClaim> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == word).ok_or(UnknownClaim)
    }
}

/// A header, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOnHeader {
    /// Its name, as the administrator writes it; case does not matter in HTTP.
    pub header: String,
    /// What it says.
    pub claim: SignOnClaim,
}

/// A text that is no pair of a header and a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASignOnHeader {
    /// There is nothing on one side.
    #[error("a header and its claim are written as in X-User=userPrincipalName")]
    NoPair,
    /// The claim.
    #[error(transparent)]
    Claim(#[from] UnknownClaim),
}

impl SignOnHeader {
    /// Reads `NAME=CLAIM`. Whether the name may be set says [`SignOnHeaders::new`].
    ///
    /// # Errors
    /// [`NotASignOnHeader`].
    pub fn parse(text: &str) -> Result<Self, NotASignOnHeader> {
        let (header, claim) = text.split_once('=').ok_or(NotASignOnHeader::NoPair)?;
        Ok(Self { header: header.trim().to_owned(), claim: SignOnClaim::parse(claim.trim())? })
    }
}

/// A list of headers that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignOnHeadersRefused {
    /// More than [`SignOnHeaders::MOST`].
    #[error("{0} headers are more than the {most} that an application can have", most = SignOnHeaders::MOST)]
    TooMany(usize),
    /// No name of a header, or one that some servers would not read.
    #[error(
        "'{0}' is no name of a header: it has 1 to {longest} letters, digits, '-' and '_', and begins with a letter",
        longest = SignOnHeaders::LONGEST_NAME
    )]
    NotAName(String),
    /// A name that means something else.
    #[error(
        "'{0}' cannot be set: a header of that name says how requests are read, where they come from or what the gateway \
         tells about them"
    )]
    Reserved(String),
    /// Two names that some servers read as one.
    #[error("'{0}' and '{1}' are the same header to servers that read '_' as '-'")]
    Twice(String, String),
}

/// The headers by which an application's upstream is told who asks, in the administrator's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignOnHeaders(Vec<SignOnHeader>);

impl SignOnHeaders {
    /// There are eight claims; applications that want one under two names have room for that.
    pub const MOST: usize = 16;

    /// Bytes of a name: three times as long as those in use.
    pub const LONGEST_NAME: usize = 64;

    /// Checks a list.
    ///
    /// # Errors
    /// [`SignOnHeadersRefused`], the first thing that is wrong.
    pub fn new(headers: Vec<SignOnHeader>) -> Result<Self, SignOnHeadersRefused> {
        if headers.len() > Self::MOST {
            return Err(SignOnHeadersRefused::TooMany(headers.len()));
        }
        for (place, own) in headers.iter().enumerate() {
            check_name(&own.header)?;
            if let Some(twin) = headers.iter().take(place).find(|before| is_twin(before, own)) {
                return Err(SignOnHeadersRefused::Twice(twin.header.clone(), own.header.clone()));
            }
        }
        Ok(Self(headers))
    }

    /// The list.
    #[must_use]
    pub fn as_slice(&self) -> &[SignOnHeader] {
        &self.0
    }

    /// Those whose names may be set by the rules of today; of two that are the same to some servers the first.
    #[must_use]
    pub fn usable(&self) -> Vec<&SignOnHeader> {
        let mut usable: Vec<&SignOnHeader> = Vec::new();
        for own in self.0.iter().take(Self::MOST) {
            if check_name(&own.header).is_ok() && !usable.iter().any(|before| is_twin(before, own)) {
                usable.push(own);
            }
        }
        usable
    }
}

fn is_twin(one: &SignOnHeader, other: &SignOnHeader) -> bool {
    plain(&one.header) == plain(&other.header)
}

/// A header's name as the most generous server reads it: in lower case, and every sign is `-`.
#[must_use]
pub fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn check_name(name: &str) -> Result<(), SignOnHeadersRefused> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if !begins || name.len() > SignOnHeaders::LONGEST_NAME || !name.bytes().all(is_of_name) {
        // Not the whole of what may be a mebibyte.
        return Err(SignOnHeadersRefused::NotAName(name.chars().take(SignOnHeaders::LONGEST_NAME).collect()));
    }
    if is_reserved(&plain(name)) { Err(SignOnHeadersRefused::Reserved(name.to_owned())) } else { Ok(()) }
}

/// Whether a name, plainly written, has a meaning of its own: for framing and hops (RFC 9110, section 7.6.1), for what is asked
/// for, for what proxies and this gateway tell.
fn is_reserved(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "accept",
        "age",
        "authorization",
        "baggage",
        "cache-control",
        "cf-connecting-ip",
        "connection",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "early-data",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "max-forwards",
        "origin",
        "pragma",
        "priority",
        // To programs behind CGI it would be HTTP_PROXY, by which they choose whom to send their own requests to.
        "proxy",
        "range",
        "referer",
        "remote-addr",
        "remote-host",
        "remote-port",
        "set-cookie",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "true-client-ip",
        "upgrade",
        "user-agent",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        // They change what is asked for, where upstreams take them.
        "x-http-method",
        "x-method-override",
        "x-real-ip",
        "x-request-id",
        "x-rewrite-url",
    ];
    const PREFIXES: &[&str] = &[
        "accept-",
        "access-control-",
        "adit-",
        "content-",
        "grpc-",
        "if-",
        "proxy-",
        "sec-",
        "upgrade-",
        "x-adit-",
        "x-http-method-",
        "x-original-",
    ];
    // Of all that proxies say they forward, these name users, and many applications ask for them.
    const OF_USERS: [&str; 4] = ["user", "email", "groups", "preferred-username"];
    if let Some(forwarded) = name.strip_prefix("x-forwarded-") {
        return !OF_USERS.contains(&forwarded);
    }
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a signed assertion goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionState {
    /// It does, where the upstream is told who asks at all.
    #[default]
    On,
    /// It does not.
    Off,
}

/// How an application's upstream is told who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignOn {
    /// By which headers.
    pub headers: SignOnHeaders,
    /// And whether by a signed assertion.
    pub assertion: AssertionState,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str) -> SignOnHeader {
        SignOnHeader { header: name.to_owned(), claim: SignOnClaim::Id }
    }

    fn of(names: &[&str]) -> Result<SignOnHeaders, SignOnHeadersRefused> {
        SignOnHeaders::new(names.iter().map(|name| header(name)).collect())
    }

    #[test]
    fn each_claim_is_read_and_stored_as_it_is_written() {
        for claim in SignOnClaim::ALL {
            assert_eq!(SignOnClaim::parse(claim.as_str()), Ok(claim));
            assert_eq!(serde_json::to_value(claim).unwrap(), claim.as_str());
        }
        assert_eq!(SignOnClaim::parse("password"), Err(UnknownClaim));
        let pair = SignOnHeader::parse("X-User = userPrincipalName").unwrap();
        assert_eq!((pair.header.as_str(), pair.claim), ("X-User", SignOnClaim::UserPrincipalName));
        assert_eq!(SignOnHeader::parse("X-User"), Err(NotASignOnHeader::NoPair));
        assert_eq!(SignOnHeader::parse("X-User=age"), Err(NotASignOnHeader::Claim(UnknownClaim)));
    }

    #[test]
    fn names_that_applications_ask_for_are_accepted() {
        for name in [
            "X-User",
            "x_user",
            "SM_USER",
            "iv-user",
            "Remote-User",
            "X-WEBAUTH-USER",
            "X-Forwarded-User",
            "x_forwarded_preferred_username",
            "X-Auth-Request-Email",
            "X-MS-CLIENT-PRINCIPAL-NAME",
            "OIDC_CLAIM_sub",
            "From",
        ] {
            assert!(of(&[name]).is_ok(), "{name}");
        }
        assert_eq!(of(&[]), Ok(SignOnHeaders::default()));
    }

    #[test]
    fn names_that_mean_something_else_are_refused_in_every_spelling() {
        for name in [
            "Host",
            "Content-Length",
            "content_length",
            "Transfer_Encoding",
            "Connection",
            "Cookie",
            "Authorization",
            "Proxy-Authorization",
            "Proxy",
            "Forwarded",
            "X-Forwarded-For",
            "X_Forwarded_Host",
            "x-forwarded_proto",
            "X-Forwarded-Anything",
            "X-Real-IP",
            "X-Request-Id",
            "X-Original-URL",
            "X-HTTP-Method-Override",
            "TraceParent",
            "Sec-WebSocket-Key",
            "Upgrade",
            "Upgrade-Insecure-Requests",
            "TE",
            "If-Match",
            "Accept-Encoding",
            "Adit-Assertion",
            "ADIT_ASSERTION",
            "X-Adit-User",
            "Remote-Addr",
        ] {
            assert_eq!(of(&[name]), Err(SignOnHeadersRefused::Reserved(name.to_owned())), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(65);
        for name in ["", " ", "X User", "X:User", "X-User\r\n", "X.User", "-User", "1User", "Ä", "x\0", long.as_str()]
        {
            assert!(matches!(of(&[name]), Err(SignOnHeadersRefused::NotAName(_))), "{name:?}");
        }
        assert!(of(&["x".repeat(64).as_str()]).is_ok());
    }

    #[test]
    fn a_list_has_an_end_and_each_header_once_in_whatever_spelling() {
        let many: Vec<String> = (0..17).map(|number| format!("X-User-{number}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(of(&names), Err(SignOnHeadersRefused::TooMany(17)));
        assert_eq!(of(&names[..16]).unwrap().as_slice().len(), 16);
        for twin in ["X-User", "x_user", "x-USER"] {
            let refused = of(&["X-User", "X-Name", twin]);
            assert_eq!(refused, Err(SignOnHeadersRefused::Twice("X-User".to_owned(), twin.to_owned())));
        }
    }

    #[test]
    fn what_was_stored_under_other_rules_is_read_and_only_what_may_be_set_is_used() {
        let stored = r#"[{"header":"Host","claim":"id"},{"header":"X-User","claim":"mail"},{"header":"x_user","claim":"id"},
            {"header":"X\r\nY","claim":"id"}]"#;
        let read: SignOnHeaders = serde_json::from_str(stored).unwrap();
        assert_eq!(read.as_slice().len(), 4);
        let usable: Vec<&str> = read.usable().into_iter().map(|own| own.header.as_str()).collect();
        assert_eq!(usable, ["X-User"]);
        assert_eq!(serde_json::from_str::<SignOn>("{}").unwrap(), SignOn::default());
    }
}
