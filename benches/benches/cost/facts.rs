//! A year of facts. In: how many merge requests. Out: rows in the tables behind the metric views, as so many events would have left them. ClickHouse
//! makes them from numbers, and no event is decoded, so ten million jobs take minutes.

use std::ops::Range;
use std::time::Instant;

use crate::engine::Engine;
use crate::report::Report;

/// Each step stores one in this many merge requests.
pub(crate) const STRIDES: [u64; 3] = [100, 10, 1];
/// The instance of the facts.
pub(crate) const INSTANCE: &str = "https://gitlab.example.com";
/// The first second of the year 2025.
const BEGIN: u64 = 1_735_689_600;

/// The statements for one table or several, and how often each thing is reported.
const STATEMENTS: [(&str, u64); 8] = [
    (include_str!("facts/merge_requests.sql"), 3),
    (include_str!("facts/merge_request_events.sql"), 1),
    (include_str!("facts/commits.sql"), 1),
    (include_str!("facts/pipelines.sql"), 3),
    (include_str!("facts/pipeline_events.sql"), 1),
    (include_str!("facts/jobs.sql"), 1),
    (include_str!("facts/deployments.sql"), 3),
    (include_str!("facts/around.sql"), 1),
];
/// The parts of statements; each may use those after it.
const SOURCES: [(&str, &str); 4] = [
    ("${jobs}", include_str!("facts/jobs_of.sql")),
    ("${pipelines}", include_str!("facts/pipelines_of.sql")),
    ("${deployments}", include_str!("facts/deployments_of.sql")),
    ("${requests}", include_str!("facts/requests.sql")),
];
/// Merge requests per statement, limited by the engine's memory.
const AT_ONCE: u64 = 20_000;
/// Keeps a statement that makes ten rows of one within the engine's memory.
const SETTINGS: [(&str, &str); 4] = [
    ("max_block_size", "8192"),
    ("max_insert_threads", "1"),
    ("min_insert_block_size_rows", "65536"),
    ("min_insert_block_size_bytes", "50000000"),
];

/// What is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Merge requests of all steps.
    pub(crate) merge_requests: u64,
    /// Projects.
    pub(crate) projects: u64,
}

/// The range that one statement stores.
#[derive(Debug, Clone, Copy)]
struct Part<'p> {
    telling: u64,
    stride: u64,
    /// The first number, to be multiplied by the stride, and how many follow.
    first: u64,
    count: u64,
    which: &'p str,
}

impl Facts {
    /// Stores projects, environments and people.
    pub(crate) async fn names(&self, engine: &Engine) -> anyhow::Result<()> {
        let part = Part { telling: 0, stride: 1, first: 0, count: 0, which: "true" };
        self.insert(engine, include_str!("facts/names.sql"), part).await
    }

    /// Stores what a step adds to the previous ones.
    pub(crate) async fn store(
        &self,
        engine: &Engine,
        stride: u64,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let which =
            if stride == STRIDES[0] { "true".to_owned() } else { format!("n % {} != 0", stride * 10) };
        self.tell(engine, stride, 0..self.merge_requests, &which).await?;
        let took = began.elapsed().as_secs_f64();
        report.note(format!("{} merge requests: stored in {took:.0} s", self.merge_requests / stride));
        Ok(())
    }

    /// Brings the tables into the state after years of merging: old rows in one part, and the rows of the last days, some of them repeated, in small
    /// ones.
    pub(crate) async fn settle(&self, engine: &Engine, report: &mut Report) -> anyhow::Result<()> {
        let began = Instant::now();
        let stored = "SELECT DISTINCT table FROM system.parts WHERE database = currentDatabase() AND active AND endsWith(table, '_facts')";
        for table in engine.clickhouse.client.query(stored).fetch_all::<String>().await? {
            engine.execute(&format!("OPTIMIZE TABLE {table} FINAL")).await?;
        }
        for (from, to) in [(980, 990), (985, 995), (990, 1000)] {
            let part = |thousandths: u64| self.merge_requests * thousandths / 1000;
            self.tell(engine, 1, part(from)..part(to), "true").await?;
        }
        engine.settle().await?;
        let took = began.elapsed().as_secs_f64();
        let size =
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active";
        let bytes: u64 = engine.clickhouse.client.query(size).fetch_one().await?;
        let gigabytes = bytes as f64 / 1e9;
        report.note(format!("merged, and the last week told again, in {took:.0} s; {gigabytes:.1} GB"));
        Ok(())
    }

    /// Stores the facts of each `stride`th merge request of a range.
    async fn tell(&self, engine: &Engine, stride: u64, range: Range<u64>, which: &str) -> anyhow::Result<()> {
        let (mut first, end) = (range.start / stride, range.end / stride);
        while first < end {
            let count = AT_ONCE.min(end - first);
            for (sql, tellings) in STATEMENTS {
                for telling in 0..tellings {
                    let part = Part { telling, stride, first, count, which };
                    self.insert(engine, sql, part).await?;
                }
            }
            first += count;
        }
        Ok(())
    }

    async fn insert(&self, engine: &Engine, sql: &str, part: Part<'_>) -> anyhow::Result<()> {
        let Part { telling, stride, first, count, which } = part;
        let mut sql = sql.to_owned();
        for (placeholder, source) in SOURCES {
            sql = sql.replace(placeholder, source);
        }
        for (name, value) in [
            ("merge_requests", self.merge_requests),
            ("projects", self.projects),
            ("begin", BEGIN),
            ("telling", telling),
            ("stride", stride),
            ("first", first),
            ("count", count),
        ] {
            sql = sql.replace(&format!("${{{name}}}"), &value.to_string());
        }
        let sql = sql.replace("${which}", which).replace("${instance}", INSTANCE);
        for statement in sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            let mut query = engine.clickhouse.client.query(statement);
            for (name, value) in SETTINGS {
                query = query.with_setting(name, value);
            }
            query.execute().await?;
        }
        Ok(())
    }
}
