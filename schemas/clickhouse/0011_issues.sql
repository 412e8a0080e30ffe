-- One row an issue or another work item, column by column as in merge_request_facts. The id is the instance's own for all of them, so
-- that an incident that comes as work_item and as issue is one row. What belongs to a group and no project has project_id 0.
CREATE TABLE IF NOT EXISTS ${database}.issue_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    iid SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    group_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    type SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    title SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    state SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    confidential SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    author_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    author_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    assignee_ids SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(UInt64))),
    labels SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    milestone_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    weight SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    severity SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    escalation_status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    health_status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    status_name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    status_category SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    due_date SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Date32))),
    start_date SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Date32))),
    time_estimate_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    time_spent_seconds SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    moved_to_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    duplicated_to_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    closed_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    closed_by_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax,
    INDEX closed_at_range tupleElement(closed_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id)
SETTINGS index_granularity = 1024;
