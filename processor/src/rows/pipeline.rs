//! Rows of a pipeline and its jobs. In: one of its events. Out: what it tells of the pipeline, the status that it reached, and a fact
//! about each job in `builds[]`.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::event::pipeline::{Attributes, Build, Pipeline};
use schemas::field::Field;
use serde::Serialize;

use super::version::{Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `pipeline_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct PipelineRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) iid: Versioned<u64>,
    pub(super) project_path: Versioned<String>,
    pub(super) name: Versioned<String>,
    #[serde(rename = "ref")]
    pub(super) ref_name: Versioned<String>,
    pub(super) tag: Versioned<bool>,
    pub(super) sha: Versioned<String>,
    pub(super) before_sha: Versioned<String>,
    pub(super) source: Versioned<String>,
    pub(super) status: Versioned<String>,
    pub(super) stages: VersionedList<String>,
    pub(super) user_id: Versioned<u64>,
    pub(super) user_username: Versioned<String>,
    pub(super) merge_request_id: Versioned<u64>,
    pub(super) merge_request_iid: Versioned<u64>,
    pub(super) parent_pipeline_id: Versioned<u64>,
    pub(super) duration_seconds: Versioned<f64>,
    pub(super) queued_seconds: Versioned<f64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) finished_at: Versioned<i64>,
    pub(super) last_event_id: (i64, u8, u16, EventId),
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A row of `pipeline_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct PipelineEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) pipeline_id: u64,
    pub(super) status: String,
    /// Milliseconds since 1970, of a whole second: two hooks must not differ by less.
    pub(super) as_of: i64,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

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
    pub(super) run_when: Versioned<String>,
    pub(super) manual: Versioned<bool>,
    pub(super) user_id: Versioned<u64>,
    pub(super) user_username: Versioned<String>,
    pub(super) runner_id: Versioned<u64>,
    pub(super) runner_description: Versioned<String>,
    pub(super) runner_type: Versioned<String>,
    pub(super) runner_tags: VersionedList<String>,
    pub(super) environment: Versioned<String>,
    pub(super) environment_action: Versioned<String>,
    pub(super) environment_tier: Versioned<String>,
    pub(super) duration_seconds: Versioned<f64>,
    pub(super) queued_seconds: Versioned<f64>,
    pub(super) created_at: Versioned<i64>,
    pub(super) started_at: Versioned<i64>,
    pub(super) finished_at: Versioned<i64>,
    pub(super) last_event_id: (i64, u8, u16, EventId),
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, pipeline: &Pipeline) -> Rows {
    let mut rows = Rows::default();
    let Some(attributes) = pipeline.object_attributes.get() else {
        return rows;
    };
    let Some(id) = attributes.id.get() else {
        return rows;
    };
    let builds = pipeline.builds.value().map(Vec::as_slice).unwrap_or_default();
    // A body has no updated_at: the newest time in it is when it was true. The commit's time is not one of them: it can be years old,
    // or ahead.
    let newest_build = builds.iter().filter_map(|build| newest(build.get()?)).max();
    let as_of =
        [attributes.created_at.get(), attributes.finished_at.get(), newest_build].into_iter().flatten().max();
    rows.as_of = as_of;
    let as_of = as_of.unwrap_or(event.received_at);

    let rank = pipeline_rank(attributes.status.text());
    let version = Version::new(as_of, rank, event.received_at);
    let (row, unreadable) = state(event, pipeline, attributes, id, version);
    rows.pipelines.push(row);
    rows.unreadable += unreadable;
    if let Some(status) = attributes.status.value() {
        let Provenance { tenants, origins, received_at } = Provenance::of(event);
        rows.pipeline_events.push(PipelineEventRow {
            instance: event.instance.clone(),
            project_id: event.project_id,
            pipeline_id: id,
            status: status.clone(),
            as_of: version.seconds() * 1000,
            tenants,
            origins,
            first_received_at: received_at,
        });
    }
    rows.unreadable += u64::from(matches!(pipeline.builds, Field::Unreadable));
    for build in builds {
        let (Some(build), Some(job_id)) = (build.get(), build.field(|build| &build.id).get()) else {
            rows.unreadable += 1;
            continue;
        };
        // The job is told as the body knows it: a retry puts later jobs back to `created` without giving them a new time of their own.
        let version = Version::new(as_of, job_rank(build.status.text()), event.received_at);
        let (row, unreadable) = job(event, attributes, build, (id, job_id), version);
        rows.jobs.push(row);
        rows.unreadable += unreadable;
    }
    rows
}

