//! View `deployment_metrics`.

use serde::Serialize;

use super::super::super::delivery::Change;
use super::super::super::deployment::{Deployment, PRODUCTION, REVIEW};
use super::super::super::names::{environment, tier};
use super::super::super::pipeline::Status;
use super::super::super::sprint::{Ref, Sprint};
use super::incidents::Attributed;
use super::lead_times::{LeadTime, order, successes};
use super::{OfProject, Second, span};

/// A row: one deployment, whatever its result. Deployments are ordered by the second in which they ended, then by their ids. For tier `development`,
/// do not compare `branch`, `place`, `evidence` and `change`: its commits are on branches of merge requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// GitLab id.
    pub deployment_id: u64,
    /// Name of the environment.
    pub environment: String,
    /// Its tier.
    pub tier: &'static str,
    /// Branch or tag, as GitLab reports it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Commit.
    pub sha: String,
    /// Status at the end.
    pub status: &'static str,
    /// When it was created.
    pub created_at: Second,
    /// When it ended.
    pub finished_at: Second,
    /// Whether it succeeded.
    pub is_successful: bool,
    /// Whether it failed; one that was stopped before it ran neither failed nor succeeded.
    pub is_failed: bool,
    /// `first` for the first success of the environment's name; `rollback` if an earlier success there contains a later commit of the same branch;
    /// `repeat` for a SHA that was there before; otherwise `change`. '' without success.
    pub change: &'static str,
    /// Whether it is the first success of its (tier, SHA).
    pub is_first_of_tier: bool,
    /// The branch that its commit is on: `main` also for a tag or a release branch without commits of its own; '' if nothing landed before it.
    pub branch: String,
    /// When the last merge request landed on that branch at the commit or before it, in seconds since 1970; 0 if none did.
    pub place: i64,
    /// `sha` if the commit landed a merge request, `walk` if pushes lead from it to one that did; '' if none landed before it, and in tier
    /// `development`.
    pub evidence: &'static str,
    /// Merge requests attributed to it in its tier.
    pub merge_requests: u64,
    /// From creation to approval; none if it needed no approval.
    pub blocked_seconds: Option<i64>,
    /// Whether its change is `first` or `change`, and the next success of the environment is a rollback.
    pub failed_by_rollback: bool,
    /// From its end to the end of the rollback.
    pub rollback_recovery_seconds: Option<i64>,
    /// For a failed one: from its end to the end of the next success of the environment.
    pub retry_recovery_seconds: Option<i64>,
    /// Incidents attributed to it; only in tier production.
    pub incidents: u64,
    /// Whether it has any incidents.
    pub failed_by_incident: bool,
    /// From the first incident to the closing of the last; none while one is open.
    pub incident_restore_seconds: Option<i64>,
    /// Whether a later deployment of its tier delivered the revert of a merge request that is attributed to it.
    pub failed_by_rework: bool,
    /// Whether a picked commit delivered something to its tier in that sprint, which the API alone does not show. Not a column.
    pub has_picks: bool,
    /// Whether a force push removed merge requests from `main` in that sprint. Not a column.
    pub has_rewritten: bool,
    /// Whether the API lists it.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

