//! Sessions that a core has opened a moment ago: a browser sends the same cookie with each of its requests, and to open it
//! costs more than all else that is asked about it.
//!
//! Invariant: a session is found by the very text that was opened, for the same application and host, under the keys of this
//! moment. Whether it still counts is nobody's business here.

use std::rc::Rc;
use std::sync::Arc;

use adit_core::ApplicationId;
use adit_identity::{Audience, SealingRing, Session};

use crate::lately::Lately;

/// The last characters of a sealed text, in which its tag is: by these it is looked up, and then compared whole.
const TAIL: usize = 24;

/// What was opened lately, by the ends of the texts.
pub(crate) type OpenedLately = Lately<[u8; TAIL], Opened>;

/// A session, and of what it was opened.
pub(crate) struct Opened {
    text: Box<str>,
    ring: Arc<SealingRing>,
    application: ApplicationId,
    host: Rc<str>,
    session: Rc<Session>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("session", &self.session.id).finish_non_exhaustive()
    }
}

/// The session that a cookie of an application at `host` says, if it opens.
pub(super) fn session(
    lately: &mut OpenedLately,
    ring: &Arc<SealingRing>,
    (application, host): (ApplicationId, &Rc<str>),
    text: &str,
) -> Option<Rc<Session>> {
    let tail = text.as_bytes().last_chunk::<TAIL>()?;
    let is_right = |opened: &Opened| {
        Arc::ptr_eq(&opened.ring, ring)
            && opened.application == application
            && opened.host == *host
            && *opened.text == *text
    };
    if let Some(opened) = lately.find(tail, is_right) {
        return Some(Rc::clone(&opened.session));
    }
    let session = Rc::new(Session::open(ring, Audience::application(application, host), text).ok()?);
    let (text, ring, host) = (Box::from(text), Arc::clone(ring), Rc::clone(host));
    let opened = Opened { text, ring, application, host, session: Rc::clone(&session) };
    lately.keep(*tail, Rc::new(opened));
    Some(session)
}

#[cfg(test)]
mod tests {
    use adit_identity::SealingSecret;
    use uuid::Uuid;

    use super::*;
    use crate::sign_in::gate::Visitor;

    #[test]
    fn what_was_opened_is_found_by_the_same_text_at_the_same_place_under_the_same_keys_only() {
        let secrets = [(); 3].map(|()| SealingSecret::generate().unwrap());
        let ring = |current: usize, previous| Arc::new(SealingRing::new(&secrets[current], previous).unwrap());
        let (first, turned) = (ring(0, None), ring(1, Some(&secrets[0])));
        let (wiki, mail) = (ApplicationId::new(Uuid::from_u128(1)), ApplicationId::new(Uuid::from_u128(2)));
        let (host, other_host) = (Rc::from("wiki.example"), Rc::from("mail.example"));
        let here = Audience::application(wiki, &host);
        let text = Visitor::imagined(1, "Ada").session.seal(&first, here).unwrap();
        let mut lately = OpenedLately::default();
        let opened = session(&mut lately, &first, (wiki, &host), &text).unwrap();
        let again = session(&mut lately, &first, (wiki, &host), &text).unwrap();
        assert!(Rc::ptr_eq(&opened, &again), "it is not opened twice");

        assert!(session(&mut lately, &first, (mail, &host), &text).is_none());
        assert!(session(&mut lately, &first, (wiki, &other_host), &text).is_none());
        for odd in ["", "short", &text[1..], &format!("A{text}"), &format!("B{}", &text[1..])] {
            assert!(session(&mut lately, &first, (wiki, &host), odd).is_none(), "{odd}");
        }
        // The previous key still opens, and an older one does not, whatever was opened before.
        assert_eq!(session(&mut lately, &turned, (wiki, &host), &text), Some(opened));
        assert!(session(&mut lately, &ring(2, Some(&secrets[1])), (wiki, &host), &text).is_none());
    }
}
