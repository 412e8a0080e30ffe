//! View `pipeline_metrics`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::super::dice::Millis;
use super::super::super::pipeline::{Pipeline, Status};
use super::super::super::sprint::Sprint;
use super::jobs::JobMetric;
use super::{OfProject, Second};

/// A row: one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// GitLab id.
    pub pipeline_id: u64,
    /// Branch or tag; for a merge request's pipeline its branch, whereas the API says `refs/merge-requests/N/head`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What started it.
    pub source: &'static str,
    /// Commit.
    pub sha: String,
    /// The merge request that it runs for, if any.
    pub merge_request_iid: Option<u64>,
    /// Whether no other pipeline started it.
    pub is_root: bool,
    /// When it was created, which is its day.
    pub created_at: Second,
    /// When it last ended.
    pub finished_at: Option<Second>,
    /// Status at the end.
    pub status: &'static str,
    /// `success`, `failed`, `superseded`, `canceled`, `skipped` or `unfinished`. Superseded means canceled after a newer root pipeline of the same
    /// ref and source had begun.
    pub outcome: &'static str,
    /// The first final status; the API alone does not have it.
    pub first_status: Option<&'static str>,
    /// Whether that was success; none unless it was success or failure.
    pub is_first_attempt_success: Option<bool>,
    /// How long it ran, as GitLab counts it.
    pub duration_seconds: Option<i64>,
    /// How long it waited to start, as GitLab counts it.
    pub queued_seconds: Option<i64>,
    /// Number of different job names.
    pub jobs: u64,
    /// Runs of its jobs, without trigger jobs and jobs that never ran.
    pub attempts: u64,
    /// Failed runs.
    pub failed_attempts: u64,
    /// Total duration of runs.
    pub run_seconds: i64,
    /// Duration of wasted runs.
    pub wasted_seconds: i64,
    /// Why they were wasted: `superseded`, `canceled`, `retried`, or '' without waste.
    pub waste: &'static str,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

impl OfProject<'_> {
    pub(super) fn pipeline_metrics(&self, sprint: &Sprint, jobs: &[JobMetric]) -> Vec<PipelineMetric> {
        let pipelines = sprint.pipelines.iter().zip(0..);
        pipelines.filter_map(|of| self.pipeline_metric(sprint, of, jobs)).collect()
    }

    fn pipeline_metric(
        &self,
        sprint: &Sprint,
        (pipeline, number): (&Pipeline, u32),
        jobs: &[JobMetric],
    ) -> Option<PipelineMetric> {
        let state = pipeline.at(self.last_of_pipeline(pipeline))?;
        let id = self.id(sprint, number);
        let ran: Vec<&JobMetric> =
            jobs.iter().filter(|job| job.pipeline_id == id && job.outcome != "none").collect();
        let names: BTreeSet<&str> = ran.iter().map(|job| job.name.as_str()).collect();
        let outcome = self.ended(sprint, number);
        let first = pipeline.steps.iter().map(|(_, status)| *status).find(|status| status.is_over());
        let wasted_seconds: i64 = ran.iter().map(|job| job.wasted_seconds).sum();
        let iid = |request| self.world.merge_request_iid(sprint, request);
        Some(PipelineMetric {
            project_id: self.project.id,
            pipeline_id: id,
            reference: pipeline.on.name(sprint),
            source: pipeline.source,
            sha: pipeline.sha.to_string(),
            merge_request_iid: pipeline.merge_request.map(iid),
            is_root: pipeline.parent.is_none(),
            created_at: Second::of(pipeline.created_at),
            finished_at: state.finished_at.map(Second::of),
            status: state.status.as_str(),
            outcome,
            first_status: first.map(Status::as_str),
            is_first_attempt_success: match first {
                Some(Status::Success) => Some(true),
                Some(Status::Failed) => Some(false),
                _ => None,
            },
            duration_seconds: state.duration.map(u64::cast_signed),
            queued_seconds: state.queued.map(u64::cast_signed),
            jobs: names.len() as u64,
            attempts: ran.len() as u64,
            failed_attempts: ran.iter().filter(|job| job.outcome == "failed").count() as u64,
            run_seconds: ran.iter().filter_map(|job| job.duration_seconds).sum(),
            wasted_seconds,
            waste: match outcome {
                _ if wasted_seconds == 0 => "",
                "superseded" | "canceled" => outcome,
                _ => "retried",
            },
            told_by_api: pipeline.deleted_at.is_none(),
            told_by_webhooks: true,
        })
    }

    /// The outcome of a pipeline, in the words of the views.
    pub(super) fn ended(&self, sprint: &Sprint, number: u32) -> &'static str {
        let Some(pipeline) = sprint.pipelines.get(number as usize) else {
            return "unfinished";
        };
        let last = pipeline.steps.last().copied();
        match last {
            Some((_, Status::Success)) => "success",
            Some((_, Status::Failed)) => "failed",
            Some((_, Status::Skipped)) => "skipped",
            Some((at, Status::Canceled)) if is_superseded(sprint, (pipeline, number), at) => "superseded",
            Some((_, Status::Canceled)) => "canceled",
            _ => "unfinished",
        }
    }

    fn last_of_pipeline(&self, pipeline: &Pipeline) -> Millis {
        pipeline.deleted_at.map_or(self.now(), |at| at - 1)
    }
}

/// Whether a newer root pipeline of the same ref and source began before one had ended.
fn is_superseded(sprint: &Sprint, (pipeline, number): (&Pipeline, u32), ended_at: Millis) -> bool {
    let newer = sprint.pipelines.iter().zip(0..).filter(|(_, other)| *other > number);
    newer.map(|(newer, _)| newer).any(|newer| {
        newer.parent.is_none()
            && newer.source == pipeline.source
            && newer.on == pipeline.on
            && newer.merge_request == pipeline.merge_request
            && Second::of(newer.created_at) <= Second::of(ended_at)
    })
}
