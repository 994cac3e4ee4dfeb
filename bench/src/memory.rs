//! Memory of processes and their children, as the kernel counts it.

use std::fs;

use crate::process_tree;

/// The proportional set size of the process `root` and all that it started, in KiB: their own pages, and their part of
/// those that they share.
pub(crate) fn of_tree(root: u32) -> f64 {
    process_tree::of(&[root]).iter().map(|stat| pss(stat.id)).sum()
}

fn pss(id: u32) -> f64 {
    line_of(&rollup(id), "Pss:")
}

/// What is in memory of one process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// What it has written: nobody else has it.
    pub(crate) own: f64,
    /// Program and libraries, of which the kernel maps more than was asked for; all processes of a program share them.
    pub(crate) of_files: f64,
}

impl Resident {
    /// Of the process `id`, without those that it started.
    pub(crate) fn of(id: u32) -> Self {
        let text = rollup(id);
        let own = line_of(&text, "Anonymous:");
        Self { own, of_files: line_of(&text, "Rss:") - own }
    }

    /// Both together.
    pub(crate) fn all(self) -> f64 {
        self.own + self.of_files
    }
}

fn rollup(id: u32) -> String {
    let path = format!("/proc/{id}/smaps_rollup");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

fn line_of(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no line {name}"));
    line.split_whitespace().next().expect("a number").parse().expect("a number of KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_written_to_is_counted() {
        let before = of_tree(std::process::id());
        let resident = Resident::of(std::process::id());
        let written = std::hint::black_box(vec![1_u8; 8 * 1024 * 1024]);
        assert!(of_tree(std::process::id()) >= before + 7.0 * 1024.0, "{}", written.len());
        assert!(Resident::of(std::process::id()).own >= resident.own + 7.0 * 1024.0, "{resident:?}");
    }
}
