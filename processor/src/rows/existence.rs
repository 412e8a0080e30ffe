//! Whether a project, group or user is there. In: what a body says about that. Out: the column `deleted_at`. GitLab gives no id twice, so a
//! deletion that it tells of itself is final: nothing that was true before it was sent undoes it.

use chrono::{DateTime, Utc};
use schemas::field::Field;
use schemas::time::clamp_to_receipt;

use super::version::{Columns, Version, Versioned};
use crate::decode::Event;

/// Above the rank of every other fact of the same second.
const RANK: u8 = u8::MAX;

/// What a body says about whether its entity is there.
pub(super) enum Existence {
    /// It was there when the body was true.
    There,
    /// It is deleted, and had changed last at this time: a deletion has no time of its own.
    Gone(Field<DateTime<Utc>>),
    /// Nothing: a body without any time may have been sent again long after.
    Unsaid,
}

impl Existence {
    /// What a body says that was true at that time, `None` if it has no time.
    pub(super) fn as_of(as_of: Option<DateTime<Utc>>) -> Existence {
        match as_of {
            Some(_) => Existence::There,
            None => Existence::Unsaid,
        }
    }

    /// The column. That something is gone was true no later than when it was received, and no earlier than anything told of it before. The
    /// time shown is the body's, which is the same for every hook and every repetition.
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
