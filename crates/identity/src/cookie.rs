//! Our cookies: their names, their attributes, finding them in a request, and keeping them from upstreams.
//!
//! All names begin with `__Host-adit`, so that browsers take them from the host itself alone, over TLS, for every path.
//! Ports do not separate cookies, so those of an application are named after it. A cookie that is there twice, or a header
//! beyond its bounds, is treated as no session.
//!
//! A browser that sends more cookies than a gateway reads is locked out of the host, so what we set there has a budget:
//! [`MOST_BYTES`] in all, of which our sessions take no more than [`SESSION_BYTES`] and attempts to sign in, whatever
//! application they are for, no more than [`ATTEMPT_BYTES`]. Nobody can fill it by sending somebody to long URLs.
//!
//! `Secure` is always set, whatever `isSecureCookieEnabled` says: external URLs are `https`, and without it the `__Host-`
//! prefix, and with it the session, would be lost.

use std::borrow::Cow;

use adit_core::ApplicationId;
use memchr::{memchr, memchr_iter};
use uuid::Uuid;

/// What all our names begin with.
pub const PREFIX: &str = "__Host-adit";

/// The session at the sign-in host.
pub const SIGN_IN: &str = "__Host-adit-signin";

/// The name of a cookie of one application before the application's id.
const SESSION: &str = "__Host-adit-app-";

/// What an application's host remembers while its user is away: before the application's id and the attempt's name.
const BEFORE: &str = "__Host-adit-before-";

/// An attempt at the sign-in host: before the attempt's name.
const ATTEMPT: &str = "__Host-adit-attempt-";

/// How long an attempt to sign in may take, in seconds.
pub const ATTEMPT_SECONDS: u64 = 600;

/// How long a browser keeps what belongs to an attempt: until the last moment at which it can come back with a code.
const ATTEMPT_KEPT_SECONDS: u64 = ATTEMPT_SECONDS + 60;

/// The most bytes of cookies that are read of a request: what our sessions and attempts may take, and 16 KiB of the
/// applications' own. Gateways refuse heads with more of them before anything else looks at them (`COOKIE_BYTES` among
/// their limits is this number).
pub const MOST_BYTES: usize = 16 * 1024 + SESSION_BYTES + ATTEMPT_BYTES;

/// The most bytes of session cookies that we leave at one host: the largest ones of four applications. The application that
/// was signed in to first makes room; its users come back by way of the sign-in host, without being asked.
pub const SESSION_BYTES: usize = 16 * 1024;

/// The most bytes of attempts that we leave at one host, of all applications together.
pub const ATTEMPT_BYTES: usize = 8 * 1024;

/// The most attempts that one browser has under way for one application (tabs); older ones make room.
const MOST_ATTEMPTS: usize = 4;

/// From so many attempts on, browsers did not make them: none of them counts.
const TOO_MANY_ATTEMPTS: usize = 8 * MOST_ATTEMPTS;

/// The most cookies that are taken away at once: an answer has room for them.
const MOST_REMOVED: usize = 16;

/// The most cookies that are looked at. Browsers keep fewer than 200 for a host; 300 twins are an attack.
const MOST_COOKIES: usize = 256;

/// The longest cookie that browsers take, name, `=` and value.
const LONGEST_COOKIE: usize = 4_096;

/// The name of an application's session cookie.
#[must_use]
pub fn session_name(application: ApplicationId) -> String {
    let mut buffer = Uuid::encode_buffer();
    [SESSION, application.uuid().simple().encode_lower(&mut buffer)].concat()
}

/// The name of what an application's host remembers of one attempt.
#[must_use]
pub fn before_name(application: ApplicationId, attempt: &str) -> String {
    format!("{}{}", before_family(application), short(attempt))
}

/// What the names of all attempts at one application begin with.
#[must_use]
pub fn before_family(application: ApplicationId) -> String {
    format!("{BEFORE}{}-", application.uuid().simple())
}

/// The name of an attempt at the sign-in host.
#[must_use]
pub fn attempt_name(attempt: &str) -> String {
    format!("{ATTEMPT}{}", short(attempt))
}

