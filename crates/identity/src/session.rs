//! What a session cookie says, and whether it still counts.
//!
//! A session is made at the sign-in host when somebody has signed in. Each application gets a copy with the same id, under
//! its own seal: one revocation of the id ends all of them. Nothing is looked up for it but the [`Revocations`], which
//! gateways hold in memory.
//!
//! Whether a session began before a revocation is told by the version of the directory that the gateway had at the time,
//! never by clocks: one that is fast would make sessions that outlive what ends them.
//!
//! Invariant: [`judge`] is the only place that decides whether a session counts, and asks no clock. Times are in
//! milliseconds since 1970.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use adit_core::revocation::{LONGEST_SESSION, SessionsOf, Version};
use adit_core::{ApplicationId, Epoch, PrincipalId, Revision, Snapshot};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::compact::{Reader, Unreadable, Writer};
use crate::sealing::{self, Audience, NotOpened, NotSealed, SealingRing};

/// The only form there is so far.
const VERSION: u8 = 1;

/// The most groups that a session has: 1,600 bytes of the 4,096 that browsers take as one cookie.
pub const MOST_GROUPS: usize = 100;

/// The most bytes of the texts of a session together: with [`MOST_GROUPS`] the cookie is below 4,096.
pub const MOST_TEXT: usize = 1_000;

/// How far the clocks of two gateways may differ.
const SKEW: u64 = 60_000;

/// The number of a session, the same in the cookies of all applications.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// A number that nobody can guess.
    ///
    /// # Errors
    /// [`NotSealed`] when the system gives no random numbers.
    pub fn generate() -> Result<Self, NotSealed> {
        sealing::random().map(Self)
    }

    /// The number for a revocation: 22 characters of base64url.
    #[must_use]
    pub fn to_text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) const fn bytes(self) -> [u8; 16] {
        self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to find it in a log, and too little to be of use to a thief.
        write!(f, "SessionId({:.6}…)", self.to_text())
    }
}

/// Who signed in, and what is known about them from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who vouched for them.
    pub issuer: String,
    /// What that issuer calls them.
    pub subject: String,
    /// By which the directory's assignments know them.
    pub principal: PrincipalId,
    /// Their name, for people.
    pub display_name: Option<String>,
    /// The name they sign in with.
    pub user_name: Option<String>,
    /// Their groups, as the directory's assignments know them, in ascending order: at most [`MOST_GROUPS`].
    pub groups: Vec<PrincipalId>,
    /// Groups that had no room, or that the provider itself left out: who is assigned through one of them is refused, and
    /// told so.
    pub groups_left_out: u16,
    /// The roles that the provider names.
    pub roles: Vec<String>,
    /// Further claims that applications get in headers: name and value.
    pub claims: Vec<(String, String)>,
}

/// More than a session can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// The texts.
    #[error("the names, roles and claims of a user take {0} bytes, and {MOST_TEXT} fit into a session")]
    Text(usize),
    /// The groups.
    #[error("a user is in {0} groups, and {MOST_GROUPS} fit into a session")]
    Groups(usize),
}

impl Person {
    /// Whether a session can say it all.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn check(&self) -> Result<(), TooMuch> {
        if self.groups.len() > MOST_GROUPS {
            return Err(TooMuch::Groups(self.groups.len()));
        }
        let names = [&self.issuer, &self.subject].into_iter().chain(&self.display_name).chain(&self.user_name);
        let claims = self.claims.iter().flat_map(|(name, value)| [name, value]);
        let text: usize = names.chain(&self.roles).chain(claims).map(|text| text.len() + 2).sum();
        if text > MOST_TEXT { Err(TooMuch::Text(text)) } else { Ok(()) }
    }

    /// Takes the groups that fit: those that some assignment of the directory names come first, since the others decide
    /// nothing today. The rest is counted.
    pub fn keep_groups(&mut self, mut all: Vec<PrincipalId>, is_assigned: impl Fn(PrincipalId) -> bool) {
        all.sort_unstable();
        all.dedup();
        let (mut named, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|group| is_assigned(*group));
        let left_out = (named.len() + others.len()).saturating_sub(MOST_GROUPS);
        named.extend(others);
        named.truncate(MOST_GROUPS);
        named.sort_unstable();
        self.groups = named;
        let left_out = u16::try_from(left_out).unwrap_or(u16::MAX);
        self.groups_left_out = self.groups_left_out.saturating_add(left_out);
    }
}