impl OfProject<'_> {
    pub(super) fn deployment_metrics(
        &mut self,
        sprint: &Sprint,
        brought: &[LeadTime],
    ) -> Vec<DeploymentMetric> {
        let ordered = successes(sprint);
        let incidents = self.attributed_incidents(sprint);
        let mut rows = Vec::new();
        for (deployment, number) in sprint.deployments.iter().zip(0..) {
            let own = brought.iter().filter(|row| row.deployment == Some(number));
            let own: Vec<u32> = own.map(|row| row.request).collect();
            let incidents: Vec<&Attributed> =
                incidents.iter().filter(|incident| incident.deployment == number).collect();
            let mut row = self.deployment_metric(sprint, (deployment, number), &ordered, &incidents);
            row.merge_requests = own.len() as u64;
            row.failed_by_rework = is_reworked(sprint, (tier(deployment.environment), number), &own, brought);
            row.has_picks = brought.iter().any(|other| other.is_picked && other.tier == row.tier);
            rows.push(row);
        }
        self.carry_places(sprint);
        rows
    }

    fn deployment_metric(
        &self,
        sprint: &Sprint,
        (deployment, number): (&Deployment, u32),
        ordered: &[u32],
        incidents: &[&Attributed],
    ) -> DeploymentMetric {
        let of_environment =
            |other: &&u32| sprint.deployments[**other as usize].environment == deployment.environment;
        let key = order(sprint, number);
        let next = ordered.iter().filter(of_environment).find(|other| order(sprint, **other) > key);
        let next = next.and_then(|other| sprint.deployments.get(*other as usize));
        let is_successful = deployment.ends == Status::Success;
        let change = deployment.standing.as_ref().and_then(|standing| standing.change);
        let is_rollback = |next: &&Deployment| {
            next.standing.as_ref().is_some_and(|standing| standing.change == Some(Change::Rollback))
        };
        let recovery = |next: &Deployment| span(deployment.finished_at, next.finished_at);
        let is_new = matches!(change, Some(Change::First | Change::Change));
        let rollback = next.filter(is_rollback).filter(|_| is_new).map(recovery);
        let is_failed = deployment.ends == Status::Failed;
        let is_lasting = deployment.environment != REVIEW;
        let standing = deployment.standing.as_ref();
        let branch = standing.map_or(Ref::Main, |standing| standing.branch);
        let first = ordered.iter().find(|other| {
            let other = &sprint.deployments[**other as usize];
            (tier(other.environment), other.sha) == (tier(deployment.environment), deployment.sha)
        });
        let is_open = incidents.iter().any(|incident| incident.closed_at.is_none());
        let begun = incidents.iter().map(|incident| incident.created_at).min();
        let restored = incidents.iter().filter_map(|incident| incident.closed_at).max().filter(|_| !is_open);
        let place = self.place(sprint, deployment);
        DeploymentMetric {
            project_id: self.project.id,
            deployment_id: self.id(sprint, number),
            environment: environment(&self.project, sprint.number, deployment.environment),
            tier: tier(deployment.environment),
            reference: deployment.on.name(sprint),
            sha: deployment.sha.to_string(),
            status: deployment.ends.as_str(),
            created_at: Second::of(deployment.created_at),
            finished_at: Second::of(deployment.finished_at),
            is_successful,
            is_failed,
            change: change.map_or("", Change::as_str),
            is_first_of_tier: is_successful && first == Some(&number),
            branch: place.map_or_else(String::new, |_| branch.name(sprint)),
            place: place.unwrap_or(0),
            evidence: match standing {
                _ if place.is_none() => "",
                Some(standing) if is_lasting && standing.is_landing => "sha",
                _ if is_lasting => "walk",
                _ => "",
            },
            merge_requests: 0,
            blocked_seconds: deployment.approved.map(|(at, _)| span(deployment.created_at, at)),
            failed_by_rollback: rollback.is_some(),
            rollback_recovery_seconds: rollback,
            retry_recovery_seconds: next.filter(|_| is_failed).map(recovery),
            incidents: incidents.len() as u64,
            failed_by_incident: !incidents.is_empty(),
            incident_restore_seconds: begun.zip(restored).map(|(begun, restored)| restored.since(begun)),
            failed_by_rework: false,
            has_picks: false,
            has_rewritten: sprint.merge_requests.iter().any(|request| request.life.is_rewritten),
            told_by_api: true,
            told_by_webhooks: true,
        }
    }

    fn place(&self, sprint: &Sprint, deployment: &Deployment) -> Option<i64> {
        let standing = deployment.standing.as_ref()?;
        let landed = standing.landed.and_then(|request| merged_second(sprint, request));
        landed.or_else(|| match standing.branch {
            Ref::Main => self.places.get("main").copied(),
            Ref::Production => self.places.get("production").copied(),
            _ => None,
        })
    }

    /// Carries over what landed last on the permanent branches.
    fn carry_places(&mut self, sprint: &Sprint) {
        let last = sprint.pushes.iter().rev().find(|push| push.to == Ref::Main);
        let contained = last.map(|push| sprint.contained(push.after)).unwrap_or_default();
        for (request, number) in sprint.merge_requests.iter().zip(0..) {
            let target = request.at(self.last_seen(request)).map(|state| state.target);
            let is_there = |sha| sprint.is_among(sha, &contained);
            let name = match target {
                Some(Ref::Main) if request.life.landing.is_some_and(is_there) => "main",
                Some(Ref::Production) => "production",
                _ => continue,
            };
            if let Some(at) = merged_second(sprint, number) {
                let place = self.places.entry(name).or_insert(at);
                *place = at.max(*place);
            }
        }
    }
}

/// Whether a later deployment of the tier delivered a revert of something that this deployment delivered.
fn is_reworked(sprint: &Sprint, (tier, number): (&str, u32), own: &[u32], brought: &[LeadTime]) -> bool {
    let key = order(sprint, number);
    let later = brought.iter().filter(|row| row.tier == tier);
    let mut later = later.filter(|row| row.deployment.is_some_and(|later| order(sprint, later) > key));
    later.any(|row| {
        let life = sprint.merge_requests.get(row.request as usize).map(|other| &other.life);
        life.and_then(|life| life.reverts).is_some_and(|reverted| own.contains(&reverted))
    })
}

/// When a merge request of a sprint was merged, in seconds.
pub(super) fn merged_second(sprint: &Sprint, request: u32) -> Option<i64> {
    let request = sprint.merge_requests.get(request as usize)?;
    request.life.merged.map(|(at, _)| at.div_euclid(1_000))
}

/// Whether an environment is of tier production.
pub(super) fn is_production(environment: u32) -> bool {
    tier(environment) == tier(PRODUCTION)
}
