//! A throw-away CA and its certificate for `localhost`, for the proxies that do not make their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::side::{HOST, LIVE_HOST};

/// The password of the PKCS#12 file; it protects nothing.
pub(super) const PASSWORD: &str = "bench";

/// The files of a certificate for `localhost`, each in the form that some proxy wants.
pub(super) struct Certificate {
    /// The CA, in PEM.
    pub(super) ca: PathBuf,
    /// The certificate, in PEM.
    pub(super) certificate: PathBuf,
    /// Its key, in PEM.
    pub(super) key: PathBuf,
    /// Certificate and key in one PEM file.
    pub(super) both: PathBuf,
    /// Certificate and key, as PKCS#12.
    pub(super) bundle: PathBuf,
}

impl Certificate {
    /// Makes one in `folder`.
    pub(super) fn make(folder: &Path) -> Self {
        let made = Self {
            ca: folder.join("ca.pem"),
            certificate: folder.join("localhost.pem"),
            key: folder.join("localhost.key"),
            both: folder.join("localhost.both.pem"),
            bundle: folder.join("localhost.pfx"),
        };
        let (ca_key, asked, said) = (folder.join("ca.key"), folder.join("asked.pem"), folder.join("said.cnf"));
        let more = format!("subjectAltName=DNS:{HOST},DNS:{LIVE_HOST}\nbasicConstraints=CA:FALSE\n");
        fs::write(&said, more).expect("what openssl shall add");
        openssl(|command| {
            command.args(["req", "-x509", "-days", "2", "-subj", "/CN=bench CA"]).args(NEW_KEY);
            command.arg("-out").arg(&made.ca).arg("-keyout").arg(&ca_key);
        });
        openssl(|command| {
            command.args(["req", "-new", "-subj", "/CN=localhost"]).args(NEW_KEY);
            command.arg("-out").arg(&asked).arg("-keyout").arg(&made.key);
        });
        openssl(|command| {
            command.args(["x509", "-req", "-days", "2", "-CAcreateserial", "-extfile"]).arg(&said);
            command.arg("-CA").arg(&made.ca).arg("-CAkey").arg(&ca_key);
            command.arg("-in").arg(&asked).arg("-out").arg(&made.certificate);
        });
        openssl(|command| {
            command.args(["pkcs12", "-export", "-passout", &format!("pass:{PASSWORD}")]);
            command.arg("-in").arg(&made.certificate).arg("-inkey").arg(&made.key).arg("-out").arg(&made.bundle);
        });
        made.join();
        made
    }

    fn join(&self) {
        let read = |path: &Path| fs::read_to_string(path).expect("what openssl wrote");
        fs::write(&self.both, read(&self.certificate) + &read(&self.key)).expect("one file of two");
    }
}

/// P-256, as Adit's own CA gives to the gateway: the same work for everybody.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(fill_in: impl FnOnce(&mut Command)) {
    let mut command = Command::new("openssl");
    fill_in(&mut command);
    let output = command.stdin(Stdio::null()).output().expect("openssl is installed (cargo xtask bench)");
    assert!(output.status.success(), "openssl failed: {}", String::from_utf8_lossy(&output.stderr));
}
