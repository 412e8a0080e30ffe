-- One row a status that a pipeline reached: (pipeline, status, second). A status that ends it has its finished_at, created has its
-- created_at, and for the rest the body's newest status time stands in.
CREATE TABLE IF NOT EXISTS ${database}.pipeline_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    pipeline_id UInt64,
    status LowCardinality(String),
    as_of DateTime64(3, 'UTC') COMMENT 'Whole seconds',
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, pipeline_id, status, as_of);
