-- What statistics of jobs read. The day is in the key of the table, and its month in the partitions.
CREATE OR REPLACE VIEW ${database}.job_runs ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where an old GitLab does not say',
    id UInt64 COMMENT 'GitLab id of the job, unique in the instance; a retry has an id of its own',
    day Date32 COMMENT 'The day on which it finished, by UTC: a condition on it reads the months asked for alone',
    pipeline_id Nullable(UInt64) COMMENT 'GitLab id of its pipeline',
    name Nullable(String) COMMENT 'Name, as in the configuration',
    stage Nullable(String) COMMENT 'Stage',
    status String COMMENT 'success, failed or canceled',
    ref Nullable(String) COMMENT 'Branch or tag it ran for; for a merge request its source branch, which only events of pipelines name',
    sha Nullable(String) COMMENT 'Commit it ran for',
    allow_failure Nullable(Bool) COMMENT 'Whether it may fail without failing the pipeline',
    failure_reason Nullable(String) COMMENT 'Why it failed; NULL unless it failed',
    runner_tags Array(String) COMMENT 'Tags of its runner, sorted; webhooks alone say them',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    started_at Nullable(DateTime('UTC')) COMMENT 'When it started; NULL where it was cancelled before',
    finished_at DateTime('UTC') COMMENT 'When it finished',
    duration_seconds Nullable(Float64) COMMENT 'Running time; NULL where it did not start',
    queued_seconds Nullable(Float64) COMMENT 'Time it waited for a runner; NULL where it did not start',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, id, day, pipeline_id,
    nullIf(runs.name, '') AS name,
    nullIf(runs.stage, '') AS stage,
    status,
    nullIf(runs.ref, '') AS ref,
    nullIf(runs.sha, '') AS sha,
    allow_failure,
    nullIf(runs.failure_reason, '') AS failure_reason,
    runner_tags,
    toDateTime(runs.created_at, 'UTC') AS created_at,
    toDateTime(runs.started_at, 'UTC') AS started_at,
    toDateTime(runs.finished_at, 'UTC') AS finished_at,
    duration_seconds, queued_seconds,
    arraySort(runs.tenants) AS tenants,
    arraySort(runs.origins) AS origins,
    first_received_at
FROM ${database}.job_run_facts AS runs FINAL;
