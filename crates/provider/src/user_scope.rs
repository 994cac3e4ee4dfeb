//! What a client asks for on behalf of a user: to know who it is (`openid` and its like), and to do something at one
//! resource.

use adit_core::api_permission::API_PERMISSIONS;

use crate::audience::{self, Audience};
use crate::error::{OAuthError, Refusal};
use crate::provider::Provider;

/// The scopes of OpenID Connect; the user is told apart by the first alone.
const OF_OPENID: [&str; 4] = ["openid", "profile", "email", OFFLINE];

/// By which a program asks for refresh tokens (OpenID Connect Core 1.0, section 11).
pub(crate) const OFFLINE: &str = "offline_access";

/// The longest list of scopes that is looked at; nobody asks for a tenth of that.
const LONGEST: usize = 2048;

/// What is granted at the API beside its permissions: all that the user's administrator roles allow.
pub(crate) const AS_USER: &str = "Directory.AccessAsUser.All";

/// Scopes of one request, taken apart.
#[derive(Debug)]
pub(crate) struct UserScope {
    /// Whether an id token is wanted.
    pub(crate) is_openid: bool,
    /// Where something shall be done, if anywhere.
    pub(crate) audience: Option<Audience>,
    /// What shall be done there; empty where everything is asked for that the user may.
    wanted: Vec<String>,
    /// The scopes of OpenID Connect, as they came.
    named: Vec<String>,
}

impl UserScope {
    /// Reads the `scope` parameter.
    pub(crate) async fn parse(provider: &Provider, scope: &str) -> Result<Self, Refusal> {
        let mut found = Self { is_openid: false, audience: None, wanted: Vec::new(), named: Vec::new() };
        let mut resource: Option<&str> = None;
        let mut takes_all = false;
        if scope.len() > LONGEST || !scope.bytes().all(is_of_scope) {
            return Err(OAuthError::BadScope("it is longer than any, or has signs that no scope has").into());
        }
        for word in scope.split(' ').filter(|word| !word.is_empty()) {
            if OF_OPENID.contains(&word) {
                found.is_openid |= word == "openid";
                found.named.push(word.to_owned());
                continue;
            }
            let (place, name) = match word.rsplit_once('/') {
                Some((place, name)) => (place.trim_end_matches('/'), name),
                // A permission without a resource is one of Microsoft Graph, as everywhere.
                None => (provider.0.api_audience.as_str(), word),
            };
            if resource.is_some_and(|known| !known.eq_ignore_ascii_case(place)) {
                return Err(OAuthError::BadScope("a token is for one resource; ask for each by itself").into());
            }
            resource = Some(place);
            if name == ".default" { takes_all = true } else { found.wanted.push(name.to_owned()) }
        }
        if let Some(resource) = resource {
            found.audience = Some(audience::named(provider, resource).await?);
        }
        if takes_all {
            found.wanted.clear();
        }
        if found.audience.is_none() && !found.is_openid {
            return Err(OAuthError::BadScope("it names neither 'openid' nor a resource").into());
        }
        Ok(found)
    }

