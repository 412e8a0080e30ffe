//! Merge requests (<https://docs.gitlab.com/api/merge_requests/>). In: one of a sprint. Out: JSON, in the format of a list or of a single object.

use serde_json::{Value, json};

use super::Scribe;
use crate::gitlab::text::{LABEL, git_time, source_project, time, time_of, title};
use crate::gitlab::{Commit, MergeRequest, MergeRequestState, Noteable, Special, Sprint};

impl Scribe<'_> {
    /// In the format of a list.
    pub(in crate::api) fn merge_request(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let request = sprint.merge_requests.get(number as usize)?;
        let state = request.at(self.now)?;
        Some(self.listed(sprint, number, request, &state))
    }

    /// As a single object, with fields that are too expensive for lists.
    pub(in crate::api) fn merge_request_alone(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let request = sprint.merge_requests.get(number as usize)?;
        let state = request.at(self.now)?;
        let mut written = self.listed(sprint, number, request, &state);
        let pipeline = request.head_pipeline.and_then(|pipeline| self.pipeline(sprint, pipeline));
        written["head_pipeline"] = pipeline.unwrap_or(Value::Null);
        written["changes_count"] = json!(state.commits.len().to_string());
        written["diff_refs"] = json!({
            "base_sha": request.base.to_string(), "head_sha": state.head.to_string(), "start_sha": request.base.to_string(),
        });
        written["subscribed"] = json!(false);
        written["merge_error"] = Value::Null;
        Some(written)
    }

    /// Who approved it (<https://docs.gitlab.com/api/merge_request_approvals/>).
    pub(in crate::api) fn approvals(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let request = sprint.merge_requests.get(number as usize)?;
        let state = request.at(self.now)?;
        let approved_by: Vec<Value> = (state.approvals.iter())
            .map(|(by, at)| match self.version.has_approved_at() {
                true => json!({"user": self.person(*by), "approved_at": time(*at)}),
                false => json!({"user": self.person(*by)}),
            })
            .collect();
        let is_approved = !state.approvals.is_empty();
        Some(json!({
            "id": self.world.id_in(sprint, number), "iid": self.world.merge_request_iid(sprint, number), "project_id": self.project.id,
            "title": title(number, request), "description": "", "state": state.state, "created_at": time(state.created_at),
            "updated_at": time(state.updated_at), "merge_status": "can_be_merged", "approved": is_approved, "approvals_required": 1,
            "approvals_left": u8::from(!is_approved), "approved_by": approved_by, "suggested_approvers": [], "approvers": [],
            "approver_groups": [], "user_has_approved": false, "user_can_approve": false, "has_approval_rules": true,
        }))
    }

    fn listed(
        &self,
        sprint: &Sprint,
        number: u32,
        request: &MergeRequest,
        state: &MergeRequestState,
    ) -> Value {
        let iid = self.world.merge_request_iid(sprint, number);
        let comments = sprint.comments(Noteable::MergeRequest(number), self.now);
        let merge_user = self.person_of(state.merged.map(|(_, by)| by));
        let reviewers: Vec<Value> =
            state.review_requested.then(|| self.person(request.reviewer)).into_iter().collect();
        let labels: Vec<&str> = state.labelled.then_some(LABEL).into_iter().collect();
        let imported = self.project.special == Special::Imported && sprint.number == 0;
        let full = format!("{}!{iid}", self.path());
        json!({
            "id": self.world.id_in(sprint, number), "iid": iid, "project_id": self.project.id, "title": title(number, request),
            "description": "", "state": state.state, "created_at": time(state.created_at), "updated_at": time(state.updated_at),
            "merged_by": merge_user.clone(), "merge_user": merge_user, "merged_at": time_of(state.merged.map(|(at, _)| at)),
            "closed_by": self.person_of(state.closed.map(|(_, by)| by)), "closed_at": time_of(state.closed.map(|(at, _)| at)),
            "target_branch": state.target.name(sprint), "source_branch": request.source.name(sprint),
            "user_notes_count": comments, "upvotes": 0, "downvotes": 0, "author": self.person(request.author),
            "assignees": [], "assignee": null, "reviewers": reviewers, "source_project_id": source_project(self.project.id, request),
            "target_project_id": self.project.id, "labels": labels, "draft": state.draft, "imported": imported,
            "imported_from": if imported { "github" } else { "none" }, "work_in_progress": state.draft,
            "milestone": self.milestone(sprint.number), "merge_when_pipeline_succeeds": false, "merge_status": "can_be_merged",
            "detailed_merge_status": if state.state == "opened" { "mergeable" } else { "not_open" }, "merge_after": null,
            "sha": state.head.to_string(), "merge_commit_sha": state.merge_commit.map(|sha| sha.to_string()),
            "squash_commit_sha": state.squash_commit.map(|sha| sha.to_string()), "discussion_locked": null,
            "should_remove_source_branch": null, "force_remove_source_branch": true,
            "prepared_at": time(state.created_at + 1_813), "reference": format!("!{iid}"),
            "references": {"short": format!("!{iid}"), "relative": format!("!{iid}"), "full": full},
            "web_url": format!("{}/-/merge_requests/{iid}", self.page()),
            "time_stats": {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": null, "human_total_time_spent": null},
            "squash": state.squash_commit.is_some(), "squash_on_merge": state.squash_commit.is_some(),
            "task_completion_status": {"count": 0, "completed_count": 0}, "has_conflicts": false,
            "blocking_discussions_resolved": true,
        })
    }

    /// Commits of a merge request, newest first, and of any list (<https://docs.gitlab.com/api/commits/>).
    pub(in crate::api) fn commit(&self, commit: &Commit, stats: Stats) -> Value {
        let sha = commit.sha.to_string();
        let (name, email) = (commit.author.name(), commit.author.email());
        let (authored, committed) = (git_time(commit.authored_at), git_time(commit.committed_at));
        let parents: Vec<String> = commit.parents.iter().map(ToString::to_string).collect();
        let mut written = json!({
            "id": sha, "short_id": commit.sha.short(), "created_at": committed.clone(), "parent_ids": parents, "title": commit.title(),
            "message": commit.message, "author_name": name.clone(), "author_email": email.clone(), "authored_date": authored,
            "committer_name": name, "committer_email": email, "committed_date": committed, "trailers": {},
            "extended_trailers": {}, "web_url": format!("{}/-/commit/{sha}", self.page()),
        });
        if stats == Stats::Given {
            let (additions, deletions) = (commit.additions, commit.deletions);
            written["stats"] =
                json!({"additions": additions, "deletions": deletions, "total": additions + deletions});
        }
        written
    }
}

/// Whether commits are listed with their numbers of changed lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Stats {
    Given,
    Absent,
}
