//! Segments: the files of the spool. In: a folder. Out: its files, and their records in the order they were written. Never changes a file whose bytes
//! are damaged.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::frame::{self, Damage, Place, Spooled};

const SEGMENT: &str = "segment";
const DAMAGED: &str = "damaged";

/// Where segment `number` is kept.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.{SEGMENT}"))
}

/// Where the damaged rest of segment `number` is kept.
pub(super) fn damaged_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.{DAMAGED}"))
}

/// Creates a file that only its owner can read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the folder's entries survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The numbers of the segments, in order, and the next unused one.
pub(super) fn numbers(folder: &Path) -> io::Result<(Vec<u64>, u64)> {
    let mut segments = Vec::new();
    let mut next = 1;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let Some(number) = stem.and_then(|stem| stem.parse::<u64>().ok()) else {
            continue;
        };
        let kind = path.extension().and_then(|extension| extension.to_str());
        if matches!(kind, Some(SEGMENT | DAMAGED)) {
            next = next.max(number.saturating_add(1));
        }
        if kind == Some(SEGMENT) {
            segments.push(number);
        }
    }
    segments.sort_unstable();
    Ok((segments, next))
}

/// The files with damaged bytes, in order.
pub(super) fn set_aside_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == DAMAGED) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Bytes of the file.
    pub(super) size: u64,
    /// Bytes of whole records at its beginning.
    pub(super) good: u64,
    /// How many records those are.
    pub(super) records: u64,
    /// When the oldest of them was spooled.
    pub(super) oldest_at: Option<i64>,
    /// The damage behind them.
    pub(super) damage: Option<Damage>,
}

/// Reads a segment from its beginning to its end, or to the first byte that is not as it was written.
pub(super) fn scan(folder: &Path, number: u64) -> Scan {
    let mut scan = Scan::default();
    let opened = path(folder, number).metadata().and_then(|metadata| {
        scan.size = metadata.len();
        Reader::open(folder, number, 0, metadata.len())
    });
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(_) => return Scan { damage: Some(Damage::Unreadable), ..scan },
    };
    loop {
        match reader.next() {
            Ok(Some(spooled)) => {
                scan.records += 1;
                scan.oldest_at = Some(scan.oldest_at.unwrap_or(spooled.at).min(spooled.at));
                scan.good = reader.offset;
            }
            Ok(None) => return scan,
            Err(damage) => return Scan { damage: Some(damage), ..scan },
        }
    }
}

/// Reads records one after the other.
pub(super) struct Reader {
    file: BufReader<io::Take<File>>,
    number: u64,
    end: u64,
    /// Where the next record begins.
    pub(super) offset: u64,
}

impl Reader {
    /// Reads the bytes of a segment from `offset` to `end`.
    pub(super) fn open(folder: &Path, number: u64, offset: u64, end: u64) -> io::Result<Reader> {
        let mut file = File::open(path(folder, number))?;
        file.seek(SeekFrom::Start(offset))?;
        let file = BufReader::with_capacity(256 * 1024, file.take(end.saturating_sub(offset)));
        Ok(Reader { file, number, end, offset })
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Spooled>, Damage> {
        let place = Place { segment: self.number, offset: self.offset };
        let available = self.end.saturating_sub(self.offset);
        let Some((spooled, length)) = frame::read(&mut self.file, place, available)? else {
            return Ok(None);
        };
        self.offset += length;
        Ok(Some(spooled))
    }
}

/// Moves everything after the first `good` bytes of a segment to a file beside the spool, and removes the segment.
pub(super) fn set_aside(folder: &Path, number: u64, good: u64) -> io::Result<PathBuf> {
    let (segment, aside) = (path(folder, number), damaged_path(folder, number));
    if good > 0 && copy_rest(&segment, &aside, good).is_ok() {
        std::fs::remove_file(&segment)?;
    } else {
        // There is no room for a copy, or no good record: then the whole file is kept.
        std::fs::rename(&segment, &aside)?;
    }
    sync_folder(folder)?;
    Ok(aside)
}

fn copy_rest(segment: &Path, aside: &Path, from: u64) -> io::Result<()> {
    let mut source = File::open(segment)?;
    source.seek(SeekFrom::Start(from))?;
    let mut target = File::options().write(true).create(true).truncate(true).mode(0o600).open(aside)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}
