//! Whether a project, group or user exists. In: a body. Out: the column `deleted_at`. GitLab never reuses an id, so a deletion that it reports is
//! final: no earlier fact undoes it.

use chrono::{DateTime, Utc};
use schemas::field::Field;
use schemas::time::clamp_to_receipt;

use super::version::{Columns, Version, Versioned};
use crate::decode::Event;

/// Above the rank of every other fact of the same second.
const RANK: u8 = u8::MAX;

/// What a body says about the existence of its entity.
pub(super) enum Existence {
    /// It existed at the time of the body.
    There,
    /// It is deleted; its last change was at this time. A deletion has no time of its own.
    Gone(Field<DateTime<Utc>>),
    /// Nothing: a body without a time may be a repetition from much later.
    Unsaid,
}

impl Existence {
    /// What a body says that was true at this time; `None` if it has no time.
    pub(super) fn as_of(as_of: Option<DateTime<Utc>>) -> Existence {
        match as_of {
            Some(_) => Existence::There,
            None => Existence::Unsaid,
        }
    }

    /// The column. The deletion counts from its receipt or its last change, whichever is later, so that it outranks everything before it. The time
    /// shown is the body's, which is the same for every hook and every repetition.
    pub(super) fn deleted_at(&self, event: &Event, columns: &mut Columns) -> Versioned<i64> {
        match self {
            Existence::There => columns.value(&Field::Null),
            Existence::Unsaid => Columns::absent(),
            Existence::Gone(changed_at) => {
                let changed_at = changed_at.get().unwrap_or(event.received_at);
                let changed_at = clamp_to_receipt(changed_at, event.received_at);
                let known_at = changed_at.max(event.received_at);
                let version = Version::new(known_at, RANK, event.received_at);
                columns.value_at(version, &Field::Value(changed_at.timestamp_millis()))
            }
        }
    }
}
