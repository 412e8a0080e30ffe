-- Nine observations a merge request: opened, a push, a request for review, three comments, an approval, and how it ended.
INSERT INTO merge_request_event_facts (instance, project_id, merge_request_iid, action, actor, second, oldrev, occurred_at, actor_id, actor_username, tenants, origins, first_received_at)
SELECT '${instance}', project_id, n, thing.1, if(thing.1 IN ('opened', 'merged'), '', toString(thing.2)), if(thing.1 IN ('opened', 'merged'), 0, thing.3), thing.4,
    (thing.3, 1, 0, toDateTime64(thing.3, 3, 'UTC')), (thing.3, 1, 0, thing.2), (thing.3, 1, 0, concat('user-', toString(thing.2))), ['bench'], told_through, toDateTime64(thing.3 + 2, 3, 'UTC')
FROM (${requests}) AS requests
ARRAY JOIN arrayConcat(
    [
        ('opened', author, opened, ''), ('updated', author, opened + 600, first_sha), ('review_requested', author, opened + 700, ''),
        ('commented', reviewer, opened + 800 + h % 3000, toString(n * 8)), ('commented', author, opened + 900 + h % 3500, toString(n * 8 + 1)),
        ('commented', reviewer, opened + 900 + h % 5000, toString(n * 8 + 2)), ('approved', reviewer, greatest(ended - 300, opened + 850), '')
    ],
    if(h % 10 = 0, [('drafted', author, opened + 100, ''), ('ready', author, opened + 500, '')], []),
    if(state = 'opened', [], [(state, reviewer, ended, '')])) AS thing;
-- The comments themselves.
INSERT INTO note_facts (instance, project_id, id, noteable_type, noteable_id, noteable_iid, body, system, author_id, created_at, updated_at, tenants, origins, first_received_at)
WITH (value -> (thing.3, toUInt8(1), toUInt16(0), value)) AS told
SELECT '${instance}', project_id, thing.1, told('MergeRequest'), told(n + 5000000), told(n), told('This should be a constant.'), told(false), told(thing.2),
    told(toDateTime64(thing.3, 3, 'UTC')), told(toDateTime64(thing.3, 3, 'UTC')), ['bench'], told_through, toDateTime64(thing.3 + 2, 3, 'UTC')
FROM (${requests}) AS requests
ARRAY JOIN [(n * 8, reviewer, opened + 800 + h % 3000), (n * 8 + 1, author, opened + 900 + h % 3500), (n * 8 + 2, reviewer, opened + 900 + h % 5000)] AS thing;
