-- One row per commit of the default branch, to count contributors. The author counts, whoever pushed. Squashing combines several commits into one,
-- and rebasing replaces commits. A commit that was picked into another branch does not count twice. A fork and its upstream share SHAs, so for a
-- group count uniqExact(sha).
CREATE OR REPLACE VIEW ${database}.contributions ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'Full SHA of the commit',
    author String COMMENT 'Its author: the address in lower case, else the name, since GitLab may hide addresses',
    author_is_bot Bool COMMENT 'Whether address or name are in the form for GitLab''s bots (project_7_bot_..., group_7_bot_...)',
    authored_at Nullable(DateTime('UTC')) COMMENT 'Author time; NULL if only webhooks reported it',
    committed_at Nullable(DateTime('UTC')) COMMENT 'When it was committed; it counts on this day',
    additions Nullable(UInt64) COMMENT 'Lines added; the API alone says it',
    deletions Nullable(UInt64) COMMENT 'Lines deleted; the API alone says it'
)
${security}
AS SELECT
    commits.instance AS instance, commits.project_id AS project_id, commits.sha AS sha,
    coalesce(nullIf(lower(trimBoth(ifNull(author_email, ''))), ''), author_name, '') AS author,
    toBool(match(author, '${bot_names}') OR match(ifNull(author_name, ''), '${bot_names}')) AS author_is_bot,
    toDateTime(commits.authored_at, 'UTC') AS authored_at, toDateTime(commits.committed_at, 'UTC') AS committed_at,
    commits.additions AS additions, commits.deletions AS deletions
FROM ${database}.commits AS commits
LEFT ANY JOIN (SELECT instance, project_id, concat('refs/heads/', default_branch) AS default_ref FROM ${database}.projects) AS projects
    ON projects.instance = commits.instance AND projects.project_id = commits.project_id
-- The API only lists commits of the default branch.
WHERE has(commits.origins, 'api') OR ifNull(has(commits.refs, projects.default_ref), false);
