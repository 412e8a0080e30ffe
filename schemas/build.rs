//! Lists the files of `clickhouse/`, so that a new file needs no other change. In: its folders. Out: `MIGRATIONS`, `VIEWS` and `METRICS`, in the
//! order of file names, included by `src/migration.rs` and `src/view.rs`.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    // A folder counts as changed if a file in it is added, removed or edited.
    println!("cargo::rerun-if-changed=clickhouse");
    let mut migrations =
        "/// All migrations, in order.\npub const MIGRATIONS: &[Migration] = &[\n".to_owned();
    let mut last = 0;
    for name in files("clickhouse")? {
        // The others are roles.sql and tenant.sql.
        let Some((number, rest)) = name.split_once('_') else { continue };
        let version: u32 =
            number.parse().map_err(|_| format!("clickhouse/{name}.sql begins with no number"))?;
        if version == last {
            return Err(format!("clickhouse/{name}.sql has the number of another file").into());
        }
        last = version;
        let sql = text("clickhouse", &name);
        writeln!(migrations, "    Migration {{ version: {version}, name: {rest:?}, sql: {sql} }},")?;
    }
    let mut views = String::new();
    for (list, folder, what) in [
        ("VIEWS", "clickhouse/views", "The views of tables, by name."),
        ("METRICS", "clickhouse/metrics", "The metric views, by name. They only read views."),
    ] {
        writeln!(views, "/// {what}\npub const {list}: &[View] = &[")?;
        for name in files(folder)? {
            let sql = text(folder, &name);
            writeln!(views, "    View {{ name: {name:?}, sql: {sql} }},")?;
        }
        writeln!(views, "];")?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or("cargo names no folder for what is generated")?;
    std::fs::write(Path::new(&out).join("migrations.rs"), migrations + "];\n")?;
    std::fs::write(Path::new(&out).join("views.rs"), views)?;
    Ok(())
}

/// The names of a folder's SQL files without the extension, sorted.
fn files(folder: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".sql")).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// An expression for the text of a file.
fn text(folder: &str, name: &str) -> String {
    format!(r#"include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/{folder}/{name}.sql"))"#)
}
