//! View `lead_times`, and the same per environment. A merge request belongs to the first successful deployment that contains its landing commit, or a
//! commit picked from it. What a deployment contains was determined in the commit graph when it ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::super::delivery::{Delivery, Way};
use super::super::super::deployment::{OVERSEAS, PRODUCTION, STAGING};
use super::super::super::dice::Millis;
use super::super::super::merge_request::{MergeRequest, Story};
use super::super::super::names::{environment, tier};
use super::super::super::pipeline::Status;
use super::super::super::sprint::{Ref, Sprint};
use super::{OfProject, Second, span};

/// A row of `lead_times`: one merged merge request in one tier on record. A tier is on record if a deployment to it succeeded; production always is.
/// Tier `development` has no rows: review apps deliver nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeadTime {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Number within the project.
    pub iid: u64,
    /// Tier.
    pub tier: &'static str,
    /// Who opened it.
    pub author_id: u64,
    /// When it was merged.
    pub merged_at: Second,
    /// The deployment that delivered it; none if it is not attributed, as for a baseline.
    pub deployment_id: Option<u64>,
    /// When that deployment succeeded.
    pub deployed_at: Option<Second>,
    /// From merge to deployment.
    pub lead_time_seconds: Option<i64>,
    /// When its first commit was written.
    pub first_commit_at: Option<Second>,
    /// From the first commit to the deployment; none if a clock puts the commit after the merge.
    pub first_commit_lead_time_seconds: Option<i64>,
    /// `landing` if its own landing commit was deployed, `place` if a commit that contains it was, `cherry_pick` if a commit was that contains one
    /// picked from it; '' if not attributed. GitLab's links, which webhooks do not have, are never needed here.
    pub evidence: &'static str,
    /// '' if attributed. Otherwise the first that holds: `promotion`, `baseline`, `rewritten`, `branch_not_deployed`, `awaiting`. One that is stacked
    /// on another merge request is `branch_not_deployed`, whatever GitLab links.
    pub reason: &'static str,
    /// Whether a commit picked from it was delivered first. The API alone does not show that: it has messages only for commits of the default branch.
    /// Not a column.
    pub is_picked: bool,
    /// Number of the merge request in its sprint. Not a column.
    #[serde(skip)]
    pub(crate) request: u32,
    /// Number of the deployment in the sprint. Not a column.
    #[serde(skip)]
    pub(crate) deployment: Option<u32>,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

/// A row of `environment_lead_times`: the same per name of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentLeadTime {
    /// Name of the environment.
    pub environment: String,
    /// The other columns.
    #[serde(flatten)]
    pub lead_time: LeadTime,
}

/// The first recorded success of a tier or an environment.
#[derive(Debug, Clone, Copy)]
struct Record {
    sprint: u32,
    deployment: u32,
    at: Second,
    branch: Ref,
}

/// First recorded successes, per tier and per environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    tiers: BTreeMap<&'static str, Record>,
    environments: BTreeMap<u32, Record>,
}

/// The environments that are permanent.
const LASTING: [u32; 3] = [STAGING, PRODUCTION, OVERSEAS];

/// The order of deployments: by the second in which they ended, then by their ids.
pub(crate) fn order(sprint: &Sprint, deployment: u32) -> (Millis, u32) {
    let ended = sprint.deployments.get(deployment as usize);
    (ended.map_or(Millis::MAX, |ended| ended.finished_at.div_euclid(1_000)), deployment)
}

/// Successful deployments of a sprint, in their order.
pub(crate) fn successes(sprint: &Sprint) -> Vec<u32> {
    let ended = (0..sprint.deployments.len() as u32)
        .filter(|number| sprint.deployments[*number as usize].ends == Status::Success);
    let mut ended: Vec<u32> = ended.collect();
    ended.sort_by_key(|number| order(sprint, *number));
    ended
}

impl Records {
    pub(crate) fn note(&mut self, sprint: &Sprint) {
        for number in successes(sprint) {
            let ended = &sprint.deployments[number as usize];
            if !LASTING.contains(&ended.environment) {
                continue;
            }
            let branch = ended.standing.as_ref().map_or(Ref::Main, |standing| standing.branch);
            let at = Second::of(ended.finished_at);
            let record = Record { sprint: sprint.number, deployment: number, at, branch };
            self.tiers.entry(tier(ended.environment)).or_insert(record);
            self.environments.entry(ended.environment).or_insert(record);
        }
    }
}

