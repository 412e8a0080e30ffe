-- One row an emoji that was awarded, and one if it was revoked. An award never changes, so its columns need no version: what one face
-- lacks, the other fills. A revocation has no time of its own, unless it moved updated_at: then the first receipt stands in.
CREATE TABLE IF NOT EXISTS ${database}.emoji_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    event_type LowCardinality(String),
    occurred_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    project_path SimpleAggregateFunction(max, Nullable(String)),
    name SimpleAggregateFunction(max, Nullable(String)),
    awardable_type SimpleAggregateFunction(max, Nullable(String)),
    awardable_id SimpleAggregateFunction(max, Nullable(UInt64)),
    awardable_iid SimpleAggregateFunction(max, Nullable(UInt64)),
    noteable_type SimpleAggregateFunction(max, Nullable(String)),
    noteable_id SimpleAggregateFunction(max, Nullable(UInt64)),
    noteable_iid SimpleAggregateFunction(max, Nullable(UInt64)),
    awarded_on_url SimpleAggregateFunction(max, Nullable(String)),
    user_id SimpleAggregateFunction(max, Nullable(UInt64)),
    user_username SimpleAggregateFunction(max, Nullable(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX occurred_at_range tupleElement(occurred_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id, event_type)
SETTINGS index_granularity = 1024;

-- confidential is that of what it stands on, as it is now: an issue, a comment, or a comment on an issue.
CREATE VIEW IF NOT EXISTS ${database}.emoji_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where there is none',
    id UInt64 COMMENT 'GitLab id of the award',
    event_type LowCardinality(String) COMMENT 'award or revoke',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it was awarded; for a revocation, when GitPulse heard of it first (receipt-derived), unless GitLab moved updated_at',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s',
    name Nullable(String) COMMENT 'Name of the emoji, as thumbsup',
    awardable_type Nullable(String) COMMENT 'What it stands on: Issue (any work item), MergeRequest, Note, Snippet or WikiPage::Meta',
    awardable_id Nullable(UInt64) COMMENT 'GitLab id of what it stands on',
    awardable_iid Nullable(UInt64) COMMENT 'Number of the issue or merge request it stands on; only webhooks say so',
    noteable_type Nullable(String) COMMENT 'For an emoji on a comment: what is commented on, Issue, MergeRequest, Snippet or Commit; only webhooks say so',
    noteable_id Nullable(UInt64) COMMENT 'For an emoji on a comment: GitLab id of what is commented on; NULL for a commit',
    noteable_iid Nullable(UInt64) COMMENT 'For an emoji on a comment: number of the issue or merge request',
    awarded_on_url Nullable(String) COMMENT 'Page of what it stands on; only webhooks say so',
    user_id Nullable(UInt64) COMMENT 'Who awarded it',
    user_username Nullable(String) COMMENT 'User name of who awarded it',
    confidential Bool COMMENT 'Whether only members of the project may see it: it stands on a confidential issue or comment, or on a comment on such an issue',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
AS SELECT
    instance, project_id, id, event_type,
    ifNull(tupleElement(facts.occurred_at, 4), facts.first_received_at) AS occurred_at,
    project_path, name, awardable_type, awardable_id, awardable_iid, noteable_type, noteable_id, noteable_iid,
    awarded_on_url, user_id, user_username,
    ifNull(awardable_type IN ('Issue', 'WorkItem'), false) AND (instance, project_id, ifNull(awardable_id, 0)) IN
        (SELECT instance, project_id, id FROM ${database}.issues WHERE confidential)
        OR ifNull(noteable_type IN ('Issue', 'WorkItem'), false) AND (instance, project_id, ifNull(noteable_id, 0)) IN
        (SELECT instance, project_id, id FROM ${database}.issues WHERE confidential)
        OR ifNull(awardable_type = 'Note', false) AND (instance, project_id, ifNull(awardable_id, 0)) IN
        (SELECT instance, project_id, id FROM ${database}.notes WHERE confidential) AS confidential,
    first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.emoji_event_facts AS facts FINAL;
