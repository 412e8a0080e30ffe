//! The contents of the spool. In: what was written, read and removed. Out: bytes, records, age, and which segment is next. Never touches a file.

use std::collections::VecDeque;

use super::frame::Damage;
use super::segment::Scan;

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its number; segments are read in this order.
    pub(super) number: u64,
    /// Bytes it takes on disk.
    pub(super) size: u64,
    /// Bytes of records that are fsynced.
    pub(super) good: u64,
    /// How many records those are.
    pub(super) records: u64,
    /// When the oldest record was spooled that may not be in Kafka yet.
    pub(super) oldest_at: Option<i64>,
    /// Whether more may be written to it.
    pub(super) open: bool,
    /// The damage behind the good bytes.
    pub(super) damage: Option<Damage>,
}

/// All segments, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    segments: VecDeque<Segment>,
    /// Bytes that are reserved and not written yet.
    reserved: u64,
    /// Records of the first segment that Kafka has.
    drained: u64,
}

impl Ledger {
    /// Adds a segment that was found at the start.
    pub(super) fn recovered(&mut self, number: u64, scan: Scan) {
        let Scan { size, good, records, oldest_at, damage } = scan;
        self.segments.push_back(Segment { number, size, good, records, oldest_at, open: false, damage });
    }

    /// Adds a segment that is going to be written.
    pub(super) fn opened(&mut self, number: u64) {
        let empty =
            Segment { number, size: 0, good: 0, records: 0, oldest_at: None, open: true, damage: None };
        self.segments.push_back(empty);
    }

    /// Counts records that are on disk now.
    pub(super) fn appended(&mut self, number: u64, bytes: u64, records: u64, oldest_at: Option<i64>) {
        let Some(segment) = self.find(number) else { return };
        segment.size += bytes;
        segment.good += bytes;
        segment.records += records;
        segment.oldest_at = segment.oldest_at.into_iter().chain(oldest_at).min();
    }

    /// Notes that nothing more is written to a segment.
    pub(super) fn sealed(&mut self, number: u64) {
        if let Some(segment) = self.find(number) {
            segment.open = false;
        }
    }

    /// Bytes of a segment that are fsynced.
    pub(super) fn good(&self, number: u64) -> u64 {
        self.segments.iter().find(|segment| segment.number == number).map_or(0, |segment| segment.good)
    }

    /// Notes that the bytes from `good` on are not records.
    pub(super) fn damaged(&mut self, number: u64, good: u64, damage: Damage) {
        if let Some(segment) = self.find(number) {
            segment.good = good;
            segment.damage = Some(damage);
        }
    }

    /// Reserves `bytes`, unless that would exceed `limit` in all.
    pub(super) fn reserve(&mut self, bytes: u64, limit: u64) -> bool {
        let fits = self.bytes() + bytes <= limit;
        if fits {
            self.reserved += bytes;
        }
        fits
    }

    /// Reserves `bytes` without a limit: for records that move within the spool.
    pub(super) fn reserve_again(&mut self, bytes: u64) {
        self.reserved += bytes;
    }

    /// Releases a reservation: the bytes are written, or never will be.
    pub(super) fn release(&mut self, bytes: u64) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    /// The segment to read next.
    pub(super) fn first(&self) -> Option<&Segment> {
        self.segments.front()
    }

    /// Counts records of the first segment that Kafka has.
    pub(super) fn drained(&mut self, records: u64) {
        self.drained += records;
    }

    /// Notes that Kafka has everything in the first segment up to `good`, unless more was written meanwhile.
    pub(super) fn caught_up(&mut self, good: u64) {
        if let Some(segment) = self.segments.front_mut()
            && segment.good == good
        {
            segment.oldest_at = None;
        }
    }

    /// Forgets a segment that is gone.
    pub(super) fn removed(&mut self, number: u64) {
        if self.segments.front().is_some_and(|first| first.number == number) {
            self.drained = 0;
        }
        self.segments.retain(|segment| segment.number != number);
    }

    /// Bytes on disk or reserved.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum::<u64>() + self.reserved
    }

    /// Records that may not be in Kafka yet.
    pub(super) fn records(&self) -> u64 {
        let records = self.segments.iter().map(|segment| segment.records).sum::<u64>();
        records.saturating_sub(self.drained)
    }

    /// When the oldest of them was spooled, in milliseconds since 1970.
    pub(super) fn oldest_at(&self) -> Option<i64> {
        self.segments.iter().filter_map(|segment| segment.oldest_at).min()
    }

    fn find(&mut self, number: u64) -> Option<&mut Segment> {
        self.segments.iter_mut().rev().find(|segment| segment.number == number)
    }
}