impl OfProject<'_> {
    pub(super) fn lead_times(&self, sprint: &Sprint) -> Vec<LeadTime> {
        let mut rows = Vec::new();
        let tiers: BTreeSet<&'static str> =
            self.records.tiers.keys().copied().chain(["production"]).collect();
        for name in tiers {
            let first = self.records.tiers.get(name);
            let of_tier: Vec<u32> = LASTING.into_iter().filter(|number| tier(*number) == name).collect();
            for (request, number) in merged(sprint) {
                rows.push(self.lead_time(sprint, (request, number), (name, &of_tier[..]), first));
            }
        }
        rows
    }

    pub(super) fn environment_lead_times(&self, sprint: &Sprint) -> Vec<EnvironmentLeadTime> {
        let mut rows = Vec::new();
        for (number, first) in &self.records.environments {
            for (request, place) in merged(sprint) {
                let only = [*number];
                rows.push(EnvironmentLeadTime {
                    environment: environment(&self.project, sprint.number, *number),
                    lead_time: self.lead_time(sprint, (request, place), (tier(*number), &only), Some(first)),
                });
            }
        }
        rows
    }

    fn lead_time(
        &self,
        sprint: &Sprint,
        (request, number): (&MergeRequest, u32),
        (tier, environments): (&'static str, &[u32]),
        first: Option<&Record>,
    ) -> LeadTime {
        let life = &request.life;
        let merged_at = Second::of(life.merged.map_or(0, |(at, _)| at));
        let delivered = (sprint.deliveries.iter())
            .filter(|delivery| delivery.request == number && environments.contains(&delivery.environment))
            .min_by_key(|delivery| order(sprint, delivery.deployment));
        let reason = self.reason(sprint, request, delivered, environments, first);
        let is_picked = delivered.is_some_and(|delivery| delivery.way == Way::CherryPick);
        let delivered = delivered.filter(|_| reason.is_empty());
        let deployed = delivered.and_then(|delivery| sprint.deployments.get(delivery.deployment as usize));
        let deployed_at = deployed.map(|deployment| Second::of(deployment.finished_at));
        let first_commit_at = life.first_commit_at.map(Second::of);
        let evidence = delivered.zip(deployed).map_or("", |(delivery, deployed)| match delivery.way {
            Way::CherryPick => "cherry_pick",
            _ if life.landing == Some(deployed.sha) => "landing",
            Way::Landing | Way::Promotion => "place",
        });
        LeadTime {
            project_id: self.project.id,
            iid: self.world.merge_request_iid(sprint, number),
            tier,
            author_id: request.author.id(),
            merged_at,
            deployment_id: delivered.map(|delivery| self.id(sprint, delivery.deployment)),
            deployed_at,
            lead_time_seconds: deployed_at.map(|at| at.since(merged_at)),
            first_commit_at,
            first_commit_lead_time_seconds: deployed
                .zip(life.first_commit_at.filter(|at| Second::of(*at) <= merged_at))
                .map(|(deployed, at)| span(at, deployed.finished_at)),
            evidence,
            reason,
            is_picked,
            request: number,
            deployment: delivered.map(|delivery| delivery.deployment),
            told_by_api: request.deleted_at.is_none(),
            told_by_webhooks: request.imported_before == 0,
        }
    }

    fn reason(
        &self,
        sprint: &Sprint,
        request: &MergeRequest,
        delivered: Option<&Delivery>,
        environments: &[u32],
        first: Option<&Record>,
    ) -> &'static str {
        let target = request.at(self.last_seen(request)).map_or(Ref::Main, |state| state.target);
        let merged_at = Second::of(request.life.merged.map_or(0, |(at, _)| at));
        let is_reached = || {
            first.is_some() && environments.iter().any(|number| sprint.reached.contains(&(*number, target)))
        };
        match delivered {
            _ if request.story.promotes() => "promotion",
            _ if request.story == Story::Stacked => "branch_not_deployed",
            Some(delivery) => {
                let own = (sprint.number, delivery.deployment);
                let is_first = first.is_some_and(|first| (first.sprint, first.deployment) == own);
                let is_before = first.is_some_and(|first| target != first.branch && merged_at <= first.at);
                let is_old = is_before && delivery.first_of_branch;
                if is_first || is_old { "baseline" } else { "" }
            }
            None if request.life.is_rewritten => "rewritten",
            None if is_reached() => "awaiting",
            None => "branch_not_deployed",
        }
    }

    /// The last moment at which a merge request exists.
    pub(super) fn last_seen(&self, request: &MergeRequest) -> Millis {
        request.deleted_at.map_or(self.now(), |at| at - 1)
    }
}

fn merged(sprint: &Sprint) -> impl Iterator<Item = (&MergeRequest, u32)> {
    sprint.merge_requests.iter().zip(0..).filter(|(request, _)| request.life.merged.is_some())
}
