-- How a pipeline ended; the basis for the metrics of pipelines and jobs.
--
-- A pipeline was superseded if it was canceled and a newer one of the same ref and source began before it ended, or in the same second. For merge
-- requests the number replaces the ref, which the API does not name. Child pipelines neither supersede nor are superseded.
CREATE OR REPLACE VIEW ${database}.pipeline_outcomes ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    ref String COMMENT 'Branch or tag that it ran for; for a merge request its source branch, empty if only the API reported it',
    source LowCardinality(String) COMMENT 'What started it: push, web, schedule, merge_request_event, parent_pipeline, ...; empty if unknown',
    sha String COMMENT 'Commit that it ran for; for a merged-results pipeline, a commit made by GitLab',
    merge_request_iid Nullable(UInt64) COMMENT 'Number of the merge request that it ran for',
    is_root Bool COMMENT 'Whether no other pipeline of its project started it',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    finished_at Nullable(DateTime('UTC')) COMMENT 'When it last finished; a manual job played later changes it',
    status LowCardinality(String) COMMENT 'GitLab''s status',
    outcome LowCardinality(String) COMMENT 'success, failed, superseded, canceled, skipped or unfinished',
    duration_seconds Nullable(Int64) COMMENT 'GitLab''s duration: the time during which any of its jobs ran; NULL until it finished',
    queued_seconds Nullable(Int64) COMMENT 'Time from creation to start'
)
${security}
AS
WITH listed AS
(
    SELECT
        instance, project_id, id AS pipeline_id, ifNull(pipelines.ref, '') AS ref, ifNull(pipelines.source, '') AS source, ifNull(pipelines.sha, '') AS sha,
        merge_request_iid, ifNull(pipelines.status, '') AS status,
        toDateTime(pipelines.created_at, 'UTC') AS created_at, toDateTime(pipelines.finished_at, 'UTC') AS finished_at,
        toInt64(floor(pipelines.duration_seconds)) AS duration_seconds, toInt64(floor(pipelines.queued_seconds)) AS queued_seconds,
        toBool(source != 'parent_pipeline' AND (parent_pipeline_id IS NULL OR ifNull(parent_project_id != project_id, false))) AS is_root,
        if(merge_request_iid IS NULL, ref, concat('!', toString(merge_request_iid))) AS line
    FROM ${database}.pipelines AS pipelines
)
SELECT
    instance, project_id, pipeline_id, ref, source, sha, merge_request_iid, is_root, created_at, finished_at, status,
    multiIf(
        status IN ('success', 'failed', 'skipped'), status,
        status != 'canceled', 'unfinished',
        ifNull(
            min(if(is_root, created_at, NULL)) OVER (
                PARTITION BY instance, project_id, source, line ORDER BY pipeline_id DESC RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) <= finished_at, false), 'superseded',
        'canceled') AS outcome,
    if(outcome = 'unfinished', NULL, listed.duration_seconds) AS duration_seconds, queued_seconds
FROM listed;
