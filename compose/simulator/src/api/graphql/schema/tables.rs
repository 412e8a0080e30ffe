//! The types, field by field.

use super::{Known, field};
use crate::version::Version;

/// Arguments of a connection.
pub(super) const PAGING: &[(&str, &str)] =
    &[("first", "Int"), ("after", "String"), ("last", "Int"), ("before", "String")];

pub(super) const TYPE_NAME: &Known = &field("__typename", "String").costing(0);

const QUERY: &[Known] = &[
    field("project", "Project").resolved(0).taking(&[("fullPath", "ID!")]),
    field("group", "Group").resolved(0).taking(&[("fullPath", "ID!")]),
    field("currentUser", "CurrentUser"),
    field("metadata", "Metadata").resolved(0),
    field("queryComplexity", "QueryComplexity"),
];
const COMPLEXITY: &[Known] = &[field("score", "Int"), field("limit", "Int")];
const METADATA: &[Known] =
    &[field("version", "String"), field("revision", "String"), field("enterprise", "Boolean")];
const GROUP: &[Known] = &[
    field("id", "ID"),
    field("fullPath", "ID"),
    field("name", "String"),
    field("projects", "ProjectConnection").resolved(0).taking(&[
        ("includeSubgroups", "Boolean"),
        ("includeArchived", "Boolean"),
        ("ids", "[ID!]"),
    ]),
];
/// `mergeRequests` and `issues` have a default order, which adds to the cost. `pipelines` calls Gitaly since about version 18.
const PROJECT: &[Known] = &[
    field("id", "ID"),
    field("fullPath", "ID"),
    field("name", "String"),
    field("archived", "Boolean"),
    field("createdAt", "Time"),
    field("lastActivityAt", "Time"),
    field("pipelines", "PipelineConnection").resolved(1).taking(&[
        ("status", "PipelineStatusEnum"),
        ("scope", "PipelineScopeEnum"),
        ("ref", "String"),
        ("sha", "String"),
        ("source", "String"),
        ("updatedAfter", "Time"),
        ("updatedBefore", "Time"),
        ("username", "String"),
    ]),
    field("mergeRequests", "MergeRequestConnection").resolved(1).taking(&[
        ("iids", "[String!]"),
        ("state", "MergeRequestState"),
        ("draft", "Boolean"),
        ("sort", "MergeRequestSort"),
        ("sourceBranches", "[String!]"),
        ("targetBranches", "[String!]"),
        ("authorUsername", "String"),
        ("createdAfter", "Time"),
        ("createdBefore", "Time"),
        ("updatedAfter", "Time"),
        ("updatedBefore", "Time"),
        ("mergedAfter", "Time"),
        ("mergedBefore", "Time"),
    ]),
    field("issues", "IssueConnection").resolved(1).taking(&[
        ("iids", "[String!]"),
        ("state", "IssuableState"),
        ("confidential", "Boolean"),
        ("sort", "IssueSort"),
        ("createdAfter", "Time"),
        ("createdBefore", "Time"),
        ("updatedAfter", "Time"),
        ("updatedBefore", "Time"),
    ]),
    field("jobs", "CiJobConnection").resolved(0).taking(&[("statuses", "[CiJobStatus!]")]),
];
const PIPELINE: &[Known] = &[
    field("id", "ID"),
    field("iid", "String"),
    field("name", "String"),
    field("sha", "String").taking(&[("format", "ShaFormat")]),
    field("beforeSha", "String").costing(2),
    field("ref", "String"),
    field("refPath", "String"),
    field("status", "PipelineStatusEnum"),
    field("source", "String").since(Version::V18),
    field("type", "String").since(Version::V18),
    field("child", "Boolean").since(Version::V18),
    field("mergeRequest", "MergeRequest").since(Version::V18),
    field("complete", "Boolean"),
    field("createdAt", "Time"),
    field("updatedAt", "Time"),
    field("startedAt", "Time"),
    field("finishedAt", "Time"),
    field("duration", "Int"),
    field("queuedDuration", "Duration"),
    field("coverage", "Float"),
    field("path", "String"),
    field("totalJobs", "Int"),
    field("user", "UserCore"),
    field("upstream", "Pipeline"),
    field("downstream", "PipelineConnection"),
];
const MERGE_REQUEST: &[Known] = &[
    field("id", "ID"),
    field("iid", "String"),
    field("title", "String"),
    field("description", "String"),
    field("state", "MergeRequestState"),
    field("draft", "Boolean"),
    field("createdAt", "Time"),
    field("updatedAt", "Time"),
    field("mergedAt", "Time").costing(5),
    field("closedAt", "Time").costing(5).since(Version::V18),
    field("preparedAt", "Time"),
    field("sourceBranch", "String"),
    field("targetBranch", "String"),
    field("projectId", "Int"),
    field("sourceProjectId", "Int"),
    field("targetProjectId", "Int"),
    field("diffHeadSha", "String").costing(2),
    field("mergeCommitSha", "String"),
    field("squash", "Boolean"),
    field("squashOnMerge", "Boolean"),
    field("commitCount", "Int"),
    field("userNotesCount", "Int").resolved(0),
    field("approved", "Boolean").costing(2),
    field("mergeStatusEnum", "MergeStatus"),
    field("detailedMergeStatus", "DetailedMergeStatus").costing(2),
    field("webUrl", "String"),
    field("timeEstimate", "Int"),
    field("totalTimeSpent", "Int"),
    field("headPipeline", "Pipeline"),
    field("author", "MergeRequestAuthor"),
    field("mergeUser", "UserCore"),
    field("approvedBy", "UserCoreConnection"),
    field("reviewers", "MergeRequestReviewerConnection").costing(5),
    field("assignees", "MergeRequestAssigneeConnection").costing(5),
    field("labels", "LabelConnection").costing(5),
    field("milestone", "Milestone"),
    field("diffStatsSummary", "DiffStatsSummary").costing(2),
    NOTES,
];
const NOTES: Known = field("notes", "NoteConnection").resolved(0).taking(&[("filter", "NotesFilterType")]);
const ISSUE: &[Known] = &[
    field("id", "ID"),
    field("iid", "ID"),
    field("title", "String"),
    field("description", "String"),
    field("state", "IssueState"),
    field("type", "IssueType"),
    field("severity", "IssuableSeverity"),
    field("confidential", "Boolean"),
    field("createdAt", "Time"),
    field("updatedAt", "Time"),
    field("closedAt", "Time"),
    field("projectId", "Int"),
    field("userNotesCount", "Int").resolved(0),
    field("webUrl", "String"),
    field("moved", "Boolean"),
    field("movedTo", "Issue"),
    field("author", "UserCore"),
    field("assignees", "UserCoreConnection"),
    field("labels", "LabelConnection").resolved(0),
    NOTES,
];
const NOTE: &[Known] = &[
    field("id", "NoteID"),
    field("body", "String"),
    field("system", "Boolean"),
    field("systemNoteIconName", "String"),
    field("internal", "Boolean"),
    field("confidential", "Boolean").until(Version::V18),
    field("createdAt", "Time"),
    field("updatedAt", "Time"),
    field("url", "String"),
    field("author", "UserCore"),
    field("resolvable", "Boolean"),
    field("resolved", "Boolean"),
    field("resolvedAt", "Time"),
    field("resolvedBy", "UserCore"),
];
const JOB: &[Known] = &[
    field("id", "JobID"),
    field("name", "String"),
    field("status", "CiJobStatus"),
    field("allowFailure", "Boolean"),
    field("retried", "Boolean"),
    field("kind", "CiJobKind"),
    field("createdAt", "Time"),
    field("queuedAt", "Time"),
    field("startedAt", "Time"),
    field("finishedAt", "Time"),
    field("duration", "Int"),
    field("queuedDuration", "Duration"),
    field("refName", "String"),
    field("shortSha", "String"),
    field("pipeline", "Pipeline"),
];
const USER: &[Known] = &[
    field("id", "UserID"),
    field("username", "String"),
    field("name", "String"),
    field("bot", "Boolean"),
    field("state", "UserState"),
    field("webUrl", "String"),
];
const LABEL: &[Known] = &[field("id", "ID"), field("title", "String"), field("color", "String")];
const MILESTONE: &[Known] = &[
    field("id", "ID"),
    field("iid", "ID"),
    field("title", "String"),
    field("state", "MilestoneStateEnum"),
    field("createdAt", "Time"),
    field("updatedAt", "Time"),
    field("startDate", "Time"),
    field("dueDate", "Time"),
];
const DIFF_STATS: &[Known] = &[
    field("additions", "Int"),
    field("deletions", "Int"),
    field("changes", "Int"),
    field("fileCount", "Int"),
];
const PAGE_INFO: &[Known] = &[
    field("hasNextPage", "Boolean"),
    field("hasPreviousPage", "Boolean"),
    field("startCursor", "String"),
    field("endCursor", "String"),
];

