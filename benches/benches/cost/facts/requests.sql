-- The merge requests of one step, from which everything else is made: numbers decide all, so that a step is the same whenever it is stored. Times rise
-- with numbers, over a year; the projects' sizes fall from the first, which has 7 % of all, to the last, which has a quarter of the mean.
SELECT
    n, cityHash64(n) AS h,
    1 + toUInt64(floor(${projects} * pow(cityHash64(n, 'project') / 18446744073709551616., 2))) AS project_id,
    toInt64(${begin}) + toInt64(n * 31536000. / ${merge_requests}) AS opened,
    opened + 900 + intDiv(h, 100) % 300000 AS ended,
    multiIf(h % 100 < 4, 'opened', h % 100 < 10, 'closed', 'merged') AS state,
    if(intDiv(h, 7) % 20 = 0, 'release', 'main') AS branch,
    -- In one of ten projects a fifth comes from a fork: the project with the next number.
    concat('feature-', toString(n)) AS source, if(project_id % 10 = 3 AND h % 5 = 3, 1 + project_id % ${projects}, project_id) AS source_project,
    1 + intDiv(h, 13) % 2000 AS author, 1 + intDiv(h, 17) % 2000 AS reviewer,
    concat(lower(hex(sipHash128(n, 'first'))), '00000001') AS first_sha,
    concat(lower(hex(sipHash128(n, 'head'))), '00000002') AS head,
    concat(lower(hex(sipHash128(n, 'landed'))), '00000003') AS landed,
    if(intDiv(h, 19) % 2 = 0, ['webhook'], ['api', 'webhook']) AS told_through
FROM (SELECT number * ${stride} AS n FROM numbers(${first}, ${count})) AS numbered
WHERE ${which}
