//! Injected faults. In: a seed and the number of a request. Out: nothing, or a fault. Never two requests in a row: a retry succeeds.

/// How many of a thousand requests fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Decides which requests fail.
    pub seed: u64,
    /// Answered with 500 or 502.
    pub errors: u32,
    /// Never answered: the connection stays open and silent.
    pub stalls: u32,
    /// Answered with JSON that ends in the middle.
    pub torn: u32,
}

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Error(u16),
    Stall,
    Torn,
}

impl Faults {
    /// The fault of the request with this number, if it has one.
    pub(super) fn of(&self, number: u64) -> Option<Fault> {
        let mixed =
            (number / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed.wrapping_mul(0xd1b5_4a32_d192_ed03);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let roll = (mixed >> 33) % 1_000;
        // At most one of two consecutive requests fails.
        if !number.is_multiple_of(2) {
            return None;
        }
        let (errors, stalls, torn) = (2 * self.errors, 2 * self.stalls, 2 * self.torn);
        let roll = u32::try_from(roll).unwrap_or(u32::MAX);
        match roll {
            roll if roll < errors => Some(Fault::Error(if roll.is_multiple_of(2) { 500 } else { 502 })),
            roll if roll < errors + stalls => Some(Fault::Stall),
            roll if roll < errors + stalls + torn => Some(Fault::Torn),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_about_as_often_as_asked_and_never_twice_in_a_row() {
        let faults = Faults { seed: 3, errors: 50, stalls: 0, torn: 0 };
        let broken: Vec<bool> = (0..20_000).map(|number| faults.of(number).is_some()).collect();
        let count = broken.iter().filter(|is_broken| **is_broken).count();
        assert!((700..1_300).contains(&count), "{count}");
        assert!(broken.windows(2).all(|pair| pair != [true, true]));
    }
}
