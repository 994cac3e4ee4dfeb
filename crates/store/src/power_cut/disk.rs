//! A disk that keeps what was synced, and of the rest what chance will.
//!
//! Names are kept as file systems with a journal do: one that was made or removed counts for good once anything is synced
//! after it, and may be lost until then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::trace::Event;

/// What a disk writes at once: of a longer piece some of these may be there and others not.
const SECTOR: usize = 512;

/// A file: what is on the disk, and what is not yet.
#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    /// Whether its name is on the disk.
    has_name: bool,
    /// Whether it was removed, and that is not on the disk.
    is_removed: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => write(content, *at, bytes),
            Self::Cut(length) => content.resize(*length, 0),
        }
    }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<PathBuf, File>,
}

impl Disk {
    /// Takes in what happened. The memory that connections share is no file that outlives a power cut.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Opened(path) => {
                let file = self.files.entry(path.clone()).or_default();
                if file.is_removed {
                    *file = File::default();
                }
            }
            Event::Written(path, at, bytes) => self.change(path, Change::Write(*at, bytes.clone())),
            Event::Cut(path, length) => self.change(path, Change::Cut(*length)),
            Event::Synced(path) => {
                if let Some(file) = self.files.get_mut(path) {
                    let File { synced, unsynced, .. } = file;
                    unsynced.drain(..).for_each(|change| change.apply(synced));
                }
                self.files.retain(|_, file| !file.is_removed);
                self.files.values_mut().for_each(|file| file.has_name = true);
            }
            Event::Removed(path) => {
                if let Some(file) = self.files.get_mut(path) {
                    file.is_removed = true;
                }
            }
            Event::Said(_) => {}
        }
    }

    fn change(&mut self, path: &Path, change: Change) {
        self.files.entry(path.to_owned()).or_default().unsynced.push(change);
    }

    /// Writes what a power cut leaves to `folder`.
    pub(super) fn cut(&self, folder: &Path, random: &mut fastrand::Rng) {
        for (path, file) in &self.files {
            let name = path.file_name().unwrap();
            let is_shared_memory = name.to_string_lossy().ends_with("-shm");
            let is_there = (file.has_name || random.bool()) && !(file.is_removed && random.bool());
            if is_there && !is_shared_memory {
                std::fs::write(folder.join(name), file.left(random)).unwrap();
            }
        }
    }
}

impl File {
    /// How likely a piece is there differs from cut to cut: nothing, everything, and what is between.
    fn left(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let likely = random.u8(0..=4);
        let keeps = |random: &mut fastrand::Rng| random.u8(0..4) < likely;
        let mut content = self.synced.clone();
        for change in &self.unsynced {
            match change {
                Change::Write(at, bytes) => {
                    let is_torn = random.u8(0..4) == 0;
                    if !is_torn && keeps(random) {
                        write(&mut content, *at, bytes);
                    } else if is_torn {
                        let sectors = (*at..).step_by(SECTOR).zip(bytes.chunks(SECTOR));
                        sectors.filter(|_| keeps(random)).for_each(|(at, bytes)| write(&mut content, at, bytes));
                    }
                }
                Change::Cut(_) if keeps(random) => change.apply(&mut content),
                Change::Cut(_) => {}
            }
        }
        content
    }
}

#[test]
fn what_was_synced_stays_and_the_rest_may_be_there_be_gone_or_be_torn() {
    let path = PathBuf::from("/d/a");
    let mut disk = Disk::default();
    let written = |at, byte| Event::Written(path.clone(), at, vec![byte; 1024]);
    for event in [Event::Opened(path.clone()), written(0, 1), Event::Synced(path.clone()), written(0, 2)] {
        disk.apply(&event);
    }
    let (mut random, mut seen) = (fastrand::Rng::with_seed(1), std::collections::BTreeSet::new());
    for _ in 0..200 {
        let folder = tempfile::tempdir().unwrap();
        disk.cut(folder.path(), &mut random);
        let content = std::fs::read(folder.path().join("a")).unwrap();
        assert_eq!(content.len(), 1024);
        seen.insert((content[0], content[600]));
    }
    assert_eq!(Vec::from_iter(seen), [(1, 1), (1, 2), (2, 1), (2, 2)]);
}

#[test]
fn a_name_that_was_made_or_removed_is_sure_once_anything_is_synced() {
    let (log, other) = (PathBuf::from("/d/log"), PathBuf::from("/d/other"));
    let mut disk = Disk::default();
    let there = |disk: &Disk| {
        let mut random = fastrand::Rng::with_seed(1);
        let cuts = (0..100).filter(|_| {
            let folder = tempfile::tempdir().unwrap();
            disk.cut(folder.path(), &mut random);
            folder.path().join("log").exists()
        });
        cuts.count()
    };
    disk.apply(&Event::Opened(other.clone()));
    disk.apply(&Event::Opened(log.clone()));
    assert!((1..100).contains(&there(&disk)));
    disk.apply(&Event::Synced(other.clone()));
    assert_eq!(there(&disk), 100);
    disk.apply(&Event::Removed(log));
    assert!((1..100).contains(&there(&disk)));
    disk.apply(&Event::Synced(other));
    assert_eq!(there(&disk), 0);
}
