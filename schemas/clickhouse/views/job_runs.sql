-- For statistics of jobs. The day is in the key of the table, and its month decides the partition.
CREATE OR REPLACE VIEW ${database}.job_runs ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if an old GitLab does not say',
    id UInt64 COMMENT 'GitLab id of the job, unique in the instance; a retry has an id of its own',
    day Date32 COMMENT 'The day on which it finished, in UTC: a query with a condition on it only reads those months',
    pipeline_id Nullable(UInt64) COMMENT 'GitLab id of its pipeline',
    name Nullable(String) COMMENT 'Name, as in the configuration',
    stage Nullable(String) COMMENT 'Stage',
    status String COMMENT 'success, failed or canceled',
    ref Nullable(String) COMMENT 'Branch or tag that it ran for; for a merge request its source branch, which only pipeline events have',
    sha Nullable(String) COMMENT 'Commit that it ran for',
    allow_failure Nullable(Bool) COMMENT 'Whether it may fail without failing the pipeline',
    failure_reason Nullable(String) COMMENT 'Why it failed; NULL unless it failed',
    runner_tags Array(String) COMMENT 'Tags of its runner, sorted; webhooks alone say them',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    started_at Nullable(DateTime('UTC')) COMMENT 'When it started; NULL if it was cancelled before',
    finished_at DateTime('UTC') COMMENT 'When it finished',
    duration_seconds Nullable(Float64) COMMENT 'Running time; NULL if it did not start',
    queued_seconds Nullable(Float64) COMMENT 'Time that it waited for a runner; NULL if it did not start',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
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
