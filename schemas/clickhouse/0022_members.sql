-- One row a membership: a user in a project (group_id 0) or in a group (project_id 0). Each column merges alone, as in
-- merge_requests. A pending request for access is a row too, marked by `requested`: it is no member.
CREATE TABLE IF NOT EXISTS ${database}.member_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    group_id UInt64,
    user_id UInt64,
    username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    access_level SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt8))),
    access SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    requested SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    expires_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Date32))),
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
ORDER BY (instance, project_id, group_id, user_id)
SETTINGS index_granularity = 1024;