/// What the names of all attempts at the sign-in host begin with.
#[must_use]
pub const fn attempt_family() -> &'static str {
    ATTEMPT
}

/// As much of an attempt's random name as tells a browser's few attempts apart.
fn short(attempt: &str) -> String {
    attempt
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-' || *letter == '_')
        .take(8)
        .collect()
}

/// The attributes of an application's session cookie that its administrator chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieSettings {
    /// Whether scripts cannot read it.
    pub is_http_only: bool,
    /// Whether it outlives the browser: until the session ends.
    pub is_persistent: bool,
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self { is_http_only: true, is_persistent: false }
    }
}

impl CookieSettings {
    /// By the properties of the application, `isHttpOnlyCookieEnabled` and `isPersistentCookieEnabled`; what nobody has
    /// set is the safe choice.
    #[must_use]
    pub fn of(is_http_only: Option<bool>, is_persistent: Option<bool>) -> Self {
        Self { is_http_only: is_http_only.unwrap_or(true), is_persistent: is_persistent.unwrap_or(false) }
    }
}

/// The `Set-Cookie` value of a session that ends in `seconds`.
#[must_use]
pub fn set_session(name: &str, value: &str, settings: CookieSettings, seconds: u64) -> String {
    let http_only = if settings.is_http_only { "; HttpOnly" } else { "" };
    let max_age = if settings.is_persistent { format!("; Max-Age={seconds}") } else { String::new() };
    format!("{name}={value}; Path=/; Secure{http_only}; SameSite=Lax{max_age}")
}

/// The `Set-Cookie` value of something that is remembered for one attempt; `None` for what no browser would keep.
#[must_use]
pub fn set_attempt(name: &str, value: &str) -> Option<String> {
    let fits = name.len() + "=".len() + value.len() <= LONGEST_COOKIE;
    fits.then(|| format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={ATTEMPT_KEPT_SECONDS}"))
}

/// The `Set-Cookie` value that takes a cookie away.
#[must_use]
pub fn remove(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// What a request has under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// One value.
    One(T),
    /// None.
    Nothing,
    /// Something that is treated as none, and is to be taken away: the name is there twice, the value cannot be ours, or
    /// the header is beyond its bounds.
    Unusable,
}

impl<T> Found<T> {
    /// The value, if there is one to use.
    #[must_use]
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::Nothing | Self::Unusable => None,
        }
    }
}

/// Our cookies in one request, read once.
#[derive(Debug, Clone)]
pub struct RequestCookies<'a> {
    /// Names and values in the order in which they came: browsers send what they got first first. `None` where the header
    /// is beyond its bounds.
    ours: Option<Vec<(&'a [u8], &'a [u8])>>,
}