/// Statuses of a pipeline that share a second, in the order in which GitLab goes through them: it stops at `manual` in the moment in which a
/// job finishes, while somebody plays that job later. A terminal status is last; a retry has newer times.
fn pipeline_rank(status: &str) -> u8 {
    match status {
        "created" => 1,
        "waiting_for_resource" => 2,
        "preparing" => 3,
        "scheduled" => 4,
        "pending" => 5,
        "running" => 6,
        "manual" => 7,
        "canceling" => 8,
        "success" | "failed" | "canceled" | "skipped" => 9,
        _ => 0,
    }
}

/// Statuses of a job that share a second. A job that waits to be played, or was skipped, can still become pending without a new time.
fn job_rank(status: &str) -> u8 {
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

fn newest(build: &Build) -> Option<DateTime<Utc>> {
    [&build.created_at, &build.started_at, &build.finished_at].into_iter().filter_map(Field::get).max()
}

fn state(
    event: &Event,
    pipeline: &Pipeline,
    attributes: &Attributes,
    id: u64,
    version: Version,
) -> (PipelineRow, u64) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let stages = attributes.stages.as_ref();
    let stages = stages.map(|stages| stages.iter().filter_map(|stage| stage.value().cloned()).collect());
    let row = PipelineRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        iid: columns.value(&attributes.iid),
        project_path: columns.text(&event.project_path),
        name: columns.value(&attributes.name),
        ref_name: columns.value(&attributes.ref_name),
        tag: columns.value(&attributes.tag),
        sha: columns.value(&attributes.sha),
        before_sha: columns.value(&attributes.before_sha),
        source: columns.value(&attributes.source),
        status: columns.value(&attributes.status),
        stages: columns.ordered(stages),
        user_id: columns.value(&pipeline.user.field(|user| &user.id)),
        user_username: columns.value(&pipeline.user.field(|user| &user.username)),
        merge_request_id: columns.value(&pipeline.merge_request.field(|request| &request.id)),
        merge_request_iid: columns.value(&pipeline.merge_request.field(|request| &request.iid)),
        parent_pipeline_id: columns.value(&pipeline.source_pipeline.field(|parent| &parent.pipeline_id)),
        duration_seconds: columns.value(&attributes.duration),
        queued_seconds: columns.value(&attributes.queued_duration),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        finished_at: columns.time(&attributes.finished_at),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}

fn job(
    event: &Event,
    pipeline: &Attributes,
    build: &Build,
    (pipeline_id, id): (u64, u64),
    version: Version,
) -> (JobRow, u64) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    // GitLab sends `unknown_failure` for jobs that did not fail.
    let failure_reason = match build.status.text() {
        "failed" => build.failure_reason.clone(),
        _ => Field::Null,
    };
    let runner_tags = build.runner.field(|runner| &runner.tags);
    let runner_tags = runner_tags
        .map(|tags: Vec<Field<String>>| tags.iter().filter_map(|tag| tag.value().cloned()).collect());
    let row = JobRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        pipeline_id: columns.value(&Field::Value(pipeline_id)),
        project_path: columns.text(&event.project_path),
        name: columns.value(&build.name),
        stage: columns.value(&build.stage),
        status: columns.value(&build.status),
        ref_name: columns.value(&pipeline.ref_name),
        tag: columns.value(&pipeline.tag),
        sha: columns.value(&pipeline.sha),
        allow_failure: columns.value(&build.allow_failure),
        failure_reason: columns.value(&failure_reason),
        run_when: columns.value(&build.when),
        manual: columns.value(&build.manual),
        user_id: columns.value(&build.user.field(|user| &user.id)),
        user_username: columns.value(&build.user.field(|user| &user.username)),
        runner_id: columns.value(&build.runner.field(|runner| &runner.id)),
        runner_description: columns.value(&build.runner.field(|runner| &runner.description)),
        runner_type: columns.value(&build.runner.field(|runner| &runner.runner_type)),
        runner_tags: columns.sorted(runner_tags),
        environment: columns.value(&build.environment.field(|environment| &environment.name)),
        environment_action: columns.value(&build.environment.field(|environment| &environment.action)),
        environment_tier: columns.value(&build.environment.field(|environment| &environment.deployment_tier)),
        duration_seconds: columns.value(&build.duration),
        queued_seconds: columns.value(&build.queued_duration),
        created_at: columns.immutable_time(&build.created_at),
        started_at: columns.time(&build.started_at),
        finished_at: columns.time(&build.finished_at),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}
