//! Publishes spooled records. In: segments, oldest first. Out: their records in Kafka, each at least once, and no segment left behind. Never removes
//! a segment before Kafka has acknowledged all of its records.

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

/// Limits of one batch. If Kafka does not acknowledge all of it within [`PUBLISH_TIMEOUT`], the rest is spooled again.
const BATCH: Limits = Limits { records: 2048, bytes: 4 * 1024 * 1024 };
/// Limits of one batch while Kafka does not answer.
const PROBE: Limits = Limits { records: 16, bytes: 1024 * 1024 };
/// Longer than librdkafka keeps a record (`message.timeout.ms`), so that the result of each is known before it is tried again and nothing piles up in
/// memory during an outage.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(12);
/// Pause between tries while Kafka acknowledges nothing.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long the last segment stays open after Kafka has all of it: a new segment for each event that arrives alone would cost the disk more.
const LINGER: Duration = Duration::from_secs(1);
/// After this many tries in a row without any success, the records tried are moved behind the others: records whose partition is unreachable do not
/// hold up the rest.
const TRIES: u32 = 4;

/// How often an unreadable segment is read before the drain skips it: the disk may recover.
const READS: u32 = 10;

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: u64,
}

/// Position up to which the first segment was read.
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

/// The result of a batch.
enum Published {
    /// Kafka has all of it, or what it refused is spooled again.
    Done,
    /// Nothing was acknowledged, so it must be tried again.
    Nothing,
}

/// The task that empties a spool.
pub(crate) struct Drain {
    spool: Spool,
    publisher: Publisher,
    breaker: Breaker,
    /// Tries in a row without any success.
    failures: u32,
    /// Reads in a row that failed.
    unread: u32,
    pause: Duration,
}

impl Drain {
    pub(crate) fn new(spool: Spool, publisher: Publisher, breaker: Breaker) -> Drain {
        Drain { spool, publisher, breaker, failures: 0, unread: 0, pause: PAUSE }
    }

    /// Publishes until `shutdown`. What is left then stays on disk, even records that Kafka was about to acknowledge: the next start publishes them
    /// again.
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
            // Records written behind the damage could not be found.
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

    /// Publishes records concurrently, handed over in their order.
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
            // They still have their place in the first segment.
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

    /// Closes the open segment, so that the next record begins a new one.
    async fn seal(&self) {
        let (sealed, seal) = oneshot::channel();
        let asked = self.spool.inner.commands.as_ref().map(|commands| commands.send(Command::Seal(sealed)));
        if asked.is_some_and(|sent| sent.is_ok()) {
            // This fails only if the thread has ended, and then nothing is written any more.
            let _ = seal.await;
        }
    }

    /// Removes a segment whose records Kafka has, or waits for more records while it is still written to.
    async fn finish(&self, shared: &Arc<Shared>, segment: &Segment) {
        if segment.open {
            locked(&shared.ledger).caught_up(segment.good);
            if tokio::time::timeout(LINGER, shared.arrived.notified()).await.is_ok() {
                return;
            }
            // Records that were written until then are read first.
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

/// Removes a segment whose records Kafka has; an unreadable rest of it is kept.
pub(super) fn remove(folder: &Path, segment: &Segment) -> io::Result<()> {
    match segment.damage {
        None => std::fs::remove_file(segment::path(folder, segment.number)),
        // The next start may be able to read it.
        Some(Damage::Unreadable) => Ok(()),
        Some(_) => segment::set_aside(folder, segment.number, segment.good).map(drop),
    }
}

/// Reads the next records of a segment: at least one, or the damage, or neither if the process has no file descriptor left.
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

/// The damage of a segment that could not be opened: none, if the process only had no file descriptor left.
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
