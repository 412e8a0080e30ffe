-- One row a vulnerability of a project. Versions as in merge_request_facts; of two states in one second resolved and dismissed outrank
-- confirmed, and that detected.
CREATE TABLE IF NOT EXISTS ${database}.vulnerability_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    title SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    state SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    severity SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    confidence SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    report_type SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    identifiers SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    cve SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    location_file SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    issue_urls SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(String))),
    confirmed_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    confirmed_by_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    dismissed_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    dismissed_by_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    resolved_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    resolved_by_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    auto_resolved SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    resolved_on_default_branch SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    updated_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX updated_at_range tupleElement(updated_at, 4) TYPE minmax,
    INDEX resolved_at_range tupleElement(resolved_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id)
SETTINGS index_granularity = 1024;
