//! Faults on bytes. In: what was written, and which part of it was promised. Out: files as a killed process, a power cut or a bad disk leaves them,
//! and what must still come back. Never changes a promised byte unless it records that it did.

use std::fs::{File, read, write};

use rand::Rng;

use super::super::super::{frame, segment};
use super::history::History;

impl History {
    /// The last `count` records, which the process had not promised yet, are on disk completely, in part, or as other bytes. Those that are complete
    /// come back, though no sender waits for them.
    pub(super) fn tear(&mut self, count: usize) {
        let Some(last) = self.kept.last().filter(|_| count > 0) else { return };
        let (number, end) = (last.segment, last.end);
        let unpromised = self.kept.iter().rev().take(count);
        let start = end - unpromised.map(|kept| frame::length(&kept.record)).sum::<u64>();
        let whole = match self.random.random_range(0..3) {
            0 => {
                self.meet("killed before the answers, cut");
                self.cut(number, start..=end)
            }
            1 => {
                self.meet("killed before the answers, changed");
                self.scribble(number, start, end)
            }
            _ => {
                self.meet("killed before the answers, whole");
                end
            }
        };
        self.kept.retain(|kept| kept.segment != number || kept.end <= whole);
    }

    /// Changes or cuts off promised bytes, while no process reads them.
    pub(super) fn damage(&mut self) {
        let Some(kept) = self.kept.get(self.random.random_range(0..self.kept.len().max(1))) else { return };
        let number = kept.segment;
        // After the first damage of a segment nothing comes back anyway.
        let ends = self.kept.iter().filter(|kept| kept.segment == number).map(|kept| kept.end);
        let good = ends.max().unwrap_or(0);
        let whole = if self.random.random_bool(0.5) {
            self.meet("what was kept is cut");
            self.cut(number, 0..=good - 1)
        } else {
            self.meet("what was kept is changed");
            let at = self.random.random_range(0..good);
            let path = segment::path(self.folder.path(), number);
            let mut bytes = read(&path).unwrap();
            bytes[usize::try_from(at).unwrap()] ^= 1 << self.random.random_range(0..8);
            write(&path, bytes).unwrap();
            at
        };
        let damaged = |kept: &super::history::Kept| kept.segment == number && kept.end > whole;
        self.lost.extend(self.kept.iter().filter(|kept| damaged(kept)).map(|kept| kept.number));
        self.kept.retain(|kept| !damaged(kept));
    }

    /// Cuts a segment off at a random place, and returns that place.
    fn cut(&mut self, number: u64, within: std::ops::RangeInclusive<u64>) -> u64 {
        let length = self.random.random_range(within);
        let file = File::options().write(true).open(segment::path(self.folder.path(), number)).unwrap();
        file.set_len(length).unwrap();
        length
    }

    /// Writes zeros or noise over some bytes, and returns the first one that changed.
    fn scribble(&mut self, number: u64, start: u64, end: u64) -> u64 {
        let path = segment::path(self.folder.path(), number);
        let before = read(&path).unwrap();
        let mut bytes = before.clone();
        let (from, to) = (self.random.random_range(start..end), self.random.random_range(start..=end));
        let noise = self.random.random_bool(0.5);
        for byte in bytes.iter_mut().take(usize::try_from(to).unwrap()).skip(usize::try_from(from).unwrap()) {
            *byte = if noise { self.random.random() } else { 0 };
        }
        write(&path, &bytes).unwrap();
        let changed = before.iter().zip(&bytes).position(|(before, after)| before != after);
        changed.map_or(end, |place| place as u64)
    }

    /// Replaces the last segment by a copy of it: if it is open, its next sync fails, but everything promised is still there.
    pub(super) fn move_open_segment(&mut self) {
        let Some((last, _)) = self.sizes().pop() else { return };
        let copy = self.folder.path().join("copy");
        std::fs::copy(segment::path(self.folder.path(), last), &copy).unwrap();
        std::fs::rename(copy, segment::path(self.folder.path(), last)).unwrap();
        self.moved = true;
    }
}
