//! The final report. In: runs. Out: a table of medians beside their limits, and everything as JSON.
use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::Options;

/// One timed run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    /// Name of the run.
    pub(crate) name: &'static str,
    /// Id of the run.
    pub(crate) id: String,
    /// Number of timed events.
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    pub(crate) events_per_second: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    /// CPU time per event, by process.
    pub(crate) cpu_us_per_event: BTreeMap<&'static str, f64>,
    /// Peak memory of the service.
    pub(crate) peak_mib: Option<f64>,
    /// Why the run is not valid.
    pub(crate) fault: Option<String>,
}

impl Run {
    /// A run without latencies.
    pub(crate) fn new(name: &'static str, id: String, events: u64, took: Duration) -> Run {
        let seconds = took.as_secs_f64();
        Run {
            name,
            id,
            events,
            seconds,
            events_per_second: events as f64 / seconds.max(1e-9),
            p50_ms: None,
            p99_ms: None,
            max_ms: None,
            cpu_us_per_event: BTreeMap::new(),
            peak_mib: None,
            fault: None,
        }
    }

    /// Adds latencies in milliseconds.
    pub(crate) fn latencies(&mut self, mut latencies: Vec<f64>) {
        latencies.sort_unstable_by(f64::total_cmp);
        let share = |share: f64| {
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            latencies.get(rank.max(1) - 1).copied()
        };
        (self.p50_ms, self.p99_ms, self.max_ms) = (share(0.5), share(0.99), share(1.0));
    }
}

/// One line of the table: medians.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) what: &'static str,
    pub(crate) run: &'static str,
    pub(crate) events_per_second: f64,
    /// The slowest part measured alone, and its rate.
    pub(crate) limit: Option<(&'static str, f64)>,
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: &'static str,
    pub(crate) goal_met: Option<bool>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// For the process under measurement, or for this one if there is none.
    pub(crate) cpu_us_per_event: Option<f64>,
    pub(crate) peak_mib: Option<f64>,
    pub(crate) fault: Option<String>,
}

/// The content of a line, its limits and its goal.
struct Shape {
    what: &'static str,
    run: &'static str,
    limits: &'static [&'static str],
    goal: &'static str,
    met: fn(&Line) -> Option<bool>,
}

const NO_GOAL: fn(&Line) -> Option<bool> = |_| None;

