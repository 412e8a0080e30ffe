-- Observations of one action by one actor at most five seconds apart, each from the one before, with nothing opposite between, are one
-- event: a webhook dates it by updated_at, the API by the state event's created_at, and `approval` and `approved` of one click differ by
-- their own moments. Opposite is, to an approval: the same person's unapproval, and any reset (a row with system_action); to a person's
-- unapproval: that person's approval; where one of the two rows is a reset: anybody's approval; to closed and reopened: each other,
-- by anybody. A frame is a RANGE over whole seconds, so that an opposite in the very second of either row counts as between.
CREATE OR REPLACE VIEW ${database}.merge_request_events ${on_cluster}
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
${security}
AS
WITH seen AS
(
    SELECT
        instance, project_id, merge_request_iid, action, actor, second,
        facts.oldrev AS head_before,
        facts.system_action AS reset,
        tupleElement(facts.occurred_at, 4) AS at,
        tupleElement(facts.actor_id, 4) AS by_id,
        tupleElement(facts.actor_username, 4) AS by_username,
        facts.first_received_at AS received,
        facts.tenants AS told_by,
        facts.origins AS told_through,
        -- Whatever happened to the merge request within five seconds before, and in this one.
        groupArray((second, action, actor, facts.oldrev, facts.system_action IS NOT NULL)) OVER (
            PARTITION BY instance, project_id, merge_request_iid ORDER BY second RANGE BETWEEN 5 PRECEDING AND CURRENT ROW
        ) AS around
    FROM ${database}.merge_request_event_facts AS facts FINAL
),
placed AS
(
    SELECT
        *,
        arrayLast(e -> e.1 < second AND e.2 = action AND e.3 = actor AND e.4 = head_before, around) AS previous,
        previous.1 = 0
            OR arrayExists(
                e -> e.1 >= previous.1 AND multiIf(
                    action = 'approved', e.5 OR (e.2 = 'unapproved' AND e.3 = actor),
                    action = 'unapproved', e.2 = 'approved' AND (e.3 = actor OR reset IS NOT NULL OR previous.5),
                    action = 'closed', e.2 = 'reopened',
                    action = 'reopened', e.2 = 'closed',
                    false),
                around) AS begins
    FROM seen
),
chained AS
(
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY instance, project_id, merge_request_iid, action, actor, head_before ORDER BY second
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS chain
    FROM placed
)
-- argMin passes over NULL: the actor is that of the first row that names one.
SELECT
    instance, project_id, merge_request_iid, action,
    min(at) AS occurred_at,
    argMin(by_id, second) AS actor_id,
    argMin(by_username, second) AS actor_username,
    nullIf(head_before, '') AS oldrev,
    max(reset) AS system_action,
    min(received) AS first_received_at,
    arraySort(groupUniqArrayArray(told_by)) AS tenants,
    arraySort(groupUniqArrayArray(told_through)) AS origins
FROM chained
GROUP BY instance, project_id, merge_request_iid, action, actor, head_before, chain;
