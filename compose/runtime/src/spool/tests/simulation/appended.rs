//! A group of records, from the request to the answer. In: records. Out: answers, and the places of the records. Runs the writer only when a group
//! waits for it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::Rng;
use schemas::TopicRecord;

use super::super::super::{SpoolError, frame, locked};
use super::super::record;
use super::drained::{ask_for_seal, check_sealed};
use super::history::{History, Kept, Process};

/// How a group ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Answered,
    /// The disk does not store it.
    Failed,
    /// The process is killed before it answers.
    Killed,
}

impl History {
    /// Gives the spool a few records that wait for one sync.
    pub(super) fn append(&mut self, end: End) {
        let mut group = Vec::new();
        for _ in 0..self.random.random_range(1..7) {
            group.push((
                record(self.offered, self.random.random_range(0..500)),
                self.offered,
                1_700_000_000_000 + self.offered.cast_signed(),
            ));
            self.offered += 1;
        }
        if end == End::Failed {
            self.move_open_segment();
        }
        let (limit, moved) = (Some(self.limit), self.moved);
        let mut taken = self.sizes().iter().map(|(_, size)| size).sum::<u64>();
        for ((number, answer), (record, ..)) in self.write(&group, limit, end).into_iter().zip(&group) {
            let fits = taken + frame::length(record) <= self.limit;
            taken += if fits { frame::length(record) } else { 0 };
            assert_eq!(fits, answer != Err(SpoolError::Full), "it takes what fits");
            match answer {
                Ok(()) => {
                    self.meet("records were kept");
                    self.accepted.insert(number);
                }
                Err(SpoolError::Full) => self.meet("a record did not fit"),
                Err(error) => assert_eq!((error, moved), (SpoolError::Unusable, true)),
            }
        }
    }

    /// Has a group written, and notes the places of its records. Returns the answers, unless the process was killed before it gave them.
    pub(super) fn write(
        &mut self,
        group: &[(TopicRecord, u64, i64)],
        limit: Option<u64>,
        end: End,
    ) -> Vec<(u64, Result<(), SpoolError>)> {
        let Process { spool, writer, .. } = self.process.as_mut().unwrap();
        let spool = spool.clone();
        let mut answers = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        let waiting = group.iter().map(|(record, _, at)| spool.keep(Arc::new(record.clone()), *at, limit));
        let mut waiting: Vec<_> = waiting.map(Box::pin).collect();
        let asked: Vec<Poll<_>> =
            waiting.iter_mut().map(|answer| answer.as_mut().poll(&mut context)).collect();
        // Sometimes the segment is to be closed at the same time.
        let seal = self.random.random_bool(0.1).then(|| ask_for_seal(&spool));
        writer.step(Duration::ZERO);
        if let Some(seal) = seal {
            check_sealed(&spool, seal);
        }
        let mut written = Vec::new();
        for ((asked, mut answer), (record, number, at)) in asked.into_iter().zip(waiting).zip(group) {
            let answer = match asked {
                Poll::Ready(answer) => answer,
                Poll::Pending => match answer.as_mut().poll(&mut context) {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => panic!("no answer after the group was written"),
                },
            };
            if answer.is_ok() {
                written.push((record.clone(), *number, *at));
            }
            answers.push((*number, answer));
        }
        if !spool.inner.shared.is_usable() {
            // The writer tests the disk before it uses it again.
            writer.step(Duration::ZERO);
            assert!(spool.inner.shared.is_usable());
            self.meet("the disk failed");
        }
        self.moved &= answers.iter().all(|(_, answer)| *answer == Err(SpoolError::Full));
        let count = written.len();
        self.place(written);
        if end == End::Killed {
            self.kill();
            self.tear(count);
            answers.clear();
        }
        answers
    }

    /// Notes records that were just written, all to the last segment.
    fn place(&mut self, written: Vec<(TopicRecord, u64, i64)>) {
        let Some((last, _)) = self.sizes().pop() else { return };
        let mut end = locked(&self.process().spool.inner.shared.ledger).good(last);
        end -= written.iter().map(|(record, ..)| frame::length(record)).sum::<u64>();
        for (record, number, at) in written {
            end += frame::length(&record);
            self.kept.push(Kept { number, record, at, segment: last, end, passed: false });
        }
    }
}
