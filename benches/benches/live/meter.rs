//! The cost of processes. In: process ids. Out: CPU time per event, peak memory. Reads /proc; on other systems than Linux it measures nothing.

use std::collections::BTreeMap;

/// Linux counts CPU time for user space in hundredths of a second on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// CPU time of processes since a moment.
pub(crate) struct Meter {
    processes: Vec<(&'static str, u32, f64)>,
}

impl Meter {
    /// Starts counting; this process, which generates the load, is counted as `generator`.
    pub(crate) fn start(processes: &[(&'static str, u32)]) -> Meter {
        let own = [("generator", std::process::id())];
        let all = processes.iter().chain(&own);
        Meter { processes: all.filter_map(|(name, pid)| Some((*name, *pid, cpu_seconds(*pid)?))).collect() }
    }

    /// Microseconds of CPU per event, by process.
    pub(crate) fn per_event(&self, events: u64) -> BTreeMap<&'static str, f64> {
        let micros = |seconds: f64| seconds * 1e6 / events.max(1) as f64;
        self.processes
            .iter()
            .filter_map(|(name, pid, before)| Some((*name, micros(cpu_seconds(*pid)? - before))))
            .collect()
    }
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

/// A process and its children, as [`Meter::start`] takes them: the service, its broker and its ClickHouse.
pub(crate) fn family(pid: u32) -> Vec<(&'static str, u32)> {
    let name = |child: &u32| {
        let program = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        if program.trim() == "java" { "broker" } else { "clickhouse" }
    };
    [("service", pid)].into_iter().chain(children(pid).iter().map(|child| (name(child), *child))).collect()
}

/// Memory of a process and its children, in MiB, what they share being counted in each.
pub(crate) fn family_mib(pid: u32) -> f64 {
    [pid].into_iter().chain(children(pid)).filter_map(|pid| kibibytes(pid, "VmRSS:")).sum::<f64>() / 1024.0
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Peak memory of a process, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Option<f64> {
    Some(kibibytes(pid, "VmHWM:")? / 1024.0)
}

fn kibibytes(pid: u32, what: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.split_whitespace().next()?.parse().ok()
}
