-- Tags move like branches, though rarely.
CREATE OR REPLACE VIEW ${database}.tags ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    name String COMMENT 'Name, as v1.4.0',
    target_sha Nullable(String) COMMENT 'What it points to: the commit, or for an annotated tag the SHA of the tag; NULL once it was deleted (receipt-derived if its pushes form a circle or one is missing)',
    commit_sha Nullable(String) COMMENT 'The commit that it leads to; NULL if it was deleted or the commit is unknown (receipt-derived like target_sha)',
    message Nullable(String) COMMENT 'Message of an annotated tag (receipt-derived like target_sha)',
    protected Nullable(Bool) COMMENT 'Whether it is protected, as last listed by the API',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the annotated tag was made; only from newer versions of the API',
    moved_at DateTime64(3, 'UTC') COMMENT 'When its target was pushed (receipt-derived, unless the API says when)',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was deleted (receipt-derived), or the start of a complete listing that no longer had it; NULL while it exists',
    first_pushed_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received a push or listing of it (receipt-derived)',
    last_pusher_id Nullable(UInt64) COMMENT 'Who pushed it last (receipt-derived)',
    last_pusher_username Nullable(String) COMMENT 'User name of who pushed it last (receipt-derived)',
    pushes UInt64 COMMENT 'Number of known pushes',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted'
)
${security}
AS
WITH told AS
(
    SELECT instance, project_id, ref, after AS sha, any(message) AS message, any(commit_sha) AS commit_sha
    FROM ${database}.pushes WHERE startsWith(ref, 'refs/tags/') GROUP BY instance, project_id, ref, after
)
SELECT
    refs.instance AS instance, refs.project_id AS project_id, substring(refs.ref, 11) AS name,
    if(match(refs.sha, '^0+$'), NULL, refs.sha) AS target_sha,
    if(target_sha IS NULL, NULL, coalesce(told.commit_sha, if(tupleElement(listed.sha, 4) = refs.sha, tupleElement(listed.commit_sha, 4), NULL))) AS commit_sha,
    if(target_sha IS NULL, NULL, coalesce(told.message, if(tupleElement(listed.sha, 4) = refs.sha, tupleElement(listed.message, 4), NULL))) AS message,
    tupleElement(listed.protected, 4) AS protected, tupleElement(listed.created_at, 4) AS created_at,
    moved_at, if(target_sha IS NULL, moved_at, NULL) AS deleted_at,
    first_pushed_at, last_pusher_id, last_pusher_username, pushes, refs.tenants AS tenants
FROM ${database}.ref_heads AS refs
LEFT ALL JOIN told ON told.instance = refs.instance AND told.project_id = refs.project_id AND told.ref = refs.ref AND told.sha = refs.sha
LEFT ALL JOIN (SELECT * FROM ${database}.ref_head_facts FINAL) AS listed
    ON listed.instance = refs.instance AND listed.project_id = refs.project_id AND listed.ref = refs.ref
WHERE startsWith(refs.ref, 'refs/tags/');
