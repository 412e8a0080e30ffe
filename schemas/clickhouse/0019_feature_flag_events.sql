-- One row a delivery of a switch of a feature flag; the view makes one event of deliveries of one flag, state and actor that are less than
-- ten minutes apart, each from the one before. A body carries neither a time nor an id of the switch: receipt stands in, the earliest.
CREATE TABLE IF NOT EXISTS ${database}.feature_flag_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    flag String COMMENT 'Id of the flag, else its name, which never starts with a digit',
    active Bool,
    actor String COMMENT 'User id, else @username, else empty',
    event_id UUID,
    project_path SimpleAggregateFunction(max, Nullable(String)),
    flag_id SimpleAggregateFunction(max, Nullable(UInt64)),
    name SimpleAggregateFunction(max, Nullable(String)),
    description SimpleAggregateFunction(max, Nullable(String)),
    actor_id SimpleAggregateFunction(max, Nullable(UInt64)),
    actor_username SimpleAggregateFunction(max, Nullable(String)),
    tenant SimpleAggregateFunction(max, String),
    origin SimpleAggregateFunction(max, String),
    received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, flag, active, actor, event_id);
