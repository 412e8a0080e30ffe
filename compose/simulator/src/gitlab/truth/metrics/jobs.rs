//! Views `job_metrics` and `flaky_jobs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::super::pipeline::{Job, Pipeline, Status};
use super::super::super::sprint::Sprint;
use super::{OfProject, Second, span};

/// A row of `job_metrics`: one run of a job. Trigger jobs run nothing and have no row. The column `runner_tags` is missing here: the world has only
/// one value of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// GitLab id.
    pub job_id: u64,
    /// Its pipeline.
    pub pipeline_id: u64,
    /// Name.
    pub name: String,
    /// Name without the suffix of `parallel` or of a matrix.
    pub group_name: String,
    /// Stage.
    pub stage: &'static str,
    /// Branch or tag; for a merge request's pipeline its branch, whereas the API says `refs/merge-requests/N/head`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What started its pipeline.
    pub source: &'static str,
    /// Status at the end.
    pub status: &'static str,
    /// Whether it failed and was allowed to.
    pub is_allowed_failure: bool,
    /// `success`, `failed` or `canceled`; `none` if it never ran.
    pub outcome: &'static str,
    /// For a failed run, `system` if its runner or GitLab failed, otherwise `script`; '' for others.
    pub failure_class: &'static str,
    /// Number of the run among those with its name in the pipeline: 1 for the first.
    pub attempt: u64,
    /// Whether it is the last of those.
    pub is_final: bool,
    /// When it was created.
    pub created_at: Second,
    /// When it started.
    pub started_at: Option<Second>,
    /// When it ended; GitLab does not say when a job was skipped.
    pub finished_at: Option<Second>,
    /// From start to end.
    pub duration_seconds: Option<i64>,
    /// How long it waited for a runner: GitLab's number, rounded down to seconds.
    pub queued_seconds: Option<i64>,
    /// Its duration if it was wasted, otherwise 0.
    pub wasted_seconds: i64,
    /// `superseded` or `canceled` for every run of such a pipeline; `retried` for an attempt before the last that did not succeed; `canceled` for
    /// another canceled run; otherwise ''.
    pub waste: &'static str,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

/// A row of `flaky_jobs`: a job name that failed and then passed in one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlakyJob {
    /// GitLab id of the project.
    pub project_id: u64,
    /// The pipeline.
    pub pipeline_id: u64,
    /// The name.
    pub name: String,
    /// Branch or tag, as in `job_metrics`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Commit.
    pub sha: String,
    /// The first run that failed.
    pub failed_job_id: u64,
    /// The first successful run after it.
    pub passed_job_id: u64,
    /// When it failed.
    pub failed_at: Second,
    /// When it passed.
    pub passed_at: Second,
    /// Duration of the runs that failed before it passed.
    pub wasted_seconds: i64,
    /// Whether the API lists them at the end.
    pub told_by_api: bool,
    /// Whether webhooks about them were sent.
    pub told_by_webhooks: bool,
}

/// Failure reasons for which a runner or GitLab is to blame (`Enums::Ci::CommitStatus.failure_reasons` of its source).
const SYSTEM: [&str; 6] = [
    "runner_system_failure",
    "stuck_or_timeout_failure",
    "scheduler_failure",
    "data_integrity_failure",
    "runner_unsupported",
    "stale_schedule",
];

/// How a run of a job ended.
pub(super) fn outcome(job: &Job) -> &'static str {
    match job.ends {
        _ if job.started_at.is_none() || job.finished_at.is_none() => "none",
        Status::Success => "success",
        Status::Failed => "failed",
        Status::Canceled => "canceled",
        _ => "none",
    }
}

/// The name without a suffix such as `1/3` or `: [linux, amd64]`.
fn group_name(name: &str) -> String {
    let is_part = |part: &str| {
        part.split_once('/').is_some_and(|(one, all)| {
            [one, all]
                .iter()
                .all(|text| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit()))
        })
    };
    match (name.rsplit_once(' '), name.split_once(": [")) {
        (Some((group, part)), _) if is_part(part) => group.to_owned(),
        (_, Some((group, _))) if name.ends_with(']') => group.to_owned(),
        _ => name.to_owned(),
    }
}