const SHAPES: [Shape; 29] = [
    Shape { what: "warp, body read, 200", run: "bare_http", limits: &[], goal: "", met: NO_GOAL },
    Shape { what: "producer, acks=all", run: "bare_producer", limits: &[], goal: "", met: NO_GOAL },
    Shape {
        what: "producer, as many in flight as ingest",
        run: "bare_producer_in_flight",
        limits: &[],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "ingest",
        run: "ingest",
        limits: &["bare_http", "bare_producer"],
        goal: "ratio >= 0.65",
        met: |line| line.ratio.map(|ratio| ratio >= 0.65),
    },
    Shape {
        what: "ingest at half that rate, open loop",
        run: "ingest_half_peak",
        limits: &[],
        goal: "p99 < 10 ms",
        met: |line| line.p99_ms.map(|p99| p99 < 10.0),
    },
    Shape { what: "warp, a connection each", run: "bare_http_fresh", limits: &[], goal: "", met: NO_GOAL },
    Shape {
        what: "ingest, a connection each",
        run: "ingest_fresh",
        limits: &["bare_http_fresh", "bare_producer"],
        goal: "ratio >= 0.85",
        met: |line| line.ratio.map(|ratio| ratio >= 0.85),
    },
    Shape { what: "consumer", run: "bare_consumer", limits: &[], goal: "", met: NO_GOAL },
    Shape { what: "encoded inserts", run: "encoded_inserts", limits: &[], goal: "", met: NO_GOAL },
    Shape {
        what: "processor",
        run: "processor",
        limits: &["bare_consumer", "encoded_inserts"],
        goal: "ratio >= 0.6",
        met: |line| line.ratio.map(|ratio| ratio >= 0.6),
    },
    Shape {
        what: "answered to visible",
        run: "answered_to_visible",
        limits: &[],
        goal: "p50 < 500 ms, p99 < 2 s",
        met: |line| Some(line.p50_ms? < 500.0 && line.p99_ms? < 2000.0),
    },
    Shape { what: "sent to visible", run: "sent_to_visible", limits: &[], goal: "", met: NO_GOAL },
    Shape { what: "pages of events, dropped", run: "bare_history", limits: &[], goal: "", met: NO_GOAL },
    Shape {
        what: "backfill, pages of events to Kafka",
        run: "history",
        limits: &["bare_history"],
        goal: "ratio >= 0.7, 100 MiB",
        met: |line| Some(line.ratio? >= 0.7 && line.peak_mib? <= 100.0),
    },
    Shape {
        what: "backfill, pages of jobs to Kafka",
        run: "jobs",
        limits: &[],
        goal: "100 MiB",
        met: |line| Some(line.peak_mib? <= 100.0),
    },
    Shape { what: "FastAPI + Redis, fsynced always", run: "peer", limits: &[], goal: "", met: NO_GOAL },
    Shape {
        what: "up beside it",
        run: "up",
        limits: &["peer"],
        goal: "ratio >= 6",
        met: |line| line.ratio.map(|ratio| ratio >= 6.0),
    },
    Shape {
        what: "FastAPI + Redis, a connection each",
        run: "peer_fresh",
        limits: &[],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "up beside it, a connection each",
        run: "up_fresh",
        limits: &["peer_fresh"],
        goal: "ratio >= 6",
        met: |line| line.ratio.map(|ratio| ratio >= 6.0),
    },
    Shape { what: "the other build: up", run: "against", limits: &[], goal: "", met: NO_GOAL },
    Shape { what: "up", run: "up", limits: &["against"], goal: "", met: NO_GOAL },
    Shape {
        what: "the other build: up, a connection each",
        run: "against_fresh",
        limits: &[],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "up, a connection each",
        run: "up_fresh",
        limits: &["against_fresh"],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "the other build: sent to all visible",
        run: "against_visible",
        limits: &[],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "up: sent to all visible",
        run: "up_visible",
        limits: &["against_visible"],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "the other build: the same, a connection each",
        run: "against_fresh_visible",
        limits: &[],
        goal: "",
        met: NO_GOAL,
    },
    Shape {
        what: "up: the same, a connection each",
        run: "up_fresh_visible",
        limits: &["against_fresh_visible"],
        goal: "",
        met: NO_GOAL,
    },
    Shape { what: "the other build: up, calm", run: "against_calm", limits: &[], goal: "", met: NO_GOAL },
    Shape { what: "up, as calm", run: "up_calm", limits: &[], goal: "", met: NO_GOAL },
];

