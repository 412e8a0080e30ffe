-- One row a project. Each column merges alone, as in merge_requests. What tells of projects are the events of their own, the
-- `project` inside every other event, and the API. A rename and a transfer change columns, never the key.
CREATE TABLE IF NOT EXISTS ${database}.project_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    namespace_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    visibility SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    default_branch SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    archived SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_activity_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id)
SETTINGS index_granularity = 1024;
