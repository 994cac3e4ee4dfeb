//! Where the directory is, and that it is the one which the data folder knows: a server that would begin with an empty
//! database, with the file that the directory was in before, or with an earlier copy is not started.

use std::path::PathBuf;

use adit_control::copy::{self, Found};
use adit_control::{CertificateAuthority, ControlPlane, Database, DatabaseUrl, Principals, SealingKey, Zeroizing};
use adit_core::{Epoch, Revision};

use super::StartError;
use crate::configuration::GatewayAddress;
use crate::data_folder::{DataFolder, Elsewhere};

/// The directory is not where it was said to be. Nothing was opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misplaced {
    #[error("the directory of data folder {} is in the database {database}, and no database was named", folder.display())]
    Elsewhere { folder: PathBuf, database: String },
    #[error("the database {database} is empty, and the data folder has a directory in {}", file.display())]
    NotCopied { database: String, file: PathBuf },
    #[error("the database {database} is empty, and the directory of the data folder was in {before} the last time")]
    Empty { database: String, before: String },
    #[error(
        "the directory in the database {database} is an earlier one: at revision {} of epoch {}, and in {newer} it was at \
         revision {} of epoch {}", found.1.0, found.0.0, known.1.0, known.0.0
    )]
    Earlier { database: String, newer: String, found: (Epoch, Revision), known: (Epoch, Revision) },
}

/// Opens the directory where it is, and notes in the data folder where that was.
pub(super) async fn open(
    folder: &DataFolder,
    database: Option<DatabaseUrl>,
    authority: CertificateAuthority,
    dialled: &GatewayAddress,
    principals: Principals,
) -> Result<ControlPlane, StartError> {
    let database = place(folder, database).await?;
    let elsewhere = match &database {
        Database::File(_) => None,
        Database::Server(url) => Some(url.to_string()),
    };
    let (sealing_key, made) = sealing_key(folder)?;
    let gateway_address = dialled.to_string();
    let settings = adit_control::Settings { database, authority, sealing_key, gateway_address };
    let control = ControlPlane::open(settings).await?;
    control.set_principals(principals);
    // Not before the directory has said that nothing is sealed under another key: then that one was lost, and a new file
    // in its place would hide it.
    if let Some(text) = made {
        folder.keep_sealing_key(&text)?;
    }
    if let Some(database) = elsewhere {
        tracing::info!(database, "the directory is on a database server");
        let version = control.snapshots().borrow().version();
        folder.keep_elsewhere(&Elsewhere::new(database, version))?;
    }
    Ok(control)
}

/// Closes the directory, and notes in the data folder how far it had come.
pub(super) async fn close(control: &ControlPlane, folder: &DataFolder) {
    control.close().await;
    let version = control.snapshots().borrow().version();
    if let Err(error) = folder.keep_version(version) {
        tracing::warn!(%error, "how far the directory has come was not noted");
    }
}

async fn place(folder: &DataFolder, database: Option<DatabaseUrl>) -> Result<Database, StartError> {
    let noted = folder.elsewhere()?;
    let file = Database::File(folder.directory());
    let Some(url) = database else {
        return match noted {
            None => Ok(file),
            Some(Elsewhere { database, .. }) => {
                Err(Misplaced::Elsewhere { folder: folder.path().to_owned(), database }.into())
            }
        };
    };
    let shown = url.to_string();
    let server = Database::Server(url);
    let found = copy::find(&server).await.map_err(adit_control::OpenError::from)?;
    let known = match noted {
        Some(noted) => Known::Noted(noted),
        None => match copy::find(&file).await.map_err(adit_control::OpenError::from)? {
            Some(left) => Known::InFile(folder.directory(), left.version),
            None => Known::Nothing,
        },
    };
    known.allows(shown, found.map(|Found { version, .. }| version))?;
    Ok(server)
}

/// What a data folder knows of its directory.
enum Known {
    /// It was in a database elsewhere.
    Noted(Elsewhere),
    /// It is in the folder's own file, at that version.
    InFile(PathBuf, (Epoch, Revision)),
    /// There was none.
    Nothing,
}

