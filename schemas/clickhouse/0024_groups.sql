-- One row a group or subgroup. Each column merges alone, as in merge_requests. `path` is the full path alone: the last segment,
-- which is all that events of members say, would make two groups look like one.
CREATE TABLE IF NOT EXISTS ${database}.group_facts ${on_cluster}
(
    instance LowCardinality(String),
    group_id UInt64,
    path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    parent_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    visibility SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, group_id)
SETTINGS index_granularity = 1024;
