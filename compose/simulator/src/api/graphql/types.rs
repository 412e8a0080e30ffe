//! Which fields there are. In: a type, a field and a version. Out: whether it is there, or what GitLab says where it is not. Never a field that no
//! reader of history asks for.

use super::super::version::Version;
use super::parse::Field;

const USER: [&str; 4] = ["id", "username", "name", "bot"];
const PIPELINE: [&str; 23] = [
    "id",
    "iid",
    "sha",
    "beforeSha",
    "ref",
    "status",
    "source",
    "createdAt",
    "updatedAt",
    "startedAt",
    "finishedAt",
    "duration",
    "queuedDuration",
    "coverage",
    "path",
    "tag",
    "child",
    "complete",
    "user",
    "upstream",
    "downstream",
    "mergeRequest",
    "name",
];
const MERGE_REQUEST: [&str; 35] = [
    "id",
    "iid",
    "title",
    "state",
    "draft",
    "createdAt",
    "updatedAt",
    "mergedAt",
    "closedAt",
    "preparedAt",
    "sourceBranch",
    "targetBranch",
    "sourceProjectId",
    "targetProjectId",
    "diffHeadSha",
    "mergeCommitSha",
    "squashCommitSha",
    "squash",
    "commitCount",
    "userNotesCount",
    "approved",
    "mergeStatusEnum",
    "detailedMergeStatus",
    "webUrl",
    "timeEstimate",
    "totalTimeSpent",
    "author",
    "mergeUser",
    "approvedBy",
    "reviewers",
    "assignees",
    "labels",
    "milestone",
    "diffStatsSummary",
    "notes",
];
const NOTE: [&str; 12] = [
    "id",
    "body",
    "system",
    "internal",
    "createdAt",
    "updatedAt",
    "author",
    "resolvable",
    "resolved",
    "resolvedAt",
    "resolvedBy",
    "confidential",
];

/// The type of a field of a type, and whether it has fields itself.
fn type_of(owner: &str, field: &str) -> Option<&'static str> {
    let scalar = |fields: &[&str]| fields.contains(&field).then_some("");
    match (owner, field) {
        ("Query", "project") => Some("Project"),
        ("Query", "queryComplexity") => Some("QueryComplexity"),
        ("Query", "currentUser") => Some("UserCore"),
        ("Query", "metadata") => Some("Metadata"),
        ("Metadata", "version" | "revision" | "enterprise") => Some(""),
        ("QueryComplexity", "score" | "limit") => Some(""),
        ("Project", "pipelines") => Some("PipelineConnection"),
        ("Project", "mergeRequests") => Some("MergeRequestConnection"),
        ("Project", "id" | "fullPath" | "name") => Some(""),
        ("PipelineConnection", "nodes") => Some("Pipeline"),
        ("MergeRequestConnection", "nodes") => Some("MergeRequest"),
        ("NoteConnection", "nodes") => Some("Note"),
        ("UserConnection", "nodes") => Some("UserCore"),
        ("LabelConnection", "nodes") => Some("Label"),
        (connection, "pageInfo") if connection.ends_with("Connection") => Some("PageInfo"),
        (connection, "count") if connection.ends_with("Connection") => Some(""),
        ("PageInfo", "hasNextPage" | "hasPreviousPage" | "endCursor" | "startCursor") => Some(""),
        ("Label", "id" | "title") => Some(""),
        ("Milestone", "id" | "iid" | "title") => Some(""),
        ("DiffStatsSummary", "additions" | "deletions" | "changes" | "fileCount") => Some(""),
        ("Pipeline", "user") => Some("UserCore"),
        ("Pipeline", "upstream") => Some("Pipeline"),
        ("Pipeline", "downstream") => Some("PipelineConnection"),
        ("Pipeline", "mergeRequest") => Some("MergeRequest"),
        ("Pipeline", _) => scalar(&PIPELINE),
        ("MergeRequest" | "Note", "author" | "mergeUser" | "resolvedBy") => Some("UserCore"),
        ("MergeRequest", "approvedBy" | "reviewers" | "assignees") => Some("UserConnection"),
        ("MergeRequest", "labels") => Some("LabelConnection"),
        ("MergeRequest", "milestone") => Some("Milestone"),
        ("MergeRequest", "diffStatsSummary") => Some("DiffStatsSummary"),
        ("MergeRequest", "notes") => Some("NoteConnection"),
        ("MergeRequest", _) => scalar(&MERGE_REQUEST),
        ("Note", _) => scalar(&NOTE),
        ("UserCore", _) => scalar(&USER),
        _ => None,
    }
}

/// Fields that older versions do not have.
fn is_newer(owner: &str, field: &str, version: Version) -> bool {
    let is_newer =
        matches!((owner, field), ("Pipeline", "mergeRequest" | "name") | ("MergeRequest", "closedAt"));
    is_newer && version < Version::V18
}

/// Whether a field, and all below it, is there.
pub(super) fn check(owner: &str, field: &Field, version: Version) -> Result<(), String> {
    let of = type_of(owner, &field.name).filter(|_| !is_newer(owner, &field.name, version));
    let of = of.ok_or_else(|| format!("Field '{}' doesn't exist on type '{owner}'", field.name))?;
    match (of.is_empty(), field.fields.is_empty()) {
        (true, false) => {
            return Err(format!("Selections can't be made on scalars (field '{}')", field.name));
        }
        (false, true) => {
            return Err(format!(
                "Field must have selections (field '{}' returns {of} but has no selections)",
                field.name
            ));
        }
        (true, true) | (false, false) => (),
    }
    for below in &field.fields {
        check(of, below, version)?;
    }
    Ok(())
}