impl<'a> RequestCookies<'a> {
    /// The cookies in these `Cookie` fields.
    #[must_use]
    pub fn new(lines: &[&'a [u8]]) -> Self {
        let bytes: usize = lines.iter().map(|line| line.len()).sum();
        if bytes > MOST_BYTES {
            return Self { ours: None };
        }
        let mut ours = Vec::new();
        for (number, pair) in lines.iter().copied().flat_map(split_pairs).enumerate() {
            if number >= MOST_COOKIES {
                return Self { ours: None };
            }
            ours.extend(name_and_value(pair).filter(|(name, _)| name.starts_with(PREFIX.as_bytes())));
        }
        Self { ours: Some(ours) }
    }

    /// The value of the cookie called `name`, one of ours.
    #[must_use]
    pub fn find(&self, name: &str) -> Found<&'a str> {
        let Some(ours) = &self.ours else { return Found::Unusable };
        let mut values = ours.iter().filter(|(own, _)| *own == name.as_bytes()).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (None, _) => Found::Nothing,
            (Some(value), None) => std::str::from_utf8(value).map_or(Found::Unusable, Found::One),
            (Some(_), Some(_)) => Found::Unusable,
        }
    }

    /// The value that [`set_attempt`] gave that name; unusable where there are more attempts than browsers make.
    #[must_use]
    pub fn find_attempt(&self, name: &str) -> Found<&'a str> {
        if self.all_attempts().count() > TOO_MANY_ATTEMPTS { Found::Unusable } else { self.find(name) }
    }

    /// The names of the attempts of one family, the oldest first.
    pub fn attempts(&self, family: &str) -> Vec<&'a str> {
        self.all_attempts().map(|(name, _)| name).filter(|name| name.starts_with(family)).collect()
    }

    /// The cookies to take away before another attempt of `family` begins, so that they do not pile up: of the family, and
    /// the oldest ones of any where they take too much room together. Never more than an answer has room for.
    #[must_use]
    pub fn surplus(&self, family: &str) -> Vec<String> {
        let mut left: Vec<(&str, usize)> = self.all_attempts().collect();
        let mut surplus = Vec::new();
        loop {
            let of_family = left.iter().filter(|(name, _)| name.starts_with(family)).count();
            let bytes: usize = left.iter().map(|(_, length)| length).sum();
            let oldest = match (of_family >= MOST_ATTEMPTS, bytes > ATTEMPT_BYTES - LONGEST_COOKIE) {
                _ if surplus.len() >= MOST_REMOVED => None,
                (true, _) => left.iter().position(|(name, _)| name.starts_with(family)),
                (false, true) => Some(0),
                (false, false) => None,
            };
            let Some(oldest) = oldest else { return surplus };
            surplus.push(left.remove(oldest).0.to_owned());
        }
    }

    /// The sessions of other applications to take away when `name` gets a cookie of `length` bytes, the oldest first.
    #[must_use]
    pub fn sessions_beside(&self, name: &str, length: usize) -> Vec<String> {
        let others = self.named(SESSION).filter(|(own, _)| *own != name);
        let mut left: Vec<(&str, usize)> = others.collect();
        let mut surplus = Vec::new();
        while left.iter().map(|(_, length)| length).sum::<usize>() + length > SESSION_BYTES
            && !left.is_empty()
            && surplus.len() < MOST_REMOVED
        {
            surplus.push(left.remove(0).0.to_owned());
        }
        surplus
    }

    /// The attempts of all applications and at the sign-in host: names, and how many bytes each takes.
    fn all_attempts(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.named(BEFORE).chain(self.named(ATTEMPT))
    }

    fn named(&self, start: &'static str) -> impl Iterator<Item = (&'a str, usize)> {
        let ours = self.ours.iter().flatten();
        let readable = ours.filter_map(|&(name, value)| {
            std::str::from_utf8(name).ok().map(|name| (name, name.len() + "=; ".len() + value.len()))
        });
        readable.filter(move |(name, _)| name.starts_with(start))
    }
}

/// One pair. Without `=` it is a value without a name, as browsers read it: never one of ours.
fn name_and_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let pair = pair.trim_ascii();
    let (name, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
    Some((name.trim_ascii_end(), value.get(1..).unwrap_or_default().trim_ascii_start()))
}

fn split_pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (pair, after) = line.split_at_checked(memchr(b';', line).unwrap_or(line.len()))?;
        rest = after.get(1..);
        Some(pair)
    })
}

/// One `Cookie` field as the upstream may see it: without our cookies in any spelling, `None` if nothing is left. What has
/// none of ours is left as it is, byte for byte.
#[must_use]
pub fn without_ours(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    // The first byte of ours has no case, and alone tells nearly all places apart.
    let mut may_begin = memchr_iter(b'_', line).filter_map(|at| line.get(at..at + PREFIX.len()));
    if !may_begin.any(|part| part.eq_ignore_ascii_case(PREFIX.as_bytes())) {
        return Some(Cow::Borrowed(line));
    }
    let pairs = split_pairs(line).map(<[u8]>::trim_ascii);
    let kept: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !is_ours(pair)).collect();
    if kept.is_empty() { None } else { Some(Cow::Owned(kept.join(&b"; "[..]))) }
}

/// Whether a pair is ours, or would be read as ours by a server that is generous with names: in any case, and also where
/// the name is missing and the value is one of our pairs.
fn is_ours(pair: &[u8]) -> bool {
    let name = pair.trim_ascii_start();
    let name = name.strip_prefix(b"=").unwrap_or(name).trim_ascii_start();
    let name = name.strip_prefix(b"\"").unwrap_or(name);
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

#[cfg(test)]
mod tests;
