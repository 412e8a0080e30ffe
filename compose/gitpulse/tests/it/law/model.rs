//! The law of entities in its plainest words: of each column, what the newest fact says that says anything. In: facts. Out: what a view must
//! show. Knows nothing of rows, tuples and merges.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A readable value of a column; of two that nothing else decides between, the greater one stays, and no value is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plain {
    None,
    Flag(bool),
    Number(u64),
    Text(String),
    Numbers(Vec<u64>),
    Texts(Vec<String>),
}

impl Plain {
    /// As a view shows it.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Plain::None => Value::Null,
            Plain::Flag(flag) => json!(flag),
            Plain::Number(number) => json!(number),
            Plain::Text(text) => json!(text),
            Plain::Numbers(numbers) => json!(numbers),
            Plain::Texts(texts) => json!(texts),
        }
    }
}

/// What one body says of an entity.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// Milliseconds since 1970: when it was true, by the body itself.
    pub(crate) as_of: i64,
    /// Milliseconds since 1970.
    pub(crate) received_at: i64,
    /// Of the state that it tells of.
    pub(crate) rank: u8,
    /// What it says of columns. One that it does not carry, or that nobody can read, is not here.
    pub(crate) says: BTreeMap<&'static str, Plain>,
}

/// What is shown of a column, given all that was ever said.
pub(crate) fn shown<'f>(facts: impl IntoIterator<Item = &'f Fact>, column: &str) -> Plain {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut best: Option<(i64, u8, i64, &Plain)> = None;
    for fact in facts {
        let Some(value) = fact.says.get(column) else { continue };
        // Nobody knows what is true later than a day after hearing of it.
        let as_of = fact.as_of.min(fact.received_at + DAY);
        let (second, millisecond) = (as_of.div_euclid(1000), as_of.rem_euclid(1000));
        best = best.max(Some((second, fact.rank, millisecond, value)));
    }
    best.map_or(Plain::None, |(_, _, _, value)| value.clone())
}
