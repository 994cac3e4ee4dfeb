//! The identity in use: what the links show, and what is in the data folder. Both change together and one change at a
//! time, whichever link asks for it.
//!
//! What cannot be written is in use all the same until the process ends: a full disk must not cost the connection. Once
//! another identity has taken its place, nothing of it reaches the data folder any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::identity::{FolderError, Identity, IdentityFolder};

/// The identity of a running connector.
#[derive(Debug)]
pub(crate) struct OwnIdentity {
    folder: Arc<IdentityFolder>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    identity: Arc<Identity>,
    is_replaced: bool,
}

impl OwnIdentity {
    /// The one that is in the folder.
    pub(crate) fn new(folder: Arc<IdentityFolder>, identity: Identity) -> Arc<Self> {
        let current = Current { identity: Arc::new(identity), is_replaced: false };
        Arc::new(Self { folder, current: Mutex::new(current) })
    }

    pub(crate) fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.lock().identity)
    }

    /// Changes it, also if that cannot be written.
    pub(crate) fn change(&self, change: impl FnOnce(&Identity) -> Identity) -> Result<(), FolderError> {
        let mut current = self.lock();
        current.identity = Arc::new(change(&current.identity));
        if current.is_replaced { Ok(()) } else { self.folder.keep(&current.identity) }
    }

    /// Puts a later registration in its place.
    pub(crate) fn replaced_by(&self, later: Identity) -> Result<Arc<Self>, FolderError> {
        let mut current = self.lock();
        let later = later.after(Some(&current.identity));
        self.folder.keep(&later)?;
        current.is_replaced = true;
        Ok(Self::new(Arc::clone(&self.folder), later))
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use adit_tunnel::message::Binary;
    use rustls_pki_types::CertificateDer;

    use super::*;

    #[test]
    fn what_the_links_of_an_identity_learn_after_it_was_replaced_is_not_kept() {
        let path = tempfile::tempdir().unwrap();
        let folder = Arc::new(IdentityFolder::open(path.path()).unwrap());
        let of = |connector: &str| {
            let (ca, certificate) = (CertificateDer::from(Vec::new()), Binary(Vec::new()));
            Identity::new(String::new(), connector.to_owned(), String::new(), &ca, certificate, (0, 1), true)
        };
        let kept = || folder.identity().unwrap().unwrap();
        let old = OwnIdentity::new(Arc::clone(&folder), of("old"));
        old.change(|identity| identity.renewed(Binary(Vec::new()), 0, 2, true)).unwrap();
        assert_eq!((kept().connector.as_str(), kept().not_after), ("old", 2));
        let new = old.replaced_by(of("new")).unwrap();
        old.change(|identity| identity.renewed(Binary(Vec::new()), 0, 3, true)).unwrap();
        assert_eq!((old.current().not_after, kept().connector.as_str()), (3, "new"));
        new.change(|identity| identity.renewed(Binary(Vec::new()), 0, 4, true)).unwrap();
        assert_eq!(kept().not_after, 4);
    }
}
