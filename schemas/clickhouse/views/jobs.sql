-- A retried job is older than the newest of its pipeline and name. Names are hashed, because a set of numbers costs a fraction of a set of strings.
-- If the status is not selected, this costs nothing.
CREATE OR REPLACE VIEW ${database}.jobs ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if an old GitLab does not say',
    id UInt64 COMMENT 'GitLab id, unique in the instance; a retry has an id of its own',
    pipeline_id Nullable(UInt64) COMMENT 'GitLab id of its pipeline',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    name Nullable(String) COMMENT 'Name, as in the configuration',
    stage Nullable(String) COMMENT 'Stage',
    status Nullable(String) COMMENT 'created, pending, running, success, failed, canceled, skipped, manual, ...; retried if a newer job of the same name replaced it and GitLab never reported its end',
    ref Nullable(String) COMMENT 'Branch or tag that it ran for; for a merge request its source branch, which only pipeline events have',
    tag Nullable(Bool) COMMENT 'Whether ref is a tag',
    sha Nullable(String) COMMENT 'Commit that it ran for',
    allow_failure Nullable(Bool) COMMENT 'Whether it may fail without failing the pipeline',
    failure_reason Nullable(String) COMMENT 'Why it failed; NULL unless it failed',
    retries_count Nullable(UInt64) COMMENT 'Number of earlier attempts; only job events say it',
    run_when Nullable(String) COMMENT 'GitLab''s when: on_success, on_failure, always, manual, delayed',
    manual Nullable(Bool) COMMENT 'Whether somebody must start it',
    user_id Nullable(UInt64) COMMENT 'Who it runs for',
    user_username Nullable(String) COMMENT 'User name of who it runs for',
    runner_id Nullable(UInt64) COMMENT 'GitLab id of its runner',
    runner_description Nullable(String) COMMENT 'Description of its runner',
    runner_type Nullable(String) COMMENT 'instance_type, group_type or project_type',
    runner_is_shared Nullable(Bool) COMMENT 'Whether its runner is shared by all projects',
    runner_tags Array(String) COMMENT 'Tags of its runner, sorted; webhooks alone say them',
    environment Nullable(String) COMMENT 'Environment that it deploys to; webhooks alone say it, but deployments.environment has it too',
    environment_action Nullable(String) COMMENT 'start, prepare, stop, verify or access',
    environment_tier Nullable(String) COMMENT 'production, staging, testing, development or other',
    duration_seconds Nullable(Float64) COMMENT 'Running time',
    queued_seconds Nullable(Float64) COMMENT 'Time that it waited for a runner',
    coverage Nullable(Float64) COMMENT 'Test coverage in percent; the API alone says it',
    artifacts_bytes Nullable(UInt64) COMMENT 'Size of the archive of its artifacts',
    downstream_pipeline_id Nullable(UInt64) COMMENT 'GitLab id of the pipeline that a trigger job started',
    url Nullable(String) COMMENT 'Page of the job; the API alone says it',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it started; NULL if it did not',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it finished; NULL if it did not',
    erased_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When its log and artifacts were erased; the API alone says it',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, id,
    tupleElement(job_facts.pipeline_id, 4) AS pipeline_id,
    tupleElement(job_facts.project_path, 4) AS project_path,
    tupleElement(job_facts.name, 4) AS name,
    tupleElement(job_facts.stage, 4) AS stage,
    if(tupleElement(job_facts.status, 4) NOT IN ('success', 'failed', 'canceled', 'skipped')
        AND cityHash64(instance, project_id, tupleElement(job_facts.pipeline_id, 4), tupleElement(job_facts.name, 4)) IN
            (SELECT cityHash64(instance, project_id, toNullable(pipeline_id), toNullable(name)) FROM ${database}.job_retry_facts)
        AND cityHash64(instance, project_id, id) NOT IN
            (SELECT cityHash64(instance, project_id, max(newest_id)) FROM ${database}.job_retry_facts GROUP BY instance, project_id, pipeline_id, name),
        'retried', tupleElement(job_facts.status, 4)) AS status,
    tupleElement(job_facts.ref, 4) AS ref,
    tupleElement(job_facts.tag, 4) AS tag,
    tupleElement(job_facts.sha, 4) AS sha,
    tupleElement(job_facts.allow_failure, 4) AS allow_failure,
    tupleElement(job_facts.failure_reason, 4) AS failure_reason,
    tupleElement(job_facts.retries_count, 4) AS retries_count,
    tupleElement(job_facts.run_when, 4) AS run_when,
    tupleElement(job_facts.manual, 4) AS manual,
    tupleElement(job_facts.user_id, 4) AS user_id,
    tupleElement(job_facts.user_username, 4) AS user_username,
    tupleElement(job_facts.runner_id, 4) AS runner_id,
    tupleElement(job_facts.runner_description, 4) AS runner_description,
    tupleElement(job_facts.runner_type, 4) AS runner_type,
    tupleElement(job_facts.runner_is_shared, 4) AS runner_is_shared,
    tupleElement(job_facts.runner_tags, 4) AS runner_tags,
    tupleElement(job_facts.environment, 4) AS environment,
    tupleElement(job_facts.environment_action, 4) AS environment_action,
    tupleElement(job_facts.environment_tier, 4) AS environment_tier,
    tupleElement(job_facts.duration_seconds, 4) AS duration_seconds,
    tupleElement(job_facts.queued_seconds, 4) AS queued_seconds,
    tupleElement(job_facts.coverage, 4) AS coverage,
    tupleElement(job_facts.artifacts_bytes, 4) AS artifacts_bytes,
    tupleElement(job_facts.downstream_pipeline_id, 4) AS downstream_pipeline_id,
    tupleElement(job_facts.url, 4) AS url,
    tupleElement(job_facts.created_at, 4) AS created_at,
    tupleElement(job_facts.started_at, 4) AS started_at,
    tupleElement(job_facts.finished_at, 4) AS finished_at,
    tupleElement(job_facts.erased_at, 4) AS erased_at,
    tupleElement(job_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.job_facts FINAL
-- Jobs that an old GitLab reported without a project, and that were also reported with one. If there are no jobs without a project, which is the
-- usual case, this reads nothing.
WHERE project_id > 0 OR (instance, id) NOT IN
(
    SELECT instance, id FROM ${database}.job_facts
    WHERE project_id > 0 AND (SELECT count() > 0 FROM (SELECT 1 FROM ${database}.job_facts WHERE project_id = 0 LIMIT 1))
        AND (instance, id) IN (SELECT instance, id FROM ${database}.job_facts WHERE project_id = 0)
);
