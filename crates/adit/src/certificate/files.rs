//! The administrator's certificates: files that the configuration lists, and those in the data folder's `certificates`.
//!
//! In the folder, `NAME.pem` (or `NAME.crt`) holds a chain, and its key is in `NAME.key`, in `NAME-key.pem` or in the
//! same file. Files may come, change and go at any time. One that cannot be used is an error at the start; later the one
//! from before stays in use.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use adit_gateway::ServerCertificate;

use super::file::{CertificateFile, CertificateFileError, Stamp};

/// What is known of the files.
#[derive(Debug)]
pub(crate) struct CertificateFiles {
    listed: Vec<CertificateFile>,
    folder: PathBuf,
    known: BTreeMap<CertificateFile, Known>,
}

#[derive(Debug)]
struct Known {
    stamp: Option<Stamp>,
    /// None if it never could be used.
    certificate: Option<ServerCertificate>,
}

impl CertificateFiles {
    /// Reads those that are listed and those in `folder`, which may be missing.
    ///
    /// # Errors
    /// [`CertificateFileError`], for the first that cannot be used.
    pub(crate) fn load(listed: Vec<CertificateFile>, folder: &Path) -> Result<Self, CertificateFileError> {
        let mut files = Self { listed, folder: folder.to_owned(), known: BTreeMap::new() };
        for file in files.wanted()? {
            // Before it is read: what is written in between is seen the next time.
            let stamp = file.stamp();
            let certificate = Some(file.read()?);
            files.known.insert(file, Known { stamp, certificate });
        }
        Ok(files)
    }

    /// Reads what has changed since, and says whether there is another certificate now.
    pub(crate) fn look_again(&mut self) -> bool {
        let wanted = match self.wanted() {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::warn!(%error, "the certificates of the folder stay as they were");
                return false;
            }
        };
        let mut changed = self.drop_all_but(&wanted);
        for file in wanted {
            let stamp = file.stamp();
            let before = self.known.get(&file);
            if before.is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            let earlier = before.and_then(|known| known.certificate.clone());
            let certificate = match file.read() {
                Ok(certificate) => {
                    let path = file.certificate.display();
                    tracing::info!(file = %path, names = ?certificate.names(), "a certificate was read");
                    changed = true;
                    Some(certificate)
                }
                Err(error) => {
                    let in_use = earlier.is_some();
                    tracing::warn!(%error, in_use, "a certificate was not read; one from before stays in use");
                    earlier
                }
            };
            self.known.insert(file, Known { stamp, certificate });
        }
        changed
    }

    /// Those that can be used.
    pub(crate) fn certificates(&self) -> Vec<ServerCertificate> {
        self.known.values().filter_map(|known| known.certificate.clone()).collect()
    }

    fn drop_all_but(&mut self, wanted: &[CertificateFile]) -> bool {
        let before = self.known.len();
        self.known.retain(|file, _| {
            let kept = wanted.contains(file);
            if !kept {
                tracing::info!(file = %file.certificate.display(), "a certificate was taken away");
            }
            kept
        });
        self.known.len() < before
    }

    fn wanted(&self) -> Result<Vec<CertificateFile>, CertificateFileError> {
        let unreadable = |source| CertificateFileError::Folder { path: self.folder.clone(), source };
        let mut wanted = self.listed.clone();
        let found = match in_folder(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found.map_err(unreadable)?,
        };
        wanted.extend(found);
        Ok(wanted)
    }
}

/// The certificates of a folder, each with its key.
fn in_folder(folder: &Path) -> io::Result<Vec<CertificateFile>> {
    let names: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let mut found = Vec::new();
    for path in names {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let is_certificate = path.extension().is_some_and(|ending| ending == "pem" || ending == "crt");
        if !is_certificate || name.starts_with('.') || name.ends_with("-key") {
            continue;
        }
        let beside = [path.with_extension("key"), path.with_file_name(format!("{name}-key.pem"))];
        let key = beside.into_iter().find(|key| key.exists()).unwrap_or_else(|| path.clone());
        found.push(CertificateFile { certificate: path, key });
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::file::tests::write;
    use super::*;

    fn hosts(files: &CertificateFiles) -> Vec<String> {
        files.certificates().iter().flat_map(|certificate| certificate.names().to_vec()).collect()
    }

    #[test]
    fn files_of_the_folder_come_change_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificates");
        let mut files = CertificateFiles::load(Vec::new(), &path).unwrap();
        assert!(!files.look_again(), "there need not be a folder");
        fs::create_dir(&path).unwrap();
        write(&path, "one", "one.example");
        assert!(files.look_again());
        assert!(!files.look_again());
        assert_eq!(hosts(&files), ["one.example"]);

        let another = write(folder.path(), "another", "two.example");
        fs::rename(another.certificate, path.join("one.pem")).unwrap();
        assert!(!files.look_again(), "half a renewal is not taken");
        assert_eq!(hosts(&files), ["one.example"]);
        fs::rename(another.key, path.join("one.key")).unwrap();
        assert!(files.look_again());
        assert_eq!(hosts(&files), ["two.example"]);

        fs::remove_file(path.join("one.pem")).unwrap();
        assert!(files.look_again());
        assert!(hosts(&files).is_empty());
    }

    #[test]
    fn keys_are_found_by_the_names_that_tools_give_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, "one", "one.example");
        let two = write(path, "two", "two.example");
        fs::rename(two.key, path.join("two-key.pem")).unwrap();
        let three = write(path, "three", "three.example");
        let both = [&three.certificate, &three.key].map(|path| fs::read_to_string(path).unwrap()).concat();
        fs::write(path.join("three.crt"), both).unwrap();
        fs::remove_file(three.key).unwrap();
        fs::remove_file(three.certificate).unwrap();
        fs::write(path.join("README.txt"), "not a certificate").unwrap();
        let files = CertificateFiles::load(Vec::new(), path).unwrap();
        assert_eq!(hosts(&files), ["one.example", "three.example", "two.example"]);
    }

    #[test]
    fn what_is_bad_at_the_start_is_an_error_and_later_the_last_good_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let listed = write(folder.path(), "listed", "listed.example");
        let bad = folder.path().join("certificates");
        fs::create_dir(&bad).unwrap();
        fs::write(bad.join("bad.pem"), "nonsense").unwrap();
        let refused = CertificateFiles::load(vec![listed.clone()], &bad).unwrap_err();
        assert!(refused.to_string().contains("bad.pem"), "{refused}");

        fs::remove_file(bad.join("bad.pem")).unwrap();
        let mut files = CertificateFiles::load(vec![listed.clone()], &bad).unwrap();
        fs::write(&listed.certificate, "nonsense").unwrap();
        fs::write(bad.join("bad.pem"), "nonsense").unwrap();
        assert!(!files.look_again());
        assert_eq!(hosts(&files), ["listed.example"]);
        fs::remove_file(&listed.certificate).unwrap();
        assert!(!files.look_again());
        assert_eq!(hosts(&files), ["listed.example"], "a listed file that is gone for a moment");
    }
}
