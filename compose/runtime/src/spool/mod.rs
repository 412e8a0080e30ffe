//! Keeps on disk what Kafka cannot take. In: a [`TopicRecord`]. Out: that it is on disk (written and fsynced), or why not; and later the record in
//! Kafka. Never forgets a record that it accepted, and never exceeds its limit: a full spool refuses new records.
//!
//! The spool is a folder of segments. `writer.rs` appends to the last one; `drain.rs` publishes from the first one and removes it once Kafka has all
//! of it; `ledger.rs` knows the contents; `frame.rs` is one record, `segment.rs` one file, `inspect.rs` a view from outside. A start reads everything
//! and never writes to an old segment again. A crash between publishing and removing repeats the records of one segment, which changes no table.

mod drain;
mod frame;
mod inspect;
mod ledger;
mod metrics;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use prometheus::{IntGauge, Registry};
use schemas::TopicRecord;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant;

pub(crate) use drain::Drain;
use frame::Damage;
pub use inspect::{Inspection, Waiting, inspect};
use ledger::Ledger;
use metrics::Metrics;
use writer::{Command, Entry, Writer};

use crate::outbox::AnswerAfter;

/// The file whose lock shows that a process uses the folder.
const LOCK: &str = "lock";
/// Size at which a segment is full, unless the whole spool is small.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Memory for records that wait for the disk, in KiB.
const QUEUE_KIB: usize = 128 * 1024;
/// Free bytes below which the spool counts as full.
const LITTLE_ROOM: u64 = 64 * 1024;

/// Where events wait while Kafka cannot take them.
#[derive(Debug, Clone, Args)]
pub struct SpoolConfig {
    /// Folder for events that Kafka cannot take, one folder per process; by default ./spool, for `up` spool in its data folder
    #[arg(long, env = "GITPULSE_SPOOL_DIR", value_name = "FOLDER")]
    pub spool_dir: Option<PathBuf>,

    /// MiB of events that the spool may hold; while it is full and Kafka is away, deliveries are answered 503
    #[arg(long, env = "GITPULSE_SPOOL_MAX_MIB", default_value_t = 2048, value_name = "MIB",
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub spool_max_mib: u32,

    /// What has to store a delivery before it is answered 200; by default kafka
    #[arg(long, env = "GITPULSE_ANSWER_AFTER", value_name = "WHAT")]
    pub answer_after: Option<AnswerAfter>,
}

/// Why a record was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// It would not fit.
    #[error("the spool is full")]
    Full,
    /// The disk cannot be written.
    #[error("the spool cannot be written")]
    Unusable,
    /// The disk did not answer in time. The record may still be stored.
    #[error("the disk did not store the record in time")]
    Slow,
}

impl SpoolError {
    /// Bounded label for metrics.
    pub fn reason(self) -> &'static str {
        match self {
            SpoolError::Full => "full",
            SpoolError::Unusable => "unusable",
            SpoolError::Slow => "slow",
        }
    }
}

/// Why a spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be created, read or locked.
    #[error("the spool {} cannot be used; GITPULSE_SPOOL_DIR chooses another folder", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Two processes would read and remove the same records.
    #[error("another process uses the spool {}; GITPULSE_SPOOL_DIR gives each one its own", .0.display())]
    InUse(PathBuf),
    /// Two spools on one registry.
    #[error("metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// What is in a spool, and whether it accepts more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpoolStatus {
    /// Records that may not be in Kafka yet.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Age of the oldest record.
    pub oldest: Duration,
    /// Why it accepts no more.
    pub refuses: Option<SpoolError>,
}

/// A spool; cheap to clone, all clones share one folder.
#[derive(Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// In KiB.
    memory: Arc<Semaphore>,
    limit: u64,
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// State that the writing thread shares with everybody else.
struct Shared {
    folder: PathBuf,
    segment_bytes: u64,
    ledger: Arc<Mutex<Ledger>>,
    usable: AtomicBool,
    /// Notified when there are more records.
    arrived: Notify,
    metrics: Metrics,
}

impl Spool {
    /// Opens the spool in `folder`, and recovers its records. Reads all of it, so it must not run on a thread that others wait for.
    pub fn open(folder: &Path, max_mib: u32, registry: &Registry) -> Result<Spool, OpenError> {
        let limit = u64::from(max_mib) * 1024 * 1024;
        Spool::with_limits(folder, limit, (limit / 8).min(SEGMENT_BYTES), registry)
    }

    fn with_limits(
        folder: &Path,
        limit: u64,
        segment_bytes: u64,
        registry: &Registry,
    ) -> Result<Spool, OpenError> {
        let (mut inner, writer) = Inner::recover(folder, limit, segment_bytes, registry)?;
        let thread = std::thread::Builder::new().name("spool".to_owned()).spawn(|| writer.run());
        inner.thread =
            Some(thread.map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?);
        Ok(Spool { inner: Arc::new(inner) })
    }

    /// Stores a record, and waits no longer than `deadline` until it is on disk.
    ///
    /// **Invariant:** after `Ok` the record is in Kafka or on disk, whichever process is killed, until Kafka has acknowledged it.
    pub async fn append(&self, record: Arc<TopicRecord>, deadline: Instant) -> Result<(), SpoolError> {
        let Inner { shared, limit, .. } = &*self.inner;
        let appended = async {
            if !shared.is_usable() {
                return Err(SpoolError::Unusable);
            }
            self.keep(record, now(), Some(*limit)).await
        };
        let appended = tokio::time::timeout_at(deadline, appended).await.unwrap_or(Err(SpoolError::Slow));
        if let Err(error) = &appended {
            shared.metrics.refused(error);
        }
        appended
    }