/// Connections with the type of their rows, whether they have a count, and the type of their edges. Labels and people are not counted.
macro_rules! connections {
    ($($connection:literal $edge:literal $node:literal $($count:ident)?;)*) => {
        /// The fields of a type; none for a type that is not an object.
        pub(super) fn fields(of: &str) -> &'static [&'static [Known]] {
            match of {
                $($connection => {
                    const FIELDS: &[&[Known]] = &[
                        &[field("nodes", $node), field("edges", $edge), field("pageInfo", "PageInfo")],
                        $($count)?
                    ];
                    FIELDS
                })*
                $($edge => {
                    const FIELDS: &[&[Known]] = &[&[field("node", $node), field("cursor", "String")]];
                    FIELDS
                })*
                _ => object(of),
            }
        }
    };
}

const COUNT: &[Known] = &[field("count", "Int").taking(&[("limit", "Int")])];

connections! {
    "ProjectConnection" "ProjectEdge" "Project" COUNT;
    "PipelineConnection" "PipelineEdge" "Pipeline" COUNT;
    "MergeRequestConnection" "MergeRequestEdge" "MergeRequest" COUNT;
    "IssueConnection" "IssueEdge" "Issue" COUNT;
    "CiJobConnection" "CiJobEdge" "CiJob" COUNT;
    "NoteConnection" "NoteEdge" "Note" COUNT;
    "UserCoreConnection" "UserCoreEdge" "UserCore";
    "MergeRequestReviewerConnection" "MergeRequestReviewerEdge" "MergeRequestReviewer";
    "MergeRequestAssigneeConnection" "MergeRequestAssigneeEdge" "MergeRequestAssignee";
    "LabelConnection" "LabelEdge" "Label" COUNT;
}