    /// What of it is granted at the API: what each of `held` covers, by the names that the API knows. These are what the
    /// user holds and what the client may, so that whoever may register applications does not get what their users may do,
    /// and what was granted first.
    pub(crate) fn granted(&self, held: &[&[&str]]) -> Vec<String> {
        let everything = || held.iter().copied().flatten().map(|name| (*name).to_owned()).collect();
        let mut asked: Vec<String> = if self.wants_everything() { everything() } else { self.wanted.clone() };
        asked.retain(|name| is_known(name) && held.iter().all(|held| is_covered(held, name)));
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// The same without the scopes of OpenID Connect that `first` does not have; nothing if it is for another resource.
    pub(crate) fn within(mut self, provider: &Provider, first: &Self) -> Option<Self> {
        let place = |scope: &Self| scope.audience.as_ref().map(|audience| audience.claim(provider));
        if self.audience.is_some() && place(&self) != place(first) {
            return None;
        }
        self.named.retain(|word| first.named.contains(word));
        self.is_openid &= first.is_openid;
        (self.is_openid || self.audience.is_some()).then_some(self)
    }

    /// Whether the program wants to go on when its user is away.
    pub(crate) fn is_offline(&self) -> bool {
        self.named.iter().any(|word| word == OFFLINE)
    }

    /// Whether it asks who the user is, and for nothing else: neither for a resource nor to go on.
    pub(crate) fn says_who_alone(&self) -> bool {
        self.audience.is_none() && !self.is_offline()
    }

    /// Whether it asks for whatever is granted at its resource.
    pub(crate) fn wants_everything(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether it asks for a permission by its name.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.iter().any(|own| own == name)
    }

    /// The scopes of OpenID Connect that it names.
    pub(crate) fn openid_words(&self) -> &[String] {
        &self.named
    }
}

/// Whether it may stand in a list of scopes (RFC 6749, section 3.3).
const fn is_of_scope(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Whether the API has a permission of that name. What it does not know is never granted: a token is read again later.
fn is_known(name: &str) -> bool {
    name == AS_USER || API_PERMISSIONS.iter().any(|permission| permission.value == name)
}

/// Whether who holds these permissions may be granted `asked`.
pub(crate) fn is_covered(held: &[&str], asked: &str) -> bool {
    held.iter().any(|own| covers(own, asked))
}

/// Whether who holds `own` may be granted `asked`: the same, reading where one may write, and anything of its kind where
/// one may do that with the whole directory.
fn covers(own: &str, asked: &str) -> bool {
    let reads = |name: &str| name.contains(".Read.");
    own == asked
        || own == "Directory.ReadWrite.All"
        || own.replace(".ReadWrite.", ".Read.") == asked
        || (own == "Directory.Read.All" && reads(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: [&str; 1] = ["Directory.ReadWrite.All"];

    fn granted(wanted: &[&str], held: &[&str]) -> Vec<String> {
        granted_to(&EVERYTHING, wanted, held)
    }

    fn granted_to(client: &[&str], wanted: &[&str], held: &[&str]) -> Vec<String> {
        let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
        UserScope { is_openid: true, audience: Some(Audience::Api), wanted, named: Vec::new() }.granted(&[held, client])
    }

    #[test]
    fn no_client_is_granted_more_than_it_was_assigned() {
        assert_eq!(granted_to(&["User.Read.All"], &[], &EVERYTHING), ["User.Read.All"]);
        assert_eq!(granted_to(&["User.Read.All"], &["User.Read.All"], &EVERYTHING), ["User.Read.All"]);
        assert_eq!(granted_to(&["User.ReadWrite.All"], &[], &["User.Read.All"]), ["User.Read.All"]);
        for wanted in [&[][..], &["Directory.ReadWrite.All"], &["User.ReadWrite.All"], &["Group.Read.All"]] {
            assert_eq!(granted_to(&[], wanted, &EVERYTHING), [] as [String; 0], "{wanted:?}");
            let more = granted_to(&["User.Read.All"], wanted, &EVERYTHING);
            assert!(more.iter().all(|name| name == "User.Read.All"), "{wanted:?}: {more:?}");
        }
    }

    #[test]
    fn nobody_is_granted_more_than_was_granted_first() {
        let scope = |wanted: &[&str]| UserScope {
            is_openid: true,
            audience: Some(Audience::Api),
            wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
            named: Vec::new(),
        };
        let granted = |wanted: &[&str], first: &[&str]| scope(wanted).granted(&[&EVERYTHING, &EVERYTHING, first]);
        assert_eq!(granted(&[], &["User.Read.All"]), ["User.Read.All"], "whatever the user holds by now");
        assert_eq!(granted(&["User.Read.All"], &["User.ReadWrite.All"]), ["User.Read.All"]);
        for (wanted, first) in [(&["User.ReadWrite.All"][..], &["User.Read.All"][..]), (&["User.Read.All"], &[])] {
            assert_eq!(granted(wanted, first), [] as [String; 0], "{wanted:?} of {first:?}");
        }
    }

    #[test]
    fn a_scope_that_would_be_read_as_two_is_granted_to_nobody() {
        for space in ["\u{2003}", "\u{b}", "\u{a0}", "\t", "\n"] {
            let smuggled = format!("X.Read.{space}Directory.ReadWrite.All");
            for held in ["Directory.Read.All", "Directory.ReadWrite.All"] {
                assert_eq!(granted(&[&smuggled], &[held]), [] as [String; 0], "{smuggled:?} by {held}");
            }
            assert!(!smuggled.bytes().all(is_of_scope), "{smuggled:?}");
        }
        assert!("openid https://graph.microsoft.com/.default".bytes().all(is_of_scope));
    }

    #[test]
    fn nobody_is_granted_more_than_the_user_holds() {
        assert_eq!(granted(&["User.Read.All"], &["User.Read.All"]), ["User.Read.All"]);
        assert_eq!(granted(&["User.Read.All"], &["User.ReadWrite.All"]), ["User.Read.All"]);
        assert_eq!(granted(&["Group.Read.All"], &["Directory.Read.All"]), ["Group.Read.All"]);
        assert_eq!(granted(&["User.ReadWrite.All", "x"], &["Directory.ReadWrite.All"]), ["User.ReadWrite.All"]);
        assert_eq!(granted(&[], &["User.Read.All"]), ["User.Read.All"], "everything, and no more");
        for (asked, held) in [
            ("User.ReadWrite.All", "User.Read.All"),
            ("User.ReadWrite.All", "Directory.Read.All"),
            ("Directory.ReadWrite.All", "User.ReadWrite.All"),
            ("Directory.AccessAsUser.All", "Directory.Read.All"),
        ] {
            assert_eq!(granted(&[asked], &[held]), [] as [String; 0], "{asked} by {held}");
        }
    }
}
