//! Which process holds the other end of a loopback connection.
//!
//! An upstream cannot see which connector dialled it: both are on this machine and use the same address. The kernel
//! knows: `/proc/net/tcp` gives the inode of the socket with that port, `/proc/PID/fd` who holds it.
//!
//! Reading that table takes the kernel some ten milliseconds, so one reading serves everybody who waited for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The kernel's table of connections, as it was read last.
#[derive(Debug, Default)]
pub struct Connections(Mutex<Option<Reading>>);

#[derive(Debug)]
struct Reading {
    started: Instant,
    inodes: HashMap<(u16, u16), String>,
}

impl Connections {
    /// The process among `candidates`, the latest last, that holds the socket bound to `local` and connected to `remote`, where that
    /// connection exists since `since`.
    pub fn owner(&self, local: SocketAddr, remote: SocketAddr, since: Instant, candidates: &[u32]) -> Option<u32> {
        let wanted = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let reading = match last.take() {
                // An older reading may show an earlier connection of the same port.
                Some(reading) if reading.started > since => reading,
                _ => Reading::now(),
            };
            let inode = reading.inodes.get(&(local.port(), remote.port())).cloned();
            *last = Some(reading);
            format!("socket:[{}]", inode?)
        };
        // The latest first: the number of one that has ended may by now be that of a thread of one that runs.
        candidates.iter().rev().copied().find(|pid| holds(*pid, &wanted))
    }
}

impl Reading {
    fn now() -> Self {
        let started = Instant::now();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        Self { started, inodes: table.lines().filter_map(entry).collect() }
    }
}

/// One line of the table: the two ports and the inode.
fn entry(line: &str) -> Option<((u16, u16), String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let port = |index: usize| u16::from_str_radix(fields.get(index)?.rsplit_once(':')?.1, 16).ok();
    Some(((port(1)?, port(2)?), (*fields.get(9)?).to_owned()))
}

fn holds(pid: u32, wanted: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files
        .flatten()
        .any(|file| std::fs::read_link(file.path()).is_ok_and(|link| link.to_str().is_some_and(|link| link == wanted)))
}
