-- One row a release, which is one tag of one project. Versions as in merge_request_facts, but a release has no updated_at: a creation is
-- as of created_at, everything else as of its receipt. An old body that is resent is therefore believed to be new.
CREATE TABLE IF NOT EXISTS ${database}.release_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    tag String,
    project_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    name SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    commit_sha SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    author_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    author_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    assets_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    links_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    url SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    created_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    released_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    deleted_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX created_at_range tupleElement(created_at, 4) TYPE minmax,
    INDEX released_at_range tupleElement(released_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, tag)
SETTINGS index_granularity = 1024;
