-- Observations of one action by one actor are one event if each is at most five seconds after the one before, and nothing opposite is between them:
-- a webhook dates a reopening by updated_at, the API by the state event's created_at. Closed and reopened are opposites, by any actor. A frame is a
-- RANGE over whole seconds, so an opposite in the same second as either row counts as between.
CREATE OR REPLACE VIEW ${database}.issue_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the issue; 0 for an issue of a group, such as an epic',
    issue_id UInt64 COMMENT 'GitLab id of the issue',
    action LowCardinality(String) COMMENT 'opened, updated, closed or reopened',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened',
    actor_id Nullable(UInt64) COMMENT 'Who did it; NULL if GitLab does not say',
    actor_username Nullable(String) COMMENT 'User name of who did it',
    confidential Bool COMMENT 'Whether only members of the project may see it: its issue is confidential now, or not known to be public',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS
WITH told AS
(
    SELECT
        instance, project_id, issue_id, actor,
        facts.action AS said,
        facts.second AS said_at,
        tupleElement(facts.occurred_at, 4) AS at,
        tupleElement(facts.actor_id, 4) AS by_id,
        tupleElement(facts.actor_username, 4) AS by_username,
        facts.first_received_at AS received,
        facts.tenants AS told_by,
        facts.origins AS told_through,
        min(if(facts.action = 'closed' AND facts.second > 0, toNullable(facts.second), NULL)) OVER whole AS closed_first_at,
        max(if(facts.action = 'opened' AND facts.second = 0, toInt64(toUnixTimestamp(tupleElement(facts.occurred_at, 4))), NULL)) OVER whole AS opened_at
    FROM ${database}.issue_event_facts AS facts FINAL
    WINDOW whole AS (PARTITION BY instance, project_id, issue_id)
),
-- In the API's list of events `opened` may mean a reopening. It does if a closing is before it and it does not repeat the opening dated by the
-- issue itself. Otherwise it is that opening.
named AS
(
    SELECT
        instance, project_id, issue_id, actor, at, by_id, by_username, received, told_by, told_through, said, said_at,
        said = 'opened' AND said_at > 0 AND ifNull(closed_first_at <= said_at, false) AND ifNull(said_at > opened_at + 5, true) AS again,
        if(again, 'reopened', said) AS action,
        if(said = 'opened' AND NOT again, 0, said_at) AS second
    FROM told
),
seen AS
(
    SELECT
        *,
        -- Everything that happened to the issue in this second and the five seconds before.
        groupArray((second, action, actor)) OVER (
            PARTITION BY instance, project_id, issue_id ORDER BY second RANGE BETWEEN 5 PRECEDING AND CURRENT ROW
        ) AS around
    FROM named
),
placed AS
(
    SELECT
        *,
        arrayLast(e -> e.1 < second AND e.2 = action AND e.3 = actor, around) AS previous,
        action != 'opened' AND (previous.1 = 0
            OR arrayExists(
                e -> e.1 >= previous.1 AND multiIf(
                    action = 'closed', e.2 = 'reopened',
                    action = 'reopened', e.2 = 'closed',
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
            PARTITION BY instance, project_id, issue_id, action, actor ORDER BY second
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS chain
    FROM placed
)
-- argMin ignores NULL: the actor comes from the first row that names one. The opening dated by the issue itself has no second in its key, and is
-- preferred to events of the list.
SELECT
    instance, project_id, issue_id, action,
    ifNull(minIf(at, said_at = 0), min(at)) AS occurred_at,
    argMin(by_id, (said_at, said)) AS actor_id,
    argMin(by_username, (said_at, said)) AS actor_username,
    toBool((instance, project_id, issue_id) NOT IN
        (SELECT instance, project_id, id FROM ${database}.issue_facts FINAL WHERE tupleElement(issue_facts.confidential, 4) = false)) AS confidential,
    min(received) AS first_received_at,
    arraySort(groupUniqArrayArray(told_by)) AS tenants,
    arraySort(groupUniqArrayArray(told_through)) AS origins
FROM chained
GROUP BY instance, project_id, issue_id, action, actor, chain;
