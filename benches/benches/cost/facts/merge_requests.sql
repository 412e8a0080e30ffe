-- A merge request is told three times: when it was opened, when it was worked on, and when it ended.
INSERT INTO merge_request_facts (instance, project_id, iid, id, project_path, title, state, draft, author_id, reviewer_ids, labels, source_project_id, source_branch,
    target_branch, head_sha, merge_commit_sha, merge_user_id, additions, deletions, changed_files, commit_count, url, created_at, updated_at, merged_at, closed_at, tenants, origins, first_received_at)
WITH if(${telling} = 0, opened, if(${telling} = 1, opened + 1200, ended)) AS second, (value -> (second, toUInt8(${telling}), toUInt16(0), value)) AS told,
    ${telling} = 2 AND state = 'merged' AS is_merged, (at -> toNullable(toDateTime64(at, 3, 'UTC'))) AS time
SELECT '${instance}', project_id, n, told(toNullable(n + 5000000)), told(toNullable(concat('group/project-', toString(project_id)))),
    told(toNullable(concat('Change the way in which ', toString(h % 1000), ' works'))), told(toNullable(if(${telling} = 2, state, 'opened'))), told(toNullable(false)), told(toNullable(author)),
    told([reviewer]), told(['backend', 'type::feature']), told(toNullable(source_project)), told(toNullable(source)), told(toNullable(branch)), told(toNullable(head)),
    told(if(is_merged, toNullable(landed), NULL)), told(if(is_merged, toNullable(reviewer), NULL)),
    told(toNullable(h % 400)), told(toNullable(h % 150)), told(toNullable(h % 20)), told(toNullable(toUInt64(3))), told(toNullable(concat('https://gitlab.example.com/group/project/-/merge_requests/', toString(n)))),
    told(time(opened)), told(time(second)), told(if(is_merged, time(ended), NULL)), told(if(${telling} = 2 AND state = 'closed', time(ended), NULL)), ['bench'], told_through, toDateTime64(second + 2, 3, 'UTC')
FROM (${requests}) AS requests;