/// A browser at which somebody has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number; a new one for each sign-in.
    pub id: SessionId,
    /// Who.
    pub person: Person,
    /// When they signed in at their provider.
    pub signed_in: u64,
    /// The version of the directory at which the sign-in began.
    pub signed_in_at: Version,
    /// When this cookie was first given out: the sign-in itself, or the hand-over to an application.
    pub given: u64,
    /// The version of the directory at which it was given out.
    pub given_at: Version,
    /// When it ends whatever happens.
    pub ends: u64,
    /// When it was used last, give or take [`SessionLimits::is_to_be_noted`].
    pub seen: u64,
}

impl Session {
    /// The session of a sign-in at `now`, which lasts as long as `limits` say. `began_at` is the version of the directory
    /// that this gateway had when the sign-in began, before the user was asked for anything: what is revoked meanwhile
    /// ends the session.
    ///
    /// # Errors
    /// [`NotSealed`] when the system gives no random numbers.
    pub fn begin(person: Person, limits: &SessionLimits, began_at: Version, now: u64) -> Result<Self, NotSealed> {
        let ends = now.saturating_add(millis(limits.absolute()));
        let id = SessionId::generate()?;
        Ok(Self { id, person, signed_in: now, signed_in_at: began_at, given: now, given_at: began_at, ends, seen: now })
    }

    /// The session of an access token that was issued at `issued` and lasts until `ends`, taken at `now`, when this gateway
    /// has the directory of `revocations`: it has no number, for it ends with its user's sessions and not by itself.
    ///
    /// Issuers know no version of the directory, so the clock has to tell whether it was issued after the sessions of its
    /// user were ended; what may have been issued before does not count.
    ///
    /// # Errors
    /// [`SessionOver`].
    pub fn of_token(
        person: Person,
        (issued, ends): (u64, u64),
        application: ApplicationId,
        revocations: Revocations<'_>,
        now: u64,
    ) -> Result<Self, SessionOver> {
        let is_over =
            |of| revocations.directory.revocation(of).is_some_and(|ended| issued <= ended.at.saturating_add(SKEW));
        if is_over(SessionsOf::Principal(person.principal)) {
            return Err(SessionOver::PrincipalRevoked);
        }
        if is_over(SessionsOf::Application(application)) {
            return Err(SessionOver::ApplicationRevoked);
        }
        let at = revocations.directory.version();
        Ok(Self {
            id: SessionId([0; 16]),
            person,
            signed_in: issued,
            signed_in_at: at,
            given: issued,
            given_at: at,
            ends,
            seen: now,
        })
    }

    /// The copy that an application gets at `now`, when this gateway has the directory at version `at`. It ends when this
    /// one does.
    #[must_use]
    pub fn copy_for_application(&self, at: Version, now: u64) -> Self {
        Self { given: now, given_at: at, seen: now, ..self.clone() }
    }

    /// Seals it for a cookie.
    ///
    /// # Errors
    /// [`NotSealed`], also where it does not fit ([`Person::check`]).
    pub fn seal(&self, ring: &SealingRing, audience: Audience<'_>) -> Result<String, NotSealed> {
        self.person.check().map_err(|_| NotSealed)?;
        ring.seal(audience.session_purpose(), audience, &self.to_bytes())
    }

    /// Opens the value of a cookie.
    ///
    /// # Errors
    /// [`NotOpened`], whatever is wrong with it.
    pub fn open(ring: &SealingRing, audience: Audience<'_>, text: &str) -> Result<Self, NotOpened> {
        let bytes = ring.open(audience.session_purpose(), audience, text)?;
        Self::from_bytes(&bytes).map_err(|Unreadable| NotOpened)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let person = &self.person;
        writer.byte(VERSION).bytes(&self.id.0);
        writer.number(self.signed_in).number(self.given).number(self.ends).number(self.seen);
        for (epoch, revision) in [self.signed_in_at, self.given_at] {
            writer.number(epoch.0).number(revision.0);
        }
        writer.bytes(person.principal.uuid().as_bytes()).text(&person.issuer).text(&person.subject);
        writer.optional(person.display_name.as_deref()).optional(person.user_name.as_deref());
        writer.count(person.groups.len());
        for group in &person.groups {
            writer.bytes(group.uuid().as_bytes());
        }
        writer.count(usize::from(person.groups_left_out)).count(person.roles.len());
        for role in &person.roles {
            writer.text(role);
        }
        writer.count(person.claims.len());
        for (name, value) in &person.claims {
            writer.text(name).text(value);
        }
        writer.done()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Unreadable);
        }
        let id = SessionId(reader.array()?);
        let (signed_in, given, ends, seen) = (reader.number()?, reader.number()?, reader.number()?, reader.number()?);
        let (signed_in_at, given_at) = (version(&mut reader)?, version(&mut reader)?);
        let person = Person {
            principal: principal(&mut reader)?,
            issuer: reader.text()?,
            subject: reader.text()?,
            display_name: reader.optional()?,
            user_name: reader.optional()?,
            groups: many(&mut reader, principal)?,
            groups_left_out: u16::try_from(reader.count()?).map_err(|_| Unreadable)?,
            roles: many(&mut reader, Reader::text)?,
            claims: many(&mut reader, |reader| Ok((reader.text()?, reader.text()?)))?,
        };
        reader.end()?;
        Ok(Self { id, person, signed_in, signed_in_at, given, given_at, ends, seen })
    }
}

