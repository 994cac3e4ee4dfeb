//! The Python environment of the tests, below the build folder, with the versions that `requirements.txt` pins.

use std::fs;
use std::process::Command;

use crate::step::{Failed, repository, run, target};

/// Makes the environment, or brings it up to date when the requirements have changed.
pub(crate) fn environment() -> Result<(), Failed> {
    let folder = target().join("python");
    let requirements = repository().join("tests/python/requirements.txt");
    let installed = folder.join("requirements.installed");
    let wanted = fs::read_to_string(&requirements)
        .map_err(|error| Failed(format!("{} cannot be read: {error}", requirements.display())))?;
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    println!("installing the Python packages of tests/python/requirements.txt into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let pip = folder.join("bin/pip");
    // Compiled when it is imported: of the tens of thousands of modules the tests use a few.
    run(Command::new(pip).args(["install", "--quiet", "--no-compile", "--requirement"]).arg(&requirements))?;
    fs::write(&installed, wanted).map_err(|error| Failed(format!("{} cannot be written: {error}", installed.display())))
}
