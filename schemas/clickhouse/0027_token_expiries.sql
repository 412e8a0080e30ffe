-- One row a token that GitLab warned of, or listed. Versions as in merge_request_facts, but a token has no updated_at: every body is as of
-- its receipt. The token itself is in no body and in no table.
CREATE TABLE IF NOT EXISTS ${database}.token_expiry_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    group_id UInt64,
    token_type LowCardinality(String),
    id UInt64,
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    group_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    user_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    scopes SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    expires_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_used_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    revoked SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX expires_at_range tupleElement(expires_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, group_id, token_type, id)
SETTINGS index_granularity = 1024;

CREATE VIEW IF NOT EXISTS ${database}.token_expiries ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a token of a group or a person',
    group_id UInt64 COMMENT 'GitLab id of the group; 0 for a token of a project or a person',
    token_type LowCardinality(String) COMMENT 'access_token or deploy_token',
    id UInt64 COMMENT 'GitLab id, unique in the instance for its type',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s',
    group_path Nullable(String) COMMENT 'Path of the group, where a webhook said so',
    name Nullable(String) COMMENT 'Name of the token',
    user_id Nullable(UInt64) COMMENT 'The user that an access token acts as; a bot for those of projects and groups',
    username Nullable(String) COMMENT 'User name to log in with, for a deploy token; only the API says so',
    scopes Array(String) COMMENT 'What it may do, sorted; only the API says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it expires: midnight UTC of the day for access tokens; NULL for never',
    last_used_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was used last, as far as told; GitLab 17 and later',
    revoked Nullable(Bool) COMMENT 'Whether it was revoked; webhooks say so for deploy tokens alone',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
)
AS SELECT
    instance, project_id, group_id, token_type, id,
    tupleElement(token_expiry_facts.project_path, 4) AS project_path,
    tupleElement(token_expiry_facts.group_path, 4) AS group_path,
    tupleElement(token_expiry_facts.name, 4) AS name,
    tupleElement(token_expiry_facts.user_id, 4) AS user_id,
    tupleElement(token_expiry_facts.username, 4) AS username,
    tupleElement(token_expiry_facts.scopes, 4) AS scopes,
    tupleElement(token_expiry_facts.created_at, 4) AS created_at,
    tupleElement(token_expiry_facts.expires_at, 4) AS expires_at,
    tupleElement(token_expiry_facts.last_used_at, 4) AS last_used_at,
    tupleElement(token_expiry_facts.revoked, 4) AS revoked,
    tupleElement(token_expiry_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.token_expiry_facts FINAL;