/// All measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cores: usize,
    memory_gib: u64,
    options: String,
    notes: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) runs: Vec<Run>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(options: &Options) -> Report {
        let Options { repeats, deliveries, records, connections, rate, seconds, .. } = options;
        Report {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_gib(),
            options: format!(
                "{repeats} interleaved repeats, {deliveries} deliveries on {connections} connections, {records} records, {rate}/s for {seconds} s"
            ),
            notes: Vec::new(),
            lines: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Adds a run and prints it, because the whole takes minutes.
    pub(crate) fn push(&mut self, run: Run) {
        let latency = match (run.p50_ms, run.p99_ms) {
            (Some(p50), Some(p99)) => format!(", p50 {p50:.1} ms, p99 {p99:.1} ms"),
            (_, _) => String::new(),
        };
        println!(
            "{:<23} {:<18} {:>9} events in {:>6.2} s, {:>7.0}/s{latency}",
            run.name, run.id, run.events, run.seconds, run.events_per_second
        );
        self.runs.push(run);
    }

    /// Adds a remark.
    pub(crate) fn note(&mut self, note: String) {
        println!("{note}");
        self.notes.push(note);
    }

    /// How many runs of that name there are.
    pub(crate) fn repeat_of(&self, name: &str) -> usize {
        self.runs.iter().filter(|run| run.name == name).count()
    }

    /// Events per second, in the median of the repeats.
    pub(crate) fn median_rate(&self, name: &str) -> Option<f64> {
        self.median(name, |run| Some(run.events_per_second))
    }

    /// Whether a run was not valid.
    pub(crate) fn failed(&self) -> bool {
        self.runs.iter().any(|run| run.fault.is_some())
    }

    /// Makes the lines from the runs.
    pub(crate) fn summarize(&mut self) {
        let lines = SHAPES.iter().filter_map(|shape| self.line(shape)).collect();
        self.lines = lines;
    }

    fn line(&self, shape: &Shape) -> Option<Line> {
        let rate = self.median_rate(shape.run)?;
        let limits = shape.limits.iter().filter_map(|name| Some((*name, self.median_rate(name)?)));
        let limit = limits.min_by(|(_, one), (_, other)| one.total_cmp(other));
        let fault = self.runs.iter().find_map(|run| run.fault.clone().filter(|_| run.name == shape.run));
        let cpu = |run: &Run| {
            let service = run.cpu_us_per_event.get("service").copied();
            service.or(run.cpu_us_per_event.get("generator").copied())
        };
        let end_to_end = shape.run.ends_with("visible");
        let mut line = Line {
            what: shape.what,
            run: shape.run,
            events_per_second: rate,
            limit,
            ratio: limit.map(|(_, limit)| rate / limit),
            goal: shape.goal,
            goal_met: None,
            p50_ms: self.median(shape.run, |run| run.p50_ms),
            p99_ms: self.median(shape.run, |run| run.p99_ms),
            cpu_us_per_event: if end_to_end { None } else { self.median(shape.run, cpu) },
            peak_mib: self.median(shape.run, |run| run.peak_mib),
            fault,
        };
        line.goal_met = (shape.met)(&line);
        Some(line)
    }

    fn median(&self, name: &str, value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        let runs = self.runs.iter().filter(|run| run.name == name);
        let mut values: Vec<f64> = runs.filter_map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            count if count % 2 == 1 => Some(values[middle]),
            _ => Some(f64::midpoint(values[middle - 1], values[middle])),
        }
    }

    /// The table for the terminal.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "what",
            "events/s",
            "limit",
            "ratio",
            "goal",
            "",
            "p50 ms",
            "p99 ms",
            "CPU us/event",
            "peak MiB",
        ]);
        let number = |value: Option<f64>, digits: usize| {
            value.map_or(String::new(), |value| format!("{value:.digits$}"))
        };
        for line in &self.lines {
            let verdict = match (&line.fault, line.goal_met) {
                (Some(_), _) => "FAILED",
                (None, Some(true)) => "met",
                (None, Some(false)) => "missed",
                (None, None) => "",
            };
            table.add_row([
                line.what.to_owned(),
                format!("{:.0}", line.events_per_second),
                line.limit.map_or(String::new(), |(_, limit)| format!("{limit:.0}")),
                number(line.ratio, 2),
                line.goal.to_owned(),
                verdict.to_owned(),
                number(line.p50_ms, 1),
                number(line.p99_ms, 1),
                number(line.cpu_us_per_event, 1),
                number(line.peak_mib, 0),
            ]);
        }
        for index in [1, 2, 3, 6, 7, 8, 9] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let faults = self.runs.iter().filter_map(|run| {
            let fault = run.fault.as_ref()?;
            Some(format!("\nFAILED {} ({}): {fault}", run.name, run.id))
        });
        format!(
            "{table}{}\n\n{} cores and {} GiB, shared by load generator, services, broker and ClickHouse; {}; medians.\n\
             CPU is that of the service's process, or of the generator's where nothing else is measured.",
            faults.collect::<String>(),
            self.cores,
            self.memory_gib,
            self.options
        )
    }
}

/// Memory of this machine.
fn memory_gib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.map_or(0, |kibibytes| (kibibytes / 1024.0 / 1024.0).round() as u64)
}
