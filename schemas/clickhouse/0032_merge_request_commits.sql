-- One row a merge request: the list of its commits as it was read last, oldest first, with the head it was read at. Head and commits are one value,
-- as of the reading, so that two readings are never mixed. The API alone lists them.
CREATE TABLE IF NOT EXISTS ${database}.merge_request_commit_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    merge_request_iid UInt64,
    listed SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Tuple(Nullable(String), Array(Tuple(
        String, Nullable(String), Nullable(DateTime64(3, 'UTC')), Nullable(DateTime64(3, 'UTC')), Nullable(String), Nullable(String), Array(String)
    ))))),
    last_event_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, UUID)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, merge_request_iid)
SETTINGS index_granularity = 1024;
