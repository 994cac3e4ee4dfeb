//! A machine whose clock is wrong: a process is started by Debian's `faketime`, which shifts the time of day that it sees
//! and leaves its timers alone.

/// The words before a command whose clock is ahead by so many seconds, or behind. `faketime` waits for the command as
/// for a child, so that who ends it ends `faketime`: the child is told to end with it.
#[must_use]
pub fn ahead_by(seconds: i64) -> [String; 7] {
    let shift = format!("{seconds:+}s");
    ["faketime", "--exclude-monotonic", "-f", &shift, "setpriv", "--pdeathsig", "KILL"].map(str::to_owned)
}
