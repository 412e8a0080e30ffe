-- A job that came to its end, once for each run: a retry has an id of its own. What never ran (skipped, canceled before it started) is no attempt.
--
-- Which run of a name was the first, the second and the last, ids say: no flag of GitLab is needed. What its pipeline was is in job_metrics: durations and
-- waiting times are asked of this view for a fraction of the cost, and of a month of `day` for a fraction of that.
CREATE OR REPLACE VIEW ${database}.job_attempts ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    job_id UInt64 COMMENT 'GitLab id of the run',
    pipeline_id UInt64 COMMENT 'GitLab id of its pipeline; 0 where nobody said',
    name String COMMENT 'Name, as in the configuration',
    group_name String COMMENT 'Name without the suffix of parallel: and matrix jobs, as GitLab groups them: test of `test 1/3`, build of `build: [linux, amd64]`',
    stage String COMMENT 'Stage',
    ref String COMMENT 'Branch or tag it ran for',
    runner_tags Array(String) COMMENT 'Tags of its runner, sorted; webhooks alone say them',
    status LowCardinality(String) COMMENT 'GitLab''s status',
    is_allowed_failure Bool COMMENT 'Whether it failed and may',
    outcome LowCardinality(String) COMMENT 'success, failed, canceled, or none for what never ran. The rate is success / (success + failed)',
    failure_class LowCardinality(String) COMMENT 'Of a failure: script (the job''s own, its time limit included, and where GitLab does not know) or system (runner, GitLab, settings)',
    attempt UInt64 COMMENT 'Which run of its name in the pipeline it is: 1 for the first, 2 for the first retry',
    is_final Bool COMMENT 'Whether no later run of its name came',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created',
    started_at Nullable(DateTime('UTC')) COMMENT 'When it started; NULL where it did not',
    finished_at Nullable(DateTime('UTC')) COMMENT 'When it finished: the day it is counted on',
    day Date32 COMMENT 'The day of finished_at, by UTC: a condition on it reads the months asked for alone, where neither attempt nor is_final is',
    duration_seconds Nullable(Int64) COMMENT 'From start to finish; NULL where it did not start',
    queued_seconds Nullable(Int64) COMMENT 'GitLab''s queued_duration: how long it waited for a runner, not for a person; NULL where nobody said, and where it did not start'
)
${security}
AS
WITH
    -- Never negative, and NULL where one of the times is unknown (which `greatest` passes over).
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
    -- As CommitStatus#group_name of GitLab.
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
