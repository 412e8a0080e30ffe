//! The measurements beside the goals. In: costs. Out: a table, and the same as JSON. Never hides a goal that was missed.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::batch::Batch;
use crate::engine::Cost;

/// Maximum ratio of the cost of a batch in tables that are a hundred times as large.
const FLAT: f64 = 1.5;

/// A measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    what: String,
    scope: String,
    wall_ms: f64,
    cpu_ms: f64,
    /// The part of `wall_ms` before the engine reads anything.
    pub(crate) planning_ms: Option<f64>,
    rows: Option<usize>,
    goal_ms: Option<f64>,
    /// Load of the machine over the last minute.
    load: f64,
}

/// A view compared with the older query.
#[derive(Debug, Serialize)]
struct Compared {
    view: String,
    old: String,
    ratio: f64,
    goal: f64,
}

/// All measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cores: usize,
    merge_requests: u64,
    projects: u64,
    repeats: u32,
    notes: Vec<String>,
    measured: Vec<Measured>,
    compared: Vec<Compared>,
    pub(crate) batches: Vec<Batch>,
}

impl Measured {
    /// A measurement of a question.
    pub(crate) fn of(what: &str, scope: &str, cost: Cost, rows: usize) -> Measured {
        Measured { rows: Some(rows), ..Measured::free(what, scope, cost) }
    }

    /// Another measurement, without rows or a goal.
    pub(crate) fn free(what: &str, scope: &str, cost: Cost) -> Measured {
        Measured {
            what: what.to_owned(),
            scope: scope.to_owned(),
            wall_ms: cost.wall_ms,
            cpu_ms: cost.cpu_ms,
            planning_ms: None,
            rows: None,
            goal_ms: None,
            load: load(),
        }
    }

    /// Sets the goal in milliseconds.
    pub(crate) fn goal(self, milliseconds: f64) -> Measured {
        Measured { goal_ms: Some(milliseconds), ..self }
    }

    fn line(&self) -> [String; 8] {
        let verdict = self.goal_ms.map_or("", |goal| if self.wall_ms <= goal { "met" } else { "missed" });
        [
            self.what.clone(),
            self.scope.clone(),
            format!("{:.0}", self.wall_ms),
            self.goal_ms.map_or(String::new(), |goal| format!("{goal:.0}")),
            verdict.to_owned(),
            format!("{:.0}", self.cpu_ms),
            self.planning_ms.map_or(String::new(), |planning| format!("{planning:.0}")),
            self.rows.map_or(String::new(), |rows| rows.to_string()),
        ]
    }
}

impl Report {
    /// An empty report.
    pub(crate) fn new(merge_requests: u64, projects: u64, repeats: u32) -> Report {
        Report {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            merge_requests,
            projects,
            repeats,
            notes: Vec::new(),
            measured: Vec::new(),
            compared: Vec::new(),
            batches: Vec::new(),
        }
    }

    /// Adds a remark and prints it, because the whole run takes minutes.
    pub(crate) fn note(&mut self, note: String) {
        println!("{note} (load {:.1})", load());
        self.notes.push(note);
    }

    /// Adds a measurement and prints it.
    pub(crate) fn push(&mut self, measured: Measured) {
        println!("{} (load {:.1})", measured.line().join(" | "), measured.load);
        self.measured.push(measured);
    }

    /// Adds a batch and prints it.
    pub(crate) fn batch(&mut self, batch: Batch) {
        let Batch { jobs, rows, store_ms, mark_ms, cpu_ms } = &batch;
        println!(
            "a batch of {rows} rows beside {jobs} jobs: {store_ms:.0} ms, {mark_ms:.0} ms to mark, {cpu_ms:.0} ms of CPU (load {:.1})",
            load()
        );
        self.batches.push(batch);
    }

    /// Adds the ratio of two answers of the same scope, by CPU, because wall-clock time of a busy machine is unreliable.
    pub(crate) fn compare(&mut self, view: &str, old: &str, goal: f64) {
        let of =
            |name: &str| self.measured.iter().rfind(|measured| measured.what == name).map(|one| one.cpu_ms);
        if let (Some(new), Some(before)) = (of(view), of(old)) {
            let ratio = new / before.max(1.0);
            println!("{view} / {old}: {ratio:.2}, goal {goal:.2}");
            self.compared.push(Compared { view: view.to_owned(), old: old.to_owned(), ratio, goal });
        }
    }

    /// The ratio of the most expensive batch to the first, by CPU.
    fn growth(&self) -> Option<f64> {
        let first = self.batches.first()?.cpu_ms;
        Some(self.batches.iter().map(|batch| batch.cpu_ms).fold(0.0, f64::max) / first.max(1.0))
    }

    /// Whether nothing could be measured.
    pub(crate) fn failed(&self) -> bool {
        self.measured.is_empty()
    }

    /// The table for the terminal.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header([
            "what",
            "scope",
            "ms",
            "goal ms",
            "",
            "CPU ms",
            "planning ms",
            "rows",
        ]);
        for measured in &self.measured {
            table.add_row(measured.line());
        }
        let verdict = |met: bool| if met { "met" } else { "missed" };
        for Compared { view, old, ratio, goal } in &self.compared {
            let line =
                [format!("{view} / {old}"), "CPU".to_owned(), format!("{ratio:.2}"), format!("{goal:.2}")];
            table.add_row(line.into_iter().chain([verdict(ratio <= goal).to_owned()]));
        }
        if let Some(growth) = self.growth() {
            let line = [
                "a batch, the dearest / the first".to_owned(),
                "CPU".to_owned(),
                format!("{growth:.2}"),
                format!("{FLAT:.2}"),
            ];
            table.add_row(line.into_iter().chain([verdict(growth <= FLAT).to_owned()]));
        }
        for index in [2, 3, 5, 6, 7] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!(
            "{table}\n\n{} merge requests in {} projects; {} cores, medians of {}; CPU is that of the engine.",
            self.merge_requests, self.projects, self.cores, self.repeats
        )
    }
}

/// Load of the machine over the last minute; 0 if it is unknown.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
