-- One row a commit. A commit never changes, so its columns need no version: what one delivery lacks, another fills.
CREATE TABLE IF NOT EXISTS ${database}.commit_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    sha String,
    title SimpleAggregateFunction(max, Nullable(String)),
    message SimpleAggregateFunction(max, Nullable(String)),
    author_name SimpleAggregateFunction(max, Nullable(String)),
    author_email SimpleAggregateFunction(max, Nullable(String)),
    committed_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    authored_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    parents SimpleAggregateFunction(max, Array(String)),
    additions SimpleAggregateFunction(max, Nullable(UInt64)),
    deletions SimpleAggregateFunction(max, Nullable(UInt64)),
    url SimpleAggregateFunction(max, Nullable(String)),
    files_added SimpleAggregateFunction(max, Nullable(UInt64)),
    files_modified SimpleAggregateFunction(max, Nullable(UInt64)),
    files_removed SimpleAggregateFunction(max, Nullable(UInt64)),
    refs SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX committed_at_range committed_at TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, sha);
