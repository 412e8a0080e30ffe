-- Pipelines: how each ended, how its first attempt ended, and what its jobs cost.
--
-- The first attempt is known if a webhook reported the first status that ended the pipeline. The API only reports the last one: then the first runs
-- of its jobs show it, if the API listed them, since it lists retried jobs too.
CREATE OR REPLACE VIEW ${database}.pipeline_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    ref String COMMENT 'Branch or tag that it ran for; for a merge request its source branch, empty if only the API reported it',
    source LowCardinality(String) COMMENT 'What started it: push, web, schedule, merge_request_event, parent_pipeline, ...; empty if unknown',
    sha String COMMENT 'Commit that it ran for; for a merged-results pipeline, a commit made by GitLab',
    merge_request_iid Nullable(UInt64) COMMENT 'Number of the merge request that it ran for',
    is_root Bool COMMENT 'Whether no other pipeline of its project started it. Success rates use root pipelines',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was created; it counts on this day',
    finished_at Nullable(DateTime('UTC')) COMMENT 'When it last finished; a manual job played later changes it',
    status LowCardinality(String) COMMENT 'GitLab''s status',
    outcome LowCardinality(String) COMMENT 'success, failed, superseded, canceled, skipped or unfinished. The rate is success / (success + failed)',
    first_status LowCardinality(Nullable(String)) COMMENT 'The first status that ended it; NULL if unknown',
    is_first_attempt_success Nullable(Bool) COMMENT 'Whether it succeeded without a retry; NULL if unknown, or if the first attempt neither succeeded nor failed',
    duration_seconds Nullable(Int64) COMMENT 'GitLab''s duration: the time during which any of its jobs ran; NULL until it finished',
    queued_seconds Nullable(Int64) COMMENT 'Time from creation to start',
    jobs UInt64 COMMENT 'Number of different job names that ran',
    attempts UInt64 COMMENT 'Number of their runs, including retries',
    failed_attempts UInt64 COMMENT 'Number of failed runs, including allowed failures',
    run_seconds Int64 COMMENT 'Total duration of its runs',
    wasted_seconds Int64 COMMENT 'Of these, failed runs that were repeated and canceled runs; all runs of a superseded or canceled pipeline',
    waste LowCardinality(String) COMMENT 'Why: retried, superseded or canceled; empty if nothing was wasted'
)
${security}
AS
WITH
-- Its runs, each as (name, id, whether it ran, whether it failed, whether it may, whether it was canceled, seconds), sorted by name and id.
ran AS
(
    SELECT
        instance, project_id, assumeNotNull(job_runs.pipeline_id) AS pipeline_id, max(has(origins, 'api')) AS is_listed,
        arraySort(groupArray((
            cityHash64(name), id, started_at IS NOT NULL OR status = 'failed',
            ifNull(status = 'failed', false), ifNull(allow_failure, false), ifNull(status = 'canceled', false),
            ifNull(greatest(toInt64(toUnixTimestamp(finished_at)) - toInt64(toUnixTimestamp(started_at)), 0), 0)
        ))) AS runs
    FROM ${database}.job_runs AS job_runs
    WHERE job_runs.pipeline_id IS NOT NULL
    GROUP BY instance, project_id, pipeline_id
),
ended AS
(
    SELECT
        instance, project_id, pipeline_id,
        argMin((toString(status), hasAny(origins, ['webhook', 'hook_log'])), (as_of, status)) AS first
    FROM ${database}.pipeline_events
    WHERE status IN ('success', 'failed', 'canceled', 'skipped')
    GROUP BY instance, project_id, pipeline_id
),
joined AS
(
    SELECT
        *,
        arrayFilter(run -> run.3, runs) AS attempted,
        -- The first run of each name, and all but its last.
        arrayFilter((run, before) -> run.1 != before, attempted, arrayPopBack(arrayPushFront(attempted.1, 0))) AS first_runs,
        arrayFilter((run, after) -> run.1 = after, runs, arrayPopFront(arrayPushBack(runs.1, 0))) AS retried_runs,
        arraySum(run -> if(run.4 OR run.6, run.7, 0), retried_runs) AS retried_seconds,
        arraySum((run, after) -> if(run.1 != after AND run.6, run.7, 0), runs, arrayPopFront(arrayPushBack(runs.1, 0))) AS canceled_seconds
    FROM ${database}.pipeline_outcomes AS pipeline_outcomes
    LEFT ANY JOIN ran USING (instance, project_id, pipeline_id)
    LEFT ANY JOIN ended USING (instance, project_id, pipeline_id)
)
SELECT
    instance, project_id, pipeline_id, ref, source, sha, merge_request_iid, is_root, created_at, finished_at, status, outcome,
    multiIf(
        first.2, nullIf(first.1, ''),
        NOT is_listed, NULL,
        arrayExists(run -> run.4 AND NOT run.5, first_runs), 'failed',
        outcome = 'unfinished', NULL,
        empty(retried_runs), status,
        arrayExists(run -> run.6, first_runs), 'canceled',
        'success') AS first_status,
    if(first_status IN ('success', 'failed'), toNullable(toBool(first_status = 'success')), NULL) AS is_first_attempt_success,
    duration_seconds, queued_seconds,
    length(first_runs) AS jobs, length(attempted) AS attempts, arrayCount(run -> run.4, attempted) AS failed_attempts,
    arraySum(runs.7) AS run_seconds,
    if(outcome IN ('superseded', 'canceled'), run_seconds, retried_seconds + canceled_seconds) AS wasted_seconds,
    multiIf(
        wasted_seconds = 0, '',
        outcome IN ('superseded', 'canceled'), outcome,
        retried_seconds > 0, 'retried',
        'canceled') AS waste
FROM joined;
