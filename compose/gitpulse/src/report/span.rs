//! The days of a question. In: dates, a zone, the current time. Out: the window, the span of the same length before it, and the steps of plots. Never
//! divides days itself: ClickHouse does, which knows the zones.

use anyhow::Context;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use clap::Args;
use clickhouse::Client;
use clickhouse::query::Query;
use runtime::clickhouse::{Code, code};

use super::refused;

/// Default length of a window, in days.
const DEFAULT_DAYS: u64 = 30;
/// A window of at most this many days is plotted by day.
const DRAWN_BY_DAY: u64 = 14;
/// A window of at most this many days is plotted by week; a longer one by month.
const DRAWN_BY_WEEK: u64 = 26 * 7;

/// Days, and where they begin and end.
#[derive(Debug, Clone, Args)]
pub(super) struct SpanArgs {
    /// First day, as 2026-11-01; by default 29 days before the last, so that the window has 30 days
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(super) since: Option<NaiveDate>,
    /// Last day, which is included; by default yesterday, the last whole day
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(super) until: Option<NaiveDate>,
    /// Time zone of the days, as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) zone: String,
}

/// The step of plots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Day,
    Week,
    Month,
}

/// The days of the question, and those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// First and last day of the window.
    pub(super) since: NaiveDate,
    pub(super) until: NaiveDate,
    /// First and last day of the span before it, of the same length.
    pub(super) before_since: NaiveDate,
    pub(super) before_until: NaiveDate,
    /// An IANA name.
    pub(super) zone: String,
    /// The current day in the zone.
    pub(super) today: NaiveDate,
    pub(super) step: Step,
}

impl Step {
    /// Its name, in SQL and in output.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Step::Day => "day",
            Step::Week => "week",
            Step::Month => "month",
        }
    }

    /// The first day of the step that contains this day.
    fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Step::Day => day,
            Step::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Step::Month => day.with_day(1).unwrap_or(day),
        }
    }
}

impl Span {
    /// The days for these arguments, if the current day is `today`.
    pub(super) fn new(args: &SpanArgs, today: NaiveDate) -> anyhow::Result<Span> {
        let yesterday = today - Days::new(1);
        let (since, until) = match (args.since, args.until) {
            (Some(since), Some(until)) => (since, until),
            (Some(since), None) => (since, yesterday.max(since)),
            (None, until) => {
                let until = until.unwrap_or(yesterday);
                (until - Days::new(DEFAULT_DAYS - 1), until)
            }
        };
        if since > until {
            anyhow::bail!(
                "--since {since} is after --until {until}; the window has both days and all between: --since {until} --until {since}"
            );
        }
        let days = days(since, until);
        Ok(Span {
            since,
            until,
            before_since: since - Days::new(days),
            before_until: since - Days::new(1),
            zone: args.zone.clone(),
            today,
            step: match days {
                days if days <= DRAWN_BY_DAY => Step::Day,
                days if days <= DRAWN_BY_WEEK => Step::Week,
                _ => Step::Month,
            },
        })
    }

    /// How many days the window has.
    pub(super) fn days(&self) -> u64 {
        days(self.since, self.until)
    }

    /// First and last day of each step of the window, cut to the window.
    pub(super) fn steps(&self) -> Vec<(NaiveDate, NaiveDate)> {
        let mut firsts = vec![self.since];
        for day in self.since.iter_days().skip(1).take_while(|day| *day <= self.until) {
            if self.step.start(day) == day {
                firsts.push(day);
            }
        }
        let lasts = firsts.iter().skip(1).map(|next| *next - Days::new(1)).chain([self.until]);
        firsts.iter().copied().zip(lasts).collect()
    }

    /// Binds the days of a query.
    pub(super) fn bind(&self, query: Query) -> Query {
        query
            .param("since", self.since.to_string())
            .param("until", self.until.to_string())
            .param("before_since", self.before_since.to_string())
            .param("before_until", self.before_until.to_string())
            .param("zone", &self.zone)
            .param("step", self.step.as_str())
    }
}

