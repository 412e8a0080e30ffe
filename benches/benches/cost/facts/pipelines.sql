-- Three pipelines for two merge requests, each told three times.
INSERT INTO pipeline_facts (instance, project_id, id, iid, project_path, ref, tag, sha, source, status, stages, user_id, merge_request_id, merge_request_iid, duration_seconds, queued_seconds, url,
    created_at, updated_at, started_at, finished_at, tenants, origins, first_received_at)
WITH created + ${telling} * 500 AS second, (value -> (second, toUInt8(${telling} * 3), toUInt16(0), value)) AS told, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time, ${telling} = 2 AS is_over
SELECT '${instance}', project_id, id, told(toNullable(id)), told(toNullable('group/project')), told(toNullable(ref)), told(toNullable(false)), told(toNullable(sha)), told(toNullable(started_by)),
    told(toNullable(multiIf(${telling} = 0, 'created', ${telling} = 1, 'running', status))), told(['build', 'test', 'deploy']), told(toNullable(author)),
    told(if(of_request, toNullable(n + 5000000), NULL)), told(if(of_request, toNullable(n), NULL)), told(if(is_over, toNullable(900. + h % 300), NULL)), told(if(is_over, toNullable(5.), NULL)),
    told(toNullable('https://gitlab.example.com/group/project/-/pipelines/1')), told(time(created)), told(time(second)), told(if(${telling} > 0, time(created + 5), NULL)), told(if(is_over, time(created + 1000), NULL)),
    ['bench'], told_through, toDateTime64(second + 2, 3, 'UTC')
FROM (${pipelines}) AS pipelines;
