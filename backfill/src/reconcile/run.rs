//! The whole run. In: projects and groups. Out: what was found, what was published, what is left. Hooks and their logs come first, because their
//! losses are known; then lists are compared with the tables, gaps are filled, and what may have changed unseen is reread.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use gitlab::Client;
use schemas::TopicRecord;
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::again;
use super::asking::Asking;
use super::compare;
use super::deleted;
use super::error::ReconcileError;
use super::gaps;
use super::hook_log;
use super::hooks::{self, Owner};
use super::metrics::Metrics;
use super::notes;
use super::pushes;
use super::report::{Findings, Report, Tally};
use super::state::{ProjectState, Remembered, States};
use super::stored::Stored;
use super::watched::Watched;
use crate::publish::{Destination, Item};
use crate::scope::{self, Scope};

/// Projects that are checked at the same time.
const AT_A_TIME: usize = 8;
/// Overlap with the span of the last run, because clocks differ and rows appear a little late.
const OVERLAP: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// What a run does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Publishes it, and saves the progress.
    Mend,
    /// Reports it, and publishes nothing.
    Look,
}

/// Whether a run searches for deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletions {
    /// Lists everything, and marks rows of deleted things.
    Find,
    /// Nothing.
    Leave,
}

/// How a run treats numbers that GitLab did not have before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// They stay known as absent.
    Believe,
    /// They are requested again, for example because the token sees more now.
    AskAgain,
}

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What happens with findings.
    pub mode: Mode,
    /// Whether deletions are looked for.
    pub deletions: Deletions,
    /// Whether absent numbers are requested again.
    pub absent: Absent,
    /// The beginning of the span for lists that were never read.
    pub since: DateTime<Utc>,
    /// Limit of requests for single things, missing or reread.
    pub budget: u64,
    /// The beginning of the URL of hooks that lead to GitPulse, if their path is not the usual one.
    pub hook_url: Option<String>,
}

/// The connections of a run.
pub struct Reconcile {
    /// GitLab.
    pub client: Client,
    /// Kafka.
    pub destination: Destination,
    /// The tables.
    pub stored: Stored,
    /// Progress of earlier runs.
    pub states: States,
    /// Counts.
    pub metrics: Metrics,
}

/// The context of one run, for its steps.
pub(super) struct Step<'r> {
    pub(super) asking: &'r Asking<'r>,
    pub(super) destination: &'r Destination,
    pub(super) stored: &'r Stored,
    pub(super) states: &'r States,
    pub(super) remembered: &'r Remembered,
    pub(super) plan: &'r Plan,
    pub(super) now: DateTime<Utc>,
}

impl Reconcile {
    /// Checks groups and projects once.
    ///
    /// # Errors
    /// Something that the whole run needs does not answer. Failures of one project are in its findings.
    pub async fn run(
        &self,
        scope: &Scope,
        plan: &Plan,
        now: DateTime<Utc>,
        shutdown: &CancellationToken,
    ) -> Result<Report, ReconcileError> {
        let asking = Asking::new(&self.client, plan.budget, shutdown);
        let remembered = self.states.load().await?;
        let step = Arc::new(Step {
            asking: &asking,
            destination: &self.destination,
            stored: &self.stored,
            states: &self.states,
            remembered: &remembered,
            plan,
            now,
        });
        let mut report = Report { projects: scope.projects.len() as u64, ..Report::default() };
        let mut oversize_since = None;
        for group in scope.groups.values() {
            let mut findings = Findings::default();
            let oldest = step.hooks(Owner::Group(group.id), &group.path, &mut findings).await?;
            oversize_since = [oversize_since, oldest].into_iter().flatten().min();
            report.places.insert(group.path.clone(), findings);
        }
        let looked = stream::iter(scope.projects.values()).map(|project| {
            let step = step.clone();
            async move { (project, step.project(project, oversize_since).await) }
        });
        let mut looked = looked.buffer_unordered(AT_A_TIME);
        while let Some((project, findings)) = looked.next().await {
            report.places.entry(project.path.clone()).or_default().take(findings?);
        }
        report.requests = asking.made();
        self.metrics.show(&report, now);
        Ok(report)
    }
}

