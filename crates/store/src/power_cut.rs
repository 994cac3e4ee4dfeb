//! What a power cut leaves of the directory. A writer runs under `strace`, which says in which order it wrote, synced and
//! acknowledged; then the power is cut at many moments of that record. Of what was not synced by then each piece may be
//! there, be gone or be torn. Whatever is left must open, hold together, and have all that was acknowledged.
//!
//! The same without the syncs of commits must lose something: else this would see no loss at all.

mod disk;
mod trace;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use adit_core::connector_group::{ConnectorGroup, GroupKind};
use adit_core::query::{LARGEST_PAGE, Query};
use adit_core::{ConnectorGroupId, DisplayName, Revision};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use uuid::Uuid;

use self::disk::Disk;
use self::trace::Event;
use crate::Store;

/// Set in the process that writes: the folder of its directory, and how its commits are synced.
const WRITER: &str = "ADIT_TEST_POWER_CUT";

/// What it says when a write is acknowledged, before the name of what it wrote.
const ACKNOWLEDGED: &str = "acknowledged ";

/// Writes of one run: enough that the log of the database is taken over into it, more than once.
const WRITES: usize = 400;

const DIRECTORY: &str = "directory.db";

fn is_long() -> bool {
    std::env::var_os("ADIT_TEST_LONG").is_some()
}

/// In the process that writes, which is this program again: writes, and ends it without closing anything.
async fn write_if_told() {
    let Ok(told) = std::env::var(WRITER) else { return };
    let (synchronous, folder) = told.split_once(' ').unwrap();
    let synchronous = if synchronous == "normal" { SqliteSynchronous::Normal } else { SqliteSynchronous::Full };
    let store = Store::open_synced(&Path::new(folder).join(DIRECTORY), synchronous).await.unwrap();
    for number in 0..WRITES {
        let mut change = store.begin().await.unwrap();
        let name = format!("group {number}");
        let mut group = ConnectorGroup {
            id: ConnectorGroupId::new(Uuid::now_v7()),
            name: DisplayName::parse(&name).unwrap(),
            region: None,
            kind: GroupKind::Ordinary,
            revision: Revision::default(),
        };
        change.insert_connector_group(&mut group).await.unwrap();
        change.commit().await.unwrap();
        println!("{ACKNOWLEDGED}{name}");
    }
    std::process::exit(0);
}

/// What a writer did, in order.
fn record(synchronous: &str, folder: &Path) -> Vec<Event> {
    let trace = folder.join("trace");
    let status = Command::new("strace")
        .args(["-f", "-xx", "-s", "1000000", "-e", "signal=none", "-e"])
        .arg("trace=openat,close,write,pwrite64,fsync,fdatasync,ftruncate,unlink")
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "power_cut::nothing_acknowledged_is_lost_when_the_power_is_cut", "--nocapture"])
        .env(WRITER, format!("{synchronous} {}", folder.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("strace, of Debian's package of that name").success());
    trace::read(&std::fs::read_to_string(&trace).unwrap(), folder)
}

/// What a cut came to.
#[derive(Debug, Default)]
struct Cuts {
    made: usize,
    /// What was acknowledged and is gone, or why the directory does not open.
    wrong: Vec<String>,
    /// What was not acknowledged and is there all the same, which is right.
    unacknowledged: usize,
}

/// Cuts the power at random moments after the first acknowledgement, `count` times on the average.
async fn cut(events: &[Event], count: usize, seed: u64) -> Cuts {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut disk, mut acknowledged, mut cuts) = (Disk::default(), BTreeSet::new(), Cuts::default());
    let first = events.iter().position(|event| matches!(event, Event::Said(said) if said.starts_with(ACKNOWLEDGED)));
    let moments = events.len() - first.expect("nothing was acknowledged");
    for event in events {
        disk.apply(event);
        if let Event::Said(said) = event {
            acknowledged.extend(said.strip_prefix(ACKNOWLEDGED).map(|name| name.trim().to_owned()));
        }
        let mut here = count / moments;
        here += usize::from(random.usize(..moments) < count % moments);
        for _ in 0..if acknowledged.is_empty() { 0 } else { here } {
            let folder = tempfile::tempdir().unwrap();
            disk.cut(folder.path(), &mut random);
            cuts.made += 1;
            match left(&folder.path().join(DIRECTORY)).await {
                Ok(names) => {
                    cuts.wrong.extend(acknowledged.difference(&names).map(|name| format!("{name} is gone")));
                    cuts.unacknowledged += names.difference(&acknowledged).count();
                }
                Err(why) => cuts.wrong.push(why),
            }
        }
    }
    cuts
}

/// The groups in a directory, if it opens and holds together.
async fn left(path: &Path) -> Result<BTreeSet<String>, String> {
    let store = Store::open(path).await.map_err(|error| error.to_string())?;
    let mut names = BTreeSet::new();
    let groups = store.list_connector_groups(&Query { limit: LARGEST_PAGE, ..Query::default() }).await;
    for group in groups.map_err(|error| error.to_string())?.items {
        names.insert(group.name.as_str().to_owned());
    }
    let (_, revision) = store.version().await.map_err(|error| error.to_string())?;
    store.close().await;
    let mut connection =
        SqliteConnectOptions::new().filename(path).connect().await.map_err(|error| error.to_string())?;
    let said = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await;
    let said = said.and_then(|row| row.try_get::<String, _>(0));
    connection.close().await.map_err(|error| error.to_string())?;
    match said {
        Ok(said) if said == "ok" && usize::try_from(revision.0) == Ok(names.len()) => Ok(names),
        Ok(said) => Err(format!("{said}; {} groups at revision {}", names.len(), revision.0)),
        Err(error) => Err(error.to_string()),
    }
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    // As the system names it, for the record has no links.
    let path = scratch.path().canonicalize().unwrap();
    (scratch, path)
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    write_if_told().await;
    let (_scratch, folder) = scratch();
    let events = record("full", &folder);
    let is_database = |event: &&Event| matches!(event, Event::Written(path, ..) if path.ends_with(DIRECTORY));
    assert!(events.iter().filter(is_database).count() > 100, "the log was never taken over into the database");
    let cuts = cut(&events, if is_long() { 10_000 } else { 300 }, 20_260_101).await;
    println!("{} cuts, {} writes that were there before they were acknowledged", cuts.made, cuts.unacknowledged);
    assert!(cuts.wrong.is_empty(), "{} of {} cuts: {:#?}", cuts.wrong.len(), cuts.made, &cuts.wrong[..1]);
    assert!(cuts.made > 200 && cuts.unacknowledged > 0, "{cuts:?}");
}

#[tokio::test]
async fn without_the_syncs_of_commits_the_same_cuts_lose_something() {
    let (_scratch, folder) = scratch();
    let events = record("normal", &folder);
    let cuts = cut(&events, 60, 20_260_101).await;
    assert!(cuts.wrong.iter().any(|wrong| wrong.ends_with("is gone")), "these cuts show nothing: {cuts:?}");
}
