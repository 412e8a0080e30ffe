//! The one thread that writes. In: records from everywhere. Out: an answer for each, once it is on disk: all that wait at the same time share one
//! `fdatasync`. Never writes to a file again after a write or a sync of it failed: the kernel may have dropped its pages, and reports that only once
//! (<https://lwn.net/Articles/752063/>).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use fail::fail_point;
use schemas::TopicRecord;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::frame::{self, Place};
use super::{Shared, SpoolError, locked, segment};
use crate::descriptors::{Spare, none_left};

/// Records per `fdatasync` at most.
const GROUP_RECORDS: usize = 1024;
/// Bytes per `fdatasync` at most.
const GROUP_BYTES: u64 = 8 * 1024 * 1024;
/// How often an unusable spool is tried.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes that are written as a test.
static PROBE_BYTES: [u8; 64 * 1024] = [0; 64 * 1024];

/// Reserved file descriptors: for a segment, and for its folder, which is synced too.
const SPARE: usize = 2;

/// A command for the thread.
pub(super) enum Command {
    /// Store a record.
    Append(Entry),
    /// Close the open segment, so that it can be removed once it is read.
    Seal(oneshot::Sender<()>),
}

/// A record on its way to the disk.
pub(super) struct Entry {
    pub(super) record: Arc<TopicRecord>,
    pub(super) at: i64,
    /// Bytes on disk, which are reserved.
    pub(super) length: u64,
    pub(super) answer: oneshot::Sender<Result<(), SpoolError>>,
    /// Released once the record is written.
    pub(super) memory: OwnedSemaphorePermit,
}

/// A segment that is being written.
struct Open {
    number: u64,
    file: File,
    length: u64,
}

