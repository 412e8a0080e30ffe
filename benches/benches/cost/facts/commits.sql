-- Three pushes a merge request: its branch was created, went on, and what it was merged into. The one before on that branch is the one of this step.
INSERT INTO push_facts (instance, project_id, ref, before, after, event_id, project_path, user_id, user_username, commits_count, commits_listed, tenant, origin, pushed_at, received_at)
SELECT '${instance}', if(thing.1 = source, source_project, project_id), concat('refs/heads/', thing.1), thing.2, thing.3, reinterpretAsUUID(sipHash128(n, thing.1, thing.3)), 'group/project', author, concat('user-', toString(author)),
    thing.5, thing.5, 'bench', 'webhook', toDateTime64(thing.4, 3, 'UTC'), toDateTime64(thing.4, 3, 'UTC')
FROM
(
    SELECT *, lagInFrame(landed, 1, repeat('0', 40)) OVER (PARTITION BY project_id, branch, state ORDER BY ended, n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS landed_before
    FROM (${requests}) AS requests
) AS requests
ARRAY JOIN arrayConcat(
    [(source, repeat('0', 40), first_sha, opened - 3600, 2), (source, first_sha, head, opened + 600, 1)],
    if(state = 'merged', [(branch, landed_before, landed, ended, 4)], []),
    if(state = 'merged' AND h % 200 = 17, [(branch, landed, replaceOne(landed, '00000003', '00000004'), ended + 1, 1)], [])) AS thing;
INSERT INTO commit_facts (instance, project_id, sha, title, message, author_name, author_email, committed_at, authored_at, parents, files_added, files_modified, refs, tenants, origins, first_received_at)
SELECT '${instance}', if(thing.2 = source, source_project, project_id), thing.1, 'Change the way in which it works', concat('Change the way in which it works\n\nIt did not, with ', toString(h % 1000), '.'),
    concat('Author ', toString(author)), concat('user-', toString(author), '@example.com'), toDateTime64(thing.3, 3, 'UTC'), if(has(told_through, 'api'), toDateTime64(thing.3 - 600, 3, 'UTC'), NULL),
    [thing.4], 1, 2, [concat('refs/heads/', thing.2)], ['bench'], told_through, toDateTime64(thing.5, 3, 'UTC')
FROM (${requests}) AS requests
ARRAY JOIN arrayConcat(
    [(replaceOne(first_sha, '00000001', '00000000'), source, opened - 7200, landed, opened - 3600), (first_sha, source, opened - 3700, replaceOne(first_sha, '00000001', '00000000'), opened - 3600), (head, source, opened + 500, first_sha, opened + 600)],
    if(state = 'merged', [(landed, branch, ended, head, ended)], [])) AS thing;
-- Of half of them the API listed the commits.
INSERT INTO merge_request_commit_facts (instance, project_id, merge_request_iid, listed, tenants, origins, first_received_at)
SELECT '${instance}', project_id, n, (opened + 700, 1, 0, (toNullable(head), [
    (replaceOne(first_sha, '00000001', '00000000'), toNullable('Change'), toNullable(toDateTime64(opened - 7800, 3, 'UTC')), toNullable(toDateTime64(opened - 7200, 3, 'UTC')), toNullable('Author'), toNullable('author@example.com'), CAST([], 'Array(String)')),
    (first_sha, toNullable('Change'), toNullable(toDateTime64(opened - 4300, 3, 'UTC')), toNullable(toDateTime64(opened - 3700, 3, 'UTC')), toNullable('Author'), toNullable('author@example.com'), CAST([], 'Array(String)')),
    (head, toNullable('Change'), toNullable(toDateTime64(opened - 100, 3, 'UTC')), toNullable(toDateTime64(opened + 500, 3, 'UTC')), toNullable('Author'), toNullable('author@example.com'), CAST([], 'Array(String)'))
])), ['bench'], ['api'], toDateTime64(opened + 700, 3, 'UTC')
FROM (${requests}) AS requests
WHERE has(told_through, 'api');
