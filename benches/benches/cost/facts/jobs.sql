-- Between six and eight runs a pipeline; in each tenth one failed and was tried again.
INSERT INTO job_run_facts (instance, project_id, day, id, pipeline_id, name, stage, status, ref, sha, allow_failure, failure_reason, runner_tags, created_at, started_at, finished_at, duration_seconds, queued_seconds,
    tenants, origins, first_received_at)
SELECT '${instance}', project_id, toDate32(toDateTime(finished, 'UTC')), job_id, pipeline_id, name, stage, job_status, ref, sha, false,
    if(job_status = 'failed', if(h % 7 = 0, 'runner_system_failure', 'script_failure'), ''), ['docker', 'linux'], toDateTime64(created, 3, 'UTC'), toDateTime64(started, 3, 'UTC'), toDateTime64(finished, 3, 'UTC'),
    finished - started, h % 60 + 0.5, ['bench'], told_through, toDateTime64(finished + 1, 3, 'UTC')
FROM (${jobs}) AS jobs;
-- The table of jobs has each once: the old views are compared at their best.
INSERT INTO job_facts (instance, project_id, id, pipeline_id, project_path, name, stage, status, ref, tag, sha, allow_failure, failure_reason, retries_count, run_when, manual, user_id, user_username, runner_id,
    runner_description, runner_type, runner_tags, duration_seconds, queued_seconds, created_at, started_at, finished_at, tenants, origins, first_received_at)
WITH (value -> (finished, toUInt8(5), toUInt16(0), value)) AS told, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time
SELECT '${instance}', project_id, job_id, told(toNullable(pipeline_id)), told(toNullable('group/project')), told(toNullable(name)), told(toNullable(stage)), told(toNullable(job_status)), told(toNullable(ref)), told(toNullable(false)),
    told(toNullable(sha)), told(toNullable(false)), told(if(job_status = 'failed', toNullable('script_failure'), NULL)), told(toNullable(toUInt64(0))), told(toNullable('on_success')), told(toNullable(false)), told(toNullable(author)),
    told(toNullable(concat('user-', toString(author)))), told(toNullable(h % 50)), told(toNullable('shared runner')), told(toNullable('instance_type')), told(['docker', 'linux']), told(toNullable(toFloat64(finished - started))),
    told(toNullable(h % 60 + 0.5)), told(time(created)), told(time(started)), told(time(finished)), ['bench'], told_through, toDateTime64(finished + 1, 3, 'UTC')
FROM (${jobs}) AS jobs;
INSERT INTO job_retry_facts (instance, project_id, pipeline_id, name, newest_id) SELECT '${instance}', project_id, pipeline_id, name, job_id FROM (${jobs}) AS jobs WHERE job_id % 8 = 7;
