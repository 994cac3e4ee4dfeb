//! The browser of the tests: Chromium, which believes the directory's CA and ignores no certificate error.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::to_its_end;

/// How long the tool for certificates may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes `folder` a home folder for the browser, whose certificate store trusts `ca`.
///
/// # Panics
/// When that cannot be done.
pub fn home(folder: &Path, ca: &Path) {
    let store = folder.join(".pki/nssdb");
    std::fs::create_dir_all(&store).expect("a folder for the browser");
    let database = format!("sql:{}", store.display());
    let ca = ca.display().to_string();
    for arguments in [vec!["-N", "--empty-password"], vec!["-A", "-n", "adit", "-t", "C,,", "-i", &ca]] {
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &database]).args(arguments);
        let _ = to_its_end(&mut certutil, LIMIT).succeeded();
    }
}
