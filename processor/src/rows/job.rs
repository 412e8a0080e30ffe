//! Rows of a job. In: one of its events, the job from the API, or a job in its pipeline's event. Out: a row about the job. All three have one key,
//! the job's id.

use chrono::{DateTime, TimeDelta, Utc};
use clickhouse::Row;
use schemas::event::job::Job;
use schemas::event::pipeline::Build;
use schemas::field::Field;
use serde::Serialize;

use super::merged::merge_columns;
use super::version::{Column, Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows, job_run};
use crate::decode::Event;

/// A row of `job_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct JobRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) pipeline_id: Versioned<u64>,
    pub(super) project_path: Versioned<String>,
    pub(super) name: Versioned<String>,
    pub(super) stage: Versioned<String>,
    pub(super) status: Versioned<String>,
    #[serde(rename = "ref")]
    pub(super) ref_name: Versioned<String>,
    pub(super) tag: Versioned<bool>,
    pub(super) sha: Versioned<String>,
    pub(super) allow_failure: Versioned<bool>,
    pub(super) failure_reason: Versioned<String>,
    pub(super) retries_count: Versioned<u64>,
    pub(super) run_when: Versioned<String>,
    pub(super) manual: Versioned<bool>,
    pub(super) user_id: Versioned<u64>,
    pub(super) user_username: Versioned<String>,
    pub(super) runner_id: Versioned<u64>,
    pub(super) runner_description: Versioned<String>,
    pub(super) runner_type: Versioned<String>,
    pub(super) runner_is_shared: Versioned<bool>,
    pub(super) runner_tags: VersionedList<String>,
    pub(super) environment: Versioned<String>,
    pub(super) environment_action: Versioned<String>,
    pub(super) environment_tier: Versioned<String>,
    pub(super) duration_seconds: Versioned<f64>,
    pub(super) queued_seconds: Versioned<f64>,
    pub(super) coverage: Versioned<f64>,
    pub(super) artifacts_bytes: Versioned<u64>,
    pub(super) downstream_pipeline_id: Versioned<u64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) started_at: Versioned<i64>,
    pub(super) finished_at: Versioned<i64>,
    pub(super) erased_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

merge_columns! {
    JobRow by project_id, id,
    pipeline_id project_path name stage status ref_name tag sha allow_failure failure_reason
    retries_count run_when manual user_id user_username runner_id runner_description runner_type
    runner_is_shared runner_tags environment environment_action environment_tier duration_seconds
    queued_seconds coverage artifacts_bytes downstream_pipeline_id url created_at started_at finished_at
    erased_at last_event_id
}

/// A row of `job_retry_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct JobRetryRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) pipeline_id: u64,
    pub(super) name: String,
    pub(super) newest_id: u64,
}

/// How much later than their pipeline its initial jobs may be created.
const CREATED_TOGETHER: TimeDelta = TimeDelta::seconds(2);

/// What a job gets from its pipeline.
pub(super) struct Run<'a> {
    pub(super) pipeline_id: &'a Field<u64>,
    /// When the pipeline was created or, if unknown, when it started.
    pub(super) began_at: Option<DateTime<Utc>>,
    pub(super) ref_name: &'a Field<String>,
    pub(super) tag: &'a Field<bool>,
    pub(super) sha: &'a Field<String>,
}

pub(super) fn rows(event: &Event, job: &Job) -> Rows {
    let mut rows = Rows::default();
    let Some(id) = job.build.id.get() else {
        return rows;
    };
    rows.as_of = job.build.newest_time().max(job.pipeline_as_of);
    let run = Run {
        pipeline_id: &job.pipeline_id,
        began_at: job.pipeline_began_at,
        ref_name: &job.ref_name,
        tag: &job.tag,
        sha: &job.sha,
    };
    let (row, unreadable) = row(event, &run, &job.build, id, rows.as_of);
    rows.jobs.push(row);
    rows.job_retries.extend(retry(event, &run, &job.build, id));
    rows.job_runs.extend(job_run::row(event, &run, &job.build, id));
    rows.unreadable += unreadable;
    rows
}

/// Reports `build` as a retry if the body counts retries, or if it was created well after its pipeline. Initial jobs are created with the pipeline,
/// and a job must end before it is retried.
pub(super) fn retry(event: &Event, run: &Run<'_>, build: &Build, id: u64) -> Option<JobRetryRow> {
    let (pipeline_id, name) = (run.pipeline_id.get()?, build.name.value()?);
    let is_counted = build.retries_count.get().is_some_and(|retries| retries > 0);
    let later = build.created_at.get().zip(run.began_at).map(|(created_at, began_at)| created_at - began_at);
    (is_counted || later.is_some_and(|later| later > CREATED_TOGETHER)).then(|| JobRetryRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        pipeline_id,
        name: name.clone(),
        newest_id: id,
    })
}

