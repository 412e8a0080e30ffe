-- confidential decides who may see a row, so it is never NULL. The API does not say that the issue of a note is confidential, and an issue can
-- become so later: the current state of the issue decides. If neither is known to be public, the note is confidential.
CREATE OR REPLACE VIEW ${database}.notes ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a note in a group, such as on an epic',
    id UInt64 COMMENT 'GitLab id, unique in the instance',
    noteable_type Nullable(String) COMMENT 'What it is on: MergeRequest, Issue (any work item), Commit, Snippet, DesignManagement::Design, ...',
    noteable_id Nullable(UInt64) COMMENT 'GitLab id of the thing that it is on; NULL for a commit',
    noteable_iid Nullable(UInt64) COMMENT 'Number of the merge request or issue within its project',
    commit_sha Nullable(String) COMMENT 'The commit that it is on',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    discussion_id Nullable(String) COMMENT 'Its thread; webhooks alone say it',
    type Nullable(String) COMMENT 'DiffNote (on a line), DiscussionNote (in a thread), or NULL for a plain comment',
    body Nullable(String) COMMENT 'Its text',
    position_path Nullable(String) COMMENT 'Path of the file, for a comment on a diff or a design',
    position_line Nullable(UInt64) COMMENT 'Line number; NULL for a deleted line or a whole file',
    system Nullable(Bool) COMMENT 'Whether GitLab wrote it to record an action; webhooks report none of these',
    internal Nullable(Bool) COMMENT 'Whether it is an internal note',
    confidential Bool COMMENT 'Whether only members of the project may see it: an internal note, or a note on an issue that is or was confidential, or not known to be public',
    author_id Nullable(UInt64) COMMENT 'Who wrote it',
    author_username Nullable(String) COMMENT 'User name of who wrote it',
    resolvable Nullable(Bool) COMMENT 'Whether its thread can be resolved',
    resolved Nullable(Bool) COMMENT 'Whether its thread is resolved; NULL if it cannot be. GitLab sends no webhook for it',
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When its thread was resolved',
    resolved_by_id Nullable(UInt64) COMMENT 'Who resolved its thread',
    url Nullable(String) COMMENT 'Page of the note; webhooks alone say it',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was written',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last edited, or its thread was resolved',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a complete list of the API no longer had it, or the last change of its project before the project was deleted; GitLab reports no other deletion',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS
WITH
    -- Things in a project are deleted with it.
    (SELECT (arrayPushBack(groupArray(cityHash64(instance, project_id)), 0), arrayPushBack(groupArray(toUnixTimestamp64Milli(assumeNotNull(tupleElement(project_facts.deleted_at, 4)))), 0))
        FROM ${database}.project_facts FINAL WHERE tupleElement(project_facts.deleted_at, 4) IS NOT NULL) AS destroyed,
    issue AS (SELECT instance, project_id, id, ifNull(tupleElement(issue_facts.confidential, 4), true) FROM ${database}.issue_facts FINAL)
SELECT
    instance, project_id, id,
    tupleElement(note_facts.noteable_type, 4) AS noteable_type,
    tupleElement(note_facts.noteable_id, 4) AS noteable_id,
    tupleElement(note_facts.noteable_iid, 4) AS noteable_iid,
    tupleElement(note_facts.commit_sha, 4) AS commit_sha,
    tupleElement(note_facts.project_path, 4) AS project_path,
    tupleElement(note_facts.discussion_id, 4) AS discussion_id,
    tupleElement(note_facts.type, 4) AS type,
    tupleElement(note_facts.body, 4) AS body,
    tupleElement(note_facts.position_path, 4) AS position_path,
    tupleElement(note_facts.position_line, 4) AS position_line,
    tupleElement(note_facts.system, 4) AS system,
    tupleElement(note_facts.internal, 4) AS internal,
    ifNull(tupleElement(note_facts.confidential, 4), false)
        OR (ifNull(tupleElement(note_facts.noteable_type, 4) IN ('Epic', 'DesignManagement::Design'), false) AND tupleElement(note_facts.confidential, 4) IS NULL)
        OR (ifNull(tupleElement(note_facts.noteable_type, 4) IN ('Issue', 'WorkItem'), false)
            AND ((instance, project_id, ifNull(tupleElement(note_facts.noteable_id, 4), 0), true) IN issue
                OR tupleElement(note_facts.confidential, 4) IS NULL
                    AND (instance, project_id, ifNull(tupleElement(note_facts.noteable_id, 4), 0), false) NOT IN issue)) AS confidential,
    tupleElement(note_facts.author_id, 4) AS author_id,
    tupleElement(note_facts.author_username, 4) AS author_username,
    tupleElement(note_facts.resolvable, 4) AS resolvable,
    tupleElement(note_facts.resolved, 4) AS resolved,
    tupleElement(note_facts.resolved_at, 4) AS resolved_at,
    tupleElement(note_facts.resolved_by_id, 4) AS resolved_by_id,
    tupleElement(note_facts.url, 4) AS url,
    tupleElement(note_facts.created_at, 4) AS created_at,
    tupleElement(note_facts.updated_at, 4) AS updated_at,
    ifNull(tupleElement(note_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(note_facts.instance, note_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(note_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.note_facts FINAL;
