//! Rows of a pipeline and its jobs. In: one of its events, or the pipeline from the API. Out: a row about the pipeline, the status that it reached,
//! and a row about each job in `builds[]`, which only events have.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::event::pipeline::{Attributes, Build, Pipeline};
use schemas::field::{Embedded, Field};
use schemas::time::whole_seconds;
use serde::Serialize;

use super::job::{self, Run};
use super::merged::merge_columns;
use super::version::{Column, Columns, Version, Versioned, VersionedList, is_believed};
use super::{EventId, Provenance, Rows, job_run};
use crate::decode::Event;

/// A row of `pipeline_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
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
    pub(super) protected_ref: Versioned<bool>,
    pub(super) sha: Versioned<String>,
    pub(super) before_sha: Versioned<String>,
    pub(super) committed_at: Versioned<i64>,
    pub(super) source: Versioned<String>,
    pub(super) status: Versioned<String>,
    pub(super) detailed_status: Versioned<String>,
    pub(super) stages: VersionedList<String>,
    pub(super) user_id: Versioned<u64>,
    pub(super) user_username: Versioned<String>,
    pub(super) merge_request_id: Versioned<u64>,
    pub(super) merge_request_iid: Versioned<u64>,
    pub(super) merge_request_project_id: Versioned<u64>,
    pub(super) parent_pipeline_id: Versioned<u64>,
    pub(super) parent_project_id: Versioned<u64>,
    pub(super) parent_job_id: Versioned<u64>,
    pub(super) duration_seconds: Versioned<f64>,
    pub(super) queued_seconds: Versioned<f64>,
    pub(super) coverage: Versioned<f64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) started_at: Versioned<i64>,
    pub(super) finished_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

