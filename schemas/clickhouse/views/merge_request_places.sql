-- The places of merged merge requests on their target branch, computed by the processor within seconds.
CREATE OR REPLACE VIEW ${database}.merge_request_places ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    branch String COMMENT 'Target branch',
    place Int64 COMMENT 'Its position on the branch: the second of the merge in milliseconds since 1970, plus its rank among the merges of that second and branch, as milliseconds',
    sha String COMMENT 'The landing SHA, its commit on the branch: the merge commit, else the squash commit, else (fast-forward) its head; empty if unknown',
    is_tie Bool COMMENT 'Whether another one was merged in the same second, and no chain of pushes or commits shows which came first',
    is_promotion Bool COMMENT 'Whether it carries commits from one permanent branch to another, as from main to production',
    rewritten_at Nullable(DateTime('UTC')) COMMENT 'When a force push removed it from its branch (receipt-derived, unless the API says when); NULL if none did',
    reverts Array(UInt64) COMMENT 'Merge requests of the project that it reverts',
    picks Array(UInt64) COMMENT 'Merge requests of the project whose commits it contains by git cherry-pick -x',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted'
)
${security}
AS SELECT
    instance, project_id, one.1 AS iid, one.2 AS branch, one.3 AS place, one.4 AS sha, one.5 AS is_tie, one.6 AS is_promotion,
    if(one.7 = 0, NULL, toDateTime(one.7, 'UTC')) AS rewritten_at, one.8 AS reverts, one.9 AS picks, one.10 AS tenants
FROM (SELECT instance, project_id, requests FROM ${database}.project_places FINAL) AS places
ARRAY JOIN requests AS one;
