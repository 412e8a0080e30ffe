//! File descriptors: room for them, and some held back for when there is no other left. In: how many are needed. Out: room.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process has open besides connections: partitions' leaders, files, pipes of libraries, and what is held back.
const OTHERS: u64 = 200;

/// Raises the limit of open files to what the system allows: the usual one, 1024, is low for the sake of programs that call `select`
/// (<https://0pointer.net/blog/file-descriptor-limits.html>). Says so where so many connections do not fit all the same.
pub fn make_room_for(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        // A system may allow less than it says.
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

/// Descriptors that do nothing but keep room.
pub(crate) struct Spare {
    files: Vec<File>,
    wanted: usize,
}

impl Spare {
    /// Holds so many descriptors, or as many as there are.
    pub(crate) fn hold(wanted: usize) -> Spare {
        let mut spare = Spare { files: Vec::with_capacity(wanted), wanted };
        spare.refill();
        spare
    }

    /// Takes back what was given up, as far as there are descriptors again.
    pub(crate) fn refill(&mut self) {
        while self.files.len() < self.wanted {
            let Ok(file) = File::open("/dev/null") else { return };
            self.files.push(file);
        }
    }

    /// Makes room for one more descriptor. False if nothing is held any more.
    pub(crate) fn give_up(&mut self) -> bool {
        self.files.pop().is_some()
    }
}

/// Whether the process, or the whole system, has no file descriptor left.
pub(crate) fn none_left(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
