-- One row a deployment: the merge requests that it brought, as they were listed last, sorted; one value, as of the reading. The API alone
-- lists them.
CREATE TABLE IF NOT EXISTS ${database}.deployment_merge_request_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    deployment_id UInt64,
    listed SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(Tuple(UInt64, UInt64, Nullable(UInt64))))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, deployment_id)
SETTINGS index_granularity = 1024;
