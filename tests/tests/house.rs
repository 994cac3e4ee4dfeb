//! The house: which crate may use which, a header on each file, and words that stay out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use adit_tests::repository;
use serde_json::Value;

/// The table of ARCHITECTURE.md: each crate, and which of ours it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("adit-core", &[]),
    ("adit-odata", &[]),
    ("adit-store", &["adit-core"]),
    ("adit-identity", &["adit-core"]),
    ("adit-tunnel", &["adit-core"]),
    ("adit-control", &["adit-core", "adit-identity", "adit-store"]),
    ("adit-gateway", &["adit-core", "adit-identity", "adit-tunnel"]),
    ("adit-connector", &["adit-core", "adit-tunnel"]),
    ("adit-graph", &["adit-core", "adit-odata", "adit-identity", "adit-control"]),
    ("adit-provider", &["adit-core", "adit-identity", "adit-control"]),
    (
        "adit",
        &[
            "adit-core",
            "adit-odata",
            "adit-store",
            "adit-identity",
            "adit-tunnel",
            "adit-control",
            "adit-gateway",
            "adit-connector",
            "adit-graph",
            "adit-provider",
        ],
    ),
    ("adit-tests", &[]),
    ("adit-test-postgresql", &[]),
    ("adit-simulation", &["adit-control", "adit-core", "adit-gateway", "adit-connector", "adit-tunnel"]),
    ("adit-bench", &["adit-connector", "adit-control", "adit-core", "adit-gateway", "adit-tests", "adit-tunnel"]),
    ("adit-fuzz", &["adit-odata", "adit-graph"]),
    ("xtask", &["adit-test-postgresql"]),
];

#[test]
fn crates_use_each_other_only_as_the_table_says() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = cargo.output().expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo's metadata");
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let packages = metadata["packages"].as_array().expect("packages");
    assert_eq!(packages.len(), MAY_USE.len(), "each crate of the workspace has a line in the table");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("{name} has no line in the table"));
        // What only a crate's own tests use (the other end of a tunnel, say) is in no product.
        let counts = |dependency: &&Value| dependency["path"].is_string() && dependency["kind"] != "dev";
        for dependency in package["dependencies"].as_array().unwrap().iter().filter(counts) {
            let used = dependency["name"].as_str().unwrap();
            assert!(allowed.contains(&used), "{name} may not use {used}");
        }
    }
}

/// The files of the repository with one of these endings, without build output and hidden folders.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(path);
        }
    }
}

fn all_files(endings: &[&str]) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(repository(), endings, &mut paths);
    let shown = |path: &Path| path.strip_prefix(repository()).unwrap().display().to_string();
    paths.iter().map(|path| (shown(path), std::fs::read_to_string(path).expect("a text file"))).collect()
}

#[test]
fn every_rust_file_says_first_what_it_is_for() {
    let sources = all_files(&["rs"]);
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    let bare: Vec<_> = sources.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(bare.is_empty(), "these start without a header: {bare:?}");
}

#[test]
fn no_file_is_named_after_having_no_home() {
    let homeless: Vec<_> = all_files(&["rs", "py", "cjs"])
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            let stem = Path::new(path).file_stem().unwrap().to_string_lossy().into_owned();
            ["util", "utils", "helper", "helpers", "common", "misc", "types", "prelude"].contains(&stem.as_str())
        })
        .collect();
    assert!(homeless.is_empty(), "find the noun: {homeless:?}");
}

#[test]
fn no_file_leaves_work_for_later_or_skips_a_test() {
    // Written in two parts, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
    ];
    let mut found = Vec::new();
    for (path, text) in all_files(&["rs", "py", "cjs", "toml", "md", "sh"]) {
        for (number, line) in text.lines().enumerate() {
            found.extend(words.iter().filter(|word| line.contains(**word)).map(|word| {
                let number = number + 1;
                format!("{path}:{number} {word}")
            }));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn secrets_of_a_data_folder_are_not_in_the_repository() {
    let mut found = Vec::new();
    files(repository(), &["pem", "key", "sqlite", "db"], &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_test_that_is_named_beside_an_advisory_exists() {
    let page = std::fs::read_to_string(repository().join("docs/advisories.md")).unwrap();
    let last_cell = |line: &str| Some(line.strip_suffix("` |")?.rsplit_once('`')?.1.to_owned());
    let named: Vec<String> = page.lines().filter_map(last_cell).collect();
    assert!(named.len() > 20, "only {} tests are named", named.len());
    let sources = all_files(&["rs"]);
    let missing: Vec<_> =
        named.iter().filter(|name| !sources.iter().any(|(_, text)| text.contains(&format!("fn {name}(")))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
