//! Replays the corpora: what a fuzzer has tried and kept, and what was written by hand from requests of real clients.
//! Everything must hold for all of it, on any compiler, and within a second for each input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest time for one input. Even the slowest takes milliseconds; the rest is for a machine that is busy.
const LONGEST: Duration = Duration::from_secs(1);

/// How large the corpus of a target may be: enough for what it reaches, and small enough for a repository.
const FILES: usize = 800;
const BYTES: usize = 1024 * 1024;

fn replay(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut bytes = 0;
    for path in &inputs {
        let input = fs::read(path).unwrap();
        bytes += input.len();
        let start = Instant::now();
        if std::panic::catch_unwind(|| holds(&input)).is_err() {
            panic!("{} breaks a rule: see above; `{}`", path.display(), input.escape_ascii());
        }
        assert!(start.elapsed() < LONGEST, "{} took {:?}", path.display(), start.elapsed());
    }
    let by_hand = inputs.iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("seed-")).count();
    assert!(by_hand >= 20, "only {by_hand} inputs by hand in {}", folder.display());
    assert!(inputs.len() <= FILES && bytes <= BYTES, "{}: {} files of {bytes} bytes", folder.display(), inputs.len());
}

#[test]
fn every_kept_path_has_one_canonical_url() {
    replay("url", adit_fuzz::url);
}

#[test]
fn every_kept_query_is_refused_or_answered_in_one_way() {
    replay("filter", adit_fuzz::filter);
}

#[test]
fn every_kept_body_is_refused_or_stays_as_it_was_checked() {
    replay("entity", adit_fuzz::entity);
}

#[test]
fn every_kept_reference_means_the_same_in_all_its_forms() {
    replay("reference", adit_fuzz::reference);
}