fn version(reader: &mut Reader<'_>) -> Result<Version, Unreadable> {
    Ok((Epoch(reader.number()?), Revision(reader.number()?)))
}

fn principal(reader: &mut Reader<'_>) -> Result<PrincipalId, Unreadable> {
    reader.array().map(|bytes| PrincipalId::new(Uuid::from_bytes(bytes)))
}

fn many<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    (0..reader.count()?).map(|_| read(reader)).collect()
}

/// How long sessions last. What is configured now holds for sessions that began earlier too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// From sign-in to the end, whatever happens; never more than [`LONGEST_SESSION`].
    pub absolute: Duration,
    /// Without a request.
    pub idle: Duration,
}

impl Default for SessionLimits {
    /// A working day, and an hour away from it.
    fn default() -> Self {
        Self { absolute: Duration::from_secs(10 * 60 * 60), idle: Duration::from_secs(60 * 60) }
    }
}

impl SessionLimits {
    /// From sign-in to the end.
    fn absolute(&self) -> Duration {
        self.absolute.min(LONGEST_SESSION)
    }

    /// When a session ends whatever happens, in milliseconds since 1970: as it says itself, or sooner by what is configured
    /// now.
    #[must_use]
    pub fn end_of(&self, session: &Session) -> u64 {
        session.ends.min(session.signed_in.saturating_add(millis(self.absolute())))
    }

    /// Whether the cookie is to be given out again with a new [`Session::seen`]: a sixteenth of the idle limit has passed,
    /// so that few answers carry one.
    #[must_use]
    pub fn is_to_be_noted(&self, session: &Session, now: u64) -> bool {
        now.saturating_sub(session.seen) >= millis(self.idle) / 16
    }
}

/// What was ended before its time.
#[derive(Debug, Clone, Copy)]
pub struct Revocations<'a> {
    /// Single sessions.
    pub sessions: &'a HashSet<SessionId>,
    /// Knows whose sessions were ended, and those of which applications, before which version.
    pub directory: &'a Snapshot,
}

impl Revocations<'_> {
    fn ended(&self, of: SessionsOf, began_at: Version) -> bool {
        self.directory.ended_before(of).is_some_and(|ended| began_at < ended)
    }
}

/// Why a session does not count any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionOver {
    /// Its time is over.
    #[error("the session has reached its end")]
    Ended,
    /// Nobody used it for too long.
    #[error("the session was idle for too long")]
    Idle,
    /// It says that it begins later.
    #[error("the session is from the future")]
    FromTheFuture,
    /// Signed out, or ended by an administrator.
    #[error("the session was ended")]
    Revoked,
    /// All sessions of its user were ended.
    #[error("all sessions of the user were ended")]
    PrincipalRevoked,
    /// All sessions of the application were ended.
    #[error("all sessions of the application were ended")]
    ApplicationRevoked,
}

/// Whether a session counts at `now`, at `application` or (without one) at the sign-in host.
///
/// # Errors
/// [`SessionOver`], the first reason found.
pub fn judge(
    session: &Session,
    application: Option<ApplicationId>,
    limits: &SessionLimits,
    revocations: Revocations<'_>,
    now: u64,
) -> Result<(), SessionOver> {
    if revocations.sessions.contains(&session.id) {
        return Err(SessionOver::Revoked);
    }
    if revocations.ended(SessionsOf::Principal(session.person.principal), session.signed_in_at) {
        return Err(SessionOver::PrincipalRevoked);
    }
    if application.is_some_and(|id| revocations.ended(SessionsOf::Application(id), session.given_at)) {
        return Err(SessionOver::ApplicationRevoked);
    }
    if session.signed_in.max(session.given).max(session.seen) > now.saturating_add(SKEW) {
        return Err(SessionOver::FromTheFuture);
    }
    if now >= limits.end_of(session) {
        return Err(SessionOver::Ended);
    }
    if now >= session.seen.saturating_add(millis(limits.idle)) {
        return Err(SessionOver::Idle);
    }
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
