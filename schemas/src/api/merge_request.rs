//! Merge requests as listed by the API (<https://docs.gitlab.com/api/merge_requests/>), their commits, and their approvals
//! (<https://docs.gitlab.com/api/merge_request_approvals/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::push::ListedCommit;
use super::{LabelShape, Milestone, TimeStats};
use crate::event::User;
use crate::event::merge_request::{Attributes, LastCommit, MergeRequest};
use crate::field::{Embedded, Field, list};

/// A merge request.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    iid: Field<u64>,
    #[serde(default)]
    title: Field<String>,
    #[serde(default)]
    state: Field<String>,
    #[serde(default)]
    draft: Field<bool>,
    #[serde(default)]
    work_in_progress: Field<bool>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default, deserialize_with = "list")]
    assignees: Field<Vec<Embedded<User>>>,
    #[serde(default)]
    assignee: Embedded<User>,
    #[serde(default, deserialize_with = "list")]
    reviewers: Field<Vec<Embedded<User>>>,
    #[serde(default, deserialize_with = "list")]
    labels: Field<Vec<LabelShape>>,
    #[serde(default)]
    milestone: Embedded<Milestone>,
    #[serde(default)]
    source_project_id: Field<u64>,
    #[serde(default)]
    source_branch: Field<String>,
    #[serde(default)]
    target_branch: Field<String>,
    #[serde(default)]
    sha: Field<String>,
    #[serde(default)]
    head_pipeline: Embedded<HeadPipeline>,
    #[serde(default)]
    merge_commit_sha: Field<String>,
    #[serde(default)]
    squash_commit_sha: Field<String>,
    #[serde(default)]
    merge_user: Embedded<User>,
    #[serde(default)]
    merged_by: Embedded<User>,
    #[serde(default)]
    closed_by: Embedded<User>,
    #[serde(default)]
    detailed_merge_status: Field<String>,
    #[serde(default)]
    merge_status: Field<String>,
    #[serde(default)]
    blocking_discussions_resolved: Field<bool>,
    #[serde(default)]
    first_contribution: Field<bool>,
    /// Added by backfill, from GraphQL's `diffStatsSummary`.
    #[serde(default)]
    diff_stats: Embedded<DiffStats>,
    /// Added by backfill, from GraphQL's `commitCount`.
    #[serde(default)]
    commit_count: Field<u64>,
    #[serde(default)]
    time_stats: Embedded<TimeStats>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
    #[serde(default)]
    prepared_at: Field<DateTime<Utc>>,
    #[serde(default)]
    merged_at: Field<DateTime<Utc>>,
    #[serde(default)]
    closed_at: Field<DateTime<Utc>>,
}

/// The size of a merge request (<https://docs.gitlab.com/api/graphql/reference/#diffstatssummary>). `fileCount` is renamed in the style of the REST
/// API.
#[derive(Debug, Default, Deserialize)]
struct DiffStats {
    #[serde(default)]
    additions: Field<u64>,
    #[serde(default)]
    deletions: Field<u64>,
    #[serde(default)]
    file_count: Field<u64>,
}

/// The newest pipeline; only when the API returns one merge request.
#[derive(Debug, Default, Deserialize)]
struct HeadPipeline {
    #[serde(default)]
    id: Field<u64>,
}

impl From<Listed> for MergeRequest {
    fn from(listed: Listed) -> Self {
        let labels = listed.labels.map(|labels| labels.into_iter().map(Embedded::from).collect());
        // `assignee` is the only one before GitLab 11.
        let assignee_id = listed.assignee.field(|user| &user.id);
        let attributes = Attributes {
            id: listed.id,
            iid: listed.iid,
            source_project_id: listed.source_project_id,
            target_branch: listed.target_branch,
            source_branch: listed.source_branch,
            title: listed.title,
            state: listed.state,
            draft: listed.draft,
            work_in_progress: listed.work_in_progress,
            author_id: listed.author.field(|user| &user.id),
            author_username: listed.author.field(|user| &user.username),
            assignee_id,
            milestone_id: listed.milestone.field(|milestone| &milestone.id),
            last_commit: match listed.sha {
                Field::Absent => Embedded::default(),
                id => Embedded::from(LastCommit { id, ..LastCommit::default() }),
            },
            head_pipeline_id: listed.head_pipeline.field(|pipeline| &pipeline.id),
            merge_commit_sha: listed.merge_commit_sha,
            squash_commit_sha: listed.squash_commit_sha,
            merge_user_id: listed
                .merge_user
                .field(|user| &user.id)
                .or(listed.merged_by.field(|user| &user.id)),
            merge_user_username: listed
                .merge_user
                .field(|user| &user.username)
                .or(listed.merged_by.field(|user| &user.username)),
            closed_by_id: listed.closed_by.field(|user| &user.id),
            closed_by_username: listed.closed_by.field(|user| &user.username),
            detailed_merge_status: listed.detailed_merge_status,
            merge_status: listed.merge_status,
            blocking_discussions_resolved: listed.blocking_discussions_resolved,
            first_contribution: listed.first_contribution,
            additions: listed.diff_stats.field(|stats| &stats.additions),
            deletions: listed.diff_stats.field(|stats| &stats.deletions),
            changed_files: listed.diff_stats.field(|stats| &stats.file_count),
            commit_count: listed.commit_count,
            time_estimate: listed.time_stats.field(|stats| &stats.time_estimate),
            total_time_spent: listed.time_stats.field(|stats| &stats.total_time_spent),
            url: listed.web_url,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            prepared_at: listed.prepared_at,
            merged_at: listed.merged_at,
            closed_at: listed.closed_at,
            ..Attributes::default()
        };
        MergeRequest {
            object_attributes: Embedded::from(attributes),
            labels,
            assignees: listed.assignees,
            reviewers: listed.reviewers,
            ..MergeRequest::default()
        }
    }
}

/// The approvals of a merge request. They have times since GitLab 18.5; approvals without one are left to webhooks.
#[derive(Debug, Default, Deserialize)]
pub struct Approvals {
    /// The current approvals.
    #[serde(default, deserialize_with = "list")]
    pub approved_by: Field<Vec<Embedded<Approval>>>,
}

/// One approval.
#[derive(Debug, Default, Deserialize)]
pub struct Approval {
    /// Who approved.
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub approved_at: Field<DateTime<Utc>>,
}

/// The commits of a merge request, as of the time they were read. The list has no time of its own.
#[derive(Debug, Default, Deserialize)]
pub struct Commits {
    /// Number of the merge request within its project.
    #[serde(default)]
    pub merge_request_iid: Field<u64>,
    /// Newest commit of the source branch when the list was read.
    #[serde(default)]
    pub head_sha: Field<String>,
    /// Newest first, without stats
    /// (<https://docs.gitlab.com/api/merge_requests/#retrieve-merge-request-commits>).
    #[serde(default, deserialize_with = "list")]
    pub commits: Field<Vec<Embedded<ListedCommit>>>,
}