impl Known {
    /// Whether the directory may be served from `database`, which has one at the version `found`, or none.
    fn allows(self, database: String, found: Option<(Epoch, Revision)>) -> Result<(), Misplaced> {
        match (self, found) {
            (Self::Nothing, _) => Ok(()),
            (Self::InFile(file, _), None) => Err(Misplaced::NotCopied { database, file }),
            (Self::Noted(noted), None) => Err(Misplaced::Empty { database, before: noted.database }),
            // A copy begins an epoch, so what is not later is no copy of the file.
            (Self::InFile(file, known), Some(found)) if found.0 <= known.0 => {
                Err(Misplaced::Earlier { database, newer: file.display().to_string(), found, known })
            }
            (Self::Noted(noted), Some(found)) if found < noted.version() => {
                let known = noted.version();
                Err(Misplaced::Earlier { database, newer: noted.database, found, known })
            }
            (Self::InFile(..) | Self::Noted(_), Some(_)) => Ok(()),
        }
    }
}

/// The folder's sealing key; where there is none, a new one and what to keep of it.
fn sealing_key(folder: &DataFolder) -> Result<(SealingKey, Option<Zeroizing<String>>), StartError> {
    match folder.sealing_key()? {
        Some(text) => Ok((SealingKey::from_text(&text)?, None)),
        None => SealingKey::generate().map(|(key, text)| (key, Some(text))).map_err(StartError::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "postgres://adit@here/adit";
    const THERE: &str = "postgres://adit@there/adit";

    const fn version(epoch: u64, revision: u64) -> (Epoch, Revision) {
        (Epoch(epoch), Revision(revision))
    }

    fn noted(epoch: u64, revision: u64) -> Known {
        Known::Noted(Elsewhere::new(THERE.to_owned(), version(epoch, revision)))
    }

    fn in_file(epoch: u64) -> Known {
        Known::InFile("data/directory.sqlite".into(), version(epoch, 5))
    }

    fn allowed(known: Known, found: Option<(Epoch, Revision)>) -> Result<(), Misplaced> {
        known.allows(HERE.to_owned(), found)
    }

    #[test]
    fn a_folder_that_has_a_directory_begins_no_empty_one() {
        assert_eq!(allowed(Known::Nothing, None), Ok(()), "a new folder");
        let refused = allowed(in_file(1), None).unwrap_err();
        assert!(refused.to_string().contains("data/directory.sqlite"), "{refused}");
        let refused = allowed(noted(1, 5), None).unwrap_err().to_string();
        assert!(refused.contains(HERE) && refused.contains(THERE), "{refused}");
    }

    #[test]
    fn a_directory_is_followed_by_its_copy_and_not_the_copy_by_it() {
        let is_earlier = |known, found| matches!(allowed(known, Some(found)), Err(Misplaced::Earlier { .. }));
        assert_eq!(allowed(in_file(1), Some(version(1_800_000_000, 5))), Ok(()));
        assert!(is_earlier(in_file(1_800_000_000), version(1, 9)));
        assert!(is_earlier(in_file(1), version(1, 9)), "no copy of it");
        assert_eq!(allowed(noted(7, 5), Some(version(7, 5))), Ok(()), "the same");
        assert_eq!(allowed(noted(7, 5), Some(version(7, 9))), Ok(()), "a server was killed that had gone on");
        assert_eq!(allowed(noted(7, 5), Some(version(8, 1))), Ok(()), "begun anew, or copied to another database");
        assert!(is_earlier(noted(8, 5), version(7, 9)));
        assert!(is_earlier(noted(7, 5), version(7, 4)), "restored, and not begun anew");
    }

    #[tokio::test]
    async fn without_a_database_the_file_is_not_served_that_the_directory_was_in_before() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::lock(parent.path()).unwrap();
        assert!(matches!(place(&folder, None).await, Ok(Database::File(path)) if path == folder.directory()));
        folder.keep_elsewhere(&Elsewhere::new(THERE.to_owned(), version(7, 5))).unwrap();
        let refused = place(&folder, None).await.unwrap_err();
        assert!(refused.to_string().contains(THERE), "{refused}");
    }
}
