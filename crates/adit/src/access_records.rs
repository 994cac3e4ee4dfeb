//! Where the gateway's access records go: to stdout, to a file, or nowhere.
//!
//! A file is only ever appended to. When it was renamed or removed, or on SIGHUP, it is opened anew by its name, so that
//! whatever rotates logs works without telling this process, or by telling it in the usual way. What is called here runs
//! on the thread that writes records, never on a core.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use adit_gateway::RecordDestination;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether the file is still where it was.
const LOOK: Duration = Duration::from_millis(200);

/// Records name clients' addresses and paths: whoever collects logs may read them, others may not.
const MODE: u32 = 0o640;

/// Where access records go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum AccessRecords {
    /// To stdout, where a service manager or a container's runtime collects them.
    #[default]
    Stdout,
    /// Nowhere.
    Off,
    /// To a file.
    File(PathBuf),
}

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("access records cannot be written to {}: {source}", path.display())]
pub(crate) struct NotWritable {
    path: PathBuf,
    source: io::Error,
}

impl AccessRecords {
    /// The same, with a path of a configuration file taken as relative to the file's folder.
    pub(crate) fn beside(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            other => other,
        }
    }

    /// Opens the destination. From here on SIGHUP has a file opened anew.
    ///
    /// # Errors
    /// [`NotWritable`].
    pub(crate) fn open(&self) -> Result<Option<Box<dyn RecordDestination>>, NotWritable> {
        match self {
            Self::Off => Ok(None),
            Self::Stdout => Ok(Some(Box::new(Stdout))),
            Self::File(path) => {
                let failed = |source| NotWritable { path: path.clone(), source };
                let file = RecordFile::open(path).map_err(failed)?;
                file.reopen_on_hangup().map_err(failed)?;
                Ok(Some(Box::new(file)))
            }
        }
    }
}

impl FromStr for AccessRecords {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "off" => Ok(Self::Off),
            "" => Err("access records go to 'stdout', to a file, or 'off'".to_owned()),
            path => Ok(Self::File(path.into())),
        }
    }
}

struct Stdout;

impl RecordDestination for Stdout {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(lines)?;
        stdout.flush()
    }
}

/// A file that may be rotated away.
struct RecordFile {
    path: PathBuf,
    file: File,
    /// Somebody asked for the file to be opened anew.
    asked: Arc<AtomicBool>,
    looked: Instant,
    /// The last line is not whole: the disk was full.
    torn: bool,
}

impl RecordFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = appending(path)?;
        Ok(Self { path: path.to_owned(), file, asked: Arc::default(), looked: Instant::now(), torn: false })
    }

    fn reopen_on_hangup(&self) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let asked = Arc::clone(&self.asked);
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                asked.store(true, Ordering::Relaxed);
            }
        });
        Ok(())
    }

    /// Whether the file is no longer the one of that name.
    fn was_rotated(&mut self) -> bool {
        if self.asked.swap(false, Ordering::Relaxed) {
            return true;
        }
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let (named, own) = (std::fs::metadata(&self.path).map(place), self.file.metadata().map(place));
        named.ok() != own.ok()
    }

    fn reopen(&mut self) {
        match appending(&self.path) {
            Ok(file) => (self.file, self.torn) = (file, false),
            // What it is called now is still better than losing records.
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "access records go on in the old file"),
        }
    }
}

impl RecordDestination for RecordFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.was_rotated() {
            self.reopen();
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        let written = self.file.write_all(lines);
        self.torn = written.is_err();
        written
    }
}

fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_word_or_a_path_says_where_they_go() {
        let parsed = |text: &str| text.parse::<AccessRecords>().unwrap();
        assert_eq!(parsed("stdout"), AccessRecords::Stdout);
        assert_eq!(parsed("off"), AccessRecords::Off);
        assert_eq!(parsed("./off"), AccessRecords::File("./off".into()));
        assert_eq!(parsed("a.jsonl").beside(Path::new("/etc/adit")), AccessRecords::File("/etc/adit/a.jsonl".into()));
        assert!("".parse::<AccessRecords>().is_err());
        assert_eq!(parsed("/var/a").beside(Path::new("/etc/adit")), AccessRecords::File("/var/a".into()));
    }

    #[test]
    fn a_file_is_appended_to_and_followed_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("access.jsonl"), folder.path().join("access.jsonl.1"));
        std::fs::write(&path, "before\n").unwrap();
        let mut file = RecordFile::open(&path).unwrap();
        file.write(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        file.looked = Instant::now().checked_sub(LOOK).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!((text(&old), text(&path)), ("before\none\n".to_owned(), "two\n".to_owned()));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o007, 0, "others may not read it");
        std::fs::remove_file(&path).unwrap();
        file.asked.store(true, Ordering::Relaxed);
        file.write(b"three\n").unwrap();
        assert_eq!(text(&path), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_anew_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let mut file = RecordFile::open(&below.join("access.jsonl")).unwrap();
        std::fs::rename(&below, folder.path().join("moved")).unwrap();
        file.asked.store(true, Ordering::Relaxed);
        file.write(b"one\n").unwrap();
        assert_eq!(text(&folder.path().join("moved/access.jsonl")), "one\n");
    }
}
