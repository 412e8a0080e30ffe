//! Issues (<https://docs.gitlab.com/api/issues/>). In: one of a sprint. Out: JSON.

use serde_json::{Value, json};

use super::Scribe;
use crate::gitlab::text::{self, time, time_of};
use crate::gitlab::{Noteable, Sprint, moved_to};

impl Scribe<'_> {
    /// In the common format of lists and single objects.
    pub(in crate::api) fn issue(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let issue = sprint.issues.get(number as usize)?;
        let state = issue.at(self.now)?;
        let iid = self.world.issue_iid(sprint, number);
        let (kind, severity) = if state.is_incident { ("incident", "HIGH") } else { ("issue", "UNKNOWN") };
        let assignee = state.assigned.then(|| self.person(issue.assignee));
        let assignees: Vec<Value> = assignee.clone().into_iter().collect();
        let labels: Vec<&str> = issue.is_incident.then_some("incident").into_iter().collect();
        let moved_to_id = state.is_moved.then(|| moved_to(self.world, sprint)).flatten();
        let full = format!("{}#{iid}", self.path());
        let comments = sprint.comments(Noteable::Issue(number), self.now);
        let (imported, page) = (issue.imported_before > 0, self.version.issues_page());
        Some(json!({
            "id": self.world.id_in(sprint, number), "iid": iid, "project_id": self.project.id,
            "title": text::issue_title(number, issue.is_incident), "description": "", "state": state.state,
            "created_at": time(state.created_at), "updated_at": time(state.updated_at),
            "closed_at": time_of(state.closed.map(|(at, _)| at)), "closed_by": self.person_of(state.closed.map(|(_, by)| by)),
            "labels": labels, "milestone": null, "assignees": assignees, "author": self.person(issue.author),
            "type": kind.to_uppercase(), "assignee": assignee, "user_notes_count": comments, "merge_requests_count": 0,
            "upvotes": 0, "downvotes": 0, "start_date": null, "due_date": null, "confidential": issue.confidential,
            "discussion_locked": null, "issue_type": kind, "web_url": format!("{}/-/{page}/{iid}", self.page()),
            "time_stats": {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": null, "human_total_time_spent": null},
            "task_completion_status": {"count": 0, "completed_count": 0}, "weight": null, "blocking_issues_count": 0,
            "has_tasks": true, "references": {"short": format!("#{iid}"), "relative": format!("#{iid}"), "full": full},
            "severity": severity, "moved_to_id": moved_to_id, "imported": imported,
            "imported_from": if imported { "github" } else { "none" },
            "service_desk_reply_to": null, "epic_iid": null, "epic": null, "iteration": null, "health_status": null,
        }))
    }
}