fn object(of: &str) -> &'static [&'static [Known]] {
    match of {
        "Query" => &[QUERY],
        "QueryComplexity" => &[COMPLEXITY],
        "Metadata" => &[METADATA],
        "Group" => &[GROUP],
        "Project" => &[PROJECT],
        "Pipeline" => &[PIPELINE],
        "MergeRequest" => &[MERGE_REQUEST],
        "Issue" => &[ISSUE],
        "Note" => &[NOTE],
        "CiJob" => &[JOB],
        "UserCore"
        | "CurrentUser"
        | "MergeRequestAuthor"
        | "MergeRequestReviewer"
        | "MergeRequestAssignee" => &[USER],
        "Label" => &[LABEL],
        "Milestone" => &[MILESTONE],
        "DiffStatsSummary" => &[DIFF_STATS],
        "PageInfo" => &[PAGE_INFO],
        _ => &[],
    }
}

/// The values of an enumeration that arguments take.
pub(super) fn values(of: &str) -> Option<&'static [&'static str]> {
    Some(match of {
        "PipelineStatusEnum" | "CiJobStatus" => &[
            "CREATED",
            "WAITING_FOR_RESOURCE",
            "PREPARING",
            "WAITING_FOR_CALLBACK",
            "PENDING",
            "RUNNING",
            "SUCCESS",
            "FAILED",
            "CANCELING",
            "CANCELED",
            "SKIPPED",
            "MANUAL",
            "SCHEDULED",
        ],
        "PipelineScopeEnum" => &["RUNNING", "PENDING", "FINISHED", "BRANCHES", "TAGS"],
        "MergeRequestSort" | "IssueSort" => &[
            "UPDATED_ASC",
            "UPDATED_DESC",
            "CREATED_ASC",
            "CREATED_DESC",
            "updated_asc",
            "updated_desc",
            "created_asc",
            "created_desc",
        ],
        "MergeRequestState" => &["opened", "closed", "locked", "merged", "all"],
        "IssuableState" => &["opened", "closed", "locked", "all"],
        "NotesFilterType" => &["ALL_NOTES", "ONLY_COMMENTS", "ONLY_ACTIVITY"],
        "ShaFormat" => &["SHORT", "LONG"],
        _ => return None,
    })
}
