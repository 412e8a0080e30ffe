//! What a report counts. In: names and SQL written in this program. Out: measures, which `ask` puts into a query. Never holds a user's value: those
//! are bound.

use super::ask::as_f64;

/// The unit of a number. The name of a measure ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Things per day of the span; the SQL counts those of the whole span.
    PerDay,
    /// Seconds, possibly fractional.
    Seconds,
    /// A part of a whole, from 0 to 1.
    Ratio,
    /// A day, as the number of days since 1970.
    Day,
    /// Any other number that need not be whole, such as a median of lines.
    Number,
}

/// Whether people prefer a higher or a lower number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    More,
    Less,
    /// Neither good nor bad.
    Neither,
}

/// Coverage: how many of the relevant things a number counts, as aggregates.
#[derive(Debug, Clone)]
pub(super) struct Coverage {
    /// The things that coverage counts, if they are others than the number's: "merged" for a lead time, which is computed from deployed ones. Empty
    /// if they are the same.
    pub(super) whole: &'static str,
    /// How many it counts.
    pub(super) counted: String,
    /// How many there are.
    pub(super) of: String,
    /// A map from the reason to how many are not counted for it.
    pub(super) reasons: String,
}

/// One number of a report.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    /// Its name for programs, with the unit at its end.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) label: &'static str,
    pub(super) unit: Unit,
    pub(super) better: Better,
    /// The value for no rows at all: 0 for a count or a sum, unknown for anything else.
    pub(super) of_nothing: Option<f64>,
    /// The aggregate for the value; for a [`Unit::Ratio`] with a whole, the part.
    pub(super) value: String,
    /// The aggregate for the whole.
    pub(super) whole: Option<String>,
    /// The aggregate that counts the things behind the value, for example those of which a median is taken.
    pub(super) things: Option<String>,
    pub(super) coverage: Option<Coverage>,
}

/// Rows, and what is counted of them.
pub(super) struct Section {
    /// Its title, for people; empty if it is only shown in breakdowns.
    pub(super) title: &'static str,
    /// A SELECT with one row per entity, with either `days`, an array of (role, day), and `subjects`, an array of subjects that it is counted under
    /// besides the total; or `cuts`, an array of (span, subject, role). `${scope}` stands for the condition that the entity is in the scope.
    pub(super) rows: String,
    pub(super) measures: Vec<Measure>,
}

impl Measure {
    fn new(name: &'static str, label: &'static str, unit: Unit, value: String) -> Measure {
        let of_nothing = matches!(unit, Unit::Count | Unit::PerDay).then_some(0.0);
        Measure {
            name,
            label,
            unit,
            better: Better::Neither,
            of_nothing,
            value,
            whole: None,
            things: None,
            coverage: None,
        }
    }

    /// The number of rows for which `condition` is true.
    pub(super) fn count(name: &'static str, label: &'static str, condition: &str) -> Measure {
        Measure::new(name, label, Unit::Count, format!("countIf({condition})"))
    }

    /// The same, per day.
    pub(super) fn per_day(name: &'static str, label: &'static str, condition: &str) -> Measure {
        Measure::new(name, label, Unit::PerDay, format!("countIf({condition})"))
    }

    /// The sum of a column over the rows for which `condition` is true.
    pub(super) fn sum(
        name: &'static str,
        label: &'static str,
        unit: Unit,
        column: &str,
        condition: &str,
    ) -> Measure {
        let sum = format!("ifNull(sumIf({column}, {condition}), 0)");
        Measure { of_nothing: Some(0.0), ..Measure::new(name, label, unit, sum) }
    }

    /// The quantile of a column, computed like Postgres' `percentile_cont`, over all rows that have it and for which `condition` is true.
    pub(super) fn quantile(
        name: &'static str,
        label: &'static str,
        unit: Unit,
        (level, column): (f64, &str),
        condition: &str,
    ) -> Measure {
        let value = format!("quantileExactInclusiveIf({level})({column}, {condition})");
        Measure { things: Some(having(column, condition)), ..Measure::new(name, label, unit, value) }
    }