impl OfProject<'_> {
    pub(super) fn job_metrics(&self, sprint: &Sprint) -> (Vec<JobMetric>, Vec<FlakyJob>) {
        let mut named: BTreeMap<(u32, &str), Vec<u32>> = BTreeMap::new();
        for (job, number) in sprint.jobs.iter().zip(0..).filter(|(job, _)| !job.is_trigger()) {
            named.entry((job.pipeline, &job.name)).or_default().push(number);
        }
        let (mut rows, mut flaky) = (Vec::new(), Vec::new());
        for ((pipeline, _), attempts) in named {
            let ended = self.ended(sprint, pipeline);
            let Some(of) = sprint.pipelines.get(pipeline as usize) else {
                continue;
            };
            let mut ran = 0;
            for (place, number) in attempts.iter().enumerate() {
                ran += u64::from(outcome(&sprint.jobs[*number as usize]) != "none");
                let is_final = place + 1 == attempts.len();
                rows.push(self.job_metric(sprint, (of, ended), *number, (ran, is_final)));
            }
            flaky.extend(self.flaky(sprint, of, &attempts));
        }
        rows.sort_by_key(|row| row.job_id);
        (rows, flaky)
    }

    fn job_metric(
        &self,
        sprint: &Sprint,
        (pipeline, ended): (&Pipeline, &'static str),
        number: u32,
        (attempt, is_final): (u64, bool),
    ) -> JobMetric {
        let job = &sprint.jobs[number as usize];
        let outcome = outcome(job);
        let ran = job.started_at.zip(job.finished_at).filter(|_| outcome != "none");
        let duration = ran.map(|(started_at, finished_at)| span(started_at, finished_at));
        let waste = match (ended, outcome) {
            (_, "none") => "",
            _ if duration.is_none_or(|seconds| seconds == 0) => "",
            ("superseded" | "canceled", _) => ended,
            (_, "failed" | "canceled") if !is_final => "retried",
            (_, "canceled") => "canceled",
            _ => "",
        };
        let is_system = job.failure_reason.is_some_and(|reason| SYSTEM.contains(&reason));
        let finished_at = job.finished_at.filter(|_| job.ends != Status::Skipped);
        let queued = job.durations(self.now()).1.filter(|_| ran.is_some());
        JobMetric {
            project_id: self.project.id,
            job_id: self.id(sprint, number),
            pipeline_id: self.id(sprint, job.pipeline),
            name: job.name.clone(),
            group_name: group_name(&job.name),
            stage: job.stage,
            reference: pipeline.on.name(sprint),
            source: pipeline.source,
            status: job.status(last_seen(self, job)).map_or("", Status::as_str),
            is_allowed_failure: outcome == "failed" && job.allow_failure,
            outcome,
            failure_class: match outcome {
                "failed" if is_system => "system",
                "failed" => "script",
                _ => "",
            },
            attempt,
            is_final,
            created_at: Second::of(job.created_at),
            started_at: job.started_at.map(Second::of),
            finished_at: finished_at.map(Second::of),
            duration_seconds: duration,
            queued_seconds: queued.map(|seconds| seconds as i64),
            wasted_seconds: duration.filter(|_| !waste.is_empty()).unwrap_or(0),
            waste,
            told_by_api: job.deleted_at.is_none(),
            told_by_webhooks: true,
        }
    }

    fn flaky(&self, sprint: &Sprint, pipeline: &Pipeline, attempts: &[u32]) -> Option<FlakyJob> {
        let of = |number: &u32| &sprint.jobs[*number as usize];
        let mut rest = attempts.iter().skip_while(|number| outcome(of(number)) != "failed");
        let failed = *rest.clone().next()?;
        let passed = *rest.clone().find(|number| outcome(of(number)) == "success")?;
        let before = rest.by_ref().take_while(|number| **number != passed);
        let lost = before.filter(|number| outcome(of(number)) == "failed");
        let wasted_seconds = lost
            .filter_map(|number| of(number).started_at.zip(of(number).finished_at))
            .map(|(started_at, finished_at)| span(started_at, finished_at))
            .sum();
        let ended = |number: u32| Second::of(of(&number).finished_at.unwrap_or(0));
        Some(FlakyJob {
            project_id: self.project.id,
            pipeline_id: self.id(sprint, of(&failed).pipeline),
            name: of(&failed).name.clone(),
            reference: pipeline.on.name(sprint),
            sha: pipeline.sha.to_string(),
            failed_job_id: self.id(sprint, failed),
            passed_job_id: self.id(sprint, passed),
            failed_at: ended(failed),
            passed_at: ended(passed),
            wasted_seconds,
            told_by_api: pipeline.deleted_at.is_none(),
            told_by_webhooks: true,
        })
    }
}

/// The last moment at which a job exists.
fn last_seen(of_project: &OfProject<'_>, job: &Job) -> i64 {
    job.deleted_at.map_or(of_project.now(), |at| at - 1)
}
