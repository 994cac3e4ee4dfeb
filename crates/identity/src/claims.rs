//! The claims of a token: those read before anything was verified, to find the key, and those taken from it afterwards.
//!
//! Issuers spell them differently: `scp` as a text or a list or `scope`, the client as `appid`, `azp` or `client_id`.

use adit_core::DirectoryRole;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use uuid::Uuid;

use crate::token::{TokenKind, TokenRefused, VerifiedToken};

/// The longest token that is looked at, in bytes: what common servers take as one header.
const LONGEST: usize = 16 * 1024;

/// How many characters of what a token claims are repeated.
const LONGEST_CLAIMED: usize = 100;

/// The audiences of Microsoft Graph itself.
const MICROSOFT_GRAPH: [&str; 2] = ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/// What a token says about itself, before anything of it is believed.
#[derive(Debug, Deserialize)]
pub(crate) struct Unverified {
    #[serde(default)]
    pub(crate) iss: serde_json::Value,
    #[serde(default)]
    aud: serde_json::Value,
    #[serde(default)]
    pub(crate) exp: serde_json::Value,
}

impl Unverified {
    /// Reads the claims of `token` without verifying anything.
    pub(crate) fn read(token: &str) -> Result<Self, TokenRefused> {
        serde_json::from_slice(&claims_json(token)?)
            .map_err(|_| TokenRefused::Malformed("its claims are not a JSON object"))
    }

    /// Whether it says that it is for one of `audiences`.
    pub(crate) fn is_for(&self, audiences: &[&str]) -> bool {
        let is_one = |audience: &serde_json::Value| audience.as_str().is_some_and(|text| audiences.contains(&text));
        is_one(&self.aud) || self.aud.as_array().is_some_and(|several| several.iter().any(is_one))
    }

    /// Whether it was issued for Microsoft Graph.
    pub(crate) fn is_for_microsoft_graph(&self) -> bool {
        let graph = |audience: &serde_json::Value| {
            audience.as_str().is_some_and(|text| MICROSOFT_GRAPH.contains(&text.trim_end_matches('/')))
        };
        graph(&self.aud) || self.aud.as_array().is_some_and(|audiences| audiences.iter().any(graph))
    }
}

/// The claims as they stand in `token`.
fn claims_json(token: &str) -> Result<Vec<u8>, TokenRefused> {
    if token.len() > LONGEST {
        return Err(TokenRefused::Malformed("it is too long"));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts.as_slice() else {
        return Err(TokenRefused::Malformed("it is not a JSON web token in three parts"));
    };
    BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenRefused::Malformed("it is not base64url"))
}

/// Whom a token names that nobody has verified, in one line for a record: subject, client and issuer, each cut to 100
/// characters. None where it names nobody.
#[must_use]
pub fn claimed_identity(token: &str) -> Option<String> {
    let claims: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&claims_json(token).ok()?).ok()?;
    let named = |names: &[&str]| {
        let text = names.iter().find_map(|name| claims.get(*name)?.as_str())?;
        let plain: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_CLAIMED).collect();
        (!plain.is_empty()).then_some(plain)
    };
    let said = [
        ("subject", named(&["oid", "sub"])),
        ("name", named(&["preferred_username", "upn"])),
        ("client", named(&["appid", "azp", "client_id"])),
        ("issuer", named(&["iss"])),
    ];
    let said: Vec<String> = said.into_iter().filter_map(|(what, who)| Some(format!("{what} {}", who?))).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Several words: a text with spaces, or a list.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Words {
    #[default]
    None,
    Text(String),
    List(Vec<String>),
}

impl Words {
    /// Whether the claim is not there.
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether there is not one.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Text(text) => text.split(' ').all(str::is_empty),
            Self::List(list) => list.is_empty(),
        }
    }

    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            // At spaces alone (RFC 6749, section 3.3): whoever grants scopes tells words apart in the same way.
            Self::Text(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            Self::List(list) => list,
        }
    }
}