    /// Stores a record of the spool again behind the others, without a limit: its old place is given up.
    async fn append_again(&self, record: Arc<TopicRecord>, at: i64) -> Result<(), SpoolError> {
        self.keep(record, at, None).await
    }

    async fn keep(&self, record: Arc<TopicRecord>, at: i64, limit: Option<u64>) -> Result<(), SpoolError> {
        let Inner { shared, memory, commands, .. } = &*self.inner;
        let length = frame::length(&record);
        let kibibytes = u32::try_from(length / 1024 + 1).map_err(|_| SpoolError::Full)?;
        let memory = memory.clone().acquire_many_owned(kibibytes).await.map_err(|_| SpoolError::Unusable)?;
        match limit {
            Some(limit) if !locked(&shared.ledger).reserve(length, limit) => return Err(SpoolError::Full),
            Some(_) => (),
            None => locked(&shared.ledger).reserve_again(length),
        }
        let (answer, stored) = oneshot::channel();
        let entry = Entry { record, at, length, answer, memory };
        let sent = commands.as_ref().is_some_and(|commands| commands.send(Command::Append(entry)).is_ok());
        if !sent {
            locked(&shared.ledger).release(length);
            return Err(SpoolError::Unusable);
        }
        stored.await.unwrap_or(Err(SpoolError::Unusable))
    }

    /// What is in it, and whether it accepts more.
    pub fn status(&self) -> SpoolStatus {
        let (records, bytes, oldest_at) = {
            let ledger = locked(&self.inner.shared.ledger);
            (ledger.records(), ledger.bytes(), ledger.oldest_at())
        };
        let refuses = if !self.inner.shared.is_usable() {
            Some(SpoolError::Unusable)
        } else {
            (bytes + LITTLE_ROOM > self.inner.limit).then_some(SpoolError::Full)
        };
        SpoolStatus { records, bytes, oldest: age(oldest_at), refuses }
    }

    /// Shows whether deliveries go to the spool at once.
    pub(crate) fn breaker_open(&self) -> &IntGauge {
        &self.inner.shared.metrics.breaker_open
    }
}

impl Inner {
    /// Recovers the records in a folder. None is written before the writer runs.
    fn recover(
        folder: &Path,
        limit: u64,
        segment_bytes: u64,
        registry: &Registry,
    ) -> Result<(Inner, Writer), OpenError> {
        let fault = |source| OpenError::Folder { folder: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        let lock = File::create(folder.join(LOCK)).map_err(fault)?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => OpenError::InUse(folder.to_owned()),
            std::fs::TryLockError::Error(source) => fault(source),
        })?;
        let (numbers, next_number) = segment::numbers(folder).map_err(fault)?;

        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let metrics = Metrics::register(registry, &ledger)?;
        for number in numbers {
            recover(folder, number, &mut locked(&ledger), &metrics);
        }
        let found = locked(&ledger).records();
        if found > 0 {
            tracing::info!(events = found, folder = %folder.display(), "events wait in the spool for Kafka");
        }
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            segment_bytes,
            ledger,
            usable: AtomicBool::new(true),
            arrived: Notify::new(),
            metrics,
        });
        let (commands, received) = mpsc::channel();
        let writer = Writer::new(shared.clone(), received, next_number, lock);
        let inner = Inner {
            shared,
            memory: Arc::new(Semaphore::new(QUEUE_KIB)),
            limit,
            commands: Some(commands),
            thread: None,
        };
        Ok((inner, writer))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // The thread ends once it has written everything; a panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
    }

    fn works(&self) {
        if !self.usable.swap(true, Ordering::Relaxed) {
            self.metrics.usable.set(1);
            tracing::info!("the spool can be written again");
        }
    }

    fn fails(&self, error: &io::Error) {
        if self.usable.swap(false, Ordering::Relaxed) {
            self.metrics.usable.set(0);
            tracing::error!(
                error = error as &dyn std::error::Error,
                folder = %self.folder.display(),
                "the spool cannot be written: while Kafka is away as well, deliveries are answered 503"
            );
        }
    }
}

/// Reads a segment that an earlier process left.
fn recover(folder: &Path, number: u64, ledger: &mut Ledger, metrics: &Metrics) {
    let scan = segment::scan(folder, number);
    if let Some(damage) = scan.damage {
        metrics.damaged(damage);
        log_damage(folder, number, scan.good, scan.size, damage);
    }
    if scan.size == 0 && scan.damage.is_none() {
        // A process ended between creating the file and writing to it. If it cannot be removed, the next start finds it again.
        let _ = std::fs::remove_file(segment::path(folder, number));
        return;
    }
    if scan.damage == Some(Damage::Unreadable) && scan.good == 0 {
        return;
    }
    ledger.recovered(number, scan);
}

fn log_damage(folder: &Path, number: u64, good: u64, size: u64, damage: Damage) {
    let fate = match damage {
        Damage::Unreadable => "the rest stays where it is, for the next start".to_owned(),
        Damage::Torn | Damage::Changed => {
            format!("the rest is set aside as {}", segment::damaged_path(folder, number).display())
        }
    };
    tracing::error!(
        file = %segment::path(folder, number).display(),
        offset = good,
        bytes = size.saturating_sub(good),
        damage = damage.as_str(),
        "a segment of the spool cannot be read from this offset on: what is before it is published, {fate}"
    );
}

/// A panic under the lock cannot leave the ledger half changed.
fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long ago the oldest record was spooled, if there is one.
fn age(oldest_at: Option<i64>) -> Duration {
    Duration::from_millis(oldest_at.map_or(0, |at| u64::try_from(now() - at).unwrap_or(0)))
}

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: a record is dated here when it is spooled, and its age is shown"
)]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
