-- One row a status that a deployment reached, and one a person who approved or rejected it: no key has a time, because a deployment
-- reaches a status once and a person decides once.
CREATE TABLE IF NOT EXISTS ${database}.deployment_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    deployment_id UInt64,
    status LowCardinality(String),
    actor String COMMENT 'Id of who approved or rejected it, or @name where GitLab sends no id; empty for a status',
    occurred_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    actor_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    actor_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    comment SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX occurred_at_range tupleElement(occurred_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, deployment_id, status, actor)
SETTINGS index_granularity = 1024;
