//! Rows of finished job runs. In: what a body says about a job. Out: a row, if it says when the job finished. Never for a trigger job: it uses no
//! runner, and finishes again with the pipeline that it started.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::event::pipeline::Build;
use schemas::field::Field;
use schemas::time::clamp_to_receipt;
use serde::Serialize;

use super::Provenance;
use super::job::{Run, failure_reason, queued_duration, runner_tags};
use super::version::past;
use crate::decode::Event;

/// A row of `job_run_facts`. Its columns have no version: a run never changes, so the greatest value is the one that all bodies agree on, in its
/// most precise form.
#[derive(Debug, Clone, Row, Serialize)]
pub struct JobRunRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    /// Days since 1970, in UTC.
    pub(super) day: i32,
    pub(super) id: u64,
    pub(super) pipeline_id: Option<u64>,
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) status: String,
    #[serde(rename = "ref")]
    pub(super) ref_name: String,
    pub(super) sha: String,
    pub(super) allow_failure: Option<bool>,
    pub(super) failure_reason: String,
    pub(super) runner_tags: Vec<String>,
    pub(super) created_at: Option<i64>,
    pub(super) started_at: Option<i64>,
    pub(super) finished_at: i64,
    pub(super) duration_seconds: Option<f64>,
    pub(super) queued_seconds: Option<f64>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// The run of a finished job. A finish more than a day ahead comes from a wrong clock, and would create its own partition. Unreadable fields are
/// counted with the job.
pub(super) fn row(event: &Event, run: &Run<'_>, build: &Build, id: u64) -> Option<JobRunRow> {
    let is_over = matches!(build.status.text(), "success" | "failed" | "canceled");
    let is_trigger_job = build.downstream_pipeline_id != Field::Absent;
    let finished_at = build.finished_at.get().filter(|_| is_over && !is_trigger_job)?;
    if clamp_to_receipt(finished_at, event.received_at) != finished_at {
        return None;
    }
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let milliseconds = |time: &Field<DateTime<Utc>>| past(time, event.received_at);
    let mut runner_tags = runner_tags(build).value().cloned().unwrap_or_default();
    runner_tags.sort_unstable();
    Some(JobRunRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        day: i32::try_from(finished_at.timestamp().div_euclid(24 * 60 * 60)).ok()?,
        id,
        pipeline_id: run.pipeline_id.get(),
        name: build.name.text().to_owned(),
        stage: build.stage.text().to_owned(),
        status: build.status.text().to_owned(),
        ref_name: run.ref_name.text().to_owned(),
        sha: run.sha.text().to_owned(),
        allow_failure: build.allow_failure.get(),
        failure_reason: failure_reason(build).text().to_owned(),
        runner_tags,
        created_at: milliseconds(&build.created_at),
        started_at: milliseconds(&build.started_at),
        finished_at: finished_at.timestamp_millis(),
        duration_seconds: build.duration.get(),
        queued_seconds: queued_duration(build).get(),
        tenants,
        origins,
        first_received_at: received_at,
    })
}
