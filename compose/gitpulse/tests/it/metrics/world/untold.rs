//! What a source does not report. In: a column of a row, and a source. Out: whether it is left out, and why: each reason is here once.

use serde_json::Value;

use super::compare::Case;
use super::stored::Face;

/// Columns of a view that a source does not report, for rows for which `holds` is true.
pub(super) struct Untold {
    pub(super) views: &'static [&'static str],
    pub(super) columns: &'static [&'static str],
    pub(super) faces: &'static [Face],
    holds: fn(&Value) -> bool,
    pub(super) because: &'static str,
}

const ALL: &[Face] = &Face::ALL;
const API: &[Face] = &[Face::Api];
const WEBHOOKS: &[Face] = &[Face::Webhooks];
const REQUESTS: &[&str] = &["merge_request_metrics"];
/// Columns that depend on the first commit.
const BEGINNING: &[&str] =
    &["first_commit_at", "first_commit_lead_time_seconds", "coding_seconds", "cycle_seconds", "notes"];
/// Columns that depend on reviews.
const REVIEW: &[&str] = &[
    "first_review_at",
    "first_reviewer",
    "pickup_seconds",
    "review_seconds",
    "request_to_review_seconds",
    "rounds",
    "is_unreviewed",
    "notes",
    "comments",
];

/// When the worlds begin, in seconds since 1970 (`WorldConfig::new`).
const BEGAN_AT: i64 = 1_762_128_000;

fn any(_: &Value) -> bool {
    true
}

/// The merge request of a row: the row itself, or the one joined to it.
fn request(row: &Value) -> &Value {
    row.get("request").unwrap_or(row)
}

/// More commits than the webhook of a push lists.
fn is_large(row: &Value) -> bool {
    request(row)["commits"].as_u64().is_some_and(|commits| commits > 20)
}

