//! File descriptors: raises the limit, and reserves some for when none is left. In: how many are needed. Out: room.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a process needs besides connections: partitions' leaders, files, pipes of libraries, and the reserve.
const OTHERS: u64 = 200;

/// Raises the limit of open files to what the system allows: the usual limit, 1024, is low for the sake of programs that call `select`
/// (<https://0pointer.net/blog/file-descriptor-limits.html>). Logs a warning if even that is too low for this many connections.
pub fn make_room_for(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        // The system may refuse even what it reports as its limit.
        Err(_) => limit.current,
    };
    let needed = connections as u64 + OTHERS;
    if let Some(limit) = current.filter(|current| *current < needed) {
        tracing::warn!(
            limit,
            needed,
            "the limit of open files is below what GITPULSE_MAX_CONNECTIONS may need: raise it (LimitNOFILE of systemd), or allow fewer connections"
        );
    }
}

/// Descriptors that are held only to be given up when none is left.
pub(crate) struct Spare {
    files: Vec<File>,
    wanted: usize,
}

impl Spare {
    /// Reserves this many descriptors, or as many as there are.
    pub(crate) fn hold(wanted: usize) -> Spare {
        let mut spare = Spare { files: Vec::with_capacity(wanted), wanted };
        spare.refill();
        spare
    }

    /// Reserves again what was given up, as far as descriptors are free.
    pub(crate) fn refill(&mut self) {
        while self.files.len() < self.wanted {
            let Ok(file) = File::open("/dev/null") else { return };
            self.files.push(file);
        }
    }

    /// Gives up one reserved descriptor. False if none is left.
    pub(crate) fn give_up(&mut self) -> bool {
        self.files.pop().is_some()
    }
}

/// Whether the process, or the whole system, has no file descriptor left.
pub(crate) fn none_left(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
