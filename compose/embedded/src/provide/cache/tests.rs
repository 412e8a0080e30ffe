use std::{fs::TryLockError, sync::mpsc, thread};

use super::*;

fn check(variables: &[(&str, &str)], expected: Option<&str>) {
    let found = location(|name| {
        let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
        Some(OsString::from(value))
    });
    assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
}

#[test]
fn the_most_specific_variable_names_the_cache() {
    check(&[], None);
    check(&[("HOME", "/h")], Some("/h/.cache/gitpulse"));
    check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], Some("/x/gitpulse"));
    check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "")], Some("/h/.cache/gitpulse"));
    check(&[("GITPULSE_CACHE_DIR", "/g"), ("XDG_CACHE_HOME", "/x")], Some("/g"));
}

#[test]
fn a_second_installer_waits_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let first = cache.lock("engine", &CancellationToken::new()).unwrap();

    let second = cache.folder().join("engine.lock");
    let second = File::options().append(true).open(second).unwrap();
    assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));

    let (locked, order) = mpsc::channel();
    let waiting = {
        let (cache, locked) = (cache.clone(), locked.clone());
        thread::spawn(move || {
            let lock = cache.lock("engine", &CancellationToken::new()).unwrap();
            locked.send("second").unwrap();
            drop(lock);
        })
    };
    locked.send("first").unwrap();
    drop(first);
    waiting.join().unwrap();
    assert_eq!(order.try_iter().collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn whoever_is_to_stop_does_not_wait_for_another_installer() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let _first = cache.lock("engine", &CancellationToken::new()).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(matches!(cache.lock("engine", &stop), Err(ProvideError::Stopped)));
}

#[test]
fn two_engines_are_installed_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let _one = cache.lock("one", &CancellationToken::new()).unwrap();
    let _other = cache.lock("other", &CancellationToken::new()).unwrap();
}

#[test]
fn a_work_folder_starts_empty_and_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let killed = cache.fresh_work_folder("engine").unwrap();
    fs::write(killed.path().join("half"), "half").unwrap();
    let path = killed.path().to_owned();
    killed.keep();

    assert!(cache.resumed_work_folder("engine").unwrap().path().join("half").exists());
    let fresh = cache.fresh_work_folder("engine").unwrap();
    assert!(!fresh.path().join("half").exists());
    drop(fresh);
    assert!(!path.exists());
}

#[test]
fn installing_replaces_what_was_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let target = cache.entry("engine");
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("half"), "half").unwrap();

    let work = cache.fresh_work_folder("engine").unwrap();
    let prepared = work.path().join("root");
    fs::create_dir(&prepared).unwrap();
    fs::write(prepared.join("whole"), "whole").unwrap();
    work.install(&prepared, &target).unwrap();
    assert!(target.join("whole").exists() && !target.join("half").exists());
}
