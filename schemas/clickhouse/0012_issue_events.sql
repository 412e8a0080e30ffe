-- One row an observation of something that happened to an issue, as in merge_request_event_facts. `opened` is one an issue: its actor and
-- second are not part of the key (actor '' and second 0). Nor is the actor that of `closed` and `reopened`: nobody closes what is closed,
-- and not every body names who it was. The second comes first in the key after the issue, so that the view reads what is near in time
-- without sorting.
CREATE TABLE IF NOT EXISTS ${database}.issue_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    issue_id UInt64,
    action LowCardinality(String),
    actor String COMMENT 'For updated: user id, else @username, else empty',
    second Int64 COMMENT 'Whole seconds since 1970',
    occurred_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    actor_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    actor_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX occurred_at_range tupleElement(occurred_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, issue_id, second, action, actor)
SETTINGS index_granularity = 1024;
