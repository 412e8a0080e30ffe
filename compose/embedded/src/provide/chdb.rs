//! In: the cache. Out: `libchdb.so` of the pinned version, downloaded once. Never unpacks a download
//! before its checksum is the pinned one.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};
use tokio_util::sync::CancellationToken;

use super::{
    Cache, ProvideError,
    cache::{WorkFolder, failed},
    progress::{self, Progress, Unit},
    tool::Tool,
};

/// The message before the download starts.
pub(super) const ANNOUNCEMENT: &str = "chDB 26.7.3, the ClickHouse engine as a library: 178 MB to \
     download, 566 MB on disk, once";

const NAME: &str = "chdb-26.7.3-stable.1";
const PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
const INTEGRITY: &str =
    "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==";
const PACKED_BYTES: u64 = 177_800_000;
const ENTRY: &str = "package/libchdb.so";
const LIBRARY: &str = "libchdb.so";
const LIBRARY_BYTES: u64 = 566_330_096;

const NPM: Tool = Tool {
    name: "npm",
    purpose: "the embedded ClickHouse",
    how_to_install: "install npm (Debian, Ubuntu: `apt-get install npm`), or set CHDB_LIBRARY to a \
         libchdb.so",
};

/// The installed library, if it is complete.
pub(super) fn installed(cache: &Cache) -> Option<PathBuf> {
    let library = cache.entry(NAME).join(LIBRARY);
    let bytes = fs::metadata(&library).ok()?.len();
    (bytes == LIBRARY_BYTES).then_some(library)
}

/// Checks that the library supports this machine, and that its download is possible.
pub(super) fn check_machine() -> Result<(), ProvideError> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(ProvideError::Platform {
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
        });
    }
    NPM.check("--version")
}

/// The library: the one the user names, else the installed one, which is downloaded when missing.
pub(super) fn provide(
    cache: &Cache,
    named: Option<&Path>,
    stop: &CancellationToken,
) -> Result<PathBuf, ProvideError> {
    if let Some(library) = named {
        if library.is_file() {
            return Ok(library.to_owned());
        }
        return Err(ProvideError::Override { setting: "CHDB_LIBRARY", path: library.to_owned() });
    }
    if let Some(library) = installed(cache) {
        return Ok(library);
    }
    let _lock = cache.lock(NAME, stop)?;
    // Another process may have installed it while this one waited for the lock.
    if let Some(library) = installed(cache) {
        return Ok(library);
    }
    check_machine()?;

    let target = cache.entry(NAME);
    progress::say(&format!("installing {ANNOUNCEMENT}; into {}", target.display()));
    let work = cache.fresh_work_folder(NAME)?;
    let archive = download(&work, stop)?;
    check_integrity(&archive, INTEGRITY, stop)?;
    let prepared = work.path().join("root");
    fs::create_dir_all(&prepared).map_err(failed("create", &prepared))?;
    unpack(&archive, &prepared.join(LIBRARY), LIBRARY_BYTES, stop)?;
    work.install(&prepared, &target)?;
    Ok(target.join(LIBRARY))
}

/// Downloads the package; npm keeps its copy in the work folder too, so that none stays behind.
fn download(work: &WorkFolder, stop: &CancellationToken) -> Result<PathBuf, ProvideError> {
    let folder = work.path();
    let mut command = NPM.command();
    command
        .args(["pack", PACKAGE, "--pack-destination"])
        .arg(folder)
        .arg("--cache")
        .arg(folder.join("npm"))
        .current_dir(folder);
    let mut progress = Progress::begin("downloading chDB", Unit::Bytes, PACKED_BYTES);
    let remedy = "see its last lines below, and check that this machine reaches the npm registry; or \
         set CHDB_LIBRARY to a libchdb.so";
    let printed = NPM.run_polling(&mut command, remedy, stop, || {
        // npm holds the archive in its cache and in the destination for a moment.
        progress.set(bytes_below(folder).min(PACKED_BYTES));
    })?;
    progress.finish();
    file_name(&printed)
        .map(|name| folder.join(name))
        .ok_or(ProvideError::ToolOutput { tool: NPM.name, output: printed })
}

/// The last line npm prints is the name of the file it wrote; warnings may come before it.
fn file_name(printed: &str) -> Option<&str> {
    let name = printed.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    (name.ends_with(".tgz") && !name.contains('/')).then_some(name)
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0; // It was moved away between two polls.
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Compares the archive with a checksum in the form of npm's lock files.
fn check_integrity(
    archive: &Path,
    expected: &'static str,
    stop: &CancellationToken,
) -> Result<(), ProvideError> {
    let mut file = File::open(archive).map_err(failed("open", archive))?;
    let mut digest = Sha512::new();
    in_pieces(&mut file, stop, |piece| {
        digest.update(piece);
        Ok(())
    })
    .map_err(failed("read", archive))?;
    let found = format!("sha512-{}", BASE64_STANDARD.encode(digest.finalize()));
    if found == expected {
        return Ok(());
    }
    Err(ProvideError::Integrity { name: PACKAGE, expected, found })
}

/// Extracts the library from the archive to `library`, which is fsynced when this returns.
fn unpack(archive: &Path, library: &Path, bytes: u64, stop: &CancellationToken) -> Result<(), ProvideError> {
    let missing = || ProvideError::Archive { name: PACKAGE, entry: ENTRY, bytes };
    let read = failed("read", archive);
    let file = File::open(archive).map_err(failed("open", archive))?;
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let entry = archive
        .entries()
        .and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                if entry.path()? == Path::new(ENTRY) {
                    return Ok(Some(entry));
                }
            }
            Ok(None)
        })
        .map_err(read)?;
    let mut entry = entry.ok_or_else(missing)?;

    let mut progress = Progress::begin("unpacking chDB", Unit::Bytes, bytes);
    let written = copy(&mut entry, library, stop, |position| progress.set(position))
        .map_err(failed("write", library))?;
    if written != bytes {
        return Err(missing());
    }
    progress.finish();
    Ok(())
}

fn copy(
    from: &mut impl Read,
    to: &Path,
    stop: &CancellationToken,
    mut on_bytes: impl FnMut(u64),
) -> io::Result<u64> {
    let mut file = File::create(to)?;
    let mut written = 0;
    in_pieces(from, stop, |piece| {
        file.write_all(piece)?;
        written += piece.len() as u64;
        on_bytes(written);
        Ok(())
    })?;
    // The rename that follows must not reach the disk before the bytes.
    file.sync_all()?;
    Ok(written)
}

/// Reads to the end, or until `stop`.
fn in_pieces(
    from: &mut impl Read,
    stop: &CancellationToken,
    mut on_piece: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        if stop.is_cancelled() {
            return Err(io::Error::other(ProvideError::Stopped));
        }
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => on_piece(&buffer[..count])?,
        }
    }
}

#[cfg(test)]
mod tests;
