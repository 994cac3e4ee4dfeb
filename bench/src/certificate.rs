//! A throw-away certificate for `localhost`, for the proxies that do not make their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The password of the PKCS#12 file; it protects nothing.
pub(crate) const PASSWORD: &str = "bench";

/// The files of a certificate for `localhost`.
pub(crate) struct Certificate {
    /// The certificate, which is its own CA, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, in PEM.
    pub(crate) key: PathBuf,
    /// Both, as PKCS#12.
    pub(crate) bundle: PathBuf,
}

impl Certificate {
    /// Makes one in `folder`.
    pub(crate) fn make(folder: &Path) -> Self {
        let made = Self {
            certificate: folder.join("localhost.pem"),
            key: folder.join("localhost.key"),
            bundle: folder.join("localhost.pfx"),
        };
        openssl(|command| {
            command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
            command.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
            command.arg("-out").arg(&made.certificate).arg("-keyout").arg(&made.key);
        });
        openssl(|command| {
            command.args(["pkcs12", "-export", "-passout", &format!("pass:{PASSWORD}")]);
            command.arg("-in").arg(&made.certificate).arg("-inkey").arg(&made.key).arg("-out").arg(&made.bundle);
        });
        made
    }
}

fn openssl(fill_in: impl FnOnce(&mut Command)) {
    let mut command = Command::new("openssl");
    fill_in(&mut command);
    let output = command.stdin(Stdio::null()).output().expect("openssl is installed (cargo xtask bench)");
    assert!(output.status.success(), "openssl failed: {}", String::from_utf8_lossy(&output.stderr));
}
