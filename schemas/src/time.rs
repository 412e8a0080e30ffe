//! All shapes in which GitLab writes a time, and one parser. In: text. Out: an instant in UTC, or `None`. Never an error: an unreadable time is a
//! missing value and is counted, and the event is kept.

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

/// The years that ClickHouse's `DateTime64(3)` and `Date32` can hold. A time outside them counts as unreadable.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// How far a time in a body may be after its receipt before it counts as wrong. Without this limit, one body from the year 2099 would outrank every
/// later fact about its entity.
pub const FUTURE_TOLERANCE: Days = Days::new(1);

/// Reads any of the shapes that GitLab's webhooks and REST API are known to use:
///
/// | shape | where |
/// |---|---|
/// | `2026-05-28T06:11:46.057Z` | GitLab 19 and the API |
/// | `2015-05-17 18:08:09 UTC` | Ruby's `Time#to_s`: most webhooks before 19, a pipeline's `builds[]` still |
/// | `2026-07-28 15:09:25 -0700`, `2025-05-02 12:36:52 +0000` | the same with an offset |
/// | `2026-08-02T10:41:35.000+00:00`, `2012-01-03T23:36:29+02:00`, `2013-12-03T17:15:43Z` | ISO 8601 with offset |
/// | `2015-04-08T21: 00:25-07:00`, `2014-08-18 18:45:16Z` | misprints in documentation that others copied |
/// | `2025-06-30` | dates: midnight UTC |
///
/// A time without a zone is UTC. A leap second is the second before it. Years before 1900 are unreadable,
/// because ClickHouse could not hold them.
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let date = parse_date(text.get(..10)?)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    // The stray space after the hour of a misprinted time.
    let compact: String = rest.strip_prefix(['T', 't', ' '])?.chars().filter(|c| *c != ' ').collect();
    let zone_at =
        compact.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(compact.len());
    let (clock, zone) = compact.split_at(zone_at);
    let local = NaiveDateTime::new(date, parse_clock(clock)?);
    let instant = local.checked_sub_offset(parse_zone(zone)?)?.and_utc();
    Some(instant)
}

/// The whole seconds of an instant since 1970. At this precision webhooks before GitLab 19 and the API agree about a revision.
pub fn whole_seconds(time: DateTime<Utc>) -> i64 {
    time.timestamp()
}

/// `time`, but at most a day after `received_at`.
pub fn clamp_to_receipt(time: DateTime<Utc>, received_at: DateTime<Utc>) -> DateTime<Utc> {
    match received_at.checked_add_days(FUTURE_TOLERANCE) {
        Some(latest) => time.min(latest),
        None => time,
    }
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    YEARS.contains(&chrono::Datelike::year(&date)).then_some(date)
}

/// `18:08`, `18:08:09` or `18:08:09.057`.
fn parse_clock(text: &str) -> Option<NaiveTime> {
    let mut parts = text.splitn(3, ':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "")),
        None => ("0", ""),
    };
    let second: u32 = second.parse().ok()?;
    let time = NaiveTime::from_hms_opt(hour, minute, second.min(59))?;
    // The tables keep milliseconds, and GitLab sends no more.
    let milliseconds: i64 = match fraction.get(..fraction.len().min(3))? {
        "" => 0,
        digits => digits.parse::<i64>().ok()? * 10_i64.pow(3 - digits.len() as u32),
    };
    Some(time + TimeDelta::milliseconds(milliseconds))
}

/// `Z`, `UTC`, nothing, `+02:00`, `-0700` or `+02`.
fn parse_zone(text: &str) -> Option<FixedOffset> {
    if matches!(text, "" | "Z" | "z" | "UTC" | "GMT") {
        return FixedOffset::east_opt(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let parsed = parse(text).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        assert_eq!(parsed.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn every_shape_of_gitlab_is_read() {
        check("2026-05-28T06:11:46.057Z", Some("2026-05-28T06:11:46.057Z"));
        check("2015-05-17 18:08:09 UTC", Some("2015-05-17T18:08:09.000Z"));
        check("2026-07-28 15:09:25 -0700", Some("2026-07-28T22:09:25.000Z"));
        check("2025-05-02 12:36:52 +0000", Some("2025-05-02T12:36:52.000Z"));
        check("2026-08-02T10:41:35.000+00:00", Some("2026-08-02T10:41:35.000Z"));
        check("2013-12-03T17:15:43Z", Some("2013-12-03T17:15:43.000Z"));
        check("2012-01-03T23:36:29+02:00", Some("2012-01-03T21:36:29.000Z"));
        check("2025-06-30", Some("2025-06-30T00:00:00.000Z"));
        check("2015-04-08T21: 00:25-07:00", Some("2015-04-09T04:00:25.000Z"));
        check("2014-08-18 18:45:16Z", Some("2014-08-18T18:45:16.000Z"));
        check("2016-09-20T09:26:24.000-07:00", Some("2016-09-20T16:26:24.000Z"));
        check("2017-05-31T00:55:38-02:30", Some("2017-05-31T03:25:38.000Z"));
        check("2026-05-28T06:11:46.0571234Z", Some("2026-05-28T06:11:46.057Z"));
        check("2026-05-28T06:11:46.5Z", Some("2026-05-28T06:11:46.500Z"));
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59.000Z"));
        // GitLab allows any expiry of a token.
        check("3000-01-01", Some("3000-01-01T00:00:00.000Z"));
        check("9999-12-31", Some("9999-12-31T00:00:00.000Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "null",
            "yesterday",
            "2026-13-01",
            "2026-02-30 10:00:00 UTC",
            "2026-05-28T25:00:00Z",
            "2026-05-28 10:00:00 CEST",
            "2026-05-28T10:00:00+",
            "2026-05-28T",
            "10000-01-01T00:00:00Z",
            "1066-10-14",
            "2026-05-28T10:00:00+é0",
            "１２３４５６７８９０",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_chrono_writes_is_read_back(milliseconds in 0_i64..4_102_444_800_000, offset in -14_i32..=14) {
            let time = DateTime::<Utc>::from_timestamp_millis(milliseconds).unwrap();
            prop_assert_eq!(parse(&time.to_rfc3339_opts(SecondsFormat::Millis, true)), Some(time));
            let local = time.with_timezone(&FixedOffset::east_opt(offset * 3600).unwrap());
            prop_assert_eq!(parse(&local.to_rfc3339_opts(SecondsFormat::Millis, false)), Some(time));
            let seconds = DateTime::<Utc>::from_timestamp(milliseconds / 1000, 0).unwrap();
            prop_assert_eq!(parse(&seconds.format("%Y-%m-%d %H:%M:%S UTC").to_string()), Some(seconds));
        }
    }
}
