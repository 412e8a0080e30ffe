//! The drain, step by step. In: the first segment. Out: its records in Kafka, and no segment whose records are all in Kafka. Never goes past a record
//! that Kafka has not acknowledged, unless a copy of it lies behind the others.

use std::time::Duration;

use rand::Rng;
use tokio::sync::oneshot;

use super::super::super::drain::{Limits, read, remove};
use super::super::super::ledger::Segment;
use super::super::super::writer::Command;
use super::super::super::{Spool, locked, segment};
use super::super::number;
use super::appended::End;
use super::history::History;

impl History {
    /// Publishes some records of the first segment, or removes it. With `faults`, Kafka may refuse some, and the process may be killed.
    pub(super) fn drain(&mut self, faults: bool) {
        let shared = self.process().spool.inner.shared.clone();
        let Some(first) = locked(&shared.ledger).first().cloned() else { return };
        let (number_read, offset) = self.process().progress;
        let offset = if number_read == first.number { offset } else { 0 };
        if offset >= first.good {
            return self.finish(&first);
        }
        let limits =
            Limits { records: self.random.random_range(1..6), bytes: self.random.random_range(1..2_000) };
        let batch = read(&shared, &first, offset, limits);
        assert_eq!(batch.damage, None);
        assert!(!batch.records.is_empty());
        let mut refused = Vec::new();
        for spooled in &batch.records {
            if faults && self.random.random_bool(0.1) {
                refused.push((spooled.record.clone(), number(&spooled.record), spooled.at));
            } else {
                self.arrived.insert(number(&spooled.record));
            }
        }
        if !refused.is_empty() {
            let end = if self.random.random_bool(0.2) { End::Killed } else { End::Answered };
            let moved = self.moved;
            let answers = self.write(&refused, None, end);
            if answers.iter().any(|(_, answer)| answer.is_err()) {
                assert!(moved, "there is room for what is there already");
                // They keep their first place.
                return;
            }
        }
        if self.process.is_none() || faults && self.random.random_bool(0.05) {
            self.meet("killed before the drain went on");
            return self.kill();
        }
        let passed = self.kept.iter_mut().filter(|kept| kept.segment == first.number && !kept.passed);
        for (kept, spooled) in passed.zip(&batch.records) {
            assert_eq!((&kept.record, kept.at), (&spooled.record, spooled.at), "read in order");
            kept.passed = true;
        }
        self.process().progress = (first.number, batch.end);
        locked(&shared.ledger).drained(batch.records.len() as u64);
    }

    /// Removes a segment whose records are all in Kafka, or has it closed first.
    fn finish(&mut self, first: &Segment) {
        let shared = self.process().spool.inner.shared.clone();
        if first.open {
            locked(&shared.ledger).caught_up(first.good);
            return self.seal();
        }
        let aside = segment::damaged_path(self.folder.path(), first.number);
        assert!(!aside.exists(), "a number is used once");
        remove(self.folder.path(), first).unwrap();
        locked(&shared.ledger).removed(first.number);
        if first.damage.is_some() {
            self.meet("a damaged segment was set aside");
        }
        assert_eq!(aside.exists(), first.damage.is_some());
        for kept in self.kept.extract_if(.., |kept| kept.segment == first.number) {
            assert!(kept.passed, "removed before Kafka had it: {kept:?}");
        }
    }

    /// Has the open segment closed.
    pub(super) fn seal(&mut self) {
        let process = self.process();
        let seal = ask_for_seal(&process.spool);
        process.writer.step(Duration::ZERO);
        check_sealed(&process.spool, seal);
        self.moved = false;
    }
}

/// Asks the writer to close the open segment, and returns the receiver of its answer.
pub(super) fn ask_for_seal(spool: &Spool) -> oneshot::Receiver<()> {
    let (sealed, seal) = oneshot::channel();
    spool.inner.commands.as_ref().unwrap().send(Command::Seal(sealed)).unwrap();
    seal
}

/// Checks that the segment is closed once the writer has answered.
pub(super) fn check_sealed(spool: &Spool, mut seal: oneshot::Receiver<()>) {
    seal.try_recv().unwrap();
    let ledger = locked(&spool.inner.shared.ledger);
    assert!(ledger.first().is_none_or(|first| !first.open), "told that it is closed");
}
