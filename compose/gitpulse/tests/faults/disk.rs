//! A disk that fills. In: a folder. Out: a small file system on it, full or not. Needs to be root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own in a folder; gone when it is dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// A file system of so many MiB; `None` where this user may not mount one.
    pub(crate) fn mount(folder: &Path, mebibytes: u32) -> Option<Disk> {
        std::fs::create_dir_all(folder).unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Disk(folder.to_owned()))
    }

    /// Leaves no byte free.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        // Smaller and smaller pieces, to the last byte.
        for size in [1024 * 1024, 4096, 1] {
            let piece = vec![0; size];
            while ballast.write(&piece).is_ok_and(|written| written > 0) {}
        }
    }

    /// Gives the room back.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open on it keeps the rest alive until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
