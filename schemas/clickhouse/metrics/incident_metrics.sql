-- Incidents, each attributed to a deployment: the last production success of its project within the 24 hours before the incident was created.
-- GitLab links incidents to no deployment. An incident that was moved to another project counts there.
CREATE OR REPLACE VIEW ${database}.incident_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    issue_id UInt64 COMMENT 'GitLab id of the issue that is an incident now, whatever type it was created with',
    iid Nullable(UInt64) COMMENT 'Number within the project',
    created_at DateTime('UTC') COMMENT 'When it was created',
    closed_at Nullable(DateTime('UTC')) COMMENT 'When it was last closed; NULL while it is open or reopened',
    restore_seconds Nullable(Int64) COMMENT 'From created_at to closed_at',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that it is attributed to; NULL if there is none',
    reason LowCardinality(String) COMMENT 'unattributed if nothing was deployed to production within the 24 hours before; else empty',
    confidential Bool COMMENT 'Whether the issue is confidential'
)
${security}
AS
WITH both AS
(
    SELECT
        instance, project_id, issues.id AS issue_id, issues.iid AS iid, toInt64(toUnixTimestamp(assumeNotNull(issues.created_at))) AS second, toUInt64(0) AS by_id,
        toNullable(toInt64(toUnixTimestamp(issues.closed_at))) AS closed_second, issues.confidential AS confidential
    FROM ${database}.issues AS issues
    WHERE issues.type = 'incident' AND issues.created_at IS NOT NULL AND issues.moved_to_id IS NULL AND issues.deleted_at IS NULL
    UNION ALL
    SELECT
        instance, project_id, 0 AS issue_id, NULL AS iid,
        toInt64(toUnixTimestamp(assumeNotNull(coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at)))) AS second, deployments.id AS by_id,
        NULL AS closed_second, false AS confidential
    FROM ${database}.deployments AS deployments
    WHERE deployments.status = 'success' AND deployments.environment_tier = 'production'
        AND coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at) IS NOT NULL
),
blamed AS
(
    SELECT
        *, maxIf((second, by_id), by_id > 0) OVER (
            PARTITION BY instance, project_id ORDER BY second RANGE BETWEEN 86400 PRECEDING AND CURRENT ROW) AS last_success
    FROM both
)
SELECT
    instance, project_id, issue_id, iid, toDateTime(second, 'UTC') AS created_at, toDateTime(closed_second, 'UTC') AS closed_at,
    if(closed_second < second, 0, closed_second - second) AS restore_seconds,
    if(last_success.2 > 0, toNullable(last_success.2), NULL) AS deployment_id, if(last_success.2 > 0, '', 'unattributed') AS reason, confidential
FROM blamed
WHERE by_id = 0;
