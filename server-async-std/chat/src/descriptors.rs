//! How many connections there may be, as far as the system gives descriptors.

use std::thread::available_parallelism;

/// How the descriptors are shared out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Connections that are served.
    pub(crate) connections: usize,
    /// Connections beside them that are being told that there is no room.
    pub(crate) refusals: usize,
    /// Descriptors that the system lets this process have.
    pub(crate) limit: usize,
}

impl Room {
    /// Asks the system for as many descriptors as it gives, and shares them out: what the process needs for itself, listening
    /// on so many sockets, and `aside` for others; `refusals`, or a quarter of a small limit; and the rest for connections that each
    /// take a file as well if the page is read `from_disk`.
    pub(crate) fn new(listeners: usize, aside: usize, refusals: usize, from_disk: bool) -> Self {
        let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
        Self::share(usize::try_from(limit).unwrap_or(usize::MAX), own(listeners) + aside, refusals, from_disk)
    }

    fn share(limit: usize, own: usize, refusals: usize, from_disk: bool) -> Self {
        let refusals = refusals.min(limit / 4).max(1);
        let rest = limit.saturating_sub(own).saturating_sub(refusals);
        let connections = if from_disk { rest / 2 } else { rest };
        Self { connections: connections.max(1), refusals, limit }
    }
}

/// What the process needs beside connections: what is open by now (the log, the pipe of signals, what was handed down), what the
/// server is about to open, and some to accept with.
fn own(listeners: usize) -> usize {
    /// A worker's epoll, its second handle, and what wakes it.
    const WORKER: usize = 3;
    /// async-std's own epoll, timer and waker.
    const RUNTIME: usize = 3;
    /// Connections on their way from the worker that accepted them to the one that counts them, 16 at a time and listener; a
    /// file that a library opens for a moment.
    const ACCEPTED: usize = 16;
    let workers = available_parallelism().map_or(1, usize::from);
    open_now() + WORKER * workers + RUNTIME + listeners * (1 + ACCEPTED)
}

/// Descriptors that are open, as far as the system says.
fn open_now() -> usize {
    /// Three for input and output, two for the log, four for signals and the runtime.
    const USUAL: usize = 9;
    std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd")).map_or(USUAL, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_needs_is_set_aside_before_connections_get_any() {
        let room = |connections, refusals, limit| Room { connections, refusals, limit };
        assert_eq!(Room::share(1_024, 50, 64, false), room(910, 64, 1_024));
        assert_eq!(Room::share(1_024, 50, 64, true), room(455, 64, 1_024), "each may have a file of the page open");
        assert_eq!(Room::share(128, 50, 64, false), room(46, 32, 128), "refusing takes no more than a quarter");
        assert_eq!(Room::share(0, 50, 64, false), room(1, 1, 0));
    }
}
