//! Who somebody is, by the claims of a verified token.
//!
//! The directory knows people and groups by UUIDs: `oid` where the provider has it, else `sub` where it is one, else one that
//! is made of issuer and subject, the same each time. Groups that are no UUIDs cannot be assigned and are counted as left
//! out.

use adit_core::PrincipalId;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::{Builder, Uuid, Variant, Version};

use crate::claims::Words;
use crate::session::{MOST_TEXT, Person};

/// The most bytes of a name.
const LONGEST_NAME: usize = 200;

/// What is kept free of the texts of a session for what each text takes beside itself.
const RESERVE: usize = 100;

/// The claims that say who somebody is.
#[derive(Debug, Deserialize)]
pub(super) struct PersonClaims {
    #[serde(default)]
    pub(super) sub: String,
    oid: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
    #[serde(default)]
    roles: Words,
    /// Entra ID: there are more groups than fit into a token.
    hasgroups: Option<Value>,
    #[serde(rename = "_claim_names")]
    claim_names: Option<Map<String, Value>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl PersonClaims {
    /// Whether it names roles.
    pub(super) fn has_roles(&self) -> bool {
        !self.roles.is_empty()
    }

    /// Whether it has a name by which users sign in.
    pub(super) fn names_user(&self) -> bool {
        self.preferred_username.is_some() || self.upn.is_some()
    }
}

/// The person, still without groups, and the groups.
pub(super) fn of_claims(claims: PersonClaims, issuer: &str, groups_claim: &str) -> (Person, Vec<PrincipalId>) {
    let principal = principal_of(issuer, claims.oid.as_deref(), &claims.sub);
    let (groups, odd) = groups(claims.rest.get(groups_claim));
    let distributed = claims.claim_names.as_ref().is_some_and(|names| names.contains_key(groups_claim));
    // Providers write both as texts, too.
    let says = |claim: &Option<Value>, text: &str| {
        claim.as_ref().is_some_and(|claim| claim.to_string().trim_matches('"') == text)
    };
    let email = claims.email.filter(|_| !says(&claims.email_verified, "false"));
    let left_out = distributed || says(&claims.hasgroups, "true");
    // Part of an address can be somebody else's, and the end of one decides who is believed. What is for people may be cut.
    let whole = |text: &String| text.len() <= LONGEST_NAME;
    let email = email.filter(whole);
    let cut = |text: String| text.get(..text.floor_char_boundary(LONGEST_NAME)).unwrap_or_default().to_owned();
    let mut person = Person {
        issuer: issuer.to_owned(),
        subject: claims.sub,
        principal,
        display_name: claims.name.map(cut),
        user_name: claims.preferred_username.or(claims.upn).filter(whole).or_else(|| email.clone()),
        groups: Vec::new(),
        groups_left_out: odd.saturating_add(u16::from(left_out)),
        roles: Vec::new(),
        claims: Vec::new(),
    };
    if let Some(email) = email {
        person.claims.push(("email".to_owned(), email));
    }
    add_roles(&mut person, claims.roles.into_list());
    (person, groups)
}

/// The roles that fit beside everything else.
fn add_roles(person: &mut Person, roles: Vec<String>) {
    let mut taken = person.issuer.len() + person.subject.len() + RESERVE;
    taken += person.display_name.as_ref().map_or(0, String::len) + person.user_name.as_ref().map_or(0, String::len);
    taken += person.claims.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    for role in roles {
        taken += role.len() + 2;
        if taken > MOST_TEXT {
            tracing::warn!(subject = %person.subject, "a user has more roles than fit into a session");
            return;
        }
        person.roles.push(role);
    }
}

/// The groups that are UUIDs, and how many are not.
fn groups(claim: Option<&Value>) -> (Vec<PrincipalId>, u16) {
    let listed: Vec<&str> = match claim {
        Some(Value::Array(groups)) => groups.iter().map(|group| group.as_str().unwrap_or_default()).collect(),
        Some(Value::String(group)) => vec![group],
        _ => Vec::new(),
    };
    let groups: Vec<_> = listed.iter().filter_map(|group| Uuid::try_parse(group).ok()).map(PrincipalId::new).collect();
    let odd = u16::try_from(listed.len() - groups.len()).unwrap_or(u16::MAX);
    (groups, odd)
}

/// By which the directory's assignments know somebody.
pub(super) fn principal_of(issuer: &str, oid: Option<&str>, subject: &str) -> PrincipalId {
    let known = oid.into_iter().chain([subject]).find_map(|text| Uuid::try_parse(text).ok());
    PrincipalId::new(known.unwrap_or_else(|| made_of(issuer, subject)))
}

fn made_of(issuer: &str, subject: &str) -> Uuid {
    // A line end is in neither.
    let hash = digest(&SHA256, format!("{issuer}\n{subject}").as_bytes());
    let bytes = hash.as_ref().first_chunk().copied().unwrap_or_default();
    Builder::from_bytes(bytes).with_version(Version::Custom).with_variant(Variant::RFC4122).into_uuid()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example";

    fn person(claims: Value) -> (Person, Vec<PrincipalId>) {
        of_claims(serde_json::from_value(claims).unwrap(), ISSUER, "groups")
    }

    #[test]
    fn somebody_is_known_by_oid_then_by_a_subject_that_is_a_uuid_then_by_what_is_made_of_it() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(principal_of(ISSUER, Some(&one.to_string()), &other.to_string()).uuid(), one);
        assert_eq!(principal_of(ISSUER, Some("x"), &other.to_string()).uuid(), other);
        let made = principal_of(ISSUER, None, "117").uuid();
        assert_eq!(made, principal_of(ISSUER, None, "117").uuid());
        assert_eq!(made.get_version_num(), 8);
        assert_ne!(made, principal_of(ISSUER, None, "118").uuid());
        assert_ne!(made, principal_of("https://other.example", None, "117").uuid());
    }

