//! Memory of processes and their children, as the kernel counts it.

use std::fs;

use crate::process_tree;

/// The proportional set size of the process `root` and all that it started, in KiB: their own pages, and their part of
/// those that they share.
pub(crate) fn of_tree(root: u32) -> f64 {
    process_tree::of(&[root]).iter().map(|stat| pss(stat.id)).sum()
}

fn pss(id: u32) -> f64 {
    let path = format!("/proc/{id}/smaps_rollup");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line for Pss");
    let number = line.split_whitespace().next().expect("a number");
    number.parse().expect("a number of KiB")
}

#[cfg(test)]
mod tests {
    use super::of_tree;

    #[test]
    fn memory_that_was_written_to_is_counted() {
        let before = of_tree(std::process::id());
        let written = std::hint::black_box(vec![1_u8; 8 * 1024 * 1024]);
        assert!(of_tree(std::process::id()) >= before + 7.0 * 1024.0, "{}", written.len());
    }
}
