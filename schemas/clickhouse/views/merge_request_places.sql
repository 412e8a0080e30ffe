-- Where merged merge requests stand on the branch that they were merged into, as the processor computes it within seconds of what it is told.
CREATE OR REPLACE VIEW ${database}.merge_request_places ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    branch String COMMENT 'Branch that it was merged into',
    place Int64 COMMENT 'How far along the branch: the second of the merge in milliseconds since 1970, and as milliseconds its rank among the merges of that second and branch',
    sha String COMMENT 'The landing SHA, by which it came to the branch: the merge commit, else the squash commit, else (fast-forward) its head; empty where nobody told it',
    is_tie Bool COMMENT 'Whether another one was merged in that second, and no chain of pushes or commits tells which came first',
    is_promotion Bool COMMENT 'Whether it carries the commits of one lasting branch to another, as from main to production',
    rewritten_at Nullable(DateTime('UTC')) COMMENT 'When a force push took it from its branch (receipt-derived, unless the API says when); NULL if none did',
    reverts Array(UInt64) COMMENT 'Merge requests of the project that it reverts',
    picks Array(UInt64) COMMENT 'Merge requests of the project whose commits it brings by git cherry-pick -x',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted'
)
${security}
AS SELECT
    instance, project_id, one.1 AS iid, one.2 AS branch, one.3 AS place, one.4 AS sha, one.5 AS is_tie, one.6 AS is_promotion,
    if(one.7 = 0, NULL, toDateTime(one.7, 'UTC')) AS rewritten_at, one.8 AS reverts, one.9 AS picks, one.10 AS tenants
FROM (SELECT instance, project_id, requests FROM ${database}.project_places FINAL) AS places
ARRAY JOIN requests AS one;
