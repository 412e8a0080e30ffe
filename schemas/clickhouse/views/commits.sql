CREATE OR REPLACE VIEW ${database}.commits ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'Full SHA',
    title Nullable(String) COMMENT 'First line of the message',
    message Nullable(String) COMMENT 'The whole message',
    author_name Nullable(String) COMMENT 'Author as git knows it',
    author_email Nullable(String) COMMENT 'Author''s address; GitLab may send [REDACTED]',
    committed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Commit time; can be years before the push',
    authored_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was written, which a rebase does not change; NULL where only webhooks told of it',
    parents Array(String) COMMENT 'SHAs of its parents, two for a merge; empty where only webhooks told of it',
    additions Nullable(UInt64) COMMENT 'Lines added; NULL where only webhooks told of it',
    deletions Nullable(UInt64) COMMENT 'Lines deleted; NULL where only webhooks told of it',
    url Nullable(String) COMMENT 'Page of the commit',
    files_added Nullable(UInt64) COMMENT 'Files added; NULL where GitLab sent no list (system hooks)',
    files_modified Nullable(UInt64) COMMENT 'Files modified; NULL where GitLab sent no list',
    files_removed Nullable(UInt64) COMMENT 'Files removed; NULL where GitLab sent no list',
    refs Array(String) COMMENT 'Refs that it was pushed to, sorted; empty where only the API told of it',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
${security}
AS SELECT
    instance, project_id, sha, title, message, author_name, author_email, committed_at, authored_at, parents,
    additions, deletions, url,
    files_added, files_modified, files_removed, arraySort(refs) AS refs, first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.commit_facts FINAL;
