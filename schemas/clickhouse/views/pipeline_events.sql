-- A running pipeline is reported repeatedly, each time as of its newest job. Observations of one status without another status between them are one
-- event, as of the first. The end of a pipeline has its own time: two ends without anything between them are two events.
CREATE OR REPLACE VIEW ${database}.pipeline_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if an old GitLab does not say',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    status LowCardinality(String) COMMENT 'The status that it reached; from the API only the final one',
    as_of DateTime64(3, 'UTC') COMMENT 'Whole second: its finish for success, failed and canceled, its creation for created; else the newest time in the first event with this status, including the times of its jobs, because GitLab does not say when the status itself changed',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS
WITH told AS
(
    SELECT
        instance, project_id, pipeline_id, status, as_of AS told_at, tenants AS told_by, origins AS told_through, first_received_at AS received,
        -- The order of statuses within one second, as GitLab goes through them.
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
