//! The keys under which sessions of users are sealed: the current one and the one before it, in a file of the data folder.
//!
//! A new one is made each day, or when the longest session could have ended, whichever is later: the key before opens what
//! was sealed under it for as long again. A file that is lost or cannot be read signs everybody out, and nothing else.
//!
//! The file has a line for each key, the current one first: when it was made (seconds since 1970), and the key.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_identity::{NotSealed, SealingRing, SealingSecret};
use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::data_folder::{DataFolderError, write_whole};

/// How long a key seals at least.
const SHORTEST_TERM: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is looked whether a key's term is over.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSessionKeys {
    #[error("the keys of sessions could not be made: {0}")]
    NotMade(#[from] NotSealed),
    #[error(transparent)]
    NotKept(#[from] DataFolderError),
}

/// A key, and since when it seals.
#[derive(Clone)]
struct Key {
    since: i64,
    secret: SealingSecret,
}

/// The keys, and their file.
pub(crate) struct SessionKeys {
    path: PathBuf,
    current: Key,
    previous: Option<Key>,
    term: Duration,
    ring: Arc<ArcSwap<SealingRing>>,
}

impl SessionKeys {
    /// Reads the keys at `path`, and makes what is missing or too old. Sessions last for `longest` at most.
    ///
    /// # Errors
    /// [`NoSessionKeys`].
    pub(crate) fn open(path: PathBuf, longest: Duration) -> Result<Self, NoSessionKeys> {
        Self::open_at(path, longest, Timestamp::now().as_second())
    }

    fn open_at(path: PathBuf, longest: Duration, now: i64) -> Result<Self, NoSessionKeys> {
        let mut keys = read(&path).into_iter();
        let known = keys.next();
        let is_new = known.is_none();
        let current = match known {
            Some(known) => known,
            None => Key { since: now, secret: SealingSecret::generate()? },
        };
        let previous = keys.next();
        let ring = SealingRing::new(&current.secret, previous.as_ref().map(|key| &key.secret))?;
        let term = longest.max(SHORTEST_TERM);
        let mut keys = Self { path, current, previous, term, ring: Arc::new(ArcSwap::from_pointee(ring)) };
        if is_new {
            keys.write()?;
        }
        keys.rotate(now)?;
        Ok(keys)
    }

    /// The ring of the keys, which is swapped when they are.
    pub(crate) fn ring(&self) -> Arc<ArcSwap<SealingRing>> {
        Arc::clone(&self.ring)
    }

    /// Makes a new key whenever the term of the current one is over.
    pub(crate) async fn keep(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.rotate(Timestamp::now().as_second()) {
                tracing::error!(%error, "sessions are still sealed under an old key");
            }
        }
    }

    fn rotate(&mut self, now: i64) -> Result<(), NoSessionKeys> {
        let age = u64::try_from(now.saturating_sub(self.current.since)).unwrap_or_default();
        if Duration::from_secs(age) < self.term {
            return Ok(());
        }
        let next = Key { since: now, secret: SealingSecret::generate()? };
        // One that could open nothing any more is not kept.
        let opens = Duration::from_secs(age) < self.term * 2;
        let last = std::mem::replace(&mut self.current, next);
        self.previous = opens.then_some(last);
        // Kept before anything is sealed under it.
        self.write()?;
        let previous = self.previous.as_ref().map(|key| &key.secret);
        self.ring.store(Arc::new(SealingRing::new(&self.current.secret, previous)?));
        tracing::info!("sessions are sealed under a new key");
        Ok(())
    }

    fn write(&self) -> Result<(), DataFolderError> {
        let line = |key: &Key| format!("{} {}\n", key.since, *key.secret.to_text());
        let text: String = std::iter::once(&self.current).chain(&self.previous).map(line).collect();
        write_whole(&self.path, text.as_bytes())
    }
}

/// The keys of a file; none of one that cannot be read.
fn read(path: &std::path::Path) -> Vec<Key> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, file = %path.display(), "the keys of sessions cannot be read: everybody is signed out");
            return Vec::new();
        }
    };
    let key = |line: &str| {
        let (since, secret) = line.split_once(' ')?;
        Some(Key { since: since.parse().ok()?, secret: SealingSecret::parse(secret)? })
    };
    text.lines().map(key).collect::<Option<Vec<_>>>().unwrap_or_else(|| {
        tracing::warn!(file = %path.display(), "the keys of sessions are damaged: everybody is signed out");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use adit_identity::{Audience, Purpose};

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: i64 = 24 * 60 * 60;

    fn opens(keys: &SessionKeys, text: &str) -> bool {
        keys.ring().load().open(Purpose::SignIn, Audience::sign_in_host("login.example"), text).is_ok()
    }

    fn sealed(keys: &SessionKeys) -> String {
        keys.ring().load().seal(Purpose::SignIn, Audience::sign_in_host("login.example"), b"x").unwrap()
    }

    #[test]
    fn keys_survive_a_restart_and_the_one_before_opens_for_one_term_more() {
        let folder = tempfile::tempdir().unwrap();
        let open = |now| SessionKeys::open_at(folder.path().join("session-keys"), HOUR, now).unwrap();
        let first = open(1000);
        let text = sealed(&first);
        assert!(opens(&open(1000 + DAY - 1), &text), "after a restart");
        let mut second = open(1000 + DAY);
        assert!(opens(&second, &text), "the key before");
        assert!(!opens(&first, &sealed(&second)), "a new key seals");
        assert!(opens(&open(1000 + DAY), &sealed(&second)), "and was kept first");
        second.rotate(1000 + 2 * DAY).unwrap();
        assert!(!opens(&second, &text), "two terms later");
        assert!(!opens(&open(1000 + 30 * DAY), &sealed(&second)), "after a long time without a server");
    }

    #[test]
    fn the_file_is_its_owners_alone_and_damage_signs_everybody_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session-keys");
        let keys = SessionKeys::open_at(path.clone(), HOUR, 1000).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = sealed(&keys);
        for damaged in ["", "1000", "1000 short", "x y\n"] {
            std::fs::write(&path, damaged).unwrap();
            let keys = SessionKeys::open_at(path.clone(), HOUR, 1000).unwrap();
            assert!(!opens(&keys, &text) && opens(&keys, &sealed(&keys)), "{damaged}");
        }
    }

    #[test]
    fn a_key_seals_as_long_as_the_longest_session() {
        let folder = tempfile::tempdir().unwrap();
        let open = |now| SessionKeys::open_at(folder.path().join("session-keys"), HOUR * 24 * 10, now).unwrap();
        let text = sealed(&open(1000));
        assert!(opens(&open(1000 + 9 * DAY), &text));
        let second = open(1000 + 10 * DAY);
        assert!(opens(&second, &text));
    }
}
