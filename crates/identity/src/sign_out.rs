//! Which session a browser wants to be signed out of, on its way from an application's host to the sign-in host: the cookie of
//! the sign-in host may be gone while the application's is still there.
//!
//! It can do nothing but end that session, and is sealed for the sign-in host, so that nobody makes one for another's.

use crate::compact::{Reader, Unreadable, Writer};
use crate::sealing::{Audience, NotOpened, NotSealed, Purpose, SealingRing};
use crate::session::{Session, SessionId};

/// A session that is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToEnd {
    /// Which.
    pub session: SessionId,
    /// When it would end by itself, in milliseconds since 1970.
    pub until: u64,
}

impl From<&Session> for ToEnd {
    fn from(session: &Session) -> Self {
        Self { session: session.id, until: session.ends }
    }
}

impl ToEnd {
    /// Seals it for the sign-in host (lower case, without port); it fits a query.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn seal(self, ring: &SealingRing, sign_in_host: &str) -> Result<String, NotSealed> {
        let mut writer = Writer::default();
        writer.bytes(&self.session.bytes()).number(self.until);
        ring.seal(Purpose::SignOut, Audience::sign_in_host(sign_in_host), &writer.done())
    }

    /// Opens it at the sign-in host.
    ///
    /// # Errors
    /// [`NotOpened`], whatever is wrong with it.
    pub fn open(ring: &SealingRing, sign_in_host: &str, text: &str) -> Result<Self, NotOpened> {
        let bytes = ring.open(Purpose::SignOut, Audience::sign_in_host(sign_in_host), text)?;
        Self::read(&bytes).map_err(|Unreadable| NotOpened)
    }

    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let (session, until) = (SessionId::from_bytes(reader.array()?), reader.number()?);
        reader.end().map(|()| Self { session, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::tests::ring;
    use crate::session::tests::session;

    #[test]
    fn the_session_that_is_to_be_ended_is_known_at_the_sign_in_host_alone() {
        let ring = ring(1, None);
        let wanted = ToEnd::from(&session());
        let text = wanted.seal(&ring, "login.example").unwrap();
        assert_eq!(ToEnd::open(&ring, "login.example", &text), Ok(wanted));
        assert_eq!(ToEnd::open(&ring, "other.example", &text), Err(NotOpened));
        let here = Audience::sign_in_host("login.example");
        assert_eq!(Session::open(&ring, here, &text), Err(NotOpened), "it is no session");
        let session = session().seal(&ring, here).unwrap();
        assert_eq!(ToEnd::open(&ring, "login.example", &session), Err(NotOpened));
    }
}
