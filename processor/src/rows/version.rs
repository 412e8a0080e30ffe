//! Which of two facts wins. In: when a body was true, and what state it tells of. Out: columns that merge by their maximum, alone and in
//! any order. Never compares deliveries: only what the body says decides.

use std::fmt;

use chrono::{DateTime, Utc};
use schemas::field::Field;
use schemas::time::{clamp_to_receipt, whole_seconds};
use serde::{Serialize, Serializer};

/// A column that merges by its maximum. It is stored as the tuple (seconds, rank, milliseconds, value), of which ClickHouse keeps the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column<V> {
    /// When the value was true.
    pub version: Version,
    /// The value; of two of one version the greater one stays.
    pub value: V,
}

/// A column of one value.
pub type Versioned<T> = Column<Option<T>>;

/// A column of a list, which is one value.
pub type VersionedList<T> = Column<Vec<T>>;

impl<V: Default> Default for Column<V> {
    /// A column that says nothing.
    fn default() -> Self {
        Version::ABSENT.with(V::default())
    }
}

impl<V: fmt::Debug> fmt::Debug for Column<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { seconds, rank, milliseconds } = self.version;
        (seconds, rank, milliseconds, &self.value).fmt(f)
    }
}

impl<V: Serialize> Serialize for Column<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Version { seconds, rank, milliseconds } = self.version;
        (seconds, rank, milliseconds, &self.value).serialize(serializer)
    }
}

/// When a fact was true.
///
/// Whole seconds come before the rank of the state, because webhooks before GitLab 19 have no more: one revision read from a webhook and
/// from the API must not fight over milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Whole seconds since 1970, and below them the progress, where a table has one.
    pub seconds: i64,
    /// What comes later, or cannot be undone, has a higher one.
    pub rank: u8,
    /// Milliseconds within the second.
    pub milliseconds: u16,
}

/// More seconds than there are from 1900 to 9999. What is left has room for [`PROGRESS_BITS`].
const BEFORE_ALL_TIMES: i64 = 1 << 40;
/// Room for the progress within a second.
const PROGRESS_BITS: u32 = 20;
/// Room for the seconds of every year up to 4147, so that each exact time outranks all derived ones: no time later than a day after its receipt is
/// believed.
const EARLIEST_BITS: u32 = 36;

impl Version {
    /// The progress of what is done.
    pub const DONE: u32 = (1 << PROGRESS_BITS) - 1;
    /// Of a column that the body does not carry: anything else wins.
    const ABSENT: Version = Version { seconds: i64::MIN, rank: 0, milliseconds: 0 };
    /// Of what never changes but was inferred: what somebody said wins.
    pub const DERIVED: Version = Version { seconds: 0, rank: 0, milliseconds: 0 };
    /// Of what never changes.
    pub const EXACT: Version = Version { seconds: 1, rank: 0, milliseconds: 0 };

    /// The version of a body that was true at `as_of`, no later than a day after its receipt, when the entity's state had `rank`.
    pub fn new(as_of: DateTime<Utc>, rank: u8, received_at: DateTime<Utc>) -> Version {
        let as_of = clamp_to_receipt(as_of, received_at);
        Version {
            seconds: whole_seconds(as_of),
            rank,
            milliseconds: u16::try_from(as_of.timestamp_subsec_millis()).unwrap_or(999),
        }
    }

    /// The version of a body that was true at `as_of`; of one without any time, older than all that have one. Of two without, the one received later
    /// is the newer.
    pub fn told(as_of: Option<DateTime<Utc>>, rank: u8, received_at: DateTime<Utc>) -> Version {
        match as_of {
            Some(as_of) => Version::new(as_of, rank, received_at),
            None => {
                let received = Version::new(received_at, rank, received_at);
                Version { seconds: received.seconds - BEFORE_ALL_TIMES, ..received }
            }
        }
    }

    /// The version of what was told first: the earliest receipt wins.
    pub fn first(received_at: DateTime<Utc>) -> Version {
        Version { seconds: -received_at.timestamp_millis(), rank: 0, milliseconds: 0 }
    }

    /// The same, told apart within its second by how far the entity's parts had come, before its state is looked at. All versions of one table
    /// are made so, or none.
    pub fn with_progress(self, progress: u32) -> Version {
        Version { seconds: (self.seconds << PROGRESS_BITS) | i64::from(progress.min(Version::DONE)), ..self }
    }

    /// The version of the time of what happens once, as [`Version::EXACT`] or [`Version::DERIVED`]: the earliest second wins. GitLab's test of a
    /// hook tells of the newest deployment as if it had reached its status just now.
    fn earliest(self, time: DateTime<Utc>) -> Version {
        Version { seconds: (self.seconds << EARLIEST_BITS) - whole_seconds(time), ..self }
    }

