//! An answer for spreadsheets. In: an answer. Out: tidy data, one row per number: its measure, its time, its subject. Never a unit in a number: the
//! measure's name ends with it.

use chrono::NaiveDate;
use csv::Writer;

use super::answer::{Answer, Line};
use super::ask::{BEFORE, WINDOW};
use super::measure::Unit;
use super::units::date;

const COLUMNS: [&str; 14] = [
    "report", "by", "subject", "span", "since", "until", "zone", "measure", "reason", "value", "counted",
    "of", "level", "things",
];

/// The time and the subject of a number.
struct Place<'a> {
    by: &'a str,
    subject: &'a str,
    span: &'a str,
    since: NaiveDate,
    until: NaiveDate,
}

/// The whole answer.
pub(super) fn text(answer: &Answer) -> anyhow::Result<String> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for line in &answer.lines {
        of_line(&mut writer, answer, line)?;
    }
    let span = &answer.span;
    for table in &answer.tables {
        for (subject, values) in &table.rows {
            let by = table.subject;
            let place = Place { by, subject, span: WINDOW, since: span.since, until: span.until };
            for (column, value) in table.columns.iter().zip(values) {
                row(
                    &mut writer,
                    answer,
                    &place,
                    column.name,
                    [
                        String::new(),
                        text_of(column.unit, *value),
                        String::new(),
                        String::new(),
                        String::new(),
                        String::new(),
                    ],
                )?;
            }
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn of_line(writer: &mut Writer<Vec<u8>>, answer: &Answer, line: &Line) -> anyhow::Result<()> {
    let span = &answer.span;
    let all = |name, since, until| Place { by: "", subject: "", span: name, since, until };
    let window = all(WINDOW, span.since, span.until);
    let coverage = line.coverage.as_ref().map(|coverage| (coverage.counted, coverage.of)).or(line.part_of);
    let (counted, of) =
        coverage.map(|(counted, of)| (counted.to_string(), of.to_string())).unwrap_or_default();
    let level = line.band.map(|band| band.to_string()).unwrap_or_default();
    let things = line.things.map(|things| things.to_string()).unwrap_or_default();
    let name = line.measure.name;
    row(
        writer,
        answer,
        &window,
        name,
        [String::new(), text_of(line.measure.unit, line.value), counted, of, level, things],
    )?;
    for (reason, count) in line.coverage.iter().flat_map(|coverage| &coverage.reasons) {
        let [none, value] = [String::new(), count.to_string()];
        let values = [reason.clone(), value, none.clone(), none.clone(), none.clone(), none];
        row(writer, answer, &window, name, values)?;
    }
    let only = |value| {
        let none = String::new;
        [none(), text_of(line.measure.unit, value), none(), none(), none(), none()]
    };
    row(writer, answer, &all(BEFORE, span.before_since, span.before_until), name, only(line.before))?;
    for ((first, last), value) in span.steps().into_iter().zip(&line.steps) {
        row(writer, answer, &all(span.step.as_str(), first, last), name, only(*value))?;
    }
    Ok(())
}

fn row(
    writer: &mut Writer<Vec<u8>>,
    answer: &Answer,
    place: &Place<'_>,
    measure: &str,
    [reason, value, counted, of, level, things]: [String; 6],
) -> anyhow::Result<()> {
    let (since, until) = (place.since.to_string(), place.until.to_string());
    writer.write_record([
        answer.report,
        place.by,
        place.subject,
        place.span,
        &since,
        &until,
        &answer.span.zone,
        measure,
        &reason,
        &value,
        &counted,
        &of,
        &level,
        &things,
    ])?;
    Ok(())
}

/// The text of a number; empty if it is unknown.
fn text_of(unit: Unit, value: Option<f64>) -> String {
    match value {
        Some(days) if unit == Unit::Day => date(days),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}
