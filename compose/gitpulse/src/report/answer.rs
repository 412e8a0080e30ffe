//! The answer. In: numbers as ClickHouse counted them, and the form of a report. Out: lines and tables, the same for people and for programs. Never
//! formats: `print`, `json` and `csv` do.

use chrono::NaiveDate;

use super::ask::{BEFORE, Covered, Numbers, WINDOW};
use super::bands::{Band, band};
use super::measure::{Measure, Section, Unit};
use super::scope::Scope;
use super::span::Span;

/// A report before it is queried.
pub(super) struct Report {
    /// As on the command line.
    pub(super) name: &'static str,
    /// Its title, for people.
    pub(super) title: &'static str,
    /// Other choices, by the name of the flag.
    pub(super) chosen: Vec<(&'static str, String)>,
    pub(super) sections: Vec<Section>,
    pub(super) breakdowns: Vec<Breakdown>,
    /// The measure that is plotted; empty for none.
    pub(super) drawn: &'static str,
    /// A query for the earliest thing on record, as a date, and the name of such things: "deployments".
    pub(super) first: (String, &'static str),
    /// What to do if there are none; empty where only the general hint applies.
    pub(super) hint: &'static str,
    /// The GitLab lists that it depends on, by backfill's names: it lacks what GitLab does not show of them.
    pub(super) lists: &'static [&'static str],
    /// Notes on the numbers, for people.
    pub(super) notes: Vec<String>,
}

/// Numbers by subject.
pub(super) struct Breakdown {
    /// Its name for programs: `by_environment`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The head of its first column, and its name for programs.
    pub(super) subject: &'static str,
    /// Measures by name, each with the head of its column.
    pub(super) columns: Vec<(&'static str, &'static str)>,
    /// The measure by which it is sorted, greatest first.
    pub(super) order: &'static str,
    /// Maximum number of rows.
    pub(super) limit: usize,
}

/// The answer.
pub(super) struct Answer {
    pub(super) report: &'static str,
    pub(super) title: &'static str,
    pub(super) chosen: Vec<(&'static str, String)>,
    pub(super) scope: Scope,
    pub(super) span: Span,
    /// The first day on record, and of what.
    pub(super) on_record_since: Option<NaiveDate>,
    pub(super) of_what: &'static str,
    pub(super) hint: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) tables: Vec<Table>,
    pub(super) drawn: &'static str,
    pub(super) notes: Vec<String>,
    /// Whether there is anything in the window or before.
    pub(super) is_empty: bool,
}

/// One number, with that of the span before, and by step.
pub(super) struct Line {
    pub(super) section: &'static str,
    pub(super) measure: Measure,
    pub(super) value: Option<f64>,
    pub(super) part_of: Option<(u64, u64)>,
    /// How many things it is computed from.
    pub(super) things: Option<u64>,
    pub(super) before: Option<f64>,
    pub(super) steps: Vec<Option<f64>>,
    pub(super) coverage: Option<Covered>,
    pub(super) band: Option<Band>,
}

/// A breakdown with its rows.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) subject: &'static str,
    pub(super) columns: Vec<Measure>,
    pub(super) rows: Vec<(String, Vec<Option<f64>>)>,
    /// How many rows were left out.
    pub(super) more: usize,
}

impl Report {
    /// Makes the answer from the numbers.
    pub(super) fn answer(
        self,
        scope: Scope,
        span: Span,
        on_record_since: Option<NaiveDate>,
        numbers: &Numbers,
    ) -> Answer {
        let listed = self.sections.iter().filter(|section| !section.title.is_empty());
        let lines = listed.flat_map(|section| {
            section.measures.iter().map(|measure| line(section.title, measure, (&scope, &span), numbers))
        });
        let lines: Vec<Line> = lines.collect();
        let measures: Vec<&Measure> = self.sections.iter().flat_map(|section| &section.measures).collect();
        let tables = self.breakdowns.iter().map(|breakdown| table(breakdown, &measures, &span, numbers));
        Answer {
            tables: tables.filter(|table| !table.rows.is_empty()).collect(),
            report: self.name,
            title: self.title,
            chosen: self.chosen,
            on_record_since,
            of_what: self.first.1,
            hint: self.hint,
            lines,
            drawn: self.drawn,
            notes: self.notes,
            is_empty: !numbers.has(WINDOW) && !numbers.has(BEFORE),
            scope,
            span,
        }
    }
}

