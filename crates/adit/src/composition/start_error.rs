//! Why the server was not started.

use adit_identity::{LocalKeyError, UnusableIssuer};

use super::directory::Misplaced;
use crate::access_records::NotWritable;
use crate::assertion_keys::NoAssertionKeys;
use crate::certificate::CertificateFileError;
use crate::command_error::{CommandError, with_causes};
use crate::data_folder::DataFolderError;
use crate::listener::NotListening;
use crate::session_keys::NoSessionKeys;

/// Why the server was not started. Nothing is served then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("users cannot sign in at the built-in provider: it does not run, or the system gives no random numbers")]
    NoSignIn,
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    NotListening(#[from] NotListening),
    #[error(transparent)]
    Authority(#[from] adit_control::AuthorityError),
    #[error(transparent)]
    SealingKey(#[from] adit_control::SealingError),
    #[error(transparent)]
    LocalKey(#[from] LocalKeyError),
    #[error(transparent)]
    Issuer(#[from] UnusableIssuer),
    #[error(transparent)]
    Directory(#[from] adit_control::OpenError),
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
    #[error("the built-in identity provider could not start")]
    Provider(#[source] adit_control::Error),
    #[error(transparent)]
    CertificateFile(#[from] CertificateFileError),
    #[error("{0}")]
    Certificate(String),
    #[error("the gateway did not begin to serve from the directory's snapshot in time")]
    GatewayNotReady,
    #[error(transparent)]
    SessionKeys(#[from] NoSessionKeys),
    #[error(transparent)]
    AssertionKeys(#[from] NoAssertionKeys),
    #[error(transparent)]
    AccessRecords(#[from] NotWritable),
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] crate::otlp::NotSending),
    #[error(transparent)]
    Gateway(#[from] adit_gateway::StartError),
}

impl StartError {
    /// As a command reports it; `not_done` is what was not started.
    pub(crate) fn into_command_error(self, not_done: &str) -> CommandError {
        let error = match &self {
            Self::Issuer(_) => CommandError::usage(not_done, with_causes(&self)),
            _ => CommandError::failed(not_done, with_causes(&self)),
        };
        match self.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DataFolder(error) => data_folder_hint(error),
            Self::NotListening(error) => Some(listening_hint(error)),
            Self::Authority(_) => Some("restore ca.pem and ca-key.pem from a backup of the data folder".to_owned()),
            Self::SealingKey(_) | Self::Directory(adit_control::OpenError::OtherSealingKey { .. }) => {
                Some("restore sealing-key from a backup of the data folder".to_owned())
            }
            Self::Misplaced(error) => Some(misplaced_hint(error)),
            Self::CertificateFile(_) => {
                Some("mend the file, or take it out of the data folder's certificates".to_owned())
            }
            Self::AccessRecords(_) => Some("a file that this user may write, or --access-records stdout".to_owned()),
            Self::LocalKey(_) => Some("restore signing-key.pem from a backup of the data folder".to_owned()),
            _ => None,
        }
    }
}

fn misplaced_hint(error: &Misplaced) -> String {
    match error {
        Misplaced::Elsewhere { folder, database } => {
            let folder = folder.display();
            format!("--database {database}, or 'adit db copy {database} {folder}' to have it in the folder again")
        }
        Misplaced::NotCopied { database, file } => {
            let folder = file.parent().unwrap_or(file).display();
            format!("'adit db copy {folder} {database}' first; or a new data folder for a new directory")
        }
        Misplaced::Empty { before, .. } => format!("--database {before}, or restore the directory in the new one"),
        Misplaced::Earlier { newer, .. } => {
            format!("serve the one in {newer}; or, if this one was restored, 'adit db begin-epoch' first")
        }
    }
}

fn data_folder_hint(error: &DataFolderError) -> Option<String> {
    let hint = match error {
        DataFolderError::InUse { .. } => "stop the other server first, or use another data folder",
        DataFolderError::NotCreated { .. }
        | DataFolderError::NotWritable { .. }
        | DataFolderError::NotWritten { .. } => "a folder that this user may write, or another --data",
        DataFolderError::SecretLost { .. } => "restore it from a backup of the data folder",
        DataFolderError::NotAFolder { .. } => "another --data",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn listening_hint(error: &NotListening) -> String {
    let flag = error.setting.replace('_', "-");
    match error.source.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("stop what listens there, or choose another port: --{flag} {}:0 takes a free one", ip(error))
        }
        std::io::ErrorKind::PermissionDenied => format!("a port from 1024 up: --{flag} {}:8443", ip(error)),
        _ if error.address.is_ipv6() => format!("an IPv4 address, if this machine has no IPv6: --{flag} 0.0.0.0:8443"),
        _ => format!("an address of this machine: --{flag} ADDRESS:PORT"),
    }
}

fn ip(error: &NotListening) -> String {
    match error.address {
        std::net::SocketAddr::V4(address) => address.ip().to_string(),
        std::net::SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
