//! The identity in use: what the links show, and what is in the data folder. Both change together and one change at a
//! time, whichever link asks for it.
//!
//! What cannot be written is in use all the same, and written as soon as it can be: a full disk must not cost the
//! connection. Once another identity has taken its place, nothing of it reaches the data folder any more.

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
    /// It is in the folder as it is.
    is_kept: bool,
    is_replaced: bool,
}

impl OwnIdentity {
    /// The one that is in the folder.
    pub(crate) fn new(folder: Arc<IdentityFolder>, identity: Identity) -> Arc<Self> {
        let current = Current { identity: Arc::new(identity), is_kept: true, is_replaced: false };
        Arc::new(Self { folder, current: Mutex::new(current) })
    }

    pub(crate) fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.lock().identity)
    }

    /// Changes it, also if that cannot be written.
    pub(crate) fn change(&self, change: impl FnOnce(&Identity) -> Identity) -> Result<(), FolderError> {
        let mut current = self.lock();
        current.identity = Arc::new(change(&current.identity));
        current.is_kept = false;
        self.keep(&mut current)
    }

    /// Writes what could not be written when it changed; `true` if there was something.
    pub(crate) fn keep_again(&self) -> Result<bool, FolderError> {
        let mut current = self.lock();
        let is_left = !current.is_kept && !current.is_replaced;
        self.keep(&mut current)?;
        Ok(is_left)
    }

    /// Puts a later registration in its place, also if that cannot be written.
    pub(crate) fn replaced_by(&self, later: Identity) -> (Arc<Self>, Result<(), FolderError>) {
        let mut current = self.lock();
        current.is_replaced = true;
        let later = Self::new(Arc::clone(&self.folder), later.after(Some(&current.identity)));
        let kept = later.change(Identity::clone);
        (later, kept)
    }

    fn keep(&self, current: &mut Current) -> Result<(), FolderError> {
        if !current.is_kept && !current.is_replaced {
            self.folder.keep(&current.identity)?;
            current.is_kept = true;
        }
        Ok(())
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

    fn of(connector: &str) -> Identity {
        let (ca, certificate) = (CertificateDer::from(Vec::new()), Binary(Vec::new()));
        Identity::new(String::new(), connector.to_owned(), String::new(), &ca, certificate, (0, 1), true)
    }

    #[test]
    fn what_the_links_of_an_identity_learn_after_it_was_replaced_is_not_kept() {
        let path = tempfile::tempdir().unwrap();
        let folder = Arc::new(IdentityFolder::open(path.path()).unwrap());
        let kept = || folder.identity().unwrap().unwrap();
        let old = OwnIdentity::new(Arc::clone(&folder), of("old"));
        old.change(|identity| identity.renewed(Binary(Vec::new()), 0, 2, true)).unwrap();
        assert_eq!((kept().connector.as_str(), kept().not_after), ("old", 2));
        let (new, written) = old.replaced_by(of("new"));
        written.unwrap();
        old.change(|identity| identity.renewed(Binary(Vec::new()), 0, 3, true)).unwrap();
        assert_eq!((old.current().not_after, kept().connector.as_str()), (3, "new"));
        new.change(|identity| identity.renewed(Binary(Vec::new()), 0, 4, true)).unwrap();
        assert_eq!(kept().not_after, 4);
    }

    #[test]
    fn what_could_not_be_written_is_used_and_written_when_it_can_be() {
        let path = tempfile::tempdir().unwrap();
        let folder = Arc::new(IdentityFolder::open(path.path()).unwrap());
        let old = OwnIdentity::new(Arc::clone(&folder), of("old"));
        // A folder of its name: nothing can be put in its place.
        let file = path.path().join("connector.json");
        std::fs::create_dir(&file).unwrap();
        std::fs::write(file.join("full"), "").unwrap();
        assert!(old.change(|identity| identity.renewed(Binary(Vec::new()), 0, 2, true)).is_err());
        let (new, written) = old.replaced_by(of("new"));
        assert!(written.is_err() && new.keep_again().is_err());
        assert_eq!((old.current().not_after, new.current().connector.as_str()), (2, "new"));
        std::fs::remove_dir_all(&file).unwrap();
        assert!(!old.keep_again().unwrap(), "it was replaced");
        assert!(new.keep_again().unwrap() && !new.keep_again().unwrap());
        assert_eq!(folder.identity().unwrap().unwrap().connector, "new");
    }
}
