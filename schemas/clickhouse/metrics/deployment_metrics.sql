-- Deployments for delivery metrics: what each changed, and whether it failed, by four definitions that are never added up.
CREATE OR REPLACE VIEW ${database}.deployment_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    deployment_id UInt64 COMMENT 'GitLab id of the deployment',
    environment String COMMENT 'Name of the environment',
    tier LowCardinality(String) COMMENT 'Tier of the environment; empty if unknown',
    ref String COMMENT 'Branch or tag that was deployed',
    sha String COMMENT 'The deployed commit; part of the SHA, or empty, if GitLab sent no more',
    status LowCardinality(String) COMMENT 'created, blocked, running, success, failed, canceled, skipped',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    finished_at Nullable(DateTime('UTC')) COMMENT 'When it ended; all metrics count it on this day; NULL while it runs',
    is_successful Bool COMMENT 'Whether status is success',
    is_failed Bool COMMENT 'Whether status is failed',
    change LowCardinality(String) COMMENT 'What a success did to its environment: first (the first on record), change, repeat (the same commit again), rollback (an earlier commit); empty for the rest',
    is_first_of_tier Bool COMMENT 'Whether it is the first success of this SHA in its tier: two environments of one tier are one delivery',
    branch String COMMENT 'Branch that contains it; empty if unknown',
    place Int64 COMMENT 'Its position on that branch, as merge_request_places.place',
    evidence LowCardinality(String) COMMENT 'How its place was determined: sha, short_sha, walk; empty if unknown',
    place_reason LowCardinality(String) COMMENT 'Why its place is unknown: deployment_sha_unknown, chain_gap; else empty',
    merge_requests UInt64 COMMENT 'Merge requests that it delivered, as lead_times attributes them',
    blocked_seconds Nullable(Int64) COMMENT 'From blocked to the first approval; NULL if it was not blocked or not approved',
    failed_by_rollback Bool COMMENT 'Whether the next success of its environment rolled it back',
    rollback_recovery_seconds Nullable(Int64) COMMENT 'From its end to that of the rollback',
    retry_recovery_seconds Nullable(Int64) COMMENT 'For a failed deployment: from its end to the next success of its environment',
    incidents UInt64 COMMENT 'Number of incidents attributed to it by incident_metrics, as far as the reader may see them',
    failed_by_incident Bool COMMENT 'Whether an incident is attributed to it',
    incident_restore_seconds Nullable(Int64) COMMENT 'From the first of these incidents to the end of the last one; NULL while one is open',
    failed_by_rework Bool COMMENT 'Whether a merge request that it delivered was reverted by one delivered by a later deployment of its tier'
)
${security}
AS
WITH
placed AS
(
    SELECT
        deployments.instance AS instance, deployments.project_id AS project_id, deployments.id AS id, ifNull(deployments.environment, '') AS in_environment,
        ifNull(deployments.environment_tier, '') AS in_tier, ifNull(deployments.ref, '') AS of_ref, coalesce(nullIf(deployments.sha, ''), deployments.short_sha, '') AS of_sha,
        ifNull(deployments.status, '') AS has_status, toNullable(toInt64(toUnixTimestamp(deployments.created_at))) AS created,
        if(has_status IN ('success', 'failed', 'canceled', 'skipped'),
            toNullable(toInt64(toUnixTimestamp(coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at)))), NULL) AS ended,
        has_status = 'success' AND ended IS NOT NULL AS succeeds,
        own_places.stand AS stand, if(stand.3 IN ('sha', 'short_sha', 'walk'), stand.2, 0) AS stands,
        -- A commit pushed after the landing of a merge request is beyond it.
        stands * 2 + (stand.3 = 'walk') AS reach, own_places.others AS others
    FROM ${database}.deployments AS deployments
    -- If there are several branches, the one of its own landing SHA.
    LEFT ANY JOIN (
        SELECT
            instance, project_id, places.sha AS placed_sha,
            argMax((places.branch, places.place, toString(places.word)), (places.word != 'promotion', places.place, places.branch)) AS stand,
            groupArrayIf((places.branch, places.place * 2), places.place > 0) AS others
        FROM ${database}.sha_places AS places
        GROUP BY instance, project_id, placed_sha
    ) AS own_places
        ON own_places.instance = deployments.instance AND own_places.project_id = deployments.project_id
        AND own_places.placed_sha = coalesce(nullIf(deployments.sha, ''), deployments.short_sha, '')
),
-- One row for its own branch, and one for each other branch that it carries: a deployment from a release branch is beyond what that branch was
-- created from.
told AS
(
    SELECT
        placed.* EXCEPT others, carried.1 AS on_branch, carried.2 AS is_own, carried.3 AS reaches,
        -- After a force push that removed merge requests a new chain begins.
        arrayCount(rewritten_second -> rewritten_second <= ended, rewritings.seconds) AS chain
    FROM placed
    ARRAY JOIN arrayPushFront(
        arrayMap(other -> (other.1, false, other.2), if(succeeds, arrayFilter(other -> other.1 != stand.1, others), [])), (stand.1, true, reach)) AS carried
    LEFT ANY JOIN (
        SELECT instance, project_id, branch AS of_branch, groupUniqArray(toInt64(toUnixTimestamp(rewritten_at))) AS seconds
        FROM ${database}.merge_request_places
        WHERE rewritten_at IS NOT NULL
        GROUP BY instance, project_id, of_branch
    ) AS rewritings
        ON rewritings.instance = placed.instance AND rewritings.project_id = placed.project_id AND rewritings.of_branch = carried.1
),
-- In order of time, per environment name.
ordered AS
(
    SELECT
        *,
        countIf(succeeds AND is_own) OVER earlier AS earlier_successes,
        countIf(succeeds AND is_own) OVER same_sha AS earlier_of_sha,
        maxIf(reaches, succeeds) OVER by_branch AS frontier,
        argMaxIf(of_sha, (ended, id), succeeds AND is_own) OVER earlier AS last_sha,
        countIf(succeeds AND is_own) OVER (
            PARTITION BY instance, project_id, in_tier, of_sha ORDER BY ended, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_in_tier
    FROM told
    WINDOW
        earlier AS (PARTITION BY instance, project_id, in_environment ORDER BY ended, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        same_sha AS (PARTITION BY instance, project_id, in_environment, of_sha ORDER BY ended, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        by_branch AS (PARTITION BY instance, project_id, in_environment, on_branch, chain ORDER BY ended, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
changed AS
(
    SELECT
        *,
        multiIf(
            NOT succeeds, '',
            earlier_successes = 0, 'first',
            stands > 0 AND reach < frontier, 'rollback',
            earlier_of_sha = 0, 'change',
            last_sha = of_sha OR (stands > 0 AND reach = frontier), 'repeat',
            'rollback') AS does
    FROM ordered
    WHERE is_own
),
taken_back AS
(
    SELECT
        *,
        -- The next success of the environment, and what it did; computed backwards, since a frame that begins at each row would be summed up again
        -- for each.
        minIf((assumeNotNull(ended), id, does), succeeds) OVER (
            PARTITION BY instance, project_id, in_environment ORDER BY ended DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS followed_by
    FROM changed
),
delivered AS
(
    SELECT
        instance, project_id, tier, requests.1 AS of_iid,
        maxIf(deliveries.deployment_id, requests.2) AS by_id, maxIf(deployed_at, requests.2) AS delivered_at, maxIf(deployed_at, NOT requests.2) AS reverted_at
    FROM ${database}.deliveries AS deliveries
    -- It is delivered, and reverts others.
    ARRAY JOIN arrayPushBack(arrayMap(reverted -> (reverted, false), reverts), (iid, true)) AS requests
    WHERE deliveries.environment = '' AND deliveries.deployment_id IS NOT NULL
    GROUP BY instance, project_id, tier, of_iid
),
of_deployments AS
(
    SELECT instance, project_id, assumeNotNull(by_id) AS by_deployment, count() AS requests, max(ifNull(reverted_at > delivered_at, false)) AS is_reworked
    FROM delivered WHERE by_id IS NOT NULL
    GROUP BY instance, project_id, by_deployment
),
blamed AS
(
    SELECT
        instance, project_id, assumeNotNull(incident_metrics.deployment_id) AS on_deployment, count() AS number,
        if(countIf(incident_metrics.closed_at IS NULL) > 0, NULL, max(toInt64(toUnixTimestamp(incident_metrics.closed_at))) - min(toInt64(toUnixTimestamp(incident_metrics.created_at)))) AS restored_after
    FROM ${database}.incident_metrics AS incident_metrics
    WHERE incident_metrics.deployment_id IS NOT NULL
    GROUP BY instance, project_id, on_deployment
),
waits AS
(
    SELECT
        instance, project_id, deployment_events.deployment_id AS of_deployment,
        minIf(toInt64(toUnixTimestamp(occurred_at)), status = 'blocked' AND occurred_at IS NOT NULL) AS blocked_at,
        minIf(toInt64(toUnixTimestamp(occurred_at)), status = 'approved' AND occurred_at IS NOT NULL) AS approved_at
    FROM ${database}.deployment_events AS deployment_events
    WHERE status IN ('blocked', 'approved')
    GROUP BY instance, project_id, of_deployment
)
SELECT
    taken_back.instance AS instance, taken_back.project_id AS project_id, taken_back.id AS deployment_id, in_environment AS environment, in_tier AS tier, of_ref AS ref, of_sha AS sha,
    has_status AS status, toDateTime(created, 'UTC') AS created_at, toDateTime(ended, 'UTC') AS finished_at, toBool(succeeds) AS is_successful, toBool(has_status = 'failed') AS is_failed,
    does AS change, toBool(succeeds AND of_sha != '' AND earlier_in_tier = 0) AS is_first_of_tier,
    if(stands > 0, stand.1, '') AS branch, stands AS place, if(stands > 0, stand.3, '') AS evidence,
    if(succeeds AND stands = 0, stand.3, '') AS place_reason,
    of_deployments.requests AS merge_requests,
    if(waits.approved_at >= waits.blocked_at AND waits.blocked_at > 0, toNullable(waits.approved_at - waits.blocked_at), NULL) AS blocked_seconds,
    toBool(does IN ('first', 'change') AND followed_by.3 = 'rollback') AS failed_by_rollback,
    if(failed_by_rollback, toNullable(followed_by.1 - ended), NULL) AS rollback_recovery_seconds,
    if(is_failed AND followed_by.2 > 0, toNullable(followed_by.1 - ended), NULL) AS retry_recovery_seconds,
    blamed.number AS incidents, toBool(blamed.number > 0) AS failed_by_incident,
    if(blamed.number > 0, blamed.restored_after, NULL) AS incident_restore_seconds,
    toBool(of_deployments.is_reworked) AS failed_by_rework
FROM taken_back
LEFT ANY JOIN of_deployments
    ON of_deployments.instance = taken_back.instance AND of_deployments.project_id = taken_back.project_id AND of_deployments.by_deployment = taken_back.id
LEFT ANY JOIN blamed ON blamed.instance = taken_back.instance AND blamed.project_id = taken_back.project_id AND blamed.on_deployment = taken_back.id
LEFT ANY JOIN waits ON waits.instance = taken_back.instance AND waits.project_id = taken_back.project_id AND waits.of_deployment = taken_back.id
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
