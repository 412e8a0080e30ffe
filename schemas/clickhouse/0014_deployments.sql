-- One row a deployment, column by column as in merge_request_facts. A webhook is as of status_changed_at, the API as of updated_at. An
-- approval or rejection is no status of the deployment: it is a row of deployment_event_facts.
CREATE TABLE IF NOT EXISTS ${database}.deployment_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    iid SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    environment_tier SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment_slug SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment_url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    ref SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    tag SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    short_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    commit_title SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    job_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    pipeline_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    user_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    user_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    finished_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax,
    INDEX finished_at_range tupleElement(finished_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id)
SETTINGS index_granularity = 1024;
