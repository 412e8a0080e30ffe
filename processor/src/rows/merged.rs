//! Rows of entities that many events of a batch report: projects, users, groups; pipelines and their jobs. In: rows. Out: one row per key, the same that
//! ClickHouse would merge them into. This is exact, because each column keeps its maximum, in any order and grouping.

use std::collections::BTreeMap;
use std::collections::btree_map::Values;
use std::fmt;
use std::iter::Flatten;

use serde::{Serialize, Serializer};

/// A row of an entity that many events of a batch mention.
pub trait Merge {
    /// The instance, the project if it is a part of the key, and GitLab's id.
    fn key(&self) -> (&str, u64, u64);

    /// Takes the greater values, column by column, from a row with the same key.
    fn absorb(&mut self, other: Self);
}

/// At most one row per key.
#[derive(Clone)]
pub struct Merged<T> {
    /// By GitLab's id: two instances rarely share one.
    rows: BTreeMap<u64, Vec<T>>,
    length: usize,
}

impl<T> Merged<T> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The rows, by id.
    pub fn iter(&self) -> Flatten<Values<'_, u64, Vec<T>>> {
        self.rows.values().flatten()
    }
}

impl<T: Merge> Merged<T> {
    /// Adds a row, merged with one of the same key.
    pub fn add(&mut self, row: T) {
        let (instance, project_id, id) = row.key();
        let rows = self.rows.entry(id).or_default();
        match rows.iter_mut().find(|other| (other.key().0, other.key().1) == (instance, project_id)) {
            Some(other) => other.absorb(row),
            None => {
                rows.push(row);
                self.length += 1;
            }
        }
    }

    /// Moves all rows of another in, as [`Vec::append`] does.
    pub fn append(&mut self, other: &mut Merged<T>) {
        std::mem::take(other).rows.into_values().flatten().for_each(|row| self.add(row));
    }
}

impl<T> Default for Merged<T> {
    fn default() -> Self {
        Merged { rows: BTreeMap::new(), length: 0 }
    }
}

impl<'r, T> IntoIterator for &'r Merged<T> {
    type Item = &'r T;
    type IntoIter = Flatten<Values<'r, u64, Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Merged<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T: Serialize> Serialize for Merged<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

/// Merges the rows of a list.
pub(super) fn merge<T: Merge>(rows: &mut Vec<T>) {
    let mut merged = Merged::default();
    rows.drain(..).for_each(|row| merged.add(row));
    rows.extend(merged.rows.into_values().flatten());
}

/// Implements [`Merge`] for a row of facts: its key, then the columns that keep their greatest value. A column that is missing does not compile.
macro_rules! merge_columns {
    ($row:ident by $id:ident, $($column:ident)*) => {
        impl $crate::rows::merged::Merge for $row {
            fn key(&self) -> (&str, u64, u64) {
                (&self.instance, 0, self.$id)
            }

            $crate::rows::merged::merge_columns!(absorb $row, $id, $($column)*);
        }
    };
    ($row:ident by $project:ident, $id:ident, $($column:ident)*) => {
        impl $crate::rows::merged::Merge for $row {
            fn key(&self) -> (&str, u64, u64) {
                (&self.instance, self.$project, self.$id)
            }

            $crate::rows::merged::merge_columns!(absorb $row, $project $id, $($column)*);
        }
    };
    (absorb $row:ident, $($key:ident)+, $($column:ident)*) => {
        fn absorb(&mut self, other: $row) {
            let $row { instance: _, $($key: _,)+ $($column,)* tenants, origins, first_received_at } = other;
            $($crate::rows::merged::keep_greatest(&mut self.$column, $column);)*
            $crate::rows::merged::unite(&mut self.tenants, tenants);
            $crate::rows::merged::unite(&mut self.origins, origins);
            self.first_received_at = self.first_received_at.min(first_received_at);
        }
    };
}

pub(super) use merge_columns;

/// Like ClickHouse's `max` for a column.
pub(super) fn keep_greatest<T: PartialOrd>(column: &mut T, other: T) {
    if other > *column {
        *column = other;
    }
}

/// Like ClickHouse's `groupUniqArrayArray` for a column.
pub(super) fn unite(column: &mut Vec<String>, other: Vec<String>) {
    for element in other {
        if !column.contains(&element) {
            column.push(element);
        }
    }
}

#[cfg(test)]
mod tests;
