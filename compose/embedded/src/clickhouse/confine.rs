//! Restricts this process before the engine runs in it: SQL can name files and addresses, and the engine has no passwords. In: the library and the
//! data directory. Out: a process that reads what the engine needs and writes only to its data directory. Never: grants a right to start programs, to
//! connect, to resolve a name, or to listen.

use std::io;
use std::path::Path;

use super::rights;

/// What the kernel enforces from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// Files and sockets.
    Full,
    /// Files, but an old kernel cannot forbid every way to a socket or a file.
    Partial,
    /// Nothing: the kernel has no Landlock, or one that forbids what the engine needs.
    None,
}

/// Why the process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The data directory or the library cannot be reached.
    #[error("the data directory or the library of ClickHouse cannot be reached")]
    Io(#[from] io::Error),
    /// The kernel refuses.
    #[cfg(target_os = "linux")]
    #[error("the kernel does not confine ClickHouse")]
    Kernel(#[from] landlock::RulesetError),
}

/// Confines the calling thread and the threads that it starts, permanently. Creates the data directory.
///
/// Called before any other thread exists, with the listener bound already.
///
/// # Errors
/// A path cannot be reached, or the kernel has Landlock but refuses the rules.
#[cfg(target_os = "linux")]
pub fn confine(library: &Path, data: &Path) -> Result<Confinement, ConfineError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, path_beneath_rules,
    };

    /// The newest version of Landlock whose rights are known here.
    const NEWEST: ABI = ABI::V5;
    /// Files that the engine and the C library read. Missing ones are left out.
    const READ: [&str; 15] = [
        "/usr/share/zoneinfo",
        "/sys/devices/system",
        "/sys/fs/cgroup",
        "/proc/self",
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/proc/stat",
        "/proc/version",
        "/dev/null",
        "/dev/zero",
        "/dev/random",
        "/dev/urandom",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/timezone",
    ];
    /// Where the linker finds the libraries of the engine.
    const LIBRARIES: [&str; 3] = ["/usr/lib", "/lib", "/lib64"];

    std::fs::create_dir_all(data)?;
    rights::write(data)?;
    let library = library.canonicalize()?;
    let program = std::env::current_exe()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let own = AccessFs::from_all(NEWEST) & !AccessFs::Execute;
    let status = Ruleset::default()
        // The first version of Landlock forbids moving files between folders, which tables do: then none is better.
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(READ, read))?
        .add_rules(path_beneath_rules(LIBRARIES, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([library, program], AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([rights::folder(data)], read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([data], own))?
        .restrict_self()?;
    let files = match status.ruleset {
        RulesetStatus::FullyEnforced => Confinement::Full,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    };
    Ok(match (files, forbid_sockets()) {
        (files, Ok(())) => files,
        (Confinement::None, Err(_)) => Confinement::None,
        (_, Err(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the kernel does not forbid sockets to ClickHouse"
            );
            Confinement::Partial
        }
    })
}

/// Forbids new sockets of any kind: Landlock only covers TCP, and names are resolved by UDP. Existing listeners continue, and socket pairs within the
/// process are allowed. `io_uring` would be another way to sockets.
#[cfg(target_os = "linux")]
fn forbid_sockets() -> Result<(), seccompiler::Error> {
    use std::collections::BTreeMap;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    let forbidden = [libc::SYS_socket, libc::SYS_io_uring_setup];
    let rules: BTreeMap<i64, Vec<_>> = forbidden.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EACCES as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
}

/// Other systems than Linux have no equivalent.
///
/// # Errors
/// The data directory cannot be created.
#[cfg(not(target_os = "linux"))]
pub fn confine(_library: &Path, data: &Path) -> Result<Confinement, ConfineError> {
    std::fs::create_dir_all(data)?;
    rights::write(data)?;
    Ok(Confinement::None)
}
