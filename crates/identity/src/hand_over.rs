//! The way of a session from the sign-in host to an application's host, whose cookies are not each other's.
//!
//! 1. [`leave`]: the application's host remembers the URL that was asked in a cookie of its own, with a binding that only
//!    this browser has, and sends the browser to the sign-in host with a sealed request.
//! 2. [`HandOverRequest::open`] and [`HandOverRequest::answer`]: when somebody has signed in there, the sign-in host sends
//!    the browser back with a sealed code.
//! 3. [`redeem`]: the application's host takes the code, once, and only from the browser with the binding.
//!
//! Invariant: a code opens once, at the one host and application that asked, within [`CODE_LIFE`], beside the cookie of the one
//! browser that asked. Whoever sees a code in a log or a history has nothing, and a code planted in another browser is
//! refused there. Times are in milliseconds since 1970.

use adit_core::ApplicationId;
use adit_core::revocation::Version;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::compact::{Reader, Unreadable, Writer};
use crate::cookie::{self, ATTEMPT_SECONDS, RequestCookies};
use crate::once::{Once, UsedBefore};
use crate::return_url::ReturnUrl;
use crate::sealing::{self, Audience, NotSealed, Purpose, SealingRing};
use crate::session::Session;

/// How long a code counts, in milliseconds, by the clock of whoever takes it: one redirect, on a slow line.
pub const CODE_LIFE: u64 = 60_000;

/// How far the clock of the gateway that made a code may be ahead of the one that takes it. It is short, because it prolongs
/// the life of a code.
const CODE_AHEAD: u64 = 5_000;

/// How long a user may be away to sign in, in milliseconds.
const AWAY: u64 = ATTEMPT_SECONDS * 1000;

/// How far the clocks of two gateways may differ, either way.
const SKEW: u64 = 60_000;

/// Why a hand-over came to nothing. The user starts again at the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandOverRefused {
    /// It was not sealed here, for this.
    #[error("the hand-over was not made for this place")]
    NotOurs,
    /// It took too long.
    #[error("the hand-over is too old")]
    Expired,
    /// This browser did not ask for it, or asked too long ago.
    #[error("this browser did not ask for the hand-over")]
    OtherBrowser,
    /// It was used before.
    #[error("the hand-over was used before")]
    Used,
}

/// What an application's host answers with when somebody has to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The `Set-Cookie` values.
    pub set_cookies: Vec<String>,
    /// What the sign-in host is asked; it fits a query.
    pub request: String,
}

/// Remembers what was asked, and makes the request to the sign-in host. What `cookies` have of older attempts makes room.
///
/// # Errors
/// [`NotSealed`].
pub fn leave(
    ring: &SealingRing,
    application: ApplicationId,
    host: &str,
    sign_in_host: &str,
    return_url: &ReturnUrl,
    cookies: &RequestCookies<'_>,
    now: u64,
) -> Result<Leaving, NotSealed> {
    let binding: [u8; 16] = sealing::random()?;
    let attempt = BASE64_URL_SAFE_NO_PAD.encode(sealing::random::<6>()?);
    let mut before = Writer::default();
    before.bytes(&binding).number(now).text(return_url.as_str());
    let here = Audience::application(application, host);
    let before = ring.seal(Purpose::BeforeSignIn, here, &before.done())?;
    let mut request = Writer::default();
    request.bytes(application.uuid().as_bytes()).bytes(&hashed(&binding)).number(now).text(host).text(&attempt);
    let request = ring.seal(Purpose::HandOverRequest, Audience::sign_in_host(sign_in_host), &request.done())?;
    let mut set_cookies: Vec<String> =
        cookies.surplus(&cookie::before_family(application)).iter().map(|name| cookie::remove(name)).collect();
    set_cookies.push(cookie::set_attempt(&cookie::before_name(application, &attempt), &before).ok_or(NotSealed)?);
    Ok(Leaving { set_cookies, request })
}

/// What an application's host asks of the sign-in host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOverRequest {
    /// For which application.
    pub application: ApplicationId,
    /// At which of its hosts.
    pub host: String,
    binding: [u8; 32],
    attempt: String,
}

impl HandOverRequest {
    /// Opens a request at the sign-in host.
    ///
    /// # Errors
    /// [`HandOverRefused`].
    pub fn open(ring: &SealingRing, sign_in_host: &str, text: &str, now: u64) -> Result<Self, HandOverRefused> {
        let opened = ring.open(Purpose::HandOverRequest, Audience::sign_in_host(sign_in_host), text);
        let bytes = opened.map_err(|_| HandOverRefused::NotOurs)?;
        let (request, made) = Self::read(&bytes).map_err(|_| HandOverRefused::NotOurs)?;
        in_time(made, AWAY, now)?;
        Ok(request)
    }

