use std::collections::BTreeMap;
use std::fs::{self, Permissions};

use prometheus::Registry;
use schemas::TopicRecord;
use tempfile::TempDir;

use super::*;
use crate::spool::frame::{self, Place};
use crate::spool::{Spool, now};

/// A spool that no process uses, with a segment of three records, the oldest of which is an hour old.
fn left_behind() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("spool");
    drop(Spool::open(&folder, 64, &Registry::new()).unwrap());
    let mut bytes = Vec::new();
    for minutes in [10, 60, 1] {
        let record = TopicRecord { topic: "t".to_owned(), key: b"k".to_vec(), value: vec![b'v'; 100] };
        let place = Place { segment: 7, offset: bytes.len() as u64 };
        frame::write(&mut bytes, &record, now() - minutes * 60_000, place).unwrap();
    }
    fs::write(segment::path(&folder, 7), bytes).unwrap();
    (parent, folder)
}

/// The files of a folder with their bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn what_waits_is_counted_and_nothing_is_changed() {
    let (_parent, folder) = left_behind();
    let before = files(&folder);
    let inspection = inspect(&folder).unwrap();
    let waiting = inspection.waiting.unwrap();
    assert_eq!((waiting.records, waiting.oldest.as_secs() / 60), (3, 60));
    assert_eq!((waiting.damaged, waiting.unreadable), (vec![], vec![]));
    assert_eq!(inspection.bytes, before[&segment::path(&folder, 7)].len() as u64);
    assert!(inspection.is_private && inspection.is_writable && inspection.free > 0);
    assert_eq!(files(&folder), before);
    // The lock was given back.
    drop(Spool::open(&folder, 64, &Registry::new()).unwrap());
}

#[test]
fn a_spool_in_use_keeps_its_lock_and_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 64, &Registry::new()).unwrap();
    assert_eq!(inspect(folder.path()).unwrap().waiting, None);
    drop(spool);
    assert_eq!(inspect(folder.path()).unwrap().waiting, Some(Waiting::default()));
}

#[test]
fn damage_is_told_apart_from_what_is_set_aside() {
    let (_parent, folder) = left_behind();
    let torn = segment::path(&folder, 7);
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();
    let aside = segment::damaged_path(&folder, 3);
    fs::write(&aside, "noise").unwrap();
    let inspection = inspect(&folder).unwrap();
    let waiting = inspection.waiting.unwrap();
    assert_eq!((waiting.records, waiting.damaged), (2, vec![torn]));
    assert_eq!(inspection.set_aside, [aside]);
}

#[test]
fn a_folder_of_others_a_missing_one_and_a_file_are_told() {
    let (_parent, folder) = left_behind();
    fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
    assert!(!inspect(&folder).unwrap().is_private);
    let missing = inspect(&folder.join("missing")).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    inspect(&segment::path(&folder, 7)).unwrap_err();
}
