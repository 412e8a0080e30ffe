//! Numbers as plots made of characters. In: numbers, some of which are missing. Out: one line, or one bar each. Never a colour.

use super::ask::{as_f64, as_u64};

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Eighths of a character, from the left.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// One character each: a full block for the greatest, the lowest line for zero, a dot for a missing value.
pub(super) fn spark(values: &[Option<f64>]) -> String {
    let greatest = greatest(values);
    let letter = |value: &Option<f64>| match value {
        None => '·',
        Some(_) if greatest <= 0.0 => '▁',
        Some(value) => {
            let height = (value.max(0.0) / greatest * 7.0).round();
            usize::try_from(as_u64(height))
                .ok()
                .and_then(|height| HEIGHTS.get(height))
                .copied()
                .unwrap_or('█')
        }
    };
    values.iter().map(letter).collect()
}

/// A bar whose length is to `width` characters as the value is to the greatest.
pub(super) fn bar(value: Option<f64>, greatest: f64, width: u16) -> String {
    let Some(value) = value.filter(|value| *value > 0.0 && greatest > 0.0) else { return String::new() };
    let eighths = as_u64((value / greatest * as_f64(u64::from(width)) * 8.0).round());
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = usize::try_from(eighths % 8).ok().and_then(|rest| EIGHTHS.get(rest)).copied().unwrap_or("");
    // A small value must be visible.
    if whole == 0 && rest.is_empty() { "▏".to_owned() } else { "█".repeat(whole) + rest }
}

/// The greatest of them; 0 if there is none.
pub(super) fn greatest(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_letter_each() {
        assert_eq!(spark(&[Some(0.0), Some(5.0), None, Some(10.0)]), "▁▅·█");
        assert_eq!(spark(&[Some(0.0), Some(0.0)]), "▁▁");
        assert_eq!(spark(&[Some(-1.0), Some(7.0)]), "▁█");
        assert_eq!(spark(&[]), "");
    }

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        assert_eq!(bar(Some(10.0), 10.0, 4), "████");
        assert_eq!(bar(Some(5.0), 10.0, 3), "█▌");
        assert_eq!(bar(Some(0.001), 10.0, 4), "▏");
        assert_eq!(bar(Some(0.0), 10.0, 4), "");
        assert_eq!(bar(None, 10.0, 4), "");
        assert_eq!(bar(Some(1.0), 0.0, 4), "");
    }
}
