//! What is no package of Debian: components of the Rust toolchain, what cargo builds, Keycloak, and test vectors.

use std::path::PathBuf;
use std::process::Command;

use crate::step::{Failed, cargo, run, succeeds, target};
use crate::{go_peer, packages};

/// The version of rathole that the measurements compare with.
const RATHOLE: &str = "0.5.0";

/// The version of Keycloak at which the long tests sign in.
const KEYCLOAK: &str = "26.4.5";

/// The module for Go that has the Wycheproof project's vectors.
const WYCHEPROOF: &str = "github.com/c2sp/wycheproof";

/// And its version: there are no releases.
const WYCHEPROOF_VERSION: &str = "v0.0.0-20260902155932-3fa63dd0344a";

/// Adds rustfmt and clippy where the toolchain came without.
pub(crate) fn components() -> Result<(), Failed> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !succeeds(&mut cargo(&[subcommand, "--version"])) {
            println!("installing with rustup: {component}");
            run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// cargo-deny: on the path, or built below the build folder.
pub(crate) fn cargo_deny() -> Result<PathBuf, Failed> {
    if packages::has("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let program = target().join("tools/bin/cargo-deny");
    if !program.is_file() {
        println!("building cargo-deny (several minutes, once)");
        let root = target().join("tools").display().to_string();
        run(&mut cargo(&["install", "--quiet", "--locked", "cargo-deny", "--root", &root]))?;
    }
    Ok(program)
}

/// rathole: `ADIT_BENCH_RATHOLE`, or built below the build folder.
pub(crate) fn rathole() -> Result<PathBuf, Failed> {
    if let Some(given) = std::env::var_os("ADIT_BENCH_RATHOLE") {
        return Ok(given.into());
    }
    let program = target().join("peers/bin/rathole");
    if !program.is_file() {
        packages::install(packages::FOR_RATHOLE)?;
        println!("building rathole {RATHOLE} (several minutes, once)");
        let root = target().join("peers").display().to_string();
        // Without --locked: its lock file names a version of a dependency that this toolchain cannot build.
        run(&mut cargo(&["install", "--quiet", "rathole", "--version", RATHOLE, "--root", &root]))?;
    }
    Ok(program)
}

/// Keycloak: `ADIT_TEST_KEYCLOAK`, or its distribution, fetched with Maven and unpacked below the build folder.
pub(crate) fn keycloak() -> Result<PathBuf, Failed> {
    if let Some(given) = std::env::var_os("ADIT_TEST_KEYCLOAK") {
        return Ok(given.into());
    }
    let folder = target().join("tools").join(format!("keycloak-{KEYCLOAK}"));
    if !folder.join("bin/kc.sh").is_file() {
        packages::install(packages::FOR_KEYCLOAK)?;
        println!("fetching Keycloak {KEYCLOAK} (170 MB, once)");
        let goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack";
        let artifact = format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip");
        let output = format!("-DoutputDirectory={}", target().join("tools").display());
        run(Command::new("mvn").args(["--quiet", "--batch-mode", goal, &artifact, &output]))?;
    }
    Ok(folder)
}

/// The Wycheproof project's vectors: `ADIT_TEST_WYCHEPROOF`, or its module for Go, fetched with Go below the build folder.
pub(crate) fn wycheproof() -> Result<PathBuf, Failed> {
    if let Some(given) = std::env::var_os("ADIT_TEST_WYCHEPROOF") {
        return Ok(given.into());
    }
    packages::install(packages::FOR_GO)?;
    go_peer::download(WYCHEPROOF, WYCHEPROOF_VERSION)
}
