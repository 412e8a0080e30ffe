//! View `incident_metrics`, and the deployment that an incident is attributed to.

use serde::Serialize;

use super::super::super::dice::Millis;
use super::super::super::issue::{Issue, IssueState};
use super::super::super::sprint::Sprint;
use super::deployments::is_production;
use super::lead_times::successes;
use super::{OfProject, Second};

/// An incident is attributed to a deployment that ended at most this many seconds before it.
const BLAMED: i64 = 86_400;

/// A row: one issue of type incident, in its final state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// GitLab id.
    pub issue_id: u64,
    /// Number within the project.
    pub iid: u64,
    /// When it was created.
    pub created_at: Second,
    /// When it was last closed; none while it is open.
    pub closed_at: Option<Second>,
    /// From creation to the last closing.
    pub restore_seconds: Option<i64>,
    /// The last success in tier production that ended in the 24 hours before it, both ends included.
    pub deployment_id: Option<u64>,
    /// `unattributed`, or ''.
    pub reason: &'static str,
    /// Whether it is confidential.
    pub confidential: bool,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

/// An incident of a deployment of a sprint.
pub(super) struct Attributed {
    pub(super) deployment: u32,
    pub(super) created_at: Second,
    pub(super) closed_at: Option<Second>,
}

impl OfProject<'_> {
    pub(super) fn incident_metrics(&self, sprint: &Sprint) -> Vec<IncidentMetric> {
        let mut rows = Vec::new();
        for (issue, number, state) in self.incidents(sprint) {
            let (created_at, closed_at) = times(&state);
            let blamed = self.blamed(sprint, created_at);
            rows.push(IncidentMetric {
                project_id: self.project.id,
                issue_id: self.id(sprint, number),
                iid: self.world.issue_iid(sprint, number),
                created_at,
                closed_at,
                restore_seconds: closed_at.map(|at| at.since(created_at)),
                deployment_id: blamed.map(|(sprint, deployment)| self.id(&self.made(sprint), deployment)),
                reason: if blamed.is_some() { "" } else { "unattributed" },
                confidential: issue.confidential,
                told_by_api: issue.deleted_at.is_none(),
                told_by_webhooks: issue.imported_before == 0,
            });
        }
        rows
    }

    /// Incidents attributed to deployments of a sprint; incidents of the next sprint may be among them.
    pub(super) fn attributed_incidents(&self, sprint: &Sprint) -> Vec<Attributed> {
        let next = Some(sprint.number + 1).filter(|next| *next < self.world.config().sprints());
        let mut found = Vec::new();
        for number in [Some(sprint.number), next].into_iter().flatten() {
            let of = self.made(number);
            for (_, _, state) in self.incidents(&of) {
                let (created_at, closed_at) = times(&state);
                if let Some((_, deployment)) =
                    self.blamed(&of, created_at).filter(|(blamed, _)| *blamed == sprint.number)
                {
                    found.push(Attributed { deployment, created_at, closed_at });
                }
            }
        }
        found
    }

    /// Issues that are incidents at the end; for deleted ones, their last state counts.
    fn incidents<'s>(&self, sprint: &'s Sprint) -> Vec<(&'s Issue, u32, IssueState)> {
        let issues = sprint.issues.iter().zip(0..);
        let known =
            issues.filter_map(|(issue, number)| Some((issue, number, issue.at(self.last_of(issue))?)));
        known.filter(|(_, _, state)| state.is_incident).collect()
    }

    /// The last moment at which an issue exists.
    pub(super) fn last_of(&self, issue: &Issue) -> Millis {
        issue.deleted_at.map_or(self.now(), |at| at - 1)
    }

    /// The deployment to which an incident is attributed: its sprint and number.
    fn blamed(&self, sprint: &Sprint, created_at: Second) -> Option<(u32, u32)> {
        for number in [Some(sprint.number), sprint.number.checked_sub(1)].into_iter().flatten() {
            let of = self.made(number);
            let within = successes(&of).into_iter().rev().find(|deployment| {
                let ended = &of.deployments[*deployment as usize];
                let at = Second::of(ended.finished_at);
                is_production(ended.environment) && at <= created_at && created_at.0 - at.0 <= BLAMED
            });
            if let Some(deployment) = within {
                return Some((number, deployment));
            }
        }
        None
    }
}

fn times(state: &IssueState) -> (Second, Option<Second>) {
    (Second::of(state.created_at), state.closed.map(|(at, _)| Second::of(at)))
}
