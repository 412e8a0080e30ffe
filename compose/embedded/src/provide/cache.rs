//! In: where installed engines are kept. Out: folders in it, locked against a second installer.
//! Never decides what is installed; that is each engine's own check.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    path::{self, Path, PathBuf},
    thread,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{ProvideError, progress};

/// How often a locked cache is tried again.
const LOCK_EVERY: Duration = Duration::from_millis(200);

/// The folder outside the source tree where installed engines are kept, shared by every checkout.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache at `folder`, which is created when something is installed.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            // Installed engines are started from other folders than this process's own.
            folder: path::absolute(&folder).unwrap_or(folder),
        }
    }

    /// The user's cache: `GITPULSE_CACHE_DIR`, else `$XDG_CACHE_HOME/gitpulse`, else
    /// `~/.cache/gitpulse`.
    ///
    /// # Errors
    ///
    /// [`ProvideError::NoCacheFolder`] when none of the three variables is set.
    pub fn default_location() -> Result<Self, ProvideError> {
        location(|name| env::var_os(name)).map(Self::at).ok_or(ProvideError::NoCacheFolder)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where `name` is, or would be, installed.
    pub(super) fn entry(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until no other process installs `name`, or until `stop`; the lock ends with the returned file.
    pub(super) fn lock(&self, name: &str, stop: &CancellationToken) -> Result<File, ProvideError> {
        fs::create_dir_all(&self.folder).map_err(failed("create", &self.folder))?;
        let path = self.folder.join(format!("{name}.lock"));
        let file = File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
        let mut is_waiting = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if stop.is_cancelled() => return Err(ProvideError::Stopped),
                Err(TryLockError::WouldBlock) => (),
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
            }
            if !is_waiting {
                is_waiting = true;
                progress::say(&format!(
                    "waiting for another process that is installing {name} (it holds {})",
                    path.display()
                ));
            }
            thread::sleep(LOCK_EVERY);
        }
    }

    /// An empty folder to prepare `name` in; what a killed installer left is removed first.
    pub(super) fn fresh_work_folder(&self, name: &str) -> Result<WorkFolder, ProvideError> {
        let folder = self.work_folder(name);
        remove(&folder.path)?;
        folder.create()
    }

    /// The folder to prepare `name` in, with what an earlier installer left there.
    pub(super) fn resumed_work_folder(&self, name: &str) -> Result<WorkFolder, ProvideError> {
        self.work_folder(name).create()
    }

    fn work_folder(&self, name: &str) -> WorkFolder {
        WorkFolder { path: self.folder.join(format!("{name}.installing")), at_end: AtEnd::Remove }
    }
}

/// A folder beside the final one, on the same file system, so that what was prepared in it becomes
/// installed by one rename. Removed when dropped.
#[derive(Debug)]
pub(super) struct WorkFolder {
    path: PathBuf,
    at_end: AtEnd,
}

#[derive(Debug, Eq, PartialEq)]
enum AtEnd {
    Remove,
    Keep,
}

impl WorkFolder {
    /// The folder's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder for the next attempt.
    pub(super) fn keep(mut self) {
        self.at_end = AtEnd::Keep;
    }

    /// Makes `prepared`, a path inside this folder, the installed `target`.
    pub(super) fn install(&self, prepared: &Path, target: &Path) -> Result<(), ProvideError> {
        // What is in the way has failed the engine's own check, else nobody would be installing.
        remove(target)?;
        fs::rename(prepared, target).map_err(failed("install", target))
    }

    fn create(self) -> Result<Self, ProvideError> {
        fs::create_dir_all(&self.path).map_err(failed("create", &self.path))?;
        Ok(self)
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if self.at_end == AtEnd::Remove
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a work folder could not be removed");
        }
    }
}

/// Adds the file's name to an error of the file system.
pub(super) fn failed<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ProvideError + 'a {
    move |source| ProvideError::File { action, path: path.to_owned(), source }
}

fn remove(path: &Path) -> Result<(), ProvideError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// An empty variable counts as unset, as the XDG base directory specification asks.
fn location(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("GITPULSE_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("gitpulse")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/gitpulse")))
}

#[cfg(test)]
mod tests;
