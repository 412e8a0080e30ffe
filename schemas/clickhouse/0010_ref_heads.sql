-- One row a branch or tag that the API listed, column by column as in merge_request_facts; read at the time of receipt.
CREATE TABLE IF NOT EXISTS ${database}.ref_head_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    ref String,
    sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    commit_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    protected SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    is_default SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    merged SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool))),
    message SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    seen_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the API listed it last',
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, ref)
SETTINGS index_granularity = 1024;
