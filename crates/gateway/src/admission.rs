//! Whether one more connection is let in, before anything is known of it but its socket.
//!
//! Clients come in any number; connectors are few, and without them no client is served. So clients are turned away
//! first, and what the process needs besides (the directory, the API, health) always finds a file descriptor: a process
//! that has none left cannot even say so.

mod by_address;

use crate::limits;

pub(crate) use by_address::{ByAddress, Place, Room};

/// Who may be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Anyone,
    /// Clients would be too many; who it is, the TLS hello will say.
    ConnectorsOnly,
    Nobody,
}

/// Up to which file descriptors connections are let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files {
    clients_below: usize,
    connectors_below: usize,
}

impl Files {
    /// Of this process, whose limit is raised as far as the system allows.
    pub(crate) fn of_this_process() -> Self {
        Self::of(most_files())
    }

    fn of(limit: usize) -> Self {
        let connectors_below = limit.saturating_sub(limits::RESERVED_FILES).max(limit / 2);
        let for_connectors = limits::CONNECTOR_FILES.min(connectors_below / 4);
        Self { clients_below: (limit / 10 * 9).min(connectors_below - for_connectors), connectors_below }
    }

    /// Decides on a connection whose socket has number `file`, while `open` others are there. The system gives out the
    /// lowest number that is free: so many files are in use.
    pub(crate) const fn admit(self, file: usize, open: usize) -> Admission {
        if file >= self.connectors_below || open >= limits::CONNECTIONS + limits::CONNECTOR_FILES {
            Admission::Nobody
        } else if file >= self.clients_below || open >= limits::CONNECTIONS {
            Admission::ConnectorsOnly
        } else {
            Admission::Anyone
        }
    }
}

#[cfg(unix)]
fn most_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.and_then(|current| usize::try_from(current).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
const fn most_files() -> usize {
    usize::MAX
}

/// The number of a socket's file descriptor; 0 where there are none.
#[cfg(unix)]
pub(crate) fn file_of(socket: &impl std::os::fd::AsRawFd) -> usize {
    usize::try_from(socket.as_raw_fd()).unwrap_or(usize::MAX)
}

/// The number of a socket's file descriptor; 0 where there are none.
#[cfg(not(unix))]
pub(crate) const fn file_of<S>(_: &S) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_turned_away_first_and_something_is_always_left() {
        for limit in [64, 256, 1024, 20_000, 1_000_000] {
            let files = Files::of(limit);
            assert_eq!(files.admit(0, 0), Admission::Anyone, "{limit}");
            assert!(files.clients_below < files.connectors_below, "{files:?}");
            assert!(files.clients_below * 10 <= limit * 9, "{files:?}");
            assert_eq!(files.admit(files.clients_below, 0), Admission::ConnectorsOnly);
            assert_eq!(files.admit(files.connectors_below, 0), Admission::Nobody);
            assert!(limit - files.connectors_below >= limits::RESERVED_FILES.min(limit / 2), "{files:?}");
        }
    }

    #[test]
    fn connections_are_bounded_where_files_are_not() {
        let files = Files::of(usize::MAX);
        assert_eq!(files.admit(7, limits::CONNECTIONS - 1), Admission::Anyone);
        assert_eq!(files.admit(7, limits::CONNECTIONS), Admission::ConnectorsOnly);
        assert_eq!(files.admit(7, limits::CONNECTIONS * 2), Admission::Nobody);
    }
}