    fn read(bytes: &[u8]) -> Result<(Self, u64), Unreadable> {
        let mut reader = Reader::new(bytes);
        let application = ApplicationId::new(Uuid::from_bytes(reader.array()?));
        let (binding, made) = (reader.array()?, reader.number()?);
        let request = Self { application, binding, host: reader.text()?, attempt: reader.text()? };
        reader.end().map(|()| (request, made))
    }

    /// The code that hands `session` over to the application, when this gateway has the directory at version `at`; it fits
    /// a query.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn answer(&self, ring: &SealingRing, session: &Session, at: Version, now: u64) -> Result<String, NotSealed> {
        session.person.check().map_err(|_| NotSealed)?;
        let session = session.copy_for_application(at, now).to_bytes();
        let mut code = Writer::default();
        code.bytes(&sealing::random::<16>()?).bytes(&self.binding).number(now).text(&self.attempt);
        code.count(session.len()).bytes(&session);
        ring.seal(Purpose::HandOverCode, Audience::application(self.application, &self.host), &code.done())
    }
}

/// Somebody who has signed in and is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The session, for the application's own cookie.
    pub session: Session,
    /// Where the user wanted to go.
    pub return_url: ReturnUrl,
    /// The cookies that have served.
    pub remove: Vec<String>,
}

/// Takes a code at an application's host, and spends it, also where it is refused because the browser is another one.
/// `authority` is that of the application there, for [`ReturnUrl::parse`].
///
/// # Errors
/// [`HandOverRefused`].
pub fn redeem(
    ring: &SealingRing,
    application: ApplicationId,
    (host, authority): (&str, &str),
    code: &str,
    cookies: &RequestCookies<'_>,
    used: &UsedCodes,
    now: u64,
) -> Result<Arrived, HandOverRefused> {
    let here = Audience::application(application, host);
    let bytes = ring.open(Purpose::HandOverCode, here, code).map_err(|_| HandOverRefused::NotOurs)?;
    let code = Code::read(&bytes).map_err(|_| HandOverRefused::NotOurs)?;
    within(code.made, (CODE_AHEAD, CODE_LIFE), now)?;
    // Whoever brings it: one that went astray is of no use to anybody any more.
    used.take(code.number, now)?;
    let name = cookie::before_name(application, &code.attempt);
    let before = cookies.find_attempt(&name).one().ok_or(HandOverRefused::OtherBrowser)?;
    let before = ring.open(Purpose::BeforeSignIn, here, before).map_err(|_| HandOverRefused::OtherBrowser)?;
    let (binding, left, return_url) = read_before(&before).map_err(|_| HandOverRefused::OtherBrowser)?;
    verify_slices_are_equal(&hashed(&binding), &code.binding).map_err(|_| HandOverRefused::OtherBrowser)?;
    in_time(left, AWAY + CODE_LIFE, now)?;
    let return_url = ReturnUrl::parse(&return_url, authority).map_err(|_| HandOverRefused::NotOurs)?;
    Ok(Arrived { session: code.session, return_url, remove: vec![name] })
}

struct Code {
    number: [u8; 16],
    binding: [u8; 32],
    made: u64,
    attempt: String,
    session: Session,
}

impl Code {
    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let (number, binding, made, attempt) = (reader.array()?, reader.array()?, reader.number()?, reader.text()?);
        let length = reader.count()?;
        let session = Session::from_bytes(reader.bytes(length)?)?;
        reader.end().map(|()| Self { number, binding, made, attempt, session })
    }
}

fn read_before(bytes: &[u8]) -> Result<([u8; 16], u64, String), Unreadable> {
    let mut reader = Reader::new(bytes);
    let before = (reader.array()?, reader.number()?, reader.text()?);
    reader.end().map(|()| before)
}

fn hashed(binding: &[u8; 16]) -> [u8; 32] {
    digest(&SHA256, binding).as_ref().try_into().unwrap_or_default()
}

/// Whether something counts that was made to be remembered for `life`, by clocks that differ.
fn in_time(made: u64, life: u64, now: u64) -> Result<(), HandOverRefused> {
    within(made, (SKEW, life + SKEW), now)
}

/// Whether `now` is no earlier than `ahead` before something was made, and `life` has not passed since.
fn within(made: u64, (ahead, life): (u64, u64), now: u64) -> Result<(), HandOverRefused> {
    let is_early = made > now.saturating_add(ahead);
    if is_early || now >= made.saturating_add(life) { Err(HandOverRefused::Expired) } else { Ok(()) }
}

/// The codes that this process has seen, for as long as they would count. One that was forgotten early is harmless still:
/// it needs the browser's own cookie, which is gone.
#[derive(Debug)]
pub struct UsedCodes(Once);

impl Default for UsedCodes {
    fn default() -> Self {
        Self(Once::new(CODE_AHEAD + CODE_LIFE))
    }
}

impl UsedCodes {
    fn take(&self, number: [u8; 16], now: u64) -> Result<(), HandOverRefused> {
        self.0.take(number, now).map_err(|UsedBefore| HandOverRefused::Used)
    }
}

#[cfg(test)]
mod tests;
