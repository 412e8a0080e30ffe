//! View `issue_metrics`.

use serde::Serialize;

use super::super::super::issue::IssueWhat;
use super::super::super::sprint::Sprint;
use super::{OfProject, Second};

/// A row: one issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssueMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// GitLab id.
    pub issue_id: u64,
    /// Number within the project.
    pub iid: u64,
    /// `issue` or `incident`, as it is at the end.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who opened it.
    pub author_id: u64,
    /// When it was created; for an issue that was moved here, when the original was.
    pub created_at: Second,
    /// When it was last closed; none while it is open. An issue that moved away counts as closed.
    pub closed_at: Option<Second>,
    /// How often it was reopened.
    pub reopenings: u64,
    /// Whether it moved away.
    pub is_moved: bool,
    /// Whether it counts as opened; one that moved away counts in its new project instead.
    pub counts_opened: bool,
    /// Whether it counts as closed.
    pub counts_closed: bool,
    /// From creation to the last closing; none if it is open or moved away.
    pub lead_time_seconds: Option<i64>,
    /// Whether it is confidential.
    pub confidential: bool,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

impl OfProject<'_> {
    pub(super) fn issue_metrics(&self, sprint: &Sprint) -> Vec<IssueMetric> {
        let mut rows = Vec::new();
        for (issue, number) in sprint.issues.iter().zip(0..) {
            let Some(state) = issue.at(self.last_of(issue)) else {
                continue;
            };
            let created_at = Second::of(state.created_at);
            let closed_at = state.closed.map(|(at, _)| Second::of(at));
            let reopenings = issue.steps.iter().filter(|step| step.what == IssueWhat::Reopened).count();
            let counts_closed = closed_at.is_some() && !state.is_moved;
            rows.push(IssueMetric {
                project_id: self.project.id,
                issue_id: self.id(sprint, number),
                iid: self.world.issue_iid(sprint, number),
                kind: if state.is_incident { "incident" } else { "issue" },
                author_id: issue.author.id(),
                created_at,
                closed_at,
                reopenings: reopenings as u64,
                is_moved: state.is_moved,
                counts_opened: !state.is_moved,
                counts_closed,
                lead_time_seconds: closed_at.filter(|_| counts_closed).map(|at| at.since(created_at)),
                confidential: issue.confidential,
                told_by_api: issue.deleted_at.is_none(),
                told_by_webhooks: issue.imported_before == 0,
            });
        }
        rows
    }
}
