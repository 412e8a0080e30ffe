-- A pipeline that goes on running is told as running again and again, each time as of its newest job. Observations of one status with no other
-- between are one, as of the first. The end of a pipeline has a time of its own: two ends with nothing told between are two.
CREATE OR REPLACE VIEW ${database}.pipeline_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where an old GitLab does not say',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    status LowCardinality(String) COMMENT 'The status it reached; from the API only the one it finished with',
    as_of DateTime64(3, 'UTC') COMMENT 'Whole second: when it finished for success, failed and canceled, when it was created for created; else the newest status time in the first event that said so, the times of its jobs included, because GitLab does not say when the status itself changed',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
${security}
AS
WITH told AS
(
    SELECT
        instance, project_id, pipeline_id, status, as_of AS told_at, tenants AS told_by, origins AS told_through, first_received_at AS received,
        -- Statuses that share a second, in the order in which GitLab goes through them.
        indexOf(['created', 'waiting_for_resource', 'preparing', 'scheduled', 'pending', 'running', 'manual', 'canceling',
            'success', 'failed', 'canceled', 'skipped'], status) AS rank
    FROM ${database}.pipeline_event_facts FINAL
),
placed AS
(
    SELECT
        *,
        lagInFrame(toNullable(toString(status))) OVER (
            PARTITION BY instance, project_id, pipeline_id ORDER BY told_at, rank, status ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS before,
        status IN ('success', 'failed', 'canceled') OR ifNull(before != status, true) AS begins
    FROM told
),
chained AS
(
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY instance, project_id, pipeline_id ORDER BY told_at, rank, status ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS chain
    FROM placed
)
SELECT
    instance, project_id, pipeline_id, status,
    min(told_at) AS as_of,
    min(received) AS first_received_at,
    arraySort(groupUniqArrayArray(told_by)) AS tenants,
    arraySort(groupUniqArrayArray(told_through)) AS origins
FROM chained
GROUP BY instance, project_id, pipeline_id, status, chain;
