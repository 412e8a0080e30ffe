//! Selects dead letters. In: flags. Out: a condition whose values are bound, never part of the text. The same for `list` and `replay`.

use chrono::{DateTime, Utc};
use clap::Args;
use clickhouse::query::Query;
use processor::decode::DecodeError;
use schemas::EventKind;

/// The state of a letter: `events` has its event, has had it from the start but its own table has not, or it could not be read yet.
pub(super) const STATE: &str = "multiIf(event_id IS NULL OR event_id NOT IN \
                     (SELECT id FROM events WHERE id IN (SELECT assumeNotNull(event_id) FROM dead_letters WHERE event_id IS NOT NULL)), 'open', \
                     reason IN ('payload', 'missing_field', 'too_long'), 'in events only', 'recovered')";

/// The kind of a letter. No kind has a dot in its name, and the prefix before it may have been another one once.
pub(super) const KIND: &str = "splitByChar('.', topic)[-1]";

/// The condition for the letters that a [`Filter`] selects, once it is bound.
pub(super) fn matches() -> String {
    format!(
        "({{reason:String}} = '' OR reason = {{reason:String}}) AND ({{kind:String}} = '' OR {KIND} = {{kind:String}}) \
         AND toUnixTimestamp64Milli(failed_at) >= {{since:Int64}} AND toUnixTimestamp64Milli(failed_at) < {{until:Int64}}"
    )
}

/// Conditions, all of which must hold.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only those that failed for this reason
    #[arg(long, value_name = "REASON", value_parser = DecodeError::REASONS)]
    reason: Option<String>,
    /// Only those from the topic of this kind of event
    #[arg(long, value_name = "KIND", value_parser = EventKind::ALL.map(EventKind::as_str))]
    kind: Option<String>,
    /// Only those that failed at this time or later, as 2026-11-22T08:30:00Z, or 2026-11-22 for its midnight UTC
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
    /// Only those that failed before this time, in the same format
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<DateTime<Utc>>,
}

impl Filter {
    /// Binds the values for the condition of [`matches()`]; a query without it stays as it is.
    pub(super) fn bind(&self, query: Query) -> Query {
        let milliseconds = |time: &Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis());
        query
            .param("reason", self.reason.as_deref().unwrap_or_default())
            .param("kind", self.kind.as_deref().unwrap_or_default())
            .param("since", milliseconds(&self.since).unwrap_or(i64::MIN))
            .param("until", milliseconds(&self.until).unwrap_or(i64::MAX))
    }

    /// Whether every letter is selected.
    pub(super) fn is_empty(&self) -> bool {
        let Filter { reason, kind, since, until } = self;
        reason.is_none() && kind.is_none() && since.is_none() && until.is_none()
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    schemas::time::parse(text).ok_or(
        "write a time as in RFC 3339 (2026-11-22T08:30:00Z, 2026-11-22T09:30:00+01:00), or a date (2026-11-22), which is its midnight in UTC",
    )
}
