//! The rows behind a number. In: rows of several views. Out: one chain in the order of time, as a table or as JSON. Never contains a row that was not
//! used for the number.

use std::fmt::Write;

use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;
use serde_json::{Value, json};

use super::definitions::Definition;
use super::layout::{cut, rows_of};
use crate::report::{Terminal, refused};

/// The answer to a question.
pub(super) enum Explained {
    By(Explanation),
    /// There is nothing to explain, for this reason.
    NotOnRecord(String),
}

/// A number, and where it comes from.
pub(super) struct Explanation {
    /// As "Lead time of shop/checkout!7 in production".
    pub(super) of: String,
    /// The number, or a note that there is none.
    pub(super) verdict: String,
    pub(super) steps: Vec<Step>,
    /// The rules that were applied.
    pub(super) definitions: Vec<Definition>,
    /// Why there is no number, and what would change that.
    pub(super) reason: Option<(String, String)>,
}

/// One row that was used.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct Step {
    /// Unix seconds; `None` where it has no time.
    pub(super) at: Option<i64>,
    /// Its content, in words.
    pub(super) what: String,
    /// The view, and the key of the row in it.
    pub(super) row: String,
    /// The newest event behind it; empty if the view does not name one.
    pub(super) event: String,
    /// Whether the number is made of this row; other rows were checked, but did not change it.
    pub(super) decides: bool,
}

impl Explanation {
    /// For people.
    pub(super) fn text(&self, terminal: Terminal) -> String {
        let mut text = format!("{}: {}\n", self.of, self.verdict);
        // Writing to a String cannot fail.
        if !self.steps.is_empty() {
            let _ = writeln!(text, "\n{}", rows_of(&cut(&self.steps), terminal));
        }
        if let Some((why, change)) = &self.reason {
            let _ = writeln!(text, "\nWhy: {why}\nWhat would change it: {change}");
        }
        text.push('\n');
        for definition in &self.definitions {
            let _ = writeln!(text, "{definition}");
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({
                "at": step.at.map(|_| time(step.at)),
                "what": step.what,
                "row": step.row,
                "event_id": (!step.event.is_empty()).then_some(&step.event),
            })
        });
        let definitions = self
            .definitions
            .iter()
            .map(|definition| json!({ "section": definition.section(), "words": definition.words() }));
        json!({
            "of": self.of,
            "verdict": self.verdict,
            "steps": steps.collect::<Vec<_>>(),
            "definitions": definitions.collect::<Vec<_>>(),
            "reason": self.reason.as_ref().map(|(why, change)| json!({ "why": why, "what_would_change_it": change })),
        })
    }
}

/// ClickHouse's zero, for a row to which nothing was joined.
const NO_EVENT: &str = "00000000-0000-0000-0000-000000000000";

/// Queries rows of a chain: `sql` returns `at`, `what`, `row`, `event` and `decides`, each of which may be NULL.
pub(super) async fn steps(
    client: &Client,
    sql: &str,
    bind: impl FnOnce(Query) -> Query,
) -> anyhow::Result<Vec<Step>> {
    let typed = format!(
        "SELECT toNullable(toInt64(at)) AS at, ifNull(toString(what), '') AS what, ifNull(toString(row), '') AS row, \
         ifNull(toString(event), '') AS event, toBool(ifNull(decides, false)) AS decides FROM ({sql})"
    );
    bind(client.query(&typed)).fetch_all().await.map_err(refused)
}

/// Sorts rows by time; those without a time come first.
pub(super) fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    for step in steps.iter_mut().filter(|step| step.event == NO_EVENT) {
        step.event.clear();
    }
    steps.sort_by_key(|step| step.at);
    steps
}

/// A moment in UTC; a dash for none.
pub(super) fn time(at: Option<i64>) -> String {
    let at = at.and_then(|at| chrono::DateTime::from_timestamp(at, 0));
    at.map_or_else(|| "–".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(at: Option<i64>, what: &str) -> Step {
        Step { at, what: what.to_owned(), row: "jobs 7".to_owned(), event: String::new(), decides: true }
    }

    #[test]
    fn a_chain_is_in_the_order_of_time() {
        let steps =
            in_order(vec![step(Some(2), "b"), step(None, "first"), step(Some(1), "a"), step(Some(2), "c")]);
        let words: Vec<&str> = steps.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(words, ["first", "a", "b", "c"]);
    }

    #[test]
    fn an_explanation_says_number_rows_reason_and_rule() {
        let explanation = Explanation {
            of: "Lead time of shop/checkout!7".to_owned(),
            verdict: "none: awaiting".to_owned(),
            steps: vec![step(Some(1_795_869_000), "merged")],
            definitions: vec![Definition::Attribution],
            reason: Some(("nothing later was deployed".to_owned(), "the next deployment".to_owned())),
        };
        let text = explanation.text(Terminal::default());
        assert!(text.starts_with("Lead time of shop/checkout!7: none: awaiting\n"), "{text}");
        assert!(text.contains("2026-11-28 12:30:00"), "{text}");
        assert!(
            text.contains("\nWhy: nothing later was deployed\nWhat would change it: the next deployment\n"),
            "{text}"
        );
        assert!(text.contains(&Definition::Attribution.to_string()), "{text}");
        assert_eq!(explanation.json()["steps"][0]["event_id"], Value::Null);
    }
}
