CREATE OR REPLACE VIEW ${database}.pipelines ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if an old GitLab does not say',
    id UInt64 COMMENT 'GitLab id, unique in the instance',
    iid Nullable(UInt64) COMMENT 'Number within the project',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    name Nullable(String) COMMENT 'Name, if the configuration gives one',
    ref Nullable(String) COMMENT 'Branch or tag that it ran for; for a merge request its source branch, which the API does not name',
    tag Nullable(Bool) COMMENT 'Whether ref is a tag',
    protected_ref Nullable(Bool) COMMENT 'Whether ref was a protected branch or tag; webhooks alone say it, in newer versions',
    sha Nullable(String) COMMENT 'Commit that it ran for',
    before_sha Nullable(String) COMMENT 'Commit before it on the ref',
    committed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When that commit was committed; webhooks alone say it',
    source Nullable(String) COMMENT 'What started it: push, web, schedule, merge_request_event, parent_pipeline, ...',
    status Nullable(String) COMMENT 'created, pending, running, success, failed, canceled, skipped, manual, ...',
    detailed_status Nullable(String) COMMENT 'Status as shown to users: passed, blocked, ...; webhooks alone say it',
    stages Array(String) COMMENT 'Stages, in order',
    user_id Nullable(UInt64) COMMENT 'Who started it',
    user_username Nullable(String) COMMENT 'User name of who started it',
    merge_request_id Nullable(UInt64) COMMENT 'GitLab id of the merge request that it ran for',
    merge_request_iid Nullable(UInt64) COMMENT 'Number of the merge request that it ran for, within merge_request_project_id',
    merge_request_project_id Nullable(UInt64) COMMENT 'GitLab id of the target project of that merge request; differs from project_id if the pipeline runs in a fork',
    parent_pipeline_id Nullable(UInt64) COMMENT 'GitLab id of the pipeline that started it',
    parent_project_id Nullable(UInt64) COMMENT 'GitLab id of the project of that pipeline; differs from project_id if the pipelines are in different projects',
    parent_job_id Nullable(UInt64) COMMENT 'GitLab id of the trigger job that started it; webhooks alone say it',
    duration_seconds Nullable(Float64) COMMENT 'Running time of its jobs without queueing, as GitLab computes it',
    queued_seconds Nullable(Float64) COMMENT 'Time from creation to start',
    coverage Nullable(Float64) COMMENT 'Test coverage in percent; the API alone says it',
    url Nullable(String) COMMENT 'Page of the pipeline',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitLab last changed it; the API alone says it',
    started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When its first job started; the API alone says it',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it finished; NULL again while a retry runs',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a complete listing no longer had it, or the last change of its project before the project was deleted; GitLab reports no other deletion. NULL while it exists',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS
WITH
    -- Things in a project are deleted with it.
    (SELECT (arrayPushBack(groupArray(cityHash64(instance, project_id)), 0), arrayPushBack(groupArray(toUnixTimestamp64Milli(assumeNotNull(tupleElement(project_facts.deleted_at, 4)))), 0))
        FROM ${database}.project_facts FINAL WHERE tupleElement(project_facts.deleted_at, 4) IS NOT NULL) AS destroyed
SELECT
    instance, project_id, id,
    tupleElement(pipeline_facts.iid, 4) AS iid,
    tupleElement(pipeline_facts.project_path, 4) AS project_path,
    tupleElement(pipeline_facts.name, 4) AS name,
    tupleElement(pipeline_facts.ref, 4) AS ref,
    tupleElement(pipeline_facts.tag, 4) AS tag,
    tupleElement(pipeline_facts.protected_ref, 4) AS protected_ref,
    tupleElement(pipeline_facts.sha, 4) AS sha,
    tupleElement(pipeline_facts.before_sha, 4) AS before_sha,
    tupleElement(pipeline_facts.committed_at, 4) AS committed_at,
    tupleElement(pipeline_facts.source, 4) AS source,
    tupleElement(pipeline_facts.status, 4) AS status,
    tupleElement(pipeline_facts.detailed_status, 4) AS detailed_status,
    tupleElement(pipeline_facts.stages, 4) AS stages,
    tupleElement(pipeline_facts.user_id, 4) AS user_id,
    tupleElement(pipeline_facts.user_username, 4) AS user_username,
    tupleElement(pipeline_facts.merge_request_id, 4) AS merge_request_id,
    tupleElement(pipeline_facts.merge_request_iid, 4) AS merge_request_iid,
    tupleElement(pipeline_facts.merge_request_project_id, 4) AS merge_request_project_id,
    tupleElement(pipeline_facts.parent_pipeline_id, 4) AS parent_pipeline_id,
    tupleElement(pipeline_facts.parent_project_id, 4) AS parent_project_id,
    tupleElement(pipeline_facts.parent_job_id, 4) AS parent_job_id,
    tupleElement(pipeline_facts.duration_seconds, 4) AS duration_seconds,
    tupleElement(pipeline_facts.queued_seconds, 4) AS queued_seconds,
    tupleElement(pipeline_facts.coverage, 4) AS coverage,
    tupleElement(pipeline_facts.url, 4) AS url,
    tupleElement(pipeline_facts.created_at, 4) AS created_at,
    tupleElement(pipeline_facts.updated_at, 4) AS updated_at,
    tupleElement(pipeline_facts.started_at, 4) AS started_at,
    tupleElement(pipeline_facts.finished_at, 4) AS finished_at,
    ifNull(tupleElement(pipeline_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(pipeline_facts.instance, pipeline_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(pipeline_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.pipeline_facts FINAL
-- Pipelines that an old GitLab reported without a project, and that were also reported with one. If there are none without a project, which is the
-- usual case, this reads nothing.
WHERE project_id > 0 OR (instance, id) NOT IN
(
    SELECT instance, id FROM ${database}.pipeline_facts
    WHERE project_id > 0 AND (SELECT count() > 0 FROM (SELECT 1 FROM ${database}.pipeline_facts WHERE project_id = 0 LIMIT 1))
        AND (instance, id) IN (SELECT instance, id FROM ${database}.pipeline_facts WHERE project_id = 0)
);
