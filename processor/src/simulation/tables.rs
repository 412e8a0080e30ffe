//! A model of ClickHouse's engines. In: rows, in any order and any number of times. Out: one row per key, merged as the migrations define. Has no
//! columns or keys of its own.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemas::migration::{MIGRATIONS, Target};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::rows::{Rows, TABLES};

type Row = Map<String, Value>;

/// Rows for one table.
#[derive(Debug, Clone)]
pub(super) struct Insert {
    pub(super) table: &'static str,
    rows: Vec<Row>,
}

/// One INSERT per table with rows, `event_facts` last.
pub(super) fn inserts(rows: &Rows) -> Vec<Insert> {
    let Value::Object(mut fields) = serde_json::to_value(rows).unwrap() else {
        unreachable!("rows are a struct")
    };
    let mut inserts = Vec::new();
    for table in TABLES {
        let rows: Vec<Row> = serde_json::from_value(fields.remove(table.field).unwrap()).unwrap();
        if !rows.is_empty() {
            inserts.push(Insert { table: table.name, rows });
        }
    }
    assert!(fields.is_empty(), "fields without a table: {fields:?}");
    inserts
}

/// How rows of one key become one.
#[derive(Debug, Default)]
struct Engine {
    key: Vec<String>,
    /// The function of each column with one.
    functions: BTreeMap<String, String>,
    /// The column that decides which row is kept, if rows are not merged column by column.
    precedence: Option<String>,
}

impl Engine {
    /// Reads the migrations of one table: its CREATE TABLE, and added columns.
    fn read(statements: &str) -> Engine {
        let mut engine = Engine::default();
        for line in statements.lines().map(str::trim) {
            if let Some((column, function)) = line.split_once(" SimpleAggregateFunction(") {
                // After ADD COLUMN IF NOT EXISTS, for an added column.
                let column = column.rsplit(' ').next().unwrap();
                let function = function.split(',').next().unwrap();
                engine.functions.insert(column.to_owned(), function.to_owned());
            }
            if let Some((_, precedence)) = line.split_once("ReplacingMergeTree(") {
                engine.precedence = Some(precedence.trim_end_matches(')').to_owned());
            }
            if let Some(key) = line.strip_prefix("ORDER BY ") {
                let columns = key.trim_matches(['(', ')']).split(", ");
                engine.key = columns.map(str::to_owned).collect();
            }
        }
        engine
    }

    /// Merges two rows of one key; the second is the later one.
    fn merge(&self, mut row: Row, later: &Row) -> Row {
        if let Some(precedence) = &self.precedence {
            return if row[precedence].as_u64() > later[precedence].as_u64() { row } else { later.clone() };
        }
        for (column, value) in &mut row {
            let other = &later[column];
            match self.functions.get(column).map(String::as_str) {
                None => assert!(self.key.contains(column), "{column} has no function"),
                Some("max") if compare(other, value).is_gt() => *value = other.clone(),
                Some("min") if compare(other, value).is_lt() => *value = other.clone(),
                Some("max" | "min") => (),
                Some("groupUniqArrayArray") => *value = united(value, other),
                Some(function) => panic!("{function} is not known here"),
            }
        }
        row
    }
}

/// ClickHouse's order of values, tuples and arrays; null is the least.
fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => match (one.as_i128(), other.as_i128()) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap()),
        },
        (Value::String(one), Value::String(other)) => match (one.parse::<Uuid>(), other.parse::<Uuid>()) {
            // The second half decides first.
            (Ok(one), Ok(other)) => one.as_u128().rotate_left(64).cmp(&other.as_u128().rotate_left(64)),
            _ => one.cmp(other),
        },
        (Value::Array(one), Value::Array(other)) => {
            let different = one.iter().zip(other).map(|(one, other)| compare(one, other));
            different.into_iter().find(|order| order.is_ne()).unwrap_or(one.len().cmp(&other.len()))
        }
        _ => panic!("{one} and {other} are of one column"),
    }
}

fn united(one: &Value, other: &Value) -> Value {
    let mut all = [one.as_array().unwrap().as_slice(), other.as_array().unwrap()].concat();
    all.sort_by(compare);
    all.dedup();
    Value::Array(all)
}

/// The engines of all tables.
static ENGINES: LazyLock<BTreeMap<&str, Engine>> = LazyLock::new(|| {
    let target = Target { database: "gitpulse".to_owned(), cluster: None };
    let statements: Vec<String> =
        MIGRATIONS.iter().flat_map(|migration| migration.statements(&target)).collect();
    let engine = |table: &str| {
        let name = format!(" `gitpulse`.{table} ");
        let own = statements.iter().filter(|statement| statement.contains(&name)).map(String::as_str);
        Engine::read(&Vec::from_iter(own).join("\n"))
    };
    TABLES.iter().map(|table| (table.name, engine(table.name))).collect()
});

/// The tables, with one row per key.
pub(super) struct Tables {
    rows: BTreeMap<&'static str, BTreeMap<String, Row>>,
}

impl Tables {
    /// The empty tables of the migrations.
    pub(super) fn new() -> Tables {
        Tables { rows: TABLES.iter().map(|table| (table.name, BTreeMap::new())).collect() }
    }

    /// Stores rows of one table.
    pub(super) fn insert(&mut self, insert: &Insert) {
        for row in &insert.rows {
            let (key, merged) = self.merged(insert.table, row);
            self.rows.get_mut(insert.table).unwrap().insert(key, merged);
        }
    }

    /// Whether inserting these rows would change nothing.
    pub(super) fn hold(&self, insert: &Insert) -> bool {
        insert.rows.iter().all(|row| {
            let (key, merged) = self.merged(insert.table, row);
            let stored = self.rows[insert.table].get(&key);
            stored.is_some_and(|stored| match &ENGINES[insert.table].precedence {
                // If nothing distinguishes two whole rows, either may be kept.
                Some(precedence) => stored[precedence].as_u64() >= row[precedence].as_u64(),
                None => *stored == merged,
            })
        })
    }

    /// A row's key, and the result of merging it with the stored row.
    fn merged(&self, table: &'static str, row: &Row) -> (String, Row) {
        let engine = &ENGINES[table];
        let key: Vec<&Value> = engine.key.iter().map(|column| &row[column]).collect();
        let key = serde_json::to_string(&key).unwrap();
        let mut merged = row.clone();
        for (column, function) in &engine.functions {
            if function == "groupUniqArrayArray" {
                merged[column] = united(&row[column], &row[column]);
            }
        }
        match self.rows[table].get(&key) {
            Some(stored) => (key, engine.merge(stored.clone(), &merged)),
            None => (key, merged),
        }
    }

    /// The rows of a table, without these columns.
    pub(super) fn rows(&self, table: &str, without: &[&str]) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows[table].values().cloned().collect();
        for row in &mut rows {
            row.retain(|column, _| !without.contains(&column.as_str()));
        }
        rows
    }

    /// The names of the tables.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.keys().copied()
    }
}
