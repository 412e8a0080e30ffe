//! Which of two facts wins. In: the time of a body, and the state in it. Out: columns that merge by maximum, independently and in any order. Never
//! compares deliveries: only the body's content decides.

use std::fmt;

use chrono::{DateTime, Utc};
use schemas::field::Field;
use schemas::time::{clamp_to_receipt, whole_seconds};
use serde::{Serialize, Serializer};

/// A column that merges by maximum. It is stored as the tuple (seconds, rank, milliseconds, value); ClickHouse keeps the greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column<V> {
    /// When the value was true.
    pub version: Version,
    /// The value; if two have the same version, the greater one wins.
    pub value: V,
}

/// A column with one value.
pub type Versioned<T> = Column<Option<T>>;

/// A column with a list as its value.
pub type VersionedList<T> = Column<Vec<T>>;

impl<V: Default> Default for Column<V> {
    /// A column without information.
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
/// Whole seconds are compared first, then the rank of the state, because webhooks before GitLab 19 have no milliseconds: milliseconds must not
/// decide between a webhook and the API about the same revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Whole seconds since 1970 and, in tables with progress, the progress in the lower bits.
    pub seconds: i64,
    /// Later or final states have a higher rank.
    pub rank: u8,
    /// Milliseconds within the second.
    pub milliseconds: u16,
}

/// More seconds than there are from 1900 to 9999. The result still has room for [`PROGRESS_BITS`].
const BEFORE_ALL_TIMES: i64 = 1 << 40;
/// Bits for the progress within a second.
const PROGRESS_BITS: u32 = 20;
/// Bits for the seconds of every year up to 4147, so that each exact time outranks all derived ones: times later than a day after their receipt are
/// never used.
const EARLIEST_BITS: u32 = 36;

impl Version {
    /// The progress of something finished.
    pub const DONE: u32 = (1 << PROGRESS_BITS) - 1;
    /// For a column that the body does not contain: any other version wins.
    const ABSENT: Version = Version { seconds: i64::MIN, rank: 0, milliseconds: 0 };
    /// For an inferred value that never changes: an explicit value wins.
    pub const DERIVED: Version = Version { seconds: 0, rank: 0, milliseconds: 0 };
    /// For a value that never changes.
    pub const EXACT: Version = Version { seconds: 1, rank: 0, milliseconds: 0 };

    /// The version of a body from `as_of`, at most a day after its receipt, with the `rank` of the entity's state.
    pub fn new(as_of: DateTime<Utc>, rank: u8, received_at: DateTime<Utc>) -> Version {
        let as_of = clamp_to_receipt(as_of, received_at);
        Version {
            seconds: whole_seconds(as_of),
            rank,
            milliseconds: u16::try_from(as_of.timestamp_subsec_millis()).unwrap_or(999),
        }
    }

    /// The version of a body from `as_of`. Without a time it is older than all bodies with one; of two without a time, the one received later is
    /// newer.
    pub fn told(as_of: Option<DateTime<Utc>>, rank: u8, received_at: DateTime<Utc>) -> Version {
        match as_of {
            Some(as_of) => Version::new(as_of, rank, received_at),
            None => {
                let received = Version::new(received_at, rank, received_at);
                Version { seconds: received.seconds - BEFORE_ALL_TIMES, ..received }
            }
        }
    }

    /// A version for which the earliest receipt wins.
    pub fn first(received_at: DateTime<Utc>) -> Version {
        Version { seconds: -received_at.timestamp_millis(), rank: 0, milliseconds: 0 }
    }

    /// Adds the progress of the entity's parts, which is compared within a second, before the rank. In one table either all versions have it or
    /// none.
    pub fn with_progress(self, progress: u32) -> Version {
        Version { seconds: (self.seconds << PROGRESS_BITS) | i64::from(progress.min(Version::DONE)), ..self }
    }

    /// The version for the time of something that happens once, as [`Version::EXACT`] or [`Version::DERIVED`]: the earliest second wins. GitLab's
    /// Test button reports the newest deployment as if it had reached its status just now.
    fn earliest(self, time: DateTime<Utc>) -> Version {
        Version { seconds: (self.seconds << EARLIEST_BITS) - whole_seconds(time), ..self }
    }

    fn with<V>(self, value: V) -> Column<V> {
        Column { version: self, value }
    }
}

/// Whether a time is plausible: at most a day after its receipt.
pub(super) fn is_believed(time: DateTime<Utc>, received_at: DateTime<Utc>) -> bool {
    clamp_to_receipt(time, received_at) == time
}

/// A past time in milliseconds since 1970, if it is plausible.
pub(super) fn past(field: &Field<DateTime<Utc>>, received_at: DateTime<Utc>) -> Option<i64> {
    field.get().filter(|time| is_believed(*time, received_at)).map(|time| time.timestamp_millis())
}

/// Makes the columns of one row, and counts unreadable fields.
pub struct Columns {
    version: Version,
    received_at: DateTime<Utc>,
    /// Fields that were present but unreadable; they do not change their columns.
    pub unreadable: u64,
}

impl Columns {
    /// Columns with one version, from a body received at this time.
    pub fn at(version: Version, received_at: DateTime<Utc>) -> Columns {
        Columns { version, received_at, unreadable: 0 }
    }

    /// A column without information.
    pub fn absent<T>() -> Versioned<T> {
        Version::ABSENT.with(None)
    }

    /// A column with the body's version.
    pub fn value<T: Clone>(&mut self, field: &Field<T>) -> Versioned<T> {
        self.value_at(self.version, field)
    }

    /// A column with its own version.
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

    /// A text; an empty one counts as absent.
    pub fn text(&mut self, text: &str) -> Versioned<String> {
        match text {
            "" => Columns::absent(),
            text => self.version.with(Some(text.to_owned())),
        }
    }

    /// A past time in milliseconds since 1970. A time more than a day after the receipt comes from a wrong clock and counts as unreadable.
    pub fn time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        match field {
            Field::Value(time) if !is_believed(*time, self.received_at) => {
                self.unreadable += 1;
                Columns::absent()
            }
            field => self.planned_time(field),
        }
    }

    /// A time that may be in the future, such as a planned end, in milliseconds since 1970.
    pub fn planned_time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        let milliseconds = field.as_ref().map(|time| time.timestamp_millis());
        self.value(&milliseconds)
    }

    /// A date in days since 1970: `due_date` and others, which GitLab writes as midnight.
    pub fn date(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i32> {
        let days = field.as_ref().map(|time| time.timestamp().div_euclid(24 * 60 * 60));
        self.value(&days.map(|days| i32::try_from(days).unwrap_or(0)))
    }

    /// A time that never changes once it is set: the earliest second wins, in its most precise form. Null means that it is not set yet, and is not
    /// stored. A time more than a day after the receipt comes from a wrong clock and counts as unreadable.
    pub fn immutable_time(&mut self, field: &Field<DateTime<Utc>>) -> Versioned<i64> {
        self.immutable_time_at(Version::EXACT, field)
    }

    /// The same with its own version, as [`Version::DERIVED`].
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

    /// A list in normal form: unreadable elements are left out, the rest is sorted, and null is empty.
    pub fn sorted<T: Ord>(&mut self, field: Field<Vec<T>>) -> VersionedList<T> {
        let mut list = self.ordered(field);
        list.value.sort_unstable();
        list
    }

    /// A list whose order matters.
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

    /// The id of the event that the row was made from.
    pub fn event<T>(&self, id: T) -> Column<T> {
        self.version.with(id)
    }

    /// A value that is never absent.
    pub fn always<T>(&self, value: T) -> Column<T> {
        self.version.with(value)
    }
}
