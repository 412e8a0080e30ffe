//! Queries ClickHouse. In: sections, the scope and the span. Out: every number of them, by span and by subject. An entity is put into all spans that
//! it belongs to, so that each quantile is one of entities and never of quantiles.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::measure::{Measure, Section};
use super::refused;
use super::scope::Scope;
use super::sources::Sources;
use super::span::Span;

/// The span that was asked for.
pub(super) const WINDOW: &str = "window";
/// The span before it.
pub(super) const BEFORE: &str = "before";
/// Puts rows into spans, for sections whose rows do not do it themselves; the span of a step is named by its first day.
const FLOW: &str = "\
    SELECT *, arrayFlatten(arrayMap(dated -> if( \
        ifNull(dated.2, toDate(0)) < {before_since:Date} OR ifNull(dated.2, toDate(0)) > {until:Date}, \
        [], \
        arrayConcat( \
            arrayMap(under -> (if(assumeNotNull(dated.2) >= {since:Date}, 'window', 'before'), under, toString(dated.1)), arrayConcat([''], subjects)), \
            if(assumeNotNull(dated.2) >= {since:Date}, [(toString(greatest({since:Date}, multiIf( \
                {step:String} = 'day', assumeNotNull(dated.2), \
                {step:String} = 'week', toMonday(assumeNotNull(dated.2)), \
                toStartOfMonth(assumeNotNull(dated.2))))), '', toString(dated.1))], []) \
        ) \
    ), days)) AS cuts FROM (${rows})";

/// One number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Number {
    /// The value; `None` if nothing has it.
    pub(super) value: Option<f64>,
    /// For a share: the part and the whole.
    pub(super) part_of: Option<(u64, u64)>,
    /// How many things it is computed from.
    pub(super) things: Option<u64>,
    /// How many things it counts of how many, and the others by reason.
    pub(super) coverage: Option<Covered>,
}

/// How much a number covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) counted: u64,
    pub(super) of: u64,
    pub(super) reasons: BTreeMap<String, u64>,
}

/// Numbers by measure, span and subject; the total has an empty subject.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<(&'static str, String, String), Number>);

#[derive(Row, Deserialize)]
struct Counted {
    span: String,
    subject: String,
    values: Vec<Option<f64>>,
    wholes: Vec<u64>,
    things: Vec<u64>,
    counted: Vec<(u64, u64)>,
    reasons: Vec<Vec<(String, u64)>>,
}

impl Numbers {
    /// The total in a span.
    pub(super) fn all(&self, measure: &'static str, span: &str) -> Option<&Number> {
        self.under(measure, span, "")
    }

    /// The number of a subject.
    pub(super) fn under(&self, measure: &'static str, span: &str, subject: &str) -> Option<&Number> {
        self.0.get(&(measure, span.to_owned(), subject.to_owned()))
    }

