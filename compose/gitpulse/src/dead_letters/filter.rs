//! Which dead letters are meant. In: flags. Out: a condition whose values are bound, never part of the text. The same for `list` and `replay`.

use chrono::{DateTime, Utc};
use clap::Args;
use clickhouse::query::Query;
use processor::decode::DecodeError;
use schemas::EventKind;

/// What became of a letter: `events` has its event, had it from the start but not in its own table, or nobody could read it yet.
pub(super) const STATE: &str = "multiIf(event_id IS NULL OR event_id NOT IN \
                     (SELECT id FROM events WHERE id IN (SELECT assumeNotNull(event_id) FROM dead_letters WHERE event_id IS NOT NULL)), 'open', \
                     reason IN ('payload', 'missing_field', 'too_long'), 'in events only', 'recovered')";

/// What a letter is about. No kind has a dot in its name, and what stands before it may have been configured otherwise once.
pub(super) const KIND: &str = "splitByChar('.', topic)[-1]";

/// The condition that holds for the letters that a [`Filter`] means, once it is bound.
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
    /// Gives the condition of [`matches()`] its values; a query without it is left as it is.
    pub(super) fn bind(&self, query: Query) -> Query {
        let milliseconds = |time: &Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis());
        query
            .param("reason", self.reason.as_deref().unwrap_or_default())
            .param("kind", self.kind.as_deref().unwrap_or_default())
            .param("since", milliseconds(&self.since).unwrap_or(i64::MIN))
            .param("until", milliseconds(&self.until).unwrap_or(i64::MAX))
    }

    /// Whether every letter is meant.
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
