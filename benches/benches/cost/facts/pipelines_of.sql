SELECT
    * EXCEPT (h), cityHash64(h, one.1) AS h, one.1 AS id, one.2 AS ref, one.3 AS started_by, one.4 AS created, one.5 AS sha, one.3 = 'merge_request_event' AS of_request,
    multiIf(h % 100 < 80, 'success', h % 100 < 92, 'failed', h % 100 < 98, 'canceled', 'skipped') AS status
FROM (${requests}) AS requests
ARRAY JOIN arrayConcat([(n * 2, source, 'merge_request_event', opened + 60, head)], if(n % 2 = 0, [(n * 2 + 1, branch, 'push', ended + 5, landed)], [])) AS one