/// Asks ClickHouse for the current day in the zone, and makes the span.
pub(super) async fn resolve(client: &Client, args: &SpanArgs, now: DateTime<Utc>) -> anyhow::Result<Span> {
    let query = client
        .query("SELECT toString(toDate(toDateTime({now:Int64}, 'UTC'), {zone:String}))")
        .param("now", now.timestamp())
        .param("zone", &args.zone);
    let today = match query.fetch_one::<String>().await {
        Ok(today) => today.parse().context("ClickHouse's date")?,
        Err(error) if code(&error) == Some(Code::BAD_ARGUMENTS) => {
            return Err(no_zone(client, &args.zone).await);
        }
        Err(error) => return Err(refused(error)),
    };
    Span::new(args, today)
}

/// An error for an unknown zone, with similar ones.
async fn no_zone(client: &Client, zone: &str) -> anyhow::Error {
    let query = "SELECT time_zone FROM system.time_zones \
                 ORDER BY positionCaseInsensitive(time_zone, {zone:String}) = 0, editDistance(lower(time_zone), lower({zone:String})), time_zone LIMIT 3";
    // Without suggestions the error is still useful.
    let near: Vec<String> = client.query(query).param("zone", zone).fetch_all().await.unwrap_or_default();
    anyhow::anyhow!(
        "there is no time zone {zone:?}; zones have IANA names, such as {}",
        if near.is_empty() { "Europe/Berlin".to_owned() } else { near.join(", ") }
    )
}

fn days(since: NaiveDate, until: NaiveDate) -> u64 {
    u64::try_from((until - since).num_days()).unwrap_or(0) + 1
}

fn date(text: &str) -> Result<NaiveDate, &'static str> {
    let date: Option<NaiveDate> = text.parse().ok();
    // ClickHouse's range of days, with room for the span before.
    date.filter(|date| (2000..=2100).contains(&date.year())).ok_or("write a date as 2026-11-22, from 2000 on")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(since: &str, until: &str) -> SpanArgs {
        SpanArgs { since: date(since).ok(), until: date(until).ok(), zone: "UTC".to_owned() }
    }

    #[track_caller]
    fn check(since: &str, until: &str, expected: &str) {
        let said = match Span::new(&args(since, until), date("2026-11-28").unwrap()) {
            Ok(span) => format!(
                "{} {} {} {} {} {}",
                span.since,
                span.until,
                span.before_since,
                span.before_until,
                span.days(),
                span.step.as_str()
            ),
            Err(error) => error.to_string(),
        };
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn a_window_has_whole_days_and_as_many_before() {
        check("", "", "2026-10-29 2026-11-27 2026-09-29 2026-10-28 30 week");
        check("2026-11-01", "", "2026-11-01 2026-11-27 2026-10-05 2026-10-31 27 week");
        check("", "2026-11-10", "2026-10-12 2026-11-10 2026-09-12 2026-10-11 30 week");
        check("2026-11-27", "2026-11-27", "2026-11-27 2026-11-27 2026-11-26 2026-11-26 1 day");
        // Today is not over, but may be asked for.
        check("2026-11-28", "", "2026-11-28 2026-11-28 2026-11-27 2026-11-27 1 day");
        check("2025-11-01", "2026-10-31", "2025-11-01 2026-10-31 2024-11-01 2025-10-31 365 month");
        check("2026-11-10", "2026-11-01", "--since 2026-11-10 is after --until 2026-11-01");
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for wrong in ["", "yesterday", "2026-02-30", "28.11.2026", "2026-11-28T00:00:00Z", "1969-01-01"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
        assert!(date("2024-02-29").is_ok());
    }

    #[test]
    fn steps_are_weeks_cut_to_the_window() {
        let span = Span::new(&args("2026-10-29", "2026-11-27"), date("2026-11-28").unwrap()).unwrap();
        let steps: Vec<String> = span.steps().iter().map(|(first, last)| format!("{first} {last}")).collect();
        assert_eq!(
            steps,
            [
                "2026-10-29 2026-11-01",
                "2026-11-02 2026-11-08",
                "2026-11-09 2026-11-15",
                "2026-11-16 2026-11-22",
                "2026-11-23 2026-11-27"
            ]
        );
    }
}