/// All that is left out.
pub(super) const UNTOLD: &[Untold] = &[
    Untold {
        views: REQUESTS,
        columns: &[
            "is_imported",
            "first_listed_at",
            "listed_comments",
            "is_committed_later",
            "is_stacked_on",
            "is_of_fork",
            "first_reviewer_id",
        ],
        faces: ALL,
        holds: any,
        because: "the truth says more than the view has columns for",
    },
    Untold {
        views: &["lead_times", "environment_lead_times"],
        columns: &["is_picked", "request"],
        faces: ALL,
        holds: any,
        because: "the truth says more than the view has columns for",
    },
    Untold {
        views: &["environment_lead_times"],
        columns: &["author_id", "first_commit_at", "first_commit_lead_time_seconds"],
        faces: ALL,
        holds: any,
        because: "lead_times has them",
    },
    Untold {
        views: &["deployment_metrics", "release_metrics"],
        columns: &["has_picks", "has_rewritten", "has_imported"],
        faces: ALL,
        holds: any,
        because: "the truth says more than the view has columns for",
    },
    Untold {
        views: &["deployment_metrics"],
        columns: &[
            "branch",
            "place",
            "evidence",
            "change",
            "failed_by_rollback",
            "rollback_recovery_seconds",
            "merge_requests",
            "failed_by_rework",
        ],
        faces: ALL,
        holds: |row| row["tier"] == "development",
        because: "commits of review apps stand on branches of merge requests, with whatever was merged before these were cut: the truth counts no delivery by them",
    },
    Untold {
        views: &["deployment_metrics"],
        columns: &["created_at"],
        faces: WEBHOOKS,
        holds: any,
        because: "webhooks of deployments have no created_at",
    },
    Untold {
        views: &["deployment_metrics"],
        columns: &["blocked_seconds"],
        faces: API,
        holds: any,
        because: "the list of deployments has no approvals",
    },
    Untold {
        views: &["deployment_metrics"],
        columns: &["merge_requests", "failed_by_rework"],
        faces: API,
        holds: |row| row["has_picks"] == true,
        because: "the API lists the messages of commits of the default branch alone: what was picked to another is not known",
    },
    Untold {
        views: &["lead_times", "environment_lead_times"],
        columns: &[
            "deployment_id",
            "deployed_at",
            "lead_time_seconds",
            "first_commit_lead_time_seconds",
            "evidence",
            "reason",
        ],
        faces: API,
        holds: |row| row["is_picked"] == true,
        because: "the API lists the messages of commits of the default branch alone: what was picked to another is not known",
    },
    Untold {
        views: &["lead_times", "environment_lead_times"],
        columns: &[
            "deployment_id",
            "deployed_at",
            "lead_time_seconds",
            "first_commit_lead_time_seconds",
            "evidence",
            "reason",
        ],
        faces: WEBHOOKS,
        holds: |row| row["reason"] == "rewritten",
        because: "a webhook says of no push that it was forced, and of no commit which came before",
    },
    Untold {
        views: &["deployment_metrics", "release_metrics"],
        columns: &["place", "evidence", "change", "merge_requests"],
        faces: WEBHOOKS,
        holds: |row| row["has_rewritten"] == true,
        because: "a webhook says of no push that it was forced, and of no commit which came before",
    },
    Untold {
        views: &["deployment_metrics"],
        columns: &["branch", "place", "evidence"],
        faces: WEBHOOKS,
        holds: |row| row["place"].as_i64().is_some_and(|place| 0 < place && place < BEGAN_AT),
        because: "webhooks tell of nothing that was imported",
    },
    Untold {
        views: &["release_metrics"],
        columns: &["merge_requests"],
        faces: WEBHOOKS,
        holds: |row| row["has_imported"] == true,
        because: "webhooks tell of nothing that was imported",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: WEBHOOKS,
        holds: |row| request(row)["is_of_fork"] == true || is_large(row),
        because: "webhooks tell of no push to a fork, and of a push only the newest 20 commits: first_commit_unknown",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: ALL,
        holds: |row| request(row)["is_promotion"] == true,
        because: "the commits that a promotion carries were pushed to the branches of others",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: WEBHOOKS,
        holds: |row| request(row)["is_committed_later"] == true,
        because: "webhooks tell when a commit was committed, not when it was written",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: WEBHOOKS,
        holds: |row| request(row)["is_stacked_on"] == true,
        because: "what another push brought first is not taken for its own, as where the target was merged into it: nor are the commits of what was stacked on it",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: &[Face::Api, Face::Both],
        holds: |row| {
            let request = request(row);
            request["is_of_fork"] == true
                && request["first_commit_at"].as_str() > request["opened_at"].as_str()
        },
        because: "a list that begins after the opening is not believed without a push that explains it, and nobody tells of pushes to a fork",
    },
    Untold {
        views: REQUESTS,
        columns: &["first_push_at"],
        faces: ALL,
        holds: |row| row["is_promotion"] == true,
        because: "the pushes to the branch that it carries are those of others",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: API,
        holds: |row| request(row)["first_listed_at"] != request(row)["first_commit_at"],
        because: "the API lists no commit that a force push took away, only when it was pushed",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: BEGINNING,
        faces: API,
        holds: |row| request(row)["first_commit_at"].as_str() > request(row)["first_push_at"].as_str(),
        because: "a push before the oldest listed commit may have been replaced, or the clock of its author is ahead",
    },
    Untold {
        views: &["lead_times", "merge_request_metrics"],
        columns: &[
            "first_commit_at",
            "first_commit_lead_time_seconds",
            "first_push_at",
            "coding_seconds",
            "cycle_seconds",
            "notes",
            "review_requested_at",
            "first_review_at",
            "first_reviewer",
            "pickup_seconds",
            "review_seconds",
            "request_to_review_seconds",
            "rounds",
            "comments",
        ],
        faces: ALL,
        holds: |row| request(row)["is_imported"] == true,
        because: "an import gives a merge request its old times, and its commits, requests for review and comments new ones",
    },
    Untold {
        views: REQUESTS,
        columns: &["commits", "additions", "deletions", "changed_files"],
        faces: WEBHOOKS,
        holds: any,
        because: "the API alone tells sizes",
    },
    Untold {
        views: REQUESTS,
        columns: &["commits", "additions", "deletions", "changed_files"],
        faces: &[Face::Both],
        holds: |row| row["told_by_api"] == false,
        because: "the API alone tells sizes, and does not list what was deleted",
    },
    Untold {
        views: REQUESTS,
        columns: &["author_is_bot", "merged_by_bot"],
        faces: WEBHOOKS,
        holds: any,
        because: "the API alone says who is a bot, where the user name does not",
    },
    Untold {
        views: REQUESTS,
        columns: &["rounds"],
        faces: API,
        holds: any,
        because: "the API tells of no push of a merge request: all is one round",
    },
    Untold {
        views: REQUESTS,
        columns: REVIEW,
        faces: API,
        holds: |row| row["listed_comments"] != row["comments"],
        because: "the API lists no comment that was deleted",
    },
    Untold {
        views: REQUESTS,
        columns: &["approvals", "approvers", "approved_at", "review_seconds", "merge_seconds"],
        faces: API,
        holds: |row| row["approvals"] != row["approvers"],
        because: "the API lists no approval that was taken back or reset",
    },
    Untold {
        views: &["pipeline_metrics", "job_metrics", "flaky_jobs"],
        columns: &["ref"],
        faces: API,
        holds: |row| row["source"] == "merge_request_event" || row.get("source").is_none(),
        because: "the API does not name the branch of a merge request's pipeline",
    },
    Untold {
        views: &["pipeline_metrics"],
        columns: &["first_status", "is_first_attempt_success"],
        faces: API,
        holds: |row| row["attempts"] == 0 || row["status"] == "manual",
        because: "the API tells of the last status alone; without runs of jobs nothing says how the first attempt ended",
    },
    Untold {
        views: &["contributions"],
        columns: &["authored_at", "additions", "deletions"],
        faces: WEBHOOKS,
        holds: any,
        because: "webhooks tell of no commit when it was written, nor its lines",
    },
    Untold {
        views: &["contributions"],
        columns: &["authored_at", "additions", "deletions"],
        faces: &[Face::Both],
        holds: |row| row["told_by_api"] == false,
        because: "webhooks tell of no commit when it was written, nor its lines; the API does not list what a force push took away",
    },
];

/// Whether the source does not report this column of the row.
pub(super) fn is_untold(case: &Case<'_>, column: &str, row: &Value) -> bool {
    UNTOLD.iter().any(|untold| {
        untold.views.contains(&case.judged.view)
            && untold.columns.contains(&column)
            && untold.faces.contains(&case.face)
            && (untold.holds)(row)
    })
}
