SELECT * EXCEPT (h), cityHash64(h, one.1) AS h, one.1 AS id, one.2 AS name, one.3 AS began, if(requests.h % 200 = 17, replaceOne(landed, '00000003', '00000004'), landed) AS sha
FROM (${requests}) AS requests
ARRAY JOIN [(n * 2, 'staging', ended + 300), (n * 2 + 1, 'production', ended + 3600)] AS one
WHERE state = 'merged' AND cityHash64(n, 'deployed') % 12 = 0
