-- GitLab's DORA metrics, by its own formulas, from its links and lists: for comparison with GitLab, not for decisions. Days are in UTC. For longer
-- periods GitLab adds up frequency and incidents, and takes the median of daily medians. The change failure rate is sum(incidents_count) /
-- greatest(sum(deployment_frequency), 1): it counts incidents, not failed deployments, and exceeds 1 if there are more incidents than deployments.
CREATE OR REPLACE VIEW ${database}.gitlab_dora_daily ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    environment String COMMENT 'Name of the environment',
    tier LowCardinality(String) COMMENT 'Tier of its deployments of the day; incidents count in each production environment, with or without deployments',
    day Date COMMENT 'Day in UTC',
    deployment_frequency UInt64 COMMENT 'Deployments that succeeded on the day, including repeats and rollbacks',
    lead_time_for_changes_seconds Nullable(Int64) COMMENT 'Median, over these and the merge requests that GitLab links to them, from the merge to the end of the deployment; NULL if there are no links, or the API did not list them',
    incidents_count UInt64 COMMENT 'Incidents of the project created on the day',
    time_to_restore_seconds Nullable(Int64) COMMENT 'Median, over the incidents of the project closed on the day, from created to closed; NULL if there are none'
)
${security}
AS
WITH
told AS
(
    SELECT
        deployments.instance AS instance, deployments.project_id AS project_id, ifNull(deployments.environment, '') AS its_environment, ifNull(environment_tier, '') AS its_tier,
        toInt64(toUnixTimestamp(assumeNotNull(coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at)))) AS second,
        arrayConcat([(second, 'deployment', toInt64(0))], arrayMap(merged_second -> (second, 'link', second - merged_second), links.merged_seconds)) AS things
    FROM ${database}.deployments AS deployments
    LEFT ANY JOIN (
        SELECT instance, project_id, listed.deployment_id AS of_deployment, groupArray(intDiv(requests.place, 1000)) AS merged_seconds
        FROM ${database}.deployment_merge_requests AS listed
        INNER JOIN ${database}.merge_request_places AS requests
            ON requests.instance = listed.instance AND requests.project_id = listed.project_id AND requests.iid = listed.merge_request_iid
        WHERE listed.merge_request_project_id = listed.project_id
        GROUP BY instance, project_id, of_deployment
    ) AS links
        ON links.instance = deployments.instance AND links.project_id = deployments.project_id AND links.of_deployment = deployments.id
    WHERE deployments.status = 'success' AND coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at) IS NOT NULL
    UNION ALL
    SELECT
        instance, project_id, '' AS its_environment, 'incident' AS its_tier, toInt64(toUnixTimestamp(assumeNotNull(created_at))) AS second,
        arrayConcat([(second, 'incident', toInt64(0))], if(closed_at IS NULL, [], [(toInt64(toUnixTimestamp(assumeNotNull(closed_at))), 'restore', toInt64(toUnixTimestamp(assumeNotNull(closed_at))) - second)])) AS things
    FROM ${database}.issues AS issues
    WHERE issues.type = 'incident' AND issues.created_at IS NOT NULL AND issues.deleted_at IS NULL
),
spread AS
(
    SELECT instance, project_id, its_environment, its_tier, things, groupUniqArrayIf(its_environment, its_tier = 'production') OVER (PARTITION BY instance, project_id) AS productions
    FROM told
),
single AS
(
    SELECT
        instance, project_id, arrayJoin(if(its_tier = 'incident', arrayMap(name -> (name, 'production'), productions), [(its_environment, toString(its_tier))])) AS place,
        arrayJoin(things) AS thing
    FROM spread
)
SELECT
    instance, project_id, place.1 AS environment, place.2 AS tier, toDate(toDateTime(thing.1, 'UTC')) AS day,
    countIf(thing.2 = 'deployment') AS deployment_frequency,
    if(countIf(thing.2 = 'link') = 0, NULL, toInt64(roundBankers(quantileExactInclusiveIf(0.5)(thing.3, thing.2 = 'link')))) AS lead_time_for_changes_seconds,
    countIf(thing.2 = 'incident') AS incidents_count,
    if(countIf(thing.2 = 'restore') = 0, NULL, toInt64(roundBankers(quantileExactInclusiveIf(0.5)(thing.3, thing.2 = 'restore')))) AS time_to_restore_seconds
FROM single
GROUP BY instance, project_id, environment, tier, day
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
