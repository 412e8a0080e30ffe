use flate2::{Compression, write::GzEncoder};

use super::*;

const HELLO: &str =
    "sha512-m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==";

fn archive(folder: &Path, entry: &str, content: &[u8]) -> PathBuf {
    let path = folder.join("package.tgz");
    let mut builder = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
    for (name, content) in [("package/index.js", b"//".as_slice()), (entry, content)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
    path
}

#[test]
fn a_flipped_byte_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "hello").unwrap();
    check_integrity(&path, HELLO, &CancellationToken::new()).unwrap();

    fs::write(&path, "hellp").unwrap();
    let error = check_integrity(&path, HELLO, &CancellationToken::new()).unwrap_err();
    assert!(matches!(error, ProvideError::Integrity { .. }), "{error}");
}

#[test]
fn the_library_comes_out_of_the_archive_whole() {
    let folder = tempfile::tempdir().unwrap();
    let content = vec![7; 3 << 20];
    let archive = archive(folder.path(), ENTRY, &content);
    let library = folder.path().join(LIBRARY);
    unpack(&archive, &library, content.len() as u64, &CancellationToken::new()).unwrap();
    assert_eq!(fs::read(&library).unwrap(), content);

    let error = unpack(&archive, &library, 4 << 20, &CancellationToken::new()).unwrap_err();
    assert!(matches!(error, ProvideError::Archive { .. }), "{error}");
}

#[test]
fn an_archive_without_the_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path(), "package/other.so", b"other");
    let error = unpack(&archive, &folder.path().join(LIBRARY), 5, &CancellationToken::new()).unwrap_err();
    assert!(matches!(error, ProvideError::Archive { .. }), "{error}");
}

#[test]
fn the_last_line_of_npm_is_the_file() {
    assert_eq!(file_name("npm warn\nchdb-1.tgz\n\n"), Some("chdb-1.tgz"));
    assert_eq!(file_name("npm error\n"), None);
    assert_eq!(file_name("../../chdb-1.tgz"), None);
    assert_eq!(file_name(""), None);
}

#[test]
fn a_library_of_another_size_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let target = cache.entry(NAME);
    fs::create_dir_all(&target).unwrap();
    let library = File::create(target.join(LIBRARY)).unwrap();
    assert_eq!(installed(&cache), None);
    library.set_len(LIBRARY_BYTES).unwrap();
    assert_eq!(installed(&cache), Some(target.join(LIBRARY)));
}

#[test]
fn a_library_named_by_the_user_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let error = provide(&cache, Some(&folder.path().join("missing")), &CancellationToken::new()).unwrap_err();
    assert!(error.to_string().starts_with("CHDB_LIBRARY names"), "{error}");
}
