//! Publishes what was spooled. In: segments, oldest first. Out: their records in Kafka, each at least once, and no segment left behind. Never
//! removes one before Kafka has acknowledged all of its records.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::frame::{Damage, Spooled};
use super::ledger::Segment;
use super::segment::{self, Reader};
use super::writer::Command;
use super::{Shared, Spool, locked, log_damage};
use crate::breaker::Breaker;
use crate::descriptors::none_left;
use crate::publisher::{PublishError, Publisher};

/// How much is published at a time. Of a Kafka that is slower than this within [`PUBLISH_TIMEOUT`], what it did not acknowledge goes to the
/// disk once more.
const BATCH: Limits = Limits { records: 2048, bytes: 4 * 1024 * 1024 };
/// How much is tried while Kafka does not answer.
const PROBE: Limits = Limits { records: 16, bytes: 1024 * 1024 };
/// Longer than librdkafka keeps a record (`message.timeout.ms`), so that the fate of each is known before it is tried again and an outage piles
/// up nothing in memory.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(12);
/// Between tries while Kafka takes nothing.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long the last segment stays open once Kafka has all of it: a new one for each event that comes by itself would cost the disk more.
const LINGER: Duration = Duration::from_secs(1);
/// After so many tries in a row of which nothing came, the records tried are put behind the others: what cannot reach its partition holds up
/// nobody who can.
const TRIES: u32 = 4;

/// How often a segment is read that the disk does not give back, before the drain goes on without it: a disk may come back.
const READS: u32 = 10;

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: u64,
}

/// How far the first segment was read.
#[derive(Clone, Copy)]
struct Progress {
    segment: u64,
    offset: u64,
}

/// Records of one segment, in order.
pub(super) struct Batch {
    pub(super) records: Vec<Spooled>,
    pub(super) end: u64,
    pub(super) damage: Option<Damage>,
}

/// What came of a batch.
enum Published {
    /// Kafka has all of it, or what it refused is on disk once more.
    Done,
    /// Nothing, so that it must be tried again.
    Nothing,
}

/// The task that empties a spool.
pub(crate) struct Drain {
    spool: Spool,
    publisher: Publisher,
    breaker: Breaker,
    /// Tries in a row of which nothing came.
    failures: u32,
    /// Reads in a row that failed.
    unread: u32,
    pause: Duration,
}

impl Drain {
    pub(crate) fn new(spool: Spool, publisher: Publisher, breaker: Breaker) -> Drain {
        Drain { spool, publisher, breaker, failures: 0, unread: 0, pause: PAUSE }
    }

