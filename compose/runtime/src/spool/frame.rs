//! One record on disk. In: a [`TopicRecord`] and when it was spooled. Out: bytes under a checksum; and back. Never returns a record in which one bit
//! has changed, nor one that was written elsewhere.
//!
//! Little-endian: checksum of all that follows (u64), length of what follows the length (u32), milliseconds since 1970 (i64), length of the topic
//! (u16), length of the key (u32), topic, key, value.

use std::hash::Hasher;
use std::io::{self, Read, Write};

use schemas::TopicRecord;
use schemas::topic::MAX_DEAD_LETTER_BYTES;
use twox_hash::XxHash3_64;

/// Checksum and length.
const PREFIX: usize = 8 + 4;
/// Time and the lengths of topic and key.
const HEAD: usize = 8 + 2 + 4;
/// The longest topic that Kafka allows has 249 bytes, and keys are short; anything longer is damage.
const MAX_LENGTH: usize = MAX_DEAD_LETTER_BYTES + 64 * 1024;

/// Position of a frame. It is part of the checksum, so that bytes left in a reused file do not pass as records of this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The number of the segment.
    pub(super) segment: u64,
    /// Bytes before the frame.
    pub(super) offset: u64,
}

/// A record that was read back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spooled {
    /// The record as it goes to Kafka.
    pub(super) record: TopicRecord,
    /// When it was spooled first, in milliseconds since 1970.
    pub(super) at: i64,
}

/// Why the bytes at a place are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// The file ends within the record: it was not written completely, or was cut.
    Torn,
    /// The bytes are not those that were written.
    Changed,
    /// The disk cannot read them.
    Unreadable,
}

impl Damage {
    /// All of them.
    pub(super) const ALL: [Damage; 3] = [Damage::Torn, Damage::Changed, Damage::Unreadable];

    /// Bounded label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Damage::Torn => "torn",
            Damage::Changed => "changed",
            Damage::Unreadable => "unreadable",
        }
    }
}

/// How many bytes a record takes on disk.
pub(super) fn length(record: &TopicRecord) -> u64 {
    (PREFIX + HEAD + record.topic.len() + record.key.len() + record.value.len()) as u64
}

/// Writes a record.
pub(super) fn write(file: &mut impl Write, record: &TopicRecord, at: i64, place: Place) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let rest = HEAD + record.topic.len() + record.key.len() + record.value.len();
    let mut head = Vec::with_capacity(PREFIX + HEAD + record.topic.len() + record.key.len());
    head.extend_from_slice(&[0; 8]);
    head.extend_from_slice(&u32::try_from(rest).map_err(too_long)?.to_le_bytes());
    head.extend_from_slice(&at.to_le_bytes());
    head.extend_from_slice(&u16::try_from(record.topic.len()).map_err(too_long)?.to_le_bytes());
    head.extend_from_slice(&u32::try_from(record.key.len()).map_err(too_long)?.to_le_bytes());
    head.extend_from_slice(record.topic.as_bytes());
    head.extend_from_slice(&record.key);
    let checksum = checksum(place, &[&head[8..], &record.value]);
    head[..8].copy_from_slice(&checksum.to_le_bytes());
    file.write_all(&head)?;
    file.write_all(&record.value)
}

/// Reads the record at `place`, with at most `available` bytes left in the file; `None` if none are left.
pub(super) fn read(
    file: &mut impl Read,
    place: Place,
    available: u64,
) -> Result<Option<(Spooled, u64)>, Damage> {
    if available == 0 {
        return Ok(None);
    }
    if available < (PREFIX + HEAD) as u64 {
        return Err(Damage::Torn);
    }
    let (mut expected, mut length) = ([0; 8], [0; 4]);
    file.read_exact(&mut expected).map_err(unreadable)?;
    file.read_exact(&mut length).map_err(unreadable)?;
    let bytes = u32::from_le_bytes(length) as usize;
    if !(HEAD..=MAX_LENGTH).contains(&bytes) {
        return Err(Damage::Changed);
    }
    if (PREFIX + bytes) as u64 > available {
        return Err(Damage::Torn);
    }
    let mut rest = vec![0; bytes];
    file.read_exact(&mut rest).map_err(unreadable)?;
    if checksum(place, &[&length, &rest]) != u64::from_le_bytes(expected) {
        return Err(Damage::Changed);
    }
    let spooled = split(rest).ok_or(Damage::Changed)?;
    Ok(Some((spooled, (PREFIX + bytes) as u64)))
}

/// Takes apart what follows the length.
fn split(mut rest: Vec<u8>) -> Option<Spooled> {
    let (at, lengths) = rest.split_first_chunk::<8>()?;
    let at = i64::from_le_bytes(*at);
    let (topic, lengths) = lengths.split_first_chunk::<2>()?;
    let (key, _) = lengths.split_first_chunk::<4>()?;
    let topic_end = HEAD + usize::from(u16::from_le_bytes(*topic));
    let key_end = topic_end.checked_add(u32::from_le_bytes(*key) as usize)?;
    let topic = std::str::from_utf8(rest.get(HEAD..topic_end)?).ok()?.to_owned();
    let key = rest.get(topic_end..key_end)?.to_vec();
    rest.drain(..key_end);
    Some(Spooled { record: TopicRecord { topic, key, value: rest }, at })
}

fn checksum(place: Place, parts: &[&[u8]]) -> u64 {
    let mut hasher = XxHash3_64::with_seed(place.segment.rotate_left(32) ^ place.offset);
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

fn unreadable(error: io::Error) -> Damage {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Torn,
        _ => Damage::Unreadable,
    }
}
