-- One row a change of a wiki page: its slug, what was done, and the commit of the wiki. Bodies of old versions of GitLab do not name the
-- commit: a digest of what they say stands in, so that two hooks still tell of one change. No body carries a time: the first receipt
-- stands in. The page's content is in events alone.
CREATE TABLE IF NOT EXISTS ${database}.wiki_page_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    slug String,
    action LowCardinality(String),
    version String COMMENT 'Commit of the wiki, else sha256: and the digest of the page',
    project_path SimpleAggregateFunction(max, Nullable(String)),
    title SimpleAggregateFunction(max, Nullable(String)),
    format SimpleAggregateFunction(max, Nullable(String)),
    message SimpleAggregateFunction(max, Nullable(String)),
    url SimpleAggregateFunction(max, Nullable(String)),
    actor_id SimpleAggregateFunction(max, Nullable(UInt64)),
    actor_username SimpleAggregateFunction(max, Nullable(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, slug, action, version);

CREATE VIEW IF NOT EXISTS ${database}.wiki_page_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where an old GitLab does not say',
    slug String COMMENT 'Path of the page within the wiki',
    action LowCardinality(String) COMMENT 'create, update or delete',
    version_id Nullable(String) COMMENT 'Commit of the wiki that made the change; for a deletion, the last one before it; NULL from old versions of GitLab',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived: GitLab sends no time of the change)',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s',
    title Nullable(String) COMMENT 'Title of the page',
    format Nullable(String) COMMENT 'markdown, rdoc, asciidoc or org',
    message Nullable(String) COMMENT 'Message of the commit',
    url Nullable(String) COMMENT 'The page',
    actor_id Nullable(UInt64) COMMENT 'Who did it; NULL from old versions of GitLab',
    actor_username Nullable(String) COMMENT 'User name of who did it',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
AS SELECT
    instance, project_id, slug, action,
    if(startsWith(version, 'sha256:'), NULL, version) AS version_id,
    first_received_at AS occurred_at,
    project_path, title, format, message, url, actor_id, actor_username, first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.wiki_page_event_facts FINAL;
