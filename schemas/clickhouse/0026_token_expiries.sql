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
