-- A merge request that was merged, and the commit through which it came to its target branch: the merge commit if there is one, else the squash
-- commit, else (fast-forward) its head.
CREATE OR REPLACE VIEW ${database}.landings ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project that it was merged into',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    branch String COMMENT 'Branch that it was merged into',
    merged_at DateTime('UTC') COMMENT 'When, in whole seconds',
    sha String COMMENT 'The landing SHA; empty where nobody told it',
    shas Array(String) COMMENT 'Every SHA that means it: merge commit and squash commit where both exist'
)
${security}
AS SELECT
    instance, project_id, iid, ifNull(target_branch, '') AS branch, toDateTime(assumeNotNull(merge_requests.merged_at), 'UTC') AS merged_at,
    coalesce(nullIf(merge_commit_sha, ''), nullIf(squash_commit_sha, ''), nullIf(head_sha, ''), '') AS sha,
    arrayDistinct(arrayFilter(told -> told != '', [ifNull(merge_commit_sha, ''), ifNull(squash_commit_sha, ''), sha])) AS shas
FROM ${database}.merge_requests AS merge_requests
WHERE merge_requests.merged_at IS NOT NULL;
