//! The expected metrics of a world. In: a world and a project. Out: rows, one sprint at a time, one struct per view, with the names of its columns.
//! Computed from the notes of the actors and from the commit graph, with separate sorting and calendars: no SQL, and no code of what is judged.
//!
//! Everything is as of the end of the world, with both webhooks and the API. Two fields of every row are not columns: `told_by_api` and
//! `told_by_webhooks`. If one is false, that source does not report the thing at all.

pub mod contributions;
pub mod deployments;
pub mod dora;
pub mod incidents;
pub mod issues;
pub mod jobs;
pub mod lead_times;
pub mod merge_requests;
pub mod pipelines;
pub mod releases;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use self::contributions::Contribution;
use self::deployments::DeploymentMetric;
use self::dora::DoraDay;
use self::incidents::IncidentMetric;
use self::issues::IssueMetric;
use self::jobs::{FlakyJob, JobMetric};
use self::lead_times::{EnvironmentLeadTime, LeadTime, Records};
use self::merge_requests::{MergeRequestMetric, OpenSpan};
use self::pipelines::PipelineMetric;
use self::releases::ReleaseMetric;
use super::super::dice::Millis;
use super::super::life::seconds_between;
use super::super::sprint::Sprint;
use super::super::tree::Project;
use super::super::world::World;

/// A time in whole seconds since 1970, in JSON in ClickHouse's format of a `DateTime('UTC')`: `2026-11-02 08:12:31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Second(pub i64);

impl Second {
    /// The second of a moment.
    pub(crate) fn of(at: Millis) -> Second {
        Second(at.div_euclid(1_000))
    }

    /// The seconds since another time, 0 if that is later.
    pub(crate) fn since(self, other: Second) -> i64 {
        (self.0 - other.0).max(0)
    }
}

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at: DateTime<Utc> = DateTime::from_timestamp(self.0, 0).unwrap_or(DateTime::UNIX_EPOCH);
        serializer.collect_str(&at.format("%Y-%m-%d %H:%M:%S"))
    }
}

/// Whole seconds between two moments, 0 if the second is earlier.
pub(crate) fn span(from: Millis, until: Millis) -> i64 {
    seconds_between(from, until).max(0)
}

/// The expected metrics of a sprint of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// View `lead_times`.
    pub lead_times: Vec<LeadTime>,
    /// View `environment_lead_times`.
    pub environment_lead_times: Vec<EnvironmentLeadTime>,
    /// View `deployment_metrics`.
    pub deployment_metrics: Vec<DeploymentMetric>,
    /// View `merge_request_metrics`.
    pub merge_request_metrics: Vec<MergeRequestMetric>,
    /// View `merge_request_open_spans`.
    pub merge_request_open_spans: Vec<OpenSpan>,
    /// View `pipeline_metrics`.
    pub pipeline_metrics: Vec<PipelineMetric>,
    /// View `job_metrics`.
    pub job_metrics: Vec<JobMetric>,
    /// View `flaky_jobs`.
    pub flaky_jobs: Vec<FlakyJob>,
    /// View `issue_metrics`.
    pub issue_metrics: Vec<IssueMetric>,
    /// View `incident_metrics`.
    pub incident_metrics: Vec<IncidentMetric>,
    /// View `contributions`.
    pub contributions: Vec<Contribution>,
    /// View `release_metrics`.
    pub release_metrics: Vec<ReleaseMetric>,
    /// View `gitlab_dora_daily`.
    pub gitlab_dora_daily: Vec<DoraDay>,
}

impl World {
    /// The expected metrics of a project, one sprint at a time, as of the end of the world.
    pub fn metrics<'w>(&'w self, project: &Project) -> impl Iterator<Item = Metrics> + use<'w> {
        let mut of_project = OfProject::new(self, project);
        (0..self.config().sprints()).map(move |number| of_project.sprint(number))
    }

    /// How often each hard case of metrics occurred in a project, by its number in the list of cases.
    pub fn cases(&self, project: &Project) -> BTreeMap<&'static str, u64> {
        let mut cases: BTreeMap<&'static str, u64> = BTreeMap::new();
        for number in 0..self.config().sprints() {
            for (case, times) in &self.sprint(project.index, number).met {
                *cases.entry(case).or_default() += u64::from(*times);
            }
        }
        cases
    }
}

/// State that is carried from sprint to sprint while a project is counted.
pub(crate) struct OfProject<'w> {
    pub(crate) world: &'w World,
    pub(crate) project: Project,
    /// The first successes on record.
    pub(crate) records: Records,
    /// The time of the last landing on `main` and on the production branch, in seconds.
    pub(crate) places: BTreeMap<&'static str, i64>,
    /// The previous release, and how many merge requests landed after it.
    pub(crate) release: (String, u64),
}

impl<'w> OfProject<'w> {
    fn new(world: &'w World, project: &Project) -> OfProject<'w> {
        OfProject {
            world,
            project: project.clone(),
            records: Records::default(),
            places: BTreeMap::new(),
            release: (String::new(), 0),
        }
    }

    fn sprint(&mut self, number: u32) -> Metrics {
        let sprint = self.made(number);
        self.records.note(&sprint);
        let environment_lead_times = self.environment_lead_times(&sprint);
        let lead_times = self.lead_times(&sprint);
        let deployment_metrics = self.deployment_metrics(&sprint, &lead_times);
        let (job_metrics, flaky_jobs) = self.job_metrics(&sprint);
        let pipeline_metrics = self.pipeline_metrics(&sprint, &job_metrics);
        let (merge_request_metrics, merge_request_open_spans) = self.merge_request_metrics(&sprint);
        Metrics {
            lead_times,
            environment_lead_times,
            deployment_metrics,
            merge_request_metrics,
            merge_request_open_spans,
            pipeline_metrics,
            job_metrics,
            flaky_jobs,
            issue_metrics: self.issue_metrics(&sprint),
            incident_metrics: self.incident_metrics(&sprint),
            contributions: self.contributions(&sprint),
            release_metrics: self.release_metrics(&sprint),
            gitlab_dora_daily: self.dora_days(&sprint),
        }
    }

    pub(crate) fn made(&self, number: u32) -> Arc<Sprint> {
        self.world.sprint(self.project.index, number)
    }

    pub(crate) fn now(&self) -> Millis {
        self.world.config().ends_at()
    }

    pub(crate) fn id(&self, sprint: &Sprint, number: u32) -> u64 {
        self.world.id_in(sprint, number)
    }
}
