-- What deployments waited for, and what GitLab links to half of them.
INSERT INTO deployment_event_facts (instance, project_id, deployment_id, status, actor, occurred_at, actor_id, tenants, origins, first_received_at)
SELECT '${instance}', project_id, id, thing.1, thing.2, (thing.3, 1, 0, toDateTime64(thing.3, 3, 'UTC')), (thing.3, 1, 0, reviewer), ['bench'], ['webhook'], toDateTime64(thing.3, 3, 'UTC')
FROM (${deployments}) AS deployments
ARRAY JOIN arrayConcat([('running', '', began + 60)], if(h % 10 = 0, [('blocked', '', began - 500), ('approved', toString(reviewer), began - 100)], [])) AS thing;
INSERT INTO deployment_merge_request_facts (instance, project_id, deployment_id, listed, tenants, origins, first_received_at)
SELECT '${instance}', project_id, id, (began, 1, 0, [(project_id, n, toNullable(n + 5000000))]), ['bench'], ['api'], toDateTime64(began, 3, 'UTC')
FROM (${deployments}) AS deployments
WHERE has(told_through, 'api');
-- An issue for five merge requests, each twentieth an incident.
INSERT INTO issue_facts (instance, project_id, id, iid, type, title, state, confidential, author_id, labels, created_at, updated_at, closed_at, tenants, origins, first_received_at)
WITH (value -> (ended, toUInt8(1), toUInt16(0), value)) AS told, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time
SELECT '${instance}', project_id, n, told(toNullable(n)), told(toNullable(if(intDiv(h, 5) % 20 = 0, 'incident', 'issue'))), told(toNullable('It does not work')), told(toNullable(if(h % 3 = 0, 'opened', 'closed'))), told(toNullable(h % 50 = 0)),
    told(toNullable(author)), told(['bug']), told(time(opened)), told(time(ended)), told(if(h % 3 = 0, NULL, time(ended))), ['bench'], told_through, toDateTime64(ended, 3, 'UTC')
FROM (${requests}) AS requests
WHERE cityHash64(n, 'issue') % 5 = 0;
INSERT INTO issue_event_facts (instance, project_id, issue_id, action, actor, second, occurred_at, actor_id, tenants, origins, first_received_at)
SELECT '${instance}', project_id, n, thing.1, if(thing.1 = 'opened', '', toString(author)), if(thing.1 = 'opened', 0, thing.2), (thing.2, 1, 0, toDateTime64(thing.2, 3, 'UTC')), (thing.2, 1, 0, author), ['bench'], told_through, toDateTime64(thing.2, 3, 'UTC')
FROM (${requests}) AS requests
ARRAY JOIN arrayConcat([('opened', opened)], if(h % 3 = 0, [], [('closed', ended)])) AS thing
WHERE cityHash64(n, 'issue') % 5 = 0;
INSERT INTO release_facts (instance, project_id, tag, name, commit_sha, author_id, created_at, released_at, tenants, origins, first_received_at)
WITH (value -> (ended, toUInt8(1), toUInt16(0), value)) AS told, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time
SELECT '${instance}', project_id, concat('v1.', toString(n)), told(toNullable('A release')), told(toNullable(landed)), told(toNullable(author)), told(time(ended)), told(time(ended)), ['bench'], ['webhook'], toDateTime64(ended, 3, 'UTC')
FROM (${requests}) AS requests
WHERE state = 'merged' AND cityHash64(n, 'release') % 200 = 0;
