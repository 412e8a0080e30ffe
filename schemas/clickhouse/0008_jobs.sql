-- One row a job, column by column as in merge_request_facts. Three sources tell of one key: the jobs in a pipeline's event, the job's own
-- events, and the API, which alone tells of trigger jobs and of every try that was retried. Its version is the newest status time in the
-- body, that of its pipeline included. What only happens once (created, started, finished, erased) has no version: of several forms the
-- most precise one stays.
CREATE TABLE IF NOT EXISTS ${database}.job_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    pipeline_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    stage SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    ref SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    tag SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    allow_failure SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    failure_reason SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    retries_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    run_when SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    manual SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    user_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    user_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    runner_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    runner_description SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    runner_type SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    runner_tags SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    environment SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment_action SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    environment_tier SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    duration_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Float64))),
    queued_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Float64))),
    coverage SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Float64))),
    downstream_pipeline_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    started_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    finished_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    erased_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX started_at_range tupleElement(started_at, 4) TYPE minmax,
    INDEX finished_at_range tupleElement(finished_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id)
SETTINGS index_granularity = 1024;
