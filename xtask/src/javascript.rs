//! The JavaScript packages of the tests, below the build folder, with the versions and checksums that the lock file
//! pins. Node and npm come with the Python environment.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{Failed, repository, run, target};

/// What says which packages: both are needed, and a change of either counts.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs the packages, or brings them up to date when the lock file has changed.
pub(crate) fn packages() -> Result<(), Failed> {
    let folder = target().join("javascript");
    let installed = folder.join("packages.installed");
    let wanted = FILES.iter().map(|name| read(&repository().join("tests/javascript").join(name)));
    let wanted = wanted.collect::<Result<Vec<String>, Failed>>()?;
    let stamp = wanted.concat();
    if fs::read_to_string(&installed).is_ok_and(|text| text == stamp) {
        return Ok(());
    }
    println!("installing the JavaScript packages of tests/javascript/package-lock.json into {}", folder.display());
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    for (name, text) in FILES.iter().zip(&wanted) {
        write(&folder.join(name), text)?;
    }
    install(&folder)?;
    write(&installed, &stamp)
}

/// `npm ci`: exactly what the lock file says, and no script of any package is run.
fn install(folder: &Path) -> Result<(), Failed> {
    let programs = target().join("python/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    // npm starts the first `node` of the path: that has to be the one it came with.
    let path = std::env::join_paths([programs.clone()].into_iter().chain(std::env::split_paths(&path)))
        .map_err(|error| Failed(format!("the search path cannot be extended: {error}")))?;
    let mut npm = Command::new(programs.join("npm"));
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(folder).env("PATH", path);
    run(&mut npm)
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed(format!("{} cannot be read: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed(format!("{} cannot be written: {error}", path.display()))
}
