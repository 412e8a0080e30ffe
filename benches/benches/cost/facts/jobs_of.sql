SELECT
    pipelines.* EXCEPT (h), cityHash64(id, number) AS h, id AS pipeline_id, id * 8 + number AS job_id,
    concat(['compile', 'lint', 'unit', 'integration', 'browser', 'package', 'review'][1 + name_number], if(name_number BETWEEN 2 AND 4, concat(' ', toString(1 + project_id % 4), '/4'), '')) AS name,
    ['build', 'test', 'test', 'test', 'test', 'deploy', 'deploy'][1 + name_number] AS stage,
    created + 10 + number * 60 AS started, started + 30 + h % 400 AS finished,
    multiIf(number = name_number AND has_retry AND number = 2, 'failed', number = 7, if(h % 10 < 8, 'success', 'failed'), h % 100 < 94, 'success', h % 100 < 98, 'failed', 'canceled') AS job_status
FROM
(
    SELECT *, cityHash64(id, 'retry') % 10 = 0 AS has_retry
    FROM (${pipelines}) AS pipelines
) AS pipelines
ARRAY JOIN arrayConcat([0, 1, 2, 3, 4, 5], if(cityHash64(id, 'last') % 2 = 0, [6], []), if(has_retry, [7], [])) AS number, arrayConcat([0, 1, 2, 3, 4, 5], if(cityHash64(id, 'last') % 2 = 0, [6], []), if(has_retry, [2], [])) AS name_number