/// A row about a job, as of a time if the body has one.
pub(super) fn row(
    event: &Event,
    run: &Run<'_>,
    build: &Build,
    id: u64,
    as_of: Option<DateTime<Utc>>,
) -> (JobRow, u64) {
    let version = Version::told(as_of, rank(build.status.text()), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = JobRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        pipeline_id: columns.value(run.pipeline_id),
        project_path: columns.text(&event.project_path),
        name: columns.value(&build.name),
        stage: columns.value(&build.stage),
        status: columns.value(&build.status),
        ref_name: columns.value(run.ref_name),
        tag: columns.value(run.tag),
        sha: columns.value(run.sha),
        allow_failure: columns.value(&build.allow_failure),
        failure_reason: columns.value(&failure_reason(build)),
        retries_count: columns.value(&build.retries_count),
        run_when: columns.value(&build.when),
        manual: columns.value(&build.manual),
        user_id: columns.value(&build.user.field(|user| &user.id)),
        user_username: columns.value(&build.user.field(|user| &user.username)),
        runner_id: columns.value(&build.runner.field(|runner| &runner.id)),
        runner_description: columns.value(&build.runner.field(|runner| &runner.description)),
        runner_type: columns.value(&build.runner.field(|runner| &runner.runner_type)),
        runner_is_shared: columns.value(&build.runner.field(|runner| &runner.is_shared)),
        runner_tags: columns.sorted(runner_tags(build)),
        environment: columns.value(&build.environment.field(|environment| &environment.name)),
        environment_action: columns.value(&build.environment.field(|environment| &environment.action)),
        environment_tier: columns.value(&build.environment.field(|environment| &environment.deployment_tier)),
        duration_seconds: columns.value(&build.duration),
        queued_seconds: columns.value(&queued_duration(build)),
        coverage: columns.value(&build.coverage),
        artifacts_bytes: columns.value(&artifacts_bytes(build)),
        downstream_pipeline_id: columns.value(&build.downstream_pipeline_id),
        url: columns.value(&build.url),
        created_at: columns.immutable_time(&build.created_at),
        // A job starts and finishes once: a retry is another job.
        started_at: columns.immutable_time(&build.started_at),
        finished_at: columns.immutable_time(&build.finished_at),
        erased_at: columns.immutable_time(&build.erased_at),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}

/// Why it failed. GitLab sends `unknown_failure` for jobs that did not fail.
pub(super) fn failure_reason(build: &Build) -> Field<String> {
    match &build.status {
        Field::Value(status) if status == "failed" => build.failure_reason.clone(),
        Field::Value(_) | Field::Null => Field::Null,
        Field::Absent | Field::Unreadable => Field::Absent,
    }
}

/// The tags of its runner, in the order of the body.
pub(super) fn runner_tags(build: &Build) -> Field<Vec<String>> {
    let tags = build.runner.field(|runner| &runner.tags);
    tags.map(|tags: Vec<Field<String>>| tags.iter().filter_map(|tag| tag.value().cloned()).collect())
}

/// Size of its artifacts. A webhook has null if there are none yet, or if they were erased.
fn artifacts_bytes(build: &Build) -> Field<u64> {
    build.artifacts_file.field(|file| &file.size)
}

/// Seconds that it waited before it started. For a job that has not started, GitLab counts up to the moment of the request, even long after it was
/// cancelled (<https://gitlab.com/gitlab-org/gitlab/-/issues/362480>): that is not a waiting time. Nor is a time that began before the job was
/// created.
pub(super) fn queued_duration(build: &Build) -> Field<f64> {
    match (&build.started_at, build.created_at.get(), build.queued_duration.get()) {
        (Field::Null, _, _) => Field::Null,
        // Both times may be cut to whole seconds.
        (Field::Value(started_at), Some(created_at), Some(queued))
            if queued >= (*started_at - created_at).as_seconds_f64() + 1.0 =>
        {
            Field::Null
        }
        (_, _, _) => build.queued_duration.clone(),
    }
}

/// The order of a job's statuses within one second. A manual or skipped job can still become pending without a new time.
pub(super) fn rank(status: &str) -> u8 {
    match status {
        "created" => 1,
        "skipped" => 2,
        "manual" => 3,
        "waiting_for_resource" => 4,
        "preparing" => 5,
        "scheduled" => 6,
        "pending" => 7,
        "running" => 8,
        "canceling" => 9,
        "success" | "failed" | "canceled" => 10,
        _ => 0,
    }
}