    #[test]
    fn groups_that_cannot_be_assigned_are_counted_and_so_are_those_that_the_provider_left_out() {
        let group = Uuid::from_u128(7);
        let (said, groups) = person(json!({"sub": "a", "groups": [group, "/staff", 5]}));
        assert_eq!((groups, said.groups_left_out), (vec![PrincipalId::new(group)], 2));
        let (said, _) = person(json!({"sub": "a", "hasgroups": true}));
        assert_eq!(said.groups_left_out, 1);
        let (said, _) = person(json!({"sub": "a", "_claim_names": {"groups": "src1"}}));
        assert_eq!(said.groups_left_out, 1);
    }

    #[test]
    fn an_address_that_nobody_verified_is_nobodys() {
        let claims = |verified: Value| json!({"sub": "a", "email": "ada@corp.example", "email_verified": verified});
        assert_eq!(person(claims(json!(true))).0.user_name.as_deref(), Some("ada@corp.example"));
        assert_eq!(person(claims(Value::Null)).0.claims.len(), 1);
        let (said, _) = person(claims(json!(false)));
        assert_eq!((said.user_name, said.claims), (None, Vec::new()));
    }

    #[test]
    fn whatever_a_provider_says_a_session_can_hold_it() {
        let long = "ä".repeat(3000);
        let roles: Vec<String> = (0..500).map(|number| format!("role-{number}")).collect();
        let (said, _) = person(json!({"sub": "s".repeat(255), "name": long, "preferred_username": long,
            "email": long, "roles": roles}));
        assert_eq!(said.check(), Ok(()));
        assert!(said.display_name.unwrap().len() <= LONGEST_NAME);
        assert_eq!((said.user_name, said.claims), (None, Vec::new()), "half an address is somebody else's");
    }

    #[test]
    fn an_address_is_not_cut_down_to_another_domain() {
        let address = format!("{}@corp.example", "a".repeat(LONGEST_NAME - "@corp.example".len()));
        let (own, _) = person(json!({"sub": "a", "email": address}));
        assert_eq!(own.user_name.as_deref(), Some(address.as_str()));
        let (longer, _) = person(json!({"sub": "a", "email": format!("{address}.evil.example")}));
        assert_eq!((longer.user_name, longer.claims), (None, Vec::new()));
        let (other, _) =
            person(json!({"sub": "a", "upn": format!("{address}.evil.example"), "email": "b@corp.example"}));
        assert_eq!(other.user_name.as_deref(), Some("b@corp.example"));
    }
}
