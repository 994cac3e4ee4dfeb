//! The keys by which the gateway signs assertions for upstreams, in a file of the data folder.
//!
//! They change as those of the built-in provider do ([`key_plan`]): a new one is published a day before it signs, so that
//! whoever keeps a copy of the key set has it in time, and an old one for two days after, which is longer than anything lives that
//! it signed. Processes that follow each other read the same file, and so does a new start. A file that is lost or cannot be
//! read costs those upstreams a look at the key set, and nothing else.
//!
//! The file has a line for each key: from when on it signs (seconds since 1970), and the key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adit_control::Zeroizing;
use adit_core::signing_key::key_plan;
use adit_identity::{AssertionKey, AssertionKeyError, AssertionKeys};
use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::data_folder::{DataFolderError, write_whole};

/// How often it is looked whether a key is due.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAssertionKeys {
    #[error(transparent)]
    NotMade(#[from] AssertionKeyError),
    #[error(transparent)]
    NotKept(#[from] DataFolderError),
    #[error("the keys for assertions: none of them signs")]
    NoneSigns,
}

/// A key, from when on it signs, and how it is written.
struct Kept {
    begins: Timestamp,
    key: AssertionKey,
    text: Zeroizing<String>,
}

/// The keys, and their file.
pub(crate) struct AssertionKeyFile {
    path: PathBuf,
    all: Vec<Kept>,
    in_use: Arc<ArcSwap<AssertionKeys>>,
}

impl AssertionKeyFile {
    /// Reads the keys at `path`, and makes one if there is none that signs.
    ///
    /// # Errors
    /// [`NoAssertionKeys`].
    pub(crate) fn open(path: PathBuf) -> Result<Self, NoAssertionKeys> {
        Self::open_at(path, Timestamp::now())
    }

    fn open_at(path: PathBuf, now: Timestamp) -> Result<Self, NoAssertionKeys> {
        let mut all = read(&path)?;
        renew(&mut all, &path, now)?;
        let in_use = Arc::new(ArcSwap::from_pointee(in_use(&all, now)?));
        Ok(Self { path, all, in_use })
    }

    /// The keys in use, which are swapped when they change.
    pub(crate) fn in_use(&self) -> Arc<ArcSwap<AssertionKeys>> {
        Arc::clone(&self.in_use)
    }

    /// Makes, uses and forgets keys as they are due.
    pub(crate) async fn keep(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.look(Timestamp::now()) {
                tracing::error!(%error, "assertions are still signed by an old key");
            }
        }
    }

    fn look(&mut self, now: Timestamp) -> Result<(), NoAssertionKeys> {
        renew(&mut self.all, &self.path, now)?;
        let keys = in_use(&self.all, now)?;
        let known = self.in_use.load();
        if (keys.id(), keys.document()) != (known.id(), known.document()) {
            if keys.id() != known.id() {
                tracing::info!("assertions are signed by a new key");
            }
            self.in_use.store(Arc::new(keys));
        }
        Ok(())
    }
}

/// Makes the key that is due, forgets those that were outlived, and keeps what is left before any of it is used.
fn renew(all: &mut Vec<Kept>, path: &Path, now: Timestamp) -> Result<(), NoAssertionKeys> {
    let plan = key_plan(&begins(all), now);
    if plan.make.is_none() && plan.outlived.is_empty() {
        return Ok(());
    }
    let made = match plan.make {
        Some(begins) => {
            let (key, text) = AssertionKey::generate()?;
            Some(Kept { begins, key, text })
        }
        None => None,
    };
    let left = all.iter().enumerate().filter(|(place, _)| !plan.outlived.contains(place)).map(|(_, kept)| kept);
    write(path, left.chain(&made))?;
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        !plan.outlived.contains(&(place - 1))
    });
    all.extend(made);
    Ok(())
}

/// What signs, and what is published.
fn in_use(all: &[Kept], now: Timestamp) -> Result<AssertionKeys, NoAssertionKeys> {
    let signs = key_plan(&begins(all), now).signs.and_then(|place| all.get(place)).ok_or(NoAssertionKeys::NoneSigns)?;
    Ok(AssertionKeys::new(signs.key.clone(), all.iter().map(|kept| &kept.key)))
}

fn begins(all: &[Kept]) -> Vec<Timestamp> {
    all.iter().map(|kept| kept.begins).collect()
}

