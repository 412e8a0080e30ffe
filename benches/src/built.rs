//! The program under measurement. In: nothing. Out: the folder of this bench, and the up-to-date program beside it.

#![expect(clippy::print_stdout, reason = "a build takes minutes, and says so")]

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder that this bench was built into: it lies in `<target>/<profile>/deps`.
///
/// # Errors
///
/// When cargo did not build it.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(3);
    target.map(Path::to_owned).context("this bench was not built by cargo")
}

/// The gitpulse binary, brought up to date: measuring a stale one would be useless.
///
/// # Errors
///
/// When it cannot be built.
pub fn gitpulse(target: &Path) -> anyhow::Result<PathBuf> {
    println!("cargo build --release -p gitpulse (a first build takes minutes)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--release", "-p", "gitpulse", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cargo cannot be started")?;
    anyhow::ensure!(status.success(), "gitpulse cannot be built");
    Ok(target.join("release/gitpulse"))
}
