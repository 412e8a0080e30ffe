-- Observations of one action by one actor are one event if each is at most five seconds after the one before, and nothing opposite is between them:
-- a webhook dates an event by updated_at, the API by the state event's created_at, and `approval` and `approved` of one click have different times.
-- Opposites are: to an approval, the same user's unapproval and any reset (a row with system_action); to a user's unapproval, the same user's
-- approval; if one of the two rows is a reset, anybody's approval; closed and reopened, by any actor; ready and drafted, by any actor. A frame is a
-- RANGE over whole seconds, so an opposite in the same second as either row counts as between.
CREATE OR REPLACE VIEW ${database}.merge_request_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the merge request',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within the project',
    action LowCardinality(String) COMMENT 'opened, updated, approved, unapproved, merged, closed, reopened, ready, drafted, retargeted, review_requested, reviewed, changes_requested or commented (by a person, without internal comments)',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened',
    actor_id Nullable(UInt64) COMMENT 'Who did it; NULL if GitLab does not say',
    actor_username Nullable(String) COMMENT 'User name of who did it',
    oldrev Nullable(String) COMMENT 'For an update that brought new commits: the head before them',
    note_id Nullable(UInt64) COMMENT 'For a comment: GitLab id of the note',
    system_action Nullable(String) COMMENT 'For an action of GitLab itself: approvals_reset_on_push, ...',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS
WITH told AS
(
    SELECT
        instance, project_id, merge_request_iid, actor,
        facts.action AS said,
        facts.second AS said_at,
        facts.oldrev AS head_before,
        facts.system_action AS reset,
        tupleElement(facts.occurred_at, 4) AS at,
        tupleElement(facts.actor_id, 4) AS by_id,
        tupleElement(facts.actor_username, 4) AS by_username,
        facts.first_received_at AS received,
        facts.tenants AS told_by,
        facts.origins AS told_through,
        min(if(facts.action = 'closed' AND facts.second > 0, toNullable(facts.second), NULL)) OVER whole AS closed_first_at,
        max(if(facts.action = 'opened' AND facts.second = 0, toInt64(toUnixTimestamp(tupleElement(facts.occurred_at, 4))), NULL)) OVER whole AS opened_at
    FROM ${database}.merge_request_event_facts AS facts FINAL
    WHERE facts.action != 'commented'
    WINDOW whole AS (PARTITION BY instance, project_id, merge_request_iid)
),
-- In the API's list of events `opened` may mean a reopening. It does if a closing is before it and it does not repeat the opening dated by the
-- merge request itself. Otherwise it is that opening.
named AS
(
    SELECT
        instance, project_id, merge_request_iid, actor, head_before, reset, at, by_id, by_username, received, told_by, told_through, said, said_at,
        said = 'opened' AND said_at > 0 AND ifNull(closed_first_at <= said_at, false) AND ifNull(said_at > opened_at + 5, true) AS again,
        if(again, 'reopened', said) AS action,
        if(said = 'opened' AND NOT again, 0, said_at) AS second
    FROM told
),
seen AS
(
    SELECT
        *,
        -- Everything that happened to the merge request in this second and the five seconds before.
        groupArray((second, action, actor, head_before, reset IS NOT NULL)) OVER (
            PARTITION BY instance, project_id, merge_request_iid ORDER BY second RANGE BETWEEN 5 PRECEDING AND CURRENT ROW
        ) AS around
    FROM named
),
placed AS
(
    SELECT
        *,
        arrayLast(e -> e.1 < second AND e.2 = action AND e.3 = actor AND e.4 = head_before, around) AS previous,
        action != 'opened' AND (previous.1 = 0
            OR arrayExists(
                e -> e.1 >= previous.1 AND multiIf(
                    action = 'approved', e.5 OR (e.2 = 'unapproved' AND e.3 = actor),
                    action = 'unapproved', e.2 = 'approved' AND (e.3 = actor OR reset IS NOT NULL OR previous.5),
                    action = 'closed', e.2 = 'reopened',
                    action = 'reopened', e.2 = 'closed',
                    action = 'ready', e.2 = 'drafted',
                    action = 'drafted', e.2 = 'ready',
                    false),
                around)) AS begins
    FROM seen
),
-- Rows of one second form one chain, such as `reopened` and a later `opened` of that second.
chained AS
(
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY instance, project_id, merge_request_iid, action, actor, head_before ORDER BY second
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS chain
    FROM placed
)
-- argMin ignores NULL: the actor comes from the first row that names one. The opening dated by the merge request itself has no second in its key,
-- and is preferred to events of the list.
SELECT
    instance, project_id, merge_request_iid, action,
    ifNull(minIf(at, said_at = 0), min(at)) AS occurred_at,
    argMin(by_id, (said_at, said)) AS actor_id,
    argMin(by_username, (said_at, said)) AS actor_username,
    nullIf(head_before, '') AS oldrev,
    CAST(NULL, 'Nullable(UInt64)') AS note_id,
    max(reset) AS system_action,
    min(received) AS first_received_at,
    arraySort(groupUniqArrayArray(told_by)) AS tenants,
    arraySort(groupUniqArrayArray(told_through)) AS origins
FROM chained
GROUP BY instance, project_id, merge_request_iid, action, actor, head_before, chain
UNION ALL
-- A comment is identified by its id, which is in the key where other actions have the previous head.
SELECT
    instance, project_id, merge_request_iid, action,
    tupleElement(comments.occurred_at, 4) AS occurred_at,
    tupleElement(comments.actor_id, 4) AS actor_id,
    tupleElement(comments.actor_username, 4) AS actor_username,
    NULL AS oldrev,
    toUInt64OrNull(comments.oldrev) AS note_id,
    NULL AS system_action,
    comments.first_received_at AS first_received_at,
    arraySort(comments.tenants) AS tenants,
    arraySort(comments.origins) AS origins
FROM ${database}.merge_request_event_facts AS comments FINAL
WHERE comments.action = 'commented';
