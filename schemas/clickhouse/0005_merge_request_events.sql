-- One row an observation of something that happened to a merge request, identified by what happened, never by the delivery:
-- two hooks and the API tell of one merge in one row. `opened` and `merged` are one a merge request, so that their actor and
-- second are not part of the key (actor '' and second 0). Versions as in merge_request_facts: an exact time outranks a derived one.
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
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, merge_request_iid, action, actor, second, oldrev);

-- Observations of one action by one actor at most five seconds apart, with nothing opposite between, are one event: a webhook dates it
-- by updated_at, the API by the state event's created_at, and `approval` and `approved` of one click differ by their own moments.
CREATE VIEW IF NOT EXISTS ${database}.merge_request_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the merge request',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within the project',
    action LowCardinality(String) COMMENT 'opened, updated, approved, unapproved, merged, closed or reopened',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened',
    actor_id Nullable(UInt64) COMMENT 'Who did it; NULL where GitLab does not say',
    actor_username Nullable(String) COMMENT 'User name of who did it',
    oldrev Nullable(String) COMMENT 'For an update that brought new commits: the head before them',
    system_action Nullable(String) COMMENT 'For what GitLab did by itself: approvals_reset_on_push, ...',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
AS
WITH observed AS
(
    SELECT
        instance, project_id, merge_request_iid, action, actor, second, oldrev,
        tupleElement(facts.occurred_at, 4) AS at,
        tupleElement(facts.actor_id, 4) AS by_id,
        tupleElement(facts.actor_username, 4) AS by_username,
        system_action, first_received_at, arraySort(tenants) AS sorted_tenants, arraySort(origins) AS sorted_origins,
        -- What undoes what: an approval is undone by its own person or by a reset, a state by anybody.
        multiIf(action IN ('approved', 'unapproved'), concat('approval by ', actor),
                action IN ('closed', 'reopened'), 'state',
                concat(action, ' ', actor, ' ', oldrev)) AS thread
    FROM ${database}.merge_request_event_facts AS facts FINAL
),
placed AS
(
    SELECT
        *,
        max(if(action = 'approved', second, NULL)) OVER thread_so_far AS last_approved,
        max(if(action = 'unapproved', second, NULL)) OVER thread_so_far AS last_unapproved,
        max(if(action = 'closed', second, NULL)) OVER thread_so_far AS last_closed,
        max(if(action = 'reopened', second, NULL)) OVER thread_so_far AS last_reopened,
        max(if(system_action IS NOT NULL, second, NULL)) OVER request_so_far AS last_reset,
        lagInFrame(toNullable(second)) OVER same_actor AS previous
    FROM observed
    WINDOW
        thread_so_far AS (PARTITION BY instance, project_id, merge_request_iid, thread ORDER BY second, action, actor
                          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        request_so_far AS (PARTITION BY instance, project_id, merge_request_iid ORDER BY second
                           RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        same_actor AS (PARTITION BY instance, project_id, merge_request_iid, action, actor, oldrev ORDER BY second
                       ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    instance, project_id, merge_request_iid, action, at AS occurred_at, by_id AS actor_id, by_username AS actor_username,
    nullIf(oldrev, '') AS oldrev, system_action, first_received_at, sorted_tenants AS tenants, sorted_origins AS origins
FROM placed
WHERE previous IS NULL
    OR second - previous > 5
    OR ifNull(multiIf(action = 'approved', greatest(ifNull(last_unapproved, previous - 1), ifNull(last_reset, previous - 1)),
                      action = 'unapproved', last_approved,
                      action = 'closed', last_reopened,
                      action = 'reopened', last_closed,
                      NULL) >= previous, false);
