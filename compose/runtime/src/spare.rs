//! File descriptors held back for when the process has no other left: whoever gives one up can open what must be open. In: how many. Out: room.

use std::fs::File;
use std::io;

use rustix::io::Errno;

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
