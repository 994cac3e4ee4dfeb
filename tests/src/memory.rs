//! How much memory a process has used at its peak, as the kernel counts it.

/// The peak of a process's resident memory (`VmHWM`), in KiB.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim_end_matches("kB").trim().parse().expect("a number of KiB")
}
