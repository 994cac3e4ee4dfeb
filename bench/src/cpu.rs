//! CPU time of processes, their threads and their children, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// The kernel's unit in `/proc/PID/stat` (`USER_HZ`), the same on every architecture of Linux that is in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of the processes `roots` and all that they started.
pub(crate) fn of_trees(roots: &[u32]) -> Duration {
    let all: Vec<Stat> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Stat::of)
        .collect();
    let ticks: u64 = all.iter().filter(|stat| descends(stat, roots, &all)).map(|stat| stat.ticks).sum();
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

struct Stat {
    id: u32,
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The second field is the program's name in brackets and may contain anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self { id, parent: u32::try_from(number(1)?).ok()?, ticks: number(11)? + number(12)? })
    }
}

fn descends(stat: &Stat, roots: &[u32], all: &[Stat]) -> bool {
    let parent = || all.iter().find(|other| other.id == stat.parent);
    roots.contains(&stat.id) || parent().is_some_and(|parent| descends(parent, roots, all))
}