    /// The mean of a column over all rows that have it and for which `condition` is true.
    pub(super) fn mean(
        name: &'static str,
        label: &'static str,
        unit: Unit,
        column: &str,
        condition: &str,
    ) -> Measure {
        let value = format!("avgIf({column}, {condition})");
        Measure { things: Some(having(column, condition)), ..Measure::new(name, label, unit, value) }
    }

    /// The share of rows for which `part` is true among those for which `whole` is; the part is always within the whole.
    pub(super) fn share(name: &'static str, label: &'static str, part: &str, whole: &str) -> Measure {
        Measure {
            whole: Some(format!("countIf({whole})")),
            ..Measure::new(name, label, Unit::Ratio, format!("countIf(({part}) AND ({whole}))"))
        }
    }

    /// Any aggregate.
    pub(super) fn aggregate(
        name: &'static str,
        label: &'static str,
        unit: Unit,
        value: impl Into<String>,
    ) -> Measure {
        Measure::new(name, label, unit, value.into())
    }

    /// The same; more is better.
    pub(super) fn more_is_better(self) -> Measure {
        Measure { better: Better::More, ..self }
    }

    /// The same; less is better.
    pub(super) fn less_is_better(self) -> Measure {
        Measure { better: Better::Less, ..self }
    }

    /// The value for a span of this many days: a count per day is divided by all days of the span.
    pub(super) fn in_days(&self, value: Option<f64>, days: u64) -> Option<f64> {
        let value = value.or(self.of_nothing);
        match self.unit {
            Unit::PerDay => value.map(|value| value / as_f64(days.max(1))),
            _ => value,
        }
    }

    /// The same, with its coverage.
    pub(super) fn covering(self, coverage: &Coverage) -> Measure {
        Measure { coverage: Some(coverage.clone()), ..self }
    }
}

impl Coverage {
    /// Counts the rows of `whole` for which `counted` is true, and the others by `reason`, which gives a word.
    pub(super) fn new(counted: &str, whole: &str, reason: &str) -> Coverage {
        Coverage {
            whole: "",
            counted: format!("countIf(({whole}) AND ({counted}))"),
            of: format!("countIf({whole})"),
            reasons: format!(
                "sumMapIf(map(toString({reason}), toUInt64(1)), ({whole}) AND NOT ifNull({counted}, false))"
            ),
        }
    }

    /// The same, for other things than the number's, named by `of`: "merged".
    pub(super) fn of(self, of: &'static str) -> Coverage {
        Coverage { whole: of, ..self }
    }

    /// The coverage of a time to restore, which is computed from incidents that were closed in a span: how many of those for which `opened` holds are
    /// closed by now.
    pub(super) fn still_open(opened: &str) -> Coverage {
        Coverage::new("closed_at IS NOT NULL", opened, "'open'").of("opened")
    }
}

/// Counts the rows that have a column and for which `condition` is true.
fn having(column: &str, condition: &str) -> String {
    format!("countIf(({condition}) AND {column} IS NOT NULL)")
}

/// The condition that a time is in the window or in the span before it, so that ClickHouse skips other rows.
pub(super) fn within(column: &str) -> String {
    format!(
        "{column} >= toDateTime({{before_since:Date}}, {{zone:String}}) AND {column} < toDateTime({{until:Date}} + 1, {{zone:String}})"
    )
}

/// The day of a time in the report's zone.
pub(super) fn day(column: &str) -> String {
    format!("toDate({column}, {{zone:String}})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_there_is_no_count_and_no_median() {
        let count = Measure::count("runs_count", "runs", "1");
        let sum = Measure::sum("run_seconds", "run", Unit::Seconds, "duration_seconds", "1");
        let per_day = Measure::per_day("runs_per_day", "runs a day", "1");
        let median =
            Measure::quantile("run_p50_seconds", "run", Unit::Seconds, (0.5, "duration_seconds"), "1");
        let share = Measure::share("failed_ratio", "failed", "is_failed", "1");
        assert_eq!([&count, &sum, &per_day].map(|measure| measure.in_days(None, 30)), [Some(0.0); 3]);
        assert_eq!([&median, &share].map(|measure| measure.in_days(None, 30)), [None; 2]);
        // All days of the span count, including empty ones.
        assert_eq!(per_day.in_days(Some(6.0), 30), Some(0.2));
        assert_eq!(count.in_days(Some(6.0), 30), Some(6.0));
    }
}
