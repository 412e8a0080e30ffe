-- Jobs with one name that failed and passed on the same commit, in any pipelines: the weaker definition of flaky. The push pipeline and the merge
-- request pipeline of a commit count as repetitions of each other, although their variables differ.
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
    failed_at Nullable(DateTime('UTC')) COMMENT 'When it first failed',
    passed_at Nullable(DateTime('UTC')) COMMENT 'When it passed first'
)
${security}
AS SELECT
    instance, project_id, assumeNotNull(job_runs.sha) AS sha, ifNull(job_runs.name, '') AS name,
    countIf(status = 'failed') AS failures, countIf(status = 'success') AS successes,
    minIf(id, status = 'failed') AS failed_job_id, minIf(id, status = 'success') AS passed_job_id,
    argMinIf(toDateTime(finished_at, 'UTC'), id, status = 'failed') AS failed_at, argMinIf(toDateTime(finished_at, 'UTC'), id, status = 'success') AS passed_at
FROM ${database}.job_runs AS job_runs
WHERE job_runs.sha IS NOT NULL
GROUP BY instance, project_id, sha, name
HAVING failures > 0 AND successes > 0;
