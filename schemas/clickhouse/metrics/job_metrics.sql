-- Runs of jobs, as in job_attempts, with the source of their pipeline, and whether they were wasted: the pipeline was superseded or canceled, or
-- the run did not succeed and a later one of its name exists, or the run itself was canceled. A success that is run again was not wasted.
CREATE OR REPLACE VIEW ${database}.job_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    job_id UInt64 COMMENT 'GitLab id of the run',
    pipeline_id UInt64 COMMENT 'GitLab id of its pipeline; 0 if unknown',
    name String COMMENT 'Name, as in the configuration',
    group_name String COMMENT 'Name without the suffix of parallel: and matrix jobs, as GitLab groups them: test for `test 1/3`, build for `build: [linux, amd64]`',
    stage String COMMENT 'Stage',
    ref String COMMENT 'Branch or tag that it ran for',
    source LowCardinality(String) COMMENT 'What started its pipeline; empty if unknown',
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
    duration_seconds Nullable(Int64) COMMENT 'From start to finish; NULL if it did not start',
    queued_seconds Nullable(Int64) COMMENT 'GitLab''s queued_duration: how long it waited for a runner, not for a person; NULL if unknown or if it did not start',
    wasted_seconds Int64 COMMENT 'Its duration, if it was wasted',
    waste LowCardinality(String) COMMENT 'Why: superseded, canceled or retried; empty if it was not'
)
${security}
AS SELECT
    runs.instance AS instance, runs.project_id AS project_id, job_id, runs.pipeline_id AS pipeline_id, name, group_name, stage, runs.ref AS ref, source,
    runner_tags, runs.status AS status, is_allowed_failure, runs.outcome AS outcome, failure_class, attempt, is_final,
    runs.created_at AS created_at, started_at, runs.finished_at AS finished_at, runs.duration_seconds AS duration_seconds, runs.queued_seconds AS queued_seconds,
    if(waste = '', 0, ifNull(runs.duration_seconds, 0)) AS wasted_seconds,
    multiIf(
        runs.outcome = 'none' OR ifNull(runs.duration_seconds, 0) = 0, '',
        pipeline_outcomes.outcome IN ('superseded', 'canceled'), pipeline_outcomes.outcome,
        NOT is_final AND runs.outcome != 'success', 'retried',
        runs.outcome = 'canceled', 'canceled',
        '') AS waste
FROM ${database}.job_attempts AS runs
LEFT ANY JOIN (SELECT instance, project_id, pipeline_id, source, outcome FROM ${database}.pipeline_outcomes) AS pipeline_outcomes
    ON pipeline_outcomes.instance = runs.instance AND pipeline_outcomes.project_id = runs.project_id AND pipeline_outcomes.pipeline_id = runs.pipeline_id;
