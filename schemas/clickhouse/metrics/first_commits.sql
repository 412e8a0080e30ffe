-- When work on a merge request began, as far as known: from its list of commits, which only the API sends, or else from the commits pushed to its
-- branch since the branch was created. For pushes, webhooks list the newest 20 commits, and say when each was committed, not when it was written.
CREATE OR REPLACE VIEW ${database}.first_commits ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    first_commit_at Nullable(DateTime('UTC')) COMMENT 'When its first commit was written: authored_at, which a rebase does not change; committed_at if only pushes reported it; the first push if a force push removed its commits and it is unknown when they were written. It is the author''s clock: it may be later than the push or the merge',
    first_push_at Nullable(DateTime('UTC')) COMMENT 'The first push of commits to its branch since the branch was created (receipt-derived, unless the API says when); NULL if unknown',
    commits_known Bool COMMENT 'Whether all its commits are known, from its list or from pushes',
    reason LowCardinality(String) COMMENT 'Why first_commit_at is NULL: first_commit_unknown; else empty'
)
${security}
AS
WITH
requests AS
(
    SELECT
        merge_requests.instance AS instance, merge_requests.project_id AS project_id, merge_requests.iid AS iid, merge_requests.author_id AS author_id,
        ifNull(source_project_id, merge_requests.project_id) AS source_project,
        concat('refs/heads/', ifNull(source_branch, '')) AS source_ref, toInt64(toUnixTimestamp(merge_requests.created_at)) AS opened,
        ifNull(toInt64(toUnixTimestamp(coalesce(merge_requests.merged_at, merge_requests.closed_at))), toInt64(9e18)) AS ended,
        -- A branch that is merged repeatedly: pushes before the end of the previous merge request belong to that one.
        max(if(ended < toInt64(9e18), ended, 0)) OVER (
            PARTITION BY instance, project_id, source_project, source_ref ORDER BY iid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS ended_before,
        if(ended_before < opened, ended_before, 0) AS since
    FROM ${database}.merge_requests AS merge_requests
),
listed AS
(
    SELECT
        instance, project_id, merge_request_iid, groupArray(merge_request_commits.sha) AS shas,
        min(toInt64(toUnixTimestamp(coalesce(merge_request_commits.authored_at, merge_request_commits.committed_at)))) AS written
    FROM ${database}.merge_request_commits AS merge_request_commits
    GROUP BY instance, project_id, merge_request_iid
),
-- Moves of refs, and commits with their first receipt, which is that of the push with them.
told AS
(
    SELECT
        instance, project_id, ref, match(before, '^0+$') AS creates, after, toInt64(toUnixTimestamp(pushed_at)) AS second, received_at AS heard_at,
        ifNull(commits_count, 1) AS number, commits_listed AS listed_number, toInt64(0) AS written
    FROM ${database}.ref_moves
    WHERE NOT match(after, '^0+$')
    UNION ALL
    SELECT
        instance, project_id, arrayJoin(refs) AS ref, false AS creates, '' AS after, 0 AS second, first_received_at AS heard_at, 0 AS number, 0 AS listed_number,
        toInt64(toUnixTimestamp(assumeNotNull(coalesce(authored_at, committed_at)))) AS written
    FROM ${database}.commits AS commits
    WHERE notEmpty(refs) AND coalesce(authored_at, committed_at) IS NOT NULL
),
own_told AS
(
    SELECT told.instance AS instance, told.project_id AS project_id, told.project_id AS source_project, told.* EXCEPT (instance, project_id) FROM told
    WHERE startsWith(ref, 'refs/heads/')
    UNION ALL
    SELECT told.instance AS instance, forks.project_id AS project_id, told.project_id AS source_project, told.* EXCEPT (instance, project_id) FROM told
    INNER JOIN (SELECT DISTINCT instance, project_id, source_project, source_ref FROM requests WHERE source_project != project_id) AS forks
        ON forks.instance = told.instance AND forks.source_project = told.project_id AND forks.source_ref = told.ref
),
-- A branch with other merge requests is permanent, as main is: its pushes say nothing about one merge request.
branches AS
(
    SELECT
        instance, project_id, source_project, ref, groupArrayIf(2000)((second, creates, after, number, listed_number, heard_at), after != '') AS pushes,
        groupArrayIf(2000)((heard_at, written), after = '') AS brought
    FROM own_told
    GROUP BY instance, project_id, source_project, ref
    HAVING count() <= 2000
),
joined AS
(
    SELECT
        requests.instance AS instance, requests.project_id AS project_id, requests.iid AS iid, author_id, opened, ended, since, listed.shas AS shas, listed.written AS list_written,
        branches.pushes AS told_pushes, branches.brought AS told_commits,
        arrayMax(push -> if(push.2 AND push.1 - 60 <= ended, push.1, 0), told_pushes) AS created
    FROM requests
    LEFT ANY JOIN listed ON listed.instance = requests.instance AND listed.project_id = requests.project_id AND listed.merge_request_iid = requests.iid
    LEFT ANY JOIN branches
        ON branches.instance = requests.instance AND branches.project_id = requests.project_id AND branches.source_project = requests.source_project AND branches.ref = requests.source_ref
),
-- Pushes from the creation of its branch until a minute after its end: hooks may be late.
pushed AS
(
    SELECT
        instance, project_id, iid, author_id, opened, ended, shas, list_written, told_commits,
        arraySort(push -> (push.1, push.3), arrayFilter(push -> created > 0 AND push.1 >= created AND push.1 > since AND push.1 - 60 <= ended AND push.4 > 0, told_pushes)) AS pushes
    FROM joined
),
known AS
(
    SELECT
        instance, project_id, iid, author_id, opened, ended, shas, list_written, notEmpty(pushes) AS is_pushed, pushes[1].1 AS first_push,
        is_pushed AND NOT has(shas, pushes[1].3) AS is_rewritten,
        arrayMap(commit -> commit.2, arrayFilter(commit -> arrayExists(push -> push.6 = commit.1, pushes), told_commits)) AS brought,
        -- One observation of a push lists its commits, another only their number.
        length(arrayDistinct(arrayMap(push -> push.3, pushes))) = length(arrayDistinct(arrayMap(push -> push.3, arrayFilter(push -> push.5 >= push.4, pushes)))) AS is_complete
    FROM pushed
)
SELECT
    instance, project_id, iid, author_id,
    toDateTime(multiIf(
        empty(shas), if(is_complete AND notEmpty(brought), toNullable(arrayMin(brought)), NULL),
        -- There was a push before the list begins: a force push removed its commits.
        is_rewritten, least(assumeNotNull(list_written), if(notEmpty(brought), arrayMin(brought), first_push)),
        NOT is_pushed AND list_written > opened AND list_written <= ended, NULL,
        list_written), 'UTC') AS first_commit_at,
    if(is_pushed, toDateTime(first_push, 'UTC'), NULL) AS first_push_at, toBool(notEmpty(shas) OR (is_complete AND notEmpty(brought))) AS commits_known,
    if(first_commit_at IS NULL, 'first_commit_unknown', '') AS reason
FROM known
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
