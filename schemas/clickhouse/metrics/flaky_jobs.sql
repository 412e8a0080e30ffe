-- Jobs that failed and then passed in the same pipeline, so on the same commit: the narrow definition of flaky. The same name in another pipeline
-- is another job, and so is another part of parallel: or of a matrix. failure_class separates faults of the runner from the job's own.
CREATE OR REPLACE VIEW ${database}.flaky_jobs ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    name String COMMENT 'Name of the job',
    ref String COMMENT 'Branch or tag that it ran for',
    sha String COMMENT 'Commit that it ran for; empty if unknown',
    failed_job_id UInt64 COMMENT 'The first run that failed',
    passed_job_id UInt64 COMMENT 'The first run after it that passed',
    failed_at Nullable(DateTime('UTC')) COMMENT 'When it first failed',
    passed_at Nullable(DateTime('UTC')) COMMENT 'When it passed; it counts on this day',
    failure_class LowCardinality(String) COMMENT 'script or system, as in job_metrics, of the first failure',
    wasted_seconds Int64 COMMENT 'Duration of the failed runs before the one that passed'
)
${security}
AS
WITH
runs AS
(
    SELECT
        instance, project_id, ifNull(pipeline_id, 0) AS pipeline_id, ifNull(name, '') AS name, ifNull(max(job_runs.ref), '') AS ref, ifNull(max(job_runs.sha), '') AS sha,
        groupArrayIf(
            (
                id, toDateTime(finished_at, 'UTC'), ifNull(greatest(toInt64(toUnixTimestamp(finished_at)) - toInt64(toUnixTimestamp(started_at)), 0), 0),
                ifNull(failure_reason, '')
            ),
            ifNull(status = 'failed', false)) AS failures,
        groupArrayIf((id, toDateTime(finished_at, 'UTC')), ifNull(status = 'success', false)) AS successes
    FROM ${database}.job_runs AS job_runs
    WHERE job_runs.pipeline_id IS NOT NULL
    GROUP BY instance, project_id, pipeline_id, name
    HAVING notEmpty(failures) AND arrayMax(successes.1) > arrayMin(failures.1)
),
flaky AS
(
    SELECT
        *,
        arrayFirst(run -> true, arraySort(failures)) AS failure,
        arrayFirst(run -> run.1 > failure.1, arraySort(successes)) AS success
    FROM runs
)
SELECT
    instance, project_id, pipeline_id, name, ref, sha,
    failure.1 AS failed_job_id, success.1 AS passed_job_id, failure.2 AS failed_at, success.2 AS passed_at,
    if(failure.4 IN (${script_failures}), 'script', 'system') AS failure_class,
    arraySum(run -> if(run.1 < success.1, run.3, 0), failures) AS wasted_seconds
FROM flaky;