merge_columns! {
    PipelineRow by project_id, id,
    iid project_path name ref_name tag protected_ref sha before_sha committed_at source status
    detailed_status stages user_id user_username merge_request_id merge_request_iid
    merge_request_project_id parent_pipeline_id parent_project_id parent_job_id duration_seconds
    queued_seconds coverage url created_at updated_at started_at finished_at deleted_at last_event_id
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

pub(super) fn rows(event: &Event, pipeline: &Pipeline) -> Rows {
    let mut rows = Rows::default();
    let Some(attributes) = pipeline.object_attributes.get() else {
        return rows;
    };
    let Some(id) = attributes.id.get() else {
        return rows;
    };
    let builds = pipeline.builds.value().map(Vec::as_slice).unwrap_or_default();
    // An event has no `updated_at`, so it counts from the newest time in it. The commit's time is excluded: it can be years old, or ahead. So is
    // the pipeline's own finish if there are jobs: it comes a moment after the last of them, and disappears again when somebody plays a job of a
    // finished pipeline, which gives no job a newer time before it starts.
    let newest_job = builds.iter().filter_map(|job| job.get()?.newest_time()).max();
    let finished_at = attributes.finished_at.get().filter(|_| newest_job.is_none());
    let times = [attributes.created_at.get(), attributes.started_at.get(), finished_at, newest_job];
    let newest = times.into_iter().flatten().max();
    rows.as_of = attributes.updated_at.get().or(newest);
    let rank = pipeline_rank(attributes.status.text());
    let version =
        Version::told(rows.as_of, rank, event.received_at).with_progress(progress(attributes, builds));
    let (row, unreadable) = state(event, pipeline, attributes, id, version);
    rows.pipelines.push(row);
    rows.unreadable += unreadable;
    if let (Some(status), Some(reached)) = (attributes.status.value(), reached(event, attributes, rows.as_of))
    {
        let Provenance { tenants, origins, received_at } = Provenance::of(event);
        rows.pipeline_events.push(PipelineEventRow {
            instance: event.instance.clone(),
            project_id: event.project_id,
            pipeline_id: id,
            status: status.clone(),
            // The body's second: with the receipt in the key, one event would become two.
            as_of: whole_seconds(reached) * 1000,
            tenants,
            origins,
            first_received_at: received_at,
        });
    }
    rows.unreadable += u64::from(matches!(pipeline.builds, Field::Unreadable));
    let run = Run {
        pipeline_id: &Field::Value(id),
        began_at: attributes.created_at.get(),
        ref_name: &attributes.ref_name,
        tag: &attributes.tag,
        sha: &attributes.sha,
    };
    for job in builds {
        let (Some(build), Some(job_id)) = (job.get(), job.field(|build| &build.id).get()) else {
            rows.unreadable += 1;
            continue;
        };
        // The job counts from the body's time: a retry puts later jobs back to `created` without a new time.
        let (row, unreadable) = job::row(event, &run, build, job_id, rows.as_of);
        rows.jobs.push(row);
        rows.job_retries.extend(job::retry(event, &run, build, job_id));
        // A run has its project in its key: without a project it would be another run.
        if event.project_id > 0 {
            rows.job_runs.extend(job_run::row(event, &run, build, job_id));
        }
        rows.unreadable += unreadable;
    }
    rows
}

/// The progress of a pipeline, to order two events of one second: its jobs only move forward. A body without jobs that says that the pipeline is
/// over is trusted.
fn progress(attributes: &Attributes, builds: &[Embedded<Build>]) -> u32 {
    match (builds.is_empty(), is_over(attributes.status.text())) {
        (true, true) => Version::DONE,
        (true, false) => 0,
        (false, _) => {
            builds.iter().filter_map(Embedded::get).map(|job| u32::from(job::rank(job.status.text()))).sum()
        }
    }
}

/// When the pipeline reached its status, if known. For creation and finish, webhooks and the API agree. For other statuses the time of an event is
/// used. The API's `updated_at` is not: it differs from the newest time in an event of the same status, so a pipeline listed as running would add a
/// second row for that status. Without any time it is unknown.
fn reached(event: &Event, attributes: &Attributes, as_of: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let reached = match (attributes.status.text(), attributes.finished_at.get(), event.origin) {
        ("success" | "failed" | "canceled" | "skipped", Some(finished_at), _) => Some(finished_at),
        (_, _, Origin::Api) => None,
        ("created", _, _) => attributes.created_at.get().or(as_of),
        (_, _, _) => as_of,
    };
    reached.filter(|reached| is_believed(*reached, event.received_at))
}

/// The order of a pipeline's statuses within one second, as GitLab goes through them: it stops at `manual` when a job finishes, while somebody
/// plays that job later. A terminal status is last; a retry has newer times.
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

/// A field of a finished pipeline: when it finished, or how long it ran. GitLab keeps the values of the first finish while somebody retries the
/// pipeline or plays one of its jobs.
fn once_over<T: Clone>(attributes: &Attributes, field: &Field<T>) -> Field<T> {
    match &attributes.status {
        Field::Value(status) if !is_over(status) => Field::Null,
        Field::Value(_) | Field::Absent | Field::Null | Field::Unreadable => field.clone(),
    }
}

/// The project in which the merge request has its number. The API names the ref that GitLab makes for it, which is in this project.
fn merge_request_project_id(event: &Event, pipeline: &Pipeline) -> Field<u64> {
    match (event.origin, pipeline.merge_request.field(|request| &request.iid)) {
        (Origin::Api, Field::Value(_)) => Field::Value(event.project_id),
        (_, _) => pipeline.merge_request.field(|request| &request.target_project_id),
    }
}

/// Whether nothing is left to run, unless somebody retries it.
fn is_over(status: &str) -> bool {
    matches!(status, "success" | "failed" | "canceled" | "skipped")
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
    let parent = pipeline.source_pipeline.get();
    let parent_project_id =
        parent.map_or(Field::Absent, |parent| parent.project.field(|project| &project.id));
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
        protected_ref: columns.value(&attributes.protected_ref),
        sha: columns.value(&attributes.sha),
        before_sha: columns.value(&attributes.before_sha),
        committed_at: columns.time(&pipeline.commit.field(|commit| &commit.timestamp)),
        source: columns.value(&attributes.source),
        status: columns.value(&attributes.status),
        detailed_status: columns.value(&attributes.detailed_status),
        stages: columns.ordered(stages),
        user_id: columns.value(&pipeline.user.field(|user| &user.id)),
        user_username: columns.value(&pipeline.user.field(|user| &user.username)),
        merge_request_id: columns.value(&pipeline.merge_request.field(|request| &request.id)),
        merge_request_iid: columns.value(&pipeline.merge_request.field(|request| &request.iid)),
        merge_request_project_id: columns.value(&merge_request_project_id(event, pipeline)),
        parent_pipeline_id: columns.value(&pipeline.source_pipeline.field(|parent| &parent.pipeline_id)),
        parent_project_id: columns.value(&parent_project_id),
        parent_job_id: columns.value(&pipeline.source_pipeline.field(|parent| &parent.job_id)),
        duration_seconds: columns.value(&once_over(attributes, &attributes.duration)),
        queued_seconds: columns.value(&attributes.queued_duration),
        coverage: columns.value(&attributes.coverage),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        updated_at: columns.time(&attributes.updated_at),
        started_at: columns.time(&attributes.started_at),
        finished_at: columns.time(&once_over(attributes, &attributes.finished_at)),
        // Whoever reports it says that it exists.
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}