impl Answer {
    /// A note if a part of the window, or of the span before, is older than the first thing on record: those days count as well.
    pub(super) fn before_the_first(&self) -> Option<String> {
        let first = self.on_record_since.filter(|first| *first > self.span.before_since)?;
        Some(format!(
            "The first {} on record are of {first}; days before that count as days without any. `gitpulse backfill` reads history.",
            self.of_what
        ))
    }

    /// A note if the last day of the window is not over.
    pub(super) fn not_over(&self) -> Option<String> {
        let Span { until, today, zone, .. } = &self.span;
        (until >= today).then(|| format!("Today is {today} in {zone}: from today on days are not complete."))
    }

    /// Why there is no answer.
    pub(super) fn nothing(&self) -> String {
        let Span { since, until, before_since, .. } = &self.span;
        let of_what = self.of_what;
        match self.on_record_since {
            None if !self.hint.is_empty() => format!("there are no {of_what} on record: {}", self.hint),
            None => format!(
                "there are no {of_what} on record yet: they appear with the webhooks of a project, or with `gitpulse backfill`"
            ),
            Some(first) if first > *until => {
                format!("no {of_what} from {since} to {until}: the first on record are of {first}")
            }
            Some(first) => format!(
                "no {of_what} from {since} to {until}, nor from {before_since} on; the first on record are of {first}"
            ),
        }
    }
}

fn line(section: &'static str, measure: &Measure, (scope, span): (&Scope, &Span), numbers: &Numbers) -> Line {
    let days = span.days();
    let window = numbers.all(measure.name, WINDOW);
    let value = measure.in_days(window.and_then(|number| number.value), days);
    let before = numbers.all(measure.name, BEFORE).and_then(|number| number.value);
    let steps = span.steps().into_iter().map(|(first, last)| {
        let number = numbers.all(measure.name, &first.to_string());
        let days = u64::try_from((last - first).num_days()).unwrap_or(0) + 1;
        measure.in_days(number.and_then(|number| number.value), days)
    });
    Line {
        section,
        value,
        part_of: window.and_then(|number| number.part_of),
        things: window.and_then(|number| number.things).or(measure.things.as_ref().map(|_| 0)),
        before: measure.in_days(before, days),
        steps: steps.collect(),
        coverage: window.and_then(|number| number.coverage.clone()).filter(|coverage| coverage.of > 0),
        // DORA asks how often one application is deployed, not a whole group.
        band: value
            .filter(|_| measure.unit != Unit::PerDay || scope.projects == 1)
            .and_then(|value| band(measure.name, value)),
        measure: measure.clone(),
    }
}

fn table(breakdown: &Breakdown, measures: &[&Measure], span: &Span, numbers: &Numbers) -> Table {
    let columns: Vec<Measure> = breakdown
        .columns
        .iter()
        .filter_map(|(name, label)| {
            let measure = measures.iter().find(|measure| measure.name == *name)?;
            Some(Measure { label, ..(*measure).clone() })
        })
        .collect();
    let value = |subject: &str, name| numbers.under(name, WINDOW, subject).and_then(|number| number.value);
    let order = |subject: &str| value(subject, breakdown.order).unwrap_or(-1.0);
    let names: Vec<&'static str> = columns.iter().map(|column| column.name).collect();
    let mut subjects = numbers.subjects(&names);
    subjects.sort_by(|one, other| order(other).total_cmp(&order(one)).then_with(|| one.cmp(other)));
    let more = subjects.len().saturating_sub(breakdown.limit);
    let rows = subjects.into_iter().take(breakdown.limit).map(|subject| {
        let values = columns.iter().map(|column| column.in_days(value(&subject, column.name), span.days()));
        let values = values.collect();
        (subject, values)
    });
    Table {
        name: breakdown.name,
        title: breakdown.title,
        subject: breakdown.subject,
        rows: rows.collect(),
        columns,
        more,
    }
}

/// The number of rows: at least one.
pub(super) fn limit(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or("write how many rows, 1 or more")
}
