//! What upstreams are told of who asks, where their applications want that: the header fields that an administrator listed,
//! and a signed assertion.
//!
//! The fields of one session at one application are made once and used again for [`REUSED`]: hardly any request costs a
//! signature.
//!
//! Invariants: a field of these names comes from here or does not arrive, whatever signs and case a client writes it in and
//! by whichever application it comes to the upstream ([`SignOnFields::withhold`], and
//! [`is_claim`](crate::head::fields::is_claim) for the assertion, which no application takes from anybody). What is used
//! again was made of the very same person, roles, application and key: they are compared, and not only looked up.

use std::rc::Rc;
use std::sync::Arc;

use adit_core::access::Grant;
use adit_core::sign_on::{AssertionState, Listed, SignOnClaim, SignOnHeader};
use adit_core::snapshot::PublishedApplication;
use adit_core::{ApplicationId, PreAuthentication, PrincipalId, PrincipalKind};
use adit_identity::session::{Person, SessionId};
use adit_identity::{AssertionKeyError, AssertionKeys};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::core::Core;
use crate::failure::Failure;
use crate::framing::head::may_be_read_as;
use crate::lately::Lately;
use crate::reason::Reason;
use crate::sign_in::gate::Visitor;
use crate::sign_in::{self, SignIn};

/// The field with the assertion.
static ASSERTION: HeaderName = HeaderName::from_static("adit-assertion");

/// How long an assertion is valid, in seconds: as long as it may be used again, and some minutes for clocks that differ.
const LIFE: u64 = 5 * 60;

/// How long an assertion is used again, in milliseconds: three of its five minutes are left to it then.
const REUSED: u64 = 2 * 60 * 1000;

/// Bytes of a value: a hundred ids of groups have room, and servers take twice as much in a line.
const MOST_VALUE: usize = 4096;

/// Groups in an assertion, for servers that take 8 KiB of headers in all.
const MOST_GROUPS: usize = 50;

/// Bytes of the roles in an assertion.
const MOST_ROLES: usize = 1024;

/// What an application's upstream is told, as heads have it.
#[derive(Debug)]
pub(crate) struct SignOnFields {
    fields: Vec<(HeaderName, SignOnClaim)>,
    /// The names that are listed for the upstream, plainly written, in order.
    withheld: Vec<String>,
    /// Whether it is told at all.
    is_told: bool,
    is_asserted: bool,
}

impl SignOnFields {
    /// Those of an application; nothing where there is nothing to tell or to withhold.
    pub(crate) fn of(application: &PublishedApplication, listed: &Listed) -> Option<Arc<Self>> {
        let is_told = application.is_sign_on_by_headers && application.pre_authentication == PreAuthentication::SignIn;
        let withheld = listed.at(&application.internal_url);
        if withheld.is_empty() && !is_told {
            return None;
        }
        let usable = application.sign_on.headers.usable();
        let field = |own: &&SignOnHeader| Some((HeaderName::from_bytes(own.header.as_bytes()).ok()?, own.claim));
        Some(Arc::new(Self {
            fields: usable.iter().filter_map(field).collect(),
            withheld,
            is_told,
            is_asserted: is_told && application.sign_on.assertion == AssertionState::On,
        }))
    }

    /// The names of what clients cannot set.
    pub(crate) fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// Takes the fields of these names out, in every spelling: clients cannot set them.
    pub(crate) fn withhold(&self, headers: &mut HeaderMap) {
        let is_withheld = |name: &&HeaderName| {
            self.withheld.iter().any(|own| may_be_read_as(name.as_str().as_bytes(), own.as_bytes()))
        };
        let claimed: Vec<HeaderName> = headers.keys().filter(is_withheld).cloned().collect();
        for name in claimed {
            headers.remove(name);
        }
    }

    /// What is set, with what it says, in words.
    pub(crate) fn explained(&self) -> Vec<(String, String)> {
        if !self.is_told {
            return Vec::new();
        }
        let mut all: Vec<_> = self
            .fields
            .iter()
            .map(|(name, claim)| (name.to_string(), format!("<{} of who asks>", claim.as_str())))
            .collect();
        if self.is_asserted {
            all.push((ASSERTION.to_string(), "<a signed assertion>".to_owned()));
        }
        all
    }
}