/// The state of the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    current: Option<Open>,
    next_number: u64,
    /// For a new segment while the process has no other file descriptor left.
    spare: Spare,
    /// One process per folder, until the last record is written.
    _lock: File,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        next_number: u64,
        lock: File,
    ) -> Writer {
        Writer { shared, commands, current: None, next_number, spare: Spare::hold(SPARE), _lock: lock }
    }

    /// Writes until all senders of commands are gone.
    pub(super) fn run(mut self) {
        while self.step(PROBE_INTERVAL) {}
    }

    /// Answers the next command, together with those that wait behind it, or probes the disk if none comes in time. False once no more commands can
    /// come.
    pub(super) fn step(&mut self, patience: Duration) -> bool {
        self.spare.refill();
        match self.commands.recv_timeout(patience) {
            Ok(command) => self.answer(command),
            Err(RecvTimeoutError::Timeout) => self.probe(),
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    fn answer(&mut self, first: Command) {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut seal = None;
        let mut command = Some(first);
        while let Some(Command::Append(entry)) = command {
            bytes += entry.length;
            group.push(entry);
            let more = group.len() < GROUP_RECORDS && bytes < GROUP_BYTES;
            command = if more { self.commands.try_recv().ok() } else { None };
        }
        if let Some(Command::Seal(sealed)) = command {
            seal = Some(sealed);
        }
        if !group.is_empty() {
            self.store(group);
        }
        if let Some(sealed) = seal {
            self.seal();
            // The drain may have stopped waiting.
            let _ = sealed.send(());
        }
    }

    fn store(&mut self, group: Vec<Entry>) {
        let reserved: u64 = group.iter().map(|entry| entry.length).sum();
        let stored = self.write(&group);
        let mut ledger = locked(&self.shared.ledger);
        ledger.release(reserved);
        let answer = match stored {
            Ok(number) => {
                let oldest = group.iter().map(|entry| entry.at).min();
                ledger.appended(number, reserved, group.len() as u64, oldest);
                drop(ledger);
                self.shared.metrics.appended.inc_by(group.len() as u64);
                self.shared.works();
                self.shared.arrived.notify_one();
                Ok(())
            }
            Err(error) => {
                drop(ledger);
                self.abandon();
                self.shared.fails(&error);
                Err(SpoolError::Unusable)
            }
        };
        for Entry { answer: sender, memory, .. } in group {
            drop(memory);
            // The request may have been answered 503 meanwhile, or be gone.
            let _ = sender.send(answer);
        }
    }

    /// Writes and syncs a group; returns the number of its segment.
    fn write(&mut self, group: &[Entry]) -> io::Result<u64> {
        if self.current.as_ref().is_some_and(|open| open.length >= self.shared.segment_bytes) {
            self.seal();
        }
        let mut open = match self.current.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let number = open.number;
        let written = (|| {
            let mut file = BufWriter::with_capacity(1024 * 1024, &open.file);
            for entry in group {
                let place = Place { segment: number, offset: open.length };
                frame::write(&mut file, &entry.record, entry.at, place)?;
                open.length += entry.length;
            }
            file.flush()?;
            drop(file);
            fail_point!("spool::before_sync", |_| std::process::abort());
            self.sync(&open.file, &segment::path(&self.shared.folder, number))
        })();
        self.current = Some(open);
        written.map(|()| number)
    }

    /// Creates the next segment. Its name must survive a power cut, like its bytes.
    fn open(&mut self) -> io::Result<Open> {
        let number = self.next_number;
        // A number is used once: a file that a failure left behind is never written to again.
        self.next_number += 1;
        let (folder, path) = (&self.shared.folder, segment::path(&self.shared.folder, number));
        let file = with(&mut self.spare, || segment::create(&path))?;
        with(&mut self.spare, || segment::sync_folder(folder))?;
        self.spare.refill();
        locked(&self.shared.ledger).opened(number);
        Ok(Open { number, file, length: 0 })
    }

    /// Syncs a file, and checks that it is still the one at `path`.
    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        let started = Instant::now();
        fail_point!("spool::sync", |_| Err(io::Error::other("failpoint")));
        file.sync_data()?;
        self.shared.metrics.fsync_seconds.observe(started.elapsed().as_secs_f64());
        let (written, named) = (file.metadata()?, path.metadata()?);
        match (written.dev(), written.ino()) == (named.dev(), named.ino()) {
            true => Ok(()),
            false => Err(io::Error::other("the file was moved away while it was being written")),
        }
    }

    /// Closes the open segment. It is read like any other.
    fn seal(&mut self) {
        if let Some(open) = self.current.take() {
            locked(&self.shared.ledger).sealed(open.number);
        }
    }

    /// Gives up the open segment after a failure. What was synced before stays; what came after was answered with an error.
    fn abandon(&mut self) {
        let Some(open) = self.current.take() else { return };
        let mut ledger = locked(&self.shared.ledger);
        ledger.sealed(open.number);
        let good = ledger.good(open.number);
        if good == 0 {
            ledger.removed(open.number);
        }
        drop(ledger);
        // Both are only tidying: a record that is cut off or left there was never accepted.
        let _ = match good {
            0 => std::fs::remove_file(segment::path(&self.shared.folder, open.number)),
            good => open.file.set_len(good),
        };
    }

    /// Tests whether an unusable spool works again, without risking a record.
    fn probe(&mut self) {
        if self.shared.is_usable() {
            return;
        }
        let path = self.shared.folder.join("probe");
        let _ = std::fs::remove_file(&path);
        let tried = with(&mut self.spare, || segment::create(&path)).and_then(|mut file| {
            file.write_all(&PROBE_BYTES)?;
            self.sync(&file, &path)
        });
        let _ = std::fs::remove_file(&path);
        match tried {
            Ok(()) => self.shared.works(),
            Err(error) => self.shared.fails(&error),
        }
    }
}

/// Opens something, with a reserved descriptor if there is no other.
fn with<T>(spare: &mut Spare, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
    loop {
        match open() {
            Err(error) if none_left(&error) && spare.give_up() => (),
            opened => return opened,
        }
    }
}
