//! Our cookies: their names, their attributes, finding them in a request, and keeping them from upstreams.
//!
//! All names begin with `__Host-adit`, so that browsers take them from the host itself alone, over TLS, for every path.
//! Ports do not separate cookies, so those of an application are named after it. A cookie that is there twice, or a header
//! beyond its bounds, is treated as no session.
//!
//! `Secure` is always set, whatever `isSecureCookieEnabled` says: external URLs are `https`, and without it the `__Host-`
//! prefix, and with it the session, would be lost.

use std::borrow::Cow;

use adit_core::ApplicationId;

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

/// The most attempts that one browser has under way at one host (tabs); older ones make room.
const MOST_ATTEMPTS: usize = 4;

/// The most bytes of cookies that are looked at: heads are bounded at the same number.
const MOST_BYTES: usize = 64 * 1024;

/// The most cookies that are looked at. Browsers keep fewer than 200 for a host; 300 twins are an attack.
const MOST_COOKIES: usize = 256;

/// The longest value of one cookie: browsers take 4,096 bytes with the name.
const CHUNK: usize = 3_900;

/// The most cookies one value is spread over: a return URL of 8 KiB, sealed.
const MOST_CHUNKS: usize = 4;

/// The name of an application's session cookie.
#[must_use]
pub fn session_name(application: ApplicationId) -> String {
    format!("{SESSION}{}", application.uuid().simple())
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

/// The `Set-Cookie` values of something that is remembered for one attempt, spread over as many cookies as it takes.
#[must_use]
pub fn set_attempt(name: &str, value: &str) -> Vec<String> {
    let chunks: Vec<&str> = chunks(value);
    let set = |(number, chunk): (usize, &str)| {
        let count = if number == 0 { format!("{}.", chunks.len()) } else { String::new() };
        let name = chunk_name(name, number);
        format!("{name}={count}{chunk}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={ATTEMPT_SECONDS}")
    };
    chunks.iter().copied().enumerate().map(set).collect()
}

/// The `Set-Cookie` value that takes a cookie away.
#[must_use]
pub fn remove(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

fn chunks(value: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut rest = value;
    // Sealed texts are ASCII; anything else is not cut and browsers refuse it.
    while let Some((chunk, behind)) =
        rest.split_at_checked(CHUNK.min(rest.len())).filter(|(chunk, _)| !chunk.is_empty())
    {
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

fn chunk_name(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}.{number}") }
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

/// The cookies of one request: the values of its `Cookie` fields.
#[derive(Debug, Clone, Copy)]
pub struct RequestCookies<'a> {
    lines: &'a [&'a [u8]],
}

impl<'a> RequestCookies<'a> {
    /// The cookies in these `Cookie` fields.
    #[must_use]
    pub const fn new(lines: &'a [&'a [u8]]) -> Self {
        Self { lines }
    }

    /// The value of the cookie called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Found<&'a str> {
        if self.is_beyond_bounds() {
            return Found::Unusable;
        }
        let mut values = self.pairs().filter(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Found::Nothing,
            (Some(value), None) => std::str::from_utf8(value).map_or(Found::Unusable, Found::One),
            (Some(_), Some(_)) => Found::Unusable,
        }
    }

    /// The value that [`set_attempt`] spread over several cookies; all of them must be there.
    #[must_use]
    pub fn find_attempt(&self, name: &str) -> Found<Cow<'a, str>> {
        let first = match self.find(name) {
            Found::One(first) => first,
            Found::Nothing => return Found::Nothing,
            Found::Unusable => return Found::Unusable,
        };
        let Some((count, chunk)) = first.split_once('.') else { return Found::Unusable };
        match count.parse::<usize>() {
            Ok(1) => Found::One(Cow::Borrowed(chunk)),
            Ok(count @ 2..=MOST_CHUNKS) => self.joined(name, chunk, count).map_or(Found::Unusable, Found::One),
            _ => Found::Unusable,
        }
    }

    fn joined(&self, name: &str, first: &str, count: usize) -> Option<Cow<'a, str>> {
        let mut whole = first.to_owned();
        for number in 1..count {
            whole.push_str(self.find(&chunk_name(name, number)).one()?);
        }
        Some(Cow::Owned(whole))
    }

    /// The names of the attempts of one family, the oldest first: browsers send what they got first first.
    pub fn attempts(&self, family: &str) -> Vec<&'a str> {
        if self.is_beyond_bounds() {
            return Vec::new();
        }
        let names = self.pairs().filter_map(|(name, _)| std::str::from_utf8(name).ok());
        names.filter(|name| name.starts_with(family) && !name.contains('.')).collect()
    }

    /// The cookies to take away before another attempt of `family` begins, so that they do not pile up.
    #[must_use]
    pub fn surplus(&self, family: &str) -> Vec<String> {
        let attempts = self.attempts(family);
        let surplus = attempts.len().saturating_sub(MOST_ATTEMPTS - 1);
        attempts.iter().take(surplus).flat_map(|name| self.all_of(name)).collect()
    }

    /// The names of all cookies over which an attempt is spread.
    #[must_use]
    pub fn all_of(&self, name: &str) -> Vec<String> {
        let chunks = (1..MOST_CHUNKS).map(|number| chunk_name(name, number));
        let present = chunks.filter(|chunk| self.find(chunk) != Found::Nothing);
        std::iter::once(name.to_owned()).chain(present).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.lines.iter().copied().flat_map(split_pairs).map(|pair| {
            let pair = pair.trim_ascii();
            let end = pair.iter().position(|byte| *byte == b'=');
            // Without `=` it is a value without a name, as browsers read it: never one of ours.
            match end.and_then(|end| pair.split_at_checked(end)) {
                Some((name, value)) => (name.trim_ascii_end(), value.get(1..).unwrap_or_default().trim_ascii_start()),
                None => (&[][..], pair),
            }
        })
    }

    fn is_beyond_bounds(&self) -> bool {
        let bytes: usize = self.lines.iter().map(|line| line.len()).sum();
        bytes > MOST_BYTES
            || self.lines.iter().copied().flat_map(split_pairs).take(MOST_COOKIES + 1).count() > MOST_COOKIES
    }
}

fn split_pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';')
}

/// One `Cookie` field as the upstream may see it: without our cookies in any spelling, `None` if nothing is left. What has
/// none of ours is left as it is, byte for byte.
#[must_use]
pub fn without_ours(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    let prefix = PREFIX.as_bytes();
    let has_ours = line.windows(prefix.len()).any(|part| part.eq_ignore_ascii_case(prefix));
    if !has_ours {
        return Some(Cow::Borrowed(line));
    }
    let kept: Vec<&[u8]> = split_pairs(line).map(<[u8]>::trim_ascii).filter(|pair| !is_ours(pair)).collect();
    let kept: Vec<&[u8]> = kept.into_iter().filter(|pair| !pair.is_empty()).collect();
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