impl Step<'_> {
    /// Checks the hooks of a project or a group, and their logs. Returns when the oldest delivery was tried whose body the log did not keep.
    async fn hooks(
        &self,
        owner: Owner,
        path: &str,
        findings: &mut Findings,
    ) -> Result<Option<DateTime<Utc>>, ReconcileError> {
        let hooks = match hooks::list(self, owner, path, findings).await {
            Ok(hooks) => hooks,
            Err(error) => {
                findings.ended(&format!("hooks of {path}"), error)?;
                return Ok(None);
            }
        };
        let mut oversize_since = None;
        for hook in hooks {
            match hook_log::read(self, owner, &hook, findings).await {
                Ok(oldest) => oversize_since = [oversize_since, oldest].into_iter().flatten().min(),
                Err(error) => findings.ended(&format!("log of hook {} of {path}", hook.id), error)?,
            }
        }
        Ok(oversize_since)
    }

    async fn project(
        &self,
        project: &scope::Owner,
        oversize_since: Option<DateTime<Utc>>,
    ) -> Result<Findings, ReconcileError> {
        let (path, place) = (&project.path, format!("project/{}", project.id));
        let mut findings = Findings::default();
        let mut state: ProjectState = self.remembered.of(&place, "project");
        if self.plan.absent == Absent::AskAgain {
            state.absent.clear();
        }
        let oldest = self.hooks(Owner::Project(project.id), path, &mut findings).await?;
        let oversize_since = [oversize_since, oldest].into_iter().flatten().min();
        let done = self.lists(project, &mut state, oversize_since, &mut findings).await;
        // Progress is saved even if the rest was stopped.
        if self.plan.mode == Mode::Mend {
            self.states.save(&place, "project", &state).await?;
        }
        done.map(|()| findings)
    }

    async fn lists(
        &self,
        project: &scope::Owner,
        state: &mut ProjectState,
        oversize_since: Option<DateTime<Utc>>,
        findings: &mut Findings,
    ) -> Result<(), ReconcileError> {
        let path = &project.path;
        let (mut children, mut found) = (BTreeSet::new(), again::Found::default());
        for watched in Watched::ALL {
            let since = self.since(state, watched.as_str(), oversize_since);
            let name = format!("{} of {path}", watched.as_str());
            match compare::list(self, project.id, watched, since, findings).await {
                Ok(mut compared) => {
                    state.read_until.insert(watched.as_str().to_owned(), self.now);
                    match watched {
                        Watched::ChildPipelines => children = compared.listed.clone(),
                        Watched::Pipelines => compared.listed.append(&mut children),
                        Watched::MergeRequests | Watched::Issues | Watched::Deployments => (),
                    }
                    if let Err(error) =
                        gaps::fill(self, project.id, watched, &mut compared, state, findings).await
                    {
                        findings.ended(&name, error)?;
                    }
                    match watched {
                        Watched::MergeRequests => found.merge_requests.append(&mut compared.finished),
                        Watched::Pipelines | Watched::ChildPipelines => {
                            found.pipelines.append(&mut compared.finished);
                        }
                        Watched::Issues | Watched::Deployments => (),
                    }
                }
                Err(error) => findings.ended(&name, error)?,
            }
        }
        let since = self.since(state, "pushes", oversize_since);
        match pushes::read(self, project.id, since, findings).await {
            Ok(()) => {
                state.read_until.insert("pushes".to_owned(), self.now);
            }
            Err(error) => findings.ended(&format!("pushes of {path}"), error)?,
        }
        let since = self.since(state, "notes", oversize_since);
        match notes::read(self, project.id, since, findings).await {
            Ok(()) => {
                state.read_until.insert("notes".to_owned(), self.now);
            }
            Err(error) => findings.ended(&format!("notes of {path}"), error)?,
        }
        if let Err(error) = again::look(self, project.id, found, state, findings).await {
            findings.ended(&format!("looking again at {path}"), error)?;
        }
        if self.plan.deletions == Deletions::Find
            && let Err(error) = deleted::find(self, project, findings).await
        {
            findings.ended(&format!("deletions of {path}"), error)?;
        }
        Ok(())
    }

    /// Publishes objects of one resource; does nothing in a dry run.
    pub(super) async fn publish(
        &self,
        resource: Resource,
        context: Context,
        objects: &[&RawValue],
        read_at: DateTime<Utc>,
    ) -> Result<(), ReconcileError> {
        match self.plan.mode {
            Mode::Look => Ok(()),
            Mode::Mend => {
                let item = |object: &&RawValue| Item { resource, context, object: (*object).to_owned() };
                let items: Vec<Item> = objects.iter().map(item).collect();
                Ok(self.destination.publish(&items, read_at, self.asking.shutdown()).await?)
            }
        }
    }

    /// Publishes records; does nothing in a dry run.
    pub(super) async fn publish_records(&self, records: &[TopicRecord]) -> Result<(), ReconcileError> {
        match self.plan.mode {
            Mode::Look => Ok(()),
            Mode::Mend => Ok(self.destination.publish_records(records, self.asking.shutdown()).await?),
        }
    }

    /// The counter for something that was found.
    pub(super) fn outcome<'t>(&self, tally: &'t mut Tally) -> &'t mut u64 {
        match self.plan.mode {
            Mode::Mend => &mut tally.mended,
            Mode::Look => &mut tally.left,
        }
    }

    /// The beginning of the span for a list: where the last run ended, or when the oldest delivery without a kept body was tried, if that is earlier.
    fn since(
        &self,
        state: &ProjectState,
        name: &str,
        oversize_since: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let last = state.read_until.get(name).copied().unwrap_or(self.plan.since);
        last.min(oversize_since.unwrap_or(last)) - OVERLAP
    }
}
