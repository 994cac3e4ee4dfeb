//! Sessions that stay with their connector: a cookie with a number, and the connector that belongs to it.
//!
//! The cookie names no connector. Every number prefers the connectors in an order of its own (highest random weight), so
//! that all gateways agree without telling each other; one that goes away moves only its own sessions, and gets them
//! back when it returns.

use std::borrow::Cow;
use std::cell::RefCell;

use adit_core::application::TrafficRouting;
use adit_core::connector::ConnectorIdentity;
use adit_core::snapshot::PublishedApplication;
use adit_identity::cookie;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// The cookie's name.
const NAME: &str = "__Host-adit-affinity";

/// The number of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session(pub(crate) u64);

impl Session {
    /// Reads the number out of a request's cookies.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, number) = pairs.find(|(name, _)| *name == NAME)?;
        let is_ours = number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours { u64::from_str_radix(number, 16).ok().map(Self) } else { None }
    }

    /// The field that gives a browser this number.
    fn set_cookie(self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{NAME}={:016x}; Path=/; Secure; HttpOnly; SameSite=Lax", self.0)).ok()
    }

    /// How much this session prefers a connector.
    pub(crate) fn weight(self, connector: ConnectorIdentity) -> u64 {
        let (high, low) = connector.connector.uuid().as_u64_pair();
        mixed(mixed(self.0 ^ low) ^ high)
    }
}

/// The session of one request, for an application whose sessions stay with their connector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affinity {
    pub(crate) session: Session,
    /// The browser does not know it yet.
    new: bool,
}

impl Affinity {
    /// `None` where the application does not ask for it.
    pub(crate) fn of(
        application: &PublishedApplication,
        headers: &HeaderMap,
        random: &RefCell<fastrand::Rng>,
    ) -> Option<Self> {
        if application.traffic_routing != TrafficRouting::SessionPersistence {
            return None;
        }
        let known = Session::of(headers);
        let session = known.unwrap_or_else(|| Session(random.borrow_mut().u64(..)));
        Some(Self { session, new: known.is_none() })
    }

    /// Tells the browser, if it does not know.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        if let Some(cookie) = self.session.set_cookie().filter(|_| self.new) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// Spreads every bit over all others (the finaliser of SplitMix64).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Takes the gateway's own cookies out of a request: they are between it and the browser.
pub(crate) fn withhold_cookies(headers: &mut HeaderMap) {
    let mut has_changed = false;
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| match cookie::without_ours(line.as_bytes()) {
        Some(Cow::Borrowed(_)) => Some(line.clone()),
        changed => {
            has_changed = true;
            HeaderValue::from_bytes(&changed?).ok()
        }
    });
    let lines: Vec<HeaderValue> = lines.collect();
    if !has_changed {
        return;
    }
    headers.remove(COOKIE);
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        headers.append(COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use adit_core::connector::KeyGeneration;
    use adit_core::id::ConnectorId;
    use uuid::Uuid;

    use super::*;

    fn cookies(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn connector(number: u128) -> ConnectorIdentity {
        ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(number)), generation: KeyGeneration(1) }
    }

    #[test]
    fn the_number_that_was_given_comes_back() {
        let session = Session(0x0123_4567_89ab_cdef);
        let given = session.set_cookie().unwrap();
        let pair = given.to_str().unwrap().split(';').next().unwrap();
        assert_eq!(Session::of(&cookies(&["a=1", &format!("b=2; {pair}; c=3")])), Some(session));
        for other in
            ["", "a=1", "__Host-adit-affinity=", "__Host-adit-affinity=xyz", "__Host-adit-affinity=+123456789abcdef"]
        {
            assert_eq!(Session::of(&cookies(&[other])), None, "{other}");
        }
    }

    #[test]
    fn upstreams_do_not_see_cookies_of_the_gateway() {
        for (line, left) in [
            ("a=1; __Host-adit-affinity=0; b=__Host-aditx", Some("a=1; b=__Host-aditx")),
            ("__Host-adit-affinity=0; __Host-adit-session=1", None),
            ("a=1;b=2", Some("a=1;b=2")),
        ] {
            let mut headers = cookies(&[line]);
            withhold_cookies(&mut headers);
            assert_eq!(headers.get(COOKIE).map(|line| line.to_str().unwrap()), left, "{line}");
        }
        let mut headers = cookies(&["a=1", "__Host-adit-session=1", "b=2; __HOST-ADIT-x=3", "", "c=4"]);
        withhold_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2", "c=4"]);
    }

    #[test]
    fn a_connector_that_goes_moves_only_its_own_sessions() {
        let all: Vec<_> = (1..=5).map(connector).collect();
        let preferred = |session: Session, among: &[ConnectorIdentity]| {
            *among.iter().max_by_key(|connector| session.weight(**connector)).unwrap()
        };
        let mut random = fastrand::Rng::with_seed(3);
        let sessions: Vec<Session> = (0..5000).map(|_| Session(random.u64(..))).collect();
        for connector in &all {
            let own = sessions.iter().filter(|session| preferred(**session, &all) == *connector).count();
            assert!((850..1150).contains(&own), "{own} of 5000 on one of five");
        }
        for session in sessions {
            let before = preferred(session, &all);
            let after = preferred(session, &all[1..]);
            assert!(before == after || before == all[0]);
        }
    }
}
