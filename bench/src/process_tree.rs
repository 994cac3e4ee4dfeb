//! Processes and all that they started, as `/proc` shows them.

use std::fs;

/// One process.
pub(crate) struct Stat {
    pub(crate) id: u32,
    parent: u32,
    /// User and system time of all its threads, in the kernel's unit.
    pub(crate) ticks: u64,
}

/// The processes `roots` and all that they started and that still run.
pub(crate) fn of(roots: &[u32]) -> Vec<Stat> {
    let all: Vec<Stat> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Stat::of)
        .collect();
    let belong: Vec<bool> = all.iter().map(|stat| descends(stat, roots, &all)).collect();
    all.into_iter().zip(belong).filter_map(|(stat, belongs)| belongs.then_some(stat)).collect()
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
