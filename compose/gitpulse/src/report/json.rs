//! An answer for programs. In: an answer. Out: one object. Units are in names, numbers are not rounded, and unknown values are null.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Line, Table};
use super::ask::as_u64;
use super::measure::Unit;
use super::units::date;

/// The whole answer.
pub(super) fn value(answer: &Answer) -> Value {
    let Answer { scope, span, .. } = answer;
    let chosen: Map<String, Value> =
        answer.chosen.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let measures: Map<String, Value> =
        answer.lines.iter().map(|line| (line.measure.name.to_owned(), measure(answer, line))).collect();
    let tables: Map<String, Value> =
        answer.tables.iter().map(|table| (table.name.to_owned(), rows(table))).collect();
    json!({
        "report": answer.report,
        "scope": {
            "names": scope.names,
            "projects_count": scope.projects,
            "tree_as_of": span.today.to_string(),
        },
        "chosen": chosen,
        "since": span.since.to_string(),
        "until": span.until.to_string(),
        "before_since": span.before_since.to_string(),
        "before_until": span.before_until.to_string(),
        "days_count": span.days(),
        "zone": span.zone,
        "step": span.step.as_str(),
        "on_record_since": answer.on_record_since.map(|day| day.to_string()),
        "measures": measures,
        "tables": tables,
        "notes": answer.notes,
    })
}

fn measure(answer: &Answer, line: &Line) -> Value {
    let unit = line.measure.unit;
    let steps: Vec<Value> = answer
        .span
        .steps()
        .iter()
        .zip(&line.steps)
        .map(|((first, last), value)| {
            json!({ "since": first.to_string(), "until": last.to_string(), "value": number(unit, *value) })
        })
        .collect();
    let mut object = json!({
        "label": format!("{}: {}", line.section, line.measure.label),
        "value": number(unit, line.value),
        "before": number(unit, line.before),
        "steps": steps,
    });
    if let Some((part, whole)) = line.part_of {
        object["part_count"] = json!(part);
        object["whole_count"] = json!(whole);
    }
    if let Some(things) = line.things {
        object["things_count"] = json!(things);
    }
    if let Some(coverage) = &line.coverage {
        let of_what = line.measure.coverage.as_ref().map(|coverage| coverage.whole);
        object["coverage"] =
            json!({ "counted": coverage.counted, "of": coverage.of, "reasons": coverage.reasons });
        if let Some(of_what) = of_what.filter(|what| !what.is_empty()) {
            object["coverage"]["of_what"] = json!(of_what);
        }
    }
    if let Some(band) = line.band {
        object["level"] = json!(band.as_str());
    }
    object
}

fn rows(table: &Table) -> Value {
    let row = |(subject, values): &(String, Vec<Option<f64>>)| {
        let mut row = Map::new();
        row.insert(table.subject.replace(' ', "_"), json!(subject));
        for (column, value) in table.columns.iter().zip(values) {
            row.insert(column.name.to_owned(), number(column.unit, *value));
        }
        Value::Object(row)
    };
    table.rows.iter().map(row).collect()
}

/// Counts are whole numbers.
fn number(unit: Unit, value: Option<f64>) -> Value {
    match value {
        Some(count) if unit == Unit::Count => json!(as_u64(count)),
        Some(days) if unit == Unit::Day => json!(date(days)),
        value => json!(value),
    }
}