    fn with<V>(self, value: V) -> Column<V> {
        Column { version: self, value }
    }
}

/// Whether something can have happened then: no more than a day after it was told of.
pub(super) fn is_believed(time: DateTime<Utc>, received_at: DateTime<Utc>) -> bool {
    clamp_to_receipt(time, received_at) == time
}

/// Milliseconds since 1970 of a time of what has happened, if it says one that can be believed.
pub(super) fn past(field: &Field<DateTime<Utc>>, received_at: DateTime<Utc>) -> Option<i64> {
    field.get().filter(|time| is_believed(*time, received_at)).map(|time| time.timestamp_millis())
}

/// Makes the columns of one row, and counts what nobody could read.
pub struct Columns {
    version: Version,
    received_at: DateTime<Utc>,
    /// Fields that were there, but not readable; they say nothing about their columns.
    pub unreadable: u64,
}

impl Columns {
    /// Columns as of one version, from a body received at that time.
    pub fn at(version: Version, received_at: DateTime<Utc>) -> Columns {
        Columns { version, received_at, unreadable: 0 }
    }

    /// A column that says nothing.
    pub fn absent<T>() -> Versioned<T> {
        Version::ABSENT.with(None)
    }

    /// A column with the body's version.
    pub fn value<T: Clone>(&mut self, field: &Field<T>) -> Versioned<T> {
        self.value_at(self.version, field)
    }

    /// A column with a version of its own.
    pub fn value_at<T: Clone>(&mut self, version: Version, field: &Field<T>) -> Versioned<T> {
        match field {
            Field::Absent => Columns::absent(),
            Field::Unreadable => {
                self.unreadable += 1;
                Columns::absent()
            }
            Field::Null => version.with(None),
            Field::Value(value) => version.with(Some(value.clone())),
        }
    }

    /// A text that is empty where there is none: an empty path says nothing.
    pub fn text(&mut self, text: &str) -> Versioned<String> {
        match text {
            "" => Columns::absent(),
            text => self.version.with(Some(text.to_owned())),
        }
    }

    /// A time of what has happened, in milliseconds since 1970. One more than a day after the receipt is a wrong clock's: it counts as unreadable.
    pub fn time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        match field {
            Field::Value(time) if !is_believed(*time, self.received_at) => {
                self.unreadable += 1;
                Columns::absent()
            }
            field => self.planned_time(field),
        }
    }

    /// A time that may lie ahead, as that of an end that is planned, in milliseconds since 1970.
    pub fn planned_time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        let milliseconds = field.as_ref().map(|time| time.timestamp_millis());
        self.value(&milliseconds)
    }

    /// A date, in days since 1970: `due_date` and its like, which GitLab writes as midnight.
    pub fn date(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i32> {
        let days = field.as_ref().map(|time| time.timestamp().div_euclid(24 * 60 * 60));
        self.value(&days.map(|days| i32::try_from(days).unwrap_or(0)))
    }

    /// A time that never changes once there is one: of several the earliest second stays, and of its forms the most precise one. Null says that
    /// it is not there yet, which is nothing to keep. A time more than a day after the receipt is a wrong clock's: it counts as unreadable.
    pub fn immutable_time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        self.immutable_time_at(Version::EXACT, field)
    }

    /// The same with a version of its own, as [`Version::DERIVED`].
    pub fn immutable_time_at(&mut self, version: Version, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        match field {
            Field::Absent | Field::Null => Columns::absent(),
            Field::Value(time) if is_believed(*time, self.received_at) => {
                version.earliest(*time).with(Some(time.timestamp_millis()))
            }
            Field::Value(_) | Field::Unreadable => {
                self.unreadable += 1;
                Columns::absent()
            }
        }
    }

    /// A list in its normal form: what cannot be read is left out, the rest is sorted, and null is empty.
    pub fn sorted<T: Ord>(&mut self, field: Field<Vec<T>>) -> VersionedList<T> {
        let mut list = self.ordered(field);
        list.value.sort_unstable();
        list
    }

    /// A list whose order means something.
    pub fn ordered<T>(&mut self, field: Field<Vec<T>>) -> VersionedList<T> {
        match field {
            Field::Absent => Version::ABSENT.with(Vec::new()),
            Field::Unreadable => {
                self.unreadable += 1;
                Version::ABSENT.with(Vec::new())
            }
            Field::Null => self.version.with(Vec::new()),
            Field::Value(list) => self.version.with(list),
        }
    }

    /// The id of the event that the row is made from.
    pub fn event<T>(&self, id: T) -> Column<T> {
        self.version.with(id)
    }

    /// A value that is never absent.
    pub fn always<T>(&self, value: T) -> Column<T> {
        self.version.with(value)
    }
}
