//! Inspects a spool from outside. In: a folder. Out: what waits in it, and its state. Never writes to it, and holds its lock only for the moment of
//! the check.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access, statvfs};

use super::frame::Damage;
use super::{age, segment};

/// What the folder of a spool shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What waits for Kafka; `None` while a process uses the folder, because only that process knows how much of it Kafka has.
    pub waiting: Option<Waiting>,
    /// Files with unreadable records, which no start reads any more.
    pub set_aside: Vec<PathBuf>,
    /// Whether nobody but its owner may enter the folder.
    pub is_private: bool,
    /// Whether this process may write to the folder.
    pub is_writable: bool,
    /// Bytes of its segments.
    pub bytes: u64,
    /// Bytes that its disk has left.
    pub free: u64,
}

/// What the next start finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Whole records.
    pub records: u64,
    /// Age of the oldest.
    pub oldest: Duration,
    /// Segments with damage that the next start sets aside.
    pub damaged: Vec<PathBuf>,
    /// Segments that the disk cannot read.
    pub unreadable: Vec<PathBuf>,
}

/// Inspects the spool in `folder`. Reads all of it unless it is in use, so it must not run on a thread that others wait for.
///
/// # Errors
///
/// When there is no such folder, or it cannot be read.
pub fn inspect(folder: &Path) -> io::Result<Inspection> {
    let mode = folder.metadata()?.permissions().mode();
    let disk = statvfs(folder)?;
    let (numbers, _) = segment::numbers(folder)?;
    let sizes = numbers.iter().filter_map(|number| segment::path(folder, *number).metadata().ok());
    let bytes = sizes.map(|metadata| metadata.len()).sum();
    let waiting = match is_used(folder)? {
        true => None,
        false => Some(waiting(folder, &numbers)),
    };
    Ok(Inspection {
        // A process that started meanwhile may have removed what was to be read.
        waiting: waiting.filter(|_| !is_used(folder).unwrap_or(true)),
        set_aside: segment::set_aside_files(folder)?,
        is_private: mode & 0o077 == 0,
        is_writable: access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        bytes,
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

/// Whether a process holds the lock of the folder.
fn is_used(folder: &Path) -> io::Result<bool> {
    let lock = match File::open(folder.join(super::LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // The lock is released when the file is closed.
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn waiting(folder: &Path, numbers: &[u64]) -> Waiting {
    let mut waiting = Waiting::default();
    let mut oldest_at = None;
    for number in numbers {
        let scan = segment::scan(folder, *number);
        waiting.records += scan.records;
        oldest_at = oldest_at.into_iter().chain(scan.oldest_at).min();
        match scan.damage {
            None => (),
            Some(Damage::Torn | Damage::Changed) => waiting.damaged.push(segment::path(folder, *number)),
            Some(Damage::Unreadable) => waiting.unreadable.push(segment::path(folder, *number)),
        }
    }
    waiting.oldest = age(oldest_at);
    waiting
}

#[cfg(test)]
mod tests;
