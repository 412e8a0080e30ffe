//! In: what the user names, `JAVA_HOME` and `PATH`. Out: a Java that runs Kafka. Never installs one.

use std::{
    env, fmt,
    path::{self, Path, PathBuf},
    process::{Command, Stdio},
};

use super::ProvideError;

/// The oldest Java that Kafka's broker runs on (<https://kafka.apache.org/documentation/#java>).
const OLDEST: u32 = 17;

/// A Java runtime.
#[derive(Clone, Debug)]
pub(super) struct Java {
    /// The program.
    pub(super) program: PathBuf,
    /// Its full version, as `17.0.15`.
    pub(super) version: String,
}

impl Java {
    /// The Java the user names (`GITPULSE_JAVA`), else that of `JAVA_HOME`, else the one in `PATH`.
    ///
    /// # Errors
    ///
    /// When the named one does not run or is too old, or none of the others does.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, ProvideError> {
        if let Some(named) = named {
            // The folder of an installation works too.
            let program = if named.is_dir() { named.join("bin/java") } else { named.to_owned() };
            return Self::ask(program).map_err(|unusable| ProvideError::Java { found: unusable.to_string() });
        }
        let of_home = env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
        let of_home = of_home.map(|home| PathBuf::from(home).join("bin/java"));
        let mut found = "there is none in JAVA_HOME or PATH".to_owned();
        for program in of_home.into_iter().chain([PathBuf::from("java")]) {
            match Self::ask(program) {
                Ok(java) => return Ok(java),
                Err(Unusable::Missing(_)) => (),
                Err(unusable) => found = unusable.to_string(),
            }
        }
        Err(ProvideError::Java { found })
    }

    /// Asks a program for its version, in the environment that Kafka will have.
    fn ask(program: PathBuf) -> Result<Self, Unusable> {
        // It is started from another folder than this process's own; a bare name is looked up in PATH.
        let program = match program.components().count() {
            1 => program,
            _ => path::absolute(&program).unwrap_or(program),
        };
        let mut command = Command::new(&program);
        command.arg("-version").stdin(Stdio::null()).env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        let Ok(output) = command.output() else { return Err(Unusable::Missing(program)) };
        let printed = String::from_utf8_lossy(&output.stderr);
        match version(&printed) {
            None => Err(Unusable::Silent(program)),
            Some(version) if feature(version).is_some_and(|number| number >= OLDEST) => {
                Ok(Self { program, version: version.to_owned() })
            }
            Some(version) => Err(Unusable::Old(program, version.to_owned())),
        }
    }
}

/// Why a program cannot be used as Java for Kafka.
enum Unusable {
    /// It does not exist, or does not run.
    Missing(PathBuf),
    /// It reports no version.
    Silent(PathBuf),
    /// It is older than Kafka requires.
    Old(PathBuf, String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(program) => write!(formatter, "{} does not run", program.display()),
            Self::Silent(program) => write!(formatter, "{} does not say its version", program.display()),
            Self::Old(program, version) => write!(formatter, "{} is version {version}", program.display()),
        }
    }
}

/// The version in `openjdk version "17.0.15" 2025-04-15`, which may come after a line about picked up options.
fn version(printed: &str) -> Option<&str> {
    let (_, after) = printed.split_once(" version \"")?;
    Some(after.split_once('"')?.0)
}

/// 17 of `17.0.15`, 26 of `26-ea`, and 8 of `1.8.0_392`.
fn feature(version: &str) -> Option<u32> {
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        number => Some(number),
    }
}

#[cfg(test)]
mod tests;
