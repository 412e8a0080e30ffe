//! A disk that fills up. In: a folder. Out: a small file system on it, full or not. Needs root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system mounted on a folder; unmounted when it is dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// A file system of this many MiB; `None` if this user may not mount one.
    pub(crate) fn mount(folder: &Path, mebibytes: u32) -> Option<Disk> {
        std::fs::create_dir_all(folder).unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Disk(folder.to_owned()))
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        // Smaller and smaller pieces, to the last byte.
        for size in [1024 * 1024, 4096, 1] {
            let piece = vec![0; size];
            while ballast.write(&piece).is_ok_and(|written| written > 0) {}
        }
    }

    /// Frees the space again.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Processes with an open file on it keep it until they end.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
