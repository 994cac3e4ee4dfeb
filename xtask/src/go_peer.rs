//! Peers that are written in Go, built below the build folder from their modules with the Go at hand.
//!
//! The version of each is the newest release that this Go compiles, written down here: not every module proxy lists the
//! releases of a module. Nothing newer than the Go at hand is fetched to build with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::step::{Failed, run, target};

/// The programs to compare with.
pub(crate) struct Programs {
    pub(crate) frps: PathBuf,
    pub(crate) frpc: PathBuf,
    pub(crate) chisel: PathBuf,
}

/// The newest releases that a Go compiles.
#[derive(Debug, PartialEq, Eq)]
struct Releases {
    /// The least minor version of Go 1 that they ask for.
    go: u32,
    frp: &'static str,
    chisel: &'static str,
}

/// Newest first.
const RELEASES: [Releases; 1] = [Releases { go: 25, frp: "v0.71.0", chisel: "v1.12.1" }];

/// frp and chisel: as `ADIT_BENCH_FRPS`, `ADIT_BENCH_FRPC` and `ADIT_BENCH_CHISEL` name them, or built.
pub(crate) fn programs() -> Result<Programs, Failed> {
    let given = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    if let (Some(frps), Some(frpc), Some(chisel)) =
        (given("ADIT_BENCH_FRPS"), given("ADIT_BENCH_FRPC"), given("ADIT_BENCH_CHISEL"))
    {
        return Ok(Programs { frps, frpc, chisel });
    }
    packages::install(packages::FOR_GO)?;
    let releases = releases(&said_by(Command::new("go").arg("version"))?)?;
    let folder = target().join("peers/go");
    let frp = folder.join(format!("frp-{}", releases.frp));
    let chisel = folder.join(format!("chisel-{}", releases.chisel));
    // `noweb`: the pages of its dashboard are not part of the module.
    let tags = ["-tags", "noweb"];
    build("github.com/fatedier/frp", releases.frp, &frp, &tags, &["./cmd/frps", "./cmd/frpc"])?;
    let version = releases.chisel.trim_start_matches('v');
    let stamp = format!("-X github.com/jpillora/chisel/share.BuildVersion={version}");
    build("github.com/jpillora/chisel", releases.chisel, &chisel, &["-ldflags", &stamp], &["."])?;
    Ok(Programs { frps: frp.join("frps"), frpc: frp.join("frpc"), chisel: chisel.join("chisel") })
}

/// What the Go that said this of its version compiles.
fn releases(said: &str) -> Result<&'static Releases, Failed> {
    let minor = said.split_once(" go1.").map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
    let minor: u32 = minor.flatten().and_then(|digits| digits.parse().ok()).unwrap_or_default();
    let least = RELEASES.last().map(|releases| releases.go).unwrap_or_default();
    RELEASES.iter().find(|releases| minor >= releases.go).ok_or_else(|| {
        Failed(format!("frp and chisel need Go 1.{least} or newer to be built; here is: {}", said.trim()))
    })
}

/// Builds `packages` of a module into `folder`, unless they are there.
///
/// In the module's own folder and not with `go install`: that refuses modules which replace others.
fn build(module: &str, version: &str, folder: &Path, flags: &[&str], packages: &[&str]) -> Result<(), Failed> {
    if folder.is_dir() {
        return Ok(());
    }
    println!("building {module} {version} with Go (a few minutes, once)");
    let source = download(module, version)?;
    let unfinished = folder.with_extension("unfinished");
    fs::create_dir_all(&unfinished)
        .map_err(|error| Failed(format!("{} cannot be made: {error}", unfinished.display())))?;
    let mut command = go();
    // A folder with a slash at its end takes all programs, each under its own name.
    let output = format!("{}/", unfinished.display());
    command.current_dir(source).args(["build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-o", &output]);
    run(command.args(flags).args(packages))?;
    fs::rename(&unfinished, folder).map_err(|error| Failed(format!("{} cannot be made: {error}", folder.display())))
}

/// The folder with the source of a module, fetched below the build folder unless it is there.
pub(crate) fn download(module: &str, version: &str) -> Result<PathBuf, Failed> {
    let mut command = go();
    // Not in a folder that belongs to a module.
    command.current_dir(std::env::temp_dir()).args(["mod", "download", "-json", &format!("{module}@{version}")]);
    let said = said_by(&mut command)?;
    let folder = said.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \"")?.split('"').next());
    folder.map(PathBuf::from).ok_or_else(|| Failed(format!("{module} {version} cannot be had: {}", said.trim())))
}

fn go() -> Command {
    let mut command = Command::new("go");
    command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").env("GOPATH", target().join("peers/go-modules"));
    // Modules that may be removed like everything else below the build folder.
    command.env("GOFLAGS", "-modcacherw").env_remove("GOMODCACHE");
    command
}

fn said_by(command: &mut Command) -> Result<String, Failed> {
    let output = command.output().map_err(|error| Failed(format!("go could not be started: {error}")))?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{RELEASES, releases};

    #[test]
    fn the_newest_releases_that_this_go_compiles_are_chosen() {
        for said in ["go version go1.26.8 linux/amd64", "go version go1.25 linux/arm64"] {
            assert_eq!(releases(said).ok(), Some(&RELEASES[0]));
        }
    }

    #[test]
    fn a_go_that_is_too_old_is_named() {
        let why = releases("go version go1.1.2 linux/amd64").err().map(|failed| failed.0).unwrap_or_default();
        assert!(why.contains("go1.1.2"), "{why}");
    }
}