/// Who asks, and for what.
struct Asking<'a> {
    application: &'a Arc<PublishedApplication>,
    fields: &'a SignOnFields,
    visitor: &'a Visitor,
    roles: &'a [Arc<str>],
    /// By which it is signed.
    keys: &'a Arc<AssertionKeys>,
    /// Who signs: the sign-in host's URL.
    issuer: &'a str,
}

/// The fields that tell an upstream who asks.
#[derive(Debug)]
pub(crate) struct Told {
    application: Arc<PublishedApplication>,
    keys: Arc<AssertionKeys>,
    person: Person,
    kind: PrincipalKind,
    roles: Vec<Arc<str>>,
    /// When they were made, in milliseconds since 1970.
    at: u64,
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Told {
    fn is_for(&self, asking: &Asking<'_>, now: u64) -> bool {
        Arc::ptr_eq(&self.application, asking.application)
            && Arc::ptr_eq(&self.keys, asking.keys)
            && self.is_young(now)
            && self.kind == asking.visitor.kind
            && self.roles == asking.roles
            && self.person == asking.visitor.session.person
    }

    /// Whether it may be used at `now`; the clock may have been set back.
    fn is_young(&self, now: u64) -> bool {
        (self.at..self.at.saturating_add(REUSED)).contains(&now)
    }

    fn of(asking: &Asking<'_>, now: u64) -> Result<Self, AssertionKeyError> {
        let Asking { application, visitor, roles, keys, .. } = asking;
        Ok(Self {
            application: Arc::clone(application),
            keys: Arc::clone(keys),
            person: visitor.session.person.clone(),
            kind: visitor.kind,
            roles: roles.to_vec(),
            at: now,
            fields: fields(asking, now)?,
        })
    }
}

/// What a core has told lately.
pub(crate) type ToldLately = Lately<Key, Told>;

pub(crate) type Key = (SessionId, PrincipalId, ApplicationId);

/// Forgets what is not used again, at `now`.
pub(crate) fn tidy(lately: &mut ToldLately, now: u64) {
    lately.retain(|told| told.is_young(now));
}

/// Tells the upstream who asks, where its application wants that. What clients said of it was taken out before.
///
/// # Errors
/// It cannot be signed: the request is refused.
pub(crate) fn tell(
    core: &Core,
    sign_in: &SignIn,
    fields: &SignOnFields,
    (grant, visitor): (&Grant, &Visitor),
    headers: &mut HeaderMap,
) -> Result<(), Failure> {
    if !fields.is_told {
        return Ok(());
    }
    let (keys, now) = (sign_in.assertions(), sign_in::now());
    let roles: &[Arc<str>] = grant.on_behalf_of().map_or(&[], |who| who.roles.as_slice());
    let application = grant.application();
    let asking = Asking { application, fields, visitor, roles, keys: &keys, issuer: sign_in.url() };
    let (session, principal) = visitor.owner();
    let key = (session, principal, application.id);
    let mut lately = core.told_lately.borrow_mut();
    let told = match lately.find(&key, |told| told.is_for(&asking, now)) {
        Some(told) => told,
        None => match Told::of(&asking, now) {
            Ok(told) => {
                let told = Rc::new(told);
                lately.keep(key, Rc::clone(&told));
                told
            }
            // An upstream may take whoever comes without it for a guest.
            Err(error) => {
                tracing::error!(%error, "an upstream could not be told who asks");
                return Err(Failure::new(Reason::SignInUnavailable, "the application could not be told who asks"));
            }
        },
    };
    for (name, value) in &told.fields {
        headers.insert(name, value.clone());
    }
    Ok(())
}

fn fields(asking: &Asking<'_>, now: u64) -> Result<Vec<(HeaderName, HeaderValue)>, AssertionKeyError> {
    let listed = asking.fields.fields.iter();
    let mut all: Vec<_> = listed.filter_map(|(name, claim)| Some((name.clone(), value(asking, *claim)?))).collect();
    if asking.fields.is_asserted {
        let assertion = asking.keys.sign(&assertion(asking, now))?;
        // Base64url and dots.
        all.extend(HeaderValue::try_from(assertion).ok().map(|assertion| (ASSERTION.clone(), assertion)));
    }
    Ok(all)
}

/// What a header says; nothing where nothing is known, or it is too long: half a name is somebody else's.
fn value(asking: &Asking<'_>, claim: SignOnClaim) -> Option<HeaderValue> {
    let person = &asking.visitor.session.person;
    let text = match claim {
        SignOnClaim::Id => encoded(&person.principal.to_string(), NAME),
        SignOnClaim::UserPrincipalName => encoded(person.user_name.as_deref()?, NAME),
        SignOnClaim::DisplayName => encoded(person.display_name.as_deref()?, NAME),
        SignOnClaim::Mail => encoded(mail(person)?, NAME),
        SignOnClaim::Issuer => encoded(&person.issuer, NAME),
        SignOnClaim::Subject => encoded(&person.subject, NAME),
        SignOnClaim::Groups => listed(person.groups.iter().map(PrincipalId::to_string)),
        SignOnClaim::AppRoles => listed(asking.roles.iter().map(ToString::to_string)),
    };
    let fits = !text.is_empty() && text.len() <= MOST_VALUE;
    fits.then(|| HeaderValue::try_from(text).ok()).flatten()
}

fn mail(person: &Person) -> Option<&str> {
    person.claims.iter().find(|(name, _)| name == "email").map(|(_, value)| value.as_str())
}

/// As many items as fit, with commas between.
fn listed(items: impl Iterator<Item = String>) -> String {
    let mut list = String::new();
    for item in items {
        let item = encoded(&item, ITEM);
        if list.len() + 1 + item.len() > MOST_VALUE {
            break;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&item);
    }
    list
}

/// What is encoded of a name, and of an item of a list, beside what no field can have.
const NAME: &[u8] = b"%";
/// See [`NAME`].
const ITEM: &[u8] = b"%,";

/// A text as a field's value can have it (RFC 9110, section 5.5): printable ASCII stays as it is; everything else is
/// percent-encoded UTF-8 (RFC 3986, section 2.1), and so are the percent sign itself and spaces at the ends, which would be
/// lost. Whoever decodes it gets the very text.
fn encoded(text: &str, more: &[u8]) -> String {
    let bytes = text.as_bytes();
    let last = bytes.len().saturating_sub(1);
    let mut encoded = String::with_capacity(bytes.len());
    for (place, byte) in bytes.iter().enumerate() {
        let is_at_an_end = *byte == b' ' && (place == 0 || place == last);
        if matches!(byte, b' '..=b'~') && !more.contains(byte) && !is_at_an_end {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The claims of an assertion. It has no `jti`, since it goes along with many requests, and nothing of the session.
fn assertion(asking: &Asking<'_>, now: u64) -> Value {
    let (visitor, person) = (asking.visitor, &asking.visitor.session.person);
    let (id, now) = (person.principal.to_string(), now / 1000);
    let mut claims = json!({
        "iss": asking.issuer, "aud": asking.application.app_id.to_string(), "sub": id, "oid": id, "idp": person.issuer,
        "iat": now, "exp": now + LIFE,
    });
    let mut say = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(claims)) = (value, claims.as_object_mut()) {
            claims.insert(name.to_owned(), value);
        }
    };
    let is_program = visitor.kind == PrincipalKind::ServicePrincipal;
    say("idtyp", is_program.then(|| "app".into()));
    say("name", person.display_name.as_deref().map(Value::from));
    say("preferred_username", person.user_name.as_deref().map(Value::from));
    say("email", mail(person).map(Value::from));
    say("auth_time", visitor.has_cookie().then(|| (visitor.session.signed_in / 1000).into()));
    let mut room = MOST_ROLES;
    let fitting = asking.roles.iter().take_while(|role| match room.checked_sub(role.len() + 3) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    });
    let roles: Vec<&str> = fitting.map(|role| &**role).collect();
    say("roles", (!roles.is_empty()).then(|| roles.into()));
    let groups: Vec<String> = person.groups.iter().take(MOST_GROUPS).map(PrincipalId::to_string).collect();
    say("groups", (!groups.is_empty()).then(|| groups.into()));
    let has_more = person.groups.len() > MOST_GROUPS || person.groups_left_out > 0;
    say("hasgroups", has_more.then(|| true.into()));
    claims
}

#[cfg(test)]
mod tests;