    /// All subjects that have something in the window, by the measures named.
    pub(super) fn subjects(&self, measures: &[&'static str]) -> Vec<String> {
        let keys = self.0.keys().filter(|(measure, span, subject)| {
            measures.contains(measure) && span == WINDOW && !subject.is_empty()
        });
        let mut subjects: Vec<String> = keys.map(|(_, _, subject)| subject.clone()).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// Whether anything was counted in a span.
    pub(super) fn has(&self, span: &str) -> bool {
        self.0.iter().any(|((_, of, _), number)| of == span && number.value.is_some_and(|value| value != 0.0))
    }

    /// Adds a row of the answer.
    fn add(&mut self, measures: &[&Measure], row: Counted) {
        let Counted { span, subject, values, wholes, things, counted, reasons } = row;
        let columns = values.into_iter().zip(wholes).zip(things).zip(counted).zip(reasons);
        for (measure, ((((value, whole), things), (counted, of)), reasons)) in measures.iter().zip(columns) {
            let value = value.filter(|value| value.is_finite());
            let number = Number {
                value: match measure.whole {
                    Some(_) => value.filter(|_| whole > 0).map(|part| part / as_f64(whole)),
                    None => value,
                },
                part_of: measure.whole.as_ref().and(value).map(|part| (as_u64(part), whole)),
                things: measure.things.as_ref().map(|_| things),
                coverage: measure.coverage.as_ref().map(|_| Covered {
                    counted,
                    of,
                    reasons: reasons.into_iter().filter(|(_, count)| *count > 0).collect(),
                }),
            };
            self.0.insert((measure.name, span.clone(), subject.clone()), number);
        }
    }
}

/// Queries all numbers of some sections, with one query for sections that count the same rows. `words` are further values for their rows, by name.
pub(super) async fn ask(
    client: &Client,
    sources: Sources,
    (scope, span): (&Scope, &Span),
    words: &[(&'static str, String)],
    sections: &[Section],
) -> anyhow::Result<Numbers> {
    let mut numbers = Numbers::default();
    for (rows, measures) in by_rows(sections) {
        let mut query = scope.bind(span.bind(client.query(&sql(&sources.fill(rows), &measures, scope))));
        for (name, word) in words {
            query = query.param(name, word);
        }
        for row in query.fetch_all::<Counted>().await.map_err(refused)? {
            numbers.add(&measures, row);
        }
    }
    Ok(numbers)
}

/// The measures of sections, grouped by the rows that they count.
fn by_rows(sections: &[Section]) -> Vec<(&str, Vec<&Measure>)> {
    let mut groups: Vec<(&str, Vec<&Measure>)> = Vec::new();
    for section in sections {
        match groups.iter_mut().find(|(rows, _)| *rows == section.rows) {
            Some((_, measures)) => measures.extend(&section.measures),
            None => groups.push((&section.rows, section.measures.iter().collect())),
        }
    }
    groups
}

/// The query for measures that count the same rows.
fn sql(rows: &str, measures: &[&Measure], scope: &Scope) -> String {
    let rows = rows.replace("${scope}", &scope.condition());
    let placed = if rows.contains(" AS cuts") { rows } else { FLOW.replace("${rows}", &rows) };
    let list = |column: fn(&Measure) -> String| {
        measures.iter().map(|measure| column(measure)).collect::<Vec<_>>().join(", ")
    };
    let values = list(|measure| format!("toNullable(toFloat64({}))", measure.value));
    let wholes = list(|measure| format!("toUInt64({})", measure.whole.as_deref().unwrap_or("0")));
    let things = list(|measure| format!("toUInt64({})", measure.things.as_deref().unwrap_or("0")));
    let counted = list(|measure| match &measure.coverage {
        Some(coverage) => format!("(toUInt64({}), toUInt64({}))", coverage.counted, coverage.of),
        None => "(toUInt64(0), toUInt64(0))".to_owned(),
    });
    let reasons = list(|measure| match &measure.coverage {
        Some(coverage) => format!("CAST({}, 'Map(String, UInt64)')", coverage.reasons),
        None => "CAST(map(), 'Map(String, UInt64)')".to_owned(),
    });
    format!(
        "SELECT toString(cut.1) AS span, toString(cut.2) AS subject, \
         CAST([{values}], 'Array(Nullable(Float64))') AS values, [{wholes}] AS wholes, [{things}] AS things, [{counted}] AS counted, [{reasons}] AS reasons \
         FROM (SELECT *, cut.3 AS role FROM (SELECT *, arrayJoin(cuts) AS cut FROM ({placed}))) \
         GROUP BY span, subject"
    )
}

/// Counts are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A count that ClickHouse gave as a float.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is whole, and not negative"
)]
pub(super) fn as_u64(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_the_same_rows_are_asked_for_at_once() {
        let section = |rows: &str, name| Section {
            title: "",
            rows: rows.to_owned(),
            measures: vec![Measure::count(name, name, "1")],
        };
        let sections = [section("SELECT 1", "one"), section("SELECT 2", "two"), section("SELECT 1", "three")];
        let groups: Vec<(&str, Vec<&str>)> = by_rows(&sections)
            .into_iter()
            .map(|(rows, measures)| (rows, measures.iter().map(|measure| measure.name).collect()))
            .collect();
        assert_eq!(groups, [("SELECT 1", vec!["one", "three"]), ("SELECT 2", vec!["two"])]);
    }
}
