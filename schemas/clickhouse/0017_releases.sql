-- One row a release, which is one tag of one project. Versions as in merge_request_facts, but a release has no updated_at: a creation is
-- as of created_at, everything else as of its receipt. An old body that is resent is therefore believed to be new.
CREATE TABLE IF NOT EXISTS ${database}.release_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    tag String,
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    commit_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    author_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    author_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    assets_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    links_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    released_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX released_at_range tupleElement(released_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, tag)
SETTINGS index_granularity = 1024;

CREATE VIEW IF NOT EXISTS ${database}.releases ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    tag String COMMENT 'Name of the tag',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s',
    id Nullable(UInt64) COMMENT 'GitLab id of the release; NULL where only the API told of it',
    name Nullable(String) COMMENT 'Title of the release',
    commit_sha Nullable(String) COMMENT 'Commit that the tag points at',
    author_id Nullable(UInt64) COMMENT 'Who created it; only the API says so',
    author_username Nullable(String) COMMENT 'User name of who created it; only the API says so',
    assets_count Nullable(UInt64) COMMENT 'Links and archives of the source',
    links_count Nullable(UInt64) COMMENT 'Links among its assets',
    url Nullable(String) COMMENT 'Page of the release',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    released_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was, or will be, released; whoever creates it may choose',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitPulse heard that it was deleted (receipt-derived); NULL again once it is there',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
)
AS SELECT
    instance, project_id, tag,
    tupleElement(release_facts.project_path, 4) AS project_path,
    tupleElement(release_facts.id, 4) AS id,
    tupleElement(release_facts.name, 4) AS name,
    tupleElement(release_facts.commit_sha, 4) AS commit_sha,
    tupleElement(release_facts.author_id, 4) AS author_id,
    tupleElement(release_facts.author_username, 4) AS author_username,
    tupleElement(release_facts.assets_count, 4) AS assets_count,
    tupleElement(release_facts.links_count, 4) AS links_count,
    tupleElement(release_facts.url, 4) AS url,
    tupleElement(release_facts.created_at, 4) AS created_at,
    tupleElement(release_facts.released_at, 4) AS released_at,
    tupleElement(release_facts.deleted_at, 4) AS deleted_at,
    tupleElement(release_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.release_facts FINAL;