    /// Publishes until `shutdown`. What is left then stays on disk, also what Kafka was about to acknowledge: the next start repeats it.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut progress = Progress { segment: 0, offset: 0 };
        loop {
            let step = self.step(&mut progress);
            if shutdown.run_until_cancelled(step).await.is_none() {
                return;
            }
        }
    }

    async fn step(&mut self, progress: &mut Progress) {
        let shared = self.spool.inner.shared.clone();
        let first = locked(&shared.ledger).first().cloned();
        let Some(segment) = first else {
            shared.arrived.notified().await;
            return;
        };
        if progress.segment != segment.number {
            *progress = Progress { segment: segment.number, offset: 0 };
        }
        if progress.offset >= segment.good {
            self.finish(&shared, &segment).await;
            return;
        }
        let limits = if self.breaker.is_open() { PROBE } else { BATCH };
        let read = {
            let (shared, from, segment) = (shared.clone(), progress.offset, segment.clone());
            tokio::task::spawn_blocking(move || read(&shared, &segment, from, limits)).await
        };
        let Ok(mut batch) = read else { return };
        if batch.records.is_empty() && batch.damage.is_none() {
            self.rest().await;
            return;
        }
        if batch.damage == Some(Damage::Unreadable) {
            if !batch.records.is_empty() {
                batch.damage = None;
            } else if self.unread < READS {
                self.unread += 1;
                self.rest().await;
                return;
            }
        }
        self.unread = 0;
        if let Some(damage) = batch.damage {
            // What is written after the damage could not be found any more.
            self.seal().await;
            shared.metrics.damaged(damage);
            log_damage(&shared.folder, segment.number, batch.end, segment.size, damage);
            locked(&shared.ledger).damaged(segment.number, batch.end, damage);
        }
        let count = batch.records.len() as u64;
        match self.publish(batch.records).await {
            Published::Done => {
                progress.offset = batch.end;
                locked(&shared.ledger).drained(count);
            }
            Published::Nothing => self.rest().await,
        }
    }

    /// Publishes records side by side, handed over in their order.
    async fn publish(&mut self, records: Vec<Spooled>) -> Published {
        let metrics = &self.spool.inner.shared.metrics;
        let publishing =
            records.iter().map(|spooled| self.publisher.publish_within(&spooled.record, PUBLISH_TIMEOUT));
        let results = join_all(publishing).await;
        let acknowledged = results.iter().filter(|result| result.is_ok()).count();
        metrics.drained.inc_by(acknowledged as u64);
        let failed: Vec<(Spooled, PublishError)> = records
            .into_iter()
            .zip(results)
            .filter_map(|(spooled, result)| Some((spooled, result.err()?)))
            .collect();
        if acknowledged > 0 {
            self.breaker.close();
        }
        let Some((first, error)) = failed.first() else {
            (self.failures, self.pause) = (0, PAUSE);
            return Published::Done;
        };
        let is_outage = failed.iter().any(|(_, error)| error.is_outage());
        if acknowledged == 0 {
            self.failures += 1;
            if is_outage {
                self.breaker.open();
            }
        } else {
            self.failures = 0;
        }
        if acknowledged == 0 && is_outage && !self.failures.is_multiple_of(TRIES) {
            return Published::Nothing;
        }
        if !is_outage {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                topic = first.record.topic,
                events = failed.len(),
                "Kafka refuses spooled events; they stay on disk and are tried again"
            );
        }
        let count = failed.len() as u64;
        let again = failed
            .into_iter()
            .map(|(spooled, _)| self.spool.append_again(Arc::new(spooled.record), spooled.at));
        if join_all(again).await.iter().any(Result::is_err) {
            // Their first place is still theirs.
            return Published::Nothing;
        }
        metrics.requeued.inc_by(count);
        if acknowledged == 0 {
            self.rest().await;
        }
        Published::Done
    }

    /// Waits before the next try, longer each time.
    async fn rest(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    /// Has the segment that is open closed, so that the next record begins another one.
    async fn seal(&self) {
        let (sealed, seal) = oneshot::channel();
        let asked = self.spool.inner.commands.as_ref().map(|commands| commands.send(Command::Seal(sealed)));
        if asked.is_some_and(|sent| sent.is_ok()) {
            // It fails only where the thread has ended, and with it the writing.
            let _ = seal.await;
        }
    }

    /// Removes a segment whose records Kafka has, or waits for more of them where it is still written to.
    async fn finish(&self, shared: &Arc<Shared>, segment: &Segment) {
        if segment.open {
            locked(&shared.ledger).caught_up(segment.good);
            if tokio::time::timeout(LINGER, shared.arrived.notified()).await.is_ok() {
                return;
            }
            // What was written until then is read first.
            self.seal().await;
            return;
        }
        let removed = {
            let (shared, segment) = (shared.clone(), segment.clone());
            tokio::task::spawn_blocking(move || remove(&shared.folder, &segment)).await
        };
        if let Ok(Err(error)) = removed {
            tracing::warn!(
                file = %segment::path(&shared.folder, segment.number).display(),
                error = &error as &dyn std::error::Error,
                "a segment of the spool could not be removed although Kafka has its events; the next start publishes them again"
            );
        }
        locked(&shared.ledger).removed(segment.number);
    }
}

/// Removes a segment whose records Kafka has; what of it cannot be read is kept.
pub(super) fn remove(folder: &Path, segment: &Segment) -> io::Result<()> {
    match segment.damage {
        None => std::fs::remove_file(segment::path(folder, segment.number)),
        // The next start may be able to read it.
        Some(Damage::Unreadable) => Ok(()),
        Some(_) => segment::set_aside(folder, segment.number, segment.good).map(drop),
    }
}

/// Reads the next records of a segment: one at least, or what is wrong with it, or neither while the process has no file descriptor left.
pub(super) fn read(shared: &Shared, segment: &Segment, from: u64, limits: Limits) -> Batch {
    let mut batch = Batch { records: Vec::new(), end: from, damage: None };
    let mut reader = match Reader::open(&shared.folder, segment.number, from, segment.good) {
        Ok(reader) => reader,
        Err(error) => return Batch { damage: unopened(&error), ..batch },
    };
    while batch.records.len() < limits.records && batch.end - from < limits.bytes {
        match reader.next() {
            Ok(Some(spooled)) => {
                batch.records.push(spooled);
                batch.end = reader.offset;
            }
            Ok(None) => break,
            Err(damage) => {
                batch.damage = Some(damage);
                break;
            }
        }
    }
    batch
}

/// What it says of a segment that it could not be opened: nothing, if the process had no file descriptor left.
fn unopened(error: &io::Error) -> Option<Damage> {
    (!none_left(error)).then_some(Damage::Unreadable)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_want_of_file_descriptors_is_no_damage() {
        assert_eq!(unopened(&Errno::MFILE.into()), None);
        assert_eq!(unopened(&Errno::NFILE.into()), None);
        assert_eq!(unopened(&Errno::IO.into()), Some(Damage::Unreadable));
    }
}