fn write<'k>(path: &Path, all: impl Iterator<Item = &'k Kept>) -> Result<(), DataFolderError> {
    let lines: Zeroizing<String> =
        Zeroizing::new(all.map(|kept| format!("{} {}\n", kept.begins.as_second(), *kept.text)).collect());
    write_whole(path, lines.as_bytes())
}

/// The keys of a file; none of one that is not there or is damaged. One that cannot be read at this moment is not replaced:
/// applications hold what it publishes.
fn read(path: &Path) -> Result<Vec<Kept>, DataFolderError> {
    let text = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(String::from_utf8_lossy(&Zeroizing::new(bytes)).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(DataFolderError::Unreadable { path: path.to_owned(), source }),
    };
    let key = |line: &str| {
        let (begins, text) = line.split_once(' ')?;
        let begins = Timestamp::from_second(begins.parse().ok()?).ok()?;
        let key = AssertionKey::from_text(text).ok()?;
        Some(Kept { begins, key, text: Zeroizing::new(text.to_owned()) })
    };
    Ok(text.lines().map(key).collect::<Option<Vec<_>>>().unwrap_or_else(|| {
        tracing::warn!(file = %path.display(), "the keys for assertions are damaged: new ones take their place");
        Vec::new()
    }))
}

#[cfg(test)]
mod tests {
    use adit_core::signing_key::{AFTERMATH, LEAD, PERIOD};
    use serde_json::{Value, json};

    use super::*;

    fn start() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    /// The ids of the keys that are published, the one that signs first.
    fn published(keys: &AssertionKeyFile) -> Vec<String> {
        let set: Value = serde_json::from_str(keys.in_use.load().document()).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    fn signs(keys: &AssertionKeyFile) -> String {
        keys.in_use.load().id().to_owned()
    }

    #[test]
    fn a_key_survives_a_restart_and_is_published_before_it_signs_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let open = |now| AssertionKeyFile::open_at(folder.path().join("assertion-keys"), now).unwrap();
        let mut keys = open(start());
        let first = signs(&keys);
        assert_eq!(published(&keys), [first.as_str()]);
        assert!(keys.in_use().load().sign(&json!({"aud": "wiki"})).is_ok());
        keys.look(start() + PERIOD - LEAD * 2).unwrap();
        assert_eq!(published(&keys), [first.as_str()], "nothing is due");
        keys.look(start() + PERIOD - LEAD).unwrap();
        let both = published(&keys);
        assert_eq!((both.len(), &both[0], signs(&keys)), (2, &first, first.clone()), "published, and does not sign");
        // Another process, at the same time and later, has the very same keys.
        assert_eq!(published(&open(start() + PERIOD - LEAD)), both);
        let mut next = open(start() + PERIOD);
        keys.look(start() + PERIOD).unwrap();
        for own in [&keys, &next] {
            assert_eq!(published(own), [both[1].clone(), first.clone()], "the old one is published still");
        }
        next.look(start() + PERIOD + AFTERMATH).unwrap();
        assert_eq!(published(&next), [both[1].as_str()]);
        assert_eq!(published(&open(start() + PERIOD + AFTERMATH)), [both[1].as_str()], "and it is not kept");
    }

    #[test]
    fn the_file_is_its_owners_alone_and_a_damaged_one_is_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assertion-keys");
        let first = signs(&AssertionKeyFile::open_at(path.clone(), start()).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for damaged in ["1000", "1000 short\n", "x y\n", "99999999999999999999 x\n"] {
            std::fs::write(&path, damaged).unwrap();
            let keys = AssertionKeyFile::open_at(path.clone(), start()).unwrap();
            assert_ne!(signs(&keys), first, "{damaged}");
            assert_eq!(signs(&AssertionKeyFile::open_at(path.clone(), start()).unwrap()), signs(&keys));
        }
    }

    #[test]
    fn a_file_that_is_there_and_cannot_be_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        // A folder of that name cannot be read by anybody, whatever the rights of the process.
        let path = folder.path().join("assertion-keys");
        std::fs::create_dir(&path).unwrap();
        let refused = AssertionKeyFile::open_at(path.clone(), start()).err().unwrap().to_string();
        assert!(refused.contains("assertion-keys cannot be read"), "{refused}");
        assert!(path.is_dir());
    }

    #[test]
    fn what_cannot_be_kept_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assertion-keys");
        let mut keys = AssertionKeyFile::open_at(path.clone(), start()).unwrap();
        let before = published(&keys);
        drop(folder);
        assert!(keys.look(start() + PERIOD).is_err());
        assert_eq!(published(&keys), before);
    }
}
