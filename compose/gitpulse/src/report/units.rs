//! Numbers for people. In: a number and its unit. Out: text. Never rounds what programs read.

use chrono::{Days, NaiveDate};

use super::measure::{Better, Unit};

/// How a number compares with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    Good,
    Bad,
    Neither,
}

/// A number with its unit, short; a dash for none.
pub(super) fn written(unit: Unit, value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match unit {
        Unit::Count => format!("{value:.0}"),
        Unit::PerDay => format!("{value:.2}"),
        Unit::Ratio => format!("{:.1} %", value * 100.0),
        Unit::Number => format!("{value:.1}"),
        Unit::Seconds => duration(value),
        Unit::Day => date(value),
    }
}

/// The date of the day that is this many days after 1970-01-01.
pub(super) fn date(days: f64) -> String {
    let day = NaiveDate::default().checked_add_days(Days::new(super::ask::as_u64(days)));
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// Seconds as text, in at most two units.
pub(crate) fn duration(seconds: f64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    // Negative values come from clocks that were ahead.
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    let whole = super::ask::as_u64(seconds.round());
    match whole {
        _ if whole < MINUTE => format!("{whole} s"),
        _ if whole < HOUR => two((whole / MINUTE, "min"), (whole % MINUTE, "s")),
        _ if whole < DAY => two((whole / HOUR, "h"), (whole % HOUR / MINUTE, "min")),
        _ => two((whole / DAY, "d"), (whole % DAY / HOUR, "h")),
    }
}

fn two((great, unit): (u64, &str), (small, of): (u64, &str)) -> String {
    if small == 0 { format!("{great} {unit}") } else { format!("{great} {unit} {small} {of}") }
}

/// The change of a number, and whether people prefer it.
pub(super) fn change(unit: Unit, better: Better, before: Option<f64>, now: Option<f64>) -> (String, Trend) {
    let (Some(before), Some(now)) = (before, now) else { return (String::new(), Trend::Neither) };
    let text = match unit {
        Unit::Ratio => format!("{:+.1} points", (now - before) * 100.0),
        Unit::Day => String::new(),
        _ if before == 0.0 => String::new(),
        _ => format!("{:+.0} %", (now / before - 1.0) * 100.0),
    };
    let text = match text.as_str() {
        "-0 %" | "+0 %" | "+0.0 points" | "-0.0 points" => "=".to_owned(),
        _ => text,
    };
    let trend = match (better, now.partial_cmp(&before)) {
        _ if text == "=" || text.is_empty() => Trend::Neither,
        (Better::More, Some(std::cmp::Ordering::Greater))
        | (Better::Less, Some(std::cmp::Ordering::Less)) => Trend::Good,
        (Better::More, Some(std::cmp::Ordering::Less))
        | (Better::Less, Some(std::cmp::Ordering::Greater)) => Trend::Bad,
        _ => Trend::Neither,
    };
    (text, trend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_the_most() {
        let check = |seconds: f64, expected: &str| assert_eq!(duration(seconds), expected);
        check(0.4, "0 s");
        check(59.5, "1 min");
        check(61.0, "1 min 1 s");
        check(3_600.0, "1 h");
        check(18_600.0, "5 h 10 min");
        check(86_399.6, "1 d");
        check(273_600.0, "3 d 4 h");
        check(-90.0, "-1 min 30 s");
    }

    #[test]
    fn numbers_have_the_decimals_of_their_unit() {
        assert_eq!(written(Unit::PerDay, Some(0.2)), "0.20");
        assert_eq!(written(Unit::Ratio, Some(0.1)), "10.0 %");
        assert_eq!(written(Unit::Count, Some(12.0)), "12");
        assert_eq!(written(Unit::Number, Some(2.5)), "2.5");
        assert_eq!(written(Unit::Seconds, None), "–");
        assert_eq!(written(Unit::Day, Some(20_785.0)), "2026-11-28");
    }

    #[test]
    fn a_change_is_good_where_the_number_went_the_right_way() {
        let check = |unit, better, before, now, expected: (&str, Trend)| {
            let (text, trend) = change(unit, better, before, now);
            assert_eq!((text.as_str(), trend), expected);
        };
        check(Unit::Seconds, Better::Less, Some(100.0), Some(80.0), ("-20 %", Trend::Good));
        check(Unit::Seconds, Better::Less, Some(100.0), Some(120.0), ("+20 %", Trend::Bad));
        check(Unit::PerDay, Better::More, Some(1.0), Some(2.0), ("+100 %", Trend::Good));
        check(Unit::Count, Better::Neither, Some(1.0), Some(2.0), ("+100 %", Trend::Neither));
        check(Unit::Ratio, Better::Less, Some(0.1), Some(0.25), ("+15.0 points", Trend::Bad));
        check(Unit::Count, Better::More, Some(0.0), Some(2.0), ("", Trend::Neither));
        check(Unit::Count, Better::More, Some(2.0), Some(2.0), ("=", Trend::Neither));
        check(Unit::Seconds, Better::Less, None, Some(2.0), ("", Trend::Neither));
    }
}
