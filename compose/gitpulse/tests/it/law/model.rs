//! The simplest form of the law of entities: each column has the value of the newest fact that has one. In: facts. Out: what a view must show. Knows
//! nothing of rows, tuples and merges.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A readable value of a column; of two that are equal in everything else, the greater one wins, and no value is the least.
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
    /// In the format of a view.
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

/// The content of one body about an entity.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// Milliseconds since 1970: when it was true, by the body itself.
    pub(crate) as_of: i64,
    /// Milliseconds since 1970.
    pub(crate) received_at: i64,
    /// The rank of its state.
    pub(crate) rank: u8,
    /// Its values by column. Missing and unreadable ones are not included.
    pub(crate) says: BTreeMap<&'static str, Plain>,
}

/// The value of a column after all these facts.
pub(crate) fn shown<'f>(facts: impl IntoIterator<Item = &'f Fact>, column: &str) -> Plain {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut best: Option<(i64, u8, i64, &Plain)> = None;
    for fact in facts {
        let Some(value) = fact.says.get(column) else { continue };
        // A fact cannot be true later than a day after its receipt.
        let as_of = fact.as_of.min(fact.received_at + DAY);
        let (second, millisecond) = (as_of.div_euclid(1000), as_of.rem_euclid(1000));
        best = best.max(Some((second, fact.rank, millisecond, value)));
    }
    best.map_or(Plain::None, |(_, _, _, value)| value.clone())
}