/// The claims of an access token that say which program uses it and what for.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientClaims {
    appid: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    idtyp: Option<String>,
    #[serde(default)]
    scp: Words,
    #[serde(default)]
    scope: Words,
}

impl ClientClaims {
    /// The program that uses it.
    pub(crate) fn client(&self) -> Option<&str> {
        [&self.appid, &self.azp, &self.client_id].into_iter().find_map(Option::as_deref)
    }

    /// Whether it has a claim that no ID token has. (`azp` is in ID tokens too.)
    pub(crate) const fn shows_access(&self) -> bool {
        !self.scp.is_none()
            || !self.scope.is_none()
            || self.client_id.is_some()
            || self.appid.is_some()
            || self.idtyp.is_some()
    }

    /// Whether it speaks for a user or for a program by itself, where it `has_roles`, or `names_user`. Whoever has a user's
    /// name and roles, and no scopes, must not pass for a program.
    pub(crate) fn kind(&self, has_roles: bool, names_user: bool) -> TokenKind {
        let app_only = match self.idtyp.as_deref() {
            Some(kind) => kind.eq_ignore_ascii_case("app"),
            None => has_roles && !names_user && self.scp.is_empty() && self.scope.is_empty(),
        };
        if app_only { TokenKind::AppOnly } else { TokenKind::Delegated }
    }

    /// What the user allowed the program to do.
    fn into_scopes(self) -> Vec<String> {
        let mut scopes = self.scp.into_list();
        scopes.extend(self.scope.into_list());
        scopes
    }
}

/// The claims that say who somebody is and what they may do; believed only after verification.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    sub: Option<String>,
    oid: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    nonce: Option<String>,
    #[serde(default)]
    roles: Words,
    #[serde(default)]
    wids: Words,
    #[serde(flatten)]
    client: ClientClaims,
}

impl Claims {
    /// Takes what is needed out of verified claims.
    pub(crate) fn into_token(self) -> Result<VerifiedToken, TokenRefused> {
        let client = self.client.client().map(str::to_owned);
        let subject =
            self.oid.or(self.sub).or_else(|| client.clone()).ok_or_else(|| TokenRefused::BadClaim("sub".to_owned()))?;
        // An ID token has its user's roles and no scopes.
        let names_user = self.preferred_username.is_some() || self.upn.is_some() || self.nonce.is_some();
        let kind = self.client.kind(!self.roles.is_empty(), names_user || !self.wids.is_empty());
        Ok(VerifiedToken {
            subject,
            name: self.preferred_username.or(self.upn).or(self.name),
            client,
            scopes: self.client.into_scopes(),
            roles: self.roles.into_list(),
            directory_roles: self.wids.into_list().iter().filter_map(|id| directory_role(id)).collect(),
            kind,
        })
    }
}

/// What is no id, or that of a role which means nothing here, gives nothing.
fn directory_role(id: &str) -> Option<DirectoryRole> {
    Uuid::try_parse(id).ok().and_then(DirectoryRole::of_template)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn whom_an_unverified_token_names_is_told_in_one_short_line_and_nothing_else_of_it() {
        let claims =
            json!({"oid": "1", "sub": "2", "azp": "app", "iss": "https://i", "secret": "s", "upn": "ada@corp"});
        let said = claimed_identity(&token(&claims)).unwrap();
        assert_eq!(said, "subject 1, name ada@corp, client app, issuer https://i");
        let odd = json!({"sub": format!("a\n\u{1b}[31m{}", "x".repeat(5000)), "iss": 7});
        let said = claimed_identity(&token(&odd)).unwrap();
        assert!(said.starts_with("subject a[31mxxx") && said.chars().count() <= 110, "{said}");
        for nobody in [token(&json!({})), token(&json!([])), "x".to_owned(), "a.b.c".to_owned(), "x".repeat(20_000)] {
            assert_eq!(claimed_identity(&nobody), None);
        }
    }
}
