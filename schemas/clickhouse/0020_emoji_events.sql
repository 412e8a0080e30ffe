-- One row an emoji that was awarded, and one if it was revoked. An award never changes, so its columns need no version: what one face
-- lacks, the other fills. A revocation has no time of its own, unless it moved updated_at: then the first receipt stands in.
CREATE TABLE IF NOT EXISTS ${database}.emoji_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    id UInt64,
    event_type LowCardinality(String),
    occurred_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    project_path SimpleAggregateFunction(max, Nullable(String)),
    name SimpleAggregateFunction(max, Nullable(String)),
    awardable_type SimpleAggregateFunction(max, Nullable(String)),
    awardable_id SimpleAggregateFunction(max, Nullable(UInt64)),
    awardable_iid SimpleAggregateFunction(max, Nullable(UInt64)),
    noteable_type SimpleAggregateFunction(max, Nullable(String)),
    noteable_id SimpleAggregateFunction(max, Nullable(UInt64)),
    noteable_iid SimpleAggregateFunction(max, Nullable(UInt64)),
    awarded_on_url SimpleAggregateFunction(max, Nullable(String)),
    user_id SimpleAggregateFunction(max, Nullable(UInt64)),
    user_username SimpleAggregateFunction(max, Nullable(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX occurred_at_range tupleElement(occurred_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, id, event_type)
SETTINGS index_granularity = 1024;
