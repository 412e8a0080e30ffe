//! Times and texts in GitLab's formats. In: milliseconds and numbers. Out: text. All times are in UTC.

use chrono::{DateTime, SecondsFormat, Utc};

use super::dice::Millis;
use super::merge_request::{MergeRequest, Story};
use super::sprint::Noteable;

fn moment(at: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or(DateTime::UNIX_EPOCH)
}

/// As `2026-11-02T08:12:31.204Z`.
pub fn time(at: Millis) -> String {
    moment(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// As [`time`], or nothing.
pub(crate) fn time_of(at: Option<Millis>) -> Option<String> {
    at.map(time)
}

/// Times of git, as `2026-11-03T10:40:12.000+00:00`.
pub(crate) fn git_time(at: Millis) -> String {
    moment(at).to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// As `2026-11-03 09:15:02 UTC`: jobs in webhooks.
pub(crate) fn ruby_time(at: Millis) -> String {
    moment(at).format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// As `2026-11-03T09:15:02Z`: times of jobs that webhooks contain twice.
pub(crate) fn iso_second(at: Millis) -> String {
    moment(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// As `2026-11-03 09:15:02 +0000`: deployments in webhooks before 19.
pub(crate) fn offset_time(at: Millis) -> String {
    moment(at).format("%Y-%m-%d %H:%M:%S +0000").to_string()
}

/// As `2026-11-03`.
pub(crate) fn date(at: Millis) -> String {
    moment(at).format("%Y-%m-%d").to_string()
}

/// Reads a time as a query gives it: ISO 8601 with any zone, or a date.
pub(crate) fn read_time(text: &str) -> Option<Millis> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// The label that some merge requests carry.
pub(crate) const LABEL: &str = "basket";
/// Offset of forks' ids from those of their projects.
pub(crate) const FORKS: u64 = 9_000_000;

/// The title of the merge request of this number.
pub(crate) fn title(number: u32, request: &MergeRequest) -> String {
    let subject = super::grow::subject(number);
    match request.story {
        Story::BackMerge => "Bring the hotfixes back".to_owned(),
        Story::Promoting => "Deploy what was merged".to_owned(),
        Story::Reverting => format!("Revert \"{subject}\""),
        _ => subject.to_owned(),
    }
}

/// The project of its branch.
pub(crate) fn source_project(project: u64, request: &MergeRequest) -> u64 {
    project + if request.story == Story::OfFork { FORKS } else { 0 }
}

/// A time as ClickHouse writes it in JSON, as `2026-11-02 08:12:31.204`.
pub(crate) fn table_time(at: Millis) -> String {
    moment(at).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The title of the issue of this number.
pub(crate) fn issue_title(number: u32, is_incident: bool) -> String {
    match is_incident {
        true => format!("Error rate of order placement above {} %", 2 + number % 7),
        false => format!("Basket loses item {number} when the gateway is slow"),
    }
}

/// `MergeRequest` or `Issue`.
pub(crate) fn noteable_type(on: Noteable) -> &'static str {
    match on {
        Noteable::MergeRequest(_) => "MergeRequest",
        Noteable::Issue(_) => "Issue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        let at = 1_762_128_000_204;
        assert_eq!(time(at), "2025-11-03T00:00:00.204Z");
        assert_eq!(read_time(&time(at)), Some(at));
        assert_eq!(read_time("2025-11-03"), Some(1_762_128_000_000));
        assert_eq!(read_time("2025-11-03T01:00:00+01:00"), Some(1_762_128_000_000));
        assert_eq!(read_time("yesterday"), None);
        assert_eq!(git_time(1_762_128_000_000), "2025-11-03T00:00:00.000+00:00");
    }
}
