//! In: the cache. Out: the `nisshi` broker program of the pinned version, compiled once. Never a dependency of the workspace: it would add its crates
//! to everybody's build, and the broker is a separate process in production too.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokio_util::sync::CancellationToken;

use super::{
    Cache, ProvideError,
    cache::failed,
    progress::{self, Progress, Unit},
    tool::{Tool, without_parent_cargo},
};

/// The message before the compilation starts.
pub(super) const ANNOUNCEMENT: &str = "nisshi 0.8.1, the Kafka-compatible broker that `gitpulse up` \
     runs where there is no Java: it is published as source only, so it is compiled here, about 460 crates, roughly 10 \
     minutes on two cores and 2 GB of disk meanwhile, once (the program takes 68 MB)";

const VERSION: &str = "0.8.1";
const NAME: &str = "nisshi-0.8.1";
const CRATES: u64 = 458;

const CARGO: Tool = Tool {
    name: "cargo",
    purpose: "the nisshi broker",
    how_to_install: "install Rust 1.95 or newer with rustup (`rustup toolchain install stable`), \
         or set NISSHI_BIN to a nisshi 0.8.1 program",
};

const COMPILER: Tool = Tool {
    name: "cc",
    purpose: "the nisshi broker",
    how_to_install: "install a C compiler (Debian, Ubuntu: `apt-get install gcc`), or set \
         NISSHI_BIN to a nisshi 0.8.1 program",
};

/// The installed program, if it exists and reports the pinned version.
pub(super) fn installed(cache: &Cache) -> Option<PathBuf> {
    let program = program(cache);
    check_version(&program).ok().map(|()| program)
}

/// Checks that this machine has what the compilation needs.
pub(super) fn check_machine() -> Result<(), ProvideError> {
    CARGO.check("--version")?;
    COMPILER.check("--version")
}

/// The program: the one named by the user, else the installed one, which is compiled if it is missing.
pub(super) fn provide(
    cache: &Cache,
    named: Option<&Path>,
    stop: &CancellationToken,
) -> Result<PathBuf, ProvideError> {
    if let Some(program) = named {
        return named_by_user(program);
    }
    if let Some(program) = installed(cache) {
        return Ok(program);
    }
    let _lock = cache.lock(NAME, stop)?;
    // Another process may have installed it while this one waited for the lock.
    if let Some(program) = installed(cache) {
        return Ok(program);
    }
    check_machine()?;
    compile(cache, stop)
}

/// Another version is the user's own decision, so there is a warning but no refusal.
fn named_by_user(program: &Path) -> Result<PathBuf, ProvideError> {
    if !program.is_file() {
        return Err(ProvideError::Override { setting: "NISSHI_BIN", path: program.to_owned() });
    }
    match check_version(program) {
        Err(ProvideError::Version { found, .. }) if found.starts_with("nisshi ") => {
            tracing::warn!(
                path = %program.display(),
                found,
                "NISSHI_BIN is not of the version that GitPulse is tested with, {VERSION}"
            );
        }
        checked => checked?,
    }
    Ok(program.to_owned())
}

fn compile(cache: &Cache, stop: &CancellationToken) -> Result<PathBuf, ProvideError> {
    let target = cache.entry(NAME);
    progress::say(&format!("installing {ANNOUNCEMENT}; into {}", target.display()));

    let work = cache.resumed_work_folder(NAME)?;
    let root = work.path().join("root");
    let mut command = CARGO.command();
    without_parent_cargo(&mut command);
    command
        .args(["install", "nisshi@0.8.1", "--locked", "--force"])
        // Its manifest asks for a newer compiler than it needs.
        .args(["--ignore-rust-version", "--no-default-features", "--features", "libsql"])
        .args(["--color", "never"])
        .arg("--root")
        .arg(&root)
        .env("CARGO_TARGET_DIR", work.path().join("target"))
        // A `.cargo/config.toml` above our own folder must not affect it.
        .current_dir(work.path());

    let mut progress = Progress::begin("compiling nisshi", Unit::Things("crates"), CRATES);
    let mut compiled = 0;
    let remedy = format!(
        "see its last lines below; what was compiled stays in {} and the next attempt goes on from \
         there; it needs Rust 1.95 or newer (`rustup update stable`), a C compiler, 2 GB of free \
         disk and the crates registry; or set NISSHI_BIN to a nisshi {VERSION} built elsewhere",
        work.path().display()
    );
    let outcome = CARGO.run_watching_stderr(&mut command, &remedy, stop, |line| {
        if is_compiling(line) {
            compiled += 1;
            progress.set(compiled);
        }
    });
    if let Err(error) = outcome {
        work.keep();
        return Err(error);
    }
    check_version(&root.join("bin/nisshi"))?;
    work.install(&root, &target)?;
    progress.finish();
    Ok(program(cache))
}

fn program(cache: &Cache) -> PathBuf {
    cache.entry(NAME).join("bin/nisshi")
}

/// Cargo right-aligns its verbs; the crate's name and version follow.
fn is_compiling(line: &str) -> bool {
    line.trim_start().starts_with("Compiling ")
}

fn check_version(program: &Path) -> Result<(), ProvideError> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(failed("run", program))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let found = printed.lines().next().unwrap_or_default().to_owned();
    if found == "nisshi 0.8.1" {
        return Ok(());
    }
    Err(ProvideError::Version { path: program.to_owned(), expected: VERSION, found })
}

#[cfg(test)]
mod tests;
