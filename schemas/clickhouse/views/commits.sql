CREATE OR REPLACE VIEW ${database}.commits ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'Full SHA',
    title Nullable(String) COMMENT 'First line of the message',
    message Nullable(String) COMMENT 'The whole message',
    author_name Nullable(String) COMMENT 'Author as recorded by git',
    author_email Nullable(String) COMMENT 'Author''s address; GitLab may send [REDACTED]',
    committed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Commit time; can be years before the push',
    authored_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time, which a rebase does not change; NULL if only webhooks reported it',
    parents Array(String) COMMENT 'SHAs of its parents, two for a merge; empty if only webhooks reported it',
    additions Nullable(UInt64) COMMENT 'Lines added; NULL if only webhooks reported it',
    deletions Nullable(UInt64) COMMENT 'Lines deleted; NULL if only webhooks reported it',
    url Nullable(String) COMMENT 'Page of the commit',
    files_added Nullable(UInt64) COMMENT 'Files added; NULL if GitLab sent no list (system hooks)',
    files_modified Nullable(UInt64) COMMENT 'Files modified; NULL if GitLab sent no list',
    files_removed Nullable(UInt64) COMMENT 'Files removed; NULL if GitLab sent no list',
    refs Array(String) COMMENT 'Refs that it was pushed to, sorted; empty if only the API reported it',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS SELECT
    instance, project_id, sha, title, message, author_name, author_email, committed_at, authored_at, parents,
    additions, deletions, url,
    files_added, files_modified, files_removed, arraySort(refs) AS refs, first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.commit_facts FINAL;
