//! In: the path of a child's log file. Out: the file to append to, its size bounded at every start.
//! Never reads a whole log into memory.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Above this size a log is cut at the child's next start, in bytes.
pub(super) const LOG_BYTES: u64 = 10 << 20;

/// How much of its end survives the cut: the reason of the last crash is there.
const KEPT_BYTES: u64 = 1 << 20;

/// Where to look for the last line, counted from the end.
const LAST_LINE_BYTES: u64 = 4 << 10;

/// Opens a log for appending; one over `limit` bytes keeps only its last lines.
pub(super) fn open(path: &Path, limit: u64) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).append(true).read(true).open(path)?;
    if file.metadata()?.len() > limit {
        let kept = tail(&mut file, KEPT_BYTES.min(limit))?;
        let first_line = kept.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(0)?;
        file.write_all(&kept[first_line..])?;
    }
    Ok(file)
}

/// The last line of a log with content, for an error message.
pub fn last_line(path: &Path) -> Option<String> {
    let end = tail(&mut File::open(path).ok()?, LAST_LINE_BYTES).ok()?;
    let text = String::from_utf8_lossy(&end);
    // In a Java stack trace, the cause counts, not the frames.
    let is_trace =
        |line: &str| line.starts_with("at ") || (line.starts_with("... ") && line.ends_with(" more"));
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty() && !is_trace(line))?;
    Some(line.to_owned())
}

fn tail(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    Ok(end)
}
