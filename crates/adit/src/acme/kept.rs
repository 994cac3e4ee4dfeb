//! What is kept of an authority in the data folder, in a folder of its own: `acme/AUTHORITY/HOST.pem` with the key and
//! the chain, the account, and what failed. Each file is written whole and 0600.
//!
//! A folder for each directory URL, so that a move from a test authority to a real one orders everything anew.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use adit_gateway::ServerCertificate;
use url::Url;

use crate::certificate::CertificateFile;
use crate::data_folder::{DataFolderError, write_whole};

/// The folder of one authority.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// The folder for `directory` below `acme`; made if there is none.
    pub(super) fn open(acme: &Path, directory: &Url) -> Result<Self, DataFolderError> {
        let folder = acme.join(name_of(directory));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| DataFolderError::NotWritten { path: folder.clone(), source })?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn failures(&self) -> PathBuf {
        self.folder.join("failures.json")
    }

    /// The certificates of the hosts for which `wanted` holds. One that cannot be used is ordered anew.
    pub(super) fn load(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, ServerCertificate)> {
        let names = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()),
            Err(error) => {
                tracing::error!(folder = %self.folder.display(), %error, "ACME certificates cannot be read");
                return Vec::new();
            }
        };
        let hosts = names.filter_map(|name| name.strip_suffix(".pem").map(ToOwned::to_owned));
        hosts.filter(|host| wanted(host)).filter_map(|host| Some((host.clone(), self.read(&host)?))).collect()
    }

    fn read(&self, host: &str) -> Option<ServerCertificate> {
        let path = self.path(host);
        let read = CertificateFile { certificate: path.clone(), key: path }.read();
        read.inspect_err(|error| tracing::warn!(%error, "a kept ACME certificate is not used")).ok()
    }

    /// Keeps a key and its chain.
    pub(super) fn keep(&self, host: &str, pem: &str) -> Result<(), DataFolderError> {
        write_whole(&self.path(host), pem.as_bytes())
    }

    /// Removes what is kept of a host.
    pub(super) fn remove(&self, host: &str) {
        match fs::remove_file(self.path(host)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(host, %error, "the key of a host that is not published any more was not removed");
            }
            _ => {}
        }
    }

    /// Hosts have the characters of names alone ([`super::AcmeSettings::covers`]), so this stays inside the folder.
    fn path(&self, host: &str) -> PathBuf {
        self.folder.join(format!("{host}.pem"))
    }
}

/// A folder name that says which directory: host, port and path.
fn name_of(directory: &Url) -> String {
    let text = directory.as_str();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' };
    text.trim_end_matches('/').chars().map(plain).take(150).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_private_and_found_again() {
        let data = tempfile::tempdir().unwrap();
        let directory = Url::parse("https://acme.example:14000/dir").unwrap();
        let kept = Kept::open(&data.path().join("acme"), &directory).unwrap();
        assert!(kept.folder().ends_with("acme/acme.example-14000-dir"));
        let made = rcgen::generate_simple_self_signed(["a.example.com".to_owned()]).unwrap();
        let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
        kept.keep("a.example.com", &pem).unwrap();
        kept.keep("b.example.com", "damaged").unwrap();
        fs::write(kept.folder().join("account.json"), "{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(kept.folder()), 0o700);
        assert_eq!(mode(&kept.path("a.example.com")), 0o600);

        let again = Kept::open(&data.path().join("acme"), &directory).unwrap();
        let found = again.load(|_| true);
        assert_eq!(found.iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>(), ["a.example.com"]);
        assert!(again.load(|host| host == "c.example.com").is_empty());
        again.remove("a.example.com");
        again.remove("a.example.com");
        assert!(again.load(|_| true).is_empty());
    }
}
