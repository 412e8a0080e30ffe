-- One row an environment, column by column as in merge_request_facts, as of updated_at. The API alone lists environments.
CREATE TABLE IF NOT EXISTS ${database}.environment_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    slug SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    external_url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    tier SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    state SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    auto_stop_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id)
SETTINGS index_granularity = 1024;
