-- A job of one name that failed and passed on the same commit, in whatever pipelines: the weaker definition of flaky. It takes a push pipeline and the
-- merge request pipeline of one commit for repetitions of each other, though they run with other variables.
CREATE OR REPLACE VIEW ${database}.flaky_by_sha ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'The commit',
    name String COMMENT 'Name of the job',
    failures UInt64 COMMENT 'Runs that failed',
    successes UInt64 COMMENT 'Runs that passed',
    failed_job_id UInt64 COMMENT 'The first run that failed',
    passed_job_id UInt64 COMMENT 'The first run that passed',
    failed_at Nullable(DateTime('UTC')) COMMENT 'When it failed first',
    passed_at Nullable(DateTime('UTC')) COMMENT 'When it passed first'
)
${security}
AS
WITH runs AS
(
    SELECT
        job_runs.instance AS instance, job_runs.project_id AS project_id, ifNull(pipelines.sha, '') AS sha, ifNull(job_runs.name, '') AS name,
        job_runs.id AS id, ifNull(status, '') AS status, toDateTime(finished_at, 'UTC') AS finished_at
    FROM ${database}.job_runs AS job_runs
    LEFT ANY JOIN (SELECT instance, project_id, id, sha FROM ${database}.pipelines) AS pipelines
        ON pipelines.instance = job_runs.instance AND pipelines.project_id = job_runs.project_id AND pipelines.id = job_runs.pipeline_id
)
SELECT
    instance, project_id, sha, name, countIf(status = 'failed') AS failures, countIf(status = 'success') AS successes,
    minIf(id, status = 'failed') AS failed_job_id, minIf(id, status = 'success') AS passed_job_id,
    argMinIf(finished_at, id, status = 'failed') AS failed_at, argMinIf(finished_at, id, status = 'success') AS passed_at
FROM runs
WHERE sha != ''
GROUP BY instance, project_id, sha, name
HAVING failures > 0 AND successes > 0;
