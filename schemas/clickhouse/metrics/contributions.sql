-- A commit of the default branch: what contributors are counted by. The author wrote it, whoever pushed it. Squashing makes one commit of several, rebasing
-- several others, and a commit that was picked into another branch is not there once more; of a fork and its upstream the SHA is the same, so that a
-- group counts uniqExact(sha).
CREATE OR REPLACE VIEW ${database}.contributions ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'Full SHA of the commit',
    author String COMMENT 'Its author: the address in lower case, else the name, as where GitLab hides addresses',
    author_is_bot Bool COMMENT 'Whether address or name are those that GitLab gives to bots (project_7_bot_..., group_7_bot_...)',
    authored_at Nullable(DateTime('UTC')) COMMENT 'When it was written; NULL where only webhooks told of it',
    committed_at Nullable(DateTime('UTC')) COMMENT 'When it was committed: the day it is counted on',
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
-- The API lists those of the default branch alone.
WHERE has(commits.origins, 'api') OR ifNull(has(commits.refs, projects.default_ref), false);
