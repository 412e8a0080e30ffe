-- Delivery per day, tier and project, in UTC, for dashboards. Medians are per day: for longer periods query lead_times, since a median of medians
-- is wrong.
CREATE OR REPLACE VIEW ${database}.dora_daily ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    tier LowCardinality(String) COMMENT 'Tier of the environments',
    day Date COMMENT 'Day in UTC: of the end of deployments; for merged, attributed and reasons, of the merge',
    deployments UInt64 COMMENT 'Deployments that succeeded',
    distinct_deployments UInt64 COMMENT 'The same, but one per commit and tier',
    changes UInt64 COMMENT 'Of these, changes and first deployments',
    repeats UInt64 COMMENT 'Of these, repeats of the same commit',
    rollbacks UInt64 COMMENT 'Of these, rollbacks to an earlier commit',
    failed_attempts UInt64 COMMENT 'Deployments that failed: nothing was delivered',
    failed_by_rollback UInt64 COMMENT 'Deployments that the next success rolled back',
    failed_by_incident UInt64 COMMENT 'Deployments with an attributed incident',
    failed_by_rework UInt64 COMMENT 'Deployments with a merge request that a later deployment reverted',
    lead_times UInt64 COMMENT 'Merge requests delivered by the deployments of the day',
    lead_time_median_seconds Nullable(Float64) COMMENT 'Median of their lead times from the merge; NULL if there are none',
    first_commit_lead_times UInt64 COMMENT 'Those of them whose first commit is known',
    first_commit_lead_time_median_seconds Nullable(Float64) COMMENT 'Median of their lead times from the first commit; NULL if there are none',
    merged UInt64 COMMENT 'Merge requests that were merged on the day',
    attributed UInt64 COMMENT 'Those of them that were delivered to the tier at any time; coverage is attributed / (merged - awaiting - promotion)',
    reasons Map(LowCardinality(String), UInt64) COMMENT 'The others, by the reason why they are not attributed'
)
${security}
AS
WITH
rows AS
(
    SELECT
        instance, project_id, deployments.tier AS its_tier, assumeNotNull(finished_at) AS at, 'deployment' AS kind, is_successful, is_failed, is_first_of_tier, change,
        failed_by_rollback, failed_by_incident, failed_by_rework, toInt64(0) AS seconds, CAST(NULL, 'Nullable(Int64)') AS commit_seconds, '' AS why
    FROM ${database}.deployment_metrics AS deployments
    WHERE finished_at IS NOT NULL AND (is_successful OR is_failed)
    UNION ALL
    SELECT
        instance, project_id, requests.tier AS its_tier, moment.1 AS at, moment.2 AS kind, false, false, false, '',
        false, false, false, ifNull(lead_time_seconds, 0) AS seconds, first_commit_lead_time_seconds AS commit_seconds, requests.reason AS why
    FROM ${database}.lead_times AS requests
    ARRAY JOIN arrayConcat([(merged_at, 'merged')], if(deployed_at IS NULL, [], [(assumeNotNull(deployed_at), 'delivered')])) AS moment
)
SELECT
    instance, project_id, its_tier AS tier, toDate(at, 'UTC') AS day,
    countIf(is_successful) AS deployments, countIf(is_first_of_tier) AS distinct_deployments, countIf(change IN ('first', 'change')) AS changes,
    countIf(change = 'repeat') AS repeats, countIf(change = 'rollback') AS rollbacks, countIf(is_failed) AS failed_attempts,
    countIf(rows.failed_by_rollback) AS failed_by_rollback, countIf(rows.failed_by_incident) AS failed_by_incident, countIf(rows.failed_by_rework) AS failed_by_rework,
    countIf(kind = 'delivered') AS lead_times,
    if(lead_times = 0, NULL, quantileExactInclusiveIf(0.5)(seconds, kind = 'delivered')) AS lead_time_median_seconds,
    countIf(kind = 'delivered' AND commit_seconds IS NOT NULL) AS first_commit_lead_times,
    if(first_commit_lead_times = 0, NULL, quantileExactInclusiveIf(0.5)(assumeNotNull(commit_seconds), kind = 'delivered' AND commit_seconds IS NOT NULL)) AS first_commit_lead_time_median_seconds,
    countIf(kind = 'merged') AS merged, countIf(kind = 'merged' AND why = '') AS attributed,
    mapFilter((name, number) -> number > 0, sumMapIf(map(toLowCardinality(why), toUInt64(1)), kind = 'merged' AND why != '')) AS reasons
FROM rows
GROUP BY instance, project_id, tier, day
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
