-- One row a merge request. Each column merges alone: the value of the highest version wins, where a version is (seconds of
-- the entity's own time, rank of its state, milliseconds), so that no order and no repetition of events changes the row. A column
-- that an event does not carry is written with the lowest version.
CREATE TABLE IF NOT EXISTS ${database}.merge_request_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    iid UInt64,
    id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    title SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    state SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    draft SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    author_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    assignee_ids SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(UInt64))),
    reviewer_ids SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(UInt64))),
    labels SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    milestone_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    source_project_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    source_branch SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    target_branch SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    head_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    head_pipeline_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    merge_commit_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    squash_commit_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    merge_user_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    merge_status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    discussions_resolved SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    first_contribution SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    time_estimate_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    time_spent_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    prepared_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    merged_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    closed_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax,
    INDEX merged_at_range tupleElement(merged_at, 4) TYPE minmax,
    INDEX closed_at_range tupleElement(closed_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, iid)
SETTINGS index_granularity = 1024;
