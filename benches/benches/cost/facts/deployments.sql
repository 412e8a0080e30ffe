-- Each twelfth merge request that was merged is deployed, to staging and to production; each told three times.
INSERT INTO deployment_facts (instance, project_id, id, iid, project_path, status, environment, environment_id, environment_tier, ref, tag, sha, short_sha, job_id, user_id, created_at, updated_at, finished_at, tenants, origins, first_received_at)
WITH began + ${telling} * 60 AS second, (value -> (second, toUInt8(${telling} * 3), toUInt16(0), value)) AS told, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time
SELECT '${instance}', project_id, id, told(toNullable(id)), told(toNullable('group/project')),
    told(toNullable(multiIf(${telling} = 0, 'created', ${telling} = 1, 'running', h % 100 < 93, 'success', h % 100 < 98, 'failed', 'canceled'))), told(toNullable(name)), told(toNullable(project_id * 2 + (name = 'production'))),
    told(toNullable(name)), told(toNullable(branch)), told(toNullable(false)), told(toNullable(sha)), told(toNullable(substring(sha, 1, 8))), told(toNullable(id * 3)), told(toNullable(author)), told(time(began)), told(time(second)),
    told(if(${telling} = 2, time(second), NULL)), ['bench'], told_through, toDateTime64(second + 1, 3, 'UTC')
FROM (${deployments}) AS deployments;
