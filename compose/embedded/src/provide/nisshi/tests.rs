use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn program_saying(folder: &Path, version: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join("nisshi");
    fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn compiled_crates_are_counted_by_cargos_lines() {
    assert!(is_compiling("   Compiling nisshi-storage-sql v0.8.1"));
    for other in ["  Downloaded nisshi v0.8.1", "warning: Compiling", "    Finished `release`", ""] {
        assert!(!is_compiling(other), "{other}");
    }
}

#[test]
fn only_the_pinned_version_counts_as_installed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    assert_eq!(installed(&cache), None);

    let bin = cache.entry(NAME).join("bin");
    program_saying(&bin, "nisshi 0.8.0");
    assert_eq!(installed(&cache), None);

    let program = program_saying(&bin, "nisshi 0.8.1");
    assert_eq!(installed(&cache), Some(program));
}

#[test]
fn a_program_named_by_the_user_is_run_before_it_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let newer = program_saying(folder.path(), "nisshi 0.9.0");
    assert_eq!(provide(&cache, Some(&newer), &CancellationToken::new()).unwrap(), newer);

    let other = program_saying(folder.path(), "hello");
    assert!(matches!(
        provide(&cache, Some(&other), &CancellationToken::new()),
        Err(ProvideError::Version { .. })
    ));

    let missing = folder.path().join("missing");
    let error = provide(&cache, Some(&missing), &CancellationToken::new()).unwrap_err();
    assert!(error.to_string().starts_with("NISSHI_BIN names"), "{error}");
}
