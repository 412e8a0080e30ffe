//! The rights of SQL in the embedded engine: everything that concerns its own tables. In: the data directory. Out: files from which the engine reads
//! the rights of its user, and their path. Never: a right to another machine, to a file, or to grant rights. The engine cannot change these files
//! (`confine`).

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Everything that tables and views need. Not included are external sources (`URL`, `REMOTE`, `S3`, `MYSQL`, `FILE`, ...), for which the engine would
/// resolve a name in a statement and connect to it; dictionaries, which have such sources too; backups; and users. Table engines with an external source
/// need a right of their own; those without need none.
const GRANTS: [&str; 2] = [
    "GRANT CHECK, SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE FUNCTION, \
     CREATE ARBITRARY TEMPORARY TABLE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, KILL QUERY, KILL TRANSACTION, \
     MOVE PARTITION BETWEEN SHARDS, SYSTEM, dictGet ON *.*",
    "GRANT SET DEFINER ON *",
];

/// Path of the engine's settings: beside its data, because it may write to all of its data. A settings file among the tables replaces it: then
/// somebody has chosen other rights.
pub(super) fn config_file(data: &Path) -> PathBuf {
    let chosen = data.join("config.xml");
    if chosen.exists() { chosen } else { folder(data).join("config.xml") }
}

/// The folder of [`config_file`].
pub(super) fn folder(data: &Path) -> PathBuf {
    data.with_file_name("access")
}

/// Writes the files.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write(data: &Path) -> io::Result<()> {
    let folder = folder(data);
    std::fs::create_dir_all(&folder)?;
    // The engine must find it from any folder.
    let users_file = folder.canonicalize()?.join("users.xml");
    put(&users_file, &users())?;
    let path = escaped(&users_file.to_string_lossy());
    let config = format!(
        "<clickhouse>\n  <users_config>{path}</users_config>\n  \
         <user_directories><users_xml><path>{path}</path></users_xml></user_directories>\n  \
         <remote_url_allow_hosts></remote_url_allow_hosts>\n</clickhouse>\n"
    );
    put(&folder.join("config.xml"), &config)
}

fn users() -> String {
    let grants: String = GRANTS.iter().map(|grant| format!("      <query>{grant}</query>\n")).collect();
    format!(
        "<clickhouse>\n  <profiles><default></default></profiles>\n  <quotas><default></default></quotas>\n  <users><default>\n    \
         <password></password>\n    <networks><ip>::/0</ip></networks>\n    <profile>default</profile>\n    \
         <quota>default</quota>\n    <grants>\n{grants}    </grants>\n  </default></users>\n</clickhouse>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Writes a whole file atomically: the engine may be killed at any time, and starts with what is there.
fn put(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut written = std::fs::File::create(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    std::fs::rename(new, file)
}
