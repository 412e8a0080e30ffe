-- Pushes to the default branch whose commits are not all known: webhooks list the newest 20. If the API listed the newest commit, a push is
-- complete: the API lists the commits before it too.
CREATE OR REPLACE VIEW ${database}.contribution_gaps ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'Newest commit of the push',
    pushed_at DateTime('UTC') COMMENT 'When it was pushed (receipt-derived, unless the API says when)',
    unlisted_commits UInt64 COMMENT 'Number of its commits that were not listed'
)
${security}
AS SELECT
    pushes.instance AS instance, pushes.project_id AS project_id, pushes.after AS sha, toDateTime(pushes.pushed_at, 'UTC') AS pushed_at,
    assumeNotNull(pushes.commits_count) - pushes.commits_listed AS unlisted_commits
FROM ${database}.pushes AS pushes
LEFT ANY JOIN (SELECT instance, project_id, concat('refs/heads/', default_branch) AS default_ref FROM ${database}.projects) AS projects
    ON projects.instance = pushes.instance AND projects.project_id = pushes.project_id
LEFT ANY JOIN (SELECT instance, project_id, sha, has(origins, 'api') AS is_listed FROM ${database}.commits) AS commits
    ON commits.instance = pushes.instance AND commits.project_id = pushes.project_id AND commits.sha = pushes.after
WHERE ifNull(pushes.ref = projects.default_ref, false) AND ifNull(pushes.commits_count > pushes.commits_listed, false) AND NOT commits.is_listed;
