-- One row an observation of something that happened to a merge request, identified by what happened, never by the delivery:
-- two hooks and the API tell of one merge in one row. `opened` and `merged` are one a merge request, so that their actor and
-- second are not part of the key (actor '' and second 0). Versions as in merge_request_facts: an exact time outranks a derived one.
-- The second comes first in the key after the merge request, so that the view reads what is near in time without sorting.
CREATE TABLE IF NOT EXISTS ${database}.merge_request_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    merge_request_iid UInt64,
    action LowCardinality(String),
    actor String COMMENT 'User id, else @username, else empty',
    second Int64 COMMENT 'Whole seconds since 1970',
    oldrev String COMMENT 'Head before new commits arrived, for an update that brought some',
    occurred_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC')))),
    actor_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64))),
    actor_username SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String))),
    system_action SimpleAggregateFunction(max, Nullable(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX occurred_at_range tupleElement(occurred_at, 4) TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, merge_request_iid, second, action, actor, oldrev)
SETTINGS index_granularity = 1024;
