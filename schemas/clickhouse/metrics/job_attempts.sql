-- Finished jobs, one row per run: a retry has its own id. A job that never ran (skipped, or canceled before it started) is not an attempt.
--
-- The order of ids shows which run of a name was the first, the second and the last: no flag of GitLab is needed. The pipeline of a run is
-- described in job_metrics: for durations and waiting times, this view costs a fraction of that one, and a query for one month of `day` a fraction
-- of this.
CREATE OR REPLACE VIEW ${database}.job_attempts ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    job_id UInt64 COMMENT 'GitLab id of the run',
    pipeline_id UInt64 COMMENT 'GitLab id of its pipeline; 0 if unknown',
    name String COMMENT 'Name, as in the configuration',
    group_name String COMMENT 'Name without the suffix of parallel: and matrix jobs, as GitLab groups them: test for `test 1/3`, build for `build: [linux, amd64]`',
    stage String COMMENT 'Stage',
    ref String COMMENT 'Branch or tag that it ran for',
    runner_tags Array(String) COMMENT 'Tags of its runner, sorted; webhooks alone say them',
    status LowCardinality(String) COMMENT 'GitLab''s status',
    is_allowed_failure Bool COMMENT 'Whether it failed and is allowed to',
    outcome LowCardinality(String) COMMENT 'success, failed, canceled, or none if it never ran. The rate is success / (success + failed)',
    failure_class LowCardinality(String) COMMENT 'For a failure: script (the job''s own, including its time limit, and unknown causes) or system (runner, GitLab, settings)',
    attempt UInt64 COMMENT 'Which run of its name in the pipeline it is: 1 for the first, 2 for the first retry',
    is_final Bool COMMENT 'Whether it is the last run of its name',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    started_at Nullable(DateTime('UTC')) COMMENT 'When it started; NULL if it did not',
    finished_at Nullable(DateTime('UTC')) COMMENT 'When it finished; it counts on this day',
    day Date32 COMMENT 'The day of finished_at, in UTC: a query with a condition on it only reads those months, unless it uses attempt or is_final',
    duration_seconds Nullable(Int64) COMMENT 'From start to finish; NULL if it did not start',
    queued_seconds Nullable(Int64) COMMENT 'GitLab''s queued_duration: how long it waited for a runner, not for a person; NULL if unknown or if it did not start'
)
${security}
AS
WITH
    -- Never negative, and NULL if one of the times is unknown (which `greatest` would ignore).
    (later, earlier) -> if(later < earlier, 0, later - earlier) AS passed,
runs AS
(
    SELECT
        instance, project_id, id AS job_id, job_runs.day AS day, ifNull(job_runs.pipeline_id, 0) AS pipeline_id,
        ifNull(job_runs.name, '') AS name, ifNull(job_runs.stage, '') AS stage, ifNull(job_runs.ref, '') AS ref, runner_tags,
        ifNull(job_runs.status, '') AS status, toBool(status = 'failed' AND ifNull(allow_failure, false)) AS is_allowed_failure,
        toDateTime(job_runs.created_at, 'UTC') AS created_at, toDateTime(job_runs.started_at, 'UTC') AS started_at,
        toDateTime(job_runs.finished_at, 'UTC') AS finished_at,
        ifNull(job_runs.failure_reason, '') AS reason, job_runs.queued_seconds AS queued,
        multiIf(status IN ('success', 'failed'), status, started_at IS NULL, 'none', status = 'canceled', status, 'none') AS outcome
    FROM ${database}.job_runs AS job_runs
)
SELECT
    instance, project_id, job_id, pipeline_id, name,
    -- Like GitLab's CommitStatus#group_name.
    trimBoth(replaceRegexpOne(name, '([\\s:]+((\\[.*\\])|(\\d+[\\s:/\\\\]+\\d+))){1,3}\\s*$', '')) AS group_name,
    stage, ref, runner_tags, status, is_allowed_failure, outcome,
    multiIf(
        outcome != 'failed', '',
        reason IN (${script_failures}), 'script',
        'system') AS failure_class,
    countIf(outcome != 'none') OVER (PARTITION BY instance, project_id, pipeline_id, name ORDER BY job_id ROWS UNBOUNDED PRECEDING) AS attempt,
    toBool(job_id = max(job_id) OVER (PARTITION BY instance, project_id, pipeline_id, name)) AS is_final,
    created_at, started_at, finished_at, day,
    passed(toInt64(toUnixTimestamp(finished_at)), toInt64(toUnixTimestamp(started_at))) AS duration_seconds,
    if(started_at IS NULL, NULL, toInt64(floor(queued))) AS queued_seconds
FROM runs;
