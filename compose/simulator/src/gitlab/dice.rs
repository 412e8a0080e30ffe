//! Random numbers that depend only on a seed and a place. In: a seed, and what the number is for. Out: the same number each time. Keeps no state
//! between two places, so that any object can be made alone.

use std::fmt;

/// Milliseconds since 1970.
pub type Millis = i64;

/// A minute, an hour and a day, in milliseconds.
pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers of one place.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The numbers of a place.
    pub(crate) fn at(seed: u64, place: &[u64]) -> Dice {
        Dice(
            place.iter().fold(mix(seed ^ GOLDEN), |state, part| mix(state.wrapping_add(mix(*part ^ GOLDEN)))),
        )
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `count`; 0 where there is none.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.roll()) * u128::from(count)) >> 64) as u64
    }

    /// A span of time of at least `least` and less than `most`.
    pub(crate) fn between(&mut self, least: Millis, most: Millis) -> Millis {
        least + self.below(most.saturating_sub(least).unsigned_abs()) as Millis
    }

    /// True once in `count`.
    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// A random UUID of this place.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.roll(), self.roll());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            0x8000 | low >> 48 & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// A SHA of this place.
    pub(crate) fn sha(&mut self) -> Sha {
        let mut bytes = [0; 20];
        for chunk in bytes.chunks_mut(8) {
            let rolled = self.roll().to_be_bytes();
            chunk.copy_from_slice(&rolled[..chunk.len()]);
        }
        Sha(bytes)
    }
}

/// The finaliser of SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The name of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha([u8; 20]);

impl Sha {
    /// The SHA of a ref that does not exist.
    pub const NOWHERE: Sha = Sha([0; 20]);

    /// The first eight characters.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_its_own_numbers_and_always_the_same() {
        let roll = |seed, place: &[u64]| Dice::at(seed, place).roll();
        assert_eq!(roll(1, &[2, 3]), roll(1, &[2, 3]));
        assert_ne!(roll(1, &[2, 3]), roll(1, &[3, 2]));
        assert_ne!(roll(1, &[2, 3]), roll(2, &[2, 3]));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut dice = Dice::at(7, &[]);
        assert!((0..1000).all(|_| (10..20).contains(&dice.between(10, 20))));
        assert_eq!(dice.below(0), 0);
    }

    #[test]
    fn a_sha_has_forty_hexadecimal_digits() {
        let sha = Dice::at(7, &[1]).sha();
        assert_eq!((sha.to_string().len(), sha.short().len()), (40, 8));
    }
}
